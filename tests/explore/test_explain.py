import numpy as np
import pytest
from cases import runs
from hypothesis import given, settings

import eie
from eie import stepped
from eie.central_control import CentralControl
from eie.explore.explain import CAUSES, explain, timeline

WORK, PADDING, EMPTY, STARVATION, SCAN, FINISHED, PIPELINE = range(len(CAUSES))


def encoded(codes, bias, codebook, machine):
    return eie.encode(eie.CompressedLayer.from_codes(codes, codebook, bias), machine)


def watched(mem, activations, machine):
    """Cycles of every PE by cause, from what the modules of the stepped machine are seen to do in each cycle."""
    formats = stepped.UNIT_FORMATS
    raw, _ = formats.activation.quantize(activations)
    weights, _ = formats.weight.quantize(mem.codebook)
    control = CentralControl(raw, activations != 0, 1 if mem.has_bias else None, mem.n_pe)
    pes = [stepped.ProcessingElement(mem, p, machine, weights, formats) for p in range(mem.n_pe)]
    spent = np.zeros((mem.n_pe, len(CAUSES)), int)
    waiting = [
        [] for _ in pes
    ]  # the cycles in which a PE could take a column and had none, and what control did before
    before = "start"
    while not control.done or stepped.busy(pes):
        full = any(pe.queue.full for pe in pes)
        n_sent, place = control.n_sent, (control.address, control.bank)
        control.propagate(full)
        for p, pe in enumerate(pes):
            if pe.spmat_read.ready and pe.queue.head is None:
                waiting[p].append(before)
            pe.propagate(control.sent)
            issued = pe.spmat_read._issued
            if isinstance(issued, stepped.Bubble):
                spent[p, EMPTY] += 1
            elif issued is not None:
                spent[p, WORK if issued.code else PADDING] += 1
        control.update()
        for pe in pes:
            pe.update()
        moved = (control.address, control.bank) != place
        before = "sent" if control.n_sent > n_sent else "searched" if moved else "held back"
        if control.n_sent == len(np.flatnonzero(activations)) + mem.has_bias and before == "sent":
            ends = [len(cycles) for cycles in waiting]  # what comes after is no waiting for a broadcast
    for p, cycles in enumerate(waiting):
        until_last = cycles[: ends[p]] if control.n_sent else cycles
        spent[p, SCAN] = until_last.count("searched")
        spent[p, STARVATION] = until_last.count("held back")
    return spent


@settings(deadline=None, max_examples=40)
@given(runs())
def test_causes_add_up_exactly(run):
    machine, codes, bias, activations, codebook = run
    mem = encoded(codes, bias, codebook, machine)
    report, found = eie.simulate(mem, activations, machine), explain(mem, activations, machine)
    assert found.cycles == report.cycles
    assert (found.per_pe >= 0).all()
    assert (found.per_pe.sum(axis=1) == report.cycles).all()
    assert found.critical.sum() == report.cycles
    assert found.per_pe[:, WORK].sum() == report.macs
    assert found.per_pe[:, PADDING].sum() == report.padding
    assert found.critical[FINISHED] == 0 or report.broadcasts == 0


@settings(deadline=None, max_examples=20)
@given(runs())
def test_causes_are_those_seen_in_the_stepped_machine(run):
    machine, codes, bias, activations, codebook = run
    mem = encoded(codes, bias, codebook, machine)
    if not activations.any() and bias is None:
        return
    seen, found = watched(mem, activations, machine), explain(mem, activations, machine).per_pe
    for cause in (WORK, PADDING, EMPTY, SCAN, STARVATION):
        np.testing.assert_array_equal(found[:, cause], seen[:, cause], err_msg=list(CAUSES)[cause])


def test_by_hand():
    """PE 0 has five entries of column 0 and one of column 1, PE 1 one of each; the queues hold one activation."""
    codes = np.zeros((10, 3), np.uint8)
    codes[::2, 0] = 1
    codes[1, 0] = codes[0, 1] = codes[1, 1] = codes[1, 2] = 1
    machine = eie.Machine(n_pe=2, fifo_depth=2)
    found = explain(encoded(codes, None, np.arange(16.0), machine), np.ones(3), machine)
    # Columns are sent in cycles 0, 2 (column 0 has left the queues in cycle 1) and 7 (column 1 has left PE 0's in 6).
    # PE 0: five entries from cycle 1 on, one in 6, waits in 7, and in 8 finds that it has nothing of column 2.
    # PE 1: an entry in cycle 1, waits in 2, an entry in 3, waits in 4 to 7, an entry in 8.
    assert found.per_pe.tolist() == [[6, 0, 1, 1, 0, 0, 8], [3, 0, 0, 5, 0, 0, 8]]
    assert found.critical.tolist() == found.per_pe[0].tolist()
    assert found.cycles == 9 + 7
    assert (found.slowest_pe, found.slowest_column, found.slowest_column_entries) == (0, 0, 5)
    assert found.slowest_column_mean == 3.0


def test_nothing_to_send_is_all_search():
    machine = eie.Machine(n_pe=4)
    layer = eie.draw_layer(20, 10, 0.5, 0, bias=False)
    found = explain(layer, np.zeros(10), machine)
    assert found.cycles == 3
    assert (found.per_pe[:, SCAN] == 3).all()
    assert found.slowest_column == -1


def test_several_vectors_add_up():
    layer = eie.draw_layer(64, 50, 0.3, 0)
    vectors = np.stack([eie.draw_activations(50, density, 1) for density in (0.2, 0.9, 0.0)])
    found = explain(layer, vectors)
    singles = [explain(layer, vector) for vector in vectors]
    np.testing.assert_array_equal(found.per_pe, sum(single.per_pe for single in singles))
    np.testing.assert_array_equal(found.critical, sum(single.critical for single in singles))
    assert found.cycles == eie.simulate(layer, vectors).cycles


def test_table_says_the_sums():
    layer, machine = eie.draw_layer(640, 50, 0.3, 0), eie.Machine()
    found = explain(layer, eie.draw_activations(50, 0.5, 0), machine)
    table = found.table()
    assert table.index.tolist() == [*CAUSES, "sum"]
    for column in ("PE cycles", "share, %", "of the last PE"):
        assert table[column].iloc[:-1].sum() == pytest.approx(table.loc["sum", column])
    assert table.loc["sum", "PE cycles"] == 64 * found.cycles
    assert table.loc["sum", "of the last PE"] == found.cycles


@settings(deadline=None, max_examples=30)
@given(runs())
def test_timeline_has_the_waits_of_the_explanation(run):
    machine, codes, bias, activations, codebook = run
    mem = encoded(codes, bias, codebook, machine)
    found, time = explain(mem, activations, machine), timeline(mem, activations, machine)
    assert time.cycles == found.cycles
    assert (np.diff(time.broadcasts) > 0).all()
    if len(time.broadcasts):
        waited = found.per_pe[:, [STARVATION, SCAN]].sum(axis=1)
        np.testing.assert_array_equal(time.waits.sum(axis=0), waited + 1)  # the first broadcast is a cycle on its way


def test_wrong_activations():
    with pytest.raises(ValueError, match="0 or more, as after a ReLU"):
        explain(eie.draw_layer(8, 4, 0.5, 0), np.array([1, -1, 0, 0]))
