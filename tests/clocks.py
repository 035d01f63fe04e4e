"""How long a call takes, s, and how much memory a process took."""

import pathlib
import resource
import time

PRINT_PEAK = (
    "import pathlib; print(pathlib.Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0])"
    if pathlib.Path("/proc/self/status").exists()
    else "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
)
"""Code that prints the most memory of its process, KiB. Linux counts the parent's in `ru_maxrss`, too."""


def wall(work):
    """Seconds that pass."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def cpu(work):
    """Seconds that processors work, those of child processes counted."""

    def spent():
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(each.ru_utime + each.ru_stime for each in used)

    started = spent()
    work()
    return spent() - started
