import inspect

import pytest

from eie.studies.paper.setup import Setup, exhibit


@exhibit("seed", "layers", draws=1)
def made(setup: Setup, depth: int = 3) -> tuple[Setup, int]:
    """Make nothing."""
    return setup, depth


def test_layers_stand_before_an_exhibits_own_parameters_and_the_others_after():
    assert str(inspect.signature(made)) == "(layers=None, depth: int = 3, seed=0, draws=1)"
    assert made(["NT-We"], 4, 5) == (Setup(["NT-We"], seed=5, draws=1), 4)
    assert made(depth=2, draws=3) == (Setup(draws=3), 2)


def test_field_that_an_exhibit_does_not_take():
    with pytest.raises(TypeError, match="unexpected keyword argument 'n_pe'"):
        made(n_pe=4)


def test_docstring_names_the_shared_parameters():
    assert made.__doc__ == "Make nothing.\n\nFields of `Setup` that it also takes: layers, seed, draws."
