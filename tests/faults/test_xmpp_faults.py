"""Streams, stanzas and nodes that go wrong, as other clients on the same server see it."""

import time

import pytest

import wire
from boards import PING
from people import Refused


@pytest.mark.fault("stream-error")
async def test_the_device_comes_back_on_a_new_stream(board):
    since = board.mark()
    await board.suffer()
    await board.gone(since)
    await board.back(since)
    await board.tells("temp")


@pytest.mark.fault("invalid-xml")
async def test_the_server_ends_a_stream_that_is_no_xml(board):
    since = board.mark()
    await board.suffer()
    await board.gone(since)
    await board.back(since)
    await board.tells("temp")


@pytest.mark.fault("conflict")
async def test_the_device_stays_away_while_somebody_else_is_it(board, neighbour):
    since = board.mark()
    async with board.fault():
        await board.gone(since)
        await board.state("failed")
        silent_since = board.mark()
        await neighbour.hear("temp", 4)
        assert board.heard("temp", silent_since) == []
        since = board.mark()
    await board.back(since)
    await board.tells("temp")


@pytest.mark.fault("not-resumed")
async def test_presence_goes_and_comes_with_each_stream(board):
    since = board.mark()
    async with board.fault():
        await board.gone(since)
        await board.back(since)
    await board.tells("temp")


@pytest.mark.fault("stanza-lost")
async def test_stanzas_vanish(board):
    async with board.fault(share=1, direction="out"):
        since = board.mark()
        await board.set("led", "1")
        await board.set("level", "50")
        # Signs of life that are no stanzas go on, so the stream stays.
        [before] = [len(board.heard("temp", since))]
        await board.until(lambda: acknowledged(board), bool)
        assert len(board.heard("temp", since)) <= before + 1
        assert board.heard("led", since) == []
        since = board.mark()
    await board.tells("temp", since=since)
    await board.until(board.stored, lambda items: items[wire.sensor("led")].text == "1")
    await board.obeys("led", "0")
    await board.obeys("level", "20.0")


async def acknowledged(board):
    """Whether the device has what its owner set, although it cannot say so."""
    device = await board.control.device(board.name)
    values = {channel["name"]: channel["value"] for channel in device["channels"]}
    return values["led"] is True and values["level"] == 50


@pytest.mark.fault("stanza-duplicated")
async def test_one_question_has_two_answers(board, owner):
    async with board.fault(share=1, direction="out"):
        since = board.mark()
        owner.write(board.jid, "led")
        await board.replies(2, since)
    since = board.mark()
    owner.write(board.jid, "led")
    owner.write(board.jid, "level")
    assert [text.split(":")[0] for text in await board.replies(2, since)] == ["led", "level"]


@pytest.mark.fault("stanza-reordered")
async def test_of_two_answers_the_second_comes_first(board, owner):
    asked = ["led", "level", "mode", "door"] * 3
    async with board.fault(share=0.5, direction="out"):
        since = board.mark()
        for word in asked:
            owner.write(board.jid, word)
        came = [text.split(":")[0] for text in await board.replies(len(asked), since)]
        assert sorted(came) == sorted(asked) and came != asked
    since = board.mark()
    for word in asked:
        owner.write(board.jid, word)
    assert [text.split(":")[0] for text in await board.replies(len(asked), since)] == asked


@pytest.mark.fault("stanza-delayed")
async def test_stanzas_come_late_in_their_order(board, owner):
    async with board.fault(direction="out", delay=1, jitter=0.5):
        began, since = time.monotonic(), board.mark()
        for word in ("led", "level", "mode"):
            owner.write(board.jid, word)
        assert [text.split(":")[0] for text in await board.replies(3, since)] == ["led", "level", "mode"]
        assert time.monotonic() - began >= 1
    await board.tells("temp")


@pytest.mark.fault("oversize")
async def test_a_value_is_followed_by_kilobytes_of_filling(board):
    def filling(item):
        return len("".join(item.itertext())) > 16384 or None

    async with board.fault(channel="temp", amount=16384):
        await board.item("temp", filling)
    await board.item("temp", lambda item: not filling(item) or None)


@pytest.mark.fault("wrong-id")
async def test_an_answer_comes_with_an_id_that_nobody_asked_with(board, owner):
    async with board.fault():
        since = board.mark()
        owner.send(f"<iq xmlns='{wire.CLIENT}' type='get' id='asked' to='{board.full}'>{PING}</iq>")
        answer = await owner.inbox.wait("an answer", lambda stanza: answered(board, stanza), since)
        assert answer.get("id") != "asked"
    assert await board.answers()


@pytest.mark.fault("no-answer")
async def test_requests_stay_without_an_answer(board, owner):
    async with board.fault():
        since = board.mark()
        owner.send(f"<iq xmlns='{wire.CLIENT}' type='get' id='asked' to='{board.full}'>{PING}</iq>")
        # What comes after it is answered, so that it had its turn.
        await owner.say(board.jid, "led")
        assert not [stanza for stanza in owner.inbox.stanzas[since:] if answered(board, stanza) is not None]
    assert await board.answers()


@pytest.mark.fault("error-answers")
async def test_every_request_is_answered_with_an_error(board):
    async with board.fault(text="resource-constraint"):
        with pytest.raises(Refused) as refused:
            await board.answers()
        assert refused.value.condition == "resource-constraint"
    assert await board.answers()


@pytest.mark.fault("presence-flood")
async def test_presence_comes_again_and_again(board):
    since = board.mark()
    async with board.fault(amount=20):
        for _ in range(5):
            await board.presence("says again that it is there", None, since)
            since = board.mark()
    await board.answers()
    since = board.mark()
    await board.hear("temp", 2)
    assert board.presences(since) == []


@pytest.mark.fault("node-deleted")
async def test_a_node_vanishes_and_is_made_anew(board):
    await board.suffer(text="actuators")
    await board.until(lambda: board.fetch(wire.ACTUATORS), lambda answer: answer is None)
    await board.until(lambda: board.fetch(wire.ACTUATORS), lambda answer: answer is not None)
    await board.online()
    await board.until(lambda: try_set(board), bool)
    await board.suffer(text="sensors")
    await board.online()
    await board.tells("temp")
    await board.until(board.fetch, lambda answer: answer is not None and len(wire.values(answer)) >= 8)


async def try_set(board):
    """Whether the owner may set actuators; the affiliation comes after the node."""
    try:
        await board.set("led", "0")
    except Refused as refused:
        assert refused.condition == "forbidden"
        return False
    return True


@pytest.mark.fault("publish-flood")
async def test_every_reading_comes_again_and_again(board):
    async with board.fault(channel="door", amount=20):
        assert {value.text for value in await board.hear("door", 5)} == {"0"}
    await board.answers()
    since = board.mark()
    await board.hear("temp", 3)
    assert board.heard("door", since) == []


def answered(board, stanza):
    """The stanza, if it is the device's answer to a request."""
    is_answer = stanza.tag == f"{{{wire.CLIENT}}}iq" and stanza.get("type") in ("result", "error")
    return stanza if is_answer and stanza.get("from") == board.full else None
