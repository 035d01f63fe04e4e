from eie.studies import paper


def test_table_3_has_the_printed_densities():
    table = paper.table3.table3().table()
    assert (table["weights %, drawn"] - table["weights %, paper"]).abs().max() < 0.1
    assert (table["inputs %, drawn"] - table["inputs %, paper"]).abs().max() < 0.05
    assert (table["FLOP %, drawn"] - table["FLOP %, paper"]).abs().max() < 1.1


def test_table_3_words_name_layers_that_round_otherwise():
    words = paper.table3.table3(["Alex-8", "Alex-7"]).words()
    assert "except in Alex-8;" not in words
    assert "except in Alex-8." in words
