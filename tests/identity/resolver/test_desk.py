"""What the server makes of proofs, sessions and requests that are wrong, late, repeated or hostile."""

from __future__ import annotations

import asyncio
import random
import socket
from dataclasses import dataclass, replace

import pytest

from gongfu.identity.handle import fragments, keys, proofs, session_keys, wire
from gongfu.identity.handle.codes import Digest, EnvelopeFlag, KeyExchange, OpCode, OpFlag, ResponseCode
from gongfu.identity.handle.errors import TooLate
from gongfu.identity.handle.wire import Reference, Value
from gongfu.identity.registry.store import IdentifierStore
from gongfu.identity.resolver.administration import Administration
from gongfu.identity.resolver.challenges import Challenges
from gongfu.identity.resolver.desk import Desk
from gongfu.identity.resolver.operations import Operations
from gongfu.identity.resolver.sessions import Sessions
from tests.identity.resolver.node import KEYS, NODE_KEY, PREFIX, SECRET, administrator, credential, populate, running

NEW = wire.ValuesRequest(f"{PREFIX}/NEW", (Value(1, "URL", b"x"),))
CREATE = wire.encode_values_request(NEW)
NOW = 1_800_000_000


@dataclass
class Peer:
    """Speaks to a desk in octets, with clocks that stand still until moved."""

    desk: Desk
    store: IdentifierStore
    time: float = 0.0
    number: int = 0

    def say(self, message: wire.Message, key: session_keys.SessionKey | None = None) -> wire.Message:
        """The first answer."""
        packet = wire.encode_message(message)
        packet = key.wrap(*packet) if key else packet
        _, answers = self.desk.answer(*packet, streams=True)
        envelope, payload = next(iter(answers))
        if key and envelope.flags & EnvelopeFlag.ENCRYPTED:
            envelope, payload = key.unwrap(envelope, payload)
        return wire.decode_payload(envelope, payload)

    def request(
        self, opcode: int, body: bytes = b"", *, session: int = 0, flags: OpFlag = wire.NO_FLAG, expires: int = 0
    ) -> wire.Message:
        self.number += 1
        return wire.Message(
            wire.Envelope(self.number, 0, session=session), wire.Header(opcode, flags=flags, expires=expires), body
        )

    def challenge(self, opcode: int = OpCode.CREATE, body: bytes = CREATE) -> tuple[int, bytes, bytes]:
        """Session id, nonce and digest of a new challenge."""
        answer = self.say(self.request(opcode, body))
        assert answer.header.response == ResponseCode.AUTHENTICATION_NEEDED
        digest, content = wire.split_digest(answer)
        return answer.envelope.session, wire.decode_challenge(content), digest[1:]

    def answer(self, session: int, answer: wire.ChallengeAnswer) -> wire.Message:
        return self.say(self.request(OpCode.CHALLENGE_ANSWER, wire.encode_challenge_answer(answer), session=session))

    def prove(self, session: int, nonce: bytes, digest: bytes) -> wire.Message:
        return self.answer(session, credential().answer(nonce, digest, (2, 11)))

    def begin(self, identity: Reference | None = None, timeout: int = 60) -> tuple[int, session_keys.SessionKey]:
        exchange = session_keys.Exchange()
        body = wire.SessionRequest(KeyExchange.DIFFIE_HELLMAN, timeout, identity or administrator(310), exchange.public)
        answer = self.say(self.request(OpCode.SESSION_SETUP, wire.encode_session_request(body)))
        assert answer.header.response == ResponseCode.SUCCESS
        return answer.envelope.session, exchange.key(wire.decode_session_answer(answer.content).data)


@pytest.fixture
def peer(store: IdentifierStore) -> Peer:
    populate(store)
    administration = Administration(store, node_prefix="88.118")
    found: list[Peer] = []
    sessions = Sessions(most=3, clock=lambda: found[0].time)
    challenges = Challenges(most=5, clock=lambda: found[0].time)
    operations = Operations(store, administration, sessions, key=NODE_KEY)
    desk = Desk(administration, operations, sessions, challenges, key=NODE_KEY, clock=lambda: NOW + found[0].time)
    found.append(Peer(desk, store))
    return found[0]


def code(answer: wire.Message) -> int:
    return answer.header.response


# --- proofs ---


def test_a_challenge_is_answered_once(peer: Peer) -> None:
    session, nonce, digest = peer.challenge()
    right = credential().answer(nonce, digest, (2, 11))
    first = peer.answer(session, right)
    assert (code(first), first.header.opcode) == (ResponseCode.SUCCESS, OpCode.CREATE)
    again = peer.answer(session, right)
    assert code(again) == ResponseCode.AUTHENTICATION_TIMEOUT
    other, *_ = peer.challenge()
    assert code(peer.answer(other, right)) == ResponseCode.AUTHENTICATION_FAILED
    assert peer.store.count(PREFIX) == 2


def test_a_challenge_is_answered_in_time_or_not_at_all(peer: Peer) -> None:
    session, nonce, digest = peer.challenge()
    peer.time += 61
    assert code(peer.prove(session, nonce, digest)) == ResponseCode.AUTHENTICATION_TIMEOUT
    assert code(peer.prove(session + 1, nonce, digest)) == ResponseCode.AUTHENTICATION_TIMEOUT
    assert code(peer.prove(0, nonce, digest)) == ResponseCode.AUTHENTICATION_TIMEOUT


def test_the_proof_for_one_request_does_not_do_another(peer: Peer) -> None:
    harmless, nonce, digest = peer.challenge()
    harmful, other_nonce, other_digest = peer.challenge(OpCode.DELETE, wire.encode_handle_request(f"{PREFIX}/CNC-01"))
    assert digest != other_digest
    assert code(peer.prove(harmful, nonce, digest)) == ResponseCode.AUTHENTICATION_FAILED
    assert code(peer.prove(harmless, other_nonce, other_digest)) == ResponseCode.AUTHENTICATION_FAILED
    assert peer.store.count(PREFIX) == 1


@pytest.mark.parametrize(
    ("kind", "who", "proof", "expected"),
    [
        ("HS_SECKEY", administrator(310), b"\x02" + bytes(20), 403),
        ("HS_SECKEY", administrator(310), b"\x13" + bytes(32), 403),
        ("HS_SECKEY", administrator(0), b"\x13" + bytes(32), 403),
        ("HS_SECKEY", administrator(310), b"", 404),
        ("HS_SECKEY", administrator(310), b"\x63" + bytes(32), 404),
        ("HS_SECKEY", administrator(310), b"\x22" + bytes(3), 404),
        ("HS_SECKEY", administrator(300), b"\x13" + bytes(32), 403),
        ("HS_PUBKEY", administrator(300), b"", 404),
        ("HS_PUBKEY", administrator(300), b"\0\0\0\4SHA1\0\0\0\2ab", 403),
        ("HS_PUBKEY", administrator(300), b"\0\0\0\3MD5\0\0\0\2ab", 403),
        ("HS_PUBKEY", administrator(310), b"\0\0\0\4SHA1\0\0\0\2ab", 403),
        ("HS_MAGIC", administrator(300), b"x", 404),
        ("HS_SECKEY", administrator(311), b"\x13" + bytes(32), 406),
        ("HS_PUBKEY", Reference("0.NA/88.7", 300), b"x", 406),
        ("HS_PUBKEY", Reference("", 0), b"x", 406),
    ],
)  # fmt: skip
def test_every_bad_proof_has_its_response_code(
    peer: Peer, kind: str, who: Reference, proof: bytes, expected: int
) -> None:
    session, *_ = peer.challenge()
    assert code(peer.answer(session, wire.ChallengeAnswer(kind, who, proof))) == expected
    assert peer.store.count(PREFIX) == 1


def test_an_answer_that_cannot_be_read_uses_its_challenge_up(peer: Peer) -> None:
    session, nonce, digest = peer.challenge()
    assert code(peer.say(peer.request(OpCode.CHALLENGE_ANSWER, b"\xff" * 9, session=session))) == 4
    assert code(peer.prove(session, nonce, digest)) == ResponseCode.AUTHENTICATION_TIMEOUT


def test_an_administrator_named_without_index_proves_himself_by_whichever_key_fits(peer: Peer) -> None:
    session, nonce, digest = peer.challenge()
    anyone = proofs.PrivateKey(administrator(0), KEYS[keys.Algorithm.EC])
    assert code(peer.answer(session, anyone.answer(nonce, digest, (2, 11)))) == ResponseCode.SUCCESS


def test_waiting_challenges_take_bounded_memory() -> None:
    challenges = Challenges(most=10, octets=20_000)
    message = wire.Message(wire.Envelope(1, 0), wire.Header(100), bytes(1_000))
    numbers = [challenges.give(message)[0] for _ in range(100)]
    assert len(challenges) == 10
    assert len(set(numbers)) == 100
    with pytest.raises(TooLate):
        challenges.take(numbers[0])
    challenges.take(numbers[-1])
    huge = replace(message, body=bytes(19_000))
    kept, _ = challenges.give(huge)
    assert len(challenges) == 1
    challenges.take(kept)


def test_a_request_of_a_clock_that_is_behind_is_refused_and_says_so(peer: Peer) -> None:
    late = peer.say(peer.request(OpCode.CREATE, CREATE, expires=NOW - 301))
    assert code(late) == ResponseCode.AUTHENTICATION_TIMEOUT
    assert "clock" in wire.decode_error(late.content).message
    for expires in (0, NOW - 299, NOW + 10**6):
        assert code(peer.say(peer.request(OpCode.CREATE, CREATE, expires=expires))) == 402
    assert code(peer.say(peer.request(OpCode.RESOLVE, resolve(), flags=OpFlag.PUBLIC_ONLY, expires=1))) == 1


# --- sessions ---


def resolve(handle: str = f"{PREFIX}/CNC-01") -> bytes:
    return wire.encode_resolve_request(wire.ResolveRequest(handle))


def test_a_session_is_proved_once_and_every_message_counts_once(peer: Peer) -> None:
    number, key = peer.begin()
    first = key.seal(peer.request(OpCode.CREATE, CREATE, session=number), 1)
    challenged = peer.say(first)
    assert (code(challenged), challenged.envelope.session) == (402, number)
    key.check(challenged)
    digest, content = wire.split_digest(challenged)
    answer = credential().answer(wire.decode_challenge(content), digest[1:], (2, 11))
    body = wire.encode_challenge_answer(answer)
    assert code(peer.say(key.seal(peer.request(OpCode.CHALLENGE_ANSWER, body, session=number), 2))) == 1
    delete = key.seal(peer.request(OpCode.DELETE, wire.encode_handle_request(f"{PREFIX}/NEW"), session=number), 3)
    assert code(peer.say(delete)) == 1
    assert code(peer.say(delete)) == ResponseCode.SESSION_MESSAGE_REJECTED
    assert code(peer.say(first)) == ResponseCode.SESSION_MESSAGE_REJECTED


def test_messages_of_a_session_need_its_key(peer: Peer) -> None:
    number, key = peer.begin()
    sealed = key.seal(peer.request(OpCode.CREATE, CREATE, session=number), 1)
    changed = replace(sealed, body=sealed.body[:-1] + b"y" if sealed.body[-1:] != b"y" else sealed.body[:-1] + b"z")
    foreign = session_keys.generate().seal(peer.request(OpCode.CREATE, CREATE, session=number), 1)
    for wrong in (changed, foreign):
        assert code(peer.say(wrong)) == 502
    assert code(peer.say(peer.request(OpCode.SESSION_END, b"", session=number))) == 502
    assert code(peer.say(key.seal(peer.request(OpCode.CREATE, CREATE, session=number), 1))) == 402


def test_a_proof_counts_for_the_session_of_its_administrator_only(peer: Peer) -> None:
    """Who set the session up under another name does not become him."""
    number, key = peer.begin(Reference("0.NA/88.118.9", 300))
    challenged = peer.say(key.seal(peer.request(OpCode.CREATE, CREATE, session=number), 1))
    digest, content = wire.split_digest(challenged)
    answer = wire.encode_challenge_answer(credential().answer(wire.decode_challenge(content), digest[1:], (2, 11)))
    assert code(peer.say(key.seal(peer.request(OpCode.CHALLENGE_ANSWER, answer, session=number), 2))) == 1
    delete = peer.request(OpCode.DELETE, wire.encode_handle_request(f"{PREFIX}/NEW"), session=number)
    assert code(peer.say(key.seal(delete, 3))) == 402


def test_a_session_ends_by_itself_by_request_and_when_there_are_too_many(peer: Peer) -> None:
    number, key = peer.begin(timeout=60)
    peer.time += 59
    assert code(peer.say(key.seal(peer.request(OpCode.CREATE, CREATE, session=number), 1))) == 402
    peer.time += 61
    assert code(peer.say(key.seal(peer.request(OpCode.CREATE, CREATE, session=number), 2))) == 500
    number, key = peer.begin()
    assert code(peer.say(key.seal(peer.request(OpCode.SESSION_END, b"", session=number), 1))) == 1
    assert code(peer.say(key.seal(peer.request(OpCode.SESSION_END, b"", session=number), 2))) == 500
    oldest, key = peer.begin()
    for _ in range(3):
        peer.begin()
    assert code(peer.say(key.seal(peer.request(OpCode.CREATE, CREATE, session=oldest), 1))) == 500


def test_an_encrypted_message_is_answered_encrypted(peer: Peer) -> None:
    number, key = peer.begin()
    sealed = key.seal(peer.request(OpCode.RESOLVE, resolve(), session=number, flags=OpFlag.PUBLIC_ONLY), 1)
    _, answers = peer.desk.answer(*key.wrap(*wire.encode_message(sealed)), streams=True)
    [(envelope, payload)] = answers
    assert envelope.flags & EnvelopeFlag.ENCRYPTED
    assert b"example.com" not in payload
    plain = wire.decode_payload(*key.unwrap(envelope, payload))
    key.check(plain)
    assert b"example.com" in plain.body


def test_what_cannot_be_decrypted_is_refused(peer: Peer) -> None:
    number, key = peer.begin()
    encryptor = key._cipher(bytes(16)).encryptor()
    unpadded = bytes(16) + encryptor.update(bytes(32)) + encryptor.finalize()  # what ends in 0 is no padding
    for octets in (unpadded, bytes(7), b""):
        for session, answer in ((number, 502), (number + 1, 500), (0, 500)):
            envelope = wire.Envelope(1, len(octets), session=session, flags=EnvelopeFlag.ENCRYPTED)
            assert peer.desk.answer(envelope, octets, streams=True)[0] == answer


@pytest.mark.parametrize("mode", [KeyExchange.CLIENT, KeyExchange.SERVER, KeyExchange.IDENTIFIER])
def test_a_session_s_key_may_travel_encrypted_for_an_rsa_key(peer: Peer, mode: KeyExchange) -> None:
    rsa = KEYS[keys.Algorithm.RSA]
    setup = wire.SessionRequest(
        mode,
        60,
        administrator(310),
        rsa.public.encode() if mode is KeyExchange.CLIENT else b"",
        administrator(300) if mode is KeyExchange.IDENTIFIER else None,
    )
    answer = peer.say(peer.request(OpCode.SESSION_SETUP, wire.encode_session_request(setup)))
    number, data = answer.envelope.session, wire.decode_session_answer(answer.content).data
    if mode is KeyExchange.SERVER:
        key = session_keys.generate()
        body = wire.encode_key(session_keys.encrypted_for(keys.decode(data), key))
        exchange = peer.request(OpCode.SESSION_EXCHANGE_KEY, body, session=number)
        assert code(peer.say(exchange)) == 1
        assert code(peer.say(exchange)) == ResponseCode.SESSION_FAILED
    else:
        key = session_keys.decrypted_with(rsa, data)
    assert code(peer.say(key.seal(peer.request(OpCode.CREATE, CREATE, session=number), 1))) == 402


@pytest.mark.parametrize(
    "setup",
    [
        wire.SessionRequest(0, 60, administrator(310)),
        wire.SessionRequest(9, 60, administrator(310)),
        wire.SessionRequest(4, 60, administrator(310), b"nonsense"),
        wire.SessionRequest(1, 60, administrator(310), KEYS[keys.Algorithm.EC].public.encode()),
        wire.SessionRequest(3, 60, administrator(310), b"", administrator(999)),
        wire.SessionRequest(3, 60, administrator(310), b"", administrator(301)),
    ],
)
def test_a_session_that_cannot_be_is_refused(peer: Peer, setup: wire.SessionRequest) -> None:
    answer = peer.say(peer.request(OpCode.SESSION_SETUP, wire.encode_session_request(setup)))
    assert code(answer) == ResponseCode.SESSION_FAILED


# --- other operations ---


def test_another_server_may_ask_whether_a_secret_s_proof_is_right(peer: Peer) -> None:
    nonce, digest = bytes(16), bytes(range(32))
    proof = credential().answer(nonce, digest, (2, 11)).proof
    for sent, expected in ((proof, b"\1"), (b"\2" + bytes(20), b"\0"), (b"", b"\0"), (bytes((Digest.MD5,)), b"\0")):
        body = wire.encode_verify_request(wire.VerifyRequest(administrator(310), nonce, digest, sent))
        answer = peer.say(peer.request(OpCode.VERIFY_ANSWER, body))
        assert (code(answer), answer.content) == (1, expected)


def test_login_proves_who_signs_in(peer: Peer) -> None:
    for who, expected in ((administrator(310), 1), (administrator(0), 1), (administrator(300), 403)):
        assert code(peer.prove(*peer.challenge(OpCode.LOGIN, wire.encode_login(who)))) == expected


def test_flags_and_operations_nobody_knows_are_refused_clearly(peer: Peer) -> None:
    for opcode in (0, 3, 999, 1000, 2**32 - 1):
        assert code(peer.say(peer.request(opcode))) == ResponseCode.OPERATION_DENIED
    payload = wire.encode_payload(wire.Header(1), resolve())
    envelope = wire.Envelope(1, len(payload), flags=EnvelopeFlag.COMPRESSED)
    answered, [(_, octets)] = peer.desk.answer(envelope, payload, streams=True)
    assert answered == ResponseCode.PROTOCOL_ERROR
    assert b"compression flag" in octets


def test_spellings_of_one_identifier_are_one_and_percent_signs_are_letters(peer: Peer) -> None:
    for name in (f"{PREFIX}/caf\u00e9", f"{PREFIX}/A%2FB"):
        body = wire.encode_values_request(wire.ValuesRequest(name, NEW.values))
        assert code(peer.prove(*peer.challenge(body=body))) == 1
    for same in (f"{PREFIX}/cafe\u0301", f"{PREFIX}/CAF\u00e9", f"{PREFIX}/a%2fb"):
        assert code(peer.say(peer.request(OpCode.RESOLVE, resolve(same), flags=OpFlag.PUBLIC_ONLY))) == 1
        body = wire.encode_values_request(wire.ValuesRequest(same, NEW.values))
        assert code(peer.prove(*peer.challenge(body=body))) == ResponseCode.HANDLE_EXISTS
    for other in (f"{PREFIX}/a/b", f"{PREFIX}/../a", f"{PREFIX}/A%252FB"):
        assert code(peer.say(peer.request(OpCode.RESOLVE, resolve(other), flags=OpFlag.PUBLIC_ONLY))) == 100


def test_hostile_requests_of_every_operation_are_answered_and_change_nothing(peer: Peer) -> None:
    source = random.Random(3652)  # the same packets at every run
    before = peer.store.last_change()
    bodies = [CREATE, resolve(), wire.encode_login(administrator(310)), b"", bytes(40)]
    for _ in range(4_000):
        body = bytearray(source.choice(bodies))
        for _ in range(source.randrange(4)):
            if body:
                body[source.randrange(len(body))] = source.randrange(256)
        opcode = source.choice([*OpCode, source.randrange(2**32)])
        if opcode == OpCode.SESSION_SETUP:
            continue
        message = peer.request(opcode, bytes(body), session=source.randrange(3), flags=OpFlag(source.randrange(2**32)))
        assert code(peer.say(message)) in tuple(ResponseCode)
    assert peer.store.last_change() == before


# --- transports ---


async def test_administration_works_over_udp_in_several_packets(store: IdentifierStore) -> None:
    async with running(store) as node:
        values = tuple(Value(index, "DATA", bytes(300)) for index in range(1, 9))
        body = wire.encode_values_request(wire.ValuesRequest(f"{PREFIX}/UDP", values))

        def ask(sock: socket.socket, message: wire.Message) -> wire.Message:
            for packet in fragments.split(*wire.encode_message(message)):
                sock.sendto(packet, ("127.0.0.1", node.port))
            packet = sock.recv(4096)
            return wire.decode_payload(wire.decode_envelope(packet), packet[20:])

        def work() -> tuple[int, int]:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.settimeout(5)
                asked = wire.Message(wire.Envelope(7, 0), wire.Header(OpCode.CREATE), body)
                challenged = ask(sock, asked)
                digest, content = wire.split_digest(challenged)
                given = proofs.SecretKey(administrator(310), SECRET).answer(
                    wire.decode_challenge(content), digest[1:], (2, 11)
                )
                answer = wire.Message(
                    wire.Envelope(8, 0, session=challenged.envelope.session),
                    wire.Header(OpCode.CHALLENGE_ANSWER),
                    wire.encode_challenge_answer(given),
                )
                done = ask(sock, answer)
                return done.header.response, done.envelope.request

        assert await asyncio.to_thread(work) == (ResponseCode.SUCCESS, 8)
        assert store.count(PREFIX) == 2
