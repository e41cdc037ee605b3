"""The catalogue of faults against these tests: each kind has one that shows it at a client."""

import re
from pathlib import Path

from catalogue import kinds


def test_every_kind_of_the_catalogue_is_shown_at_a_client():
    tests = "".join(file.read_text() for file in Path(__file__).parent.glob("test_*_faults.py"))
    shown = set(re.findall(r'^@pytest\.mark\.fault\("([a-z-]+)"\)', tests, re.MULTILINE))
    assert len(kinds()) > 60
    assert shown == set(kinds())
