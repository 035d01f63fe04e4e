from eie.studies.paper.chip_claims import batches, queue_holds


def test_queue_is_full_one_short_of_its_depth():
    assert [queue_holds(depth) for depth in (2, 3, 8)] == [1, 2, 7]


def test_batches_do_all_the_work():
    runs = batches("VGG-6")
    assert runs["inputs"].tolist() == [4096] * 6 + [512]
    assert runs["most"].max() < 2**16
