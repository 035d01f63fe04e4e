import re

import pytest

from eie._files import read_toml
from eie.studies.paper import disagreements_energy, disagreements_format
from eie.studies.paper.disagreements import VERDICTS, Disagreement, Statement, disagreements, settle

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def result():
    return disagreements()


@pytest.fixture(scope="module")
def cases(result):
    return {case.title: case for case in result.cases}


def test_every_case_is_whole(result):
    assert len(result.cases) >= 20
    assert len({case.title for case in result.cases}) == len(result.cases)
    for case in result.cases:
        assert len(case.statements) >= 2
        assert case.verdict in VERDICTS
        assert re.fullmatch(r"[A-Z].*\.", case.why, re.DOTALL)
        assert not re.search(r"\bnan\b|\d{8}|\bnone\b", case.markdown())


def test_figure_7_was_drawn_with_the_power_of_the_abstract(cases):
    assert (
        "6 of EIE's 6 labels that can be checked follow from Table IV and 600 mW" in cases["Power of the chip"].computed
    )
    assert "If EIE drew 590 mW, 0 of them would follow" in cases["Power of the chip"].computed
    assert disagreements_energy._labels_at(600)[:2] == (6, 6)


def test_clock_of_the_throughput(cases):
    assert "1,280 MHz" in cases["Clock of the projected chip"].statements[1].what
    assert "1,286 MHz" in cases["Clock of the projected chip"].computed


def test_only_the_largest_layers_are_beyond_short_pointers(cases):
    in_pe = r"\([\d,]+ in the fullest PE\)"
    assert re.search(rf"reach: Alex-6 {in_pe}, VGG-6 {in_pe}", cases["Width of a pointer"].computed)


def test_nt_we_has_the_density_of_section_6(cases):
    assert cases["Weight density of NT-We"].verdict == "one side holds"
    assert cases["Weight density of NT-We"].why.startswith("A density of 11 % fits better in 3 of 4")


def test_swapped_labels_fit_on_every_layer(result):
    assert (result.swapped["swapped"] < result.swapped["as labelled"]).all()


def test_totals_that_miss():
    missed = disagreements_format._totals_that_miss()
    assert missed[["network", "variant"]].to_numpy().tolist() == [
        ["LeNet-5", "P+Q+H"],
        ["VGG-16", "P+Q"],
        ["VGG-16", "P+Q+H"],
    ]


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"why": "It is {nothing:g}."}, KeyError, "nothing"),
        ({"computed": "It is {text[no-such-number]:g}."}, ValueError, "no-such-number"),
        ({"verdict": "maybe"}, ValueError, "verdict must be one of one side holds, .* got 'maybe'"),
        ({"numbers": "format.nothing"}, AttributeError, "nothing"),
        ({"sides": [{"txt": "max-zeros"}]}, TypeError, "txt"),
    ],
)
def test_a_wrong_entry_says_what_is_wrong(change, error, said):
    (entry,) = (
        case for case in read_toml("published/disagreements.toml")["cases"] if case["numbers"] == "format.padding_rule"
    )
    with pytest.raises(error, match=said):
        settle(entry | change, 0)


def test_markdown_of_a_case():
    case = Disagreement(
        "Title", (Statement("here", "1 x"), Statement("there", "2 x")), "Computed is 2.", VERDICTS[0], "There."
    )
    assert case.markdown() == (
        "## Title\n\n- 1 x (here)\n- 2 x (there)\n\nComputed is 2.\n\n**One side holds.** There."
    )


def test_contents_lead_to_every_case(result):
    links = re.findall(r'href="#([a-z0-9-]+)">([^<]+)<', result.contents())
    assert len(links) == len(result.cases)
    assert "frame-rate-of-alexnets-fully-connected-layers" in dict(links)


def test_table_words_and_plot(result):
    assert list(result.table()["verdict"]) == [case.verdict for case in result.cases]
    assert f"**{len(result.cases)}** places" in result.words()
    assert result.plot().axes[0].get_ylabel() == "difference from Figure 11, %"
