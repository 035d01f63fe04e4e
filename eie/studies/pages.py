"""The book's pages: notebooks that can be run again with other parameters."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from eie._files import resource
from eie.studies import kernel, page_html
from eie.writing.aside import written_aside


class PageError(ValueError):
    """A page cannot be run or shown as asked; the message says why and what would do."""


def names() -> list[str]:
    """Names of all pages, such as `"fig08_fifo_depth"`."""
    return sorted(path.stem for path in resource("notebooks").glob("*.ipynb"))


NAMED_BY_NUMBER = re.compile(r"(?:(?P<kind>fig|table|sec)(?:ures?|s|tions?)?)?[ ._]*0*(?P<number>\d+)", re.IGNORECASE)
"""What people call a page of the paper: `fig8`, `Figure 8`, `table 4`, `08`."""


def find(name: str) -> Path:
    """The notebook of a page, by its name or the beginning of it, or by what the paper calls it, such as `"figure 8"`.

    Raises
    ------
    PageError
        When no page fits (the message lists all pages) or several do (the message lists them).
    """
    matches = [page for page in names() if page.startswith(name)] if name else []
    if name in matches:
        matches = [name]
    matches = matches or [page for page in names() if _is_number(page, name)]
    if not matches:
        raise PageError(f"no page begins with {name!r} or has that number; pages are {', '.join(names())}")
    if len(matches) > 1:
        raise PageError(f"{len(matches)} pages fit {name!r}: {', '.join(matches)}")
    return resource("notebooks") / f"{matches[0]}.ipynb"


def _is_number(page: str, asked: str) -> bool:
    """True when the page is the figure, table or section of the paper that is asked for."""
    wanted = NAMED_BY_NUMBER.fullmatch(asked.strip())
    shown = re.findall(r"(fig|table|sec)(\d+)(?=_)", page)
    if not wanted:
        return False
    asked_kind, asked_number = (wanted["kind"] or "").lower(), int(wanted["number"])
    return any(int(number) == asked_number and asked_kind in ("", kind) for kind, number in shown)


def parameters(name: str) -> dict[str, Any]:
    """Parameters of a page and their defaults."""
    papermill = _package("papermill", "running pages")
    inferred = papermill.inspect_notebook(str(find(name)))
    return {key: ast.literal_eval(entry["default"]) for key, entry in inferred.items()}


def rerun(
    name: str,
    changes: Mapping[str, Any],
    output: str | Path,
    *,
    progress: bool = True,
    manager: type | None = None,
) -> None:
    """Run a page with some parameters changed, and write the executed notebook, or a page to look at.

    Parameters
    ----------
    name : str
        The page, or the beginning of its name.
    changes : mapping of str to value
        New values of parameters.
    output : path
        Where the executed notebook goes (.ipynb), or the page as HTML (.html); written only when every cell ran.
    progress : bool
        Show a progress bar.
    manager : class of kernel managers, optional
        What starts the kernel, in place of Jupyter's own.

    Raises
    ------
    PageError
        When there is no such page or parameter, a value is of the wrong kind, a cell fails, or what writes HTML is not
        installed.
    ChildProcessError
        When the page's kernel cannot start, or ends too early, for example for lack of memory.
    """
    papermill = _package("papermill", "running pages")
    ending = Path(output).suffix
    if ending not in (".ipynb", ".html"):
        raise PageError(f"the executed page must be a .ipynb or .html file, got {str(output)!r}")
    if ending == ".html":
        _package("nbconvert", "a page as HTML")
    page, defaults = find(name), parameters(name)
    for key, value in changes.items():
        _check_change(key, value, defaults)
    with written_aside(output) as aside, kernel.ended(manager) as (ended_manager, folder):
        executed = aside if ending == ".ipynb" else folder / page.name
        try:
            papermill.execute_notebook(
                str(page),
                str(executed),
                parameters=_plain(dict(changes)),
                progress_bar=progress,
                kernel_name="python3",
                shutdown_kernel="immediate",  # a kernel that is asked to stop may complain of the asking
                kernel_manager_class=ended_manager,
            )
        except papermill.exceptions.PapermillExecutionError as error:
            raise PageError(f"{page.stem}: {error.ename}: {error.evalue}") from error
        if ending == ".html":
            aside.write_text(page_html.written(executed), encoding="utf-8")


def _package(name: str, what: str) -> Any:
    """Import a package, or say what needs it and how to get it."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise PageError(f"{what} needs {name}: pip install 'eie[book]'") from error


def _check_change(key: str, value: Any, defaults: Mapping[str, Any]) -> None:
    listed = ", ".join(f"{name} = {default!r}" for name, default in defaults.items())
    if key not in defaults:
        raise PageError(f"there is no parameter {key!r}; this page has {listed}")
    default = defaults[key]
    if isinstance(default, list) and default and isinstance(value, _kinds(default[0])):
        return  # a bare value stands for a list of one
    if default is not None and not isinstance(value, _kinds(default)):
        raise PageError(f"{key} must be of the kind of {default!r}, got {value!r}; this page has {listed}")


def _plain(value: Any) -> Any:
    """Lists for tuples: papermill would write a tuple into the notebook as text."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def _kinds(default: Any) -> tuple[type, ...]:
    """What may stand for a default: a whole number may stand for a real one, a tuple for a list."""
    return {float: (float, int), list: (list, tuple)}.get(type(default), (type(default),))
