import re
from importlib import import_module

import pytest

from eie._files import read_toml, resource
from eie.published import half_digit
from eie.studies import claims_file
from eie.studies.claim import Verdict, findings
from eie.studies.claims_file import ClaimsError, parse

PUBLISHED_FILES = {
    "id": "a",
    "evidence": "arithmetic",
    "published": {"text": "pe-count"},
    "page": "scorecard",
    "verdict": "reproduced",
}
REGISTERS = "paper.chip_claims.registers"
ABOUT = {"about": {"value": 1, "reason": "a reason"}}


def entry(**changes):
    whole = PUBLISHED_FILES | {"computed": {"finding": REGISTERS}, "tolerance": "about"} | changes
    return {key: value for key, value in whole.items() if value is not None}


def parsed(*entries, tolerances=ABOUT):
    return parse({"claims": list(entries), "tolerances": tolerances})


def test_there_are_enough():
    loaded = claims_file.load()
    assert len(loaded) >= 60
    assert len({one.id for one in loaded}) == len(loaded)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", one.id) for one in loaded)


@pytest.mark.parametrize("one", claims_file.load(), ids=lambda one: one.id)
def test_claim_is_whole(one):
    assert one.place.startswith(("ISCA 2016 ", "Deep Compression (arXiv:1510.00149v5) ", "SECONDARY: lecture slide "))
    assert re.fullmatch(r"[A-Z0-9].*[^.]", one.statement)
    assert one.unit
    assert one.page in {path.stem for path in resource("notebooks").glob("*.ipynb")}
    assert one.spread >= 0
    assert (one.tolerance is None) == (isinstance(one.published, bool) or not one.finding)
    assert one.tolerance is None or len(one.tolerance.reason) > 10
    assert (one.verdict is Verdict.REPRODUCED) == (one.reason == "")


def test_every_time_of_eie_in_table_4_is_a_claim():
    found = [str(one["published"].get("where", {})) for one in read_toml(claims_file.FILE)["claims"]]
    assert sum("'theoretical'" in where for where in found) == 9
    assert sum("'actual'" in where for where in found) == 9


def test_one_claim_for_each_published_number():
    numbers = [
        str(one["published"]) for one in read_toml(claims_file.FILE)["claims"] if "value" not in one["published"]
    ]
    assert sorted(numbers) == sorted(set(numbers))


def test_claims_on_drawn_layers_have_their_spread():
    known = claims_file.spreads()
    drawn = [one for one in claims_file.load() if one.evidence == "simulated" and one.finding.startswith("paper.")]
    assert [one.id for one in drawn if one.id not in known] == ["tablei-sram-energy"]


def test_a_mean_of_nine_layers_has_less_spread_than_one():
    one = {claim.id: claim.spread / claim.published for claim in claims_file.load() if claim.spread and claim.published}
    times = [spread for name, spread in one.items() if name.startswith("time-actual-")]
    assert 0.01 < one["speedup-over-cpu"] < 0.6 * sum(times) / len(times)


def test_every_finding_and_tolerance_is_used():
    content = read_toml(claims_file.FILE)
    used = {one["computed"]["finding"] for one in content["claims"] if "computed" in one}
    modules = {path.rpartition(".")[0] for path in used}
    known = {f"{name}.{each}" for name in modules for each in findings(import_module(f"eie.studies.{name}"))}
    assert used < known
    assert known - used == {"paper.format_example.padding_after"}  # a step of what another finding computes
    given = [one["tolerance"] for one in content["claims"] if "tolerance" in one]
    assert {one if isinstance(one, str) else one["as"] for one in given} == set(content["tolerances"])


def test_zeros_of_whole_numbers_count_only_where_the_rule_says_so():
    entries = {entry["id"]: entry.get("tolerance") for entry in read_toml(claims_file.FILE)["claims"]}
    for one in claims_file.load():
        if isinstance(entries[one.id], dict) and entries[one.id]["as"] == "print":
            filled = one.tolerance.printed >= 0.5
            assert not filled or one.tolerance.printed == pytest.approx(half_digit(one.published)), one.id
        if isinstance(entries[one.id], dict) and entries[one.id]["as"] in ("column", "ten"):
            assert one.tolerance.printed == 0.5, one.id


def test_place_and_statement_come_from_the_data():
    (one,) = parsed(entry())
    assert (one.published, one.place, one.unit) == (64, "ISCA 2016 section VI", "PEs")
    assert one.statement == "PEs of the evaluated design"
    (same,) = parsed(entry(place="ISCA 2016 section VI"))
    assert same == one


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"page": "nowhere"}, "no page 'nowhere'; pages are .*scorecard"),
        ({"evidence": "rumour"}, "'rumour' is not a valid Evidence"),
        ({"verdict": "maybe"}, "'maybe' is not a valid Verdict"),
        ({"place": "ISCA 2016 section I"}, "place .* is not that of the published row"),
        ({"published": {"text": "nothing"}}, "text has 0 rows"),
        ({"published": {"file": "table4", "where": {"platform": "EIE"}, "column": "time"}}, "table4 has 18 rows"),
        ({"published": {"file": "table4", "where": {"colour": 1}}}, "no column 'colour'; it has platform"),
        ({"published": {"file": "nothing", "where": {}}}, "no data file"),
        ({"published": {"value": 3}}, "no place"),
        ({"computed": {"finding": "registers"}}, "a path such as 'paper.table4.slowdown', got 'registers'"),
        ({"computed": {"finding": "..os.path"}}, "a path such as 'paper.table4.slowdown', got '..os.path'"),
        ({"computed": {"finding": "paper.guess.registers"}}, "no module 'paper.guess' in eie.studies"),
        ({"computed": {"finding": "paper.chip_claims.guess"}}, "no finding 'guess' in paper.chip_claims; .*registers"),
        (
            {"computed": {"finding": "paper.table4.table4"}},
            "no finding 'table4' in paper.table4; .*slowdown",
        ),
        ({"computed": {"finding": "paper.table4.geomean"}}, "no finding 'geomean' in paper.table4"),
        ({"computed": {"finding": REGISTERS, "layer": "Alex-7"}}, "unexpected keyword"),
        ({"computed": {"layer": "Alex-7"}}, "'finding'"),
        ({"computed": None, "tolerance": None}, "a finding or is 'not testable'"),
        ({"tolerance": None}, "a tolerance exactly when"),
        ({"tolerance": "guess"}, "no tolerance 'guess'; there are about"),
        ({"tolerance": {"as": "about", "value": 2}}, "none or two"),
        ({"verdict": "close"}, "needs a reason"),
        ({"colour": "red"}, "has colour; fields are"),
        ({"page": None}, "lacks page"),
    ],
)
def test_faults_are_named(changes, message):
    with pytest.raises(ClaimsError, match=rf"claims.toml: claim 'a': .*{message}"):
        parsed(entry(**changes))


def test_ids_stand_once():
    with pytest.raises(ClaimsError, match="id 'a' occurs twice"):
        parsed(entry(), entry())
