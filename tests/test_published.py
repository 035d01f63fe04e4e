"""Numbers of the paper against one another: what a slip of the hand in `data/published/` would break."""

from decimal import Decimal
from math import prod

import pandas as pd
import pytest

from eie import published
from eie._files import resource
from eie.published import load

NAMES = sorted(path.stem for path in (resource("data") / "published").glob("*.csv"))
CNN = ["Alex-6", "Alex-7", "Alex-8", "VGG-6", "VGG-7", "VGG-8"]
LAYERS = [*CNN, "NT-We", "NT-Wd", "NT-LSTM"]
EIE_LABELS_OF_OTHER_TIMES = {"NT-We": 75.6, "NT-LSTM": 62.7}  # layer: what Table IV gives for Figure 6
FIG7_EIE_WATTS = 0.600  # the text and Table V say 0.59
MAY_BE_EMPTY = {"fig02": ["row", "column"]}  # an input has no row, an output no column
LAYER_MEANS_THAT_MISS_THE_TOTAL = {  # table of Deep Compression; the totals printed are 2.55, and 3.2 and 2.05
    3: {("P+Q+H", "size"): 2.73},
    5: {("P+Q", "size"): 2.85, ("P+Q+H", "size"): 1.82},
}
BARS = {  # platform of Figures 6 and 7: platform and variant of Table IV
    "CPU Dense": ("CPU", "dense"),
    "CPU Compressed": ("CPU", "sparse"),
    "GPU Dense": ("GPU", "dense"),
    "GPU Compressed": ("GPU", "sparse"),
    "mGPU Dense": ("mGPU", "dense"),
    "mGPU Compressed": ("mGPU", "sparse"),
    "EIE": ("EIE", "actual"),
}
UNITS = {
    *["%", "x", "index", "orders of magnitude", "text", "year"],
    *["pJ", "nJ", "mW", "W", "um2", "mm2", "nm", "ns", "us", "Hz", "MHz", "bit", "KB", "MB"],
    *["GB/s", "GOP/s", "TOP/s", "frames/s", "frames/s/mm2", "frames/J"],
    *["activations", "connections", "entries", "layers", "parameters", "rows", "weights", "zeros"],
    *["PEs", "banks", "cycles", "matrix-vector products", "reads", "stages", "tiles", "units"],
}


def values(name, *keys, column="value", **where):
    """Numbers of one column of a file by the other columns named, of the rows that match."""
    table = load(name)
    for key, wanted in where.items():
        table = table[table[key] == wanted]
    found = table.set_index(list(keys))[column].sort_index()
    assert found.index.is_unique
    return found


def text(name):
    return values("text", "id")[name]


def times():
    return values("table4", "platform", "variant", "layer", column="time", batch=1)


def watts():
    return values("power", "platform", "variant", "layer", column="power", batch=1)


def joules(bar, layer):
    where = (*BARS[bar], layer)
    return times()[where] * (FIG7_EIE_WATTS if bar == "EIE" else watts()[where])


def half_a_digit(printed):
    """Half of the last digit of a number as printed."""
    return Decimal(5).scaleb(Decimal(printed).as_tuple().exponent - 1)


def quotients(over, under):
    """Smallest and largest quotient of two numbers that are printed so."""
    a, b, da, db = Decimal(over), Decimal(under), half_a_digit(over), half_a_digit(under)
    return (a - da) / (b + db), (a + da) / (b - db)


def geometric_mean(numbers):
    return prod(numbers) ** (1 / len(numbers))


def test_files():
    figures = [
        "fig02",
        "fig03",
        "fig06",
        "fig07",
        "fig08",
        "fig09_reads",
        "fig09_total",
        *(f"fig1{n}" for n in range(4)),
    ]
    tables = ["table1", "table2", "table3", "table4", "table5"]
    assert sorted([*figures, *tables, "deep_compression", "power", "retrospective", "text"]) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_rows_are_whole(name):
    table = load(name)
    assert list(table.columns).count("place") == 1
    assert not table.drop(columns=MAY_BE_EMPTY.get(name, [])).isna().any(axis=None)
    assert table["place"].str.contains(r"ISCA 2016 |Deep Compression \(arXiv:1510.00149v5\) |SECONDARY: ").all()
    assert set(table["unit"]) <= UNITS
    assert (table["reading_error"] >= 0).all()
    assert not table.duplicated().any()


@pytest.mark.parametrize(
    ("name", "rows", "keys"),
    [
        ("table1", 12, ["operation", "quantity"]),
        ("table2", 42, ["group", "part", "quantity"]),
        ("table4", 126, ["platform", "batch", "variant", "layer"]),
        ("table5", 92, ["platform", "quantity"]),
        ("fig06", 70, ["platform", "layer"]),
        ("fig07", 70, ["platform", "layer"]),
        ("fig08", 81, ["layer", "fifo_depth"]),
        ("fig09_reads", 10, ["quantity", "width_bits"]),
        ("fig09_total", 45, ["layer", "width_bits"]),
        ("fig10", 8, ["precision", "quantity"]),
        ("power", 75, ["platform", "batch", "variant", "layer"]),
        ("deep_compression", 352, ["table", "network", "layer", "variant", "quantity"]),
        ("text", 118, ["id"]),
        ("retrospective", 10, ["id"]),
    ],
)
def test_one_number_a_row(name, rows, keys):
    table = load(name)
    assert len(table) == rows
    assert not table.duplicated(keys).any()


@pytest.mark.parametrize("name", ["text", "retrospective"])
def test_claims_have_an_id_and_one_statement(name):
    table = load(name)
    assert table["id"].str.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*").all()
    assert table["statement"].str.fullmatch(r"[A-Z0-9][^.]*(\.\d[^.]*)*").all()
    assert pd.api.types.is_numeric_dtype(table["value"])


def test_table_1_is_relative_to_an_addition():
    energy = values("table1", "operation", quantity="energy")
    assert (energy / 0.1).to_dict() == pytest.approx(values("table1", "operation", quantity="relative").to_dict())
    assert energy["32 bit DRAM"] / energy["32 bit 32KB SRAM"] == text("dram-over-sram")
    assert energy["32 bit DRAM"] * 1e-12 * text("dram-connections") * text("dram-rate") == text("dram-power")


def test_table_2_adds_up():
    found = values("table2", "group", "quantity", "part").groupby(level=[0, 1]).sum()
    for group in ["component", "module"]:
        assert found[group, "area"] == found["total", "area"]
        assert found[group, "area_share"] == pytest.approx(100, abs=0.03)
        assert found[group, "power_share"] == pytest.approx(100, abs=0.03)
    assert found["component", "power"] == pytest.approx(found["total", "power"], abs=1e-9)
    assert found["module", "power"] == pytest.approx(found["total", "power"] + 0.001, abs=1e-9)


@pytest.mark.parametrize(("quantity", "error"), [("power", 0.0005), ("area", 0.5)])
def test_table_2_shares_follow_from_values(quantity, error):
    found = values("table2", "group", "part", quantity=quantity)
    total = found["total", "total"]
    shares = values("table2", "group", "part", quantity=f"{quantity}_share")
    assert set(shares.index) == set(found.index) - {("total", "total")}
    off = (100 * found / total - shares).dropna().abs()
    assert off.max() <= 0.005 + 100 * error / total * 2


def test_table_2_and_text():
    pe, lnzd = values("table2", "quantity", group="total"), text("lnzd-units") * text("lnzd-power")
    assert (pe["power"], round(pe["area"] / 1e6, 3)) == (text("pe-power"), text("pe-area"))
    assert 64 * pe["area"] / 1e6 == pytest.approx(text("chip-area"), abs=0.05)
    assert 64 * pe["power"] + lnzd == pytest.approx(586.5, abs=0.05)  # neither 600 nor 590 nor 580 mW
    memory = values("table2", "part", group="component", quantity="power")["memory"]
    assert 64 * memory / 1e3 == pytest.approx(text("power-memory"), abs=0.005)
    assert text("lnzd-area") / pe["area"] < text("lnzd-area-share") / 100


def test_table_3_products():
    table = load("table3").set_index("layer")
    product = table["weight_density_pct"] * table["act_density_pct"] / 100
    off = {layer: round(product[layer], 1) for layer in LAYERS if abs(product[layer] - table.flop_pct[layer]) > 0.5}
    assert off == {"Alex-8": 9.4, "NT-LSTM": 10.0}  # the paper prints 10 and 11


def test_table_4_load_balance_is_that_of_the_figures():
    time = times()["EIE"]
    ratio = 100 * time["theoretical"] / time["actual"]
    for name, where in [("fig08", {"fifo_depth": 8}), ("fig13", {"n_pe": 64})]:
        figure = values(name, "layer", column="load_balance", **where)
        assert ratio.to_dict() == pytest.approx(figure[ratio.index].to_dict(), abs=1.2)
    assert geometric_mean(100 / ratio) == pytest.approx(1.156, abs=5e-4)  # the text: about 10 %


def test_table_5_efficiencies():
    found = values("table5", "platform", "quantity")
    for efficiency, cost in [("area_efficiency", "area"), ("energy_efficiency", "power")]:
        for platform in values("table5", "platform", quantity=efficiency).index:
            low, high = quotients(found[platform, "throughput"], found[platform, cost])
            printed, half = Decimal(found[platform, efficiency]), half_a_digit(found[platform, efficiency])
            assert low - half <= printed <= high + half, (platform, efficiency)


def test_table_5_throughputs():
    found = values("table5", "platform", quantity="throughput").astype(float)
    fc7 = 1e6 / times()[:, :, "Alex-7"]
    assert round(fc7["EIE", "actual"]) == found["EIE 64PE"] == 81967
    for platform in ["CPU", "GPU", "mGPU"]:
        assert round(fc7[platform, "dense"]) == found[platform]
    scaled = found["EIE 64PE"] * text("scaling-256-over-64") * 1.6  # 1.6 x 800 MHz is 1280, not the 1200 printed
    assert scaled == pytest.approx(found["EIE 256PE"], abs=2)
    assert text("dadiannao-bandwidth") * 1e9 / (4096 * 4096 * 2) == pytest.approx(found["DaDianNao"], abs=1)


def test_dadiannao():
    found = values("table5", "quantity", "platform").unstack("platform")
    for claim, quantity in [("throughput", "throughput"), ("energy", "energy_efficiency"), ("area", "area_efficiency")]:
        ratio = float(found.loc[quantity, "EIE 256PE"]) / float(found.loc[quantity, "DaDianNao"])
        assert ratio == pytest.approx(text(f"dadiannao-{claim}"), rel=0.03)
    wires = prod(text(f"dadiannao-{part}") for part in ["tiles", "banks", "bank-width", "clock"])
    assert wires * 1e6 / 8 / 1e9 == pytest.approx(text("dadiannao-bandwidth"), abs=0.5)
    for own, quantity in [("clock", "clock"), ("power", "power")]:
        assert text(f"dadiannao-{own}") == float(found.loc[quantity, "DaDianNao"])


@pytest.mark.parametrize("bar", BARS)
def test_figure_6_follows_from_table_4(bar):
    time, labels = times(), values("fig06", "layer", column="speedup", platform=bar)
    exact = {layer: time["CPU", "dense", layer] / time[(*BARS[bar], layer)] for layer in LAYERS}
    half = 0.05 if bar == "mGPU Dense" else 0.5
    off = {layer: round(ratio, 1) for layer, ratio in exact.items() if abs(ratio - labels[layer]) > half}
    assert off == (EIE_LABELS_OF_OTHER_TIMES if bar == "EIE" else {})


@pytest.mark.parametrize("bar", BARS)
def test_figure_7_follows_from_table_4_and_power(bar):
    labels = values("fig07", "layer", column="energy_efficiency", platform=bar)
    ratios = {layer: joules("CPU Dense", layer) / joules(bar, layer) for layer in CNN}
    assert {layer: round(ratio) for layer, ratio in ratios.items()} == labels[CNN].to_dict()


def test_figure_7_takes_eie_for_600_and_not_590_milliwatts():
    label = values("fig07", "layer", column="energy_efficiency", platform="EIE")["Alex-7"]
    assert joules("CPU Dense", "Alex-7") / (times()["EIE", "actual", "Alex-7"] * 0.590) - label > 1000


def test_implied_power_is_what_figure_7_implies():
    table = load("power")
    implied = table[table["origin"] == "implied"].set_index("layer")
    assert set(table["origin"]) == {"printed", "implied"}
    assert (table["origin"] == "implied").equals(table["place"].str.startswith("implied by "))
    for layer, row in implied.iterrows():
        label = values("fig07", "layer", column="energy_efficiency", platform="EIE")[layer]
        power = label * joules("EIE", layer) / times()["CPU", "dense", layer]
        assert abs(row["power"] - power) + 0.5 / label * power <= row["reading_error"]


@pytest.mark.parametrize(("name", "column"), [("fig06", "speedup"), ("fig07", "energy_efficiency")])
def test_geometric_means_of_labels(name, column):
    labels = values(name, "platform", "layer", column=column)
    mean = geometric_mean(list(labels["EIE"][LAYERS]))
    assert round(mean) == labels["EIE", "Geo Mean"]
    claim = "speedup-cpu" if name == "fig06" else "energy-cpu"
    assert mean == pytest.approx(text(claim), rel=0.01)


def test_geometric_means_of_times():
    time, labels = times(), values("fig06", "platform", column="speedup", layer="Geo Mean")
    means = {}
    for bar, key in BARS.items():
        means[bar] = geometric_mean([time["CPU", "dense", layer] / time[(*key, layer)] for layer in LAYERS])
        if bar != "EIE":
            assert round(means[bar], 1 if bar == "mGPU Dense" else None) == labels[bar]
    assert means["EIE"] == pytest.approx(193.9, abs=0.05)  # the label, 189, is the mean of the labels
    assert round(189.2 / means["GPU Dense"]) == text("speedup-gpu")
    assert round(189.2 / means["mGPU Dense"]) == text("speedup-mgpu")


@pytest.mark.parametrize("bar", BARS)
def test_figure_7_means_of_labels(bar):
    labels = values("fig07", "layer", column="energy_efficiency", platform=bar)
    means = [geometric_mean([labels[layer] + half for layer in LAYERS]) for half in (-0.5, 0.5)]
    assert means[0] - 0.5 <= labels["Geo Mean"] <= means[1] + 0.5
    assert geometric_mean(list(labels[LAYERS])) == pytest.approx(labels["Geo Mean"], rel=0.05)


def test_figure_7_means_over_gpus():
    mean = values("fig07", "platform", column="energy_efficiency", layer="Geo Mean")
    for bar, claim in [("GPU Dense", "energy-gpu"), ("mGPU Dense", "energy-mgpu")]:
        assert mean["EIE"] / (mean[bar] + 0.5) < text(claim) < mean["EIE"] / (mean[bar] - 0.5)


def test_figure_9_panels_differ():
    left = values("fig09_reads", "quantity", "width_bits")
    product = left["energy_per_read"] * left["reads"] / 1e3  # nJ
    right = values("fig09_total", "layer", "width_bits", column="energy")
    assert list(product.round()) == [3952, 3622, 4332, 5822, 9996]
    assert product.idxmin() == text("best-width")
    assert list(right.groupby(level="width_bits").sum()) == [24608, 20358, 19596, 21122, 25751]
    assert [layer for layer in LAYERS if right[layer].idxmin() == 64] == ["Alex-7", "VGG-6", "VGG-7"]
    assert left["energy_per_read"].is_monotonic_increasing
    assert left["reads"].is_monotonic_decreasing


def test_figure_10_agrees_with_what_is_printed():
    table = load("fig10").set_index(["quantity", "precision"])
    error = table["reading_error"]
    energy, accuracy = table["value"]["multiply_energy"], table["value"]["accuracy"]
    table1 = values("table1", "operation", quantity="energy")
    for precision, operation in [("32b float", "32 bit float MULT"), ("32b int", "32 bit int MULT")]:
        assert energy[precision] == pytest.approx(table1[operation], abs=error["multiply_energy", precision])
    assert energy["32b int"] / energy["16b int"] == pytest.approx(text("precision-int32"), rel=0.05)
    assert energy["32b float"] / energy["16b int"] == pytest.approx(text("precision-float32"), rel=0.05)
    for precision, claim in [("32b float", "float32"), ("16b int", "int16"), ("8b int", "int8")]:
        assert abs(accuracy[precision] - text(f"accuracy-{claim}")) <= error["accuracy", precision]


def test_text_multiplies_out():
    factors = ["sram", "sparsity", "sharing", "activations"]
    assert prod(text(f"saving-{factor}") for factor in factors) == text("saving-product")
    assert text("throughput-pe") * text("pe-count") == pytest.approx(text("throughput-compressed"), abs=0.5)
    assert text("clock") * 2 / 1e3 == text("throughput-pe")
    sparsity = text("weight-sparsity-factor") * text("activation-sparsity-factor")
    assert text("throughput-compressed") * sparsity / 1e3 == pytest.approx(text("throughput-dense"), abs=0.1)
    assert 100 * (1 - 1 / sparsity) == pytest.approx(text("operations-saved"), abs=0.5)
    assert sum(text(f"sram-{part}") for part in ["spmat", "ptr", "act"]) == text("sram-total")
    entries = text("sram-spmat") * 1024 * 8 / text("spmat-entry-bits")
    assert entries == pytest.approx(text("pe-weights-compressed"), abs=500)
    assert text("weight-bits") + text("index-bits") == text("spmat-entry-bits")
    assert text("spmat-width") / text("spmat-entry-bits") == text("spmat-entries-per-read")
    assert text("spmat-read-interval") == text("spmat-entries-per-read")
    assert text("act-registers") * text("pe-count") == text("act-registers-chip")
    column = text("example-column-rows") * text("example-column-density") / 100
    assert column / text("pe-count") == text("entries-per-column")
    assert text("pointer-row-bits") + text("pointer-entry-bits") == text("pointer-bits")
    assert 2 ** text("weight-bits") == text("codebook-entries") == text("max-jump") == text("max-zeros") + 1


def test_text_and_tables():
    frames = 1e6 / times()["EIE", "actual"][["Alex-6", "Alex-7", "Alex-8"]].sum()
    assert frames == pytest.approx(1.908e4, abs=5)  # the abstract: 1.88e4
    assert text("alexnet-frames") == pytest.approx(frames, rel=0.02)
    found = values("table5", "platform", "quantity")
    assert float(found["EIE 64PE", "max_params"]) == text("max-parameters-64pe")
    assert float(found["EIE 256PE", "max_params"]) == 4 * text("max-parameters-64pe")
    assert float(found["EIE 64PE", "area"]) == text("chip-area")
    assert float(found["EIE 64PE", "power"]) * 1e3 == text("power-section-1")
    sizes = load("table3").set_index("layer")
    assert sizes.n_in.max() == text("largest-input")
    assert sizes.n_out["NT-We"] == text("nt-we-rows")
    assert sizes.weight_density_pct["NT-We"] == text("nt-we-density-section-7") != text("nt-we-density-section-6")


def deep_compression(table):
    return values("deep_compression", "network", "layer", "variant", "quantity", table=table)


def test_deep_compression_table_1_agrees_with_tables_2_to_5():
    first = deep_compression(1)
    for number, network in enumerate(["LeNet-300-100", "LeNet-5", "AlexNet", "VGG-16"], 2):
        layers = deep_compression(number)
        factor = first[network, "total", "compressed", "size_factor"]
        assert layers[network, "total", "P+Q+H", "size_factor"] == factor
        assert 100 / layers[network, "total", "P+Q+H", "size"] == pytest.approx(factor, abs=0.7)
        sizes = [first[network, "total", variant, "size"] for variant in ["reference", "compressed"]]
        assert sizes[0] / sizes[1] == pytest.approx(factor, abs=0.7)


@pytest.mark.parametrize("number", [2, 3, 4, 5])
def test_deep_compression_totals(number):
    cells = deep_compression(number).droplevel("network").unstack(["variant", "quantity"])
    total, layers = cells.loc["total"], cells.drop("total")
    weights = layers["original", "weights"]
    assert weights.sum() == pytest.approx(total["original", "weights"], rel=0.01)
    means = layers.mul(weights, axis=0).sum() / weights.sum()
    off = {}
    for column in [("P", "weights_left"), ("P+Q", "size"), ("P+Q+H", "size")]:
        if abs(means[column] / total[column] - 1) > 0.07:
            off[column] = round(means[column], 2)
    assert off == LAYER_MEANS_THAT_MISS_THE_TOTAL.get(number, {})


@pytest.mark.parametrize("number", [2, 3, 4, 5])
def test_deep_compression_sizes_follow_from_bits(number):
    cells = deep_compression(number).drop("total", level="layer").unstack(["variant", "quantity"])
    large_convolution = cells.index.get_level_values("layer").str.startswith("conv")
    large_convolution &= cells["original", "weights"] > 1e5
    for variant in ["P+Q", "P+Q+H"]:
        bits = cells[variant, "weight_bits"] + cells[variant, "index_bits"]
        ratio = cells["P", "weights_left"] * bits / 32 / cells[variant, "size"]
        assert ratio.max() < 1.03  # codebooks and padding zeros only add
        assert ratio[large_convolution].between(0.97, 1.03).all()


def test_deep_compression_table_6_increases():
    found = values("deep_compression", "variant", "quantity", table=6).unstack("quantity")
    for top in ["top1_error", "top5_error"]:
        more = found[top] - found.loc["conv/fc bits 32/32", top]
        assert (more - found[f"{top}_increase"]).dropna().abs().max() < 1e-9


def test_deep_compression_table_7_factors():
    found = values("deep_compression", "variant", "quantity", table=7).unstack("quantity")
    factor = found["size_factor"].dropna()
    sizes = found["size"]
    assert (sizes["reference"] / sizes[factor.index]).to_dict() == pytest.approx(factor.to_dict(), rel=0.1)


def test_deep_compression_keeps_the_densities_of_table_3():
    density = load("table3").set_index("layer")["weight_density_pct"]
    for number, network, layers in [(4, "AlexNet", CNN[:3]), (5, "VGG-16", CNN[3:])]:
        left = deep_compression(number)[network].unstack(["variant", "quantity"])["P", "weights_left"]
        assert list(left[["fc6", "fc7", "fc8"]]) == list(density[layers])


def test_retrospective_agrees_with_the_paper():
    slide = values("retrospective", "id")
    assert slide["weight-sparsity-compute"] == text("saving-sparsity")
    assert slide["activation-sparsity-compute"] == text("saving-activations")
    assert slide["weight-sharing-memory"] == text("saving-sharing")
    assert slide["activation-sparsity"] == 100 - text("activation-density")


def test_one_row_is_wanted():
    assert published.row("table4", platform="EIE", variant="actual", layer="Alex-7")["time"] == 12.2
    with pytest.raises(ValueError, match="table4 has 18 rows with"):
        published.row("table4", platform="EIE")
    with pytest.raises(ValueError, match="no column 'colour'; it has platform, batch"):
        published.row("table4", colour="red")


@pytest.mark.parametrize(
    ("printed", "half"),
    [(35.1, 0.05), (9, 0.5), (640, 5), (600, 50), (0.59, 0.005), (7516.2, 0.05), (0, 0.5), (1e9, 5e8)],
)
def test_half_of_the_last_digit(printed, half):
    assert published.half_digit(printed) == pytest.approx(half)
