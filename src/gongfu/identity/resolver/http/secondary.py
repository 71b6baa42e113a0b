"""The interface of secondary nodes that integrators have code for: ``/identity/token`` and ``/identityv2/data…``.

Addresses, members, the success and error envelope, the limit of 2,000 and the reserved index 1001 are those of the
published documentation of the SNMS business system (V5). Ours are: the user is an administrator ``index:handle`` and
the password his secret key; refusals are answered with HTTP 200 and status -2, a missing token with 401; the version
of the template stands as a value of type TEMPLATE at index 1001; an update replaces the values it names and leaves
the others. Templates themselves (``/snms/api/v5/template``) are not served here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import msgspec

from gongfu.identity.handle.admin_record import parse_reference
from gongfu.identity.handle.errors import Malformed
from gongfu.identity.handle.wire import Value
from gongfu.identity.resolver.administration import Administration, Administrator
from gongfu.identity.resolver.errors import AuthenticationNeeded, BadValue, TooManyFailures
from gongfu.identity.resolver.http.api import Parameters, not_allowed, waiting
from gongfu.identity.resolver.http.messages import Request, Response
from gongfu.identity.resolver.http.sessions import TOKEN_LIFETIME, Sessions
from gongfu.identity.resolver.http.throttle import Throttle
from gongfu.kernel.errors import GongfuError, Unavailable
from gongfu.kernel.i18n import mark, translate

TOKEN = (b"/identity/token", b"/identity/token/v1")
DATA = b"/identityv2/data"
MOST = 2_000
"""Identifiers in one batch."""
TEMPLATE_INDEX = 1001
TEMPLATE = "TEMPLATE"
_LANGUAGE = "zh-hans"
_OK, _FAILED = 1, -2
_encode = msgspec.json.Encoder().encode
_T = TypeVar("_T")


class Login(msgspec.Struct, frozen=True):
    """Who wants a token."""

    username: str
    password: str


class Content(msgspec.Struct, frozen=True):
    """Content of a value; only text is known."""

    value: str
    format: str = "string"


class Item(msgspec.Struct, frozen=True):
    """One value; ``auth`` is reserved by the interface and kept nowhere."""

    index: int
    type: str
    data: Content
    auth: str = ""


class Entry(msgspec.Struct, frozen=True, rename="camel"):
    """One identifier to register or update."""

    handle: str
    value: list[Item]
    template_version: str = ""


class Gone(msgspec.Struct, frozen=True):
    """One identifier to delete."""

    handle: str


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one identifier of a batch."""

    handle: str
    msg: str
    code: int | None = None


class Detail(msgspec.Struct, frozen=True, rename="camel"):
    """One identifier."""

    prefix: str
    handle: str
    template_version: str
    value: list[Item]
    code: str = "200"


class Envelope(msgspec.Struct, frozen=True):
    """What every answer stands in."""

    message: str
    status: int
    data: msgspec.Raw


class SecondaryApi:
    """Answers these addresses; waits for the disk."""

    def __init__(self, administration: Administration, sessions: Sessions, throttle: Throttle) -> None:
        self._administration = administration
        self._sessions = sessions
        self._throttle = throttle

    def answer(self, request: Request) -> Response:
        """The answer to a request whose path begins with one of the addresses."""
        try:
            if request.path in TOKEN:
                return self._token(request) if request.method == "POST" else not_allowed("POST, OPTIONS", request)
            work = self._operations().get((request.method, request.path[len(DATA) :].strip(b"/")))
            if work is None:
                return not_allowed("GET, POST, PUT, DELETE, OPTIONS", request)
            return work(request, bearer(request, self._sessions))
        except AuthenticationNeeded as error:
            return _response(error.text(_LANGUAGE), _FAILED, None, status=401)
        except TooManyFailures as error:
            return waiting(error, _response(said(error), _FAILED, None))
        except GongfuError as error:
            return _response(said(error), _FAILED, None)

    def _operations(self) -> dict[tuple[str, bytes], Callable[[Request, Administrator], Response]]:
        return {
            ("GET", b"detail"): self._detail,
            ("POST", b""): self._create,
            ("PUT", b""): self._update,
            ("DELETE", b""): self._delete,
            ("POST", b"batchCreate"): self._batch_create,
            ("PUT", b"batchUpdate"): self._batch_update,
            ("DELETE", b"batchDelete"): self._batch_delete,
        }

    def _token(self, request: Request) -> Response:
        if not (request.secure or request.local):
            raise AuthenticationNeeded(
                mark("A secret key is not accepted over plain HTTP from another machine."), remedy=mark("Use HTTPS.")
            )
        login = read(request.body, Login)
        claimed = parse_reference(login.username)
        with self._throttle.attempt(request.peer, claimed):
            who = self._administration.authenticate_secret(claimed, login.password.encode())
        return _success({"token": self._sessions.sign_in(self._sessions.create(), who, TOKEN_LIFETIME).id})

    def _detail(self, request: Request, who: Administrator) -> Response:
        handle = Parameters(request.query).one("handle")
        if not handle:
            raise Malformed(mark("The parameter {name} is missing."), name="handle")
        values = self._administration.resolve(handle, who=who)
        template = next((value.text for value in values if value.index == TEMPLATE_INDEX), "")
        items = [Item(value.index, value.type, Content(value.text), "1") for value in values]
        return _success(Detail(handle.partition("/")[0], handle, template, items))

    def _create(self, request: Request, who: Administrator) -> Response:
        self._register(read(request.body, Entry), who)
        return _success(True)

    def _update(self, request: Request, who: Administrator) -> Response:
        self._change(read(request.body, Entry), who)
        return _success(True)

    def _delete(self, request: Request, who: Administrator) -> Response:
        self._administration.delete(who, read(request.body, Gone).handle)
        return _success(True)

    def _batch_create(self, request: Request, who: Administrator) -> Response:
        entries = _batch(read(request.body, list[Entry]))
        outcomes: dict[int, Outcome] = {}
        ready: list[tuple[int, Entry, list[Value]]] = []
        for place, entry in enumerate(entries):
            try:
                ready.append((place, entry, _values(entry)))
            except GongfuError as error:
                outcomes[place] = Outcome(entry.handle, said(error))
        done = self._administration.create_many(who, [(entry.handle, values) for _, entry, values in ready])
        for (place, entry, _), result in zip(ready, done, strict=True):
            outcomes[place] = Outcome(entry.handle, said(result) if isinstance(result, GongfuError) else "success")
        return _success([outcomes[place] for place in range(len(entries))])

    def _batch_update(self, request: Request, who: Administrator) -> Response:
        entries = _batch(read(request.body, list[Entry]))
        return _success([_done(entry.handle, partial(self._change, entry, who)) for entry in entries])

    def _batch_delete(self, request: Request, who: Administrator) -> Response:
        handles = _batch(read(request.body, list[str]))
        delete = self._administration.delete
        return _success([_done(handle, partial(delete, who, handle), coded=True) for handle in handles])

    def _register(self, entry: Entry, who: Administrator) -> None:
        self._administration.create(who, entry.handle, _values(entry))

    def _change(self, entry: Entry, who: Administrator) -> None:
        self._administration.add_values(who, entry.handle, _values(entry), overwrite=True)


def bearer(request: Request, sessions: Sessions) -> Administrator:
    """Who holds the token that came; raises :class:`AuthenticationNeeded`."""
    scheme, _, token = request.headers.get(b"authorization", b"").decode("latin-1").strip().partition(" ")
    session = sessions.get(token.strip()) if scheme.lower() == "bearer" else None
    if session is None or session.who is None:
        raise AuthenticationNeeded(mark("The token is missing or no longer valid."), remedy=mark("Get a new one."))
    return session.who


def read(body: bytes, kind: type[_T]) -> _T:
    """``body`` as ``kind``; raises :class:`Malformed`."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(mark("The body is not what it should be: {reason}."), reason=str(error)[:200]) from error


def said(error: GongfuError) -> str:
    """What the caller is told; a failing store is the operator's business."""
    return (
        translate(mark("The node cannot answer now."), _LANGUAGE)
        if isinstance(error, Unavailable)
        else error.text(_LANGUAGE)
    )


def _values(entry: Entry) -> list[Value]:
    for item in entry.value:
        if item.index == TEMPLATE_INDEX:
            raise BadValue(mark("The index {index} is reserved."), index=item.index)
        if item.data.format != "string":
            raise BadValue(
                mark("Value {index}: there is no format {format}."),
                remedy=mark("Use string."),
                index=item.index,
                format=item.data.format[:40],
            )
    values = [Value(item.index, item.type, item.data.value.encode(errors="replace")) for item in entry.value]
    if entry.template_version:
        values.append(Value(TEMPLATE_INDEX, TEMPLATE, entry.template_version.encode(errors="replace")))
    return values


def _batch(entries: list[_T]) -> list[_T]:
    if not 1 <= len(entries) <= MOST:
        raise Malformed(
            mark("A batch has {count} identifiers; 1 to {limit} are possible."), count=len(entries), limit=MOST
        )
    return entries


def _done(handle: str, work: Callable[[], object], *, coded: bool = False) -> Outcome:
    try:
        work()
    except GongfuError as error:
        return Outcome(handle, said(error), _FAILED if coded else None)
    return Outcome(handle, "success", _OK if coded else None)


def _success(data: object) -> Response:
    return _response("success", _OK, data)


def _response(message: str, code: int, data: object, *, status: int = 200) -> Response:
    return Response(status, _encode(Envelope(message, code, msgspec.Raw(_encode(data)))))
