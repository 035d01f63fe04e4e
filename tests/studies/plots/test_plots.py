import subprocess
import sys

import pytest

from eie.studies import plots


def test_an_exhibit_imports_what_draws_only_when_it_draws():
    code = (
        "import sys; from eie.studies.paper import table1; table1.table1().table(); print('matplotlib' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "False\n"


def test_every_name_is_there():
    assert {name for name in plots.__all__ if getattr(plots, name)} == {*plots.__all__}
    with pytest.raises(AttributeError, match="has no 'pies'; it has Figure, bars"):
        _ = plots.pies
