#!/usr/bin/env python3
"""Virtual Bluetooth controllers on one virtual air, for machines without Bluetooth.

Each TCP connection is a controller of its own that speaks HCI over H4, as rootcanal has it. Whoever connects can be a
peripheral (`adapters: virtual` in a fleet profile) or a central; all of them meet. Needs the Python package `bumble`
(tests/requirements.txt), and no Bluetooth in the kernel.
"""

import argparse
import asyncio
import contextlib
import itertools
import logging
import signal

from bumble import hci, ll
from bumble.controller import Controller
from bumble.link import LocalLink
from bumble.transport.common import PacketParser

HOST = "127.0.0.1"
PORT = 6402
# Longest that a controller's packets may pile up in front of a host that does not read.
PATIENCE = 64 * 1024

log = logging.getLogger("air")


class VirtualController(Controller):
    """Bumble's controller, with what a radio has and it lacks: scan responses, a reset, and an end."""

    def __init__(self, name, host_sink, link, public_address):
        super().__init__(name, host_sink=host_sink, link=link, public_address=public_address)
        self._scans_extended = False

    def on_hci_reset_command(self, command):
        self.fall_silent(hci.HCI_CONNECTION_TERMINATED_BY_LOCAL_HOST_ERROR)
        return super().on_hci_reset_command(command)

    def on_hci_le_set_scan_enable_command(self, command):
        self._scans_extended = False
        return super().on_hci_le_set_scan_enable_command(command)

    def on_hci_le_set_extended_scan_parameters_command(self, command):
        self.le_scan_type = max(command.scan_types)
        return super().on_hci_le_set_extended_scan_parameters_command(command)

    def on_hci_le_set_extended_scan_enable_command(self, command):
        self._scans_extended = True
        return super().on_hci_le_set_extended_scan_enable_command(command)

    def on_advertising_pdu(self, pdu):
        if not isinstance(pdu, ll.AdvInd):
            super().on_advertising_pdu(pdu)
            return
        if self.le_scan_enable:
            self._report(pdu, is_response=False, data=pdu.data)
            advertiser = self.link.advertiser(pdu.advertiser_address)
            if self.le_scan_type and advertiser:
                self._report(pdu, is_response=True, data=advertiser.scan_response_data)
        if self.pending_le_connection and self.pending_le_connection.peer_address == pdu.advertiser_address:
            self.create_le_connection(pdu.advertiser_address)

    def fall_silent(self, reason):
        """Stops advertising and scanning, and lets go of every connection; the peers are told this reason."""
        self.le_legacy_advertiser.stop()
        for advertising in self.advertising_sets.values():
            advertising.stop()
        self.le_scan_enable = False
        self.pending_le_connection = None
        for connection in list(self.le_connections.values()):
            with contextlib.suppress(Exception):
                connection.send_ll_control_pdu(ll.TerminateInd(reason))
            self.le_connections.pop(connection.peer_address, None)

    def _report(self, pdu, is_response, data):
        address = pdu.advertiser_address
        if self._scans_extended:
            kind = hci.HCI_LE_Extended_Advertising_Report_Event
            bits = kind.EventType
            event_type = bits.LEGACY_ADVERTISING_PDU_USED | bits.CONNECTABLE_ADVERTISING | bits.SCANNABLE_ADVERTISING
            report = kind.Report(
                event_type=event_type | (bits.SCAN_RESPONSE if is_response else 0),
                address_type=address.address_type,
                address=address,
                primary_phy=hci.Phy.LE_1M,
                secondary_phy=0,
                advertising_sid=0xFF,
                tx_power=0x7F,
                rssi=-50,
                periodic_advertising_interval=0,
                direct_address_type=0,
                direct_address=hci.Address.ANY,
                data=data,
            )
        else:
            kind = hci.HCI_LE_Advertising_Report_Event
            event_type = kind.EventType.SCAN_RSP if is_response else kind.EventType.ADV_IND
            report = kind.Report(
                event_type=event_type, address_type=address.address_type, address=address, data=data, rssi=-50
            )
        self.send_hci_packet(kind([report]))


class Ether(LocalLink):
    """What all controllers share."""

    def advertiser(self, address):
        """The legacy advertiser with this address, if one is on the air."""
        advertisers = (controller.le_legacy_advertiser for controller in self.controllers)
        return next((one for one in advertisers if one.enabled and one.address == address), None)


class _Line(asyncio.Protocol):
    """A TCP connection with its controller."""

    def __init__(self, air):
        self._air = air
        self._transport = None
        self._parser = PacketParser()
        self.controller = None

    def connection_made(self, transport):
        self._transport = transport
        self.controller = self._air.controller(self)
        self._parser.set_packet_sink(self.controller)
        self._air.lines.add(self)
        log.info("%s is on the air", self.controller.name)

    def data_received(self, data):
        try:
            self._parser.feed_data(data)
        except Exception as error:  # whatever the host sent, the others stay on the air
            log.warning("%s: %s", self.controller.name, error)
            self._transport.abort()

    def on_packet(self, packet):
        """Takes a packet of the controller to its host."""
        if self._transport.get_write_buffer_size() > PATIENCE:
            self._transport.abort()
        else:
            self._transport.write(packet)

    def connection_lost(self, _error):
        self._air.lost(self)
        log.info("%s is gone", self.controller.name)

    def ignore_host(self):
        """Hears the host no more, as if a cable was cut; nobody is told."""
        self._parser.set_packet_sink(None)
        self.controller.host = None

    def close(self):
        """Ends the connection as a controller does whose power is gone."""
        self._transport.abort()


class Air:
    """Controllers for whoever connects, and for whoever asks within this process.

    Use it with `async with Air(port=0) as air:`; `air.port` is where it listens.
    """

    def __init__(self, host=HOST, port=PORT):
        self.host = host
        self.port = port
        self.ether = Ether()
        self.lines = set()
        self._server = None
        self._quiet = asyncio.Event()
        self._numbers = itertools.count(1)

    async def __aenter__(self):
        await self.start()
        return self

    async def __aexit__(self, *_):
        await self.stop()

    async def start(self):
        """Begins to listen, again at the same port after `stop`."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Line(self), self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self):
        """Listens no more, and cuts every connection."""
        self._server.close()
        for line in list(self.lines):
            line.close()
        if self.lines:
            self._quiet.clear()
            await self._quiet.wait()

    def controller(self, host_sink=None):
        """A new controller on this air."""
        number = next(self._numbers)
        public = f"F0:F1:F2:00:{number >> 8 & 0xFF:02X}:{number & 0xFF:02X}"
        return VirtualController(f"controller {number}", host_sink, self.ether, public)

    def lost(self, line):
        """Takes the controller of a connection that has ended off the air."""
        self.lines.discard(line)
        self.remove(line.controller)
        if not self.lines:
            self._quiet.set()

    def remove(self, controller):
        """Takes a controller off the air, as if it were out of reach."""
        controller.fall_silent(hci.HCI_CONNECTION_TIMEOUT_ERROR)
        controller.host = None
        self.ether.remove_controller(controller)


async def serve(host, port):
    """Runs until interrupted."""
    over = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    async with Air(host, port) as air:
        log.info("virtual controllers at %s:%s; Ctrl-C ends them", air.host, air.port)
        await over.wait()


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default=HOST, help=f"address to listen on (default {HOST})")
    parser.add_argument("--port", type=int, default=PORT, help=f"port to listen on (default {PORT})")
    parser.add_argument("--quiet", action="store_true", help="say nothing but what goes wrong")
    arguments = parser.parse_args()
    logging.basicConfig(format="%(name)s: %(message)s", level=logging.ERROR)
    log.setLevel(logging.WARNING if arguments.quiet else logging.INFO)
    try:
        asyncio.run(serve(arguments.host, arguments.port))
    except OSError as error:
        parser.exit(1, f"air: {error}\n")


if __name__ == "__main__":
    main()
