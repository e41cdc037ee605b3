"""Fixtures of the journeys: both servers, people, and a running board."""

import itertools
import signal
from dataclasses import dataclass

import pytest
import pytest_asyncio

import program as programs
import servers
import wire
from people import Person
from surroundings import built  # noqa: F401

_numbers = itertools.count(1)


def pytest_configure():
    # A terminated run stops its servers and removes their directories like an interrupted one.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_addoption(parser):
    parser.addoption("--server", choices=list(servers.BY_NAME), help="go through the journeys on this server only")


def pytest_generate_tests(metafunc):
    if "server" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("server")
        metafunc.parametrize("server", [chosen] if chosen else list(servers.BY_NAME), indirect=True, scope="session")


@pytest.fixture(scope="session")
def server(request):
    """A running private server; every journey goes through each kind."""
    made = servers.BY_NAME[request.param]()
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.fixture
def username():
    """A device name of this test's own, so that journeys share servers without meeting."""
    return f"b{next(_numbers)}"


@pytest_asyncio.fixture
async def people(server, username):
    """Makes people: `await people("juliet")`."""
    made = []

    async def make(role, **options):
        person = Person(server, f"{role}-{username}", **options)
        made.append(person)
        return await person.enter()

    yield make
    for person in made:
        await person.leave()


@pytest_asyncio.fixture
async def owner(people):
    """Whom the device belongs to."""
    return await people("juliet")


@pytest_asyncio.fixture
async def stranger(people):
    """Somebody who knows nothing but addresses."""
    return await people("romeo")


@pytest_asyncio.fixture
async def insider(server, username):
    """The device's own account in another hand: acts behind the device's back, and is never available.

    To be asked for before the board, which then has to run with `account=insider.account`.
    """
    person = Person(server, username, resource="insider")
    yield await person.enter(available=False)
    await person.leave()


@pytest_asyncio.fixture
async def run(server, username, tmp_path):
    """Prepares a run of the program with one board: `await run(owners=[…]).start()`."""
    made = []

    def prepare(**settings):
        program = programs.Program(tmp_path, programs.profile(server, username, **settings))
        made.append(program)
        return program

    yield prepare
    for program in made:
        await program.kill()


@dataclass
class Board:
    """A device that is online, and in mutual presence with its people."""

    jid: str
    full: str
    program: programs.Program


@pytest_asyncio.fixture
async def settle(server, username, run):
    """Brings a board online among its people: `await settle(owner, access="open")`."""

    async def make(*owners, watching=wire.NODES, **settings):
        jid = f"{username}@{server.domain}"
        program = await run(owners=[person.bare for person in owners], **settings).start()
        await program.online()
        for person in owners:
            await person.befriend(jid)
            for node in watching:
                await person.subscribe(jid, node)
        return Board(jid, await owners[0].available(jid), program)

    return make


@pytest_asyncio.fixture
async def board(settle, owner):
    """A board whose owner watches all its nodes."""
    return await settle(owner)
