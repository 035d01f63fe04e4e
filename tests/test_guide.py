"""What README.md and the guide show is run as it stands; the library's page has every public name."""

import re
import shlex
from importlib import import_module
from pathlib import Path

import click
import pytest

import eie
from eie.cli import main
from eie.cli.group import cli
from eie.networks import importing

ROOT = Path(__file__).resolve().parent.parent
README, GUIDE, API = (
    (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "book/guide.md", "book/api.md")
)


def blocks(text):
    """Language and content of the code blocks of a page, in its order."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def commands(text):
    """Arguments of the `eie` commands of a page."""
    lines = "\n".join(content for language, content in blocks(text) if language in ("bash", "sh"))
    words = [shlex.split(line, comments=True) for line in lines.replace("\\\n", " ").splitlines()]
    return [line[1:] for line in words if line and Path(line[0]).name == "eie"]


def run(content, language, names):
    if language == "python":
        exec(compile(content, f"a block of the page: {content[:40]!r}", "exec"), names)
    else:
        assert language == "bash"
        for arguments in commands(f"```bash\n{content}```"):
            assert main.main(arguments) == 0, arguments


def test_blocks_and_commands_are_found():
    page = "a\n```bash\neie sweep -o 'a b' \\\n  --pe 3  # so\nls\n```\n```python\nx = 1\n```\n"
    assert [language for language, _ in blocks(page)] == ["bash", "python"]
    assert commands(page) == [["sweep", "-o", "a b", "--pe", "3"]]


def test_guide_runs_from_top_to_bottom(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(importing, "_READERS", dict(importing._READERS))  # the guide adds one
    names, found = {}, blocks(GUIDE)
    assert {language for language, _ in found} == {"python", "bash"}
    for language, content in found:
        run(content, language, names)
    assert capsys.readouterr().err == ""
    assert len(names["points"]) == 2 * 3 * 5 * 2 * 4
    assert len(names["pd"].read_parquet("cluster.parquet")) == names["space"].points


def test_readme_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    for language, content in blocks(README):
        if language == "python":
            run(content, language, names)
    assert names["report"].cycles > 0


@pytest.mark.parametrize("arguments", commands(README), ids=" ".join)
def test_commands_of_the_readme_are_commands(arguments):
    context = cli.make_context("eie", list(arguments))
    _, command, rest = cli.resolve_command(context, [*context._protected_args, *context.args])
    while isinstance(command, click.Group):
        _, command, rest = command.resolve_command(context, rest)
    command.make_context(command.name, rest)


def documented():
    return re.findall(r"^\.\. auto(?:class|function|data):: (\S+)$", API, re.MULTILINE)


def test_api_page_has_every_public_name_once():
    names = documented()
    assert len(names) == len(set(names))
    last = {name.rpartition(".")[2] for name in names}
    assert set(eie.__all__) - {"__version__"} <= last


@pytest.mark.parametrize("name", documented())
def test_names_of_the_api_page_have_a_docstring(name):
    module, _, attribute = name.rpartition(".")
    assert getattr(import_module(module), attribute).__doc__


@pytest.mark.parametrize("name", documented())
def test_properties_say_nothing_that_the_page_would_take_for_a_type(name):
    module, _, attribute = name.rpartition(".")
    members = getattr(getattr(import_module(module), attribute), "__dict__", {}).values()
    lines = [member.__doc__.splitlines()[0] for member in members if isinstance(member, property)]
    assert [line for line in lines if ": " in line] == []
