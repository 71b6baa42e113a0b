"""Octets of administration, laid out by hand from RFC 3652 §3.5 to §3.7 and from what Handle.Net 9 writes.

Where Handle.Net differs from the RFC its source was read (``net.handle.hdllib``: ``Encoder``, ``Util``,
``AbstractMessage``): what a challenge carries, how keys and codes are laid out, the two octets behind a session's
set-up.
"""

from __future__ import annotations

import hashlib
import hmac
import struct

from cryptography.hazmat.primitives.asymmetric import rsa

from gongfu.identity.handle import keys, proofs, session_keys, wire
from gongfu.identity.handle.codes import OpCode, OpFlag, Permission, TtlType
from gongfu.identity.handle.names import Handle
from gongfu.identity.handle.wire import Reference, Value
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import IdentifierStore
from gongfu.identity.resolver.desk import assemble


def octets(layout: str) -> bytes:
    """Hexadecimal and quoted texts, with ``#`` comments."""
    parts = []
    for line in layout.splitlines():
        for word in line.partition("#")[0].split():
            parts.append(word[1:-1].encode() if word.startswith('"') else bytes.fromhex(word))
    return b"".join(parts)


VALUE = Value(1, "URL", b"http://a.test/", 86_400, TtlType.RELATIVE, 0x66000000, Permission(0x0E))
VALUES_BODY = octets("""
    00000008 "88.118/x"       # handle
    00000001                  # one value
    00000001 66000000         # index, timestamp
    00 00015180 0e            # relative, one day, rw r-
    00000003 "URL"
    0000000e "http://a.test/"
    00000000                  # no references
""")
REMOVE_BODY = octets("""
    00000008 "88.118/x"
    00000002 00000001 0000012c   # indexes 1 and 300
""")
LIST_BODY = octets("""
    00000002
    00000008 "88.118/x" 00000008 "88.118/y"
""")
ANSWER_BODY = octets("""
    00000009 "HS_PUBKEY"
    0000000b "0.NA/88.118" 0000012c     # who: 300:0.NA/88.118
    00000002 abcd                       # the proof
""")
VERIFY_HEAD = octets("""
    0000000b "0.NA/88.118" 0000012c
    00000002 0102                       # nonce
""")
SETUP_BODY = octets("""
    0004 00000e10                       # Diffie-Hellman, 3600 s
    0000000b "0.NA/88.118" 0000012c
    00000001 aa                         # key
    0000                                # Handle.Net counts two octets too many
""")
MAC = octets("""
    00 00 0000                          # version, reserved, options
    00000000 00000007                   # no signer; the session's counter
    00000006 "HS_MAC"
    00000033                            # length of the rest
    0000000b "HMAC-SHA256"
    00000020
""")


def test_bodies_of_requests_are_read_and_written_octet_by_octet() -> None:
    values = wire.ValuesRequest("88.118/x", (VALUE,))
    assert wire.decode_values_request(VALUES_BODY) == values
    assert wire.encode_values_request(values) == VALUES_BODY
    gone = wire.IndexesRequest("88.118/x", (1, 300))
    assert wire.decode_indexes_request(REMOVE_BODY) == gone
    assert wire.encode_indexes_request(gone) == REMOVE_BODY
    assert wire.decode_handles(LIST_BODY) == ("88.118/x", "88.118/y")
    assert wire.encode_handles(["88.118/x", "88.118/y"]) == LIST_BODY
    answer = wire.ChallengeAnswer("HS_PUBKEY", Reference("0.NA/88.118", 300), b"\xab\xcd")
    assert wire.decode_challenge_answer(ANSWER_BODY) == answer
    assert wire.encode_challenge_answer(answer) == ANSWER_BODY


def test_a_verification_is_read_with_the_digest_behind_its_length_or_its_algorithm() -> None:
    proof = octets("00000001 ff")
    sha1 = wire.VerifyRequest(Reference("0.NA/88.118", 300), b"\1\2", bytes(20), b"\xff")
    assert wire.decode_verify_request(VERIFY_HEAD + b"\0\0\0\x14" + bytes(20) + proof) == sha1
    assert wire.decode_verify_request(VERIFY_HEAD + b"\2" + bytes(20) + proof) == sha1
    assert wire.encode_verify_request(sha1) == VERIFY_HEAD + b"\0\0\0\x14" + bytes(20) + proof


def test_a_session_is_set_up_as_handle_net_does_it() -> None:
    request = wire.SessionRequest(4, 3600, Reference("0.NA/88.118", 300), b"\xaa")
    assert wire.decode_session_request(SETUP_BODY) == request
    assert wire.encode_session_request(request) == SETUP_BODY[:-2]


def test_a_message_of_a_session_carries_a_code_over_envelope_header_and_body() -> None:
    """From 2.8 on: version, suggested version, session, request, counter, header, body; HMAC-SHA256 with the key."""
    key = session_keys.SessionKey(bytes(range(32)))
    message = wire.Message(wire.Envelope(0x11, 0, session=0x22), wire.Header(100), b"body")
    covered = octets("02 0b 02 0b 00000022 00000011 00000007") + struct.pack(">IIIHBBII", 100, 0, 0, 0, 0, 0, 0, 4)
    code = hmac.digest(bytes(range(32)), covered + b"body", "sha256")
    assert key.seal(message, 7).credential == MAC + code


def test_a_secret_key_proves_with_pbkdf2_since_version_2_7_and_sha_1_before() -> None:
    nonce, digest = bytes(16), bytes(32)
    old = hashlib.sha1(b"secret" + nonce + digest + b"secret").digest()
    assert proofs.check_secret(b"secret", nonce, digest, b"\x02" + old)
    salt = bytes(range(16))
    derived = hashlib.pbkdf2_hmac("sha1", b"secret", salt, 10_000, 20)
    code = hmac.digest(derived, nonce + digest, "sha1")
    new = octets("22 00000010") + salt + octets("00002710 000000a0 00000014") + code
    assert proofs.check_secret(b"secret", nonce, digest, new)


def test_an_rsa_key_is_written_with_signs_as_java_does() -> None:
    modulus = (1 << 1023) | 1
    expected = octets('0000000b "RSA_PUB_KEY" 0000 00000003 010001 00000081 00') + modulus.to_bytes(128, "big")
    assert keys.PublicKey(rsa.RSAPublicNumbers(65537, modulus).public_key()).encode() == expected


def test_who_is_not_known_gets_a_nonce_and_the_digest_of_what_he_asked(store: IdentifierStore) -> None:
    store.home("88.118")
    store.put(Record(Handle("88.118", "x"), (VALUE,), 1, 1))
    body = octets('00000008 "88.118/x"')
    head = struct.pack(">IIIHBBII", OpCode.DELETE, 0, OpFlag.KEEP_CONNECTION, 0, 0, 0, 0, len(body))
    payload = head + body + bytes(4)
    code, messages = assemble(store).answer(wire.Envelope(7, len(payload)), payload, streams=True)
    [(envelope, answer)] = messages
    assert (code, envelope.request) == (402, 7)
    assert 0 < envelope.session < 2**31
    opcode, response, flags, *_ = struct.unpack_from(">IIIHBBII", answer)
    assert (opcode, response) == (OpCode.DELETE, 402)
    assert flags & OpFlag.REQUEST_DIGEST
    assert answer[24:57] == b"\x03" + hashlib.sha256(head + body).digest()
    assert answer[57:61] == b"\0\0\0\x10"  # 16 octets of nonce
    assert answer[77:] == bytes(4)
