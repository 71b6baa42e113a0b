"""Which server certificates are believed, and why not (OPC UA Part 4 §6.1.3).

Three ways to trust: the option ``fingerprint``; a file in ``$GONGFU_HOME/opcua/trusted`` (the certificate itself, or
that of its authority, DER or PEM); and ``trust = first-use``, which remembers in ``opcua/first-use`` what a server
showed the first time, apart for each organisation.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from gongfu.kernel.errors import Unavailable
from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import DeviceUnavailable
from gongfu.network.drivers.opcua.options import Options

_CHAIN = 8
"""Certificates looked at between a server's and its authority's."""


class CertificateRefused(DeviceUnavailable):
    """The server's certificate is not believed. ``values["fingerprint"]`` is what a person may accept.

    The gateway tries again: a renewed certificate, or one put into the folder ``trusted``, heals it.
    """


class Peer(msgspec.Struct, frozen=True):
    """What a server shows: its certificate first, then those that lead to its authority."""

    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def fingerprint(self) -> str:
        """SHA-256, in hexadecimal digits."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()


def read_peer(data: bytes) -> Peer:
    """The certificate, or chain of them, that a server sends in DER; raises :class:`ValueError`."""
    found: list[x509.Certificate] = []
    while data and len(found) < _CHAIN:
        size = _der_size(data)
        found.append(x509.load_der_x509_certificate(data[:size]))
        data = data[size:]
    if not found:
        raise ValueError("no certificate")
    try:
        key = found[0].public_key()
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from error
    if not isinstance(key, rsa.RSAPublicKey):
        raise ValueError("its key is no RSA key")
    return Peer(found[0], tuple(found[1:]))


def _der_size(data: bytes) -> int:
    if len(data) < 4 or data[0] != 0x30:
        raise ValueError("not a certificate")
    if data[1] < 0x80:
        return 2 + data[1]
    width = data[1] & 0x7F
    return 2 + width + int.from_bytes(data[2 : 2 + width])


class TrustStore:
    """The folder ``opcua`` of a node's home. Methods block for the time of a few small files."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "opcua"

    def accepted(self) -> Iterator[x509.Certificate]:
        """The certificates an operator has put into ``trusted``; files that are none are passed over."""
        folder = self._folder / "trusted"
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            try:
                data = path.read_bytes()
                pem = b"-----BEGIN" in data
                yield from x509.load_pem_x509_certificates(data) if pem else [x509.load_der_x509_certificate(data)]
            except (OSError, ValueError):
                continue

    def remembered(self, org: int, endpoint: str) -> str:
        """Fingerprint of what ``endpoint`` showed at first use; empty for none."""
        try:
            return hashlib.sha256(self._pin(org, endpoint).read_bytes()).hexdigest()
        except OSError:
            return ""

    def remember(self, org: int, endpoint: str, certificate: x509.Certificate) -> None:
        """Trust ``certificate`` at ``endpoint`` from now on, unless another is remembered."""
        path = self._pin(org, endpoint)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = path.with_name(f".{secrets.token_hex(8)}")
            draft.write_bytes(certificate.public_bytes(serialization.Encoding.DER))
            try:
                os.link(draft, path)
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        except OSError as error:
            raise Unavailable(
                mark("The certificate of {endpoint} cannot be remembered: {reason}."), endpoint=endpoint, reason=error
            ) from error

    def _pin(self, org: int, endpoint: str) -> Path:
        return self._folder / "first-use" / f"{hashlib.sha256(f'{org} {endpoint}'.encode()).hexdigest()}.der"


def is_known(options: Options, store: TrustStore, org: int) -> bool:
    """Whether a person or the first use has fixed the certificate: then a connection without security is none."""
    pinned = options.trust == "first-use" and store.remembered(org, options.endpoint)
    return bool(options.fingerprints or pinned)


def check(peer: Peer, host: str, uri: str, options: Options, store: TrustStore, org: int, shortest: int = 2048) -> bool:
    """Return when ``peer`` is believed as the server ``uri`` at ``host``; True when it is to be remembered.

    ``shortest``: bits that its key must have. Raises :class:`CertificateRefused`.
    """
    remember = False
    pinned = store.remembered(org, options.endpoint) if options.trust == "first-use" else ""
    fixed = options.fingerprints or ({pinned} if pinned else set())
    if fixed:
        if peer.fingerprint not in fixed:
            raise _refused(
                mark("The certificate of {endpoint} has changed, now SHA-256 {fingerprint}."),
                mark("Ask why; if it is right, put it into the option fingerprint."),
                options,
                peer,
            )
    elif not _is_accepted(peer, store):
        if options.trust != "first-use":
            raise _refused(
                mark("Unknown certificate at {endpoint}, SHA-256 {fingerprint}."),
                mark("Compare it at the server, then put it into the option fingerprint."),
                options,
                peer,
            )
        remember = True
    if options.verify == "all":
        _check_key(peer, shortest, options)
        _check_time(peer, options)
        _check_names(peer, host, uri, options)
    return remember


def _check_key(peer: Peer, shortest: int, options: Options) -> None:
    key = peer.certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < shortest:
        raise _refused(
            mark("The key of {endpoint} has {bits} bits only, SHA-256 {fingerprint}."),
            mark("Let the server make a new certificate, or set the option verify to fingerprint."),
            options,
            peer,
            bits=key.key_size,
        )


def _check_time(peer: Peer, options: Options) -> None:
    now = datetime.now(UTC)
    if peer.certificate.not_valid_after_utc < now:
        raise _refused(
            mark("The certificate of {endpoint} expired on {date}, SHA-256 {fingerprint}."),
            mark("Renew it at the server, or set the option verify to fingerprint."),
            options,
            peer,
            date=peer.certificate.not_valid_after_utc.date(),
        )
    if peer.certificate.not_valid_before_utc > now:
        raise _refused(
            mark("The certificate of {endpoint} is valid from {date} only, SHA-256 {fingerprint}."),
            mark("Check the clocks, or set the option verify to fingerprint."),
            options,
            peer,
            date=peer.certificate.not_valid_before_utc.date(),
        )


def _check_names(peer: Peer, host: str, uri: str, options: Options) -> None:
    try:
        names = peer.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
        hosts = [name.lower() for name in names.get_values_for_type(x509.DNSName)]
        addresses = names.get_values_for_type(x509.IPAddress)
    except (x509.ExtensionNotFound, ValueError):
        uris, hosts, addresses = [], [], []
    try:
        fits = ipaddress.ip_address(host) in addresses or host in hosts  # old servers write the address as a name
    except ValueError:
        fits = host.lower() in hosts or host.lower().partition(".")[0] in hosts
    if not fits:
        raise _refused(
            mark("The certificate of {endpoint} is for {names}, SHA-256 {fingerprint}."),
            mark("Use that name in endpoint, or set the option verify to fingerprint."),
            options,
            peer,
            names=", ".join([*hosts, *map(str, addresses)])[:60] or "-",
        )
    if uri and uri not in uris:
        raise _refused(
            mark("The certificate of {endpoint} is that of another application, SHA-256 {fingerprint}."),
            mark("Correct it at the server, or set the option verify to fingerprint."),
            options,
            peer,
        )


def _is_accepted(peer: Peer, store: TrustStore) -> bool:
    accepted = list(store.accepted())
    if peer.certificate in accepted:
        return True
    # Upwards from the server's certificate through those it sent, until one is an accepted authority's.
    now = datetime.now(UTC)
    at = peer.certificate
    for _ in range(_CHAIN):
        above = next((it for it in (*accepted, *peer.chain) if it != at and _has_signed(it, at)), None)
        if above is None or not above.not_valid_before_utc <= now <= above.not_valid_after_utc:
            return False
        if above in accepted:
            return True
        at = above
    return False


def _has_signed(authority: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        if not authority.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return False
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm, x509.ExtensionNotFound):
        return False
    return True


def _refused(message: str, remedy: str, options: Options, peer: Peer, **values: object) -> CertificateRefused:
    return CertificateRefused(message, remedy=remedy, endpoint=options.endpoint, fingerprint=peer.fingerprint, **values)
