"""Names of the kernels that the page on vector processors compares, and which of them are compared with each other."""

NAMES = {
    "eie": "EIE's relative index",
    "row": "row in the entry",
    "expand16": "bitmap, 16 bits",
    "csc-own": "CSC, zeros skipped",
    "csc-columns": "CSC columns, SciPy",
    "csc": "CSC, SciPy",
    "sparse": "CSR, fastest",
    "dense": "dense float32",
    "int4": "dense int4, PyTorch",
    "expand8": "bitmap, int8",
    "int8": "dense int8, oneDNN",
    "onnx-int8": "dense int8, onnxruntime",
    "onnx-int4": "dense int4, onnxruntime",
}
"""What a variant is called on the page."""
IN_8_BITS = ("expand8", "int8", "onnx-int8", "onnx-int4")
"""Variants that round inputs to 8 bits; they are compared with each other only."""
ARITHMETIC = {
    "floating-point inputs": tuple(name for name in NAMES if name not in (*IN_8_BITS, "expand16")),
    "8-bit inputs": IN_8_BITS,
}
"""Variants that are compared with each other; EIE's own arithmetic of 16 bits has no rival."""
OURS = {"floating-point inputs": "row", "8-bit inputs": "expand8"}
"""This project's best layout for each arithmetic."""


def in_prose(variant: str) -> str:
    """Name a variant without a comma, so that names can be listed."""
    kernel, _, detail = NAMES[variant].partition(", ")
    return f"{kernel} ({detail})" if detail not in ("", "fastest") else kernel
