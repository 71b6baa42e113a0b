"""Keys in identifiers and files, and the proofs made with them."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from gongfu.identity.handle import key_files, keys, proofs, session_keys, sm2, wire
from gongfu.identity.handle.codes import Cipher
from gongfu.identity.handle.errors import (
    BadCredential,
    BadKey,
    Malformed,
    SessionKeyWrong,
    SessionRefused,
)
from gongfu.identity.handle.keys import Algorithm
from gongfu.identity.handle.wire import Reference

KEYS = {algorithm: keys.generate(algorithm) for algorithm in Algorithm if algorithm is not Algorithm.DSA}
KEYS[Algorithm.DSA] = keys.PrivateKey(dsa.generate_private_key(1024))
WHO = Reference("0.NA/88.118.1", 300)
NONCE, DIGEST = bytes(range(16)), bytes(32)
VERSIONS = [(2, 1), (2, 6), (2, 7), (2, 11), (3, 0)]


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_key_survives_its_identifier_and_its_file(algorithm: Algorithm, tmp_path: Path) -> None:
    key = KEYS[algorithm]
    assert keys.decode(key.public.encode()).encode() == key.public.encode()
    assert key.public.algorithm is algorithm
    keys.save(tmp_path / "key.pem", key)
    assert keys.load(tmp_path / "key.pem").public.encode() == key.public.encode()
    with pytest.raises(BadKey):
        keys.save(tmp_path / "key.pem", key)
    assert (tmp_path / "key.pem").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("algorithm", KEYS)
def test_a_proof_fits_its_challenge_only(algorithm: Algorithm, version: tuple[int, int]) -> None:
    key, public = KEYS[algorithm], KEYS[algorithm].public
    answer = proofs.PrivateKey(WHO, key).answer(NONCE, DIGEST, version)
    assert proofs.check_signature(public, WHO, NONCE, DIGEST, answer.proof)
    assert not proofs.check_signature(public, WHO, NONCE[::-1], DIGEST, answer.proof)
    assert not proofs.check_signature(public, WHO, NONCE, b"\1" + DIGEST[1:], answer.proof)
    other = KEYS[Algorithm.EC if algorithm is not Algorithm.EC else Algorithm.RSA].public
    assert not proofs.check_signature(other, WHO, NONCE, DIGEST, answer.proof)
    if algorithm is Algorithm.SM2:
        assert not proofs.check_signature(public, Reference("0.NA/88.118.2", 300), NONCE, DIGEST, answer.proof)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("secret", [b"secret", b"", "密钥".encode(), bytes(range(256))])
def test_a_secret_proves_without_being_sent(secret: bytes, version: tuple[int, int]) -> None:
    answer = proofs.SecretKey(WHO, secret).answer(NONCE, DIGEST, version)
    assert proofs.check_secret(secret, NONCE, DIGEST, answer.proof)
    assert not proofs.check_secret(secret + b"x", NONCE, DIGEST, answer.proof)
    assert not proofs.check_secret(secret, NONCE, DIGEST[1:], answer.proof)
    assert not secret or secret not in answer.proof
    assert "secret" not in repr(proofs.SecretKey(WHO, b"secret")).lower().replace("secretkey", "")


@pytest.mark.parametrize("iterations", [0, 100_001, 2**32 - 1])
def test_a_proof_that_would_cost_the_server_too_much_is_refused(iterations: int) -> None:
    proof = b"\x22" + bytes(4) + iterations.to_bytes(4, "big") + (160).to_bytes(4, "big") + bytes(4)
    with pytest.raises(BadCredential, match="iterations"):
        proofs.check_secret(b"secret", NONCE, DIGEST, proof)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=120))
def test_octets_of_any_kind_are_no_proof_and_no_key(octets: bytes) -> None:
    for key in KEYS.values():
        with contextlib.suppress(Malformed):
            assert not proofs.check_signature(key.public, WHO, NONCE, DIGEST, octets)
    with contextlib.suppress(Malformed, BadCredential):
        if not octets.startswith(b"\x22"):  # PBKDF2 takes its time; its bounds are tested above
            assert not proofs.check_secret(b"secret", NONCE, DIGEST, octets)
    for read in (keys.decode, keys.loads, key_files.read_sm2_public, session_keys.Exchange):
        with contextlib.suppress(Malformed, BadKey, SessionRefused):
            read(octets)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(KEYS)), st.data())
def test_a_key_with_any_octet_changed_or_cut_is_read_or_refused(algorithm: Algorithm, data: st.DataObject) -> None:
    octets = bytearray(KEYS[algorithm].public.encode())
    octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    del octets[data.draw(st.integers(0, len(octets))) :]
    with contextlib.suppress(Malformed, BadKey):
        keys.decode(bytes(octets))


def test_keys_that_are_weak_or_unknown_are_refused_with_the_reason(tmp_path: Path) -> None:
    weak = keys.named("RSA_PUB_KEY", keys.encode_number(65537), keys.encode_number(2**511 + 1))
    with pytest.raises(BadKey, match="512 bits"):
        keys.decode(weak)
    with pytest.raises(BadKey, match="SM9_PUB_KEY"):
        keys.decode(keys.named("SM9_PUB_KEY", b"\0\0\0\1x"))
    with pytest.raises(BadKey, match="DSA"):
        keys.generate(Algorithm.DSA)
    with pytest.raises(BadKey, match="cannot be read"):
        keys.load(tmp_path / "nothing")
    other = ed448.Ed448PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(BadKey, match="Ed448"):
        keys.loads(other)
    with pytest.raises(BadKey, match="encrypted"):
        keys.loads(b"\0\0\0\4" + bytes(40))


def test_an_unencrypted_key_file_of_handle_net_is_read() -> None:
    """Layout: number of the encryption, 1 for none; then name and numbers (Handle.Net 9, ``hdl-keygen``)."""
    key = KEYS[Algorithm.RSA]
    numbers = key.key.private_numbers()
    public = numbers.public_numbers
    order = (public.n, public.e, numbers.d, numbers.p, numbers.q, numbers.dmp1, numbers.dmq1, numbers.iqmp)
    octets = wire.encode_counted(b"RSA_PRIVCRT_KEY") + b"".join(map(keys.encode_number, order))
    assert keys.loads(b"\0\0\0\1" + octets).public.encode() == key.public.encode()
    with pytest.raises(BadKey):
        keys.loads((b"\0\0\0\1" + octets)[:-3])


def test_a_node_has_one_key_for_ever(tmp_path: Path) -> None:
    assert keys.node_key(tmp_path).public.encode() == keys.node_key(tmp_path).public.encode()


# --- sessions ---


def test_both_sides_of_an_exchange_know_the_same_key() -> None:
    client = session_keys.Exchange()
    server = session_keys.Exchange(client.public)
    key = server.key()
    assert client.key(server.answer) == key
    assert len(key.octets) == 32
    assert key.decrypt(key.encrypt(b"x" * 100)) == b"x" * 100
    assert key.encrypt(b"x") != key.encrypt(b"x")
    assert session_keys.Exchange(client.public).key() != key


def test_des_and_weak_groups_are_refused() -> None:
    client = session_keys.Exchange()
    for cipher in (Cipher.DES, Cipher.TRIPLE_DES, 0):
        with pytest.raises(SessionRefused, match="AES"):
            client.key(cipher.to_bytes(4, "big") + session_keys.Exchange(client.public).public)
    prime = 2**768 - 2**704 - 1 + 2**64 * ((2**638 * 355 // 113) + 149686)
    for power, modulus, generator in ((5, prime, 2), (1, 2**2048 - 1, 2), (5, 2**2048, 2), (5, 2**9000 + 1, 2)):
        octets = keys.named("DH_PUB_KEY", *map(keys.encode_number, (power, modulus, generator)))
        with pytest.raises(SessionRefused):
            session_keys.Exchange(octets)


def test_the_group_is_that_of_rfc_3526() -> None:
    prime = session_keys.Exchange()._prime
    assert prime.bit_length() == 2048
    assert pow(2, prime - 1, prime) == 1
    assert pow(2, (prime - 1) // 2, prime) == 1  # 2 generates the subgroup of order (p - 1) / 2, itself prime
    assert pow(3, (prime - 1) // 2 - 1, (prime - 1) // 2) == 1


def test_a_message_of_a_session_is_believed_only_with_its_code() -> None:
    key = session_keys.generate()
    for version in VERSIONS:
        message = wire.Message(wire.Envelope(1, 0, session=5, version=version), wire.Header(100), b"abc")
        sealed = key.seal(message, 7)
        assert key.check(sealed) == 7
        changed = wire.Message(sealed.envelope, sealed.header, b"abd", sealed.credential)
        for wrong in (message, changed):
            with pytest.raises(SessionKeyWrong):
                key.check(wrong)
        with pytest.raises(SessionKeyWrong):
            session_keys.generate().check(sealed)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=100))
def test_octets_that_were_not_encrypted_are_refused(octets: bytes) -> None:
    with contextlib.suppress(SessionKeyWrong):
        session_keys.SessionKey(bytes(32)).decrypt(octets)
    with contextlib.suppress(SessionRefused):
        session_keys.decrypted_with(KEYS[Algorithm.RSA], octets)


def test_a_key_for_a_session_is_encrypted_for_rsa_only() -> None:
    key, rsa = session_keys.generate(), KEYS[Algorithm.RSA]
    assert session_keys.decrypted_with(rsa, session_keys.encrypted_for(rsa.public, key)) == key
    with pytest.raises(SessionRefused):
        session_keys.encrypted_for(KEYS[Algorithm.EC].public, key)
    assert isinstance(KEYS[Algorithm.EC].key, ec.EllipticCurvePrivateKey)


def test_points_that_are_not_on_the_curve_are_no_sm2_keys() -> None:
    with pytest.raises(BadKey):
        sm2.PublicKey(1, 1)
    with pytest.raises(BadKey):
        sm2.from_point(b"\x04" + b"\xff" * 64)
    with pytest.raises(BadKey):
        sm2.PrivateKey(0)
