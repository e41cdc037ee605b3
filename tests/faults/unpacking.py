"""Somebody who unpacks things and does not give up."""

import asyncio
import contextlib

from fleets import unpack
from phone import Phone

# How long one attempt takes at most, and all of them.
ATTEMPT = 12.0
PATIENCE = 110.0


async def unpack_somehow(air, fleet, control, name, owner):
    """Tries to commission a device until it is its owner's, each time with a phone that knows nothing.

    Returns how many times it took; fails after PATIENCE seconds.
    """
    tries = 0
    async with asyncio.timeout(PATIENCE):
        while True:
            device = await control.wait(name, "state == commissioning or stage == done", PATIENCE)
            if device["stage"] == "done":
                await control.wait(name, "state == online", PATIENCE)
                return tries
            tries += 1
            await attempt(air, fleet, name, owner)


async def attempt(air, fleet, name, owner):
    """Goes through it once, as far as it comes."""
    phone = await Phone(air).switch_on()
    journey = asyncio.ensure_future(unpack(phone, fleet, name, owner))
    # In a task of its own: Bumble cancels whoever waits for an answer when a link breaks.
    await asyncio.wait({journey}, timeout=ATTEMPT)
    journey.cancel()
    await asyncio.gather(journey, return_exceptions=True)
    with contextlib.suppress(KeyError):
        phone.vanish()
