import pytest

from eie import published
from eie.studies import paper
from eie.studies.paper.format_example import padding_after


def test_the_memory_of_pe0_is_figure_3s():
    example = paper.figures2_3()
    memory = example.memory(0)
    printed = published.load("fig03")
    for what, rows in printed.groupby("what"):
        values = rows.sort_values("position")["value"].tolist()
        assert [value for value in memory.loc[what] if value] == values
    assert f"reproduces **all {len(printed)} values** that Figure 3 prints" in example.words()


def test_pe1_has_nothing_in_column_2():
    _, _, pointers = paper.figures2_3().mem.pe(1)
    assert pointers[2] == pointers[3]


def test_another_number_of_pes_must_differ_from_the_figure():
    assert paper.figures2_3(n_pe=2).words() == "Figure 3 is for 4 PEs, so PE0's memory must differ with 2 PEs."


def test_other_index_bits_that_change_the_memory_are_told():
    words = paper.figures2_3(index_bits=1).words()
    assert words.startswith("PE0's memory is not the one that Figure 3 prints: ")


def test_few_index_bits_need_padding():
    report = paper.figures2_3(n_pe=1, index_bits=1).report()
    assert report.padding > 0
    assert "0" in paper.figures2_3(n_pe=1, index_bits=1).memory(0).loc["virtual_weight"].tolist()


def test_counts():
    example = paper.figures2_3()
    assert example.counts().loc["count", "cycles"] == example.report().cycles


@pytest.mark.parametrize("n_pe", [1, 2, 3, 4, 8, 20])
def test_the_trace_takes_the_cycles_of_the_library(n_pe):
    example = paper.figures2_3(n_pe=n_pe)
    assert f"takes **{example.report().cycles} cycles**" in example.trace_words()
    assert example.trace().shape == (example.report().broadcasts, 1 + min(n_pe, 8))


def test_the_trace_names_an_empty_column():
    assert paper.figures2_3().trace().loc["column 2", "PE1"] == "1 (0 entries)"


@pytest.mark.parametrize("n_pe", [1, 4, 7, 64])
def test_plot(n_pe):
    fig = paper.figures2_3(n_pe=n_pe).plot()
    assert fig.axes[1].get_xlabel() == "column j (input)"


@pytest.mark.parametrize("n_pe", [1, 4, 64])
def test_memory_is_drawn_with_each_pointer_where_it_points(n_pe):
    example = paper.figures2_3(n_pe=n_pe)
    _, _, pointers = example.mem.pe(0)
    texts = [text for ax in example.plot_memory().axes for text in ax.texts if "p_" in text.get_text()]
    said = {int(text.get_text().rpartition("= ")[2]): text.get_text().count("p_") for text in texts}
    assert said == {place: pointers.tolist().count(place) for place in set(pointers.tolist())}
    assert all(text.get_position()[0] == place % 14 for text, place in zip(texts, sorted(said), strict=True))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"n_pe": 0}, "n_pe must be an integer in 1..65536, got 0"), ({"index_bits": 9}, "index_bits must be .* got 9")],
)
def test_bad_parameters(arguments, message):
    with pytest.raises(ValueError, match=message):
        paper.figures2_3(**arguments)


@pytest.mark.parametrize(("zeros", "padding"), [(0, 0), (15, 0), (16, 1), (18, 1), (31, 1), (32, 2)])
def test_padding_zeros(zeros, padding):
    assert padding_after(zeros) == padding
