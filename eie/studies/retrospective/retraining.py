"""LeNet-300-100 pruned by one pattern to lower and lower density and trained on after each step: what accuracy is left.

The two large layers are pruned. The output layer keeps its weights whatever the pattern: it has few, and a pattern of
whole neurons would take away digits.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from eie.compress import lenets, prune
from eie.compress.masks import MaskOf
from eie.compress.prune import weights
from eie.compress.train import one_thread
from eie.datasets import catalogue

NETWORK = "lenet-300-100"
PRUNED = ("ip1", "ip2")
RATE = lenets.recipe(NETWORK).train.rate
"""Learning rate of Adam at the start of each training (`data/lenets.toml`); it falls to zero along half a cosine."""


Chains = Mapping[str, tuple[MaskOf, Sequence[float]]]
"""Patterns by name, and the falling densities that a network is pruned to by each."""


def accuracies(chains: Chains, seeds: Sequence[int], dense_epochs: int, step_epochs: int) -> pd.DataFrame:
    """Prune and retrain: one dense network per seed, from which every chain of densities begins.

    Parameters
    ----------
    chains : mapping of str to (MaskOf, sequence of float)
    seeds : sequence of int
        Draw the dense networks and the order of their pictures.
    dense_epochs, step_epochs : int
        How long to train before anything is pruned, and after each step of pruning.

    Returns
    -------
    DataFrame
        One row per chain, density and seed: `pattern`, `target` (fraction asked for), `density` (of the pruned layers,
        as it is), `seed`, and `accuracy` (%, on the test pictures).

    Raises
    ------
    FileNotFoundError
        When MNIST is not available; the message says how to get it.
    """
    catalogue.require("mnist")
    rows = [
        (name, target, left, seed, right)
        for name, chain in chains.items()
        for seed in seeds
        for target, left, right in pruned(*chain, seed, dense(seed, dense_epochs), step_epochs)
    ]
    return pd.DataFrame(rows, columns=["pattern", "target", "density", "seed", "accuracy"])


@cache
def dense(seed: int, epochs: int) -> dict[str, Any]:
    """Train a network from scratch; returns its state as arrays."""
    model = lenets.fresh(NETWORK, seed)
    train(model, epochs, [seed, 0], {})
    return {name: value.numpy() for name, value in model.state_dict().items()}


def pruned(
    mask_of: MaskOf, densities: Sequence[float], seed: int, start: Mapping[str, Any], epochs: int
) -> Iterator[tuple[float, float, float]]:
    """Prune a network to one density after the other, from the same start in every process.

    Yields each density, the density that it comes to, and the accuracy that is left, %.
    """
    model = lenets.NETWORKS[NETWORK]()
    model.load_state_dict({name: torch.tensor(value) for name, value in start.items()})
    for number, density in enumerate(densities, 1):
        kept = masked(model, mask_of, density)
        train(model, epochs, [seed, number], kept)
        left = sum(int(mask.sum()) for mask in kept.values()) / sum(mask.numel() for mask in kept.values())
        yield density, left, accuracy(model)


def masked(model: nn.Module, mask_of: MaskOf, density: float) -> dict[str, Tensor]:
    """Make masks of the layers to prune."""
    found = weights(model)
    return {name: torch.from_numpy(mask_of(found[name].detach().numpy(), density)) for name in PRUNED}


def train(model: nn.Module, epochs: int, seed: Iterable[int], kept: Mapping[str, Tensor]) -> None:
    """Train a network with Adam on MNIST, in place; what the masks prune stays zero.

    Pictures and their shifts are those of the compressed LeNet (`data/lenets.toml`).
    """
    batches, parameters = _digits(), weights(model)
    optimizer = torch.optim.Adam(model.parameters(), RATE)
    generator = torch.Generator().manual_seed(int(np.random.SeedSequence(list(seed)).generate_state(1)[0]))
    step, steps = 0, epochs * len(batches)
    prune.apply(parameters, kept)
    with one_thread():
        for _ in range(epochs):
            for inputs, targets in batches.epoch(generator):
                optimizer.param_groups[0]["lr"] = RATE * (1 + math.cos(math.pi * step / steps)) / 2
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(inputs), targets).backward()
                optimizer.step()
                prune.apply(parameters, kept)
                step += 1


def accuracy(model: nn.Module) -> float:
    """Measure the share of test pictures that a network gets right, %."""
    with one_thread():
        return 100 - lenets.error_percent(model, *_mnist().test)


@cache
def _mnist() -> lenets.Mnist:
    return lenets.Mnist.load()


@cache
def _digits() -> lenets.Digits:
    return lenets.batches(NETWORK, _mnist())
