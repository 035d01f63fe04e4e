"""The two networks that Deep Compression compresses on MNIST, and pictures of digits to train them on."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from eie.compress.weights import weights

WHITE = 255
"""Largest value of a pixel."""


def lenet_300_100() -> nn.Sequential:
    """LeNet-300-100: three fully connected layers with ReLU, input `(n, 1, 28, 28)`, ten outputs."""
    return nn.Sequential(
        OrderedDict(
            flatten=nn.Flatten(),
            ip1=nn.Linear(784, 300),
            relu1=nn.ReLU(),
            ip2=nn.Linear(300, 100),
            relu2=nn.ReLU(),
            ip3=nn.Linear(100, 10),
        )
    )


def lenet_5() -> nn.Sequential:
    """Caffe's LeNet-5, input `(n, 1, 28, 28)`, ten outputs.

    Unlike Caffe's, the pooled maps go through a ReLU: EIE reads only inputs above 0.
    """
    network = nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(1, 20, 5),
            pool1=nn.MaxPool2d(2),
            relu1=nn.ReLU(),
            conv2=nn.Conv2d(20, 50, 5),
            pool2=nn.MaxPool2d(2),
            relu2=nn.ReLU(),
            flatten=nn.Flatten(),
            ip1=nn.Linear(800, 500),
            relu3=nn.ReLU(),
            ip2=nn.Linear(500, 10),
        )
    )
    for weight in weights(network).values():
        if weight.ndim == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)  # twice as fast on a CPU
    return network


NETWORKS: dict[str, Callable[[], nn.Sequential]] = {"lenet-300-100": lenet_300_100, "lenet-5": lenet_5}
"""Networks by name, freshly initialised."""


@dataclass(frozen=True, eq=False)
class Digits:
    """Pictures and labels, handed out in random order and shifted by a few pixels.

    Attributes
    ----------
    images : uint8 array of shape `(n, 28, 28)`
    labels : array of shape `(n,)`
        Digits 0..9.
    batch : int
        Pictures a step.
    shift : int
        Each picture is moved by up to so many pixels each way.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    batch: int
    shift: int = 0

    def __len__(self) -> int:
        """Steps an epoch; a smaller last batch counts."""
        return -(-len(self.labels) // self.batch)

    def epoch(self, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches of float pictures `(batch, 1, 28, 28)`, 0..1, and labels `(batch,)`."""
        padded = np.pad(self.images, ((0, 0), (self.shift,) * 2, (self.shift,) * 2))
        windows = torch.from_numpy(padded).unfold(1, 28, 1).unfold(2, 28, 1)
        labels = torch.tensor(self.labels).long()
        for chosen in torch.randperm(len(labels), generator=generator).split(self.batch):
            down, right = torch.randint(2 * self.shift + 1, (2, len(chosen)), generator=generator)
            yield pictures(windows[chosen, down, right]), labels[chosen]


def pictures(images: Tensor) -> Tensor:
    """Pixels 0..255 of shape `(n, 28, 28)` as the networks take them: float, 0..1, shape `(n, 1, 28, 28)`."""
    return images[:, None].float() / WHITE


@torch.no_grad()
def error(model: nn.Module, images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> float:
    """Share of pictures that a network takes for another digit, percent."""
    wrong = 0
    for x, y in zip(torch.tensor(images).split(1000), torch.tensor(labels).split(1000), strict=True):
        wrong += int((model(pictures(x)).argmax(1) != y).sum())
    return 100 * wrong / len(labels)
