import os
import sys
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from translators import random_tensors

TOOLS = Path(__file__).resolve().parent.parent / "tools"

# A gate must not depend on luck: it tries the same examples each time. Elsewhere new ones are tried.
hypothesis.settings.register_profile("gate", derandomize=True)
hypothesis.settings.load_profile("gate" if os.environ.get("CI") else "default")


def pytest_collection_modifyitems(items):
    """Begin with slow tests: a core that got one last would work on alone."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(autouse=True)
def _no_open_plots():
    """Close what a test has drawn; matplotlib warns of too many."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture
def rng():
    """Random numbers of a test's own: the same ones whatever ran before it."""
    return np.random.default_rng(0)


@pytest.fixture
def tensors():
    """The weights of a small translator."""
    return random_tensors()


@pytest.fixture(scope="session")
def tool():
    """A function that loads a module of tools/, which is no package."""

    sys.path.append(str(TOOLS))  # they import each other

    @cache
    def load(name):
        spec = spec_from_file_location(f"tools_{name}", TOOLS / f"{name}.py")
        module = module_from_spec(spec)
        sys.modules[spec.name] = module  # dataclasses look themselves up there
        spec.loader.exec_module(module)
        return module

    yield load
    sys.path.remove(str(TOOLS))
