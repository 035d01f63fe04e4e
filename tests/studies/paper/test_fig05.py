import pytest
from matplotlib import pyplot

from eie.studies.paper import fig05


@pytest.fixture(scope="module")
def figure():
    return fig05.figure5()


def test_areas_are_those_of_table_2(figure):
    assert figure.area_mm2 == pytest.approx(0.638024)
    table = figure.table()
    assert table.loc["SpMat_0", "area, mm2"] == pytest.approx(0.469412 / 2)
    assert table["share, %"].sum() == pytest.approx(100)


def test_rectangles_have_their_areas(figure):
    blocks = figure.blocks
    assert (blocks["width"] * blocks["height"]).tolist() == pytest.approx(blocks["area, mm2"].tolist())


def test_rectangles_lie_side_by_side_inside_the_square(figure):
    side = figure.area_mm2**0.5
    blocks = figure.blocks.to_dict("records")
    for a in blocks:
        assert min(a["x"], a["y"]) >= 0
        assert max(a["x"] + a["width"], a["y"] + a["height"]) <= side + 1e-9
        for b in blocks:
            across = min(a["x"] + a["width"], b["x"] + b["width"]) - max(a["x"], b["x"])
            up = min(a["y"] + a["height"], b["y"] + b["height"]) - max(a["y"], b["y"])
            assert a is b or min(across, up) < 1e-9


def test_slice_and_dice_by_hand():
    cut = fig05.slice_and_dice(("a", ("b", "c")), {"a": 2.0, "b": 1.0, "c": 1.0}, 0, 0, 2, 2)
    assert cut["a"] == {"x": 0, "y": 0, "width": 1, "height": 2}
    assert cut["c"] == {"x": 1, "y": 1, "width": 1, "height": 1}


def test_other_machines(figure):
    other = fig05.figure5(spmat_width_bits=128, fifo_depth=16)
    assert other.table().loc["Act_queue", "area, mm2"] == pytest.approx(2 * 758e-6)
    assert other.area_mm2 > figure.area_mm2
    assert "The paper's text gives 0.638 mm² for its PE" in other.words()
    assert "The paper's text also gives 0.638 mm² for its PE" in figure.words()


def test_a_width_that_the_sweep_has_not():
    with pytest.raises(ValueError, match="has width 32, 64, 128, 256, 512, not 48"):
        fig05.figure5(spmat_width_bits=48)


def test_plot_names_every_block(figure):
    ax = figure.plot().axes[0]
    texts = " ".join(text.get_text() for text in ax.texts)
    assert all(block in texts for block in fig05.BLOCKS)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("mm", "mm")
    pyplot.close("all")


def test_the_synthesised_pe_lies_in_table_2s_square(figure):
    found = fig05.synthesised()
    assert found.outline_mm2 == pytest.approx(figure.area_mm2)
    assert 0.5 < found.area_mm2 < found.outline_mm2
    assert set(found.blocks["module"]) == set(figure.blocks["module"]) - {"filler cell"}
    found.plot()
    pyplot.close("all")
