"""TLS for the HTTP door, with client certificates that nobody but their owner has signed.

A Handle administrator's certificate is self-signed: it is believed because its key is the one in his HS_PUBKEY value,
not because of an authority. OpenSSL has to accept whatever certificate comes, and prove only that the client holds
its key. Python's ``ssl`` has no hook for that, so each connection has a context of its own, whose trust store is
given the client's certificate as soon as it has been read, before it is verified.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

SELF_SIGNED = "self-signed"
"""Value of the setting ``tls_certificate`` that makes the resolver sign one for itself."""
_LIFETIME = dt.timedelta(days=825)
_CERTIFICATE = 11  # handshake message, RFC 8446 §4.4.2
_LARGEST = 16_384
_MAX_PLAIN = 65_536


class Tls:
    """Certificate and key of this server, checked once; raises :class:`Invalid` when they do not fit."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self._certificate = certificate
        self._key = key
        try:
            self._context()
        except (OSError, ssl.SSLError) as error:
            raise Invalid(
                mark("The certificate {certificate} with the key {key} cannot be used: {reason}."),
                remedy=mark("Give PEM files that belong together, or set GONGFU_TLS_CERTIFICATE to self-signed."),
                certificate=certificate,
                key=key,
                reason=error,
            ) from error

    def session(self) -> TlsSession:
        """One connection."""
        return TlsSession(self._context())

    def _context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self._certificate, self._key)
        context.verify_mode = ssl.CERT_OPTIONAL
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # the certificate itself is the anchor
        context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION
        context.num_tickets = 0

        def seen(_: object, direction: str, _version: object, _kind: object, message: int, data: bytes) -> None:
            if direction == "read" and message == _CERTIFICATE and (der := _first_certificate(data)):
                context.load_verify_locations(cadata=der)

        context._msg_callback = seen  # type: ignore[attr-defined]
        return context


class TlsSession:
    """Octets of the network in, octets of the application out, and back."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._ssl = context.wrap_bio(self._in, self._out, server_side=True)
        self.established = False
        self.ended = False
        self.certificate: bytes | None = None

    def received(self, data: bytes) -> tuple[bytes, bytes]:
        """Plain octets that came, and octets to send back; raises :class:`ssl.SSLError`."""
        self._in.write(data)
        plain = []
        try:
            if not self.established:
                self._ssl.do_handshake()
                self.established = True
                self.certificate = self._ssl.getpeercert(binary_form=True)
            while True:
                part = self._ssl.read(_MAX_PLAIN)
                if not part:
                    self.ended = True
                    break
                plain.append(part)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.ended = True
        return b"".join(plain), self.pending()

    def sending(self, data: bytes) -> bytes:
        """``data`` encrypted."""
        self._ssl.write(data)
        return self.pending()

    def pending(self) -> bytes:
        """What OpenSSL wants sent."""
        return self._out.read()


def _first_certificate(data: bytes) -> bytes | None:
    """The client's own certificate, DER, from a whole Certificate message; None when it holds none that can be read."""
    for start in (4 + 1 + data[4] if len(data) > 4 else 0, 4):  # TLS 1.3 has a context before the list, 1.2 has not
        total = int.from_bytes(data[start : start + 3], "big")
        length = int.from_bytes(data[start + 3 : start + 6], "big")
        der = data[start + 6 : start + 6 + length]
        if start + 3 + total == len(data) and 0 < length <= _LARGEST and len(der) == length:
            try:
                x509.load_der_x509_certificate(der)
            except ValueError:
                continue
            return der
    return None


def prepare(home: Path, certificate: str, key: str, names: list[str]) -> Tls | None:
    """TLS as the settings say: none, from files, or with a certificate signed here for ``names``, kept in ``home``."""
    if not certificate:
        return None
    if certificate != SELF_SIGNED:
        return Tls(Path(certificate), Path(key or certificate))
    folder = home / "tls"
    files = folder / "certificate.pem", folder / "key.pem"
    if not all(file.exists() for file in files):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _self_sign(*files, names)
    return Tls(*files)


def _self_sign(certificate: Path, key: Path, names: list[str]) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectAlternativeName([_alternative(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private, hashes.SHA256())
    )
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write_new(key, pem)
    _write_new(certificate, signed.public_bytes(serialization.Encoding.PEM))


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write_new(path: Path, data: bytes) -> None:
    partial = path.with_suffix(".partial")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
    partial.replace(path)
