"""The client's side of a conversation with one server, without input or output.

Each operation is a generator: it yields a request, is sent the messages that answered it, and returns the last ones.
Whoever drives it, blocking or not, only carries octets.
"""

from __future__ import annotations

import itertools
import secrets
import threading
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from gongfu.identity.handle import keys, proofs, session_keys, wire
from gongfu.identity.handle.codes import EnvelopeFlag, KeyExchange, OpCode, OpFlag, ResponseCode
from gongfu.identity.handle.errors import BadHandle, Malformed, SessionOver, Untrusted
from gongfu.identity.handle.refusals import refusal
from gongfu.identity.handle.wire import Reference, Value
from gongfu.kernel.i18n import mark

Credential: TypeAlias = proofs.SecretKey | proofs.PrivateKey
"""How the client proves to be an administrator."""
_EXPIRES_SECONDS = 3_600
_SESSION_SECONDS = 3_600
_SESSION_REFUSED = range(500, 506)  # said by a server that cannot sign with the session's key
_NOBODY = Reference("", 0)


@dataclass(frozen=True, slots=True)
class Request:
    """A message to send, and what reads its answers."""

    message: wire.Message
    key: session_keys.SessionKey | None = None

    @property
    def number(self) -> int:
        """Request id: answers carry it, too."""
        return self.message.envelope.request

    @property
    def octets(self) -> bytes:
        """The request for TCP."""
        packet = wire.encode_message(self.message)
        if self.key is not None:
            packet = self.key.wrap(*packet)
        return wire.encode_envelope(packet[0]) + packet[1]

    def read(self, envelope: wire.Envelope, payload: bytes) -> wire.Message:
        """An answer; raises :class:`Malformed` or :class:`SessionKeyWrong`."""
        if envelope.flags & EnvelopeFlag.ENCRYPTED and self.key is not None:
            envelope, payload = self.key.unwrap(envelope, payload)
        return wire.decode_payload(envelope, payload)


Answers: TypeAlias = list[wire.Message]
Talk: TypeAlias = Generator[Request, Answers, Answers]


@dataclass(slots=True)
class _Session:
    number: int
    key: session_keys.SessionKey
    counter: itertools.count[int]


class Conversation:
    """What client and server know of each other; safe to use from several threads."""

    def __init__(
        self,
        server: str,
        *,
        credential: Credential | None = None,
        session: bool = False,
        encrypt: bool = False,
        server_key: keys.PublicKey | None = None,
    ) -> None:
        """``server`` is its name in messages; with ``server_key`` every answer must be signed with it.

        ``session`` proves the administrator once for all requests, ``encrypt`` hides them, too.
        """
        self._server = server
        self._credential = credential
        self._wants_session = session or encrypt
        self._encrypt = encrypt
        self._server_key = server_key
        self._session: _Session | None = None
        self._proved = False
        self._lock = threading.Lock()

    @property
    def settled(self) -> bool:
        """Whether requests may be under way beside each other: not before a session is set up and proved."""
        return not self._wants_session or (self._session is not None and self._proved)

    def ask(self, opcode: OpCode, handle: str, body: bytes, flags: OpFlag = wire.NO_FLAG) -> Talk:
        """The messages that answer successfully; raises the error that another response code stands for.

        Raises :class:`Untrusted` for an answer that is not the server's, or not to this request.
        """
        for last in (False, True):
            if self._wants_session and self._session is None:
                yield from self._begin()
            try:
                return (yield from self._once(opcode, handle, body, flags))
            except SessionOver:
                self._session, self._proved = None, False
                if last or not self._wants_session:
                    raise
        raise AssertionError  # the second turn returns or raises

    def end(self) -> Talk:
        """Ends the session, if there is one."""
        if self._session is None:
            return []
        answers = yield from self._once(OpCode.SESSION_END, "", wire.encode_handle_request(""), wire.NO_FLAG)
        self._session = None
        return answers

    # --- inside ---

    def _once(self, opcode: OpCode, handle: str, body: bytes, flags: OpFlag) -> Talk:
        request = self._request(opcode, body, flags)
        answers = yield request
        first = self._check(request, answers)
        if first.header.response == ResponseCode.AUTHENTICATION_NEEDED and self._credential is not None:
            digest, content = wire.split_digest(first)
            if not digest or digest != wire.digested(request.message.signed, digest[0]):
                raise Untrusted(
                    mark("{server} asked to prove something other than what was requested."), server=self._server
                )
            given = self._credential.answer(wire.decode_challenge(content), digest[1:], first.envelope.spoken)
            answer = self._request(
                OpCode.CHALLENGE_ANSWER, wire.encode_challenge_answer(given), flags, first.envelope.session
            )
            answers = yield answer
            first = self._check(answer, answers)
        if first.header.response != ResponseCode.SUCCESS:
            said = wire.decode_error(first.content).message if first.header.response != 402 else ""
            raise refusal(handle, first.header.response, said, self._server)
        self._proved = self._session is not None and opcode != OpCode.SESSION_SETUP
        return answers

    def _begin(self) -> Talk:
        """Sets up a session with Diffie-Hellman, the server's half signed if its key is known."""
        exchange = session_keys.Exchange()
        identity = self._credential.administrator if self._credential else _NOBODY
        body = wire.encode_session_request(
            wire.SessionRequest(KeyExchange.DIFFIE_HELLMAN, _SESSION_SECONDS, identity, exchange.public)
        )
        answers = yield from self._once(OpCode.SESSION_SETUP, "", body, wire.NO_FLAG)
        answer = wire.decode_session_answer(answers[0].content)
        key = exchange.key(answer.data)
        with self._lock:
            self._session = _Session(answers[0].envelope.session, key, itertools.count(1))
        return answers

    def _request(self, opcode: OpCode, body: bytes, flags: OpFlag, number: int = 0) -> Request:
        session = self._session if opcode != OpCode.SESSION_SETUP else None
        flags |= OpFlag.KEEP_CONNECTION
        if self._server_key is not None:
            flags |= OpFlag.CERTIFIED | OpFlag.REQUEST_DIGEST
        header = wire.Header(opcode, flags=flags, expires=int(time.time()) + _EXPIRES_SECONDS)
        envelope = wire.Envelope(secrets.randbelow(2**31 - 1) + 1, 0, session=session.number if session else number)
        message = wire.Message(envelope, header, body)
        if session is None:
            return Request(message)
        return Request(session.key.seal(message, next(session.counter)), session.key if self._encrypt else None)

    def _check(self, request: Request, answers: Answers) -> wire.Message:
        """The first answer, when all are to ``request`` and from the server."""
        if not answers:
            raise Malformed(mark("The answer belongs to another question."))
        session = self._session if request.message.header.opcode != OpCode.SESSION_SETUP else None
        for message in answers:
            if message.envelope.request != request.number:
                raise Malformed(mark("The answer belongs to another question."))
            if session is not None and message.envelope.session == session.number and message.credential:
                session.key.check(message)
            elif session is not None and message.header.response not in _SESSION_REFUSED:
                raise self._untrusted()
            elif session is None and self._server_key is not None:
                self._check_signature(self._server_key, message)
        return answers[0]

    def _check_signature(self, key: keys.PublicKey, message: wire.Message) -> None:
        if not message.credential:
            raise self._untrusted()
        credential = wire.decode_credential(message.credential)
        covered = wire.covered(message, credential.counter)
        if credential.kind != wire.SIGNED or not key.verify(credential.signature, covered, credential.algorithm):
            raise self._untrusted()

    def _untrusted(self) -> Untrusted:
        return Untrusted(
            mark("The answer of {server} is not signed by it."),
            remedy=mark("Check the server's key; if it is right, somebody changes messages on the way."),
            server=self._server,
        )


def resolve(
    talk: Conversation, handle: str, indexes: Sequence[int], types: Sequence[str], *, public_only: bool
) -> Talk:
    """Asks for values, those for administrators only as well unless ``public_only``."""
    body = wire.encode_resolve_request(wire.ResolveRequest(named(handle), tuple(indexes), tuple(types)))
    return talk.ask(OpCode.RESOLVE, handle, body, OpFlag.PUBLIC_ONLY if public_only else wire.NO_FLAG)


def create(talk: Conversation, handle: str, values: Sequence[Value], *, overwrite: bool, mint: bool) -> Talk:
    """Registers; with ``mint`` the answer holds the identifier that the server completed."""
    flags = (OpFlag.OVERWRITE if overwrite else wire.NO_FLAG) | (OpFlag.MINT if mint else wire.NO_FLAG)
    body = wire.encode_values_request(wire.ValuesRequest(named(handle), tuple(values)))
    return talk.ask(OpCode.CREATE, handle, body, flags)


def change(
    talk: Conversation, opcode: OpCode, handle: str, values: Sequence[Value], *, overwrite: bool = False
) -> Talk:
    """Adds or modifies values."""
    body = wire.encode_values_request(wire.ValuesRequest(named(handle), tuple(values)))
    return talk.ask(opcode, handle, body, OpFlag.OVERWRITE if overwrite else wire.NO_FLAG)


def remove(talk: Conversation, handle: str, indexes: Sequence[int]) -> Talk:
    """Removes values."""
    body = wire.encode_indexes_request(wire.IndexesRequest(named(handle), tuple(indexes)))
    return talk.ask(OpCode.REMOVE_VALUE, handle, body)


def about(talk: Conversation, opcode: OpCode, handle: str) -> Talk:
    """Any operation whose body names one identifier."""
    return talk.ask(opcode, handle, wire.encode_handle_request(handle and named(handle)))


def login(talk: Conversation, administrator: Reference) -> Talk:
    """Signs in to the national system (operation 2001)."""
    return talk.ask(OpCode.LOGIN, administrator.handle, wire.encode_login(administrator))


def handles(answers: Answers) -> list[str]:
    """The identifiers of a list that came in one message or several; raises :class:`Malformed`."""
    return [handle for message in answers for handle in wire.decode_handles(message.content)]


def minted(answers: Answers, handle: str) -> str:
    """The identifier that was created; raises :class:`Malformed`."""
    return wire.decode_handle_request(answers[0].content) or handle


def named(handle: str) -> str:
    """``handle`` if it can be sent; raises :class:`BadHandle`."""
    if not handle.isprintable():  # surrogates, too: they have no UTF-8
        raise BadHandle(mark("{handle} holds characters that cannot be seen."), handle=ascii(handle))
    return handle
