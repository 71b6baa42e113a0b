"""JSON web signatures in compact form (RFC 7515) and public keys as JSON (RFC 7517), for HS_CERT and HS_SIGNATURE.

Handle.Net knows RS256 and ``DS256`` (DSA, DER). ES256 and EdDSA are RFC 7518 and RFC 8037; ``SM2SM3`` (DER, default
identity) is this node's name for SM2, as no registry has one.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

import msgspec
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gongfu.identity.handle import keys, sm2
from gongfu.identity.handle.errors import BadKey, Malformed
from gongfu.kernel.i18n import mark

_ALGORITHMS = {
    keys.Algorithm.RSA: "RS256",
    keys.Algorithm.DSA: "DS256",
    keys.Algorithm.EC: "ES256",
    keys.Algorithm.ED25519: "EdDSA",
    keys.Algorithm.SM2: "SM2SM3",
}
_DIGESTS = {keys.Algorithm.ED25519: "ED25519", keys.Algorithm.SM2: "SM3"}
_MOST = 65_536
_HALF = 32  # octets of r and of s in ES256


class _Header(msgspec.Struct):
    alg: str


class Jwk(msgspec.Struct, omit_defaults=True):
    """A public key as JSON; texts are unpadded base64url."""

    kty: str
    n: str = ""
    e: str = ""
    y: str = ""
    p: str = ""
    q: str = ""
    g: str = ""
    crv: str = ""
    x: str = ""


@dataclass(frozen=True, slots=True)
class Signed:
    """A parsed token; ``covered`` is what its signature is over."""

    algorithm: str
    payload: bytes
    covered: bytes
    signature: bytes

    def verify(self, key: keys.PublicKey) -> bool:
        """Whether ``key`` made the signature."""
        if self.algorithm != _ALGORITHMS[key.algorithm]:
            return False
        signature = self.signature
        if key.algorithm is keys.Algorithm.EC:
            if len(signature) != 2 * _HALF:
                return False
            r, s = (int.from_bytes(half, "big") for half in (signature[:_HALF], signature[_HALF:]))
            signature = encode_dss_signature(r, s)
        return key.verify(signature, self.covered, _DIGESTS.get(key.algorithm, "SHA256"))


def sign(payload: bytes, key: keys.PrivateKey) -> str:
    """A token with ``payload``; raises :class:`BadKey` for a curve that ES256 does not have."""
    algorithm = key.public.algorithm
    header = msgspec.json.encode(_Header(_ALGORITHMS[algorithm]))
    covered = f"{encode(header)}.{encode(payload)}"
    signature = key.sign(covered.encode(), _DIGESTS.get(algorithm, "SHA256"))
    if algorithm is keys.Algorithm.EC:
        _on_p256(key.public)
        r, s = decode_dss_signature(signature)
        signature = r.to_bytes(_HALF, "big") + s.to_bytes(_HALF, "big")
    return f"{covered}.{encode(signature)}"


def parse(token: str) -> Signed:
    """A token; raises :class:`Malformed`."""
    parts = token.strip().split(".")
    if len(parts) != 3 or len(token) > _MOST:
        raise _malformed()
    header, payload, signature = map(decode, parts)
    try:
        algorithm = msgspec.json.decode(header, type=_Header).alg
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _malformed() from error
    return Signed(algorithm, payload, f"{parts[0]}.{parts[1]}".encode(), signature)


def to_jwk(key: keys.PublicKey) -> Jwk:
    """``key`` as JSON."""
    match key.key:
        case rsa.RSAPublicKey():
            numbers = key.key.public_numbers()
            return Jwk("RSA", n=_number(numbers.n), e=_number(numbers.e))
        case dsa.DSAPublicKey():
            values = key.key.public_numbers()
            group = values.parameter_numbers
            return Jwk("DSA", y=_number(values.y), p=_number(group.p), q=_number(group.q), g=_number(group.g))
        case ec.EllipticCurvePublicKey():
            _on_p256(key)
            point = key.key.public_numbers()
            x, y = (encode(number.to_bytes(_HALF, "big")) for number in (point.x, point.y))
            return Jwk("EC", crv="P-256", x=x, y=y)
        case ed25519.Ed25519PublicKey():
            return Jwk("OKP", crv="Ed25519", x=encode(key.key.public_bytes(Encoding.Raw, PublicFormat.Raw)))
    return Jwk("EC", crv="SM2", x=encode(key.key.point[1:33]), y=encode(key.key.point[33:]))


def from_jwk(jwk: Jwk) -> keys.PublicKey:
    """A key from JSON; raises :class:`BadKey` or :class:`Malformed`."""
    n, e, x, y, p, q, g = (decode(text) for text in (jwk.n, jwk.e, jwk.x, jwk.y, jwk.p, jwk.q, jwk.g))
    try:
        match jwk.kty, jwk.crv:
            case "RSA", _:
                return keys.decode(keys.named("RSA_PUB_KEY", *map(keys.encode_number, map(_integer, (e, n)))))
            case "DSA", _:
                return keys.decode(keys.named("DSA_PUB_KEY", *map(keys.encode_number, map(_integer, (q, p, g, y)))))
            case "EC", "P-256":
                curve = ec.SECP256R1()
                return keys.PublicKey(ec.EllipticCurvePublicKey.from_encoded_point(curve, b"\x04" + x + y))
            case "EC", "SM2":
                return keys.PublicKey(sm2.from_point(b"\x04" + x + y))
            case "OKP", "Ed25519":
                return keys.PublicKey(ed25519.Ed25519PublicKey.from_public_bytes(x))
    except ValueError as error:
        raise BadKey(mark("The key cannot be used: {reason}."), reason=str(error)[:120]) from error
    raise BadKey(mark("Keys of type {type} are not known."), type=ascii(f"{jwk.kty} {jwk.crv}".strip()[:40]))


def encode(octets: bytes) -> str:
    """Unpadded base64url."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Octets of unpadded base64url; raises :class:`Malformed`."""
    try:
        return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise _malformed() from error


def _number(number: int) -> str:
    return encode(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def _integer(octets: bytes) -> int:
    return int.from_bytes(octets, "big")


def _on_p256(key: keys.PublicKey) -> None:
    if isinstance(key.key, ec.EllipticCurvePublicKey) and not isinstance(key.key.curve, ec.SECP256R1):
        raise BadKey(mark("Certificates are made with EC keys on P-256 only."))


def _malformed() -> Malformed:
    return Malformed(mark("That is no signed token."))
