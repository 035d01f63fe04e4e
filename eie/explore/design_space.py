"""A design space as a Parquet file: every layer on every combination of PEs, queues, memory widths and index bits.

The file appears under its name when it is whole. Until then every finished job is a part of its own in a folder beside
it, so a run that was stopped, however it was stopped, continues where it was.

Every PE has the memories of `data/chip.toml`, as Table II's has, however many PEs there are. A layer is timed whether
it fits or not; `spmat_fill` tells. Energy and area are of 45 nm, and missing (with a `note`) for a width of the
sparse-matrix memory that the SRAM sweep does not have.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import groupby, product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from eie import _check, chip
from eie._version import __version__
from eie.explore import parts
from eie.explore.benchmarks import Benchmark
from eie.explore.points import costs, points_of
from eie.explore.spread import fitted_spreads
from eie.explore.sweep import MACHINES_TOGETHER, MAX_DRAWS, Job, jobs
from eie.machine import MAX_FIFO_DEPTH, MAX_PE, MAX_SPMAT_WIDTH_BITS, Machine
from eie.writing.aside import target_of

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

COLUMNS = {
    "layer": "name of the layer",
    "draw": "which draw of it, from 0",
    "n_pe": "processing elements",
    "fifo_depth": "slots of a queue's ring buffer",
    "spmat_width_bits": "bits that a read of the sparse-matrix memory brings",
    "clock_hz": "cycles per second",
    "weight_bits": "bits of a code",
    "index_bits": "bits of a relative row index",
    "feature_nm": "feature size of the technology, nm",
    "cycles": "clock cycles",
    "broadcasts": "non-zero activations sent to the PEs, the bias's among them",
    "macs": "entries processed that are not padding zeros",
    "padding": "padding zeros processed",
    "ptr_reads": "reads of a pointer pair, over all PEs",
    "spmat_reads": "reads of a row of the sparse-matrix memory, over all PEs",
    "n_in": "inputs",
    "n_out": "outputs",
    "theoretical_cycles": "cycles if every PE processed an entry in every cycle",
    "load_balance": "theoretical cycles / cycles, 0..1",
    "real_work": "fraction of the entries that are not padding zeros, 0..1",
    "seconds": "time, s",
    "theoretical_seconds": "theoretical cycles, s",
    "energy_j": "energy, bottom-up: every counted event and the memories' leakage, J",
    "time_times_power_j": "energy as the paper has it: time x power of the chip, J",
    "area_mm2": "area of the chip, mm2",
    "spmat_fill": "entries on the fullest PE / entries that its memory holds; the layer fits when it is 1 or less",
    "note": "why energy and area are missing",
}
"""Columns of the file, and what they are."""

CALLS = 32
"""Calls of workers, at least, if there are as many jobs. Dask takes several milliseconds for a call."""

_TEXT = ("layer", "note")
_REAL = tuple(name for name, words in COLUMNS.items() if name.endswith(("_j", "_mm2")) or "seconds" in name)
_REAL += ("clock_hz", "feature_nm", "theoretical_cycles", "load_balance", "real_work", "spmat_fill")
_PLAN = b"eie.explore.design_space"
_DIGEST = b"eie.explore.design_space.rows"


@dataclass(frozen=True, slots=True)
class DesignSpace:
    """Layers, and the values that each parameter of the machine takes.

    Attributes
    ----------
    benchmarks : tuple of Benchmark
        Layers to draw.
    n_pe, fifo_depth, spmat_width_bits, index_bits : tuple of int
        Values of these parameters of `Machine`. Every combination is a design.
    clock_hz : float
        Cycles per second.
    feature_nm : float
        Feature size of the technology, nm; energy and area are scaled from 45 nm as the paper does.
    draws : int
        Independent draws of each layer, 1..1000.
    seed : int
        Random seed; equal seeds give equal layers.

    Raises
    ------
    ValueError
        When there is no layer, no value, or one out of its range.
    """

    benchmarks: tuple[Benchmark, ...]
    n_pe: tuple[int, ...] = (64,)
    fifo_depth: tuple[int, ...] = (8,)
    spmat_width_bits: tuple[int, ...] = (64,)
    index_bits: tuple[int, ...] = (4,)
    clock_hz: float = 800e6
    feature_nm: float = 45.0
    draws: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.benchmarks:
            raise ValueError("a design space must have at least one layer, got none")
        object.__setattr__(self, "benchmarks", tuple(self.benchmarks))
        ranges = {"n_pe": (1, MAX_PE), "fifo_depth": (2, MAX_FIFO_DEPTH), "index_bits": (1, 8)}
        for name, (low, high) in (ranges | {"spmat_width_bits": (1, MAX_SPMAT_WIDTH_BITS)}).items():
            object.__setattr__(self, name, tuple(_check.integers(name, getattr(self, name), low, high)))
        _check.integer("draws", self.draws, 1, MAX_DRAWS)
        _check.seed(self.seed)

    @property
    def designs(self) -> int:
        """Number of machines."""
        return len(self.n_pe) * len(self.fifo_depth) * len(self.spmat_width_bits) * len(self.index_bits)

    @property
    def points(self) -> int:
        """Number of rows of the file, the product of designs, layers and draws."""
        return self.designs * len(self.benchmarks) * self.draws

    def jobs(self) -> list[Job]:
        """List the passes that compute all points, in the order of the file."""
        values = product(self.n_pe, self.index_bits, self.fifo_depth, self.spmat_width_bits)
        machines = [
            Machine(
                n_pe=n_pe,
                index_bits=index,
                fifo_depth=depth,
                spmat_width_bits=width,
                clock_hz=self.clock_hz,
                feature_nm=self.feature_nm,
            )
            for n_pe, index, depth, width in values
        ]
        return list(jobs(self.benchmarks, machines, self.seed, self.draws, None))

    def plan(self) -> str:
        """Return everything that decides the file's content, as JSON."""
        more = {"eie": __version__, "spread": fitted_spreads(), "columns": list(COLUMNS), "together": MACHINES_TOGETHER}
        return json.dumps(asdict(self) | more)


def run(space: DesignSpace, output: str | Path, executor: Executor | None = None) -> bool:
    """Simulate a design space and write it to a Parquet file, or continue an earlier run.

    Parameters
    ----------
    space : DesignSpace
        What to simulate.
    output : str or Path
        The file, ending in `.parquet`. Parts are kept in a folder, whose name has `.parts` added, until the file is
        complete.
    executor : concurrent.futures.Executor, optional
        Where to run; threads on all cores if left out. Processes and other machines must have this package.

    Returns
    -------
    bool
        False if the file already had these points, so that nothing was done.

    Raises
    ------
    ValueError
        When the file does not end in `.parquet`, the parts beside it are of another sweep, or another process writes
        them.
    FileNotFoundError
        When the folder of the file does not exist.
    ModuleNotFoundError
        When pyarrow is not installed.
    """
    _parquet()
    if Path(output).suffix != ".parquet":
        raise ValueError(f"the result must be a .parquet file, got {str(output)!r}")
    target = target_of(output)
    todo = _jobs(space)  # a wrong value is reported before a folder is made
    with parts.folder_of(target, space.plan()) as folder:
        is_new = not _is_whole(target, space)
        if is_new:
            jobs = {folder / f"{number:06d}{parts.ENDING}": job for number, job in enumerate(todo)}
            _write_missing(jobs, space, executor)
            _put_together(list(jobs), space, folder / "whole.parquet")
            os.replace(folder / "whole.parquet", target)
        shutil.rmtree(folder)
    return is_new


def frame(space: DesignSpace) -> pd.DataFrame:
    """Simulate a design space in memory, on all cores; rows and columns are those of the file that `run` writes."""
    import pandas as pd

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return pd.concat(
            [pd.DataFrame(found, columns=list(COLUMNS)) for found in pool.map(columns, space.jobs())], ignore_index=True
        )


def points(job: Job) -> pa.Table:
    """Return the points of one job as a table with the columns of `COLUMNS`."""
    import pyarrow as pa

    found, schema = columns(job), _schema()
    arrays = [pa.array(found[field.name], field.type, from_pandas=True) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def contents(space: DesignSpace, numbers: Sequence[int]) -> list[bytes]:
    """Return the points of some jobs, each packed. Their numbers tell another machine what to do in a few bytes."""
    return [parts.packed(points(_jobs(space)[number])) for number in numbers]


@lru_cache(1)
def _jobs(space: DesignSpace) -> list[Job]:
    return space.jobs()


def columns(job: Job) -> dict[str, NDArray[Any]]:
    """Return the points of one job by column: those of `COLUMNS`, and some more."""
    designs = job.run()
    found: dict[str, Any] = {"layer": job.benchmark.name, "draw": job.draw}
    found |= points_of(designs.machines, designs.together)
    held = np.array([chip.weights_held(machine) for machine in designs.machines])
    found |= costs(designs) | {"spmat_fill": designs.fullest * found["n_pe"] / held}
    return {name: np.broadcast_to(values, len(held)) for name, values in found.items()}


def values(name: str, text: str, *, doubling: bool = True) -> tuple[int, ...]:
    """Read the numbers that the option `name` of a command line lists, such as `1,2,48` or `1..512`.

    A range means the powers of two in it or, unless `doubling`, every whole number.

    Raises
    ------
    ValueError
        When the text is something else, or a range has nothing in it.
    """
    try:
        found = [number for part in text.split(",") for number in _range(part, doubling)]
    except ValueError:
        example = "1,2,48 or 1..512 (the powers of two in it)" if doubling else "3,4 or 3..6"
        raise ValueError(f"{name} must be whole numbers or a range, such as {example}, got {text!r}") from None
    if not found:
        raise ValueError(f"there is no power of two in {text}, the range of {name}")
    return tuple(dict.fromkeys(found))


def _range(part: str, doubling: bool) -> Iterable[int]:
    low, dots, high = part.partition("..")
    if not dots:
        return [int(part)]
    first, last = int(low), int(high)
    if not 0 < first <= last <= MAX_FIFO_DEPTH:  # no parameter may be larger
        raise ValueError
    powers = range((first - 1).bit_length(), last.bit_length())
    return [1 << power for power in powers] if doubling else range(first, last + 1)


def _parquet() -> Any:
    try:
        import pyarrow.parquet
    except ModuleNotFoundError:
        raise ModuleNotFoundError("a sweep needs pyarrow; to install it: pip install 'eie[sweep]'") from None
    return pyarrow.parquet


def _schema() -> pa.Schema:
    import pyarrow as pa

    types = {name: pa.string() for name in _TEXT} | {name: pa.float64() for name in _REAL}
    return pa.schema(
        [pa.field(name, types.get(name, pa.int64()), metadata={"is": words}) for name, words in COLUMNS.items()]
    )


def _is_whole(target: Path, space: DesignSpace) -> bool:
    """Tell whether a file has all points of a space; its pages have checksums, which are compared."""
    if not target.exists():
        return False
    try:
        with target.open("rb") as file:  # pyarrow itself takes no name that is not UTF-8
            found = _parquet().ParquetFile(file, page_checksum_verification=True)
            facts = found.metadata.metadata or {}
            if facts.get(_PLAN) != space.plan().encode() or found.schema_arrow != _schema():
                return False
            digest = hashlib.sha256()
            for batch in found.iter_batches():
                digest.update(_hashes(batch))
            return bool(facts.get(_DIGEST) == digest.hexdigest().encode())
    except Exception:  # damaged, or something else, which the finished file will replace
        return False


def _write_missing(jobs: Mapping[Path, Job], space: DesignSpace, executor: Executor | None) -> None:
    plan = space.plan()
    missing = {part: job for part, job in jobs.items() if parts.read(part, plan) is None}
    done = [space.points - sum(len(job.machines) for job in missing.values()), space.points]
    with _bar(jobs.values(), missing.values(), done) as bar:
        for part, content in _results(missing, list(jobs), space, executor):
            parts.write(part, content, plan)
            done[0] += len(missing[part].machines)
            bar.update(missing[part].cost)


def _results(
    missing: Mapping[Path, Job], all_parts: list[Path], space: DesignSpace, executor: Executor | None
) -> Iterator[tuple[Path, bytes]]:
    """Yield what each job gives, as soon as it is there; the largest layers start first."""
    largest_first = sorted(missing, key=lambda part: -missing[part].benchmark.expected_entries)
    numbers = {part: number for number, part in enumerate(all_parts)}
    with nullcontext(executor) if executor else ThreadPoolExecutor(os.cpu_count()) as pool:
        running: dict[Future[list[bytes]], list[Path]] = {
            pool.submit(contents, space, [numbers[part] for part in call]): call
            for call in _calls(largest_first, missing)
        }
        try:
            for future in as_completed(running):
                yield from zip(running.pop(future), future.result(), strict=True)
        finally:
            for future in running:
                future.cancel()


def _calls(ordered: Sequence[Path], jobs: Mapping[Path, Job]) -> Iterator[list[Path]]:
    """Divide jobs among calls: all jobs of a drawn layer, so that it is drawn once, unless that makes too few."""
    layers = [list(own) for _, own in groupby(ordered, key=lambda part: jobs[part].source)]
    most = max(1, len(ordered) // CALLS) if len(layers) < CALLS else len(ordered)
    for own in layers:
        for first in range(0, len(own), most):
            yield own[first : first + most]


def _bar(everything: Iterable[Job], missing: Iterable[Job], done: list[int]) -> Any:
    """Make a progress bar over the expected work, so that its time left is nearly right from the start."""
    from tqdm import tqdm

    total, left = (sum(job.cost for job in some) for some in (everything, missing))
    return tqdm(
        total=total,
        initial=total - left,
        disable=None,  # but on a terminal
        postfix=done,
        bar_format="{percentage:3.0f} % |{bar}| {postfix[0]} of {postfix[1]} points, {elapsed} gone, {remaining} left",
    )


def _put_together(paths: list[Path], space: DesignSpace, whole: Path) -> None:
    import pyarrow as pa

    schema = _schema().with_metadata({_PLAN: space.plan().encode()})
    digest = hashlib.sha256()
    with (
        whole.open("wb") as file,
        _parquet().ParquetWriter(file, schema, write_page_checksum=True) as writer,
        ThreadPoolExecutor(1) as pool,
    ):
        written = pool.submit(bool)
        for some in parts.read_some(paths, space.plan()):
            table = pa.concat_tables(some).replace_schema_metadata(schema.metadata)
            written.result()
            written = pool.submit(writer.write_table, table)  # while it is hashed, and the next one read
            digest.update(_hashes(table))
        written.result()
        writer.add_key_value_metadata({_DIGEST: digest.hexdigest()})


def _hashes(table: Any) -> bytes:
    """Return eight bytes for each row of a table, which depend on all its values."""
    import pandas as pd

    return bytes(pd.util.hash_pandas_object(table.to_pandas(), index=False).to_numpy())
