"""Keys of administrators and servers, and how HS_PUBKEY values hold them.

RSA and DSA are written as Handle.Net writes them (RFC 3651 §3.2.2 leaves it open): counted name, u16 0, then the
numbers, each behind its length and with a sign bit: ``RSA_PUB_KEY`` e n, ``DSA_PUB_KEY`` q p g y. ``SM2_PUB_KEY`` is
the national client library's: counted name, u16 0, counted SubjectPublicKeyInfo; PEM and a bare point are read as
well. Handle.Net has no EC and no Ed25519: ``EC_PUB_KEY`` and ``ED25519_PUB_KEY`` are this node's addition, of the same
form.

Private keys are PKCS #8 PEM files; an unencrypted key file of Handle.Net (``admpriv.bin``) is read, too.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
)

from gongfu.identity.handle import key_files, sm2
from gongfu.identity.handle.codes import MAX_MESSAGE
from gongfu.identity.handle.errors import BadKey, Malformed
from gongfu.identity.handle.wire.reader import U16, Reader, encode_counted, encode_text
from gongfu.kernel.i18n import mark

_Public = rsa.RSAPublicKey | dsa.DSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | sm2.PublicKey
_Private = (
    rsa.RSAPrivateKey | dsa.DSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | sm2.PrivateKey
)
_RSA_BITS = 3072
_FEWEST_BITS = 1024  # of RSA and DSA; what is shorter can be broken
_MOST_BITS = 8192  # longer ones only cost the server time
_HASHES = {"SHA1": hashes.SHA1, "SHA256": hashes.SHA256}


class Algorithm(StrEnum):
    """Kinds of keys."""

    RSA = "rsa"
    DSA = "dsa"
    EC = "ec"
    ED25519 = "ed25519"
    SM2 = "sm2"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Verifies signatures."""

    key: _Public

    @property
    def algorithm(self) -> Algorithm:
        """What kind it is."""
        match self.key:
            case rsa.RSAPublicKey():
                return Algorithm.RSA
            case dsa.DSAPublicKey():
                return Algorithm.DSA
            case ec.EllipticCurvePublicKey():
                return Algorithm.EC
            case ed25519.Ed25519PublicKey():
                return Algorithm.ED25519
        return Algorithm.SM2

    def encode(self) -> bytes:
        """Data of an HS_PUBKEY value."""
        match self.key:
            case rsa.RSAPublicKey():
                rsa_numbers = self.key.public_numbers()
                return named("RSA_PUB_KEY", encode_number(rsa_numbers.e), encode_number(rsa_numbers.n))
            case dsa.DSAPublicKey():
                numbers = self.key.public_numbers()
                group = numbers.parameter_numbers
                return named("DSA_PUB_KEY", *map(encode_number, (group.q, group.p, group.g, numbers.y)))
            case sm2.PublicKey():
                return named("SM2_PUB_KEY", encode_counted(key_files.sm2_spki(self.key)))
        octets = self.key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return named(f"{self.algorithm.upper()}_PUB_KEY", encode_counted(octets))

    def verify(self, signature: bytes, message: bytes, digest: str, identity: bytes = sm2.DEFAULT_IDENTITY) -> bool:
        """Whether ``signature`` is this key's under ``message``; ``digest`` as :meth:`PrivateKey.digest` names it.

        ``identity`` counts for SM2 only. A digest that is not accepted makes it false.
        """
        name = digest.upper().replace("-", "")
        if isinstance(self.key, sm2.PublicKey):
            return name == "SM3" and self.key.verify(signature, message, identity)
        try:
            if isinstance(self.key, ed25519.Ed25519PublicKey):
                if name != "ED25519":
                    return False
                self.key.verify(signature, message)
            elif name not in _HASHES:
                return False
            elif isinstance(self.key, rsa.RSAPublicKey):
                self.key.verify(signature, message, padding.PKCS1v15(), _HASHES[name]())
            elif isinstance(self.key, dsa.DSAPublicKey):
                self.key.verify(signature, message, _HASHES[name]())
            else:
                self.key.verify(signature, message, ec.ECDSA(_HASHES[name]()))
        except (InvalidSignature, UnsupportedAlgorithm, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """Makes signatures."""

    key: _Private

    def __repr__(self) -> str:
        return f"PrivateKey({self.public.algorithm})"

    @property
    def public(self) -> PublicKey:
        """The key others verify with."""
        return PublicKey(self.key.public if isinstance(self.key, sm2.PrivateKey) else self.key.public_key())

    def digest(self, version: tuple[int, int]) -> str:
        """What signatures are made over between peers of ``version``: as Handle.Net does it, SHA-1 before 2.7."""
        match self.key:
            case sm2.PrivateKey():
                return "SM3"
            case ed25519.Ed25519PrivateKey():
                return "ED25519"
            case dsa.DSAPrivateKey():
                return "SHA256" if version >= (2, 11) else "SHA1"
        return "SHA256" if version >= (2, 7) else "SHA1"

    def sign(self, message: bytes, digest: str, identity: bytes = sm2.DEFAULT_IDENTITY) -> bytes:
        """A signature; ``identity`` counts for SM2 only."""
        match self.key:
            case sm2.PrivateKey():
                return self.key.sign(message, identity)
            case ed25519.Ed25519PrivateKey():
                return self.key.sign(message)
            case rsa.RSAPrivateKey():
                return self.key.sign(message, padding.PKCS1v15(), _HASHES[digest]())
            case dsa.DSAPrivateKey():
                return self.key.sign(message, _HASHES[digest]())
        return self.key.sign(message, ec.ECDSA(_HASHES[digest]()))

    def pem(self) -> bytes:
        """PKCS #8, not encrypted."""
        if isinstance(self.key, sm2.PrivateKey):
            return key_files.sm2_pem(self.key)
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def generate(algorithm: Algorithm) -> PrivateKey:
    """A new key: RSA of 3,072 bits, EC on P-256, Ed25519 or SM2; raises :class:`BadKey` for DSA, which is over."""
    match algorithm:
        case Algorithm.RSA:
            return PrivateKey(rsa.generate_private_key(65537, _RSA_BITS))
        case Algorithm.EC:
            return PrivateKey(ec.generate_private_key(ec.SECP256R1()))
        case Algorithm.ED25519:
            return PrivateKey(ed25519.Ed25519PrivateKey.generate())
        case Algorithm.SM2:
            return PrivateKey(sm2.generate())
    raise BadKey(mark("New DSA keys are not made."), remedy=mark("Use ed25519, ec, rsa or sm2."))


def decode(data: bytes) -> PublicKey:
    """The key of an HS_PUBKEY value; raises :class:`Malformed` or :class:`BadKey`."""
    reader = Reader(data)
    name = reader.text(64, "key type")
    reader.u16("key")
    if name == "SM2_PUB_KEY":
        return PublicKey(key_files.read_sm2_public(reader.counted(MAX_MESSAGE, "key")))
    try:
        if name == "RSA_PUB_KEY":
            e, n = (read_number(reader) for _ in range(2))
            _sized(n)
            return PublicKey(rsa.RSAPublicNumbers(e, n).public_key())
        if name == "DSA_PUB_KEY":
            q, p, g, y = (read_number(reader) for _ in range(4))
            _sized(p)
            return PublicKey(dsa.DSAPublicNumbers(y, dsa.DSAParameterNumbers(p, q, g)).public_key())
        if name in ("EC_PUB_KEY", "ED25519_PUB_KEY"):
            key = load_der_public_key(reader.counted(MAX_MESSAGE, "key"))
            wanted = ec.EllipticCurvePublicKey if name == "EC_PUB_KEY" else ed25519.Ed25519PublicKey
            if isinstance(key, wanted):
                return PublicKey(key)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadKey(mark("The key cannot be used: {reason}."), reason=str(error)[:120]) from error
    raise BadKey(mark("Keys of type {type} are not known."), type=ascii(name))


def load(path: Path) -> PrivateKey:
    """The private key in the file ``path``; raises :class:`BadKey`."""
    try:
        octets = path.read_bytes()
    except OSError as error:
        raise BadKey(
            mark("The key file {path} cannot be read: {reason}."), path=path, reason=error.strerror or error
        ) from error
    return loads(octets)


def loads(octets: bytes) -> PrivateKey:
    """A private key from the octets of a file: PKCS #8 PEM, or Handle.Net's form; raises :class:`BadKey`."""
    try:
        if key_files.is_handle_net(octets):
            return PrivateKey(key_files.read_handle_net(octets))
        found = key_files.read_sm2_private(octets)
        if found is not None:
            return PrivateKey(found)
        key = load_pem_private_key(octets, None)
    except (ValueError, TypeError, UnsupportedAlgorithm, Malformed) as error:
        raise BadKey(
            mark("That is no private key that can be read: {reason}."),
            remedy=mark("Make one with gongfu handle key, or convert it to PKCS #8 PEM without a passphrase."),
            reason=str(error)[:120],
        ) from error
    if not isinstance(
        key, rsa.RSAPrivateKey | dsa.DSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
    ):
        raise BadKey(mark("Keys of type {type} are not known."), type=type(key).__name__)
    return PrivateKey(key)


def save(path: Path, key: PrivateKey) -> None:
    """Writes ``key`` so that its owner alone can read it; raises :class:`BadKey` if ``path`` is there already."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(key.pem())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise BadKey(
            mark("The key cannot be written to {path}: {reason}."), path=path, reason=error.strerror or error
        ) from error


def node_key(home: Path) -> PrivateKey:
    """This node's key, made on first use: RSA, for Handle.Net's clients verify nothing else.

    Two processes asking at once get the same one. Raises :class:`BadKey`.
    """
    path = home / "secrets" / "handle_key.pem"
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}")
        draft.unlink(missing_ok=True)
        save(draft, generate(Algorithm.RSA))
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return load(path)


def named(name: str, *parts: bytes) -> bytes:
    """Name and parts of a key, as HS_PUBKEY values hold them."""
    return encode_text(name) + U16.pack(0) + b"".join(parts)


def encode_number(number: int) -> bytes:
    """A number behind its length."""
    return encode_counted(number.to_bytes(number.bit_length() // 8 + 1, "big"))  # room for a sign, as Java writes it


def read_number(reader: Reader) -> int:
    """A number behind its length; raises :class:`Malformed`."""
    return int.from_bytes(reader.counted(MAX_MESSAGE, "key"), "big")


def _sized(number: int) -> None:
    bits = number.bit_length()
    if not _FEWEST_BITS <= bits <= _MOST_BITS:
        raise BadKey(
            mark("A key of {bits} bits is not accepted; use {fewest} to {most}."),
            bits=bits,
            fewest=_FEWEST_BITS,
            most=_MOST_BITS,
        )
