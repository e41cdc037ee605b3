"""The shipped plans, hurried, as whoever owns the fleet sees what they do to it."""

import asyncio
import contextlib
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest_asyncio

import fleets
import program as programs
import wire
from boards import DEFINITION, Board
from people import Person, Refused
from steering import steered
from unpacking import unpack_somehow

PLANS = Path(__file__).resolve().parents[2] / "profiles" / "faults"
UNITS = {"ms": 0.001, "s": 1, "min": 60, "h": 3600, "d": 86400}
TIMES = ("at", "every", "first", "randomly", "for", "wait")
# Delays that are to what happens around them as they are in the plan, and their least.
QUICKEST = {"crash-loop, delay: ": 1.0, "slow-gatt, delay: ": 0.1}
COUNT = 8
# A slow device takes half of it.
PATIENCE = 5.0
# With every stanza late it takes a while until a board is there, or has said so much.
LONG = 60.0
# Between two questions of somebody who looks whether anything has changed.
GLANCE = 0.2
DOOR = wire.sensor("door")


def seconds(text):
    """How long a time of a plan is: `9min30s`."""
    return sum(float(number) * UNITS[unit] for number, unit in re.findall(r"([\d.]+)(ms|min|s|h|d)", text))


def hurried(name, times):
    """The text of a shipped plan in which everything comes so many times as soon and lasts the same part of its time."""

    def sooner(match):
        key, text = match.groups()
        return f"{key}: {max(1, round(seconds(text) / times * 1000))}ms"

    def quicker(match):
        return f"{match[1]}{max(QUICKEST[match[1]], seconds(match[2]) / times)}s"

    text = (PLANS / f"{name}.yaml").read_text()
    text = re.sub(rf"\b({'|'.join(TIMES)}): ([\d.a-z]+)", sooner, text)
    return re.sub(rf"({'|'.join(QUICKEST)})([\d.a-z]+)", quicker, text)


class Crowd:
    """Boards that meet a plan, and their owner."""

    def __init__(self, server, directory, plan, times, count):
        self.plan, self.times, self.count = plan, times, count
        self._server, self._directory = server, directory

    async def begin(self):
        """Starts them; the plan begins with them."""
        features = [f"{node}+notify" for node in wire.NODES]
        self.owner = await Person(self._server, f"juliet-{self.plan}", features=features).enter()
        names = [f"{self.plan}-{number}" for number in range(1, self.count + 1)]
        text = programs.profile(
            self._server, self.plan, owners=[self.owner.bare], count=self.count, definition=DEFINITION
        )
        plan = self._directory / "plan.yaml"
        plan.write_text(hurried(self.plan, self.times))
        self.program = programs.Program(self._directory, text)
        self.control = control = await steered(await self.program.start("--faults", str(plan)))
        self.boards = [Board(name, f"{name}@{self._server.domain}", self.owner, control) for name in names]
        await asyncio.gather(*map(self._settle, self.boards))
        return self

    async def _settle(self, board):
        await self.program.event("session", deadline=LONG, device=board.name, state="online")
        await self.owner.befriend(board.jid)
        await board.back(0)

    async def until(self, moment):
        """Waits until the moment that stands in the plan has come for all of them."""
        while (left := await self.left(moment)) > 0:
            await asyncio.sleep(left)

    async def left(self, moment):
        """Seconds until that moment of the plan, by the clocks of the devices: they are not all made at once."""
        passed = min(device["device_seconds"] for device in await self.control.devices())
        return seconds(moment) / self.times - passed

    async def all(self, what):
        """What this gives for each board, asked at the same time."""
        return await asyncio.gather(*map(what, self.boards))

    async def end(self):
        """Ends them."""
        await self.program.kill()
        await self.owner.leave()


@pytest_asyncio.fixture
async def crowd(server, tmp_path):
    """Boards that meet a plan: `await crowd("power-cut", times=8)`."""
    made = []

    async def begin(plan, times, count=COUNT):
        made.append(Crowd(server, tmp_path, plan, times, count))
        return await made[-1].begin()

    yield begin
    for one in made:
        await one.end()


def test_each_shipped_plan_is_shown_here():
    plans = {file.stem for file in PLANS.glob("*.yaml")}
    shown = set(re.findall(r'(?:crowd|hurried)\("([a-z-]+)", ', Path(__file__).read_text()))
    assert len(plans) >= 6 and shown >= plans


async def test_a_bad_firmware_reaches_half_of_them_and_is_taken_back(crowd):
    crowd = await crowd("bad-firmware-rollout", times=16)

    async def versions(board):
        seen = set()
        while await crowd.left("9min30s") > 0:
            # Those that crash, and those that hang, say nothing for a while.
            with contextlib.suppress(Refused, AssertionError):
                seen.add(await version(board))
            await asyncio.sleep(GLANCE)
        return seen

    async def version(board):
        answer = await crowd.owner.ask("get", board.full, f"<query xmlns='{wire.VERSION}'/>", deadline=PATIENCE)
        return answer.findtext(f".//{{{wire.VERSION}}}version")

    seen = await crowd.all(versions)
    upgraded = {board.name for board, said in zip(crowd.boards, seen, strict=True) if "2.0.0" in said}
    meant = [event for event in crowd.program.told("fault-began") if event["fault"] == "firmware-version"]
    assert upgraded == {event["device"] for event in meant}
    assert 0 < len(upgraded) < COUNT
    assert all(said in ({"2.0"}, {"2.0.0"}, {"2.0", "2.0.0"}) for said in seen), seen
    await crowd.until("10min")
    await crowd.all(lambda board: board.until(lambda: online(board), bool))
    assert set(await crowd.all(version)) == {"2.0"}


async def test_a_power_cut_silences_all_and_some_clocks_are_wrong_afterwards(crowd):
    crowd = await crowd("power-cut", times=8)

    async def ahead(board):
        # Some are gone once more.
        answer = await board.until(lambda: time_of(board), lambda answer: answer is not None)
        return datetime.fromisoformat(answer) - datetime.now(UTC)

    async def time_of(board):
        with contextlib.suppress(Refused, AssertionError):
            asked = f"<time xmlns='{wire.TIME}'/>"
            answer = await crowd.owner.ask("get", board.full, asked, deadline=PATIENCE)
            return answer.findtext(f".//{{{wire.TIME}}}utc")

    await crowd.all(lambda board: board.control.do(board.name, "inject", channel="door", value=True))
    await crowd.all(lambda board: board.until(board.stored, lambda items: items[DOOR].text == "1"))
    await crowd.until("1min5s")
    since = crowd.owner.inbox.mark()
    await crowd.until("1min20s")
    assert [board.name for board in crowd.boards if board.heard("pulse", since)] == []
    # They come back with what they knew when they were made.
    await crowd.all(lambda board: board.hear("door", 1, "0", since, LONG))
    hours = [round(off / timedelta(hours=1)) for off in await crowd.all(ahead)]
    assert set(hours) == {0, -1}
    await crowd.until("4min30s")
    await crowd.all(lambda board: board.until(lambda: online(board), bool))
    assert {round(off / timedelta(hours=1)) for off in await crowd.all(ahead)} == {0}


async def test_on_monday_morning_all_of_them_come_back_and_talk_at_once(crowd):
    crowd = await crowd("monday-morning", times=4)
    since = crowd.owner.inbox.mark()
    await crowd.until("30s")
    await crowd.all(lambda board: board.gone(since))
    await crowd.all(lambda board: board.back(since))
    await crowd.until("1min")
    flood = crowd.owner.inbox.mark()
    await crowd.until("2min")
    # The heat does not change, and is said once by a board that has come back.
    talkative = [board.name for board in crowd.boards if len(board.heard("heat", flood)) > 3]
    assert talkative
    await crowd.all(lambda board: board.until(lambda: online(board), bool))
    since = crowd.owner.inbox.mark()
    await crowd.all(lambda board: board.hear("pulse", 3, since=since))
    assert [board.name for board in crowd.boards if board.heard("heat", since)] == []


async def test_a_flaky_wi_fi_makes_everything_late_and_nothing_is_lost(crowd):
    crowd = await crowd("flaky-wifi", times=1, count=4)
    since = crowd.owner.inbox.mark()
    for text in ("1", "0", "1"):
        mark = crowd.owner.inbox.mark()
        began = time.monotonic()
        await crowd.all(lambda board, text=text: board.set("led", text))
        await crowd.all(lambda board, text=text, mark=mark: board.hear("led", 1, text, mark, LONG))
        # There and back.
        assert time.monotonic() - began >= 2 * 0.12
    assert [board.name for board in crowd.boards if board.presences(since, "unavailable")] == []
    values = [[int(value.text) for value in board.heard("pulse", since)] for board in crowd.boards]
    assert all(heard == sorted(heard) for heard in values), "late, and in order"


async def test_worn_sensors_say_what_is_not_there(crowd):
    crowd = await crowd("worn-sensors", times=60)
    # So many that a spike in twenty is among those of some board.
    came = await crowd.all(lambda board: board.hear("temp", 20, deadline=LONG))
    heard = [[float(value.text) for value in values] for values in came]
    noisy = [values for values in heard if len({value for value in values if abs(value - 20) < 4}) > 4]
    assert 0 < len(noisy) < COUNT, heard
    assert any(set(values) == {20.0} for values in heard), "some of them are as good as new"
    assert any(abs(value - 20) > 30 for values in heard for value in values), "a spike"


async def test_a_hostile_neighbour_deletes_nodes_and_signs_on_as_devices(crowd):
    crowd = await crowd("hostile-neighbour", times=40)
    since = crowd.owner.inbox.mark()

    def deleted(stanza):
        return next(stanza.iter(f"{{{wire.EVENT}}}delete"), None)

    await crowd.owner.inbox.wait("a node is deleted", deleted, since)
    gone = crowd.program.event("session", since=0, state="failed", kind="conflict")
    victim = crowd.boards[int((await gone)["device"].rsplit("-", 1)[1]) - 1]
    await victim.gone(0)
    await crowd.all(lambda board: board.control.do(board.name, "offline"))
    await crowd.all(lambda board: board.control.do(board.name, "online"))
    assert None not in await crowd.all(lambda board: board.until(board.fetch, lambda answer: answer is not None))


async def test_who_tries_often_enough_gets_things_out_of_their_boxes(server, air, tmp_path):
    text = hurried("commissioning-from-hell", 4)
    plan = tmp_path / "plan.yaml"
    plan.write_text(text)
    owner = await Person(server, "juliet-in-hell").enter()
    fleet = fleets.Fleet(tmp_path, server, air, "hell", count=2, mirror="1s", session="5s")
    try:
        control = await steered(await fleet.start("--faults", str(plan)))
        tries = await asyncio.gather(*(unpack_somehow(air, fleet, control, name, owner) for name in fleet.names))
        assert sum(tries) > len(fleet.names), "it is too easy"
        for name in fleet.names:
            board = Board(name, f"{name}@{server.domain}", owner, control)
            await owner.befriend(board.jid)
            await board.until(board.stored, lambda items: wire.sensor("temp") in items)
    finally:
        await fleet.kill()
        await owner.leave()


async def online(board):
    """Whether the device is."""
    return (await board.control.device(board.name))["state"] == "online"
