import threading
import time
import types

import numba
import pytest

from eie._compile import Kernel, Part


@pytest.fixture
def module(monkeypatch):
    """A module of a kernel that three parts are compiled into, which takes time."""

    def njit(**_):
        def decorate(function):
            time.sleep(0.01)
            return types.FunctionType(function.__code__, function.__globals__)

        return decorate

    monkeypatch.setattr(numba, "njit", njit)
    made = types.ModuleType("kernels")
    exec("def first(): return 1\ndef run(): return first, second, third\n", made.__dict__)
    exec("def second(): return 2\ndef third(): return 3\n", made.__dict__)
    for name in ("first", "run", "second", "third"):
        setattr(made, name, (Kernel if name == "run" else Part)(getattr(made, name)))
    return made


def test_a_kernel_that_threads_call_at_once_has_its_parts(module):
    """A thread that finds the compiled kernel in place must not find a part that is not compiled yet."""
    found = []

    def call_later(seconds):
        time.sleep(seconds)
        found.append(module.run())

    threads = [threading.Thread(target=call_later, args=[0.002 * turn]) for turn in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 40
    assert not any(isinstance(part, Kernel) for parts in found for part in parts)
