"""A pruned, weight-shared layer, before anyone has said how many PEs it will run on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from eie import _check
from eie._compile import Kernel
from eie._display import Shown

if TYPE_CHECKING:
    import scipy.sparse as sp

MAX_SIZE = 2**31 - 1
"""Rows and columns are numbered with 32 bits."""


@dataclass(frozen=True, eq=False, slots=True)
class CompressedLayer(Shown):
    """An `n_out` x `n_in` matrix of codes into a codebook, stored by columns; zeros are not stored.

    Make one with `from_codes`. All arrays are read-only.

    Attributes
    ----------
    n_out, n_in : int
        Rows (outputs) and columns (inputs).
    indptr : int64 array of shape `(n_in + 1,)`
        Column j's entries are `indptr[j]` to `indptr[j + 1]`.
    rows : int32 array of shape `(nnz,)`
        Row of each entry, rising within a column.
    codes : uint8 array of shape `(nnz,)`
        Code of each entry, 1 to `len(codebook) - 1`.
    codebook : float32 array of shape `(2**weight_bits,)`
        The shared weights. Entry 0 is the padding zero: the machine never writes a product of code 0, and whatever
        is given there is stored as 0.0 (ISCA 2016, section III-B; the authors' codebook has 0.0 there too).
    bias_codes : uint8 array of shape `(n_out,)` or None
        Codes of the bias, 0 for none; the machine treats it as one more column driven by the activation 1.0.

    Raises
    ------
    ValueError
        When sizes do not match, columns are not sorted, or a row or a code is out of range.
    """

    n_out: int
    n_in: int
    indptr: NDArray[np.int64]
    rows: NDArray[np.int32]
    codes: NDArray[np.uint8]
    codebook: NDArray[np.float32]
    bias_codes: NDArray[np.uint8] | None = None

    def __post_init__(self) -> None:
        codebook = checked_codebook(self.codebook)
        top = len(codebook) - 1
        set_ = object.__setattr__
        set_(self, "n_out", _check.integer("n_out", self.n_out, 1, MAX_SIZE))
        set_(self, "n_in", _check.integer("n_in", self.n_in, 1, MAX_SIZE))
        set_(self, "codebook", codebook)
        set_(self, "codes", _check.owned_copy(_check.whole_numbers("codes", self.codes, top), np.uint8))
        set_(self, "indptr", _checked_indptr(self.indptr, self.n_in, len(self.codes)))
        set_(self, "rows", _checked_rows(self.rows, self.indptr, self.n_out, len(self.codes)))
        if len(self.codes) and not self.codes.all():
            raise ValueError(f"codes of stored entries must be integers in 1..{top}, got 0 (0 means pruned)")
        if self.bias_codes is not None:
            set_(self, "bias_codes", _checked_bias(self.bias_codes, self.n_out, top))

    @classmethod
    def trusted(cls, *fields: Any) -> CompressedLayer:
        """Make a layer from arrays that the library itself has just made, without checks or copies.

        Parameters
        ----------
        *fields
            Values of all attributes in their order, the arrays with their dtypes; they become read-only.
        """
        layer = object.__new__(cls)
        for name, value in zip(cls.__slots__, fields, strict=True):
            if isinstance(value, np.ndarray):
                value.flags.writeable = False
            object.__setattr__(layer, name, value)
        return layer

    @classmethod
    def from_codes(cls, codes: Any, codebook: Any, bias_codes: Any = None) -> CompressedLayer:
        """Make a layer from a matrix of codes.

        Parameters
        ----------
        codes : integer array of shape `(n_out, n_in)`, or a SciPy sparse matrix of that shape
            Codes into the codebook; 0 means pruned. A CSC matrix must have sorted columns.
        codebook : array of shape `(2**weight_bits,)`
            The shared weights, 2 to 256 of them; entry 0 is taken as 0.0.
        bias_codes : integer array of shape `(n_out,)`, optional
            Codes of the bias, 0 for none.

        Raises
        ------
        ValueError
            When a code is above `len(codebook) - 1`, or the matrix is damaged.
        """
        top = len(checked_codebook(codebook)) - 1
        n_out, n_in, indptr, rows, data = _columns_of(codes, top)
        data = _check.whole_numbers("codes", data, top)
        if not data.all():  # zeros that a sparse matrix stores explicitly are pruned weights all the same
            _checked_indptr(indptr, n_in, len(data))
            kept = data != 0
            indptr = np.concatenate([[0], np.cumsum(kept)])[indptr]
            rows, data = np.asarray(rows)[kept], data[kept]
        return cls(n_out, n_in, indptr, rows, data, codebook, bias_codes)

    @property
    def nnz(self) -> int:
        """Number of weights kept, without the bias."""
        return len(self.codes)

    @property
    def density(self) -> float:
        """Fraction of the weights kept, 0..1, without the bias."""
        return self.nnz / (self.n_out * self.n_in)

    def to_scipy(self) -> sp.csc_array:
        """Return the codes as a SciPy CSC array of shape `(n_out, n_in)`, sharing memory where SciPy allows."""
        import scipy.sparse as sp

        return sp.csc_array((self.codes, self.rows, self.indptr), shape=(self.n_out, self.n_in))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CompressedLayer):
            return NotImplemented
        return (
            (self.n_out, self.n_in) == (other.n_out, other.n_in)
            and all(
                np.array_equal(getattr(self, name), getattr(other, name))
                for name in ("indptr", "rows", "codes", "codebook")
            )
            and _same(self.bias_codes, other.bias_codes)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        bias = "no bias" if self.bias_codes is None else "bias"
        size = f"{self.n_out} x {self.n_in}, density {self.density:.4f}"
        return f"CompressedLayer({size}, {len(self.codebook)} codes, {bias})"


def _same(a: NDArray[Any] | None, b: NDArray[Any] | None) -> bool:
    return a is b or (a is not None and b is not None and np.array_equal(a, b))


def _columns_of(codes: Any, top: int) -> tuple[int, int, Any, Any, Any]:
    """Shape, column pointers, rows and values of a dense or sparse matrix."""
    if not hasattr(codes, "tocsc"):  # as SciPy's sparse matrices have, whose import takes long
        codes = np.asarray(codes)
        if codes.ndim != 2 or 0 in codes.shape:
            raise ValueError(f"codes must be a matrix of shape (n_out, n_in), both 1 or more, got shape {codes.shape}")
        _check.whole_numbers("codes", codes, top)
        columns, rows = np.nonzero(codes.T)
        indptr = np.searchsorted(columns, np.arange(codes.shape[1] + 1))
        return *codes.shape, indptr, rows, codes.T[columns, rows]
    if codes.format != "csc":
        if np.issubdtype(codes.dtype, np.integer):
            codes = codes.astype(np.int64)  # entries that occur twice are added up, beyond what a byte holds
        codes = codes.tocsc()
        codes.sort_indices()
    return *codes.shape, codes.indptr, codes.indices, codes.data


def checked_codebook(codebook: Any) -> NDArray[np.float32]:
    """Return the shared weights as the machine holds them, or raise a `ValueError`."""
    values = np.array(codebook, dtype=np.float32)
    size = len(values) if values.ndim == 1 else 0
    if size not in (2, 4, 8, 16, 32, 64, 128, 256):
        raise ValueError(f"codebook must be a vector of 2, 4, 8 .. 256 values, got shape {values.shape}")
    values[0] = 0.0
    if not np.isfinite(values).all():
        raise ValueError(f"codebook must be finite, got {values[~np.isfinite(values)][0]}")
    return _check.readonly(values, np.float32)


def _checked_indptr(indptr: Any, n_in: int, nnz: int) -> NDArray[np.int64]:
    pointers = _check.owned_copy(_check.int64_array("indptr", indptr), np.int64)
    if pointers.shape != (n_in + 1,):
        raise ValueError(
            f"indptr must have shape ({n_in + 1},), one per column and one for the end, got {pointers.shape}"
        )
    if pointers[0] != 0 or pointers[-1] != nnz:
        raise ValueError(f"indptr must run from 0 to {nnz}, the number of entries, got {pointers[0]}..{pointers[-1]}")
    steps = np.diff(pointers)
    if steps.min() < 0:
        j = int(np.argmax(steps < 0))
        raise ValueError(f"indptr must not fall, got {pointers[j]} then {pointers[j + 1]} at column {j}")
    return pointers


def _checked_rows(rows: Any, indptr: NDArray[np.int64], n_out: int, nnz: int) -> NDArray[np.int32]:
    given = np.asarray(rows)
    if given.shape != (nnz,):
        raise ValueError(f"rows must have shape ({nnz},), one per entry, got {given.shape}")
    if nnz == 0:
        return _check.readonly(given, np.int32)
    if not np.issubdtype(given.dtype, np.integer):
        raise ValueError(f"rows must be integers in 0..{n_out - 1}, got dtype {given.dtype}")
    if given.min() < 0 or given.max() >= n_out:
        entry = int(np.argmax((given < 0) | (given >= n_out)))
        raise ValueError(f"rows must be in 0..{n_out - 1}, got {given[entry]} in column {_column_of(entry, indptr)}")
    sorted_rows = _check.owned_copy(given, np.int32)
    entry = _first_out_of_order(indptr, sorted_rows)
    if entry >= 0:
        raise ValueError(
            f"rows must rise within a column, got {given[entry - 1]} then {given[entry]} in column "
            f"{_column_of(entry, indptr)}; sort the matrix first (SciPy: sum_duplicates)"
        )
    return sorted_rows


def _column_of(entry: int, indptr: NDArray[np.int64]) -> int:
    return int(np.searchsorted(indptr, entry, side="right")) - 1


def _checked_bias(bias_codes: Any, n_out: int, top: int) -> NDArray[np.uint8]:
    bias = _check.whole_numbers("bias_codes", bias_codes, top)
    if bias.shape != (n_out,):
        raise ValueError(f"bias_codes must have shape ({n_out},), one per output, got {bias.shape}")
    return _check.owned_copy(bias, np.uint8)


@Kernel
def _first_out_of_order(indptr, rows):  # type: ignore[no-untyped-def]
    """Find the first entry whose row is not above the one before it in its column, or -1."""
    for j in range(len(indptr) - 1):
        for e in range(indptr[j] + 1, indptr[j + 1]):
            if rows[e] <= rows[e - 1]:
                return e
    return -1
