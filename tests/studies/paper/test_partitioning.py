import pytest

from eie.studies import paper


def test_partitioning_rows_win_except_where_rows_are_few():
    result = paper.partitioning.partitioning(["Alex-7", "NT-We"])
    table = result.table()
    assert table.loc["Alex-7"].idxmin() == "rows to PEs"
    assert table.loc["NT-We"].idxmin() == "2-D blocks"
    assert result.words().startswith("On NT-We, rows are not fastest: 2-D blocks take 0.7")
    assert "Blocks are balanced worse than rows on Alex-7." in result.why()
    assert "Columns are balanced worse than rows on 1 of 2 layers" in result.why()
    assert result.balance().max().max() <= 100
    assert result.plot().axes[0].get_ylabel() == "time, rows to PEs = 1"


def test_partitioning_needs_a_square():
    with pytest.raises(ValueError, match=r"n_pe must be a square number in 1\.\.65536, for the 2-D blocks, got 32"):
        paper.partitioning.partitioning(["NT-We"], n_pe=32)


def test_one_layer_is_named_and_has_no_range():
    slower = paper.partitioning.partitioning(["NT-We"])
    assert "is **not fastest**: 2-D blocks take 0.7" in slower.answer()
    assert slower.why().startswith("Columns are not balanced worse than rows on NT-We.")
    fastest = paper.partitioning.partitioning(["Alex-6"])
    assert fastest.answer().startswith("On Alex-6, distributing rows to PEs (processing elements), as EIE does, is **f")
    assert fastest.words() == "Rows are fastest on Alex-6."
    assert all(" to 1" not in words and "1 layer" not in words for words in (fastest.answer(), fastest.why()))
