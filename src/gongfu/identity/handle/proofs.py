"""The proof an administrator gives when challenged, and its check (RFC 3652 §3.5; DO-IRP 3.0).

A challenge is a nonce and the digest of the request it answers. With a secret key the proof is a code over both; with a
private key a signature over both. SM2 signs SM3 of both, with the administrator's handle as identity: the national
client library does so.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from gongfu.identity.handle import keys, sm2
from gongfu.identity.handle.codes import MAX_MESSAGE, Digest
from gongfu.identity.handle.errors import BadCredential
from gongfu.identity.handle.wire.bodies import ChallengeAnswer
from gongfu.identity.handle.wire.reader import U32, Reader, encode_counted, encode_text
from gongfu.identity.handle.wire.values import Reference
from gongfu.kernel.i18n import mark

NONCE_SIZE = 16
"""Octets of a challenge's nonce."""
PUBLIC_KEY = "HS_PUBKEY"
SECRET_KEY = "HS_SECKEY"  # noqa: S105 - the name of a value type
_ITERATIONS = 10_000
_MOST_ITERATIONS = 100_000  # the peer chooses; more would only cost this side time
_KEY_BITS = 160


@dataclass(frozen=True, slots=True)
class SecretKey:
    """An administrator with a secret that the server knows as well (HS_SECKEY)."""

    administrator: Reference
    secret: bytes

    def __repr__(self) -> str:
        return f"SecretKey({self.administrator})"

    def answer(self, nonce: bytes, digest: bytes, version: tuple[int, int]) -> ChallengeAnswer:
        """The answer to a challenge; PBKDF2 from 2.7, a plain SHA-1 digest before."""
        message = nonce + digest
        if version >= (2, 7):
            salt = secrets.token_bytes(16)
            code = _pbkdf2(self.secret, salt, _ITERATIONS, _KEY_BITS, message)
            proof = (
                bytes((Digest.PBKDF2_HMAC_SHA1,))
                + encode_counted(salt)
                + U32.pack(_ITERATIONS)
                + U32.pack(_KEY_BITS)
                + encode_counted(code)
            )
        else:
            proof = bytes((Digest.SHA1,)) + _plain(Digest.SHA1, self.secret, message)
        return ChallengeAnswer(SECRET_KEY, self.administrator, proof)


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """An administrator with a private key, whose other half is in an HS_PUBKEY value."""

    administrator: Reference
    key: keys.PrivateKey

    def answer(self, nonce: bytes, digest: bytes, version: tuple[int, int]) -> ChallengeAnswer:
        """The answer to a challenge."""
        name = self.key.digest(version)
        if isinstance(self.key.key, sm2.PrivateKey):
            signature = self.key.sign(sm2.sm3(nonce, digest), name, self.administrator.handle.encode())
        else:
            signature = self.key.sign(nonce + digest, name)
        return ChallengeAnswer(PUBLIC_KEY, self.administrator, encode_text(name) + encode_counted(signature))


def check_secret(secret: bytes, nonce: bytes, digest: bytes, proof: bytes) -> bool:
    """Whether ``proof`` was made with ``secret``; raises :class:`BadCredential` or Malformed when it is no proof."""
    reader = Reader(proof)
    algorithm = reader.u8("proof")
    message = nonce + digest
    match algorithm:
        case Digest.PBKDF2_HMAC_SHA1:
            salt = reader.counted(1_024, "salt")
            iterations, bits = reader.u32("iterations"), reader.u32("key length")
            code = reader.counted(1_024, "proof")
            if not 1 <= iterations <= _MOST_ITERATIONS or bits % 8 or not 64 <= bits <= 512:
                raise BadCredential(
                    mark("The proof asks for {iterations} iterations and {bits} bits; that is not accepted."),
                    iterations=iterations,
                    bits=bits,
                )
            right = _pbkdf2(secret, salt, iterations, bits, message)
        case Digest.HMAC_SHA1 | Digest.HMAC_SHA256:
            code = reader.rest()
            right = hmac.digest(secret, message, "sha1" if algorithm == Digest.HMAC_SHA1 else "sha256")
        case Digest.MD5 | Digest.SHA1 | Digest.SHA256:
            code = reader.rest()
            right = _plain(Digest(algorithm), secret, message)
        case _:
            raise BadCredential(mark("There is no digest algorithm {number}."), number=algorithm)
    return hmac.compare_digest(code, right)


def check_signature(key: keys.PublicKey, who: Reference, nonce: bytes, digest: bytes, proof: bytes) -> bool:
    """Whether ``proof`` is a signature of ``key``'s; raises Malformed when it is no proof at all."""
    reader = Reader(proof)
    name = reader.text(64, "signature algorithm")
    signature = reader.counted(MAX_MESSAGE, "signature")
    message = nonce + digest
    if isinstance(key.key, sm2.PublicKey):
        national = key.verify(signature, sm2.sm3(message), name, who.handle.encode())
        return national or key.verify(signature, message, name)
    return key.verify(signature, message, name)


def _plain(algorithm: Digest, secret: bytes, message: bytes) -> bytes:
    name = {Digest.MD5: "md5", Digest.SHA1: "sha1", Digest.SHA256: "sha256"}[algorithm]
    return hashlib.new(name, secret + message + secret, usedforsecurity=False).digest()


def _pbkdf2(secret: bytes, salt: bytes, iterations: int, bits: int, message: bytes) -> bytes:
    # Java turns each octet of the secret into a character and takes their UTF-8; for ASCII that is the secret itself.
    password = secret.decode("latin-1").encode()
    return hmac.digest(hashlib.pbkdf2_hmac("sha1", password, salt, iterations, bits // 8), message, "sha1")
