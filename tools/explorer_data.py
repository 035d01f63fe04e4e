"""Write what the book's explorer knows, `book/explorer/facts.json`, from `data/` and the library's defaults.

The explorer's scripts hold no number of the paper and no constant of the technology: they read this file. It is in git,
and a test compares it with what this tool would write.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from eie import chip, published, technology
from eie.cycles import PIPELINE_CYCLES
from eie.energy_model import mac_pj, register_bit_pj
from eie.explore import benchmarks
from eie.explore.spread import FITTED_SHAPES, MEDIAN, MIN_DENSITY, fitted_spreads, measured_spread
from eie.machine import Machine
from eie.studies.baselines import platforms
from eie.writing.aside import written_aside

ROOT = Path(__file__).resolve().parent.parent
FACTS = ROOT / "book" / "explorer" / "facts.json"
MACHINES_OF_FIGURES = {
    "fig08": ("load_balance", {"n_pe": Machine().n_pe}),
    "fig12": ("real_work", {"fifo_depth": Machine().fifo_depth}),
    "fig13": ("load_balance", {"fifo_depth": Machine().fifo_depth}),
}
"""What each figure shows, and what its machine has where the figure does not vary it."""


def facts() -> dict[str, Any]:
    """Everything, in the names and units that the scripts use."""
    return {
        "machine": machine(),
        "pipelineCycles": PIPELINE_CYCLES,
        "spread": spread(),
        "layers": layers(),
        "platforms": platform_times(),
        "paper": paper(),
        "technology": technology_facts(),
    }


def machine() -> dict[str, float]:
    """The paper's chip: the defaults of `eie.Machine`."""
    papers = Machine()
    return {
        "nPe": papers.n_pe,
        "fifoDepth": papers.fifo_depth,
        "spmatWidthBits": papers.spmat_width_bits,
        "clockHz": papers.clock_hz,
        "weightBits": papers.weight_bits,
        "indexBits": papers.index_bits,
    }


def spread() -> dict[str, Any]:
    """How unevenly layers are filled: the median spread as a function of density and shape."""
    fitted = fitted_spreads()["magnitude"]
    at = fitted["percentiles"].index(MEDIAN)
    return {
        "row": fitted["row"][at],
        "column": fitted["column"][at],
        "biasDensity": measured_spread().bias_density,
        "minDensity": MIN_DENSITY,
        "shapes": FITTED_SHAPES,
    }


def layers() -> list[dict[str, Any]]:
    """The nine layers of Table III; densities as fractions."""
    return [
        {
            "name": layer.name,
            "model": layer.model,
            "nIn": layer.n_in,
            "nOut": layer.n_out,
            "weightDensity": layer.weight_density,
            "actDensity": layer.act_density,
        }
        for layer in benchmarks.nine_layers()
    ]


def platform_times() -> list[dict[str, Any]]:
    """Table IV at batch 1: microseconds of each layer on each platform, with dense and with sparse weights."""
    table = platforms.published()
    names = published.load("table5").query("quantity == 'technology'").set_index("platform")["name"]
    return [
        {
            "platform": platform,
            "name": names[platform],
            "variant": variant,
            "us": dict(zip(rows["layer"], rows["time_us"], strict=True)),
        }
        for (platform, variant), rows in table[table["batch"] == 1].groupby(["platform", "variant"], sort=False)
    ]


def paper() -> dict[str, Any]:
    """What the paper has of EIE itself, for the settings that it has it for."""
    eie_rows = published.load("table4").query("platform == 'EIE' and variant == 'actual'")
    return {
        "us": dict(zip(eie_rows["layer"], eie_rows["time"], strict=True)),
        "areaMm2": printed("table5", platform="EIE 64PE", quantity="area"),
        "figures": [point for name in MACHINES_OF_FIGURES for point in figure_points(name)],
    }


def printed(table: str, **where: str) -> float:
    """One printed number."""
    return float(published.row(table, **where)["value"])


def figure_points(name: str) -> list[dict[str, Any]]:
    """The points of one figure, in percent, with the machine each is for."""
    column, fixed = MACHINES_OF_FIGURES[name]
    points = published.load(name).assign(**fixed)
    return [
        {
            "quantity": column,
            "layer": point["layer"],
            "nPe": int(point["n_pe"]),
            "fifoDepth": int(point["fifo_depth"]),
            "percent": point[column],
            "place": point["place"],
        }
        for point in points.to_dict("records")
    ]


def technology_facts() -> dict[str, Any]:
    """Energies in pJ, powers in mW, areas in um2 or as named."""
    known = technology.chip_facts()
    bits = known["registers"]
    return {
        "sram": sram_facts(known),
        "table2": {
            "moduleUm2": technology.pe_breakdown("area", "module"),
            "componentMw": technology.pe_breakdown("power", "component"),
        },
        "registerBits": {name.removesuffix("_bits"): bits[name] for name in bits},
        "registerBitPj": register_bit_pj(),
        "macPj": mac_pj(),
        "referenceClockHz": technology.reference_clock_hz(),
        "lnzd": {
            "children": known["lnzd"]["children"],
            "um2": technology.paper_value("lnzd-area"),
            "mw": technology.paper_value("lnzd-power"),
        },
    }


def sram_facts(known: dict[str, Any]) -> dict[str, Any]:
    """The memories of a PE: the Spmat memory in every width that the SRAM sweep has, by the width in bits."""
    sizes = known["sram"]
    table = technology.sram_table()
    widths = table[(table["setting"] == sizes["setting"]) & (table["size"] == sizes["spmat_bytes"])]["width"]
    return {
        "spmat": {str(width): memory(sizes, "spmat", int(width)) for width in sorted(widths)},
        "spmatBytes": sizes["spmat_bytes"],
        "pointer": memory(sizes, "pointer", sizes["pointer_width_bits"]),
        "pointerBanks": sizes["pointer_banks"],
        "pointerMemoryBytes": sizes["pointer_bytes"],
        "pointerBytes": chip.POINTER_BYTES,
        "activation": memory(sizes, "activation", sizes["activation_width_bits"]),
        "activationsPerRow": sizes["activation_width_bits"] // known["arithmetic"]["bits"],
    }


def memory(sizes: dict[str, Any], name: str, width: int) -> dict[str, float]:
    """One memory of the SRAM sweep."""
    found = technology.sram(sizes[f"{name}_bytes"], width, sizes["setting"])
    return {
        "readPj": found.read_pj,
        "writePj": found.write_pj,
        "leakageMw": found.leakage_mw,
        "areaMm2": found.area_mm2,
        "cycleNs": found.cycle_ns,
    }


def text() -> str:
    """The file's contents."""
    return json.dumps(facts(), indent=1, ensure_ascii=False) + "\n"


def main() -> int:
    """Write the file."""
    with written_aside(FACTS) as aside:
        aside.write_text(text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
