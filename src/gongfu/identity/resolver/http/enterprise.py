"""The interface of enterprise nodes: ``/api/v1/doip/public/challenge``, ``…/verify-response`` and ``/api/v1/doip``.

Addresses, parameters, operation ids, envelope and the codes 1, 104, 403, 701, 10000 and 40508 are those of the
published documentation of the enterprise node (standard edition). Ours are: attributes stand as values from index
2000 in their order, what is no text as JSON; the template as a value of type TEMPLATE at index 1001; ``content`` and
an element's ``value`` in what is retrieved; code 400 for what has no code there. Meta data templates
(``/api/v1/open/meta``) are not served here.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable

import msgspec

from gongfu.identity.handle import keys, sm2
from gongfu.identity.handle.admin_record import PUBKEY, parse_reference
from gongfu.identity.handle.codes import ResponseCode
from gongfu.identity.handle.errors import BadHandle, Malformed
from gongfu.identity.handle.wire import Reference, Value
from gongfu.identity.resolver.administration import Administration, Administrator
from gongfu.identity.resolver.errors import AuthenticationFailed, AuthenticationNeeded
from gongfu.identity.resolver.http.api import Parameters, not_allowed
from gongfu.identity.resolver.http.authentication import octets as from_base64
from gongfu.identity.resolver.http.messages import Request, Response
from gongfu.identity.resolver.http.secondary import TEMPLATE, TEMPLATE_INDEX, bearer, read, said
from gongfu.identity.resolver.http.sessions import TOKEN_LIFETIME, Sessions
from gongfu.kernel.errors import GongfuError
from gongfu.kernel.i18n import mark

DOIP = b"/api/v1/doip"
CHALLENGE = DOIP + b"/public/challenge"
VERIFY = DOIP + b"/public/verify-response"
FIRST_INDEX = 2000
_WINDOW = 60  # seconds; a challenge lives one to two of these
_DONE, _FOUND = 10000, 1
_CODES = {
    ResponseCode.HANDLE_NOT_FOUND: 104,
    ResponseCode.NOT_RESPONSIBLE: 701,
    ResponseCode.NOT_AUTHORIZED: 403,
    ResponseCode.ACCESS_DENIED: 403,
    ResponseCode.AUTHENTICATION_NEEDED: 401,
    ResponseCode.AUTHENTICATION_FAILED: 403,
    ResponseCode.INVALID_HANDLE: 40508,
}
_encode = msgspec.json.Encoder().encode


class Proof(msgspec.Struct, frozen=True):
    """A signed challenge."""

    handle: str
    signature: str


class Attributes(msgspec.Struct, frozen=True):
    """What an identifier says, by name."""

    content: dict[str, msgspec.Raw]


class Thing(msgspec.Struct, frozen=True):
    """An identifier to be registered or changed; ``type`` is its template."""

    type: str
    attributes: Attributes


class Element(msgspec.Struct, frozen=True, rename="camel"):
    """One attribute as it is kept; data type 1 is text."""

    index: int
    type: str
    name: str
    value: str
    data_type: int = 1


class Kept(msgspec.Struct, frozen=True):
    """The attributes of an identifier."""

    id: str
    type: str
    elements: list[Element]
    content: dict[str, str]


class Found(msgspec.Struct, frozen=True):
    """An identifier."""

    id: str
    type: str
    attributes: Kept


class Envelope(msgspec.Struct, frozen=True, omit_defaults=True):
    """What every answer stands in."""

    code: int
    message: str
    data: msgspec.Raw | None = None


class EnterpriseApi:
    """Answers these addresses; waits for the disk."""

    def __init__(
        self, administration: Administration, sessions: Sessions, clock: Callable[[], float] = time.time
    ) -> None:
        self._administration = administration
        self._sessions = sessions
        self._clock = clock

    def answer(self, request: Request) -> Response:
        """The answer to a request whose path begins with :data:`DOIP`."""
        try:
            match request.method, request.path:
                case "GET", path if path == CHALLENGE:
                    return self._challenge(request)
                case "POST", path if path == VERIFY:
                    return self._verify(request)
                case (("GET" | "POST"), path) if path == DOIP:
                    return self._operate(request)
            return not_allowed("GET, POST, OPTIONS", request)
        except AuthenticationNeeded as error:
            return _response(401, said(error), status=401)
        except GongfuError as error:
            return _response(_CODES.get(ResponseCode(error.handle_code), 400), said(error))

    # --- signing in ---

    def _challenge(self, request: Request) -> Response:
        who = _administrator(Parameters(request.query).one("handle") or "")
        return _response(_FOUND, "success", self._nonce(who, 0))

    def _verify(self, request: Request) -> Response:
        proof = read(request.body, Proof)
        who = _administrator(proof.handle)
        try:
            signature = from_base64(proof.signature)
        except ValueError as error:
            raise AuthenticationFailed(mark("The proof is malformed.")) from error
        for nonce in (self._nonce(who, 0), self._nonce(who, 1)):
            signer = self._signer(who, nonce.encode(), signature)
            if signer is not None and self._sessions.spend(nonce.encode(), 2 * _WINDOW):
                token = self._sessions.sign_in(self._sessions.create(), signer, TOKEN_LIFETIME).id
                return _response(_FOUND, "success", {"token": token})
        raise AuthenticationFailed(mark("The signature is not that of {who}."), who=proof.handle[:300])

    def _nonce(self, who: Reference, back: int) -> str:
        """The challenge of this minute, or of one before: kept nowhere, so that nobody can spoil another's."""
        window = int(self._clock()) // _WINDOW - back
        text = f"{window}:{who.index}:{who.handle}".encode()
        return hmac.new(self._sessions.secret, text, hashlib.sha256).hexdigest()[:32]

    def _signer(self, who: Reference, nonce: bytes, signature: bytes) -> Administrator | None:
        for value in self._administration.authority.keys(who):
            if value.type == PUBKEY and _signed(value, nonce, signature):
                return Administrator(Reference(who.handle, value.index))
        return None

    # --- identifiers ---

    def _operate(self, request: Request) -> Response:
        asked = Parameters(request.query)
        target, operation = asked.one("targetId") or "", asked.one("operationId") or ""
        if request.method == "GET":
            if operation != "0.DOIP/Op.Retrieve":
                raise Malformed(mark("There is no operation {name}."), name=operation[:100])
            who = bearer(request, self._sessions) if b"authorization" in request.headers else None
            return _response(_FOUND, "成功", self._retrieve(target, who))
        who = bearer(request, self._sessions)
        match operation:
            case "0.DOIP/Op.Delete":
                self._administration.delete(who, target)
                return _response(_DONE, "成功")
            case "0.DOIP/Op.Create":
                thing = read(request.body, Thing)
                self._administration.create(who, target, _values(thing, {}))
            case "0.DOIP/Op.Update":
                thing = read(request.body, Thing)
                self._administration.create(who, target, _values(thing, self._indexes(target, who)), overwrite=True)
            case "0.DOIP.EXTEND/Op.Update.Non.Overlay":
                thing = read(request.body, Thing)
                values = _values(thing, self._indexes(target, who))
                self._administration.add_values(who, target, values, overwrite=True)
            case _:
                raise Malformed(mark("There is no operation {name}."), name=operation[:100])
        return _response(_DONE, "成功", thing)

    def _retrieve(self, target: str, who: Administrator | None) -> Found:
        values = self._administration.resolve(target, who=who)
        template = next((value.text for value in values if value.index == TEMPLATE_INDEX), "")
        shown = [value for value in values if value.index != TEMPLATE_INDEX and not value.type.startswith("HS_")]
        elements = [Element(value.index, value.type, value.type, value.text) for value in shown]
        return Found(target, template, Kept(target, template, elements, {value.type: value.text for value in shown}))

    def _indexes(self, target: str, who: Administrator) -> dict[str, int]:
        """Where each attribute stands now."""
        return {value.type: value.index for value in self._administration.resolve(target, who=who)}


def _administrator(text: str) -> Reference:
    try:
        return parse_reference(text)
    except GongfuError as error:
        raise BadHandle(mark("{text} does not name an administrator."), text=text[:300]) from error


def _signed(value: Value, nonce: bytes, signature: bytes) -> bool:
    try:
        key = keys.decode(value.data)
    except GongfuError:
        return False
    digests = ("SM3",) if isinstance(key.key, sm2.PublicKey) else ("SHA256", "ED25519")
    return any(key.verify(signature, nonce, digest) for digest in digests)


def _values(thing: Thing, known: dict[str, int]) -> list[Value]:
    taken = set(known.values())
    free = (index for index in range(FIRST_INDEX, FIRST_INDEX + 10_000) if index not in taken)
    values = [Value(TEMPLATE_INDEX, TEMPLATE, thing.type.encode(errors="replace"))]
    for name, content in thing.attributes.content.items():
        values.append(Value(known[name] if name in known else next(free), name, _plain(content)))
    return values


def _plain(content: msgspec.Raw) -> bytes:
    decoded: object = msgspec.json.decode(content)
    return decoded.encode(errors="replace") if isinstance(decoded, str) else bytes(content)


def _response(code: int, message: str, data: object = None, *, status: int = 200) -> Response:
    shown = None if data is None else msgspec.Raw(_encode(data))
    return Response(status, _encode(Envelope(code, message, shown)))
