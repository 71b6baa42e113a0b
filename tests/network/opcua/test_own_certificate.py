"""The certificate of the gateway: made once, kept private, renewed in time, never replaced where it is another's."""

from __future__ import annotations

import socket
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gongfu.kernel.errors import Unavailable
from gongfu.network.drivers.opcua.certificates import self_signed
from gongfu.network.drivers.opcua.own_certificate import own_certificate
from gongfu.network.drivers.opcua.simulator import Protection


def pem(key: rsa.RSAPrivateKey, certificate: x509.Certificate) -> bytes:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption()) + certificate.public_bytes(encoding)


def test_it_is_what_part_6_asks_for_and_the_key_is_private(tmp_path: Path) -> None:
    own = own_certificate(tmp_path, "node7")
    names = own.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == [own.uri]
    assert own.uri.endswith(":gongfu:gateway:node7")
    assert names.get_values_for_type(x509.DNSName) == [socket.gethostname()]
    assert (
        ExtendedKeyUsageOID.CLIENT_AUTH
        in own.certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    )
    usage = own.certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert all((usage.digital_signature, usage.content_commitment, usage.key_encipherment, usage.data_encipherment))
    assert own.key.key_size == 2048
    own.certificate.verify_directly_issued_by(own.certificate)
    file = tmp_path / "opcua" / "own.pem"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert x509.load_der_x509_certificate(own.file.read_bytes()) == own.certificate
    assert own_certificate(tmp_path, "node7").certificate == own.certificate


def test_two_that_ask_at_once_get_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda _: own_certificate(tmp_path, "n").fingerprint, range(3)))
    assert len(set(found)) == 1
    assert [path.name for path in (tmp_path / "opcua").iterdir() if path.name.startswith(".")] == []


def test_it_is_renewed_before_it_expires_and_keeps_its_application(tmp_path: Path, protection: Protection) -> None:
    file = tmp_path / "opcua" / "own.pem"
    file.parent.mkdir()
    old = self_signed(protection.key, "Gongfu gateway n", "urn:it:was:called:so", ["host"], days=30)
    file.write_bytes(pem(protection.key, old))
    new = own_certificate(tmp_path, "n")
    assert new.certificate != old
    assert new.uri == "urn:it:was:called:so"
    assert new.certificate.not_valid_after_utc > datetime.now(UTC) + timedelta(days=3000)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_one_of_an_authority_is_never_replaced(tmp_path: Path, protection: Protection) -> None:
    file = tmp_path / "opcua" / "own.pem"
    file.parent.mkdir()
    authority = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "plant authority")])
    now = datetime.now(UTC)
    issued = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gateway")]))
        .issuer_name(authority)
        .public_key(protection.key.public_key())
        .serial_number(7)
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier("urn:ours")]), critical=False)
        .sign(protection.key, hashes.SHA256())
    )
    file.write_bytes(pem(protection.key, issued))
    assert own_certificate(tmp_path, "n").certificate == issued


@pytest.mark.parametrize("fault", ["rubbish", "another key", "no name"])
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, protection: Protection, fault: str) -> None:
    file = tmp_path / "opcua" / "own.pem"
    file.parent.mkdir()
    certificate = self_signed(protection.key, "n", "urn:n", [], days=1000)
    if fault == "rubbish":
        file.write_bytes(b"rubbish")
    elif fault == "another key":
        file.write_bytes(pem(rsa.generate_private_key(65537, 2048), certificate))
    else:
        now = datetime.now(UTC)
        bare = (
            x509.CertificateBuilder()
            .subject_name(certificate.subject)
            .issuer_name(certificate.issuer)
            .public_key(protection.key.public_key())
            .serial_number(1)
            .not_valid_before(now)
            .not_valid_after(now + timedelta(days=999))
            .sign(protection.key, hashes.SHA256())
        )
        file.write_bytes(pem(protection.key, bare))
    with pytest.raises(Unavailable, match="cannot be used") as refusal:
        own_certificate(tmp_path, "n")
    assert str(file) in str(refusal.value)
