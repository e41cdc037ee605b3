"""Fixtures of the faults: one server, one owner, one fleet of boards, and things in boxes on a virtual air."""

import asyncio
import contextlib
from dataclasses import dataclass

import pytest
import pytest_asyncio

import fleets
import program as programs
import wire
from air import Air
from boards import DEFINITION, Board
from people import Person
from phone import Phone
from steering import Control, steered
from surroundings import built, server  # noqa: F401

# One for each file of tests, and one that is always well.
BOARDS = 7
BOXES = 14


def pytest_configure(config):
    config.addinivalue_line("markers", "fault(kind): what the test shows at the client; each kind has one")


def pytest_addoption(parser):
    parser.addoption("--seed", type=int, action="append", help="draw the random plan of this seed")


def pytest_generate_tests(metafunc):
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", metafunc.config.getoption("seed") or [1])


@pytest_asyncio.fixture(scope="session")
async def owner(server):
    """Whom everything belongs to: told of all nodes of its contacts, without subscribing to each."""
    person = await Person(server, "juliet", features=[f"{node}+notify" for node in wire.NODES]).enter()
    yield person
    await person.leave()


@dataclass
class Home:
    """A fleet of boards."""

    program: programs.Program
    control: Control
    boards: list
    # Which file of tests has which board.
    taken: dict

    @property
    def neighbour(self):
        """The one that is always well: by what it says one can tell how much time has passed."""
        return self.boards[-1]

    def board_of(self, module):
        """The board with which the tests of a file do what they like."""
        return self.boards[self.taken.setdefault(module, len(self.taken))]


@pytest_asyncio.fixture(scope="session")
async def home(server, owner, tmp_path_factory):
    """The boards, online and among friends."""
    text = programs.profile(server, "board", owners=[owner.bare], count=BOARDS, definition=DEFINITION)
    program = programs.Program(tmp_path_factory.mktemp("home"), text)
    control = await steered(await program.start())
    names = [f"board-{number}" for number in range(1, BOARDS + 1)]
    boards = [Board(name, f"{name}@{server.domain}", owner, control) for name in names]

    async def settle(board):
        await program.event("session", device=board.name, state="online")
        await owner.befriend(board.jid)
        await board.back(0)

    try:
        await asyncio.gather(*map(settle, boards))
        yield Home(program, control, boards, {})
    finally:
        await program.kill()


@pytest_asyncio.fixture
async def board(home, request):
    """A board that is well, and has to be well again afterwards."""
    board = home.board_of(request.module.__name__)
    board.kind = kind_of(request)
    yield board
    await board.control.do(board.name, "clear")
    await board.online()
    await board.answers()
    assert (await board.control.device(board.name))["faults"] == []


@pytest.fixture
def neighbour(home):
    """The board that is always well."""
    return home.neighbour


@pytest_asyncio.fixture(scope="session")
async def air():
    """Virtual controllers on a port of their own."""
    async with Air(port=0) as made:
        yield made


@dataclass
class Boxes:
    """A fleet of things that nobody has unpacked yet."""

    fleet: fleets.Fleet
    control: Control
    left: list


@pytest_asyncio.fixture(scope="session")
async def boxes(air, server, tmp_path_factory):
    """Things in boxes, as many as tests want to unpack."""
    directory = tmp_path_factory.mktemp("boxes")
    fleet = fleets.Fleet(directory, server, air, "thing", count=BOXES, mirror="1s")
    try:
        control = await steered(await fleet.start())
        for name in fleet.names:
            await fleet.advertising(name)
        yield Boxes(fleet, control, list(fleet.names))
    finally:
        await fleet.kill()


@dataclass
class Box:
    """A thing in its box, and how to get at it."""

    name: str
    kind: str
    address: str
    fleet: fleets.Fleet
    control: Control

    @contextlib.asynccontextmanager
    async def fault(self, **settings):
        """Lets something go wrong, and clears it at the end of the block."""
        await self.suffer(**settings)
        try:
            yield
        finally:
            await self.control.do(self.name, "clear")

    async def suffer(self, **settings):
        """Lets something go wrong that ends by itself, or later."""
        await self.control.do(self.name, "fault", fault={"fault": self.kind, **settings})


@pytest.fixture
def box(boxes, request):
    """One that is closed yet."""
    name = boxes.left.pop()
    return Box(name, kind_of(request), boxes.fleet.codes[name].address, boxes.fleet, boxes.control)


@pytest_asyncio.fixture
async def phone(air):
    """A phone of the test's own."""
    made = await Phone(air).switch_on()
    yield made
    with contextlib.suppress(KeyError):
        made.vanish()


def kind_of(request):
    """The kind of fault that a test shows, if it is about one."""
    marker = request.node.get_closest_marker("fault")
    return marker and marker.args[0]
