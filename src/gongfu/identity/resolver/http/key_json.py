"""HS_PUBKEY values as JSON Web Keys (RFC 7517, RFC 7518, RFC 8037), as Handle.Net writes RSA and DSA keys. Pure.

A DSA key has no registered form; Handle.Net writes ``{"kty": "DSA", "y", "p", "q", "g"}``. An SM2 key is an EC key
whose curve is called SM2.
"""

from __future__ import annotations

import base64

import msgspec
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gongfu.identity.handle import keys, sm2
from gongfu.identity.handle.errors import BadKey
from gongfu.kernel.i18n import mark

_CURVES: dict[str, ec.EllipticCurve] = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}


class Jwk(msgspec.Struct, frozen=True, omit_defaults=True):
    """A public key; numbers are base64url of their octets."""

    kty: str
    crv: str = ""
    n: str = ""
    e: str = ""
    x: str = ""
    y: str = ""
    p: str = ""
    q: str = ""
    g: str = ""


def to_json(data: bytes) -> bytes:
    """The key of an HS_PUBKEY value; raises :class:`Malformed` or :class:`BadKey`."""
    return msgspec.json.encode(_written(keys.decode(data)))


def from_json(text: msgspec.Raw | bytes) -> bytes:
    """Data of an HS_PUBKEY value; raises :class:`BadKey`, :class:`msgspec.DecodeError`."""
    jwk = msgspec.json.decode(text, type=Jwk)
    try:
        octets = _read(jwk).encode()
        keys.decode(octets)  # every bound of the binary form holds here, too
    except (ValueError, TypeError) as error:
        raise BadKey(mark("The key cannot be used: {reason}."), reason=str(error)[:120]) from error
    return octets


def _written(key: keys.PublicKey) -> Jwk:
    match key.key:
        case rsa.RSAPublicKey():
            numbers = key.key.public_numbers()
            return Jwk("RSA", n=_number(numbers.n), e=_number(numbers.e))
        case dsa.DSAPublicKey():
            found = key.key.public_numbers()
            group = found.parameter_numbers
            return Jwk("DSA", y=_number(found.y), p=_number(group.p), q=_number(group.q), g=_number(group.g))
        case ed25519.Ed25519PublicKey():
            return Jwk("OKP", crv="Ed25519", x=_text(key.key.public_bytes(Encoding.Raw, PublicFormat.Raw)))
        case ec.EllipticCurvePublicKey():
            for name, curve in _CURVES.items():
                if curve.name == key.key.curve.name:
                    size = (key.key.key_size + 7) // 8
                    point = key.key.public_numbers()
                    return Jwk("EC", crv=name, x=_number(point.x, size), y=_number(point.y, size))
        case sm2.PublicKey():
            return Jwk("EC", crv="SM2", x=_number(key.key.x, 32), y=_number(key.key.y, 32))
    raise BadKey(mark("Keys of type {type} are not known."), type=type(key.key).__name__)


def _read(jwk: Jwk) -> keys.PublicKey:
    match jwk.kty, jwk.crv:
        case "RSA", _:
            return keys.PublicKey(rsa.RSAPublicNumbers(_integer(jwk.e), _integer(jwk.n)).public_key())
        case "DSA", _:
            group = dsa.DSAParameterNumbers(_integer(jwk.p), _integer(jwk.q), _integer(jwk.g))
            return keys.PublicKey(dsa.DSAPublicNumbers(_integer(jwk.y), group).public_key())
        case "OKP", "Ed25519":
            return keys.PublicKey(ed25519.Ed25519PublicKey.from_public_bytes(_octets(jwk.x)))
        case "EC", "SM2":
            return keys.PublicKey(sm2.PublicKey(_integer(jwk.x), _integer(jwk.y)))
        case "EC", name if name in _CURVES:
            point = ec.EllipticCurvePublicNumbers(_integer(jwk.x), _integer(jwk.y), _CURVES[name])
            return keys.PublicKey(point.public_key())
    raise BadKey(mark("Keys of type {type} are not known."), type=f"{jwk.kty} {jwk.crv}"[:40])


def _number(number: int, size: int = 0) -> str:
    return _text(number.to_bytes(size or (number.bit_length() + 7) // 8, "big"))


def _integer(text: str) -> int:
    return int.from_bytes(_octets(text), "big")


def _text(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _octets(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
