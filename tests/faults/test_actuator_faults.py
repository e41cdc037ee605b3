"""Actuators that do not do what they are told, as whoever told them sees it."""

import time

import pytest


@pytest.fixture(autouse=True)
async def switched_off(board):
    """Everything begins and ends at what it was at the start."""
    yield
    await board.control.do(board.name, "clear")
    await board.obeys("led", "0")
    await board.obeys("level", "20.0")


@pytest.mark.fault("actuator-ignored")
async def test_nothing_answers_a_new_value(board, owner):
    async with board.fault(channel="led"):
        since = board.mark()
        await board.set("led", "1")
        await board.hear("temp", 3)
        assert board.heard("led", since) == []
        assert await owner.say(board.jid, "led on") == "led: off"
        assert await owner.say(board.jid, "level 50") == "level: 50.0%", "the others do as they are told"
    await board.obeys("led", "1")


@pytest.mark.fault("actuator-delayed")
async def test_the_mirror_follows_after_a_while(board):
    async with board.fault(channel="led", delay=1):
        began = time.monotonic()
        await board.obeys("led", "1")
        assert time.monotonic() - began >= 1
    await board.obeys("led", "0")


@pytest.mark.fault("actuator-stuck")
async def test_a_new_value_is_answered_with_the_old_one(board):
    async with board.fault(channel="led"):
        since = board.mark()
        await board.set("led", "1")
        await board.tells("led", "0", since)
    await board.obeys("led", "1")


@pytest.mark.fault("actuator-reverts")
async def test_the_old_value_comes_back_by_itself(board):
    async with board.fault(channel="led", delay=0.5):
        since = board.mark()
        await board.set("led", "1")
        assert [value.text for value in await board.hear("led", 2, since=since)] == ["1", "0"]
    await board.obeys("led", "1")
    since = board.mark()
    await board.hear("temp", 4)
    assert board.heard("led", since) == []


@pytest.mark.fault("actuator-wrong")
async def test_another_value_is_applied(board):
    async with board.fault():
        since = board.mark()
        await board.set("level", "40")
        await board.tells("level", "41.0", since)
        await board.set("mode", "eco")
        await board.tells("mode", "boost", since)
        await board.set("led", "1")
        await board.tells("led", "0", since)
    await board.obeys("level", "40.0")
    await board.obeys("mode", "eco")


@pytest.mark.fault("actuator-double")
async def test_one_new_value_is_applied_two_times(board):
    async with board.fault():
        since = board.mark()
        await board.set("led", "1")
        await board.hear("led", 2, "1", since)
        await board.set("brew", "1")
        await board.tells("brew", "2", since)
    since = board.mark()
    await board.set("led", "0")
    await board.set("brew", "1")
    await board.tells("brew", "1", since)
    await board.hear("temp", 3)
    assert [value.text for value in board.heard("led", since)] == ["0"]


@pytest.mark.fault("actuator-hollow")
async def test_the_new_value_is_mirrored_and_nothing_happens(board):
    async with board.fault(channel="led"):
        since = board.mark()
        await board.set("led", "1")
        await board.tells("led", "1", since)
        await board.hear("temp", 4)
        assert "80" not in [value.text for value in board.heard("heat", since)]
        since = board.mark()
    await board.tells("led", "0", since)
    since = board.mark()
    await board.set("led", "1")
    await board.tells("heat", "80", since)
