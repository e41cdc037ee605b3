"""Any chat client is a remote control: words in, helpful words out (thesis 4.4.3)."""

import wire


async def test_help_names_everything_there_is(board, owner):
    answer = await owner.say(board.jid, "help")
    for word in ("status", "units", "temp", "door", "led", "level", "count", "mode", "note", "brew"):
        assert word in answer


async def test_status_tells_the_values(board, owner):
    answer = await owner.say(board.jid, "status")
    assert "temp" in answer.lower()
    assert "hello" in answer


async def test_units_tells_the_units(board, owner):
    answer = await owner.say(board.jid, "units")
    assert "celsius" in answer or "°C" in answer
    assert "percent" in answer or "%" in answer


async def test_the_name_of_a_sensor_reads_it_in_any_case(board, owner):
    for spelling in ("temp", "Temp", " temp ", "TEMP"):
        answer = await owner.say(board.jid, spelling)
        assert any(20 <= _number(word) <= 30 for word in answer.replace("°", " ").split()), answer


SETTINGS = [
    ("led on", "led", "1"),
    ("LED OFF", "led", "0"),
    ("level 42.5", "level", "42.5"),
    ("count 7", "count", "7"),
    ("mode boost", "mode", "boost"),
    ("note good night", "note", "good night"),
]


async def test_a_name_and_a_value_set_an_actuator(board, owner, subtests):
    for command, name, reported in SETTINGS:
        with subtests.test(command=command):
            since = owner.inbox.mark()
            await owner.say(board.jid, command)
            await owner.value(wire.SENSORS, wire.sensor(name), reported, since)


async def test_a_value_out_of_range_is_answered_with_the_range(board, owner):
    answer = await owner.say(board.jid, "level 500")
    assert "100" in answer


async def test_a_read_only_channel_is_not_set(board, owner):
    await owner.say(board.jid, "temp 99")
    await owner.say(board.jid, "fan off")
    assert not board.program.told("actuated")


async def test_what_it_does_not_understand_is_answered_with_a_way_on(board, owner):
    assert "help" in await owner.say(board.jid, "make me a sandwich")


async def test_a_near_miss_is_answered_with_the_word_that_was_meant(board, owner):
    assert "temp" in await owner.say(board.jid, "tmep")


def _number(word):
    try:
        return float(word.strip(".,:;°C%"))
    except ValueError:
        return float("nan")
