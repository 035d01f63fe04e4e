"""Training, masked retraining and training of shared weights: one run that can be stopped and taken up again.

An epoch is a function of the state before it and of the seed, and all state is tensors: so a run that was stopped, and
goes on from the checkpoint of its last whole epoch, ends with the very bits of one that was not. Training runs on one
thread, since sums over several round differently.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn
from tqdm import tqdm

from eie.compress import checkpoint, prune, share
from eie.compress.prune import weights

PHASES = ("train", "prune", "share")
PRUNE, SHARE = 1, 2

PRUNE_EVERY = 8
"""Steps from one look at which weights are smallest to the next; a look takes longer than a small network's step."""


class Batches(Protocol):
    """Training data of a network, in batches."""

    def __len__(self) -> int:
        """Batches an epoch."""

    def epoch(self, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Inputs and class numbers of each batch of an epoch, in an order drawn from the generator."""


@dataclass(frozen=True)
class Phase:
    """Number of epochs of one training phase, and Adam's learning rate, which falls to zero along half a cosine."""

    epochs: int
    rate: float


@dataclass(frozen=True)
class Recipe:
    """Settings for the compression of a network.

    Attributes
    ----------
    train, prune, share : Phase
        Training from scratch, pruning with retraining, and training of the shared weights. A first phase of no epochs
        takes the module as it comes.
    bits : mapping of str to int
        Width of each layer's codes, by the names of `weights`.
    keep : mapping of str to float
        Fraction of each layer's weights that stays.
    sensitivity : mapping of str to float
        For layers not in `keep`: multiple of the standard deviation, when pruning starts, under which weights go.
    ramp : float
        Fraction of the pruning phase over which weights go; 0 prunes all at once.
    init : str
        Initialisation of k-means, see `eie.compress.share.starts`.
    """

    train: Phase
    prune: Phase
    share: Phase
    bits: Mapping[str, int]
    keep: Mapping[str, float] = field(default_factory=dict)
    sensitivity: Mapping[str, float] = field(default_factory=dict)
    ramp: float = 0.5
    init: str = "linear"


@dataclass(eq=False)
class Run:
    """State of a run. A checkpoint holds all of it.

    Attributes
    ----------
    model : torch.nn.Module
        In the last phase its weights are what the codes stand for.
    phase : int
        Number in `PHASES` of the phase that runs; their count when all is done.
    epoch : int
        Whole epochs of that phase.
    keep : dict of str to float64 tensor of shape `()`
        Fraction of each layer's weights that stays.
    masks : dict of str to bool tensor
        What pruning has left, by the names of `weights`.
    codes, codebooks : dict of str to tensor
        What weight sharing has made, see `eie.compress.share.share`.
    dense, pruned : dict of str to float tensor
        The module's state as the first and the second phase left it.
    trace : dict of str to float tensor
        Codebooks over the last phase, of shape `(epochs + 1, 2**bits)`: as k-means left them, then after each epoch.
    moments : dict of str to tensor
        What the optimizer remembers.
    """

    model: nn.Module
    phase: int = -1
    epoch: int = 0
    keep: dict[str, Tensor] = field(default_factory=dict)
    masks: dict[str, Tensor] = field(default_factory=dict)
    codes: dict[str, Tensor] = field(default_factory=dict)
    codebooks: dict[str, Tensor] = field(default_factory=dict)
    dense: dict[str, Tensor] = field(default_factory=dict)
    pruned: dict[str, Tensor] = field(default_factory=dict)
    trace: dict[str, Tensor] = field(default_factory=dict)
    moments: dict[str, Tensor] = field(default_factory=dict)


GROUPS = ("keep", "masks", "codes", "codebooks", "dense", "pruned", "trace", "moments")


def compress(
    model: nn.Module,
    recipe: Recipe,
    batches: Batches,
    *,
    seed: int = 0,
    path: str | Path | None = None,
    progress: bool = True,
) -> Run:
    """Train a network, prune it, share its weights, and train what is shared.

    Parameters
    ----------
    model : torch.nn.Module
        Classifies: its output is of shape `(batch, classes)`. It is changed in place.
    recipe : Recipe
    batches : Batches
        What it is trained on.
    seed : int
        Draws the order of the batches and, where the recipe says so, the start of k-means.
    path : path, optional
        Checkpoint, written after every epoch. Where it is there already, the run goes on from it.
    progress : bool
        Show a progress bar, if this is a terminal.

    Returns
    -------
    Run
        At its end.

    Raises
    ------
    ValueError
        When the recipe does not fit the module, or the checkpoint is of another run.
    FormatError
        When the checkpoint is damaged.
    """
    _check_recipe(model, recipe)
    run, identity = Run(model), _identity(model, recipe, seed)
    if path is not None and Path(path).exists():
        _load(run, path, identity)
    with one_thread(), _bar(run, recipe, batches, progress) as bar:
        while run.phase < len(PHASES):
            _next(run, recipe, batches, seed, bar)
            if path is not None:
                _save(run, path, identity)
    return run


def _next(run: Run, recipe: Recipe, batches: Batches, seed: int, bar: tqdm) -> None:
    """Run one epoch, or step into the next phase when this one has no more."""
    if run.phase >= 0 and run.epoch < _phase(run, recipe).epochs:
        _epoch(run, recipe, batches, seed, bar)
        run.epoch += 1
        return
    run.phase, run.epoch, run.moments = run.phase + 1, 0, {}
    if run.phase == PRUNE:
        run.dense = _copied(run.model)
        run.keep = {name: _rate(recipe, name, weight) for name, weight in weights(run.model).items()}
    if run.phase == SHARE:
        _prune(run, recipe, 1.0)
        run.pruned = _copied(run.model)
        _share(run, recipe, seed)


def _epoch(run: Run, recipe: Recipe, batches: Batches, seed: int, bar: tqdm) -> None:
    phase, parameters = _phase(run, recipe), weights(run.model)
    optimizer = _optimizer(run, phase.rate)
    run.model.train()
    step, steps = run.epoch * len(batches), phase.epochs * len(batches)
    for inputs, targets in batches.epoch(_generator(seed, run.phase, run.epoch)):
        if run.phase == PRUNE and step % PRUNE_EVERY == 0:
            _prune(run, recipe, step / (recipe.ramp * steps) if recipe.ramp else 1.0)
        optimizer.param_groups[0]["lr"] = phase.rate * (1 + math.cos(math.pi * step / steps)) / 2
        run.model.zero_grad()
        nn.functional.cross_entropy(run.model(inputs), targets).backward()
        if run.phase == SHARE:
            _gather(run, parameters)
        optimizer.step()
        prune.apply(parameters, run.masks)
        if run.phase == SHARE:
            _scatter(run, parameters)
        step += 1
        bar.update()
    run.model.eval()
    run.moments = _remembered(optimizer)
    if run.phase == SHARE:
        run.trace = {name: torch.cat([run.trace[name], book.detach()[None]]) for name, book in run.codebooks.items()}


def _prune(run: Run, recipe: Recipe, progress: float) -> None:
    parameters = weights(run.model)
    for name, parameter in parameters.items():
        run.masks[name] = prune.by_rate(parameter, prune.ramp(progress, float(run.keep[name])))
    prune.apply(parameters, run.masks)


def _rate(recipe: Recipe, name: str, weight: Tensor) -> Tensor:
    """Return the fraction of a layer's weights that will stay."""
    if name in recipe.keep:
        return torch.tensor(recipe.keep[name], dtype=torch.float64)
    return prune.by_sensitivity(weight, recipe.sensitivity[name]).double().mean()


def _share(run: Run, recipe: Recipe, seed: int) -> None:
    parameters = weights(run.model)
    for name, parameter in parameters.items():
        run.codes[name], book = share.share(parameter, run.masks[name], recipe.bits[name], recipe.init, seed)
        run.codebooks[name] = book.requires_grad_()
        run.trace[name] = book.detach()[None].clone()
    _scatter(run, parameters)


def _gather(run: Run, parameters: Mapping[str, Tensor]) -> None:
    """Sum the weights' gradients into their codebooks."""
    for name, book in run.codebooks.items():
        of_weights = parameters[name].grad
        assert of_weights is not None
        book.grad = share.gradient(run.codes[name], of_weights, len(book))


@torch.no_grad()
def _scatter(run: Run, parameters: Mapping[str, Tensor]) -> None:
    """Write the shared weights where they stand."""
    for name, book in run.codebooks.items():
        parameters[name].copy_(share.shared(run.codes[name], book))


def _phase(run: Run, recipe: Recipe) -> Phase:
    phase: Phase = getattr(recipe, PHASES[run.phase])
    return phase


def _copied(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def _optimizer(run: Run, rate: float) -> torch.optim.Adam:
    """Adam over what this phase trains, with what it remembers of the epoch before."""
    trained: list[Tensor] = list(run.model.parameters())
    if run.phase == SHARE:
        compressed = {id(parameter) for parameter in weights(run.model).values()}
        trained = [*run.codebooks.values(), *(p for p in trained if id(p) not in compressed)]
    optimizer = torch.optim.Adam(trained, rate)
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in run.moments.items():
        number, _, name = key.partition(".")
        state.setdefault(int(number), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return optimizer


def _remembered(optimizer: torch.optim.Adam) -> dict[str, Tensor]:
    state = optimizer.state_dict()["state"]
    return {f"{number}.{name}": value for number, of in state.items() for name, value in of.items()}


def _generator(seed: int, phase: int, epoch: int) -> torch.Generator:
    """Make the random generator of one epoch, which does not depend on earlier ones."""
    digest = hashlib.sha256(f"{seed} {phase} {epoch}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:7]))


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread and by deterministic algorithms; afterwards all is as it was."""
    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(strict)


def _bar(run: Run, recipe: Recipe, batches: Batches, progress: bool) -> tqdm:
    phases = [getattr(recipe, name) for name in PHASES]
    done = sum(phase.epochs for phase in phases[: max(run.phase, 0)]) + run.epoch
    total = sum(phase.epochs for phase in phases)
    return tqdm(
        total=total * len(batches),
        initial=done * len(batches),
        unit="step",
        disable=None if progress else True,
        leave=False,
    )


def _check_recipe(model: nn.Module, recipe: Recipe) -> None:
    names = set(weights(model))
    limits = {**recipe.sensitivity, **recipe.keep}
    for what, given in (("bits", recipe.bits), ("keep or sensitivity", limits)):
        if set(given) != names:
            raise ValueError(f"{what} must be given for {', '.join(sorted(names))}, got {', '.join(sorted(given))}")


def _identity(model: nn.Module, recipe: Recipe, seed: int) -> str:
    """Return the identity of a run: its recipe, its seed and the module it starts from."""
    whole = hashlib.sha256(f"{recipe} {seed}".encode())
    for name, value in model.state_dict().items():
        whole.update(name.encode() + value.numpy().tobytes())
    return whole.hexdigest()


def _save(run: Run, path: str | Path, identity: str) -> None:
    groups = {name: getattr(run, name) for name in GROUPS} | {"model": run.model.state_dict()}
    checkpoint.write(path, groups, {"run": identity, "phase": str(run.phase), "epoch": str(run.epoch)})


def _load(run: Run, path: str | Path, identity: str) -> None:
    groups, facts = checkpoint.read(path)
    if facts.get("run") != identity:
        raise ValueError(f"{path}: is of a run with another recipe, seed or module; move it away or name another file")
    run.model.load_state_dict(groups.pop("model"))
    order = {name: number for number, name in enumerate(weights(run.model))}  # the file's is another one
    for name, tensors in groups.items():
        setattr(run, name, dict(sorted(tensors.items(), key=lambda item: order.get(item[0], len(order)))))
    for book in run.codebooks.values():
        book.requires_grad_()
    run.phase, run.epoch = int(facts["phase"]), int(facts["epoch"])
