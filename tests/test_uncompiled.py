"""Before a process has loaded its kernels, NumPy computes the same numbers as they do, to the last digit."""

import subprocess
import sys

import numpy as np
import pytest

from eie import _compile
from eie._compile import Kernel

SMALL_WORK = """
import hashlib
import numpy as np
import eie
from eie.explore.many_machines import simulate_many

def outcomes():
    found = []
    def note(*things):
        for thing in things:
            data = np.ascontiguousarray(thing)
            found.append((data.dtype.str, data.shape, hashlib.sha256(data.tobytes()).hexdigest()))
    for case, (n_pe, density, bias, width, index_bits) in enumerate(CASES):
        rng = np.random.default_rng(case)
        n_out, n_in = map(int, rng.integers(1, 300, 2))
        spread = eie.Spread(0.3, 0.5, 0.8, 7, 0.4) if case % 3 == 2 else None
        layer = eie.draw_layer(n_out, n_in, density, case, spread, bias=bias)
        machine = eie.Machine(n_pe, case + 2, width, index_bits=index_bits)
        mem = eie.encode(layer, machine)
        vectors = np.stack([eie.draw_activations(n_in, share, case) for share in (0.0, 0.4, 1.0)])
        tables = mem.tables(machine.entries_per_row)
        note(layer.indptr, layer.rows, layer.codes, mem.codes, mem.skips, mem.pe_start, mem.pointers, *tables)
        designs = simulate_many(layer, vectors[1], [machine, eie.Machine(n_pe, 3, 64)])
        note(designs.cycles, designs.padding, designs.spmat_reads, designs.fullest)
        found.append(repr([eie.simulate(mem, vectors, machine), *designs.reports]))
    return found
CASES = [(1, 0.1, True, 64, 4), (3, 0.3, False, 32, 2), (64, 0.1, True, 64, 4), (65, 0.7, True, 128, 4),
         (130, 0.05, False, 64, 1), (64, 0.99, True, 64, 8), (300, 0.2, True, 512, 3), (64, 0.0, True, 64, 4),
         (4, 1.0, False, 64, 4)]
"""


def test_small_work_is_done_without_numba_and_alike():
    script = SMALL_WORK + "import sys; found = outcomes(); assert 'numba' not in sys.modules; print(repr(found))"
    kernels: dict = {}
    exec(SMALL_WORK, kernels)
    ran = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert _compile.pays(0)  # here kernels run
    assert eval(ran.stdout) == kernels["outcomes"]()


@pytest.fixture
def patient(monkeypatch):
    monkeypatch.setattr(_compile, "_spent", 0.0)


def test_kernels_take_over_when_there_is_much_to_do(patient):
    assert not _compile.pays(_compile.PATIENCE / 2)
    assert not _compile.pays(_compile.PATIENCE / 2, begin=False)
    assert not _compile.pays(_compile.PATIENCE / 4)
    assert _compile.pays(_compile.PATIENCE / 2)
    assert _compile.pays(0)


def test_a_kernel_that_is_compiled_calls_the_others(patient):
    stands_in = Kernel.after(lambda values: "stand-in")(len)
    assert stands_in(np.zeros(3)) == "stand-in"
    Kernel(lambda x: x).compile()
    assert _compile.pays(0)
