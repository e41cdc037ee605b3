"""The form a client shows for a device: XEP-0004 with the marks and field types of the reference client."""

import wire


async def form(board, owner):
    """The fields of the form by variable."""
    answer = await owner.fetch(board.jid, wire.UI)
    return {field.var: field for field in wire.fields(answer) if field.var}


async def test_the_form_is_the_item_named_current(board, owner):
    answer = await owner.fetch(board.jid, wire.UI)
    items = [item.get("id") for item in answer.iter(f"{{{wire.PUBSUB}}}item")]
    assert items == ["current"]


async def test_every_field_is_named_by_the_item_it_shows(board, owner):
    have = {var for var, field in (await form(board, owner)).items() if field.type != "header"}
    actuators = {wire.actuator(name) for name in ("led", "level", "count", "mode", "note", "brew")}
    fan = have & {wire.actuator("fan"), wire.sensor("fan")}
    assert len(fan) == 1
    assert have - fan == actuators | {wire.sensor("temp"), wire.sensor("door")}


async def test_readings_are_marked_read_only_and_settings_are_not(board, owner):
    fields = await form(board, owner)
    assert fields[wire.sensor("temp")].read_only
    assert fields[wire.sensor("door")].read_only
    for name in ("led", "level", "count", "mode", "note", "brew"):
        assert not fields[wire.actuator(name)].read_only, name
    fan = fields.get(wire.actuator("fan")) or fields[wire.sensor("fan")]
    assert fan.read_only


async def test_each_type_has_the_field_the_client_renders(board, owner):
    fields = await form(board, owner)
    types = {name: fields[wire.actuator(name)].type for name in ("led", "level", "count", "mode", "brew")}
    expected = {"led": "boolean", "level": "slider", "count": "slider", "mode": "list-single", "brew": "button"}
    assert types == expected
    assert fields[wire.actuator("note")].type in ("text-single", "text-multi")


async def test_a_slider_has_minimum_maximum_and_steps(board, owner):
    level = (await form(board, owner))[wire.actuator("level")].attributes
    assert (float(level["min"]), float(level["max"])) == (0.0, 100.0)
    assert float(level["steps"]) > 0


async def test_a_choice_lists_its_options(board, owner):
    assert (await form(board, owner))[wire.actuator("mode")].options == ("eco", "boost")


async def test_labels_and_headings_are_the_definitions(board, owner):
    answer = await owner.fetch(board.jid, wire.UI)
    fields = wire.fields(answer)
    assert {field.var: field.label for field in fields}[wire.sensor("temp")] == "Temperature"
    headings = [field.value or field.label for field in fields if field.type == "header"]
    assert headings[:2] == ["Climate", "Controls"]
