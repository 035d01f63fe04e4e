"""What every layout of a layer does alike."""

import numpy as np
import pytest

import eie
from eie.studies.baselines.eie_kernel import CpuLayer
from eie.studies.baselines.expand_kernel import ExpandLayer
from eie.studies.baselines.row_kernel import RowLayer

LAYOUTS = pytest.mark.parametrize("layout", [CpuLayer, RowLayer, ExpandLayer])


@LAYOUTS
def test_a_copy_lies_elsewhere(layout):
    packed = layout.pack(eie.draw_layer(20, 20, 0.5, 0), 2)
    other = packed.copy()
    own, copied = ((x.bitmaps.data if layout is ExpandLayer else x.entries) for x in (packed, other))
    assert not np.shares_memory(own, copied)
    assert (other.multiply(np.ones(20)) == packed.multiply(np.ones(20))).all()


@LAYOUTS
def test_wrong_inputs_and_threads(layout):
    layer = eie.draw_layer(20, 10, 0.5, 0)
    with pytest.raises(ValueError, match=r"inputs must have shape \(10,\) or \(batch, 10\), got \(9,\)"):
        layout.pack(layer).multiply(np.ones(9))
    with pytest.raises(ValueError, match=r"inputs must have shape \(10,\) or \(batch, 10\), got \(1, 1, 10\)"):
        layout.pack(layer).multiply(np.ones((1, 1, 10)))
    with pytest.raises(ValueError, match=r"threads must be an integer in 1\.\.256, got 0"):
        layout.pack(layer, 0)
    with pytest.raises(ValueError, match="codebook must have 16 values"):
        layout.pack(eie.draw_layer(20, 10, 0.5, 0, weight_bits=5))


@LAYOUTS
def test_no_input_gives_no_output(layout):
    assert layout.pack(eie.draw_layer(20, 10, 0.5, 0)).multiply(np.empty((0, 10))).shape == (0, 20)
