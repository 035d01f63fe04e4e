"""A few damaged files for every reader; `make fuzz` reads thousands."""

import fuzz
import pytest

from eie.networks import importing

TIMES = 25


@pytest.mark.parametrize("name", fuzz.READERS)
def test_damaged_files_are_refused_by_name_in_little_memory_and_time(tmp_path, name):
    assert fuzz.fuzz(name, tmp_path, TIMES, seed=2016)["refused"] > 0


def test_every_reader_is_registered(tmp_path):
    """A new format needs a function here."""
    endings = set()
    for number, write in enumerate(fuzz.READERS.values()):
        (tmp_path / str(number)).mkdir()
        endings |= {path.name[1:] for path in write(tmp_path / str(number))[0]}
    readers = importing._READERS
    assert {readers[ending] for ending in endings & set(readers)} == set(readers.values())
