"""Devices that reboot, hang, crawl or lie about themselves, as their owner sees it."""

import time
from datetime import datetime, timedelta

import pytest

import wire

SOFTWARE = "2.0"
START = "0"


async def stand_open(board):
    """Opens the door, which no start remembers; returns the mark from before what is to come."""
    since = board.mark()
    await board.control.do(board.name, "inject", channel="door", value=True)
    await board.tells("door", "1", since)
    return board.mark()


@pytest.mark.fault("reboot")
async def test_a_reboot_ends_in_the_values_of_a_start(board):
    since = await stand_open(board)
    await board.suffer(delay=0.5)
    await board.gone(since)
    await board.back(since)
    await board.tells("door", START, since)


@pytest.mark.fault("crash-loop")
async def test_a_device_that_crashes_comes_and_goes_again_and_again(board):
    since = board.mark()
    async with board.fault(delay=2):
        for _ in range(2):
            await board.gone(since)
            since = board.mark()
            await board.back(since)
            since = board.mark()
    await board.online()
    await board.tells("temp")


@pytest.mark.fault("brown-out")
async def test_without_power_it_is_gone_without_a_goodbye(board, neighbour):
    since = await stand_open(board)
    async with board.fault():
        await neighbour.answers()
        silent_since = board.mark()
        await neighbour.hear("temp", 4)
        assert board.heard("temp", silent_since) == []
        assert board.presences(since, "unavailable") == []
    await board.back(since)
    await board.tells("door", START, since)


@pytest.mark.fault("hang")
async def test_a_device_that_hangs_keeps_its_connection_and_says_nothing(board, neighbour):
    before = board.mark()
    async with board.fault():
        # What it said before it hung is through when two who come after it are.
        await neighbour.hear("temp", 2)
        since = board.mark()
        await board.set("led", "1")
        await neighbour.hear("temp", 4)
        assert board.heard("temp", since) == []
        assert board.heard("led", since) == []
        assert board.presences(before, "unavailable") == []
        since = board.mark()
    await board.tells("temp", since=since)
    await board.tells("led", "1", since)
    await board.obeys("led", "0")
    assert board.presences(before, "unavailable") == []


@pytest.mark.fault("clock-skew")
async def test_the_time_it_tells_is_off(board, owner):
    async def time_of(one):
        answer = await owner.ask("get", one.full, f"<time xmlns='{wire.TIME}'/>")
        return datetime.fromisoformat(answer.findtext(f".//{{{wire.TIME}}}utc"))

    right = await time_of(board)
    async with board.fault(amount=3600):
        assert abs(await time_of(board) - right - timedelta(hours=1)) < timedelta(minutes=1)
    assert abs(await time_of(board) - right) < timedelta(minutes=1)


@pytest.mark.fault("slow")
async def test_everything_a_slow_device_says_comes_late(board):
    async with board.fault(delay=1):
        assert await board.answers() >= 1
        began = time.monotonic()
        await board.obeys("led", "1")
        assert time.monotonic() - began >= 1
    await board.obeys("led", "0")


@pytest.mark.fault("low-battery")
async def test_a_low_battery_shows_in_presence_and_saves_readings(board, neighbour):
    since = board.mark()
    async with board.fault():
        [low] = [await board.presence("is low", None, since)]
        assert low.findtext(f"{{{wire.CLIENT}}}show") == "xa"
        assert "battery" in low.findtext(f"{{{wire.CLIENT}}}status")
        since = board.mark()
        await neighbour.hear("temp", 10)
        assert len(board.heard("temp", since)) <= 3
        since = board.mark()
    well = await board.presence("is well", None, since)
    assert well.find(f"{{{wire.CLIENT}}}show") is None
    await board.hear("temp", 5)


@pytest.mark.fault("firmware-version")
async def test_another_firmware_says_so_after_a_restart(board, owner):
    async def version():
        answer = await owner.ask("get", board.full, f"<query xmlns='{wire.VERSION}'/>")
        return answer.findtext(f".//{{{wire.VERSION}}}version")

    assert await version() == SOFTWARE
    since = board.mark()
    async with board.fault(text="6.6.6"):
        await board.gone(since)
        await board.back(since)
        await board.online()
        assert await version() == "6.6.6"
        since = board.mark()
    await board.gone(since)
    await board.back(since)
    await board.online()
    assert await version() == SOFTWARE


@pytest.mark.fault("factory-reset")
async def test_one_that_was_never_commissioned_reboots(board):
    since = await stand_open(board)
    await board.suffer()
    await board.gone(since)
    await board.back(since)
    await board.tells("door", START, since)
