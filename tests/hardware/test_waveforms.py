import pytest
from rtl_layers import SETS, cases

import eie
from eie import hardware
from eie.hardware import build, vcd

needs_tools = pytest.mark.skipif(bool(build.missing_tools()), reason=build.missing_tools())


def traced(case, path, stepped):
    setting = {"formats": case.formats, "signed": case.signed, "stepped": stepped}
    run = hardware.trace(case.mem, case.activations, path, case.machine, **setting)
    expected = eie.step(case.mem, case.activations, case.machine, formats=case.formats, signed=case.signed)
    assert run.report == expected.report
    return vcd.read(path.read_text(encoding="ascii"))


def values_at(changes, times):
    """The value that a signal has just before each of these times."""
    found, k, value = [], 0, None
    for time in times:
        while k < len(changes) and changes[k][0] < time:
            value = changes[k][1]
            k += 1
        found.append(value)
    return found


@needs_tools
@pytest.mark.parametrize("kind", [1, 2, 3, 5])
def test_rtl_and_stepped_machine_have_the_same_waveform(tmp_path, kind):
    case = cases(SETS[2])[kind]
    rtl = traced(case, tmp_path / "rtl.vcd", stepped=False)
    stepped = traced(case, tmp_path / "stepped.vcd", stepped=True)
    period = 1250
    begin = next(time for time, value in rtl["eie_top scanning_o"] if value)  # at a rising edge
    cycles = max(changes[-1][0] for changes in stepped.values() if changes) // period
    compared = 0
    for name, changes in stepped.items():
        ours = values_at(rtl[name], [begin + period * (k + 1) for k in range(cycles)])
        model = values_at(changes, [period * k + 1 for k in range(cycles)])
        pairs = [(mine, other) for mine, other in zip(ours, model, strict=True) if other is not None]
        assert [mine for mine, _ in pairs] == [other for _, other in pairs], name
        compared += len(pairs)
    assert len(stepped) == 4 + 15 * case.machine.n_pe
    assert compared > 1000


def test_the_stepped_machine_needs_no_tools(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "missing_tools", lambda: "nothing is installed")
    case = cases(SETS[1])[0]
    found = traced(case, tmp_path / "run.vcd", stepped=True)
    assert sum(value == 1 for _, value in found["eie_top push_o"]) > 1
    assert len(list(tmp_path.iterdir())) == 1


def test_another_ending_is_refused(tmp_path):
    case = cases(SETS[1])[0]
    with pytest.raises(ValueError, match=r"must be a \.vcd file"):
        hardware.trace(case.mem, case.activations, tmp_path / "run.txt", case.machine)
