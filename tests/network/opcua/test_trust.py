"""Which certificates are believed: authorities and their chains, and what is no certificate at all."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from gongfu.network.drivers.opcua import trust
from gongfu.network.drivers.opcua.options import Options
from gongfu.network.drivers.opcua.simulator import Protection

URI = "urn:plant:server"
OPTIONS = Options(endpoint="opc.tcp://plant.example:4840/")
DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM


def issue(
    name: str,
    by: str,
    key: rsa.RSAPrivateKey,
    subject_key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey,
    **more: object,
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, by)]))
        .public_key(subject_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=500))
        .not_valid_after(now + timedelta(days=int(str(more.get("days", 100)))))
        .add_extension(x509.BasicConstraints(ca=bool(more.get("ca")), path_length=None), critical=True)
    )
    if not more.get("ca"):
        names = [x509.UniformResourceIdentifier(URI), x509.DNSName("plant.example")]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(key, hashes.SHA256())


@pytest.fixture(scope="module")
def keys(protection: Protection) -> tuple[rsa.RSAPrivateKey, rsa.RSAPrivateKey]:
    return protection.key, rsa.generate_private_key(65537, 2048)


def believed(home: Path, peer: trust.Peer, *accepted: x509.Certificate, host: str = "plant.example") -> bool:
    folder = home / "opcua" / "trusted"
    folder.mkdir(parents=True, exist_ok=True)
    for number, certificate in enumerate(accepted):
        (folder / f"{number}.der").write_bytes(certificate.public_bytes(DER))
    try:
        trust.check(peer, host, URI, OPTIONS, trust.TrustStore(home), 1)
    except trust.CertificateRefused:
        return False
    return True


def test_an_authority_vouches_for_its_servers_directly_and_through_another(tmp_path, keys) -> None:
    one, two = keys
    root = issue("root", "root", one, one.public_key(), ca=True)
    between = issue("between", "root", one, two.public_key(), ca=True)
    direct = issue("server", "root", one, two.public_key())
    distant = issue("server", "between", two, one.public_key())
    assert believed(tmp_path / "a", trust.Peer(direct), root)
    assert not believed(tmp_path / "b", trust.Peer(distant), root)
    sent = trust.read_peer(distant.public_bytes(DER) + between.public_bytes(DER))
    assert sent.chain == (between,)
    assert believed(tmp_path / "c", sent, root)


def test_who_is_no_authority_vouches_for_nobody(tmp_path, keys) -> None:
    one, two = keys
    impostor = issue("root", "root", two, two.public_key(), ca=True)
    root = issue("root", "root", one, one.public_key(), ca=True)
    leaf = issue("leaf", "leaf", one, one.public_key())
    assert not believed(tmp_path / "a", trust.Peer(issue("server", "root", two, two.public_key())), root)
    assert not believed(tmp_path / "b", trust.Peer(issue("server", "leaf", one, two.public_key())), leaf)
    assert not believed(tmp_path / "c", trust.Peer(issue("server", "root", two, one.public_key()), (impostor,)), root)
    old = issue("root", "root", one, one.public_key(), ca=True, days=-1)
    assert not believed(tmp_path / "d", trust.Peer(issue("server", "root", one, two.public_key())), old)


def test_a_host_is_found_by_its_short_name_but_an_address_is_no_name(tmp_path, keys) -> None:
    certificate = issue("server", "server", keys[0], keys[0].public_key())
    assert believed(tmp_path, trust.Peer(certificate), certificate, host="PLANT.example")
    assert not believed(tmp_path, trust.Peer(certificate), certificate, host="10.0.0.5")
    assert not believed(tmp_path, trust.Peer(certificate), certificate, host="example")


def test_a_short_key_is_refused_unless_the_policy_allows_it(tmp_path, keys) -> None:
    short = rsa.generate_private_key(65537, 1024)
    peer = trust.Peer(issue("server", "server", short, short.public_key()))
    assert not believed(tmp_path, peer, peer.certificate)
    assert trust.check(peer, "plant.example", URI, OPTIONS, trust.TrustStore(tmp_path), 1, 1024) is False


def test_a_key_that_is_not_rsa_is_said_so(keys) -> None:
    odd = issue("server", "server", keys[0], ec.generate_private_key(ec.SECP256R1()).public_key())
    with pytest.raises(ValueError, match="no RSA key"):
        trust.read_peer(odd.public_bytes(DER))


@given(st.binary(max_size=300) | st.binary(max_size=20).map(lambda tail: b"\x30\x82\x01\x00" + tail))
def test_no_bytes_of_a_server_break_the_reader(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        trust.read_peer(data)


def test_a_folder_that_cannot_be_written_is_said_so(tmp_path, keys) -> None:
    (tmp_path / "opcua").write_text("a file where the folder should be")
    certificate = issue("server", "server", keys[0], keys[0].public_key())
    store = trust.TrustStore(tmp_path)
    assert store.remembered(1, OPTIONS.endpoint) == ""
    with pytest.raises(Exception, match="cannot be remembered"):
        store.remember(1, OPTIONS.endpoint, certificate)
