"""The key of a session: how both sides come to know it, and what they do with it (RFC 3652 §3.7; DO-IRP 3.0).

Messages of a session carry a code over themselves (HMAC-SHA256 from 2.7) and may be encrypted: AES in CBC mode behind a
random initialization vector, with the first 16 octets of the key. DES and 3DES are refused.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import struct
from dataclasses import dataclass, replace

from cryptography.hazmat.primitives import ciphers
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from gongfu.identity.handle import keys
from gongfu.identity.handle.codes import Cipher, EnvelopeFlag
from gongfu.identity.handle.errors import Malformed, SessionKeyWrong, SessionRefused
from gongfu.identity.handle.wire.credentials import MAC, Credential, covered, decode_credential, encode_credential
from gongfu.identity.handle.wire.envelope import Envelope, Message
from gongfu.identity.handle.wire.reader import U16, Reader, encode_text
from gongfu.kernel.i18n import mark

_BLOCK = 16
_KEY_OCTETS = 32
_FEWEST_BITS, _MOST_BITS = 1_024, 4_096  # of a Diffie-Hellman group: what is shorter is weak, what is longer costs time
_GENERATOR = 2
_SECRET_BITS = 512
_GROUP_14 = int(  # RFC 3526 §3
    """
    FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B
    302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE6
    49286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB9ED529077096966D
    670C354E4ABC9804F1746C08CA18217C32905E462E36CE3BE39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF695581718
    3995497CEA956AE515D2261898FA051015728E5A8AACAA68FFFFFFFFFFFFFFFF
    """.replace("\n", "").replace(" ", ""),
    16,
)


@dataclass(frozen=True, slots=True)
class SessionKey:
    """Octets that both sides of a session know, and no one else."""

    octets: bytes

    def __repr__(self) -> str:
        return "SessionKey(…)"

    def encrypt(self, payload: bytes) -> bytes:
        """Initialization vector and ciphertext."""
        vector = secrets.token_bytes(_BLOCK)
        padder, encryptor = PKCS7(8 * _BLOCK).padder(), self._cipher(vector).encryptor()
        return vector + encryptor.update(padder.update(payload) + padder.finalize()) + encryptor.finalize()

    def decrypt(self, octets: bytes) -> bytes:
        """The payload; raises :class:`SessionKeyWrong`."""
        if len(octets) < 2 * _BLOCK or len(octets) % _BLOCK:
            raise _undecipherable()
        decryptor, unpadder = self._cipher(octets[:_BLOCK]).decryptor(), PKCS7(8 * _BLOCK).unpadder()
        try:
            return unpadder.update(decryptor.update(octets[_BLOCK:]) + decryptor.finalize()) + unpadder.finalize()
        except ValueError as error:
            raise _undecipherable() from error

    def unwrap(self, envelope: Envelope, payload: bytes) -> tuple[Envelope, bytes]:
        """Envelope and payload as they were before encryption; raises :class:`SessionKeyWrong`."""
        plain = self.decrypt(payload)
        return replace(envelope, flags=envelope.flags & ~EnvelopeFlag.ENCRYPTED, length=len(plain)), plain

    def wrap(self, envelope: Envelope, payload: bytes) -> tuple[Envelope, bytes]:
        """Envelope and payload encrypted."""
        octets = self.encrypt(payload)
        return replace(envelope, flags=envelope.flags | EnvelopeFlag.ENCRYPTED, length=len(octets)), octets

    def seal(self, message: Message, counter: int) -> Message:
        """``message`` with a code over it; ``counter`` counts the messages this side sent, from 1."""
        newer = message.envelope.version >= (2, 7)
        algorithm = "HMAC-SHA256" if newer else "SHA1"
        code = self._code(algorithm, covered(message, counter))
        return replace(message, credential=encode_credential(Credential(MAC, algorithm, code, counter)))

    def check(self, message: Message) -> int:
        """The counter of a sealed message; raises :class:`SessionKeyWrong` when it is not sealed with this key."""
        if not message.credential:
            raise SessionKeyWrong(mark("The message is of a session but carries no code made with its key."))
        credential = decode_credential(message.credential)
        if credential.kind != MAC:
            raise SessionKeyWrong(mark("The message is of a session but carries no code made with its key."))
        if not hmac.compare_digest(
            credential.signature, self._code(credential.algorithm, covered(message, credential.counter))
        ):
            raise SessionKeyWrong(mark("The message was not made with the session's key, or was changed."))
        return credential.counter

    def _code(self, algorithm: str, octets: bytes) -> bytes:
        match algorithm.upper().replace("-", ""):
            case "HMACSHA256":
                return hmac.digest(self.octets, octets, "sha256")
            case "HMACSHA1":
                return hmac.digest(self.octets, octets, "sha1")
            case "SHA256":
                return hashlib.sha256(self.octets + octets + self.octets).digest()
            case "SHA1":
                return hashlib.sha1(self.octets + octets + self.octets, usedforsecurity=False).digest()
        raise SessionKeyWrong(mark("There is no digest algorithm {number}."), number=ascii(algorithm[:40]))

    def _cipher(self, vector: bytes) -> ciphers.Cipher[modes.CBC]:
        return ciphers.Cipher(algorithms.AES(self.octets[:_BLOCK]), modes.CBC(vector))


class Exchange:
    """This side's half of a Diffie-Hellman exchange; the group is the peer's, or RFC 3526's of 2,048 bits.

    Done with Python's integers, for ``cryptography`` gives finite fields up; the secret lives for one exchange only.
    """

    def __init__(self, peer: bytes = b"") -> None:
        """``peer`` is what the other side sent; raises :class:`SessionRefused` for a group that is not accepted."""
        self._peer = _read_public(peer) if peer else None
        self._prime, self._generator = (
            (self._peer.prime, self._peer.generator) if self._peer else (_GROUP_14, _GENERATOR)
        )
        self._secret = secrets.randbits(_SECRET_BITS) | 1 << _SECRET_BITS

    @property
    def public(self) -> bytes:
        """What to send to the other side: ``DH_PUB_KEY`` with y, p and g, as Handle.Net writes it."""
        power = pow(self._generator, self._secret, self._prime)
        parts = b"".join(keys.encode_number(number) for number in (power, self._prime, self._generator))
        return encode_text("DH_PUB_KEY") + U16.pack(0) + parts

    @property
    def answer(self) -> bytes:
        """As :attr:`public`, behind the number of the cipher: what a server sends back."""
        return struct.pack(">I", Cipher.AES) + self.public

    def key(self, answered: bytes = b"") -> SessionKey:
        """The session's key, from the peer's half or, at the client, from the server's answer.

        Raises :class:`SessionRefused` when they do not fit, or the server chose DES.
        """
        peer = self._peer
        if peer is None:
            cipher_of(answered)
            peer = _read_public(answered[4:])
        if peer.prime != self._prime:
            raise _bad_exchange()
        shared = pow(peer.power, self._secret, self._prime)
        size = (self._prime.bit_length() + 7) // 8
        octets = shared.to_bytes(size, "big")
        while len(octets) > _KEY_OCTETS and not octets[0]:
            octets = octets[1:]
        return SessionKey(octets[:_KEY_OCTETS])


@dataclass(frozen=True, slots=True)
class _Public:
    power: int
    prime: int
    generator: int


def cipher_of(octets: bytes) -> None:
    """Checks the number of the cipher that stands first; raises :class:`SessionRefused` unless it is AES."""
    number = int.from_bytes(octets[:4], "big") if len(octets) >= 4 else -1
    if number != Cipher.AES:
        raise SessionRefused(
            mark("Sessions are encrypted with AES only; cipher {number} was asked for."),
            remedy=mark("Let the peer use AES (encryption_alg AES in Handle.Net's configuration)."),
            number=number,
        )


def generate() -> SessionKey:
    """A new key, for the exchanges in which one side chooses it."""
    return SessionKey(secrets.token_bytes(_KEY_OCTETS))


def encrypted_for(key: keys.PublicKey, session: SessionKey) -> bytes:
    """The session's key so that only the owner of ``key``, RSA, can read it; raises :class:`SessionRefused`."""
    if not isinstance(key.key, rsa.RSAPublicKey):
        raise SessionRefused(mark("A session's key can be encrypted for RSA keys only."))
    return key.key.encrypt(struct.pack(">I", Cipher.AES) + session.octets, padding.PKCS1v15())


def decrypted_with(key: keys.PrivateKey, octets: bytes) -> SessionKey:
    """The session's key that the peer chose; raises :class:`SessionRefused`.

    Handle.Net's client leaves the cipher's number out when it chooses the key: accepted, it means AES.
    """
    if not isinstance(key.key, rsa.RSAPrivateKey):
        raise SessionRefused(mark("A session's key can be encrypted for RSA keys only."))
    try:
        plain = key.key.decrypt(octets, padding.PKCS1v15())
    except ValueError as error:
        raise _bad_exchange() from error
    if len(plain) in (_BLOCK, 24, _KEY_OCTETS):
        return SessionKey(plain)
    cipher_of(plain)
    if len(plain) - 4 not in (_BLOCK, 24, _KEY_OCTETS):
        raise _bad_exchange()
    return SessionKey(plain[4:])


def _read_public(octets: bytes) -> _Public:
    reader = Reader(octets)
    try:
        name = reader.text(64, "key type")
        reader.u16("key")
        power, prime, generator = (keys.read_number(reader) for _ in range(3))
    except Malformed as error:
        raise _bad_exchange() from error
    sound = name == "DH_PUB_KEY" and prime % 2 and _FEWEST_BITS <= prime.bit_length() <= _MOST_BITS
    if not sound or not 2 <= generator < prime - 1 or not 2 <= power < prime - 1:
        raise _bad_exchange()
    return _Public(power, prime, generator)


def _bad_exchange() -> SessionRefused:
    return SessionRefused(mark("The key for the session cannot be used."))


def _undecipherable() -> SessionKeyWrong:
    return SessionKeyWrong(mark("The message cannot be decrypted with the session's key."))
