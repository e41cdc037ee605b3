"""Fixtures that several suites have: each conftest.py takes those that it needs."""

import pytest

import program as programs
import servers


@pytest.fixture(scope="session", autouse=True)
def built():
    """Fails at once, and with the way out, where the program is not built."""
    if not programs.binary().exists():
        pytest.exit(f"{programs.binary()} is missing: cargo build --bin thingfleet", returncode=3)


@pytest.fixture(scope="session")
def server():
    """The private XMPP server of a suite that needs no other kind."""
    made = servers.Prosody()
    try:
        made.start()
        yield made
    finally:
        made.close()
