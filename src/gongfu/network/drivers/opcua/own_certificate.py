"""The certificate by which servers know this gateway, made at first use.

``$GONGFU_HOME/opcua/own.pem`` holds key and certificate, readable by the owner only; ``own.der`` beside it is the
certificate for the trust list of a server. An operator may put a certificate of his own authority into ``own.pem``;
one that we did not sign ourselves is never replaced.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from gongfu.kernel.errors import Unavailable
from gongfu.kernel.i18n import mark
from gongfu.network.drivers.opcua.certificates import self_signed

VALID = 3652
"""Days, ten years: every server has to be told of a new one by hand."""
RENEW_BEFORE = timedelta(days=60)
_log = structlog.get_logger("gateway")


class OwnCertificate(msgspec.Struct, frozen=True):
    """Key and certificate of the gateway."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey
    uri: str
    """ApplicationUri, as the certificate has it (Part 6 §6.2.2)."""
    file: Path
    """The certificate in DER, for the trust list of a server."""

    @property
    def fingerprint(self) -> str:
        """SHA-256, in hexadecimal digits."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()


def own_certificate(home: Path, node: str) -> OwnCertificate:
    """The certificate of the gateway of ``node``; made when there is none, renewed before it expires.

    Two processes that ask at once get the same. Blocks for up to a second when a key has to be made.
    Raises :class:`Unavailable` when the file cannot be used.
    """
    path = home / "opcua" / "own.pem"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            _write(path, *_make(node), replace=False)
        found = _read(path)
        expires = found.certificate.not_valid_after_utc
        if expires - RENEW_BEFORE < datetime.now(UTC) and found.certificate.issuer == found.certificate.subject:
            _write(path, *_make(node, found.uri), replace=True)
            found = _read(path)
            _log.warning(
                "the OPC UA certificate of this gateway is new; servers must trust it",
                expired=expires.isoformat(),
                sha256=found.fingerprint,
            )
    except (OSError, ValueError, x509.ExtensionNotFound) as error:
        raise Unavailable(
            mark("The OPC UA certificate of this gateway cannot be used: {reason}."),
            remedy=mark("Correct or remove {file}."),
            reason=error,
            file=path,
        ) from error
    return found


def _read(path: Path) -> OwnCertificate:
    data = path.read_bytes()
    key = serialization.load_pem_private_key(data, None)
    certificate = x509.load_pem_x509_certificate(data)
    if not isinstance(key, rsa.RSAPrivateKey) or certificate.public_key() != key.public_key():
        raise ValueError("the key is no RSA key, or that of another certificate")
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    if not uris:
        raise ValueError("the certificate names no application URI")
    public = path.with_suffix(".der")
    der = certificate.public_bytes(serialization.Encoding.DER)
    if not public.exists() or public.read_bytes() != der:
        public.write_bytes(der)
    return OwnCertificate(certificate, key, uris[0], public)


def _make(node: str, uri: str = "") -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    host = socket.gethostname() or "localhost"
    key = rsa.generate_private_key(65537, 2048)
    name = f"Gongfu gateway {node}"
    return key, self_signed(key, name, uri or f"urn:{host}:gongfu:gateway:{node}", [host], days=VALID)


def _write(path: Path, key: rsa.RSAPrivateKey, certificate: x509.Certificate, *, replace: bool) -> None:
    data = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + certificate.public_bytes(serialization.Encoding.PEM)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    if replace:
        draft.replace(path)
        return
    with contextlib.suppress(FileExistsError):
        os.link(draft, path)  # atomic: whoever is first decides, the others read his
    draft.unlink()
