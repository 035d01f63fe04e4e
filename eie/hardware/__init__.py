"""EIE in SystemVerilog: its memories as files, its simulation bit by bit, its proofs.

The RTL is in the folder `rtl`, one module per file. It is equal to `eie.step` in every counter and every bit.
"""

from eie.hardware.geometry import Geometry
from eie.hardware.images import images
from eie.hardware.simulation import batches, chain, simulate
from eie.hardware.waveforms import trace

__all__ = ["Geometry", "batches", "chain", "images", "simulate", "trace"]
