"""Decentralised identifiers, among them BID of the 星火·链网. Pure.

Sources: W3C DID Core 1.0 §3.1 (syntax). BID: protocol specification 2.0 and 《BID标识符》 of the China Academy of
Information and Communications Technology: ``did:bid:[acsn:]`` + one letter for the key's algorithm (e Ed25519, z
SM2, s secp256k1) + one for the encoding (f Base58, s Base64, t Bech32) + the last 22 octets of the public key's
hash in that encoding; acsn is the four-character number of a subordinate chain, which by itself names the chain's
resolution service.
"""

from __future__ import annotations

import re
from functools import partial

from gongfu.identity.schemes.errors import BadCode
from gongfu.identity.schemes.types import Identifier, Notation, Part, Reading, Scheme
from gongfu.kernel.i18n import mark

HASH = 22
"""Octets of the hash in a BID."""
LONGEST = 2048
_DID = re.compile(r"did:([a-z0-9]+):((?:[A-Za-z0-9._-]|%[0-9A-Fa-f]{2}|:)*(?:[A-Za-z0-9._-]|%[0-9A-Fa-f]{2}))")
_BID = re.compile(r"(?:([a-z0-9]{4})(?::|$))?(?:([a-z])([a-z])([0-9A-Za-z_+/-]{20,40}))?")
_ALGORITHMS = {"e": "Ed25519", "z": "SM2", "s": "secp256k1"}
_ENCODINGS = {"f": "Base58", "s": "Base64", "t": "Bech32"}
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def readings(text: str) -> list[Reading]:
    """The likeliest first."""
    if text[:8].lower() == "did:bid:":
        return [Reading(Scheme.BID, "BID", 99, mark("It begins with did:bid:."), partial(parse, text))]
    if text[:4].lower() == "did:":
        return [Reading(Scheme.DID, "DID", 97, mark("It begins with did:."), partial(parse, text))]
    return []


def parse(text: str) -> Identifier:
    """A DID, or a BID when its method is ``bid``; raises :class:`BadCode`. Neither folds case."""
    found = _DID.fullmatch(text) if len(text) <= LONGEST else None
    if found is None:
        raise BadCode(
            mark("{text} is no DID."),
            remedy=mark("Write it as did:<method>:<identifier>; did and the method are lower case."),
            text=text[:100],
        )
    if found[1] == "bid":
        return _bid(text, found[2])
    parts = (Part(mark("Method"), found[1]), Part(mark("Identifier of the method"), found[2]))
    return Identifier(Scheme.DID, "DID", text, parts, Notation.URN)


def _bid(text: str, rest: str) -> Identifier:
    found = _BID.fullmatch(rest)
    if found is None or not (found[1] or found[4]):
        raise BadCode(
            mark("{text} is no BID."),
            remedy=mark("Write it as did:bid:ef… or did:bid:<chain of four characters>:ef…."),
            text=text[:100],
        )
    parts = [Part(mark("Subordinate chain"), found[1])] if found[1] else []
    if found[4]:
        algorithm, encoding = _ALGORITHMS.get(found[2]), _ENCODINGS.get(found[3])
        if algorithm is None or encoding is None:
            raise BadCode(
                mark("{letters} names no key algorithm and encoding of BID."),
                remedy=mark("The first letter is e, z or s, the second f, s or t."),
                letters=found[2] + found[3],
            )
        _require_hash(found[3], found[4], encoding)
        parts += [
            Part(mark("Key algorithm"), algorithm),
            Part(mark("Encoding"), encoding),
            Part(mark("Hash of the public key"), found[4]),
        ]
    return Identifier(Scheme.BID, "BID", text, tuple(parts), Notation.URN)


def _require_hash(letter: str, payload: str, encoding: str) -> None:
    """The payload must be 22 octets. Of Bech32 only characters and length are known: whether a check follows is not."""
    if letter == "f":
        good = all(character in _BASE58 for character in payload) and _base58_octets(payload) == HASH
    elif letter == "s":
        good = len(payload) == (HASH * 8 + 5) // 6 and "+" not in payload
    else:
        good = all(character in _BECH32 for character in payload) and len(payload) >= (HASH * 8 + 4) // 5
    if not good:
        raise BadCode(
            mark("{payload} is not {octets} octets in {encoding}."),
            remedy=mark("Copy the BID again; a character is missing or wrong."),
            payload=payload,
            octets=HASH,
            encoding=encoding,
        )


def _base58_octets(payload: str) -> int:
    value = 0
    for character in payload:
        value = value * 58 + _BASE58.index(character)
    zeros = len(payload) - len(payload.lstrip("1"))
    return zeros + (value.bit_length() + 7) // 8
