import pytest

from eie.studies import claims
from eie.studies.claim import Claim, Evidence, Verdict


@pytest.fixture(scope="session")
def results():
    """All claims of the paper, computed once."""
    return claims.evaluate_all()


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
