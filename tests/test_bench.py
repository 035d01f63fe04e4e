"""The benchmark's own parts: the authors' simulator where a user gives it, the table of ratios, and the plot."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BENCH = ROOT / "tests" / "bench" / "bench_speed.py"


@pytest.mark.long
@pytest.mark.needs_data("authors-layer")
def test_the_authors_simulator_is_raced_against_where_it_is_given(tmp_path, tool):
    program, races = tmp_path / "simulator", tmp_path / "races.json"
    program.write_text("#!/bin/sh\ntest -d data && sleep 0.5\n")  # it is run where its data lie
    program.chmod(0o755)
    command = [sys.executable, "-m", "pytest", BENCH, "-n", "0", "-p", "no:cacheprovider", "-k", "authors_simulator"]
    environment = os.environ | {"EIE_AUTHORS_SIMULATOR": str(program)}
    done = subprocess.run(
        [*command, f"--races={races}"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "ratios: time of the work / time of the reference" in done.stdout
    (race,) = json.loads(races.read_text())
    assert race["reference"] == "the authors' simulator, a process"
    assert 0 < race["ratio"] <= race["limit"]
    tool("plot_races").main([str(races), str(tmp_path / "races.svg")])
    assert (tmp_path / "races.svg").read_text().startswith("<?xml")
