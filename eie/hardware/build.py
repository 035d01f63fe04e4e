"""Builds the simulation, once per set of parameters: yosys turns the RTL into C++, a compiler that into a library.

Libraries are kept in the user's cache folder, or in the one that the environment variable `EIE_CACHE` names.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from filelock import FileLock
from platformdirs import user_cache_path

from eie._version import __version__
from eie.hardware.geometry import Geometry

RTL = Path(__file__).resolve().parent / "rtl"
DRIVER = Path(__file__).resolve().parent / "driver.cc"
_FLAGS = ("-std=c++17", "-O1", "-fPIC", "-w", "-DCXXRTL_NDEBUG")
"""Flags of the C++ compiler."""
_PRELUDE = "#include <array>\n#include <cstdint>\n#include <cstring>\n#include <cxxrtl/cxxrtl.h>\n"
"""Header that every simulation includes first. GCC compiles it once, which saves a third of a small compilation."""


_SPLIT = (
    "setattr -mod -set keep_hierarchy 1 *",
    "setattr -mod -unset keep_hierarchy *lnzd_tree*",
    "flatten",
    "opt_clean",
    "splitnets -driver eie_top",
    "opt_clean",
)
"""Cuts the bus of all PEs' sources into a wire per PE; one value of 1,024 bits takes half of the compiler's time."""


class ToolError(ModuleNotFoundError):
    """Error for a tool that is missing or failed; the message says which tool, and how to get it."""


def missing_tools() -> str:
    """Say which tools for simulation are missing, and how to get them; empty when all are there."""
    if find_spec("pyosys") is None:
        return "the RTL needs pyosys: pip install 'eie[hardware]'"
    if not compiler():
        return "the simulation needs a C++ compiler: install g++ or clang, or pip install ziglang"
    return ""


@cache
def compiler() -> tuple[str, ...]:
    """Find a C++ compiler: `$CXX`, one of the system, or that of the package `ziglang`; empty if there is none."""
    for name in (os.environ.get("CXX", ""), "c++", "g++", "clang++"):
        if name and shutil.which(name):
            return (name,)
    return (sys.executable, "-m", "ziglang", "c++") if find_spec("ziglang") else ()


def sources(folder: Path = RTL) -> list[Path]:
    """Return the SystemVerilog files of a folder."""
    return sorted(folder.glob("*.sv"))


def yosys(script: list[str], folder: Path | None = None) -> str:
    """Run commands of yosys in a process of its own; return what it printed.

    Raises
    ------
    eie.hardware.build.ToolError
        When pyosys is not installed, or a command fails; then the message ends with what yosys said.
    """
    if find_spec("pyosys") is None:
        raise ToolError(missing_tools())
    program = "from pyosys import libyosys as y\nd = y.Design()\n" + "\n".join(
        f"y.run_pass({line!r}, d)" for line in script
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=folder, check=False)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise ToolError(f"yosys failed: {said[-1] if said else 'it said nothing'}")
    return done.stdout


def read_script(parameters: dict[str, int], top: str, folder: Path = RTL, options: str = "") -> list[str]:
    """Return the commands that read the RTL and set the parameters of its top module."""
    files = " ".join(str(path) for path in sources(folder))
    changes = "".join(f" -chparam {name} {value}" for name, value in parameters.items())
    return [f"read_verilog -sv -defer {options} {files}", f"hierarchy -check -top {top}{changes}"]


def library(geometry: Geometry, *, rtl: Path = RTL, trace: bool = False) -> Path:
    """Return the simulation of a geometry as a shared library; build it if there is none yet.

    Parameters
    ----------
    geometry : Geometry
    rtl : Path
        Folder of the RTL.
    trace : bool
        Let it write waveforms; such a simulation is slower.

    Raises
    ------
    eie.hardware.build.ToolError
        When a tool is missing or fails.
    """
    if missing := missing_tools():
        raise ToolError(missing)
    folder = Path(os.environ.get("EIE_CACHE") or user_cache_path("eie") / "hardware")
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{_fingerprint(geometry, rtl, trace)}.so"
    with FileLock(f"{target}.lock"):
        if not target.is_file():
            _build(geometry, rtl, trace, target)
    return target


def _fingerprint(geometry: Geometry, rtl: Path, trace: bool) -> str:
    parts = [__version__, *compiler(), *_FLAGS, str(trace), str(geometry.parameters)]
    parts += [path.read_text(encoding="utf-8") for path in [*sources(rtl), *rtl.glob("*.svh"), DRIVER, Path(__file__)]]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def _build(geometry: Geometry, rtl: Path, trace: bool, target: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        design, whole, made = (Path(name) / file for file in ("design.cc", "whole.cc", target.name))
        # Registers start from random values, so that a missing reset shows. Level 3 keeps every signal that has a name.
        passes = ["proc", "memory_collect", "setundef -init -random 2", *([] if trace else _SPLIT)]
        passes.append(f"write_cxxrtl -noflatten {'-O3 -g4' if trace else '-O6 -g0'} {design}")
        yosys([*read_script(geometry.parameters, "eie_top", rtl, "-nosynthesis"), *passes])
        driver = DRIVER.read_text(encoding="utf-8")
        whole.write_text(f'#include "prelude.h"\n#include "{design.name}"\n{_glue(geometry)}{driver}')
        flags = ["-shared", f"-I{_prelude(target.parent)}", *(["-DEIE_TRACE"] if trace else [])]
        _compile([*flags, str(whole), "-o", str(made)])
        shutil.move(made, target)


def _prelude(folder: Path) -> Path:
    """Return the folder of `prelude.h`, compiled before if the compiler is GCC; others read it as it is."""
    words = "\0".join([*compiler(), *_FLAGS, _PRELUDE, str(_runtime())])
    found = folder / f"prelude-{hashlib.sha256(words.encode()).hexdigest()[:16]}"
    with FileLock(f"{found}.lock"):
        if not found.is_dir():
            with tempfile.TemporaryDirectory(dir=folder) as name:
                made = Path(name) / "made"
                made.mkdir()
                (made / "prelude.h").write_text(_PRELUDE, encoding="ascii")
                if _is_gcc():
                    _compile(["-x", "c++-header", str(made / "prelude.h"), "-o", str(made / "prelude.h.gch")])
                made.rename(found)
    return found


@cache
def _is_gcc() -> bool:
    done = subprocess.run([*compiler(), "--version"], capture_output=True, text=True, check=False)
    return "Free Software Foundation" in done.stdout


def _compile(arguments: list[str]) -> None:
    run = [*compiler(), *_FLAGS, f"-I{_runtime()}", *arguments]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ToolError(f"{run[0]} failed: {done.stderr.strip()[:400]}")


def _runtime() -> Path:
    """Find the headers that the generated C++ includes."""
    spec = find_spec("pyosys")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "share" / "include" / "backends" / "cxxrtl" / "runtime"


def _glue(geometry: Geometry) -> str:
    """Write the lines of C++ that name the PEs, as yosys spells them."""
    names = [f"cell_p_g__pe_5b_{p}_5d__2e_u__pe" for p in range(geometry.n_pe)]
    pes = ", ".join(f"&top.{name}" for name in names)
    return (
        "#include <array>\n"
        f"constexpr unsigned kPes = {geometry.n_pe}, kReadCycles = {geometry.read_cycles};\n"
        f"constexpr unsigned kIdleCycles = {geometry.idle_cycles};\n"
        f"using Pe = decltype(cxxrtl_design::p_eie__top::{names[0]});\n"
        f"std::array<Pe *, kPes> pes_of(cxxrtl_design::p_eie__top &top) {{ return {{{pes}}}; }}\n"
    )
