"""``/api/sessions`` and ``/api/verifications``: proving who one is, and asking whether a proof is right.

Source: Handle.Net technical manual, chapter 14. A session is made by POST, signed in by PUT (or by any request that
carries the proof), looked at by GET and ended by DELETE of ``/api/sessions/this``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable

import msgspec

from gongfu.identity.handle import keys
from gongfu.identity.handle.admin_record import parse_reference
from gongfu.identity.handle.codes import VERSION, ResponseCode
from gongfu.identity.handle.errors import Malformed
from gongfu.identity.handle.wire import Reference
from gongfu.identity.resolver.errors import WrongProof
from gongfu.identity.resolver.http.answers import Answer, path_handle, respond
from gongfu.identity.resolver.http.api import Parameters, challenge, not_allowed
from gongfu.identity.resolver.http.authentication import Authenticator, Caller, Claim, claim_from
from gongfu.identity.resolver.http.authentication import octets as from_base64
from gongfu.identity.resolver.http.messages import Request, Response
from gongfu.identity.resolver.http.sessions import Session, Sessions
from gongfu.kernel.errors import GongfuError
from gongfu.kernel.i18n import mark

SESSIONS = b"/api/sessions"
VERIFICATIONS = b"/api/verifications/"
_decode_claim = msgspec.json.Decoder(dict[str, str | int | bool | None]).decode
_encode = msgspec.json.Encoder().encode


class State(msgspec.Struct, omit_defaults=True, rename="camel"):
    """What is told of a session."""

    session_id: str
    nonce: str
    authenticated: bool | None = None
    id: str | None = None
    server_alg: str | None = None
    server_signature: str | None = None


class SigningIn:
    """Answers both addresses; ``node_key`` signs what a client wants signed to know whom it talks to."""

    def __init__(
        self,
        authenticator: Authenticator,
        sessions: Sessions,
        node_key: Callable[[], keys.PrivateKey],
        refused: Callable[[GongfuError], Response],
    ) -> None:
        self._authenticator = authenticator
        self._sessions = sessions
        self._node_key = node_key
        self._refused = refused

    def sessions(self, request: Request) -> Response:
        """``/api/sessions`` and ``/api/sessions/this``; waits for the disk."""
        name = request.path[len(SESSIONS) :].strip(b"/")
        try:
            claim = _claim(request)
            if not name and request.method == "POST":
                return self._create(request, claim)
            if name and request.method in ("GET", "PUT", "POST", "DELETE"):
                return self._one(request, claim, "" if name == b"this" else name.decode("latin-1"))
        except GongfuError as error:
            return self._refused(error)
        return not_allowed("GET, PUT, DELETE, OPTIONS" if name else "POST, OPTIONS", request)

    def verifications(self, request: Request) -> Response:
        """``/api/verifications/{index:handle}?nonce=&cnonce=&alg=&signature=``: whether that secret key made it."""
        if request.method not in ("GET", "HEAD"):
            return not_allowed("GET, HEAD, OPTIONS", request)
        try:
            asked = Parameters(request.query)
            who = parse_reference(path_handle(request.path[len(VERIFICATIONS) :]))
            indexes = asked.indexes()
            if len(indexes) + (who.index > 0) != 1:
                raise Malformed(mark("Name one index."))
            who = Reference(who.handle, who.index or indexes[0])
            claim = claim_from({**dict(asked.pairs()), "type": "HS_SECKEY", "id": f"{who.index}:{who.handle}"})
            found = self._verified(request, claim, from_base64(asked.one("nonce") or ""))
        except (ValueError, binascii.Error):
            return self._refused(Malformed(mark("The proof is malformed.")))
        except GongfuError as error:
            return self._refused(error)
        return respond(Answer(ResponseCode.SUCCESS, handle=who.handle, verification_result=found))

    def _verified(self, request: Request, claim: Claim, nonce: bytes) -> bool:
        """Who asks may be guessing: a wrong proof counts as a failure to sign in."""
        try:
            self._authenticator.prove(request, claim, nonce)
        except WrongProof:
            return False
        return True

    def _create(self, request: Request, claim: Claim) -> Response:
        caller = (
            self._authenticator.caller(request, msgspec.structs.replace(claim, session_id=""))
            if not (claim.proving)
            else Caller()
        )
        session = self._sessions.create()
        if caller.who is not None:
            session = self._sessions.sign_in(session, caller.who)
        return self._shown(session, claim, status=201)

    def _one(self, request: Request, claim: Claim, name: str) -> Response:
        further = msgspec.structs.replace(claim, session_id=name) if name else claim
        caller = self._authenticator.caller(request, further)
        session = caller.session
        if session is None:
            response = respond(Answer(ResponseCode.AUTHENTICATION_NEEDED, message="There is no such session."))
            response.headers += challenge(self._sessions)
            return response
        if request.method == "DELETE":
            self._sessions.end(session)
            return respond(Answer(ResponseCode.SUCCESS))
        if request.method != "GET" and caller.who is not None and session.who is None:
            session = self._sessions.sign_in(session, caller.who)
        return self._shown(session, claim)

    def _shown(self, session: Session, claim: Claim, *, status: int = 200) -> Response:
        state = State(session.id, base64.b64encode(session.nonce).decode())
        if session.who is not None:
            state.authenticated, state.id = True, str(session.who)
        if claim.cnonce and not claim.proving:
            key = self._node_key()
            state.server_alg = key.digest(VERSION)
            signature = key.sign(session.nonce + from_base64(claim.cnonce), state.server_alg)
            state.server_signature = base64.b64encode(signature).decode()
        return Response(status, _encode(state))


def _claim(request: Request) -> Claim:
    """What the body says; empty when there is none."""
    if not request.body.strip():
        return Claim()
    try:
        sent = _decode_claim(request.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(mark("The body is not what it should be: {reason}."), reason=str(error)[:200]) from error
    return claim_from({name: _text(value) for name, value in sent.items() if value is not None})


def _text(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
