"""Forms of keys that ``cryptography`` does not read: SM2 as DER and PEM (GB/T 35276), key files of Handle.Net."""

from __future__ import annotations

import base64
import binascii
import re

from cryptography.hazmat.primitives.asymmetric import dsa, rsa

from gongfu.identity.handle import sm2
from gongfu.identity.handle.codes import MAX_MESSAGE
from gongfu.identity.handle.errors import BadKey, Malformed
from gongfu.identity.handle.wire.reader import Reader
from gongfu.kernel.i18n import mark

# AlgorithmIdentifier: id-ecPublicKey 1.2.840.10045.2.1 with the curve sm2p256v1 1.2.156.10197.1.301
_CURVE = bytes.fromhex("06082a811ccf5501822d")
_ALGORITHM = bytes.fromhex("301306072a8648ce3d0201") + _CURVE
_SPKI = bytes.fromhex("3059") + _ALGORITHM + bytes.fromhex("034200")
_PKCS8 = bytes.fromhex("308187020100") + _ALGORITHM + bytes.fromhex("046d306b0201010420")
_PKCS8_PUBLIC = bytes.fromhex("a144034200")
_PEM = re.compile(rb"-----BEGIN ([A-Z ]+)-----\s+([A-Za-z0-9+/=\s]+)-----END \1-----")
_SEQUENCE, _INTEGER, _OCTETS, _BITS = 0x30, 0x02, 0x04, 0x03
_UNENCRYPTED = b"\x00\x00\x00\x01"


def sm2_spki(key: sm2.PublicKey) -> bytes:
    """SubjectPublicKeyInfo in DER."""
    return _SPKI + key.point


def sm2_pem(key: sm2.PrivateKey) -> bytes:
    """PKCS #8 PEM, not encrypted."""
    octets = _PKCS8 + key.secret.to_bytes(32, "big") + _PKCS8_PUBLIC + key.public.point
    body = base64.encodebytes(octets).replace(b"\n", b"")
    lines = b"\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    return b"-----BEGIN PRIVATE KEY-----\n" + lines + b"\n-----END PRIVATE KEY-----\n"


def read_sm2_public(octets: bytes) -> sm2.PublicKey:
    """An SM2 key as SubjectPublicKeyInfo in DER or PEM, or as a bare point; raises :class:`BadKey`."""
    octets = _unarmour(octets) or octets
    if len(octets) == 65:
        return sm2.from_point(octets)
    if not octets.startswith(_SPKI):
        raise BadKey(mark("The SM2 key is neither a public key in DER or PEM nor a point."))
    return sm2.from_point(octets[len(_SPKI) :])


def read_sm2_private(octets: bytes) -> sm2.PrivateKey | None:
    """An SM2 key from PEM, PKCS #8 or SEC 1; None if it is something else. Raises :class:`BadKey`."""
    der = _unarmour(octets)
    if der is None or _CURVE not in der:
        return None
    try:
        fields = _children(_content(der, _SEQUENCE))
        if len(fields) > 1 and fields[1][0] == _SEQUENCE:  # PKCS #8: version, algorithm, the SEC 1 key as octets
            fields = _children(_content(fields[2][1], _SEQUENCE))
        (_, _), (tag, secret) = fields[:2]
    except (IndexError, ValueError) as error:
        raise BadKey(mark("That is no private key that can be read: {reason}."), reason="DER") from error
    if tag != _OCTETS:
        raise BadKey(mark("That is no private key that can be read: {reason}."), reason="DER")
    return sm2.PrivateKey(int.from_bytes(secret, "big"))


def is_handle_net(octets: bytes) -> bool:
    """Whether that is a private key file of Handle.Net: the encryption's number, 0 to 9, stands first."""
    return len(octets) > 8 and octets[:3] == bytes(3) and octets[3] < 10


def read_handle_net(octets: bytes) -> rsa.RSAPrivateKey | dsa.DSAPrivateKey:
    """The key in a file of Handle.Net; raises :class:`BadKey` when it is encrypted, Malformed when it is cut."""
    if not octets.startswith(_UNENCRYPTED):
        raise BadKey(
            mark("The key file of Handle.Net is encrypted."),
            remedy=mark("Write it without a passphrase with hdl-convert-key, then try again."),
        )
    reader = Reader(octets[4:])
    kind = reader.text(64, "key type")
    numbers = []
    while reader.left:
        numbers.append(int.from_bytes(reader.counted(MAX_MESSAGE, "key"), "big"))
    match kind, numbers:
        case "RSA_PRIVCRT_KEY", [n, e, d, p, q, dp, dq, qi]:
            return rsa.RSAPrivateNumbers(p, q, d, dp, dq, qi, rsa.RSAPublicNumbers(e, n)).private_key()
        case "DSA_PRIV_KEY", [x, p, q, g]:
            group = dsa.DSAParameterNumbers(p, q, g)
            return dsa.DSAPrivateNumbers(x, dsa.DSAPublicNumbers(pow(g, x, p) if p else 0, group)).private_key()
    raise Malformed(mark("Keys of type {type} are not known."), type=ascii(kind))


def _unarmour(octets: bytes) -> bytes | None:
    """DER of the last PEM block (before it may stand EC PARAMETERS), None without one."""
    blocks = _PEM.findall(octets)
    try:
        return binascii.a2b_base64(blocks[-1][1]) if blocks else None
    except binascii.Error as error:
        raise BadKey(mark("That is no private key that can be read: {reason}."), reason="Base64") from error


def _content(der: bytes, tag: int) -> bytes:
    [(found, content)] = _children(der)
    if found != tag:
        raise ValueError("another tag")
    return content


def _children(der: bytes) -> list[tuple[int, bytes]]:
    """Tags and contents of the elements in ``der``; raises ValueError or IndexError when it is cut."""
    found, at = [], 0
    while at < len(der):
        tag, length = der[at], der[at + 1]
        at += 2
        if length & 0x80:
            size = length & 0x7F
            if not 0 < size <= 4:
                raise ValueError("a length that is too long")
            length = int.from_bytes(der[at : at + size], "big")
            at += size
        if at + length > len(der):
            raise ValueError("cut")
        found.append((tag, der[at : at + length]))
        at += length
    return found
