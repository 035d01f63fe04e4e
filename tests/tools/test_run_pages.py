import os
import shutil
import signal
import subprocess
import sys
import time
from functools import cache

import grimp
import nbformat
import pytest

graph_of = cache(grimp.build_graph)


@pytest.fixture
def run_pages(tool, monkeypatch):
    monkeypatch.setattr(grimp, "build_graph", graph_of)  # the imports do not change while tests run
    return tool("run_pages")


@pytest.fixture
def out(run_pages, tmp_path):
    """A folder of pages of which all are up to date."""
    (tmp_path / "found").write_text("nothing")
    todo = run_pages.stale(tmp_path, tmp_path / "found")
    for name in todo:
        (tmp_path / f"{name}.ipynb").touch()
    run_pages._write_state(tmp_path, todo)
    return tmp_path


def test_first_all_pages_are_run_and_the_longest_begin(run_pages, tmp_path):
    (tmp_path / "found").touch()
    *pages, last = run_pages.stale(tmp_path, tmp_path / "found")
    assert sorted(pages) == sorted(path.stem for path in (run_pages.ROOT / "notebooks").glob("*.ipynb"))
    assert set(pages[: len(run_pages.FIRST)]) == set(run_pages.FIRST)
    assert last == run_pages.WHOLE


def test_where_nothing_has_changed_nothing_is_run(run_pages, out):
    assert run_pages.stale(out, out / "found") == {}


def test_a_page_is_run_when_its_sources_have_changed_or_it_is_gone(run_pages, out):
    state = run_pages._state(out)
    run_pages._write_state(out, state | {"table2_pe": "other", run_pages.WHOLE: "other"})
    (out / "table1_energy.ipynb").unlink()
    assert list(run_pages.stale(out, out / "found")) == ["table1_energy", "table2_pe", run_pages.WHOLE]


def test_a_page_whose_prose_alone_has_changed_is_not_run(run_pages, tmp_path):
    root, out = tmp_path / "root", tmp_path / "out"
    out.mkdir()
    shutil.copytree(run_pages.ROOT / "notebooks", root / "notebooks")
    for name in ("eie", "data", "requirements.lock"):
        (root / name).symlink_to(run_pages.ROOT / name)
    (root / "found").touch()
    todo = run_pages.stale(out, root / "found", root)
    for name in todo.keys() - {run_pages.WHOLE}:
        shutil.copyfile(root / "notebooks" / f"{name}.ipynb", out / f"{name}.ipynb")
    run_pages._write_state(out, todo)
    path = root / "notebooks" / "table1_energy.ipynb"
    path.write_text(path.read_text().replace("# Table I", "# The energies of Table I"))
    todo = run_pages.stale(out, root / "found", root)
    assert list(todo) == [run_pages.WHOLE]
    run_pages.refresh(out, todo, root)
    assert "# The energies of Table I" in (out / "table1_energy.ipynb").read_text()
    path.write_text(path.read_text().replace("import eie", "import eie  # the machine"))
    assert list(run_pages.stale(out, root / "found", root)) == ["table1_energy", run_pages.WHOLE]


def test_all_pages_are_run_when_other_data_is_found(run_pages, out):
    (out / "found").write_text("mnist")
    assert len(run_pages.stale(out, out / "found")) == len(run_pages._state(out))


def test_a_page_depends_on_what_it_imports(run_pages):
    def sources(page):
        found = run_pages.code_sources(run_pages.ROOT / "notebooks" / f"{page}.ipynb", graph, run_pages.ROOT)
        return {str(path.relative_to(run_pages.ROOT / "eie")) for path in found if path.suffix == ".py"}

    graph = grimp.build_graph("eie", cache_dir=None)
    table1, scorecard = sources("table1_energy"), sources("scorecard")
    assert {"machine.py", "studies/paper/table1.py", "studies/plots/bars.py", "__init__.py"} <= table1
    assert table1.isdisjoint({"studies/paper/fig08.py", "studies/retrospective/vector.py", "models/translator.py"})
    assert scorecard == {
        str(path.relative_to(run_pages.ROOT / "eie")) for path in (run_pages.ROOT / "eie").rglob("*.py")
    }


def test_pages_run_in_forked_kernels_and_a_page_that_fails_is_told(run_pages, out):
    run = f"run_pages.run(['table1_energy', 'no'], run_pages.Path({str(out)!r}), 2)"
    call = f"import run_pages; print(sorted((name, worked) for name, _, worked in {run}))"
    done = subprocess.run(
        [sys.executable, "-c", call], cwd=run_pages.ROOT / "tools", capture_output=True, text=True, check=True
    )
    assert done.stdout == "[('no', False), ('table1_energy', True)]\n"
    assert done.stderr.startswith("book: no page begins with 'no'")
    page = nbformat.read(out / "table1_energy.ipynb", 4)
    assert all(cell["execution_count"] for cell in page["cells"] if cell["cell_type"] == "code" and cell["source"])


def test_a_kernel_that_waits_says_nothing_when_the_build_is_interrupted(run_pages, capfd):
    kernel = run_pages.Kernel()
    try:
        for _ in range(3000):
            if os.getsid(kernel.pid) == kernel.pid:  # Ctrl-C in the terminal does not reach it
                break
            time.sleep(0.01)
        kernel.send_signal(signal.SIGINT)  # Jupyter sends one, too, when it stops a kernel
        kernel.wait(0.3)
        assert kernel.poll() is None
    finally:
        kernel.kill()
        kernel.wait()
    assert capfd.readouterr().err == ""


def test_a_kernel_that_waits_ends_with_its_parent(run_pages, capfd):
    kernel = run_pages.Kernel()
    kernel._sender.close()
    assert kernel.wait(60) == 0
    assert capfd.readouterr().err == ""
