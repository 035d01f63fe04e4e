"""The central control unit of the stepped machine: it finds non-zero activations and broadcasts them (ISCA 2016, IV).

Like every module of `eie.stepped`, it has two methods: `propagate` works out what comes next, `update` is the clock
edge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Broadcast:
    """A non-zero activation on its way to all PEs: its column and its raw value."""

    column: int
    activation: int


class LNZDNode:
    """A node of the leading non-zero detection tree: up to four children, each a node or an activation's bank."""

    def __init__(self, banks: range) -> None:
        self.banks = banks
        quarter = -(-len(banks) // 4)
        starts = range(banks.start, banks.stop, quarter) if len(banks) > 1 else range(0)
        self.children = [LNZDNode(range(s, min(s + quarter, banks.stop))) for s in starts]

    def first(self, non_zero: NDArray[np.bool_]) -> int | None:
        """Find the first bank with a non-zero activation; None if there is none."""
        if not self.children:
            return self.banks.start if non_zero[self.banks.start] else None
        found = (child.first(non_zero) for child in self.children)
        return next((bank for bank in found if bank is not None), None)


class CentralControl:
    """Unit that reads activations address by address and broadcasts one non-zero per cycle while no queue is full."""

    def __init__(self, raw: NDArray[np.int64], non_zero: NDArray[np.bool_], bias: int | None, n_pe: int) -> None:
        n_addresses = -(-len(raw) // n_pe)
        shape = (n_addresses + (bias is not None), n_pe)
        self.raw, self.non_zero = np.zeros(shape, np.int64), np.zeros(shape, bool)
        self.raw.flat[: len(raw)], self.non_zero.flat[: len(raw)] = raw, non_zero
        if bias is not None:
            self.raw[n_addresses, 0], self.non_zero[n_addresses, 0] = bias, True
        self.n_in, self.n_pe = len(raw), n_pe
        self.tree = LNZDNode(range(n_pe))
        self.address, self.bank = 0, 0
        self.sent: Broadcast | None = None
        self.n_sent = 0

    @property
    def done(self) -> bool:
        """True when every address has been looked at."""
        return self.address >= len(self.raw)

    def propagate(self, queues_full: bool) -> None:
        """Look for the next non-zero at this address, from the bank after the last broadcast on."""
        self.sent, self._next = None, (self.address, self.bank)
        if self.done:
            return
        waiting = self.non_zero[self.address] & (np.arange(self.n_pe) >= self.bank)
        bank = self.tree.first(waiting)
        if bank is None:
            self._next = (self.address + 1, 0)
        elif not queues_full:
            column = min(self.address * self.n_pe + bank, self.n_in)  # the bias comes right after the inputs
            self.sent = Broadcast(column, int(self.raw[self.address, bank]))
            last = bank == self.n_pe - 1
            self._next = (self.address + last, 0 if last else bank + 1)

    def update(self) -> None:
        """Take the clock edge."""
        self.address, self.bank = self._next
        self.n_sent += self.sent is not None
