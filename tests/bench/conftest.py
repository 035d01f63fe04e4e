"""Races: how long one thing takes over how long another takes in the same run, which any machine can judge."""

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest
from clocks import wall

ROUNDS_SECONDS = 2.0
"""For how long work and reference take turns, but three times at least."""


@dataclass
class Race:
    """One row of the table, and the points of a line of the plot."""

    work: str
    reference: str
    ratio: float
    limit: float
    points: list = field(default_factory=list)


RACES = pytest.StashKey[list[Race]]()


def pytest_addoption(parser):
    parser.addoption("--races", type=Path, help="JSON file to write the races to")


def pytest_configure(config):
    config.stash[RACES] = []


def pytest_terminal_summary(terminalreporter, config):
    """Print all races, and write them down for the plot."""
    races = config.stash[RACES]
    terminalreporter.section("ratios: time of the work / time of the reference")
    for race in races:
        verdict = "" if race.ratio <= race.limit else "  OVER ITS LIMIT"
        terminalreporter.write_line(
            f"{race.work:52} {race.reference:44} {race.ratio:10.3g}, limit {race.limit:<8.3g}{verdict}"
        )
    if config.getoption("races"):
        config.getoption("races").write_text(json.dumps([asdict(race) for race in races]), encoding="utf-8")


@pytest.fixture
def record(request):
    """A function that enters a ratio into the table, and fails when it is over its limit."""

    def record(work, reference, ratio, limit, points=()):
        request.config.stash[RACES].append(Race(work, reference, ratio, limit, list(points)))
        assert ratio <= limit, f"{work}: {ratio:.3g} times as long as {reference}, more than {limit:.3g}"

    return record


@pytest.fixture
def race(record):
    """A function that lets work and reference take turns, and holds the ratio of their shortest times to a limit."""

    def race(work, reference, limit, *, of, against, clock=wall, repeat=1):
        of(), against()
        ours, theirs = [], []
        until = time.perf_counter() + ROUNDS_SECONDS
        while len(ours) < 3 or time.perf_counter() < until:
            ours.append(clock(of))
            theirs.append(repeat * clock(against))
        record(work, reference, min(ours) / min(theirs), limit)

    return race


@pytest.fixture
def python():
    """A function that runs Python code in a process of its own and returns what it prints."""

    def python(*arguments, **environment):
        command = [sys.executable, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | environment).stdout

    return python
