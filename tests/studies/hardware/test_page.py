import json
import re

import pytest

from eie.hardware.build import sources as rtl_files
from eie.studies.hardware import measured, page, sources, waves


@pytest.mark.parametrize("recipe", measured.recipes())
def test_every_table_and_sentence_of_a_recipe(recipe):
    result = page.hardware(recipe)
    for words in (
        result.answer(),
        result.gates_words(),
        result.clock_words(),
        result.power_words(),
        result.paper_says(),
        result.made(),
    ):
        assert "nan" not in words
    assert list(result.areas().index) == list(measured.MODULES)
    assert (result.clock()["ns"] > 0).all()
    power = result.power()
    assert power.loc["sum", "computed, mW"] == pytest.approx(measured.power(recipe).sum().sum())
    assert result.power_by_module()["gates, mW"].sum() < measured.logic_power(recipe)
    assert len(result.ways()) == 3


@pytest.mark.parametrize("recipe", measured.recipes())
def test_the_answer_counts_the_paths_that_are_too_long(recipe):
    result = page.hardware(recipe)
    ns, limit = result.clock()["ns"], 1.25
    assert (ns[list(page.CRITICAL)] > limit).all()
    slowest = ns[list(page.CRITICAL)].idxmax()
    longest = f"up to {ns[slowest]:.2f} ns for {page.CRITICAL[slowest]}"
    assert f"three other paths are longer than the period, {longest}" in result.answer()
    below = "less" if ns[page.ALONE] <= limit else "more"
    assert f"**{ns[page.ALONE]:.2f} ns** (" in result.answer()
    assert f"by recipe), {below} than the clock period of 1.25 ns" in result.answer()


@pytest.mark.parametrize("recipe", measured.recipes())
def test_the_words_on_the_clock_name_every_path_that_is_too_long(recipe):
    result = page.hardware(recipe)
    words, ns = result.clock_words(), result.clock()["ns"]
    assert f"its gates alone take {ns[page.SCAN]:.2f} ns, more than the clock period" in words
    assert f"takes {ns[page.CUT]:.2f} ns, more than the clock period, so in this flow a pipelined scan is not" in words
    assert "can start a read in every cycle, but its output does not reach the row register within 1.25 ns" in words


def test_the_words_on_the_clock_follow_the_numbers():
    result = page.hardware()
    ns = result.clock()["ns"]
    assert "leads through the arithmetic unit and" in result.clock_words()
    slow = result.clock_words(limit=4.0)
    assert "more than" not in slow
    assert f"gates alone take {ns[page.SCAN]:.2f} ns, less than the clock period, and its wires come on top. If" in slow
    assert "ns, less than the clock period. It leads from the read address of a register file" in slow
    assert "can start a read in every cycle, and its output reaches the row register within 4.00 ns" in slow
    assert "cannot start a read in every cycle, and its output does not" in result.clock_words(limit=1.0)


@pytest.mark.parametrize("recipe", measured.recipes())
def test_components_of_the_logic_add_up(recipe):
    rows = page.hardware(recipe).components()
    assert rows.loc["sum", "computed, µm²"] == pytest.approx(measured.logic_area(recipe))
    assert rows.loc["sum", "published, µm²"] == pytest.approx(measured.paper_logic_area())
    assert (rows > 0).all(axis=None)


def test_no_output_of_the_gates_was_wrong():
    runs = measured.table("gates")
    assert "7,926 cycles of Alex-8, none of the 47,572 outputs" in page.hardware().gates_words()
    assert measured.wrong_outputs() == 0
    assert (runs["cycles"] == 7926).all()
    assert (runs["results"] > 0).all()


def test_a_recipe_that_is_not_known_is_named():
    with pytest.raises(ValueError, match="no recipe 'tiny'; there are small, balanced, fast"):
        page.hardware("tiny")


def test_a_sum_of_modules_is_the_logic():
    rows = measured.table("synthesis").query("recipe == 'fast'").set_index("module")["area_um2"]
    assert measured.logic_area("fast") == pytest.approx(rows[[*measured.MODULES, measured.GLUE]].sum())
    low, high = (rows[f"LNZD node, {bits} bits"] for bits in (1, 5))
    assert low < measured.node_area("fast") < high


@pytest.mark.parametrize("path", rtl_files(), ids=lambda path: path.name)
def test_code_is_read_from_the_rtl(path):
    assert sources.code(path.stem) == path.read_text(encoding="utf-8")
    html = sources.folded(path.stem)
    text = re.sub(r"<[^>]*>", "", html)
    assert "endmodule" in text
    assert html.count("<span") > 10


def test_an_unknown_module_is_named():
    with pytest.raises(ValueError, match=r"no module 'alu'; there are .*act_queue"):
        sources.code("alu")


def test_bypassed_sums_follow_each_other():
    scene = waves.bypass()
    assert len(scene.marked) >= 2
    for cycle in scene.marked:
        assert scene.rows["mac"][cycle - 1] == scene.rows["mac"][cycle] == 1
        assert scene.rows["row"][cycle - 1] == scene.rows["row"][cycle]
    sums = [value for value in scene.rows["sum"] if value is not None]
    assert sums == [1, 2, 0.5, 1, 2.5]  # 1 * 1, + 2 * 0.5, - 3 * 0.5; the other row 1 * 1; + 2 * 1


def test_the_control_waits_while_a_queue_is_full():
    scene = waves.full_queue()
    assert scene.marked
    assert all(scene.rows["push"][cycle] == 0 for cycle in scene.marked)


def test_an_empty_column_is_one_bubble():
    scene = waves.empty_column()
    (bubble,) = scene.marked
    assert scene.rows["slot"][bubble] == 1
    assert scene.rows["entry"][bubble - 1] == scene.rows["entry"][bubble + 1] == 1


def test_the_picture_has_every_signal_and_the_slider_every_cycle():
    scene = waves.empty_column()
    html = waves.page([scene])
    count = len(scene.rows["push"])
    assert f'max="{count - 1}"' in html
    assert all(f">{name}</text>" in html for name in scene.rows)
    held = re.search(r'data-rows="([^"]*)"', html)[1].replace("&quot;", '"')
    assert json.loads(held) == {name: list(values) for name, values in scene.rows.items()}
