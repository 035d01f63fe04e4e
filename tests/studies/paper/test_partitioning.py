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
