import pytest
from matplotlib import pyplot

from eie import technology
from eie.machine import EIE_45NM
from eie.studies.paper import table2


@pytest.fixture(scope="module")
def result():
    return table2.table2()


def test_sums(result):
    sums = result.sums()
    assert sums.loc["components", "power"] == pytest.approx(9.157, abs=1e-9)
    assert sums.loc["modules", "power"] == pytest.approx(9.158, abs=1e-9)
    assert sums["area"].tolist() == [638024] * 3
    assert "add up to the published power within 0.001 mW and to the published area exactly" in result.words()


def test_shares(result):
    table = result.table()
    assert (table["power share, computed"] - table["power_share"]).abs().max() < 0.011
    assert (table["area share, computed"] - table["area_share"]).abs().max() < 0.006
    assert table.index.is_unique


def test_the_chip_is_within_one_percent(result):
    assert result.chip()["difference, %"].abs().max() < 1
    assert result.machine == EIE_45NM


def test_settings_that_have_all_sizes(result):
    assert list(result.models.index) == [
        "itrs-hp",
        "itrs-lop",
        "itrs-lstp",
        "lstp-energyopt",
        "lstp-hpperi",
        "itrs-lop-energyopt",
    ]


def test_bottom_up_adds_up(result):
    models = result.models
    assert models[list(table2.PARTS)].min(axis=None) > 0
    assert models[list(table2.PARTS)].sum(axis=1).tolist() == pytest.approx(models["total"].tolist())
    rows = result.bottom_up()
    assert rows.drop(index="total").sum().to_numpy() == pytest.approx(rows.loc["total"].to_numpy())


def test_parts_hold_every_component_once(result):
    names = [name for names in table2.PARTS.values() for name in names]
    assert len(names) == len(set(names)) == 10  # detection nodes are no part of a PE


def test_the_default_setting_is_the_nearest_that_is_fast_enough(result):
    near, default = result.settings(), technology.chip_facts()["sram"]["setting"]
    assert near.loc[default, "power, %"] == pytest.approx(-9, abs=2)
    assert abs(near.loc[default, "memory area, %"]) < 10
    assert default in result.fast_enough()
    assert near.loc[result.fast_enough(), "power, %"].abs().idxmin() == default
    assert near["power, %"].abs().idxmin() == default


def test_the_shipped_value_does_not_fit_table_2(result):
    rows = result.plausible()
    default, shipped, bounds = (rows.loc[name] for name in ("itrs-lop", table2.AS_SHIPPED, "Table II"))
    for memory in ("matrix memory", "pointer memory"):
        assert default[memory] < bounds[memory] < shipped[memory]
    assert default["memory"] == pytest.approx(4.74, abs=0.005)  # mW
    assert shipped["memory"] == pytest.approx(7.18, abs=0.005)
    assert "a row of another table" in result.finding()
    assert f"draw {shipped['memory']:.2f} mW, 52 % more than with the value that we use" in result.correction()


def test_words_say_how_far_the_model_is(result):
    assert "a PE draws 11 % less than in Table II" in result.words()
    assert f"{result.models.loc['itrs-lop', 'memory']:.2f} mW" in result.words()
    assert "components *register* and *combinational* draw less in this count" in result.words()
    assert "itrs-lop, which is the closest of all settings to Table II by power" in result.words()


def test_a_faster_clock_than_the_default_memory():
    faster = table2.table2("NT-We", clock_mhz=1000)
    assert faster.fast_enough() == ["itrs-hp", "lstp-hpperi"]
    assert "Memories of itrs-lop cannot be read" in faster.words()
    assert faster.machine != EIE_45NM


def test_a_layer_of_ones_own():
    own = table2.table2("mine", n_pe=16, own_layers={"mine": [256, 512, 0.1, 0.5]})
    assert "event by event** on mine" in own.words()
    assert "16 PEs and 5 detection nodes" in own.words()


def test_unknown_layer_and_width():
    with pytest.raises(ValueError, match="unknown layer 'Alex-9'; Table III has Alex-6"):
        table2.table2("Alex-9")
    with pytest.raises(ValueError, match="has width 32, 64, 128, 256, 512, not 96"):
        table2.table2("NT-We", spmat_width_bits=96)


def test_plot(result):
    left, right = result.plot().axes
    assert left.get_xlabel() == "power of one PE, mW"
    assert right.get_xlabel().startswith("area of its memories")
    assert [label.get_text() for label in left.get_yticklabels()] == ["Table II", *result.models.index]
    pyplot.close("all")
