"""Reasons why a tensor of a checkpoint is not a matrix that the machine multiplies by."""

from __future__ import annotations

import re
from collections.abc import Container

_PARAMETER = re.compile(
    r"(?i)(^|[./_])(\w*_)?(table|pos|position|positions|token|tokens|tok|emb|embed|embedding|embeddings|prompts?|bias(es)?|"
    r"mean|var|std|scales?|gamma|beta|masks?|zeros?|zero_points?|freqs?|cos|sin|cached?|buffer|anchors?|grid|latents?|queries|absmax|SCB|"
    r"weight_[guv]|_[uv])$"
)


def vector_reason(name: str, names: Container[str]) -> str:
    """Say what a tensor of fewer than two sides is, as far as its name and those beside it tell."""
    module, dot, last = name.rpartition(".")
    of_norm = last in ("running_mean", "running_var") or f"{module}{dot}running_mean" in names
    pair = {"weight": "bias", "bias": "weight"}.get(last, "")
    if of_norm or (f"{module}{dot}{pair}" in names and pair):
        return "a normalisation's scale, shift or statistics, one per channel, which the host applies"
    if re.search(r"(?i)(^|[._])p?_?relu|(^|[._])act\d*[._]", name):
        return "the slope of a PReLU, one per channel, which the host applies"
    if last in ("scale", "zero_point", "input_scale", "output_scale"):
        return "the scale of activations of a quantised layer"
    return "a scale or shift, one per number, which the host applies"


def parameter_reason(name: str, shape: tuple[int, ...]) -> str:
    """Say why a tensor of two sides or more is not a weight; empty if it may be one."""
    is_weight = re.search(r"(^|[./_])(weights?|kernel(:0)?|\w*_weight|weight_\w+|[wW]\d*)$", name)
    if is_weight and not re.search(r"weight_[guv]$", name):
        return ""
    if _PARAMETER.search(name):
        return "by its name a table, an offset or a scale, which is looked up, added or multiplied number by number"
    if len(shape) > 2 and shape[0] == 1:
        return "a parameter with a first side of 1, which is added to activations or put before them"
    if len(shape) > 2:
        return "a stack of matrices or another parameter; the file does not say which side is inputs"
    return ""
