"""Fixtures that several suites have: each conftest.py takes those that it needs."""

import pytest
import pytest_asyncio

import program as programs
import servers
from air import Air
from people import Person


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


@pytest_asyncio.fixture
async def air():
    """Virtual controllers, as scripts/air.py gives them, on a port of the test's own."""
    async with Air(port=0) as made:
        yield made


@pytest_asyncio.fixture
async def owner(server, name):
    """Whom devices are to belong to, where each test names its own."""
    person = await Person(server, f"juliet-{name}").enter()
    yield person
    await person.leave()
