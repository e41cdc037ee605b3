"""The kinds of faults there are, read from where they are written down."""

import re
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "crates" / "device" / "src" / "fault" / "catalogue.rs"


def kinds():
    """The family of each kind, by the kind's name."""
    entry = re.compile(r'family: Family::(\w+),\s+id: "([a-z-]+)"')
    return {name: family.lower() for family, name in entry.findall(SOURCE.read_text())}
