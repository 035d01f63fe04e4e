import pytest
import toy_cells

from eie.formats import FormatError
from eie.hardware.silicon import groups, liberty


def test_licence_is_the_comment_at_the_beginning(toy_path):
    assert groups.licence_of(toy_path) == toy_cells.LICENCE


def test_cells_are_read(toy_path):
    library = liberty.read(toy_path)
    assert (library.name, library.voltage, library.corner) == ("toy", 1.0, "usual 1 V 25 C")
    roles = {name: cell.role for name, cell in library.cells.items()}
    assert roles["NAND2_X1"] == roles["LOGIC0_X1"] == "logic"
    assert roles["DFF_X1"] == "flip-flop"
    assert roles["GATE_X1"] == "clock gate"
    nand = library.cells["NAND2_X1"]
    assert (nand.area, nand.leakage, [pin.name for pin in nand.inputs]) == (2.0, 10.0, ["A", "B"])
    (out,) = nand.outputs
    assert out.function == "!(A & B)"
    assert [(arc.related, arc.sense) for arc in out.arcs] == [("A", "negative_unate"), ("B", "negative_unate")]
    assert out.energies[0].mean(0.02, 5) == 3.0
    flop = library.cells["DFF_X1"]
    assert (flop.next_state, flop.state, flop.pins["C"].clock) == ("D", "S", True)
    assert flop.pins["D"].arcs[0].delay["fall"].at(0.5, 0.5) == 0.05
    assert [energy.when for energy in flop.pins["D"].energies] == ["!C", "C"]


def test_tables_are_linear_between_their_points_and_beyond(toy_path):
    delay = liberty.read(toy_path).cells["INV_X1"].pins["Z"].arcs[0].delay["rise"]
    assert [delay.at(0.3, load) for load in (0, 50, 200)] == pytest.approx([0.01, 0.06, 0.21])


def test_wires_grow_with_their_pins(toy_path):
    wires = liberty.read(toy_path).wires
    assert [wires.load(pins) for pins in (0, 1, 2, 4)] == [0, 2, 6, 10]


def test_units_and_rows_of_tables_are_those_of_the_library(tmp_path):
    text = toy_cells.text().replace('"1ns"', '"10ps"').replace("(1, ff)", "(0.001, pf)").replace('"1nW"', '"1uW"')
    (tmp_path / "a.lib").write_text(text, encoding="ascii")
    cell = liberty.read(tmp_path / "a.lib").cells["INV_X1"]
    assert cell.leakage == 10_000
    assert cell.pins["A"].capacitance == {"rise": 1.0, "fall": 1.0}
    assert cell.pins["Z"].arcs[0].delay["rise"].at(0.003, 50) == pytest.approx(0.0006)


def damaged(change):
    text = toy_cells.text()
    return {
        "cut": text[: len(text) // 2],
        "no comment": text[text.index("library") :],
        "no library": "/* mine */ other (toy) { }",
        "units": text.replace('"1ns"', '"1h"'),
        "no cell": text[: text.index("cell (")] + "}",
        "empty": "",
    }[change]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("cut", "it ends within a group"),
        ("no comment", "does not begin with a comment"),
        ("no library", "it has no group 'library'"),
        ("units", "units are not supported: '1h'"),
        ("no cell", "no cell in the library"),
        ("empty", "no group 'library'"),
    ],
)
def test_what_is_no_library_is_refused(tmp_path, change, words):
    file = tmp_path / "bad.lib"
    file.write_text(damaged(change), encoding="ascii")
    with pytest.raises(FormatError, match=words):
        liberty.read(file)


def test_a_missing_library_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no library"):
        groups.licence_of(tmp_path / "none.lib")
