import pytest
import toy_cells

from eie.hardware.silicon import liberty


@pytest.fixture(scope="session")
def toy_path(tmp_path_factory):
    file = tmp_path_factory.mktemp("cells") / "toy.lib"
    file.write_text(toy_cells.text(), encoding="ascii")
    return file


@pytest.fixture(scope="session")
def toy(toy_path):
    return liberty.read(toy_path)
