"""Power meters: counters of the processor that Linux shows, and `nvidia-smi` for a GPU."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path
from typing import Self

import numpy as np

from eie.studies.host import text_of


class Rapl:
    """Power of the processor's sockets and memory, from the counters that Linux shows; often only root may read them.

    Parameters
    ----------
    zones : list of path
        Folders with an `energy_uj`, a counter of microjoules.

    Attributes
    ----------
    name : str
    watts : float or None
        The power from entering to leaving the context; None after less time than the counters resolve.
    """

    FOLDER = Path("/sys/class/powercap")
    LEAST_SECONDS = 0.05

    def __init__(self, zones: list[Path]) -> None:
        self.zones = zones
        self.watts: float | None = None
        self.name = f"RAPL ({', '.join(text_of(zone / 'name') for zone in zones)})"

    @classmethod
    def find(cls) -> Self | None:
        """Return the counters, if there are any that can be read."""
        zones = [zone for zone in sorted(cls.FOLDER.glob("intel-rapl:*")) if cls._counts(zone)]
        return cls(zones) if zones else None

    @staticmethod
    def _counts(zone: Path) -> bool:
        is_wanted = text_of(zone / "name").startswith(("package", "dram"))
        return (
            is_wanted and text_of(zone / "energy_uj").isdecimal() and text_of(zone / "max_energy_range_uj").isdecimal()
        )

    def __enter__(self) -> Self:
        self._start, self._before = time.perf_counter(), self._microjoules()
        return self

    def __exit__(self, *_: object) -> None:
        seconds = time.perf_counter() - self._start
        ranges = [int(text_of(zone / "max_energy_range_uj")) for zone in self.zones]
        used = [(now - old) % top for now, old, top in zip(self._microjoules(), self._before, ranges, strict=True)]
        self.watts = sum(used) / 1e6 / seconds if seconds >= self.LEAST_SECONDS else None

    def _microjoules(self) -> list[int]:
        return [int(text_of(zone / "energy_uj")) for zone in self.zones]


class NvidiaSmi:
    """Power of a GPU, from `nvidia-smi` running beside; what it says in the first half of the time is left out.

    Parameters
    ----------
    gpu : str
        Its UUID.

    Attributes
    ----------
    name : str
    watts : float or None
        The mean power from entering to leaving the context.
    """

    name = "nvidia-smi power.draw"

    def __init__(self, gpu: str) -> None:
        self.watts: float | None = None
        self._command = ["nvidia-smi", "-i", gpu, "--query-gpu=power.draw", "--format=csv,noheader,nounits"]

    @classmethod
    def find(cls, gpu: str) -> Self | None:
        """Return the meter, if `nvidia-smi` gives a number for that GPU."""
        found = cls(gpu)
        try:
            said = subprocess.run(found._command, capture_output=True, text=True, timeout=30, check=False).stdout
        except (OSError, subprocess.TimeoutExpired):
            return None
        return found if _numbers(said) else None

    def __enter__(self) -> Self:
        self.watts = None
        self._process = subprocess.Popen([*self._command, "--loop-ms=100"], stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        said = _numbers(self._process.communicate()[0])
        self.watts = float(np.mean(said[len(said) // 2 :])) if said else None


def _numbers(text: str) -> list[float]:
    return [float(line) for line in text.split() if re.fullmatch(r"\d+(\.\d+)?", line)]
