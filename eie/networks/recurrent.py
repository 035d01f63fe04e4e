"""Recurrent layers step by step: one product of all gates per step, and the host's non-linearities between them.

The matrix of a layer has the gates as rows and `[x, h]`, a step's inputs and the state, as columns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eie.networks.operations import sigmoid

Array = NDArray[Any]
Product = Callable[[Array, bool], Array]
"""Product of a layer with vectors, and its bias added; false if it is not a further product of an inference."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What a recurrent layer does with the products.

    Attributes
    ----------
    kind : str
        `lstm`, `gru` or `rnn`.
    gates : str
        Order of the gates among the rows: letters i, f, c, o of an LSTM, z, r, n of a GRU.
    bias : float array of shape `(2, rows)`, optional
        Biases of the input's half and of the state's half, which a GRU must tell apart.
    resets_product : bool
        Whether a GRU's reset gate multiplies the product of the state, as in PyTorch, and not the state.
    """

    kind: str
    gates: str = ""
    bias: Array | None = None
    resets_product: bool = True

    def run(self, steps: Array, product: Product, state: Array, memory: Array | None) -> tuple[Array, Array, Array]:
        """Go through a sequence.

        Parameters
        ----------
        steps : array of shape `(steps, n, n_in)`
        product : callable
        state : array of shape `(n, hidden)`
        memory : array of shape `(n, hidden)`, optional
            Of an LSTM.

        Returns
        -------
        array of shape `(steps, n, hidden)`, and the last state and memory
        """
        memory = np.zeros_like(state) if memory is None else memory
        outputs = np.empty((len(steps), *state.shape), np.float32)
        for i, x in enumerate(steps):
            state, memory = self._step(x, product, state, memory)
            outputs[i] = state
        return outputs, state, memory

    def _step(self, x: Array, product: Product, h: Array, memory: Array) -> tuple[Array, Array]:
        sums = product(np.concatenate([x, h], axis=1), True)
        if self.kind == "rnn":
            return np.tanh(sums), memory
        if self.kind == "gru":
            return self._gru(x, product, h, sums), memory
        i, f, c, o = (self._gate(sums, gate) for gate in "ifco")
        memory = sigmoid(f) * memory + sigmoid(i) * np.tanh(c)
        return sigmoid(o) * np.tanh(memory), memory

    def _gate(self, sums: Array, gate: str) -> Array:
        return np.split(sums, len(self.gates), axis=-1)[self.gates.index(gate)]

    def _gru(self, x: Array, product: Product, h: Array, sums: Array) -> Array:
        z, r = sigmoid(self._gate(sums, "z")), sigmoid(self._gate(sums, "r"))
        if not self.resets_product:
            n = self._gate(product(np.concatenate([x, r * h], axis=1), False), "n")
        else:
            # The product of all gates has added the two halves up; the reset gate multiplies the state's.
            of_x = product(np.concatenate([x, np.zeros_like(h)], axis=1), False)
            bias = np.zeros((2, sums.shape[1]), np.float32) if self.bias is None else self.bias
            n_x, n_sum = self._gate(of_x, "n"), self._gate(sums, "n")
            b_h = self._gate(bias[1], "n")
            n = n_x - b_h + r * (n_sum - n_x + b_h)
        return np.asarray((1 - z) * np.tanh(n) + z * h, np.float32)
