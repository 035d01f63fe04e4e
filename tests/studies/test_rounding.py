import numpy as np
import pytest

from eie import published
from eie.studies import claims_file, experiments, rounding


def test_inputs_move_within_half_of_their_last_digit():
    rng = np.random.default_rng(0)
    before, after = published.load("table3"), rounding.moved("table3", rng)
    moved = after["weight_density_pct"] - before["weight_density_pct"]
    assert 0 < moved.abs().max() <= 0.5
    full = before["act_density_pct"] == 100
    assert (after["act_density_pct"][full] == 100).all()
    assert (after["n_in"] == before["n_in"]).all()


def test_counts_of_the_text_do_not_move():
    before, after = published.load("text"), rounding.moved("text", np.random.default_rng(0))
    assert set(before["id"][before["value"] != after["value"]]) == set(rounding.ROUNDED_TEXT)


def test_readings_move_within_their_error():
    before, after = published.load("fig09_reads"), rounding.moved("fig09_reads", np.random.default_rng(0))
    assert ((after["value"] - before["value"]).abs() <= before["reading_error"]).all()


def test_spread_of_a_figure_that_is_always_the_same_is_the_reading_error():
    found = rounding.figure_spread(np.full((50, 1000), 50.0), 0.7, relative=False)
    assert found == pytest.approx(0.35, rel=0.05)  # the mean size of numbers within -0.7..0.7


def test_tables_are_as_before_when_others_were_read():
    with published.replaced({"text": published.load("text").assign(value=1.0)}):
        assert published.value("text", id="pe-count") == 1
    assert published.value("text", id="pe-count") == 64


def test_every_row_is_a_claim():
    table = experiments.read(claims_file.SPREADS)
    assert set(table["id"]) <= {one.id for one in claims_file.load()}
    assert (table["samples"] == rounding.SAMPLES).all()


@pytest.mark.long
def test_the_first_sample_of_the_committed_table():
    table = experiments.read(claims_file.SPREADS).set_index("id")
    now = rounding.make(0)["values"]
    for name, row in table.iterrows():
        assert now[name] == pytest.approx(row["first"], rel=1e-5, abs=1e-9), name  # six digits are kept
