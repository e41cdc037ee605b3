"""The device answers what XMPP entities are asked, to contacts; a stranger learns nothing."""

import base64
import hashlib
import re
from datetime import UTC, datetime, timedelta

import pytest

import wire
from people import Refused


async def test_disco_info_tells_what_it_is(board, owner):
    identities, features = await owner.disco_info(board.full)
    assert identities
    assert {wire.DISCO_INFO, wire.PING, wire.TIME, wire.VERSION} <= features


async def test_disco_items_is_answered(board, owner):
    await owner.disco_items(board.full)


async def test_caps_hash_is_that_of_disco_info(board, owner):
    def capabilities(stanza):
        return stanza.find(f"{{{wire.CAPS}}}c") if stanza.get("from") == board.full else None

    caps = await owner.inbox.wait("presence with capabilities", capabilities)
    node = f"{caps.get('node')}#{caps.get('ver')}"
    answer = await owner.ask("get", board.full, f"<query xmlns='{wire.DISCO_INFO}' node='{node}'/>")
    assert caps.get("hash") == "sha-1"
    assert caps.get("ver") == verification_string(answer)


async def test_ping_is_answered(board, owner):
    await owner.ask("get", board.full, f"<ping xmlns='{wire.PING}'/>")


async def test_version_is_told(board, owner):
    answer = await owner.ask("get", board.full, f"<query xmlns='{wire.VERSION}'/>")
    assert answer.findtext(f".//{{{wire.VERSION}}}name")
    assert answer.findtext(f".//{{{wire.VERSION}}}version")


async def test_time_is_told(board, owner):
    answer = await owner.ask("get", board.full, f"<time xmlns='{wire.TIME}'/>")
    told = answer.findtext(f".//{{{wire.TIME}}}utc")
    assert re.fullmatch(r"[+-]\d\d:\d\d|Z", answer.findtext(f".//{{{wire.TIME}}}tzo"))
    assert abs(datetime.fromisoformat(told) - datetime.now(UTC)) < timedelta(minutes=1)


async def test_an_unknown_request_is_answered_with_an_error(board, owner):
    with pytest.raises(Refused) as refusal:
        await owner.ask("get", board.full, "<query xmlns='urn:example:nothing'/>")
    assert refusal.value.condition in ("service-unavailable", "feature-not-implemented")


QUESTIONS = {
    "disco#info": f"<query xmlns='{wire.DISCO_INFO}'/>",
    "disco#items": f"<query xmlns='{wire.DISCO_ITEMS}'/>",
    "version": f"<query xmlns='{wire.VERSION}'/>",
    "time": f"<time xmlns='{wire.TIME}'/>",
    "ping": f"<ping xmlns='{wire.PING}'/>",
}


async def test_a_stranger_learns_nothing(board, stranger, subtests):
    for name, question in QUESTIONS.items():
        with subtests.test(question=name), pytest.raises(Refused) as refusal:
            await stranger.ask("get", board.full, question)
        assert refusal.value.condition == "service-unavailable"


def verification_string(answer):
    """XEP-0115 section 5.1, without extended forms."""
    query = answer.find(f"{{{wire.DISCO_INFO}}}query")
    language = "{http://www.w3.org/XML/1998/namespace}lang"
    identities = sorted(
        "/".join(identity.get(key) or "" for key in ("category", "type", language, "name"))
        for identity in query.findall(f"{{{wire.DISCO_INFO}}}identity")
    )
    features = sorted(feature.get("var") for feature in query.findall(f"{{{wire.DISCO_INFO}}}feature"))
    text = "".join(part + "<" for part in identities + features)
    return base64.b64encode(hashlib.sha1(text.encode()).digest()).decode()
