import numpy as np
import pytest
from rtl_layers import SETS, cases

import eie
from eie.hardware import icarus

pytestmark = pytest.mark.skipif(not icarus.installed(), reason="the second opinion needs Icarus Verilog")


@pytest.mark.parametrize("parameters", SETS[:5], ids=lambda p: f"{p[0]}pe-depth{p[1]}")
def test_four_states_say_the_same(parameters):
    for case in cases(parameters)[1:7]:
        setting = {"formats": case.formats, "signed": case.signed}
        found = icarus.simulate(case.mem, case.activations, case.machine, **setting)
        stepped = eie.step(case.mem, case.activations, case.machine, **setting)
        assert found.report == stepped.report, case.kind
        assert found.saturations == stepped.saturations, case.kind
        np.testing.assert_array_equal(found.raw, stepped.raw, case.kind)
