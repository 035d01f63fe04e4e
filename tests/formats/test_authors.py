import os
from dataclasses import replace

import numpy as np
import pytest

import eie
from eie._files import read_toml
from eie.datasets import catalogue
from eie.explore.spread import measured_spread, spread_of
from eie.formats import FormatError, authors

N_OUT, N_IN, N_PE = 150, 20, 4
SPM, PTR = "spm/spm1.dat", "ptr/ptr1.dat"


def write_dump(folder, mem, activations):
    (folder / "ptr").mkdir(parents=True)
    (folder / "spm").mkdir()
    activations.astype("<f4").tofile(folder / "act.dat")
    mem.codebook.astype("<f4").tofile(folder / "arithm.dat")
    for p in range(mem.n_pe):
        codes, skips, pointers = mem.pe(p)
        pointers.astype("<u4").tofile(folder / "ptr" / f"ptr{p}.dat")
        np.stack([codes, skips], axis=1).astype("<u4").tofile(folder / "spm" / f"spm{p}.dat")


@pytest.fixture
def layer():
    return eie.draw_layer(N_OUT, N_IN, 0.06, seed=3)


@pytest.fixture
def activations():
    return eie.draw_activations(N_IN, 0.5, seed=4)


@pytest.fixture
def dump(tmp_path, layer, activations):
    folder = tmp_path / "dump"
    write_dump(folder, eie.encode(layer, eie.Machine(n_pe=N_PE)), activations)
    return folder


def change(path, dtype, place, value):
    numbers = np.fromfile(path, dtype)
    numbers[place] = value
    numbers.tofile(path)


def lengthen(path, n_bytes):
    os.truncate(path, path.stat().st_size + n_bytes)


def assert_refused(folder, *named):
    with pytest.raises(FormatError) as caught:
        authors.read(folder, N_OUT)
    for words in named:
        assert words in str(caught.value)


def test_dump_reads_back_as_the_layer_it_was_written_from(dump, layer, activations):
    found = authors.read(dump, N_OUT)
    assert eie.decode(found.mem) == layer
    assert found.mem.n_padding > 0
    np.testing.assert_array_equal(found.activations, activations)
    assert found.machine == replace(eie.EIE_45NM, n_pe=N_PE)


@pytest.mark.parametrize(("n_pe", "n_out"), [(1, 5), (3, 40), (7, 6), (16, 15)])
def test_any_number_of_pes(tmp_path, n_pe, n_out):
    layer = eie.draw_layer(n_out, 9, 0.3, seed=n_pe)
    write_dump(tmp_path / "dump", eie.encode(layer, eie.Machine(n_pe=n_pe)), eie.draw_activations(9, 0.5, seed=0))
    found = authors.read(tmp_path / "dump", n_out)
    assert found.machine.n_pe == n_pe
    assert eie.decode(found.mem) == layer


def test_pe_without_entries(tmp_path):
    layer = eie.CompressedLayer.from_codes(np.array([[5, 0], [0, 0]]), np.arange(16.0), bias_codes=np.array([3, 0]))
    write_dump(tmp_path / "dump", eie.encode(layer, eie.Machine(n_pe=2)), np.ones(2))
    assert (tmp_path / "dump" / "spm" / "spm1.dat").stat().st_size == 0
    assert eie.decode(authors.read(tmp_path / "dump", 2).mem) == layer


def test_without_a_folder_the_data_set_is_read(dump, layer, monkeypatch):
    monkeypatch.setenv("EIE_DATA", str(dump.parent))
    dump.rename(dump.parent / "EIE-simulator")
    monkeypatch.setattr(catalogue, "_check_sizes", lambda *_: None)  # this dump is a small one
    assert eie.decode(authors.read(n_out=N_OUT).mem) == layer


def test_without_a_folder_or_data_the_message_says_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setenv("EIE_DATA", str(tmp_path))
    monkeypatch.setattr(catalogue, "user_cache_path", lambda name: tmp_path / name)
    with pytest.raises(FileNotFoundError, match="eie data fetch authors-layer"):
        authors.read()


@pytest.mark.parametrize(
    "name",
    ["act.dat", "arithm.dat", "spm/spm0.dat", f"spm/spm{N_PE - 1}.dat", "ptr/ptr1.dat", f"ptr/ptr{N_PE - 1}.dat"],
)
def test_missing_file(dump, name):
    (dump / name).unlink()
    assert_refused(dump, str(dump / name), "no such file")


def test_no_pointer_files(dump):
    for path in (dump / "ptr").iterdir():
        path.unlink()
    assert_refused(dump, str(dump / "ptr" / "ptr0.dat"), "no such file")


def test_first_pointer_file_missing(dump):
    (dump / "ptr" / "ptr0.dat").unlink()
    assert_refused(dump, str(dump / "ptr" / "ptr0.dat"), "no such file")


def test_no_folder(tmp_path):
    assert_refused(tmp_path / "nowhere", str(tmp_path / "nowhere"), "1..65536 pointer files", "found 0")


@pytest.mark.parametrize("name", ["arithm.dat", PTR, SPM])
@pytest.mark.parametrize("n_bytes", [-1, -4, -9, 1, 4, 8])
def test_truncated_or_oversized(dump, name, n_bytes):
    lengthen(dump / name, n_bytes)
    assert_refused(dump, str(dump / name), str((dump / name).stat().st_size))


@pytest.mark.parametrize("n_bytes", [-1, 3])
def test_input_of_broken_numbers(dump, n_bytes):
    lengthen(dump / "act.dat", n_bytes)
    assert_refused(dump, str(dump / "act.dat"), str(4 * N_IN + n_bytes))


@pytest.mark.parametrize("n_numbers", [-1, 1])
def test_input_of_another_length_than_the_pointers(dump, n_numbers):
    lengthen(dump / "act.dat", 4 * n_numbers)
    assert_refused(dump, "ptr0.dat", f"{N_IN + n_numbers + 2} numbers")


@pytest.mark.parametrize("name", ["act.dat", "arithm.dat", PTR, SPM])
def test_empty_file(dump, name):
    os.truncate(dump / name, 0)
    assert_refused(dump, str(dump / name), "is empty")


@pytest.mark.parametrize("name", ["act.dat", "arithm.dat", PTR, SPM])
def test_huge_file_is_not_read(dump, name):
    os.truncate(dump / name, authors.MAX_FILE_BYTES + 4)
    assert_refused(dump, str(dump / name), f"at most {authors.MAX_FILE_BYTES} bytes")


def test_pointers_run_backwards(dump):
    pointers = np.fromfile(dump / PTR, "<u4")
    change(dump / PTR, "<u4", 3, pointers[4] + 2)
    assert_refused(dump, str(dump), "PE 1", "backwards at column 3", f"{pointers[4] + 2} then {pointers[4]}")


def test_pointers_do_not_start_at_0(dump):
    change(dump / PTR, "<u4", 0, 1)
    assert_refused(dump, str(dump), "pointers of PE 1 must run from 0", "got 1..")


@pytest.mark.parametrize("end", [0, 1, 2**32 - 1])
def test_last_pointer_is_not_the_number_of_entries(dump, end):
    change(dump / PTR, "<u4", -1, end)
    assert_refused(dump, str(dump / SPM), f"{2 * end} numbers")


@pytest.mark.parametrize("code", [16, 255, 256, 2**32 - 1])
def test_code_over_15(dump, code):
    change(dump / SPM, "<u4", 6, code)
    assert_refused(dump, str(dump), "codes of PE 1", "0..15", f"got {code}")


@pytest.mark.parametrize("index", [16, 255, 256, 2**32 - 1])
def test_relative_index_over_15(dump, index):
    change(dump / SPM, "<u4", 7, index)
    assert_refused(dump, str(dump), "relative indices of PE 1", "0..15", f"got {index}")


def test_relative_indices_past_the_last_row(dump):
    change(dump / SPM, "<u4", slice(1, None, 2), 15)
    assert_refused(dump, str(dump), f"0..{N_OUT - 1}", "on PE 1 reach row 189")  # its third entry: 4 * 47 + 1


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_input_is_no_finite_number(dump, value):
    change(dump / "act.dat", "<f4", 3, value)
    assert_refused(dump, str(dump / "act.dat"), f"has {value}", "at byte 12")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_shared_weight_is_no_finite_number(dump, value):
    change(dump / "arithm.dat", "<f4", 5, value)
    assert_refused(dump, str(dump / "arithm.dat"), f"has {value} at byte 20")


def mutate(rng, content):
    kind = rng.integers(4)
    mutant = bytearray(content)
    if kind == 0 and mutant:
        for at in rng.integers(len(mutant), size=rng.integers(1, 4)):
            mutant[at] ^= rng.integers(1, 256)
    elif kind == 1 and len(mutant) >= 4:
        at = 4 * rng.integers(len(mutant) // 4)
        mutant[at : at + 4] = int(rng.choice([0, 1, 15, 16, 2**31, 2**32 - 1])).to_bytes(4, "little")
    elif kind == 2:
        del mutant[rng.integers(len(mutant) + 1) :]
    else:
        mutant += rng.bytes(rng.integers(1, 17))
    return bytes(mutant)


def test_mutated_files_are_refused_or_read_but_never_crash(dump):
    rng = np.random.default_rng(2016)
    files = sorted(path for path in dump.rglob("*.dat"))
    n_read, refusals = 0, []
    for _ in range(600):
        path = files[rng.integers(len(files))]
        content = path.read_bytes()
        path.write_bytes(mutate(rng, content))
        try:
            eie.decode(authors.read(dump, N_OUT).mem)
            n_read += 1
        except FormatError as error:
            refusals.append(str(error))
        path.write_bytes(content)
    assert n_read > 50
    assert len(refusals) > 200
    assert all(str(dump) in refusal for refusal in refusals)


@pytest.mark.needs_data("authors-layer")
def test_authors_layer_has_what_the_data_file_says():
    facts, dump = read_toml("authors_layer.toml"), authors.read()
    layer = eie.decode(dump.mem)
    counted = {"n_out": layer.n_out, "n_in": layer.n_in, "nonzero": layer.nnz}
    assert counted == {key: value for key, value in facts["layer"].items() if key != "benchmark"}
    assert np.count_nonzero(dump.activations > 0) == facts["input"]["nonzero"]


@pytest.mark.needs_data("authors-layer")
def test_authors_layer_takes_what_their_simulator_counted():
    dump = authors.read()
    assert dump.machine == eie.Machine(n_pe=64, fifo_depth=8, spmat_width_bits=64)
    report = eie.simulate(dump.mem, dump.activations, dump.machine)
    assert (report.cycles, report.ptr_reads, report.spmat_reads) == (7926, 112_640, 100_900)
    assert report.macs + report.padding == 453_748


@pytest.mark.needs_data("authors-layer")
def test_authors_encoded_their_layer_as_encode_does():
    dump = authors.read()
    mine = eie.encode(eie.decode(dump.mem), dump.machine)
    for name in ("codes", "skips", "pe_start", "pointers", "column_macs"):
        np.testing.assert_array_equal(getattr(mine, name), getattr(dump.mem, name), err_msg=name)


@pytest.mark.needs_data("authors-layer")
def test_spread_in_the_data_file_is_that_of_the_authors_layer():
    found, stated = spread_of(eie.decode(authors.read().mem)), measured_spread()
    for name in ("row_cv", "column_cv", "bias_density"):
        assert getattr(found, name) == pytest.approx(getattr(stated, name), abs=0.005)
