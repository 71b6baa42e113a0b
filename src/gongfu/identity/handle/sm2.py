"""SM2 signatures with SM3 (GB/T 32918.2, on the curve of GB/T 32918.5; RFC 8998, ISO/IEC 14888-3).

Written here because OpenSSL's SM2 is not reachable through ``cryptography`` (adr/0010). Python's integers do not run in
constant time: keep private keys of people and servers that an attacker can time in a module made for that.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from gongfu.identity.handle.errors import BadKey
from gongfu.kernel.i18n import mark

P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
A = P - 3
B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
G = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)
DEFAULT_IDENTITY = b"1234567812345678"
"""The signer's identity where nothing else is agreed (GB/T 35276)."""
_SIZE = 32

_Jacobian = tuple[int, int, int]  # x = X/Z², y = Y/Z³; Z = 0 is the point at infinity
_INFINITY: _Jacobian = (1, 1, 0)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A point of the curve other than infinity; raises :class:`BadKey` for anything else."""

    x: int
    y: int

    def __post_init__(self) -> None:
        if not (0 <= self.x < P and 0 <= self.y < P) or (self.y**2 - self.x**3 - A * self.x - B) % P:
            raise BadKey(mark("The SM2 key is not a point of the curve."))

    @property
    def point(self) -> bytes:
        """Uncompressed: 04, x, y."""
        return b"\x04" + self.x.to_bytes(_SIZE, "big") + self.y.to_bytes(_SIZE, "big")

    def verify(self, signature: bytes, message: bytes, identity: bytes = DEFAULT_IDENTITY) -> bool:
        """Whether ``signature`` (DER, r and s) is this key's under ``message`` (GB/T 32918.2 §7)."""
        try:
            r, s = decode_dss_signature(signature)
        except ValueError:
            return False
        t = (r + s) % N
        if not (0 < r < N and 0 < s < N) or t == 0:
            return False
        x, _ = _affine(_add(_times(s, G), _times(t, (self.x, self.y)))) or (0, 0)
        return (_digest(self, message, identity) + x) % N == r


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A number from 1 to n - 2; raises :class:`BadKey` for anything else."""

    secret: int

    def __post_init__(self) -> None:
        if not 1 <= self.secret <= N - 2:
            raise BadKey(mark("The SM2 private key is out of range."))

    def __repr__(self) -> str:
        return "PrivateKey(…)"

    @property
    def public(self) -> PublicKey:
        """The key others verify with."""
        point = _affine(_times(self.secret, G))
        assert point is not None  # the order of G is n, and 0 < secret < n
        return PublicKey(*point)

    def sign(self, message: bytes, identity: bytes = DEFAULT_IDENTITY, *, nonce: int = 0) -> bytes:
        """A signature (DER, r and s; GB/T 32918.2 §6). ``nonce`` is for test vectors; 0 takes a random one."""
        e = _digest(self.public, message, identity)
        while True:
            k = nonce or secrets.randbelow(N - 1) + 1
            point = _affine(_times(k, G))
            assert point is not None
            r = (e + point[0]) % N
            s = pow(1 + self.secret, -1, N) * (k - r * self.secret) % N
            if r and r + k != N and s:
                return encode_dss_signature(r, s)


def generate() -> PrivateKey:
    """A new key."""
    return PrivateKey(secrets.randbelow(N - 2) + 1)


def from_point(octets: bytes) -> PublicKey:
    """An uncompressed point as a key; raises :class:`BadKey`."""
    if len(octets) != 1 + 2 * _SIZE or octets[0] != 4:
        raise BadKey(mark("The SM2 key is not a point of the curve."))
    return PublicKey(int.from_bytes(octets[1 : 1 + _SIZE], "big"), int.from_bytes(octets[1 + _SIZE :], "big"))


def sm3(*octets: bytes) -> bytes:
    """The SM3 digest (GB/T 32905), 32 octets."""
    context = hashes.Hash(hashes.SM3())
    for part in octets:
        context.update(part)
    return context.finalize()


def _digest(key: PublicKey, message: bytes, identity: bytes) -> int:
    """e of GB/T 32918.2 §5.5 and §6.1: SM3 over Z and the message."""
    if len(identity) > 8_191:
        raise BadKey(mark("The signer's identity is longer than 8,191 octets."))
    curve = b"".join(number.to_bytes(_SIZE, "big") for number in (A, B, *G, key.x, key.y))
    z = sm3((len(identity) * 8).to_bytes(2, "big"), identity, curve)
    return int.from_bytes(sm3(z, message), "big")


def _double(point: _Jacobian) -> _Jacobian:
    x, y, z = point
    if not z or not y:
        return _INFINITY
    zz = z * z % P
    m = 3 * (x - zz) * (x + zz) % P  # a = -3
    s = 4 * x * y * y % P
    x3 = (m * m - 2 * s) % P
    return x3, (m * (s - x3) - 8 * pow(y, 4, P)) % P, 2 * y * z % P


def _add(one: _Jacobian, other: _Jacobian) -> _Jacobian:
    if not one[2]:
        return other
    if not other[2]:
        return one
    (x1, y1, z1), (x2, y2, z2) = one, other
    z1z1, z2z2 = z1 * z1 % P, z2 * z2 % P
    u1, u2 = x1 * z2z2 % P, x2 * z1z1 % P
    s1, s2 = y1 * z2 * z2z2 % P, y2 * z1 * z1z1 % P
    if u1 == u2:
        return _double(one) if s1 == s2 else _INFINITY
    h, r = (u2 - u1) % P, (s2 - s1) % P
    hh = h * h % P
    hhh, v = h * hh % P, u1 * hh % P
    x3 = (r * r - hhh - 2 * v) % P
    return x3, (r * (v - x3) - s1 * hhh) % P, h * z1 * z2 % P


def _times(factor: int, point: tuple[int, int]) -> _Jacobian:
    result, base = _INFINITY, (*point, 1)
    for bit in bin(factor)[2:]:
        result = _double(result)
        if bit == "1":
            result = _add(result, base)
    return result


def _affine(point: _Jacobian) -> tuple[int, int] | None:
    x, y, z = point
    if not z:
        return None
    inverse = pow(z, -1, P)
    square = inverse * inverse % P
    return x * square % P, y * square * inverse % P
