"""Controllers that come, go and are fewer than devices."""

import asyncio
import contextlib
import os
import signal
import sys
import tty
from pathlib import Path

import phone as gatt
import pytest
from air import Air, PacketParser
from fleets import unpack
from phone import Phone
from servers import free_port

# The issue's own limit: advertising again within this time after the cause went away.
AGAIN = 5.0


async def test_a_controller_that_comes_back_carries_the_device_again(fleet, phone, phones, air):
    things = await fleet()
    client = await phone.connect(await things.advertising())
    since = things.mark()
    await air.stop()
    down = await things.event("bluetooth", since, state="down")
    assert down["kind"] == "controller"
    assert down["text"] and down["next_step"]
    await things.event("commissioning", since, step="client-gone")
    await client.sent_away()
    await air.start()
    again = await things.advertising(since=since, deadline=AGAIN)
    another = await phones()
    assert await (await another.connect(again)).read(gatt.DEVICE_NAME)


async def test_devices_queue_where_there_are_fewer_controllers(fleet, phone, air, owner):
    things = await fleet(count=2, adapters=f"['tcp:127.0.0.1:{air.port}']")
    served = (await things.event("bluetooth", state="advertising"))["device"]
    [waiting] = set(things.names) - {served}
    # Both may queue for a moment before the first is served.
    await things.event("bluetooth", device=waiting, state="queued", ahead=0)
    for device in (served, waiting):
        await unpack(phone, things, device, owner)


async def test_a_controller_that_sends_rubbish_is_told_and_tried_again(fleet, air):
    async def babble(_reader, writer):
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        things = await fleet(adapters=f"['tcp:127.0.0.1:{port}']")
        down = await things.event("bluetooth", state="down")
        assert down["kind"] == "controller"
    assert things.told("session")[-1]["state"] == "commissioning"


async def test_a_controller_that_says_nothing_is_given_up(fleet, air):
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        things = await fleet(adapters=f"['tcp:127.0.0.1:{port}']")
        down = await things.event("bluetooth", state="down")
        assert "does not answer" in down["text"]


async def test_a_controller_that_is_cut_off_without_a_word_is_noticed(fleet, air):
    things = await fleet()
    await things.advertising()
    since = things.mark()
    [line] = air.lines
    line.ignore_host()
    down = await things.event("bluetooth", since, state="down")
    assert "does not answer" in down["text"]
    await things.advertising(since=since, deadline=AGAIN)


@pytest.mark.parametrize("way", ["breaks", "falls-silent"])
async def test_a_controller_that_fails_under_a_client_does_nothing_to_the_device_on_another(
    fleet, phone, air, owner, way
):
    async with Air(port=0) as elsewhere:
        things = await fleet(count=2, adapters=f"['tcp:127.0.0.1:{air.port}', 'tcp:127.0.0.1:{elsewhere.port}']")
        for device in things.names:
            await things.advertising(device)
        adapters = {event["device"]: event["adapter"] for event in things.told("bluetooth")}
        well, ill = sorted(things.names, key=lambda device: adapters[device] != f"tcp:127.0.0.1:{air.port}")
        client = await phone.connect(things.codes[well].address)
        stranded = await (await Phone(elsewhere).switch_on()).connect(things.codes[ill].address)
        for each in (client, stranded):
            await each.write(gatt.SSID, "Home")
        since = things.mark()
        if way == "breaks":
            await elsewhere.stop()
        else:
            [line] = elsewhere.lines
            line.ignore_host()
        down = await things.event("bluetooth", since, device=ill, state="down")
        assert down["kind"] == "controller"
        assert down["text"] and down["next_step"]
        await things.event("commissioning", since, device=ill, step="client-gone")
        await client.write(gatt.SSID, "Home")
        assert not [event for event in things.told_since(since, "bluetooth") if event["device"] == well]
        if way == "breaks":
            await elsewhere.start()
        await things.advertising(ill, since=since, deadline=AGAIN)
        again = await (await Phone(elsewhere).switch_on()).connect(things.codes[ill].address)
        assert await again.read(gatt.DEVICE_NAME)
        await client.disconnect()
        await unpack(phone, things, well, owner)


async def test_a_serial_line_that_another_program_has_is_waited_for(fleet, phone, air):
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    line = SerialLine(air, ours)
    try:
        adapters = f"['serial:{os.ttyname(theirs)}']"
        first = await fleet(adapters=adapters)
        client = await phone.connect(await first.advertising())
        second = await fleet(adapters=adapters)
        busy = await second.event("bluetooth", state="down")
        assert busy["kind"] == "busy"
        assert os.ttyname(theirs) in busy["text"]
        assert "stop the other program" in busy["next_step"]
        assert await client.read(gatt.DEVICE_NAME)
        await client.disconnect()
        since = second.mark()
        await first.stop()
        client = await phone.connect(await second.advertising(since=since, deadline=AGAIN))
        assert await client.read(gatt.DEVICE_NAME)
    finally:
        line.close()
        os.close(theirs)


async def test_a_socket_that_takes_one_program_is_waited_for(fleet, phone, air):
    async with OneAtATime(air) as socket:
        adapters = f"['tcp:127.0.0.1:{socket.port}']"
        first = await fleet(adapters=adapters)
        await first.advertising()
        second = await fleet(adapters=adapters)
        down = await second.event("bluetooth", state="down")
        assert down["kind"] == "controller"
        assert "no other program has it" in down["next_step"]
        since = second.mark()
        await first.kill()
        client = await phone.connect(await second.advertising(since=since, deadline=AGAIN))
        assert await client.read(gatt.DEVICE_NAME)


async def test_the_virtual_controllers_run_as_a_program(fleet, tmp_path):
    port = free_port()
    script = Path(__file__).resolve().parents[2] / "scripts" / "air.py"
    program = await asyncio.create_subprocess_exec(sys.executable, str(script), "--port", str(port), "--quiet")
    try:
        things = await fleet(adapters=f"{{ virtual: '127.0.0.1:{port}' }}")
        await things.advertising()
        program.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(program.wait(), AGAIN) == 0
        await things.event("bluetooth", state="down")
    finally:
        if program.returncode is None:
            program.kill()


async def test_a_controller_on_a_serial_line_serves_as_well(fleet, phone, air):
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    line = SerialLine(air, ours)
    try:
        things = await fleet(adapters=f"['serial:{os.ttyname(theirs)}@115200']")
        client = await phone.connect(await things.advertising())
        assert await client.read(gatt.DEVICE_NAME) == "Thing in a box"
    finally:
        line.close()
        os.close(theirs)


class OneAtATime:
    """The one controller behind a socket, as of a bridge to a serial line: it hangs up on everybody but the first."""

    def __init__(self, air):
        self._air = air
        self._taken = False
        self._server = None
        self.port = None

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()

    async def _serve(self, reader, writer):
        if self._taken:
            writer.close()
            return
        self._taken = True
        theirs_reader, theirs = await asyncio.open_connection("127.0.0.1", self._air.port)
        try:
            await asyncio.gather(_carry(reader, theirs), _carry(theirs_reader, writer))
        finally:
            self._taken = False


async def _carry(reader, writer):
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(4096):
            writer.write(piece)
    writer.close()


class SerialLine:
    """A controller at the other end of a pseudoterminal."""

    def __init__(self, air, descriptor):
        self._descriptor = descriptor
        self._loop = asyncio.get_running_loop()
        self._parser = PacketParser(air.controller(self))
        self._loop.add_reader(descriptor, self._read)

    def _read(self):
        self._parser.feed_data(os.read(self._descriptor, 4096))

    def on_packet(self, packet):
        """Takes a packet of the controller to its host."""
        os.write(self._descriptor, packet)

    def close(self):
        """Hangs up."""
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)
