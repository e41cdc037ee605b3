"""Wrong sensors and wrong items, as the owner's client is told of them."""

from datetime import UTC, datetime, timedelta

import pytest

import wire

RIGHT = "20.00"
UI_FORM = f"{{{wire.DATA}}}x"
DELAY = "{urn:xmpp:delay}delay"


@pytest.mark.fault("sensor-stuck")
async def test_a_stuck_sensor_goes_on_telling_what_it_told(board):
    async with board.fault(channel="pulse"):
        await board.answers()
        stuck, *others = await board.hear("pulse", 4)
        assert {other.text for other in others} == {stuck.text}
    await board.tells("pulse", lambda text: int(text) > int(stuck.text))


@pytest.mark.fault("sensor-drift")
async def test_a_drifting_sensor_runs_away(board):
    async with board.fault(channel="temp", amount=600):
        first, *_, last = await board.hear("temp", 4, lambda text: float(text) > 20.5)
        assert float(last.text) > float(first.text) + 1
    await board.tells("temp", RIGHT)


@pytest.mark.fault("sensor-offset")
async def test_a_sensor_that_is_off_is_off_by_the_same_all_the_time(board):
    async with board.fault(channel="temp", amount=40):
        await board.tells("temp", "60.00")
        assert {value.text for value in await board.hear("temp", 3)} == {"60.00"}
    await board.tells("temp", RIGHT)


@pytest.mark.fault("sensor-spike")
async def test_a_spike_is_far_off_and_the_next_value_is_right(board):
    async with board.fault(channel="temp", amount=50, share=0.5):
        since = board.mark()
        await board.tells("temp", "70.00", since)
        await board.tells("temp", RIGHT, since)
    await board.tells("temp", RIGHT)


@pytest.mark.fault("sensor-noise")
async def test_a_noisy_sensor_jumps_around_the_truth(board):
    async with board.fault(channel="temp", amount=2):
        heard = [float(value.text) for value in await board.hear("temp", 4, lambda text: text != RIGHT)]
        assert len(set(heard)) == 4
        assert all(abs(value - 20) < 12 for value in heard), "six standard deviations"
    await board.tells("temp", RIGHT)


@pytest.mark.fault("sensor-dropout")
async def test_a_silent_sensor_leaves_its_last_item_to_grow_old(board):
    async with board.fault(channel="temp"):
        await board.answers()
        since = board.mark()
        await board.hear("pulse", 4, since=since)
        assert board.heard("temp", since) == []
        assert (await board.stored())[wire.sensor("temp")].text == RIGHT
    await board.tells("temp", RIGHT)


@pytest.mark.fault("sensor-out-of-range")
async def test_a_broken_wire_reads_far_beyond_the_range(board):
    async with board.fault(channel="temp"):
        await board.tells("temp", "500.00")
    await board.tells("temp", RIGHT)


@pytest.mark.fault("wrong-unit")
async def test_a_right_number_has_a_wrong_unit(board):
    async with board.fault(channel="temp"):
        await board.answers()
        wrong = await board.tells("temp")
        assert wrong.text == RIGHT and wrong.unit not in (None, "celsius")
    await board.answers()
    assert await board.tells("temp") == wire.Value(RIGHT, "float", "celsius")


@pytest.mark.fault("wrong-type")
async def test_a_value_is_a_word_of_another_type(board):
    async with board.fault(channel="temp"):
        assert (await board.tells("temp", "unknown")).type == "boolean"
    assert (await board.tells("temp", RIGHT)).type == "float"


@pytest.mark.fault("malformed-payload")
async def test_an_item_has_an_element_that_nobody_knows(board):
    async with board.fault(channel="temp"):
        await board.item("temp", lambda item: item.find(f"{{{wire.IOT}}}val") is None or None)
    await board.tells("temp", RIGHT)


@pytest.mark.fault("stale-timestamp")
async def test_a_value_carries_the_stamp_of_a_time_long_gone(board):
    async with board.fault(channel="temp", delay=86400):
        stamp = (await board.item("temp", lambda item: next(item.iter(DELAY), None))).get("stamp")
        age = datetime.now(UTC) - datetime.fromisoformat(stamp)
        assert abs(age - timedelta(days=1)) < timedelta(minutes=1)
    await board.item("temp", lambda item: next(item.iter(DELAY), None) is None or None)


@pytest.mark.fault("frozen-form")
async def test_a_user_interface_that_was_deleted_does_not_come_back(board, owner):
    form = "current"
    async with board.fault():
        await board.suffer("node-deleted", text="ui")
        assert await board.until(lambda: forms(board), lambda ids: ids is None) is None
        assert await board.until(lambda: forms(board), lambda ids: ids is not None) == []
    assert await board.until(lambda: forms(board), lambda ids: ids) == [form]


async def forms(board):
    """The ids of the forms on the server; None where there is no node."""
    answer = await board.fetch(wire.UI)
    if answer is None:
        return None
    return [item.get("id") for item in answer.iter(f"{{{wire.PUBSUB}}}item") if item.find(UI_FORM) is not None]
