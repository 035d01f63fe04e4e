"""Compile kernels with numba when the first one runs: importing numba takes longer than most commands."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from threading import RLock
from typing import Any, ClassVar

_lock = RLock()


class Kernel:
    """A function of numbers and arrays that numba compiles, without Python's lock, when it is first called."""

    options: ClassVar[dict[str, Any]] = {"cache": True, "nogil": True, "no_cfunc_wrapper": True}

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.made: Any = None
        self.compiled: Any = None
        update_wrapper(self, function)

    def __call__(self, *arguments: Any) -> Any:
        """Run the compiled function."""
        return (self.compiled or self.compile())(*arguments)

    def compile(self) -> Any:
        """Make the compiled function, and put it and those that it may call in their names' places, for numba."""
        with _lock:
            if self.made is None:
                import numba
                from numpy import errstate

                known: Any = numba  # whose types do not know every name
                self.made = known.njit(**self.options)(self.function)
                if known.config.DISABLE_JIT:  # by the environment; then NumPy warns of what kernels do on purpose
                    self.made = errstate(over="ignore")(self.function)
                names = self.function.__globals__
                kernels = {name: kernel for name, kernel in names.items() if isinstance(kernel, Kernel)}
                # All names at once, and this one last: another thread may call a kernel as soon as it can.
                names.update({name: kernel.compile() for name, kernel in kernels.items()})
                self.compiled = self.made
            return self.made


class Part(Kernel):
    """A part of kernels that only they call: compiled in their place, it takes less time than by itself."""

    options: ClassVar[dict[str, Any]] = {**Kernel.options, "inline": "always"}
