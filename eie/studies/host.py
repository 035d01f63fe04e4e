"""The machine that this runs on: processor, caches, memory, libraries and the commit; nothing that names its owner."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from eie._version import __version__

ASSUMED_CACHE_BYTES = 64 * 2**20
"""The last-level cache where the system does not tell its size."""
KINDS = {"Data": "d", "Instruction": "i"}
"""What is appended to a cache's level, by the name that Linux gives its kind."""
UNITS = {"K": 2**10, "M": 2**20, "G": 2**30}
"""Bytes of a unit in which Linux gives the size of a cache."""


def summary() -> dict[str, Any]:
    """Describe the machine in short: `processor`, `cores` and the version of `eie`."""
    return {"processor": cpu_name(), "cores": len(own_cores()), "eie": __version__}


def provenance() -> dict[str, Any]:
    """Describe the machine and the libraries that a timing depends on; needs PyTorch."""
    torch, sizes = require_torch(), caches()
    return {
        "cpu": cpu_name(),
        "cores": len(own_cores()),
        "threads": torch.get_num_threads(),
        "caches": sizes,
        "last_level_cache_bytes": last_level_bytes(sizes),
        "memory_bytes": psutil.virtual_memory().total,
        "gpu": torch.cuda.get_device_name(0) if torch.cuda.is_available() else None,
        "os": system_name(),
        "libraries": _libraries(torch),
        "eie": __version__,
    }


def commit() -> str:
    """Return the checkout's commit, marked if files differ from it; "none" outside of a checkout.

    Nothing is written into the checkout: `git describe` would write its index anew, and on a full disk leave a lock
    that no later `git commit` gets past.
    """
    command = ["git", "--no-optional-locks", "-C", str(Path(__file__).parent), "status"]
    command += ["--porcelain=v2", "--branch", "--untracked-files=no"]
    try:
        lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        return "none"
    oids = [line.split()[-1] for line in lines if line.startswith("# branch.oid ")]
    if not oids or oids[0] == "(initial)":
        return "none"
    return oids[0] + "-changed" * any(not line.startswith("#") for line in lines)


def require_torch() -> Any:
    """Import PyTorch, which only the timing of other libraries needs.

    Raises
    ------
    ModuleNotFoundError
        When it is not installed; the message says how to install it.
    ValueError
        When OMP_NUM_THREADS is no number of threads, of which PyTorch's own library would only complain.
    """
    if "torch" not in sys.modules:
        _check_threads()
    try:
        return import_module("torch")
    except ModuleNotFoundError:
        raise ModuleNotFoundError("timing needs PyTorch; to install it: pip install 'eie[networks]'") from None


def _check_threads() -> None:
    threads = os.environ.get("OMP_NUM_THREADS", "1")
    if not re.fullmatch(r"\s*0*[1-9]\d*\s*(,\s*0*[1-9]\d*\s*)*", threads):
        raise ValueError(f"the environment variable OMP_NUM_THREADS must be a number of 1 or more, got {threads!r}")


def torch_facts() -> dict[str, str]:
    """Return PyTorch's version and the instructions that it uses: they decide in which order it sums."""
    torch = require_torch()
    return {"torch": str(torch.__version__), "instructions of torch": str(torch.backends.cpu.get_cpu_capability())}


def _libraries(torch: Any) -> dict[str, str]:
    of_torch = dict(re.findall(r"(Math Kernel Library|MKL-DNN) (?:Version )?v?([\d.]+)", torch.__config__.show()))
    of_numpy: Any = np.show_config(mode="dicts")
    blas = of_numpy.get("Build Dependencies", {}).get("blas", {})
    found = {
        "python": platform.python_version(),
        "numpy": metadata.version("numpy"),
        "BLAS of numpy": f"{blas.get('name', '')} {blas.get('version', '')}".strip(),
        "scipy": metadata.version("scipy"),
        **torch_facts(),
        "MKL": of_torch.get("Math Kernel Library", ""),
        "oneDNN": of_torch.get("MKL-DNN", ""),
        "CUDA": str(torch.version.cuda or ""),
        "numba": metadata.version("numba"),
        "onnxruntime": _version("onnxruntime"),
    }
    return {name: version for name, version in found.items() if version}


def _version(package: str) -> str:
    """Return the version of a package that need not be installed, or nothing."""
    with suppress(metadata.PackageNotFoundError):
        return metadata.version(package)
    return ""


def cpu_name() -> str:
    """Return what this machine's processor calls itself."""
    found = re.search(r"^model name\s*: *(.+)$", text_of(Path("/proc/cpuinfo")), re.MULTILINE)
    return found[1].strip() if found else platform.processor() or platform.machine() or "unknown"


def system_name() -> str:
    """Name the operating system and its release, without the parts of the release that an owner can choose."""
    release = re.match(r"[\d.]*\d", platform.release())
    name = f"{platform.system() or 'unknown'} {release[0] if release else ''}".strip()
    with suppress(OSError):
        name += f", {platform.freedesktop_os_release()['PRETTY_NAME']}"
    return name


def own_cores() -> list[int]:
    """List the logical processors that this process may use."""
    try:
        return sorted(psutil.Process().cpu_affinity())
    except AttributeError:  # macOS ties no process to processors
        return list(range(psutil.cpu_count() or 1))


def caches(folder: Path = Path("/sys/devices/system/cpu")) -> dict[str, int]:
    """Return bytes of the caches of these cores by name, such as L1d or L3; empty where the system does not tell."""
    found: dict[tuple[str, ...], int] = {}
    for core in own_cores():
        for cache in sorted(folder.glob(f"cpu{core}/cache/index*")):
            level, kind, cores, size = (text_of(cache / name) for name in ("level", "type", "shared_cpu_list", "size"))
            if level and size[:-1].isdecimal() and size[-1] in UNITS:
                found[f"L{level}{KINDS.get(kind, '')}", cores] = int(size[:-1]) * UNITS[size[-1]]
    names = sorted({name for name, _ in found})
    return {name: sum(size for key, size in found.items() if key[0] == name) for name in names}


def last_level_bytes(sizes: Mapping[str, int]) -> int:
    """Return the size of the last-level cache for data, or `ASSUMED_CACHE_BYTES`."""
    data = {name: size for name, size in sizes.items() if not name.endswith("i")}
    return data[max(data)] if data else ASSUMED_CACHE_BYTES


def text_of(path: Path) -> str:
    """Read a file of the system, stripped; empty where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
