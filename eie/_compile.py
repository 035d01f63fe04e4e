"""Compile kernels with numba when the first one runs: importing numba takes longer than most commands.

Until there is more work than NumPy does in `PATIENCE`, kernels that have a stand-in in NumPy leave it to that.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from math import inf
from threading import RLock
from typing import Any, ClassVar

PATIENCE = 0.5
"""Seconds that loading numba and kernels that it has compiled before takes (on a Zen 5); to compile takes longer."""

_lock = RLock()
_spent = 0.0


def pays(seconds: float, *, begin: bool = True) -> bool:
    """Tell whether kernels are loaded, or should be for work that takes NumPy so long; with `begin`, it is done now.

    Whoever only looks ahead, to work that will be announced in parts, does not `begin`.
    """
    global _spent
    if _spent + seconds > PATIENCE:
        _spent = inf  # and stays so
    elif begin:
        _spent += seconds
    return _spent > PATIENCE


class Kernel:
    """A function of numbers and arrays that numba compiles, without Python's lock, when it is first called."""

    # As in NumPy, nothing divides by zero or it gives no error: checks of that take a tenth of the time to compile.
    options: ClassVar[dict[str, Any]] = {
        "cache": True, "nogil": True, "no_cfunc_wrapper": True, "error_model": "numpy"
    }  # fmt: skip

    def __init__(self, function: Callable[..., Any], stand_in: Callable[..., Any] | None = None) -> None:
        self.function, self.stand_in = function, stand_in
        self.made: Any = None
        self.compiled: Any = None
        update_wrapper(self, function)

    @classmethod
    def after(cls, stand_in: Callable[..., Any]) -> Callable[[Callable[..., Any]], Kernel]:
        """Decorate a kernel that a function of the same arguments stands in for while that takes less time."""
        return lambda function: cls(function, stand_in)

    def __call__(self, *arguments: Any) -> Any:
        """Run the compiled function, or what stands in for it."""
        if self.stand_in and not pays(0):
            return self.stand_in(*arguments)
        return (self.compiled or self.compile())(*arguments)

    def compile(self) -> Any:
        """Make the compiled function, and put it and those that it may call in their names' places, for numba."""
        with _lock:
            if self.made is None:
                import numba
                from numpy import errstate

                pays(inf)
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
