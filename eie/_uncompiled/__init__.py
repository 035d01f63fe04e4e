"""Kernels' work in NumPy, for as long as that takes less time than to load or compile the kernels.

Each function is given to `eie._compile.Kernel` beside the kernel that it stands for: same arguments, same results.
"""
