"""The library of faults against these tests: each kind has one that shows it at a client."""

import re
from pathlib import Path


async def test_every_kind_that_a_fleet_knows_is_shown_at_a_client(home):
    kinds = set(await home.control.kinds())
    tests = "".join(file.read_text() for file in Path(__file__).parent.glob("test_*_faults.py"))
    shown = set(re.findall(r'^@pytest\.mark\.fault\("([a-z-]+)"\)', tests, re.MULTILINE))
    assert len(kinds) > 60
    assert shown == kinds
