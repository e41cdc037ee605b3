"""Bad networks between a device and its server, as seen from the other side of the server."""

import time

import pytest

import people


async def silent(board, neighbour):
    """Nothing comes from a board, while its neighbour goes on."""
    await neighbour.hear("temp", 2)
    since = board.mark()
    await neighbour.hear("temp", 4)
    assert board.heard("temp", since) == []


@pytest.mark.fault("offline")
async def test_without_a_network_it_is_gone_without_a_goodbye(board, neighbour):
    since = board.mark()
    async with board.fault():
        await silent(board, neighbour)
        assert board.presences(since, "unavailable") == []
    await board.tells("temp")
    await board.online()


@pytest.mark.fault("latency")
async def test_everything_is_late_both_ways(board):
    async with board.fault(delay=0.5, jitter=0):
        assert await board.answers() >= 1
    await board.obeys("led", "1")
    await board.obeys("led", "0")


@pytest.mark.fault("bandwidth")
async def test_bytes_go_through_one_after_the_other(board, owner):
    size = 3000
    async with board.fault(amount=4000):
        began = time.monotonic()
        await owner.say(board.jid, "?" * size)
        assert time.monotonic() - began >= size / 4000
    assert await board.answers() < people.DEADLINE


@pytest.mark.fault("black-hole")
async def test_bytes_vanish_and_the_connection_stays(board, neighbour):
    before = board.mark()
    async with board.fault(direction="out"):
        await silent(board, neighbour)
    await board.tells("temp")
    async with board.fault(direction="in"):
        since = board.mark()
        await board.set("led", "1")
        await neighbour.hear("temp", 4)
        assert board.heard("led", since) == []
    await board.tells("led", "1", since)
    await board.obeys("led", "0")
    assert board.presences(before, "unavailable") == []


@pytest.mark.fault("half-open")
async def test_what_goes_into_a_connection_that_is_gone_comes_out_of_the_next_one(board, neighbour):
    before = board.mark()
    # So that it takes a while to notice.
    async with board.fault("slow-start", delay=4):
        await board.state("waiting or state == connecting")
        await board.online()
        await board.suffer()
        # The server takes it for delivered: it believes in the old connection.
        since = board.mark()
        await tell(board, ON)
        await silent(board, neighbour)
        await nothing_is_missing(board, ON, since)
        await flows(board)
        await same_session(board, before)
    since = board.mark()
    await tell(board, OFF)
    await nothing_is_missing(board, OFF, since)
    await same_session(board, before)


@pytest.mark.fault("connection-reset")
async def test_after_a_reset_the_session_goes_on_and_nothing_is_missing_or_there_twice(board):
    for new in (ON, OFF, ON, OFF):
        since = board.mark()
        await board.suffer()
        # On its way while there is no connection.
        await tell(board, new)
        await nothing_is_missing(board, new, since)
        await flows(board)
        await same_session(board, since)


ON = {"led": "1", "level": "70.0", "mode": "boost"}
OFF = {"led": "0", "level": "20.0", "mode": "eco"}


async def tell(board, new):
    """Sets actuators, one after the other."""
    for name, text in new.items():
        await board.set(name, text)


async def nothing_is_missing(board, new, since):
    """What was set is mirrored once, each."""
    for name, text in new.items():
        await board.tells(name, text, since)
    # What may come twice has come by then.
    await board.answers()
    told = {name: [value.text for value in board.heard(name, since)] for name in new}
    assert told == {name: [text] for name, text in new.items()}


async def flows(board):
    """Values come one after the other, and each is later than the one before."""
    values = [int(value.text) for value in await board.hear("pulse", 4)]
    assert values == sorted(set(values))


async def same_session(board, since):
    """No client was told that it went or came, and it answers at the address that it had."""
    assert board.presences(since, "unavailable") == [] and board.presences(since) == []
    await board.answers()


@pytest.mark.fault("slow-start")
async def test_after_a_break_it_takes_long_to_come_back(board):
    async with board.fault(delay=3):
        began = time.monotonic()
        await board.state("waiting or state == connecting")
        await board.online()
        await board.tells("temp")
        assert time.monotonic() - began >= 3
    await board.tells("temp")


@pytest.mark.fault("dns-failure")
async def test_a_device_that_does_not_find_its_server_is_silent(board, neighbour):
    async with board.fault():
        await silent(board, neighbour)
        await board.state("waiting")
    await board.tells("temp")


@pytest.mark.fault("tls-failure")
async def test_a_device_that_does_not_trust_its_server_is_silent(board, neighbour):
    async with board.fault():
        await silent(board, neighbour)
        await board.state("waiting")
    await board.tells("temp")


@pytest.mark.fault("flapping")
async def test_items_come_and_go_with_the_network(board, neighbour):
    async with board.fault(delay=3):
        for _ in range(2):
            await board.state("waiting")
            await board.state("online")
            await board.tells("temp")
    await board.online()
    await board.tells("temp")
