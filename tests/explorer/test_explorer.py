"""The explorer of the book: its scripts, run in Node, against the library."""

import json
import os
import subprocess
from pathlib import Path

import naive
import numpy as np
import pytest
from explorer_page import node
from scipy import sparse

import eie
from eie import chip, technology
from eie.explore.benchmarks import nine_layers
from eie.explore.sweep import sweep
from eie.networks.memory_fit import memory_fit

HERE = Path(__file__).resolve().parent
CASES = 200
SEEDS = range(4)


def camel(report):
    names = {"macs": "macs", "ptr_reads": "ptrReads", "spmat_reads": "spmatReads"}
    return {names.get(name, name): getattr(report, name) for name in ("cycles", "broadcasts", "padding", *names)}


def random_case(rng):
    """A machine, codes, bias (or None) and inputs."""
    index_bits = int(rng.integers(1, 9))
    entries_per_row = int(rng.choice([1, 2, 3, 7, 8, 64]))
    machine = eie.Machine(
        n_pe=int(rng.choice([1, 2, 3, 5, 8, 16, 64])),
        fifo_depth=int(rng.choice([2, 3, 4, 8, 33])),
        spmat_width_bits=entries_per_row * (4 + index_bits),
        index_bits=index_bits,
    )
    n_out, n_in = int(rng.integers(1, 400)), int(rng.integers(1, 120))
    kept = rng.random((n_out, n_in)) < rng.choice([0.0, 0.02, 0.1, 0.6, 1.0])
    kept[:, rng.random(n_in) < 0.2] = False
    codes = np.where(kept, rng.integers(1, 16, kept.shape), 0).astype(np.uint8)
    bias = np.where(rng.random(n_out) < 0.5, 3, 0).astype(np.uint8) if rng.random() < 0.5 else None
    active = rng.random(n_in) < rng.choice([0.0, 0.1, 0.5, 1.0])
    return machine, codes, bias, active


def as_columns(codes, bias):
    """Pointers and rows of the columns, the bias last."""
    columns = codes if bias is None else np.column_stack([codes, bias])
    kept = sparse.csc_array(columns)
    return kept.indptr.tolist(), kept.indices.tolist()


def timeline(machine, codes, bias, active):
    """When everything happens, by the slow implementation, and which entries are real."""
    memories = naive.encode(codes, bias, machine.n_pe, machine.index_bits)
    times = naive.Timeline(memories, active.astype(float), bias is not None, machine.n_pe, machine.fifo_depth)
    real = [[[int(code != 0) for code in v[q[j] : q[j + 1]]] for v, _, q in memories] for j in times.columns]
    return {"broadcast": times.broadcast, "ready": times.ready, "taken": times.taken, "real": real}


def expected_case(rng, with_timeline):
    machine, codes, bias, active = random_case(rng)
    indptr, rows = as_columns(codes, bias)
    mem = eie.encode(eie.CompressedLayer.from_codes(codes, np.linspace(0, 1, 16), bias), machine)
    report = eie.simulate(mem, active.astype(float), machine)
    memory = memory_fit(mem, machine).filled()
    shape = {"nOut": codes.shape[0], "nIn": codes.shape[1], "hasBias": bias is not None}
    return {
        "layer": shape | {"indptr": indptr, "rows": rows},
        "active": np.flatnonzero(active).tolist(),
        "machine": {
            "nPe": machine.n_pe,
            "fifoDepth": machine.fifo_depth,
            "entriesPerRow": machine.entries_per_row,
            "indexBits": machine.index_bits,
        },
        "width": machine.spmat_width_bits,
        "report": camel(report) | {"fullest": int(np.diff(mem.pe_start).max())},
        "memory": {"weights": memory["spmat"], "pointers": memory["pointers"]},
        "timeline": timeline(machine, codes, bias, active) if with_timeline else None,
    }


def expected_energy(rng):
    """The energy of a random report on a machine whose memory the SRAM sweep has."""
    machine = eie.Machine(
        n_pe=int(rng.integers(1, 600)),
        fifo_depth=int(rng.integers(2, 65)),
        spmat_width_bits=int(rng.choice(sorted(technology.sram_table()["width"].unique()))),
        clock_hz=float(rng.uniform(1e8, 2e9)),
    )
    counts = {name: int(rng.integers(1, 10**6)) for name in ("cycles", "broadcasts", "macs", "padding", "spmat_reads")}
    shape = {"n_in": int(rng.integers(1, 30000)), "n_out": int(rng.integers(1, 9000))}
    report = eie.CycleReport(
        **counts,
        **shape,
        ptr_reads=counts["broadcasts"] * machine.n_pe,
        n_pe=machine.n_pe,
        clock_hz=machine.clock_hz,
    )
    return {
        "report": camel(report),
        "layer": {"nIn": report.n_in, "nOut": report.n_out},
        "nPe": machine.n_pe,
        "fifoDepth": machine.fifo_depth,
        "width": machine.spmat_width_bits,
        "clockHz": machine.clock_hz,
        "components": eie.energy(report, machine).components,
        "areaMm2": chip.area(machine),
        "memoryClockHz": chip.memory_clock_hz(machine),
    }


def expected_layers():
    """Mean counters of the nine layers over a few draws."""
    runs = sweep(nine_layers(), [eie.Machine()], draws=len(SEEDS)).groupby("layer")
    means = runs[["cycles", "padding", "spmat_reads"]].mean().rename(columns={"spmat_reads": "spmatReads"})
    return [
        {
            "layer": {
                "name": layer.name,
                "nIn": layer.n_in,
                "nOut": layer.n_out,
                "weightDensity": layer.weight_density,
                "actDensity": layer.act_density,
            },
            **means.loc[layer.name].to_dict(),
        }
        for layer in nine_layers()
    ]


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """What the library says, as a file for the scripts' tests."""
    rng = np.random.default_rng(20160618)
    content = {
        "cases": [expected_case(rng, with_timeline=n % 5 == 0) for n in range(CASES)],
        "energies": [expected_energy(rng) for _ in range(CASES)],
        "layers": expected_layers(),
        "seeds": list(SEEDS),
        "entriesPerRow": eie.Machine().entries_per_row,
    }
    path = tmp_path_factory.mktemp("explorer") / "expected.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@pytest.mark.slow
def test_scripts_agree_with_the_library(request):
    command = [node(), "--test", str(HERE / "explorer.test.mjs")]
    environment = os.environ | {"EIE_EXPECTED": str(request.getfixturevalue("expected"))}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


SNIPPETS = """
import { readFileSync } from "node:fs";
import { python } from "./python.mjs";
import { decode } from "./setting.mjs";
const facts = JSON.parse(readFileSync("facts.json", "utf8"));
console.log(JSON.stringify(process.argv.slice(1).map((query) => python(decode(query, facts).setting, facts))));
"""


def test_the_python_it_shows_runs_the_machine_it_shows(tool, capsys):
    queries = ["", "?layer=NT-We&nPe=8&seed=3", "?layer=own&nIn=90&nOut=70&indexBits=5&clockMhz=500"]
    command = [node(), "--input-type=module", "--eval", SNIPPETS, *queries]
    folder = tool("explorer_data").FACTS.parent
    snippets = json.loads(subprocess.run(command, cwd=folder, capture_output=True, check=True).stdout)
    machines = []
    for snippet in snippets:
        names = {}
        exec(snippet, names)
        machines.append((names["layer"].name, names["machine"]))
    assert machines == [
        ("Alex-7", eie.Machine()),
        ("NT-We", eie.Machine(n_pe=8)),
        ("own", eie.Machine(index_bits=5, clock_hz=500e6)),
    ]
    assert [len(line.split()) for line in capsys.readouterr().out.splitlines()] == [3, 3, 3]


def test_facts_are_current(tool):
    facts = tool("explorer_data")
    assert facts.FACTS.read_text(encoding="utf-8") == facts.text(), "run python tools/explorer_data.py"
