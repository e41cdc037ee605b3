"""Fixtures of the tests over Bluetooth: an air, phones on it, an XMPP server to end on, and running fleets."""

import contextlib
import itertools

import pytest
import pytest_asyncio
from phone import Phone
from surroundings import air, built, owner, server  # noqa: F401

import fleets

_numbers = itertools.count(1)


@pytest_asyncio.fixture
async def phones(air):
    """Makes phones: `await phones()`."""
    made = []

    async def make():
        phone = await Phone(air).switch_on()
        made.append(phone)
        return phone

    yield make
    for phone in made:
        with contextlib.suppress(KeyError):
            phone.vanish()


@pytest_asyncio.fixture
async def phone(phones):
    """One of them."""
    return await phones()


@pytest.fixture
def name():
    """A device name of this test's own."""
    return f"thing-{next(_numbers)}"


@pytest_asyncio.fixture
async def fleet(air, server, name, tmp_path):
    """Starts a fleet that waits to be commissioned: `await fleet(security="sealed", count=8)`."""
    made = []

    async def start(server=server, **settings):
        directory = tmp_path / f"fleet-{len(made)}"
        directory.mkdir()
        program = fleets.Fleet(directory, server, air, name, **settings)
        made.append(program)
        return await program.start()

    yield start
    for program in made:
        await program.kill()
