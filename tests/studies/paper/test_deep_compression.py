import pytest

from eie import published
from eie.compress import packed
from eie.machine import Machine
from eie.studies.paper.deep_compression import PRINTED_COLUMNS, TITLES, deep_compression


@pytest.fixture(scope="module")
def result():
    return deep_compression(evaluate=False)


def printed(**where):
    return published.row("deep_compression", **where)["value"]


@pytest.mark.parametrize("name", packed.LENETS)
def test_table_holds_what_was_printed_and_what_was_found(result, name):
    table, title = result.table(), TITLES[name]
    of = {"table": 1, "network": title, "layer": "total"}
    row = table.loc[f"{title}, published"]
    assert row["error before, %"] == printed(**of, variant="reference", quantity="top1_error")
    assert row["error after, %"] == printed(**of, variant="compressed", quantity="top1_error")
    assert row["times smaller"] == printed(**of, variant="compressed", quantity="size_factor")
    runs = result.runs[result.runs["network"] == name]
    assert table.loc[f"{title}, here: mean", "error after, %"] == pytest.approx(runs["compressed_error"].mean())
    assert table.loc[f"{title}, here: spread", "error after, %"] == pytest.approx(runs["compressed_error"].std())
    worst = table.loc[f"{title}, here: worst"]
    assert worst["error after, %"] == runs["compressed_error"].max()
    assert worst["times smaller"] == runs["factor"].min()
    assert worst["size after, kB"] == pytest.approx(worst["size before, kB"] / worst["times smaller"])
    assert worst["without Huffman tables"] > worst["times smaller"] > worst["without Huffman coding"]


@pytest.mark.parametrize("name", packed.LENETS)
def test_every_layer_stands_beside_the_printed_one(result, name):
    table = result.layers(name)
    assert table.columns.tolist() == list(PRINTED_COLUMNS.values())
    assert table.notna().all(axis=None)
    names = [*(part.name for part in result.nets[name].parts), "total"]
    assert table.index.tolist() == [f"{layer}, {whose}" for layer in names for whose in ("here", "published")]
    counts = table["weights"].to_numpy()
    assert counts[::2] == pytest.approx(counts[1::2], rel=0.05)  # printed with few digits
    bits = result.nets[name][names[0]].weight_bits
    assert table.loc[f"{names[0]}, here", "weight bits (P+Q)"] == bits
    assert (table["size, % (P+Q+H)"] < table["size, % (P+Q)"]).all()


def test_parts_add_up_to_the_sizes(result):
    parts = result.parts()
    for name, net in result.nets.items():
        shared, coded, eie = (
            parts.loc[f"{TITLES[name]}, {how}"] for how in ("shared", "Huffman-coded", "as EIE holds it")
        )
        assert 8000 * shared.sum() == pytest.approx(sum(layer.shared for layer in net.sizes))
        assert 8000 * coded.sum() == pytest.approx(sum(layer.coded() for layer in net.sizes))
        columns = sum(part.layer.n_in + 1 for part in net.parts)
        assert 8000 * eie["pointers"] == pytest.approx(16 * columns * Machine().n_pe)


def test_one_network_alone():
    result = deep_compression("['lenet-5']", evaluate=False)
    assert list(result.nets) == ["lenet-5"]
    assert "LeNet-300-100" not in result.words()
    assert "MNIST" in result.words()


@pytest.mark.parametrize("names", ["lenet-5", [], 5])
def test_names_must_be_a_list(names):
    with pytest.raises(ValueError, match="names must be a list"):
        deep_compression(names)


def test_plots_are_drawn(result):
    assert len(result.plot().axes) == 2
    assert [ax.get_title() for ax in result.plot_centroids("lenet-5").axes] == ["conv1", "conv2", "ip1", "ip2"]
    assert len(result.plot_weights("lenet-300-100").axes) == 6
    assert len(result.plot_parts().axes[0].get_yticks()) == 6
