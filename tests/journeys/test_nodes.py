"""The three nodes: where they are, how they are configured, and that they outlive whatever happens to them."""

import pytest

import wire
from people import Refused

CONFIGURED = {
    wire.SENSORS: {"persist_items": "1", "access_model": "presence", "max_items": "64"},
    wire.UI: {"persist_items": "1", "access_model": "presence", "max_items": "1"},
    wire.ACTUATORS: {
        "access_model": "presence",
        "send_last_published_item": "never",
        "publish_model": "publishers",
    },
}
# Persistent where several publishers may share an item, else transient (docs/PROTOCOL.md, "Actuators").
ACTUATORS_PERSIST = {"prosody": "1", "ejabberd": "0"}


async def configuration(device, node):
    """The configuration of a node, asked for by its owner."""
    answer = await device.ask(
        "get", device.bare, f"<pubsub xmlns='{wire.OWNER}'><configure node='{node}'/></pubsub>"
    )
    return {name.removeprefix("pubsub#"): values for name, values in wire.form_values(answer).items()}


async def configure(device, node, **options):
    """Changes a node's configuration behind the device's back."""
    form = wire.node_config(**options)
    await device.ask(
        "set", device.bare, f"<pubsub xmlns='{wire.OWNER}'><configure node='{node}'>{form}</configure></pubsub>"
    )


async def delete(device, node):
    """Deletes a node behind the device's back."""
    await device.ask("set", device.bare, f"<pubsub xmlns='{wire.OWNER}'><delete node='{node}'/></pubsub>")


async def test_the_three_nodes_are_at_the_devices_bare_address(board, owner):
    nodes = {item.get("node") for item in await owner.disco_items(board.jid)}
    assert set(wire.NODES) <= nodes


async def test_a_node_lists_its_items_by_id(board, owner):
    items = {item.get("name") for item in await owner.disco_items(board.jid, wire.UI)}
    assert items == {"current"}


async def test_the_nodes_are_configured_as_the_protocol_says(server, insider, owner, settle):
    await settle(owner, account=insider.account)
    for node, wanted in CONFIGURED.items():
        have = await configuration(insider, node)
        assert {key: have[key] for key in wanted} == {key: [value] for key, value in wanted.items()}, node
    assert (await configuration(insider, wire.ACTUATORS))["persist_items"] == [ACTUATORS_PERSIST[server.name]]


async def test_the_first_start_creates_three_nodes_in_the_mode_the_server_takes(server, board):
    mode = {"1": "persistent", "0": "transient"}[ACTUATORS_PERSIST[server.name]]
    await board.program.event("nodes-ready", created=3, repaired=0, actuators=mode)


async def test_a_restart_reuses_the_nodes_and_keeps_subscriptions(board, owner):
    await board.program.stop()
    since = owner.inbox.mark()
    await board.program.start()
    await board.program.event("nodes-ready", created=0, repaired=0)
    await owner.value(wire.SENSORS, wire.sensor("temp"), since=since)


async def test_a_power_cut_is_survived_like_a_restart(board, owner):
    await board.program.kill()
    since = owner.inbox.mark()
    await board.program.start()
    await board.program.event("nodes-ready", created=0, repaired=0)
    await owner.value(wire.SENSORS, wire.sensor("temp"), since=since)


@pytest.mark.parametrize("node", wire.NODES)
async def test_a_node_deleted_behind_its_back_is_there_again_after_a_restart(insider, owner, settle, node):
    board = await settle(owner, watching=(), account=insider.account)
    await board.program.stop()
    await delete(insider, node)
    await board.program.start()
    await board.program.event("nodes-ready", created=1)
    await board.program.online()
    await owner.subscribe(board.jid, node)


@pytest.mark.parametrize(
    ("option", "wrong", "right"),
    [("access_model", "whitelist", "presence"), ("max_items", "2", "64"), ("persist_items", "false", "1")],
)
async def test_a_misconfigured_node_is_mended_on_the_next_start(insider, owner, settle, option, wrong, right):
    board = await settle(owner, watching=(), account=insider.account)
    await board.program.stop()
    await configure(insider, wire.SENSORS, **{option: wrong})
    await board.program.start()
    await board.program.event("nodes-ready", created=0, repaired=1)
    assert (await configuration(insider, wire.SENSORS))[option] == [right]
    # Prosody ends subscriptions that the wrong access model does not allow.
    await owner.subscribe(board.jid, wire.SENSORS)
    await owner.value(wire.SENSORS, wire.sensor("temp"), since=owner.inbox.mark())


async def test_actuators_of_the_other_mode_are_mended_on_the_next_start(server, insider, owner, settle):
    board = await settle(owner, account=insider.account)
    await board.program.stop()
    other = {"1": "false", "0": "true"}[ACTUATORS_PERSIST[server.name]]
    await configure(insider, wire.ACTUATORS, persist_items=other)
    await board.program.start()
    await board.program.event("nodes-ready", repaired=1)
    since = owner.inbox.mark()
    await owner.actuate(board.jid, "led", "1", "boolean")
    await owner.value(wire.SENSORS, wire.sensor("led"), "1", since)


# -- access models --


async def test_open_nodes_are_read_by_strangers_but_not_controlled(settle, owner, stranger):
    board = await settle(owner, access="open")
    await stranger.subscribe(board.jid, wire.SENSORS)
    await stranger.value(wire.SENSORS, wire.sensor("temp"))
    with pytest.raises(Refused):
        await stranger.actuate(board.jid, "led", "1", "boolean")


async def test_a_whitelist_lets_the_owner_read_and_nobody_else(settle, owner, stranger):
    board = await settle(owner, access="whitelist")
    await owner.value(wire.SENSORS, wire.sensor("temp"))
    since = owner.inbox.mark()
    await owner.actuate(board.jid, "led", "1", "boolean")
    await owner.value(wire.SENSORS, wire.sensor("led"), "1", since)
    with pytest.raises(Refused):
        await stranger.fetch(board.jid, wire.SENSORS)


async def test_roster_groups_work_or_are_refused_with_a_reason(server, run, settle, owner, stranger):
    access = "{ roster: [Owners] }"
    if server.name == "prosody":
        program = await run(owners=[owner.bare], access=access).start()
        failure = await program.event("setup-failed")
        assert "not-acceptable" in failure["why"]
        assert "access" in failure["next_step"]
        return
    board = await settle(owner, access=access)
    await owner.value(wire.SENSORS, wire.sensor("temp"))
    with pytest.raises(Refused) as refusal:
        await stranger.fetch(board.jid, wire.SENSORS)
    assert refusal.value.condition == "not-authorized"


# -- on a publish-subscribe service, as the thesis prints it --


async def test_service_addressing_works_or_is_refused_with_a_reason(server, username, run, owner):
    service, prefix = server.pubsub_service, f"{username}."
    program = await run(owners=[owner.bare], addressing=f"{{ service: {service}, prefix: '{{name}}.' }}").start()
    if server.name == "prosody":
        failure = await program.event("setup-failed")
        assert "forbidden" in failure["why"]
        assert failure["next_step"]
        return
    await program.online()
    await owner.befriend(f"{username}@{server.domain}")
    await owner.subscribe(service, prefix + wire.SENSORS)
    await owner.value(prefix + wire.SENSORS, wire.sensor("temp"))
    since = owner.inbox.mark()
    await owner.publish(service, prefix + wire.ACTUATORS, wire.actuator("led"), wire.val("1", "boolean"))
    await owner.value(prefix + wire.SENSORS, wire.sensor("led"), "1", since)
