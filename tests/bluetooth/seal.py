"""Sealing values to the key in a QR code, with libsodium, as docs/COMMISSIONING.md describes it."""

import base64

from nacl.public import PublicKey, SealedBox
from nacl.signing import VerifyKey


def sealer(key):
    """Seals for the device with this key, the base64 of an OpenSSH blob: `seal(uuid, value)`."""
    box = SealedBox(public_key(key))

    def seal(uuid, value):
        number = int(uuid[:8], 16)
        return box.encrypt(bytes([number]) + (value.encode() if isinstance(value, str) else value))

    return seal


def public_key(key):
    """The X25519 key for an ed25519 key (RFC 8709, section 4)."""
    kind, blob = fields(base64.b64decode(key, validate=True))
    assert kind == b"ssh-ed25519"
    point = VerifyKey(blob).to_curve25519_public_key()
    assert isinstance(point, PublicKey)
    return point


def fields(blob):
    """The strings of an SSH blob (RFC 4251, section 5)."""
    found = []
    while blob:
        length = int.from_bytes(blob[:4], "big")
        found.append(blob[4 : 4 + length])
        blob = blob[4 + length :]
    return found
