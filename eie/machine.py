"""The parameters of one EIE chip."""

from __future__ import annotations

from dataclasses import dataclass

from eie import _check
from eie._display import Shown

MAX_PE = 65_536
MAX_FIFO_DEPTH = 1_048_576
MAX_SPMAT_WIDTH_BITS = 65_536


@dataclass(frozen=True, slots=True)
class Machine(Shown):
    """One EIE chip: an array of processing elements (PEs), and the parameters of each.

    The defaults are the chip of the paper: 64 PEs in 45 nm at 800 MHz (ISCA 2016, section VI and Table II).

    Attributes
    ----------
    n_pe : int
        Processing elements. 1..65536. Paper: 64 (section VI-A).
    fifo_depth : int
        Slots of the ring buffer in front of each PE, 2..1048576. It is full when one slot is left, so a queue "of depth
        8" holds 7 activations, and one of depth 1 could hold none. Paper: 8 (Figure 8).
    spmat_width_bits : int
        Bits per read of the sparse-matrix SRAM, `entry_bits` or more. Entries do not straddle rows; bits that are left
        after the last whole entry are not used. Paper: 64 (Figure 9).
    clock_hz : float
        Cycles per second. Paper: 800 MHz (section VI).
    weight_bits : int
        Bits of a code into the codebook, 1..8. Paper: 4; it counts 16 shared weights (section III-B), one of which is
        code 0, the padding zero.
    index_bits : int
        Bits of a relative row index, 1..8. Paper: 4, which skips at most 15 zeros (section III-B).
    feature_nm : float
        Feature size of its technology, nm. Energy and area are modelled in 45 nm and scaled from there as the paper
        does (Table V, footnote 3). Paper: 45, and 28 projected.

    Raises
    ------
    ValueError
        When a parameter is out of its range; the message names the parameter, the value and the range.
    """

    n_pe: int = 64
    fifo_depth: int = 8
    spmat_width_bits: int = 64
    clock_hz: float = 800e6
    weight_bits: int = 4
    index_bits: int = 4
    feature_nm: float = 45.0

    def __post_init__(self) -> None:
        ranges = {"n_pe": (1, MAX_PE), "fifo_depth": (2, MAX_FIFO_DEPTH), "weight_bits": (1, 8), "index_bits": (1, 8)}
        for name, (low, high) in ranges.items():
            object.__setattr__(self, name, _check.integer(name, getattr(self, name), low, high))
        for name in ("clock_hz", "feature_nm"):
            object.__setattr__(self, name, _check.positive(name, getattr(self, name)))
        width = _check.integer("spmat_width_bits", self.spmat_width_bits, self.entry_bits, MAX_SPMAT_WIDTH_BITS)
        object.__setattr__(self, "spmat_width_bits", width)

    @property
    def entry_bits(self) -> int:
        """Bits of one (code, relative index) entry."""
        return self.weight_bits + self.index_bits

    @property
    def entries_per_row(self) -> int:
        """Number of whole entries per read of the sparse-matrix SRAM."""
        return self.spmat_width_bits // self.entry_bits

    @property
    def codebook_size(self) -> int:
        """Number of entries of the codebook, which are the shared weights and the zero of code 0."""
        return 1 << self.weight_bits

    @property
    def max_skip(self) -> int:
        """Largest number of zeros that one relative index can skip."""
        return (1 << self.index_bits) - 1


EIE_45NM = Machine()
"""The 64-PE chip in 45 nm (ISCA 2016, Table V, column "EIE (ours, 64PE)")."""

EIE_28NM = Machine(n_pe=256, clock_hz=1200e6, feature_nm=28.0)
"""The projected 256-PE chip in 28 nm (ISCA 2016, Table V, column "EIE (28nm, 256PE)")."""
