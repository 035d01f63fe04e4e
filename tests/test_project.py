import ast
import json
import re
import subprocess
import tomllib
from importlib import metadata
from pathlib import Path

import pandas as pd
import pytest
import yaml
from importlinter.cli import lint_imports
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import eie

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PUBLISHED = sorted((ROOT / "data" / "published").glob("*.csv"))
CONDA_NAMES = {"pytorch": "torch", "ml_dtypes": "ml-dtypes"}
FOLDER_OF_A_MACHINE = re.compile(r"/(home|root|work|tmp)/")


def required():
    extras = PYPROJECT["optional-dependencies"].values()
    texts = [*PYPROJECT["dependencies"], *(text for extra in extras for text in extra)]
    return {canonicalize_name(Requirement(text).name): Requirement(text) for text in texts}


def locked():
    pins = [line.split("==") for line in LOCK if not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pins}


def conda_requirements():
    conda = [Requirement(text) for text in ENVIRONMENT if isinstance(text, str)]
    from_pip = next(entry["pip"] for entry in ENVIRONMENT if isinstance(entry, dict))
    conda += [Requirement(text) for text in from_pip if text != "--editable ."]
    return {CONDA_NAMES.get(requirement.name, requirement.name): requirement for requirement in conda}


def test_conda_environment_names_the_packages_of_pyproject():
    conda = conda_requirements()
    assert str(conda.pop("python").specifier) == PYPROJECT["requires-python"]
    conda.pop("pip")
    assert {name: found.specifier for name, found in conda.items()} == {
        name: wanted.specifier for name, wanted in required().items()
    }


def test_conda_environment_has_from_pip_what_conda_has_not():
    assert [entry["pip"] for entry in ENVIRONMENT if isinstance(entry, dict)] == [
        ["pyosys", "sphinx-mathjax-offline", "--editable ."]
    ]


def test_contributing_notes_say_what_each_package_is_for():
    notes = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## Dependencies")[2]
    named = {canonicalize_name(name) for name in re.findall(r"`([\w.-]+)`", notes)}
    assert sorted(required().keys() - named) == []


def test_changelog_has_this_version_or_is_unreleased():
    headings = re.findall(r"(?m)^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    assert headings[0] == "Unreleased" or headings[0] == eie.__version__


def test_lock_holds_only_pins():
    pins = [line for line in LOCK if not line.startswith("#")]
    assert [pin for pin in pins if not re.fullmatch(r"[\w.-]+==[\w.!]+", pin)] == []
    assert len(locked()) == len(pins)


def test_torch_is_pinned_to_the_version_that_has_a_cpu_build():
    assert "torch==2.13.0" in LOCK


def only_for_notebooks_by_hand():
    """Packages that `make lab` installs, and nothing that runs in a test needs."""
    return {canonicalize_name(Requirement(text).name) for text in PYPROJECT["optional-dependencies"]["lab"]}


@pytest.mark.parametrize("name", sorted(required()))
def test_package_is_locked(name):
    assert locked()[name] in required()[name].specifier


@pytest.mark.parametrize("name", sorted(required().keys() - only_for_notebooks_by_hand()))
def test_package_is_installed_as_locked(name):
    assert Version(metadata.version(name)).public == locked()[name]


def test_one_repository_url():
    url = PYPROJECT["urls"]["Repository"]
    assert CITATION["repository-code"] == url


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_installs_from_the_repository(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    source = "\n".join("".join(cell["source"]) for cell in cells)
    assert re.findall(r"git\+([^\s\"']+)", source) == [PYPROJECT["urls"]["Repository"]]


def test_one_version():
    assert CITATION["version"] == eie.__version__ == metadata.version("eie")


def test_imports_point_one_way():
    """The contracts of `[tool.importlinter]`: the machine imports no wing, wings one direction, no circle."""
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0


def drawing_functions():
    paths = (ROOT / "eie" / "studies" / "plots").glob("*.py")
    trees = {path.stem: ast.parse(path.read_text(encoding="utf-8")) for path in paths}
    functions = [
        (f"{module}.{node.name}", node)
        for module, tree in trees.items()
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and node.returns
    ]
    return [(name, node) for name, node in functions if ast.unparse(node.returns) in ("Drawn", "Figure")]


def test_every_kind_of_plot_carries_its_numbers():
    found = drawing_functions()
    assert len(found) > 20
    wrapped = {name for name, node in found if "in_house_style" in map(ast.unparse, node.decorator_list)}
    returns = {name: [n for n in ast.walk(node) if isinstance(n, ast.Return)] for name, node in found}
    # A `Drawn` has its tables in second place; an empty mapping would carry nothing.
    bare = {name for name in wrapped if any(ast.unparse(n.value.args[1]) == "{}" for n in returns[name])}
    assert {name for name, _ in found} - wrapped | bare == {"style.nothing"}


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_published_numbers_have_unit_error_and_place(path):
    table = pd.read_csv(path, comment="#")
    assert len(table) > 0
    assert table[["unit", "reading_error", "place"]].notna().all(axis=None)
    assert (table["reading_error"] >= 0).all()


def tracked():
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, text=True)
    if listed.returncode:
        pytest.skip(f"this folder is no git checkout: {listed.stderr.strip()}")
    return [ROOT / name for name in listed.stdout.split("\0") if name and not name.startswith("tests/")]


def test_no_tracked_file_names_a_folder_of_somebodys_machine():
    found = []
    for path in filter(Path.is_file, tracked()):
        lines = path.read_bytes().decode("utf-8", errors="ignore").splitlines()
        where = path.relative_to(ROOT)
        found += [f"{where}:{n}: {line}" for n, line in enumerate(lines, 1) if FOLDER_OF_A_MACHINE.search(line)]
    assert found == []
