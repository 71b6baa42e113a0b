"""The recovery text: a private key that people print, keep and type. Pure.

32 octets of X25519 key and 3 of their SHA-256 in RFC 4648 base32: 56 characters in 14 groups. A mistyped character is
noticed before anything is tried.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from gongfu.identity.escrow.errors import WrongKey
from gongfu.kernel.i18n import mark

_GROUP = 4
_CHECK = 3


def generate() -> tuple[X25519PrivateKey, str]:
    """A new key and its text."""
    key = X25519PrivateKey.generate()
    return key, text(key)


def text(key: X25519PrivateKey) -> str:
    """As people keep it."""
    octets = key.private_bytes_raw()
    letters = base64.b32encode(octets + hashlib.sha256(octets).digest()[:_CHECK]).decode()
    return "-".join(letters[at : at + _GROUP] for at in range(0, len(letters), _GROUP))


def read(typed: str) -> X25519PrivateKey:
    """Case, spaces, dashes do not matter, nor 0 for O, 1 for I and 8 for B. Raises :class:`WrongKey`."""
    letters = "".join(typed.upper().replace("-", "").split()).translate(str.maketrans("018", "OIB"))
    try:
        octets = base64.b32decode(letters)
    except (binascii.Error, ValueError):
        octets = b""
    key, check = octets[:-_CHECK], octets[-_CHECK:]
    if len(key) != 32 or hashlib.sha256(key).digest()[:_CHECK] != check:
        raise WrongKey(
            mark("This recovery text is mistyped."),
            remedy=mark("It has 14 groups of 4 letters or digits; compare them with the printed sheet."),
        )
    return X25519PrivateKey.from_private_bytes(key)
