import math
import os
import sys
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import explorer_page
import hypothesis
import numpy as np
import pytest
from filelock import FileLock
from numba.core.compiler_lock import global_compiler_lock
from numba.core.dispatcher import Dispatcher
from translators import random_tensors

from eie import _compile
from eie.datasets import catalogue

# jsonschema, which notebooks are read with, loads it where it is, to check addresses: a second for each process.
sys.modules.setdefault("rfc3987_syntax", None)

_compile.pays(math.inf)  # tests are of kernels, however little there is to do; test_uncompiled.py compares

TOOLS = Path(__file__).resolve().parent.parent / "tools"

# A gate must not depend on luck: it tries the same examples each time. Elsewhere new ones are tried.
hypothesis.settings.register_profile("gate", derandomize=True)
hypothesis.settings.load_profile("gate" if os.environ.get("CI") else "default")


def pytest_collection_modifyitems(items):
    """Begin with slow tests: a core that got one last would work on alone."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_runtest_setup(item):
    """Skip a test that needs data sets which are not available, and say how to get them."""
    for mark in item.iter_markers("needs_data"):
        if missing := [name for name in mark.args if catalogue.find(name) is None]:
            pytest.skip(catalogue.how_to_get(*missing))


@pytest.fixture(scope="session", autouse=True)
def _compiled_once(tmp_path_factory):
    """Let only one worker compile a kernel; the others wait, and find it in numba's cache."""
    compiled = Dispatcher.compile
    run = tmp_path_factory.getbasetemp().parent  # each worker has a folder of its own in it

    def compile_once(self, signature):
        kernel = f"{self.py_func.__module__}.{self.py_func.__qualname__}"
        with global_compiler_lock, FileLock(run / f"{kernel}.lock"):  # numba's own first: threads wait for that
            return compiled(self, signature)

    with pytest.MonkeyPatch.context() as patch:
        if "PYTEST_XDIST_WORKER" in os.environ:
            patch.setattr(Dispatcher, "compile", compile_once)
        yield


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


@pytest.fixture(scope="module")
def explorer_folder(tool, tmp_path_factory):
    """The explorer's page, as files."""
    root = tmp_path_factory.mktemp("book")
    explorer_page.write(root, tool("explorer_bundle"))
    return root


@pytest.fixture(scope="module")
def address(tool, explorer_folder):
    """Where the explorer's page is served."""
    with tool("browser").served(explorer_folder) as host:
        yield f"{host}/explorer.html"


@pytest.fixture(scope="module")
def browser(tool):
    """Chromium, driven by Playwright."""
    from playwright.sync_api import sync_playwright  # here, since few tests need it

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=tool("browser").chromium(), args=tool("browser").FLAGS)
        yield found
        found.close()


@pytest.fixture
def open_page(browser, address, explorer_folder):
    """A function that opens the explorer's page; at the end it must have had no error and asked no other host."""
    contexts, faults = [], []

    def opened(query="", as_file=False, **options):
        start = (explorer_folder / "explorer.html").as_uri() if as_file else address
        own = (start.removesuffix("explorer.html"), "blob:")
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: request.url.startswith(own) or faults.append(request.url))
        page.goto(start + query)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert faults == []
