import os
import pickle

import pytest
from filelock import FileLock

from eie.studies import claims
from eie.studies.claim import Claim, Evidence, Verdict


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    """All claims of the paper, computed once, whichever worker needs them first."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return claims.evaluate_all()
    path = tmp_path_factory.getbasetemp().parent / "claims.pickle"
    with FileLock(f"{path}.lock"):
        if not path.is_file():
            aside = path.with_suffix(".part")  # a worker that dies leaves no half of it to the others
            aside.write_bytes(pickle.dumps(claims.evaluate_all()))
            aside.replace(path)
    return pickle.loads(path.read_bytes())


@pytest.fixture
def claim():
    """A function that makes a claim of which some fields matter to a test."""
    return make_claim


def make_claim(published=10.0, tolerance=None, **changes):
    fields = {
        "id": "a-claim",
        "evidence": Evidence.SIMULATED,
        "place": "ISCA 2016 section I",
        "statement": "Something",
        "published": published,
        "unit": "x",
        "finding": "paper.chip_claims.registers",
        "arguments": {},
        "tolerance": tolerance,
        "spread": 0.0,
        "page": "scorecard",
        "verdict": Verdict.REPRODUCED,
    }
    return Claim(**fields | changes)
