"""A time server (RFC 4330) that says what a test wants."""

import asyncio
import struct
import time

TO_1970 = 2_208_988_800


class Clock(asyncio.DatagramProtocol):
    """At `says` in seconds since 1970, or at the machine's time."""

    def __init__(self, says=None):
        self._says = says
        self._transport = None
        self.asked = 0

    async def start(self):
        """Answers from now on; `port` says where."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        return self

    @property
    def port(self):
        return self._transport.get_extra_info("sockname")[1]

    def stop(self):
        self._transport.close()

    def connection_made(self, transport):
        self._transport = transport

    def datagram_received(self, data, addr):
        self.asked += 1
        now = int((time.time() if self._says is None else self._says) + TO_1970) % 2**32
        head = struct.pack(">BBbbII4s", 4 << 3 | 4, 2, 6, -20, 0, 0, b"TEST")
        times = struct.pack(">II8sIIII", now, 0, data[40:48], now, 0, now, 0)
        self._transport.sendto(head + times, addr)
