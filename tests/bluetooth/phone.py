"""A phone that nobody here wrote the Bluetooth of: Bumble as a central, on the same virtual air as the devices.

`Phone` finds, connects, reads and writes as the reference client does. `Client.request` sends bytes as they are, for
what a well-behaved stack would not send.
"""

import asyncio
import contextlib
import itertools

from bumble import att, hci
from bumble.core import AdvertisingData, ProtocolError
from bumble.core import UUID as BumbleUUID
from bumble.device import Device, Peer
from bumble.host import Host
from bumble.pairing import PairingConfig, PairingDelegate
from bumble.transport.common import AsyncPipeSink

DEADLINE = 25.0

# The thesis, Table 4.1; written down again here, because the table in the program is what is tested.
PROVISIONING = "00000001-0000-0000-0000-000000000001"
COMPLETION = "00000002-0000-0000-0000-000000000001"
SSID, NETWORK_PASSWORD, JID, JID_PASSWORD, JID_SENDER, SETUP_DONE = (
    f"{number:08x}-0000-0000-0000-000000000002" for number in range(1, 7)
)
DEVICE_NAME, APPEARANCE = "2A00", "2A01"
LANGUAGE, HARDWARE, SOFTWARE, SERIAL, MANUFACTURER = "2AA2", "2A27", "2A28", "2A25", "2A29"

_numbers = itertools.count(1)


class Refused(Exception):
    """An ATT Error Response; `code` is its code."""

    def __init__(self, code):
        super().__init__(f"ATT error {code:#04x}")
        self.code = code


class Phone:
    """A central with a random static address of its own."""

    def __init__(self, air):
        number = next(_numbers)
        self.address = f"F1:00:00:00:{number >> 8:02X}:{number & 0xFF:02X}"
        self._air = air
        self._controller = air.controller()
        host = Host(self._controller, AsyncPipeSink(self._controller))
        self._device = Device(name="phone", address=hci.Address(self.address), host=host)
        self.pairs()

    async def switch_on(self):
        """Begins."""
        await self._device.power_on()
        return self

    def pairs(self, secure=True, key_size=16, confirm=None):
        """Says how it pairs: with LE Secure Connections, with keys of this size, and asking `confirm` whether to."""
        delegate = PairingDelegate(PairingDelegate.NO_OUTPUT_NO_INPUT, maximum_encryption_key_size=key_size)
        if confirm:
            delegate.confirm = confirm
        self._device.pairing_config_factory = lambda _: PairingConfig(
            sc=secure, mitm=False, bonding=True, delegate=delegate
        )

    def vanish(self):
        """Goes out of reach in the middle of whatever it does."""
        self._air.remove(self._controller)

    async def scan(self, address, deadline=DEADLINE):
        """Waits for an advertisement with its scan response from this address, and returns it."""
        found = asyncio.get_running_loop().create_future()

        def see(advertisement):
            if str(advertisement.address).startswith(address) and not found.done():
                if advertisement.data.get(AdvertisingData.Type.COMPLETE_LOCAL_NAME) is not None:
                    found.set_result(advertisement)

        self._device.on("advertisement", see)
        await self._device.start_scanning(active=True, filter_duplicates=False)
        try:
            return await asyncio.wait_for(found, deadline)
        except TimeoutError:
            raise AssertionError(f"{address} does not advertise") from None
        finally:
            self._device.remove_listener("advertisement", see)
            await self._device.stop_scanning()

    async def connect(self, address, mtu=247, deadline=DEADLINE):
        """Connects, agrees on an MTU and discovers everything, as a Client."""
        client = await self.link(address, deadline)
        await client.discover(mtu)
        return client

    async def link(self, address, deadline=DEADLINE):
        """Connects, and asks nothing yet."""
        return Client(self, await self._device.connect(hci.Address(address), timeout=deadline))


class Client:
    """A connection, seen from the phone."""

    def __init__(self, phone, connection):
        self._phone = phone
        self.connection = connection
        self.peer = Peer(connection)
        self.gone = asyncio.Event()
        self._handles = {}
        connection.on("disconnection", lambda _reason: self.gone.set())

    async def discover(self, mtu=247):
        """All services and characteristics."""
        if mtu:
            await self.peer.request_mtu(mtu)
        await self.peer.discover_services()
        await self.peer.discover_characteristics()
        self._handles = {}
        for uuid, handle in self.characteristics():
            self._handles[uuid] = handle

    def services(self):
        """UUIDs of services, in the order of the table."""
        return [text(service.uuid) for service in self.peer.services]

    def characteristics(self, service=None):
        """UUIDs and handles of characteristics, of one service or of all."""
        return [
            (text(characteristic.uuid), characteristic.handle)
            for one in self.peer.services
            if service is None or text(one.uuid) == service
            for characteristic in one.characteristics
        ]

    def characteristic(self, uuid):
        """Bumble's own idea of a characteristic."""
        return self.peer.get_characteristics_by_uuid(BumbleUUID(uuid))[0]

    def handle(self, uuid):
        """Handle of a characteristic's value."""
        return self._handles[uuid]

    async def read(self, uuid):
        """A characteristic's value as text."""
        return (await self.read_bytes(uuid)).decode()

    async def read_bytes(self, uuid):
        """A characteristic's value."""
        return bytes(await self.characteristic(uuid).read_value())

    async def write(self, uuid, value):
        """Writes a value, in pieces if it is long. Raises Refused."""
        value = value.encode() if isinstance(value, str) else value
        try:
            await self.peer.gatt_client.write_value(self.handle(uuid), value, with_response=True)
        except ProtocolError as error:
            raise Refused(error.error_code) from None

    async def prepare(self, uuid, offset, value):
        """Writes one piece of a long value."""
        return await self.ask(
            att.ATT_Prepare_Write_Request(
                attribute_handle=self.handle(uuid), value_offset=offset, part_attribute_value=value
            )
        )

    async def execute(self, flags=1):
        """Writes the pieces (1), or forgets them (0)."""
        return await self.ask(att.ATT_Execute_Write_Request(flags=flags))

    async def ask(self, request):
        """Sends a request; raises Refused."""
        response = await self.peer.gatt_client.send_request(request)
        if response.op_code == att.Opcode.ATT_ERROR_RESPONSE:
            raise Refused(response.error_code)
        return response

    async def request(self, pdu):
        """Sends bytes in place of a request; gives opcode and code of the error, None for another answer."""
        async with self._answers() as answers:
            self.peer.gatt_client.send_gatt_pdu(pdu)
            return await asyncio.wait_for(answers.get(), DEADLINE)

    async def settle(self):
        """Waits for every answer that is still owed: they come in order, and this asks for what nothing else does."""
        async with self._answers() as answers, asyncio.timeout(DEADLINE):
            self.peer.gatt_client.send_gatt_pdu(b"\x0a\xff\xff")
            while await answers.get() != (att.Opcode.ATT_READ_REQUEST, att.ErrorCode.INVALID_HANDLE):
                pass

    @contextlib.asynccontextmanager
    async def _answers(self):
        """A queue of the answers that arrive meanwhile, each as `request` gives it."""
        client = self.peer.gatt_client
        answers = asyncio.Queue()
        usual = client.on_gatt_pdu

        def note(answer):
            refused = answer.op_code == att.Opcode.ATT_ERROR_RESPONSE
            answers.put_nowait((answer.request_opcode_in_error, answer.error_code) if refused else None)

        client.on_gatt_pdu = note
        try:
            yield answers
        finally:
            client.on_gatt_pdu = usual

    def send(self, channel, pdu):
        """Sends bytes on an L2CAP channel."""
        self.connection.send_l2cap_pdu(channel, pdu)

    async def pair(self):
        """Pairs: LE Secure Connections, Just Works."""
        await asyncio.wait_for(self.connection.pair(), DEADLINE)

    async def encrypt(self):
        """Encrypts with the key of an earlier pairing."""
        await asyncio.wait_for(self.connection.encrypt(), DEADLINE)

    def vanish(self):
        """Goes out of reach, and its phone with it."""
        self._phone.vanish()

    async def disconnect(self):
        """Leaves."""
        await self.connection.disconnect()

    async def sent_away(self, deadline=DEADLINE):
        """Waits until the device ends the connection."""
        try:
            await asyncio.wait_for(self.gone.wait(), deadline)
        except TimeoutError:
            raise AssertionError("still connected") from None


def text(uuid):
    """A UUID as the tests write it: four digits where it was assigned, else all of it in lower case."""
    raw = uuid.to_hex_str()
    if len(raw) == 4:
        return raw.upper()
    raw = raw.lower()
    return "-".join((raw[:8], raw[8:12], raw[12:16], raw[16:20], raw[20:]))
