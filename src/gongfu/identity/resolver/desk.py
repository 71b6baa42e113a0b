"""From a whole request to the messages that answer it: sessions, challenges, the operation, signature, encryption.

One desk serves every transport of a process, so that a challenge given over UDP may be answered over TCP. It does no
network input or output, but waits for the disk: an event loop calls it in a thread. Safe to use from several threads.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import structlog

from gongfu.identity.handle import keys, wire
from gongfu.identity.handle.codes import EnvelopeFlag, OpCode, OpFlag, ResponseCode
from gongfu.identity.handle.errors import BadCredential, Malformed, SessionKeyWrong, SessionOver, TooLate
from gongfu.identity.registry.store import IdentifierStore
from gongfu.identity.resolver.administration import Administration, Administrator
from gongfu.identity.resolver.challenges import Challenges
from gongfu.identity.resolver.changes import Underway
from gongfu.identity.resolver.colleagues import ALONE, Colleagues
from gongfu.identity.resolver.elsewhere import MustWait
from gongfu.identity.resolver.errors import AuthenticationNeeded
from gongfu.identity.resolver.identities import prove
from gongfu.identity.resolver.operations import Asked, Awaited, Done, Operations, same
from gongfu.identity.resolver.sessions import Session, Sessions
from gongfu.kernel.errors import GongfuError, Unavailable
from gongfu.kernel.i18n import mark

log = structlog.get_logger("resolver")

SKEW_SECONDS = 300
"""By how much a peer's clock may be behind before its requests count as expired."""
ANSWER_SECONDS = 43_200
"""How long an answer counts: Handle.Net's clients drop those that have expired, and take 0 for 1970."""
_AUTHORITATIVE = (ResponseCode.SUCCESS, ResponseCode.HANDLE_NOT_FOUND, ResponseCode.VALUES_NOT_FOUND)
_BRIEF = {  # to a question of anybody's, without what was asked: an answer is not to be longer than its request
    ResponseCode.HANDLE_NOT_FOUND: "That identifier is not registered.",
    ResponseCode.VALUES_NOT_FOUND: "That identifier has no such value.",
    ResponseCode.NOT_RESPONSIBLE: "This server does not answer for that prefix.",
}
_MOST_TEXT = 300

Packet = tuple[wire.Envelope, bytes]
"""Envelope and payload of one message."""


class Desk:
    """Answers requests with ``operations``; ``key`` signs what is to be certified."""

    def __init__(
        self,
        administration: Administration,
        operations: Operations,
        sessions: Sessions,
        challenges: Challenges,
        *,
        key: keys.PrivateKey | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._administration = administration
        self._operations = operations
        self._sessions = sessions
        self._challenges = challenges
        self._key = key
        self._clock = clock

    def answer(
        self, envelope: wire.Envelope, payload: bytes, *, streams: bool
    ) -> tuple[ResponseCode, Iterator[Packet]]:
        """How the request ended, and the messages to send, made as they are taken; several only if ``streams``.

        Raises :class:`Malformed` only when not even an answer can be written.
        """
        return self.begin(envelope, payload, streams=streams).end()

    def begin(self, envelope: wire.Envelope, payload: bytes, *, streams: bool) -> Begun:
        """The same, with what a change needs from the disk not waited for. An event loop may call it."""
        opcode = int.from_bytes(payload[:4], "big")
        found = _Found(wire.Message(envelope, wire.Header(opcode), b""))
        outcome: Done | Awaited | GongfuError | None = None
        try:
            asked = self._ask(envelope, payload, found, streams)
            with contextlib.suppress(MustWait):
                outcome = self._operations.perform(asked)
        except GongfuError as error:
            outcome = error

        def end() -> tuple[ResponseCode, Iterator[Packet]]:
            try:
                done = self._operations.perform(asked) if outcome is None else outcome
                if isinstance(done, Awaited):
                    done = done.done(done.change.result())
                if isinstance(done, GongfuError):
                    raise done
                return done.code, self._messages(found, done.code, done)
            except AuthenticationNeeded as error:
                if found.who is None and found.request.header.opcode != OpCode.CHALLENGE_ANSWER:
                    return ResponseCode.AUTHENTICATION_NEEDED, self._challenge(found)
                code, body = _refusal(error, found.request)
            except GongfuError as error:
                code, body = _refusal(error, found.request)
            return code, self._messages(found, code, Done((body,)))

        return Begun(outcome.change if isinstance(outcome, Awaited) else None, outcome is not None, end)

    def _ask(self, envelope: wire.Envelope, payload: bytes, found: _Found, streams: bool) -> Asked:
        """What is asked and by whom."""
        session = self._sessions.find(envelope.session) if envelope.session else None
        if envelope.flags & EnvelopeFlag.ENCRYPTED:
            if session is None or session.key is None:
                raise SessionOver(
                    mark("Session {number} is not known here, or is over."),
                    remedy=mark("Set up a new session."),
                    number=envelope.session,
                )
            found.encrypted = session
            envelope, payload = session.key.unwrap(envelope, payload)
        found.request = request = wire.decode_payload(envelope, payload)
        self._check_expiry(request)
        if session is not None and request.credential:
            session.check(request)
            found.sealed = session
            found.who = session.administrator
        if request.header.flags & OpFlag.ENCRYPT:
            if session is None or session.key is None:
                raise SessionKeyWrong(mark("There is no session to encrypt with."))
            found.encrypted = session
        if request.header.opcode == OpCode.CHALLENGE_ANSWER:
            self._take_proof(request, session, found)
        elif envelope.session and session is None and request.header.opcode != OpCode.RESOLVE:
            self._sessions.get(envelope.session)  # says that it is over
        return Asked(found.request, found.who, found.sealed, streams)

    def _take_proof(self, answer: wire.Message, session: Session | None, found: _Found) -> None:
        """From here on it is about the request that was challenged; raises what :func:`prove` raises."""
        challenge = self._challenges.take(answer.envelope.session)
        given = wire.decode_challenge_answer(answer.body)
        # the answer is to the original request, under the ids of the message that is answered
        ids = replace(challenge.request.envelope, request=answer.envelope.request, session=answer.envelope.session)
        original = replace(challenge.request, envelope=ids)
        found.request = replace(answer, header=replace(answer.header, opcode=original.header.opcode))
        found.who = prove(self._administration, given, challenge.nonce, challenge.digest)
        found.request = original
        if session is not None:
            if found.sealed is None:
                raise BadCredential(mark("The message is of a session but carries no code made with its key."))
            if session.identity.handle and same(session.identity, found.who):
                session.administrator = found.who

    def _check_expiry(self, request: wire.Message) -> None:
        expires = request.header.expires
        if expires and expires + SKEW_SECONDS < self._clock() and request.header.opcode != OpCode.RESOLVE:
            raise TooLate(
                mark("The request expired {seconds} s ago by this server's clock."),
                remedy=mark("Set the clock of the machine that asks."),
                seconds=int(self._clock() - expires),
            )

    def _challenge(self, found: _Found) -> Iterator[Packet]:
        session = found.request.envelope.session if found.sealed else 0
        number, challenge = self._challenges.give(found.request, session)
        done = Done((wire.encode_challenge(challenge.nonce),), number)
        # the digest is what a proof is about: it is there whether asked for or not (RFC 3652 §3.5.1)
        return self._messages(found, ResponseCode.AUTHENTICATION_NEEDED, done, OpFlag.REQUEST_DIGEST)

    def _messages(
        self, found: _Found, code: ResponseCode, done: Done, flags: OpFlag = wire.NO_FLAG
    ) -> Iterator[Packet]:
        if code in _AUTHORITATIVE and self._operations.leads(found.request):
            flags |= OpFlag.AUTHORITATIVE
        for body, last in _with_end(done.bodies):
            more = wire.NO_FLAG if last else OpFlag.CONTINUOUS
            expires = int(self._clock()) + ANSWER_SECONDS
            message = wire.answer(found.request, code, body, flags | more, session=done.session, expires=expires)
            yield self._finished(found, message)

    def _finished(self, found: _Found, message: wire.Message) -> Packet:
        """Signed if that was asked for, encrypted if the request was or asked for it."""
        if found.sealed is not None:
            message = found.sealed.seal(message)
        elif found.request.header.flags & OpFlag.CERTIFIED and self._key is not None:
            header = replace(message.header, flags=message.header.flags | OpFlag.CERTIFIED)
            message = signed(replace(message, header=header), self._key)
        packet = wire.encode_message(message)
        if found.encrypted is not None and found.encrypted.key is not None:
            return found.encrypted.key.wrap(*packet)
        return packet


@dataclass(frozen=True, slots=True)
class Begun:
    """A request whose operation was begun, or could not be begun without waiting for another node."""

    change: Underway | None
    """What it waits for."""
    begun: bool
    end: Callable[[], tuple[ResponseCode, Iterator[Packet]]]
    """As :meth:`Desk.answer`; waits unless ``begun`` and ``change`` is None or settled."""

    @property
    def waits(self) -> bool:
        """Whether :attr:`end` would wait now."""
        return not self.begun or (self.change is not None and not self.change.settled)


@dataclass(slots=True)
class _Found:
    """What has been found out about a request so far."""

    request: wire.Message
    who: Administrator | None = None
    sealed: Session | None = None
    encrypted: Session | None = None


def signed(message: wire.Message, key: keys.PrivateKey) -> wire.Message:
    """``message`` with a signature of ``key``'s over it (RFC 3652 §2.2.4)."""
    digest = key.digest(message.envelope.version)
    signature = key.sign(wire.covered(message, 0), digest)
    return replace(message, credential=wire.encode_credential(wire.Credential(wire.SIGNED, digest, signature)))


def assemble(
    store: IdentifierStore,
    administration: Administration | None = None,
    *,
    key: keys.PrivateKey | None = None,
    site: Callable[[], bytes] = bytes,
    colleagues: Colleagues = ALONE,
) -> Desk:
    """A desk over ``store`` with sessions and challenges of its own, among ``colleagues`` that have theirs."""
    administration = administration or Administration(store)
    sessions = Sessions(colleagues=colleagues)
    operations = Operations(store, administration, sessions, key=key, site=site)
    return Desk(administration, operations, sessions, Challenges(colleagues=colleagues), key=key)


def _with_end(bodies: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each body, and whether it is the last."""
    before: bytes | None = None
    for body in bodies:
        if before is not None:
            yield before, False
        before = body
    yield before or b"", True


def _refusal(error: GongfuError, request: wire.Message) -> tuple[ResponseCode, bytes]:
    try:
        code = ResponseCode(error.handle_code)
    except ValueError:
        code = ResponseCode.ERROR
    if isinstance(error, Unavailable):
        # A store that fails is the operator's business: its path and reason go to the log, not to whoever asks.
        log.error("a request could not be performed", error=str(error))
        text = "The server cannot answer now."
    elif request.header.opcode == OpCode.RESOLVE and code in _BRIEF:
        text = _BRIEF[code]
    else:
        text = str(error)[: _MOST_TEXT if not isinstance(error, Malformed) else 200]
    return code, wire.encode_error(wire.ErrorResponse(text))
