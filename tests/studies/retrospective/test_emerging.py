import numpy as np
import pandas as pd
import pytest
from translators import Letters

import eie
from eie.models import ocr
from eie.models.translator import Translator
from eie.studies import experiments
from eie.studies.retrospective import emerging, models


@pytest.fixture
def model(tensors):
    return Translator(tensors, Letters())


def test_lowest_density_stops_at_the_first_loss():
    curve = pd.DataFrame(
        {"network": "x", "density": [1.0, 0.8, 0.6, 0.4, 0.2], "quality": [80.0, 90.0, 73.0, 60.0, 80.0]}
    )
    assert emerging.lowest(curve, "x") == 0.6  # 72 are kept, and 0.2 stands behind a gap


def test_the_machine_translates_as_floating_point_does(model):
    """With formats that nothing overflows, 16 bits come close to float32 in every product of a whole network."""
    inputs = models.inputs_of(model, lambda m: m.translate(["abcdefgh"]))
    on_machine = emerging.OnMachine(model, 1.0, eie.Machine(n_pe=4), inputs)
    thin = models.with_matrices(model, {name: models.dense(layer) for name, layer in on_machine.layers.items()})
    found = model.with_product(on_machine.product).encode([1, 2, 3, 10])
    np.testing.assert_allclose(found, thin.encode([1, 2, 3, 10]), atol=0.01)
    assert not np.allclose(found, model.encode([1, 2, 3, 10]), atol=0.01)  # sharing weights does change it


def test_runs_count_what_the_machine_counts(model):
    inputs = models.inputs_of(model, lambda m: m.translate(["abc"]))
    machine = eie.Machine(n_pe=4)
    on_machine = emerging.OnMachine(model, 0.5, machine, inputs)
    runs = {run.name: run for run in on_machine.runs(inputs)}
    assert set(runs) == set(model.matrices)
    run, x = runs["encoder_l2_ffn_W2"], inputs["encoder_l2_ffn_W2"]
    report = eie.simulate(on_machine.mems[run.name], x, machine, signed=True)
    assert run.report == report
    assert run.vectors == len(x) == 4
    assert run.density == pytest.approx(0.5, abs=0.01)
    assert run.activation_density == np.mean(x > 0) < 1


def test_kinds():
    names = ("decoder_l1_ffn_W2", "encoder_l1_ffn_W1", "decoder_l2_rnn_Wf", "encoder_l3_self_Wq", "forward", "output")
    assert [emerging.kind_of(name) for name in names] == [
        "feed-forward, behind a ReLU",
        "feed-forward, first",
        "recurrent unit",
        "attention",
        "LSTM gates",
        "output layer",
    ]


def test_wrong_densities_are_refused():
    with pytest.raises(ValueError, match="density must be a mapping from some of translator, recogniser"):
        emerging.emerging_networks(density={"translater": 0.5})
    with pytest.raises(ValueError, match=r"density of the translator must be a fraction in 0\.\.1, got 80"):
        emerging.emerging_networks(density={"translator": 80})


def test_without_the_networks_the_page_still_has_its_curve(monkeypatch):
    monkeypatch.setattr(models, "missing", lambda: ["the command that gets it"])
    result = emerging.emerging_networks()
    assert "Without retraining, the translator tolerates pruning down to **80 %**" in result.answer()
    assert result.words().startswith("With retraining, networks tolerate more pruning: ")
    assert "On the few inputs" not in result.words()
    assert result.table().empty
    assert result.layers().empty


@pytest.mark.needs_data("translator", "ddddocr")
def test_a_slice_of_the_committed_curve_is_measured_again():
    known = experiments.read("emerging").set_index(["network", "density"])["quality"]
    found = emerging.curve(32, 8, [0.7], [0]).set_index(["network", "density"])["quality"]
    assert found["translator", 0.7] == pytest.approx(known["translator", 0.7], abs=1.0)
    assert found["recogniser", 0.7] == known["recogniser", 0.7] == 100


def test_the_machine_is_compared_where_the_table_says():
    rows = experiments.read("emerging").dropna().set_index("network")
    assert rows["density"].to_dict() == emerging.ON_MACHINE
    assert {name: emerging.lowest(experiments.read("emerging"), name) for name in rows.index} == emerging.ON_MACHINE
    assert rows["inputs"].min() == 32 - emerging.OTHERS


def test_the_spread_of_a_difference_is_of_the_same_inputs():
    score = emerging._share
    assert models.apart_sd(score, ["a", "b"], ["a", "b"], ["a", "c"]) == 0
    assert models.apart_sd(score, ["a", "b"], ["a", "c"], ["a", "c"]) == pytest.approx(100 * 0.125**0.5, rel=0.1)


@pytest.mark.needs_data("translator", "ddddocr")
def test_real_networks_work_before_anything_is_pruned():
    model = ocr.load()
    assert models.read_correctly(model, models.strings(20)).mean() >= 0.9
