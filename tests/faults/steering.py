"""A small client of the control interface (docs/CONTROL.md), with nothing but the standard library."""

import asyncio
import json
import urllib.error
import urllib.request

# Longer than any call waits by itself.
DEADLINE = 120.0


class Control:
    """A running fleet's control interface."""

    def __init__(self, url, token):
        self._url = url
        self._token = token

    async def ask(self, method, path, body=None):
        """Sends a request and returns the answer's JSON; a refusal fails with what the fleet says."""
        return await asyncio.to_thread(self._ask, method, path, body)

    async def do(self, device, what, **settings):
        """Has a device do something, and returns when it has."""
        order = {"devices": {"name": device}, "command": {"do": what, **settings}}
        return await self.ask("POST", "/v1/commands", order)

    async def wait(self, device, condition, seconds=60.0):
        """Waits until a condition holds over a device, and returns the device."""
        body = {"condition": condition, "timeout_seconds": seconds}
        return await self.ask("POST", f"/v1/devices/{device}/wait", body)

    async def devices(self):
        """All devices, with their values, states and faults."""
        return await self.ask("GET", "/v1/devices")

    async def device(self, name):
        """One of them."""
        return await self.ask("GET", f"/v1/devices/{name}")

    async def tasks(self):
        """How many tasks the fleet's program has, this request's included."""
        return (await self.ask("GET", "/v1/fleet"))["tasks"]

    async def kinds(self):
        """The family of each kind of fault that there is, by the kind's name."""
        return {kind["fault"]: kind["family"] for kind in await self.ask("GET", "/v1/faults")}

    def _ask(self, method, path, body):
        request = urllib.request.Request(self._url + path, method=method)
        request.add_header("Authorization", f"Bearer {self._token}")
        request.add_header("Content-Type", "application/json")
        data = None if body is None else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(request, data, timeout=DEADLINE) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path} {body}: {error.code} {error.read().decode()}") from None


async def steered(program):
    """The control interface of a program that has started."""
    started = await program.message("started")
    return Control(started["control"]["url"], started["control"]["token"])
