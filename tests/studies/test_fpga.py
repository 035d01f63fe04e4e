import pandas as pd
import pytest

from eie.hardware import build, fpga, host, icarus
from eie.studies import fpga_lenet
from eie.studies.fpga import OnFpga

needs_mnist = pytest.mark.needs_data("mnist")
needs_tools = pytest.mark.skipif(bool(build.missing_tools()), reason=build.missing_tools())
needs_icarus = pytest.mark.skipif(not icarus.installed(), reason="a run through the pins needs Icarus Verilog")


@needs_mnist
@needs_tools
def test_lenet_equals_the_model_on_a_few_pictures():
    network = fpga_lenet.on_chip(10)
    rows = fpga_lenet.run(network, range(10))
    assert [row["answer"] for row in rows] == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert [row["differences"] for row in rows] == [0] * 10


@needs_mnist
@needs_tools
@pytest.mark.long
def test_lenet_equals_the_model_on_200_pictures():
    rows = fpga_lenet.run(fpga_lenet.on_chip(), range(fpga_lenet.PICTURES))
    assert sum(row["differences"] for row in rows) == 0
    assert sum(row["answer"] == row["label"] for row in rows) >= 0.97 * len(rows)


@needs_mnist
@needs_tools
@needs_icarus
@pytest.mark.long
def test_a_host_runs_lenet_through_the_pins_alone():
    network = fpga_lenet.on_chip(1)
    (row,) = fpga_lenet.run(network, [0])
    found = host.simulate(network.layers, network.raw[:1], fpga_lenet.size())
    assert found.cycles == [row[f"cycles {name}"] for name in network.names]
    assert int(found.raw[0].argmax()) == row["answer"]


def test_times_are_told_at_the_clock_of_the_worst_seed():
    routed = pd.DataFrame(
        {
            "n_pe": [4, 4, 16, 16],
            "seed": [1, 2, 1, 2],
            "mhz": [100.0, 90.0, 80.0, 85.0],
            "luts": 5000,
            "luts_available": 80000,
            "ffs": 2000,
            "block_rams": 16,
            "multipliers": 4,
            "path": "a to b",
        }
    )
    pictures = pd.DataFrame({"label": [7, 2], "answer": [7, 3], "cycles ip1": [300, 400], "cycles ip2": [100, 160]})
    pictures["differences"] = [0, 1]
    found = OnFpga(routed, pictures, {"memories": 30000, "inputs": 700, "between layers": 100}, 16)
    table = found.table()
    assert table["clock, worst seed, MHz"].to_dict() == {4: 90.0, 16: 80.0}
    assert table["clock, best seed, MHz"].to_dict() == {4: 100.0, 16: 85.0}
    assert table.loc[16, "LUTs, % of device"] == 6.25
    assert found.lenet().loc["network"].to_dict() == {
        "mean cycles": 480,
        "min cycles": 400,
        "max cycles": 560,
        "mean µs": 6.0,
        "min µs": 5.0,
        "max µs": 7.0,
    }
    words = found.words()
    assert "With 16 PEs, whose clock is 80 MHz" in words
    assert "**6.0 µs** per image on average (5.0 to 7.0 µs), without loading" in words
    assert "It answers 50.0 % of the first 2 test images" in words
    assert "1 of the results and counters differed from the model's, apart from the 2 extra cycles per layer" in words
    assert "800 words for each image (10.0 µs)." in words
    assert "<td>80.0</td>" in found._repr_html_()


@needs_mnist
@needs_tools
@needs_icarus
@pytest.mark.long
def test_the_netlist_runs_lenet_as_the_rtl_does(tmp_path):
    network = fpga_lenet.on_chip(2)
    rows = fpga_lenet.run(network, [0, 1])
    netlist = fpga.synthesise(fpga_lenet.size(), tmp_path)
    found = host.simulate(network.layers, network.raw, fpga_lenet.size(), netlist)
    assert found.cycles == [row[f"cycles {name}"] for row in rows for name in network.names]
    assert found.raw.argmax(axis=1).tolist() == [row["answer"] for row in rows]
