"""What each operation of the Handle protocol does, once it is known who asks."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from gongfu.identity.handle import keys, names, session_keys, wire
from gongfu.identity.handle.admin_record import AdminPermission
from gongfu.identity.handle.codes import MAX_MESSAGE, KeyExchange, OpCode, OpFlag, ResponseCode
from gongfu.identity.handle.errors import Malformed, NotAuthenticated, SessionKeyWrong, SessionRefused
from gongfu.identity.handle.names import Handle
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import IdentifierStore
from gongfu.identity.resolver import delegation, identities
from gongfu.identity.resolver.administration import MAX_LIST, Administration, Administrator, minted
from gongfu.identity.resolver.changes import Underway
from gongfu.identity.resolver.errors import AuthenticationNeeded, NotOffered, NotResponsible
from gongfu.identity.resolver.sessions import Session, Sessions
from gongfu.kernel.i18n import mark

_ROOM = MAX_MESSAGE - 1024  # of a body, beside header, digest and credential


@dataclass(frozen=True, slots=True)
class Asked:
    """A request with what is known of who sent it; ``streams`` when its answer may be several messages (TCP)."""

    message: wire.Message
    who: Administrator | None = None
    session: Session | None = None
    streams: bool = False

    @property
    def body(self) -> bytes:
        """The request's body."""
        return self.message.body

    def flag(self, flag: OpFlag) -> bool:
        """Whether that operation flag is set."""
        return bool(self.message.header.flags & flag)


@dataclass(frozen=True, slots=True)
class Done:
    """What to answer: the bodies of the messages, usually one; ``session`` replaces that of the request."""

    bodies: Iterable[bytes] = (b"",)
    session: int | None = None
    code: ResponseCode = ResponseCode.SUCCESS


@dataclass(frozen=True, slots=True)
class Awaited:
    """A change under way: once it is on disk, ``done`` makes the answer."""

    change: Underway
    done: Callable[[Record | None], Done] = lambda _: Done()


class Operations:
    """Performs operations on ``store``; ``key`` is this node's, ``site`` gives its HS_SITE, empty if there is none."""

    def __init__(
        self,
        store: IdentifierStore,
        administration: Administration,
        sessions: Sessions,
        *,
        key: keys.PrivateKey | None = None,
        site: Callable[[], bytes] = bytes,
    ) -> None:
        self._store = store
        self._administration = administration
        self._changes = administration.changes
        self._sessions = sessions
        self._key = key
        self._site = site
        self._known: dict[int, Callable[[Asked], Done | Awaited]] = {
            OpCode.RESOLVE: self._resolve,
            OpCode.GET_SITE: self._get_site,
            OpCode.CREATE: self._create,
            OpCode.DELETE: self._delete,
            OpCode.ADD_VALUE: self._add,
            OpCode.REMOVE_VALUE: self._remove,
            OpCode.MODIFY_VALUE: self._modify,
            OpCode.LIST: self._list,
            OpCode.LIST_DERIVED_PREFIXES: self._list_derived,
            OpCode.VERIFY_ANSWER: self._verify,
            OpCode.HOME_PREFIX: self._home,
            OpCode.UNHOME_PREFIX: self._unhome,
            OpCode.LIST_HOMED_PREFIXES: self._list_homed,
            OpCode.SESSION_SETUP: self._begin,
            OpCode.SESSION_EXCHANGE_KEY: self._exchange,
            OpCode.SESSION_END: self._end,
            OpCode.LOGIN: self._login,
        }

    def perform(self, asked: Asked) -> Done | Awaited:
        """Carries out the operation, or begins to; raises the :class:`GongfuError` whose code is the answer.

        On an event loop it may raise :class:`elsewhere.MustWait`, having done nothing.
        """
        operation = self._known.get(asked.message.header.opcode)
        if operation is None:
            raise NotOffered(mark("This server does not perform that operation."))
        return operation(asked)

    # --- identifiers ---

    def leads(self, request: wire.Message) -> bool:
        """Whether the answer has authority: not about a prefix that is a copy of another node's."""
        if request.header.opcode != OpCode.RESOLVE:
            return True
        try:
            handle = wire.decode_resolve_request(request.body).handle
        except Malformed:
            return True
        return not self._store.is_copied(names.prefix_key(names.key(handle.encode())))

    def _resolve(self, asked: Asked) -> Done:
        question = wire.decode_resolve_request(asked.body)
        try:
            values = self._administration.resolve(
                question.handle,
                question.indexes,
                question.types,
                who=asked.who,
                public_only=asked.flag(OpFlag.PUBLIC_ONLY),
            )
        except NotResponsible:
            key = names.key(question.handle.encode())
            referral = None if asked.flag(OpFlag.NO_REFERRAL) else delegation.consult(self._store.lookup, key, question)
            if referral is None:
                raise
            return Done((referral[1],), code=referral[0])
        return Done((wire.encode_resolve_response(wire.ResolveResponse(question.handle, values)),))

    def _create(self, asked: Asked) -> Awaited:
        request, mint = wire.decode_values_request(asked.body), asked.flag(OpFlag.MINT)
        target = minted(request.handle) if mint else names.parse_any(request.handle)
        change = self._changes.create(asked.who, target, request.values, overwrite=asked.flag(OpFlag.OVERWRITE))
        return Awaited(change, lambda _: Done((wire.encode_handle_request(str(target)),)) if mint else Done())

    def _delete(self, asked: Asked) -> Awaited:
        return Awaited(self._changes.delete(asked.who, names.parse_any(wire.decode_handle_request(asked.body))))

    def _add(self, asked: Asked) -> Awaited:
        request = wire.decode_values_request(asked.body)
        overwrite = asked.flag(OpFlag.OVERWRITE)
        target = names.parse_any(request.handle)
        return Awaited(self._changes.add(asked.who, target, request.values, overwrite=overwrite))

    def _remove(self, asked: Asked) -> Awaited:
        request = wire.decode_indexes_request(asked.body)
        return Awaited(self._changes.remove(asked.who, names.parse_any(request.handle), request.indexes))

    def _modify(self, asked: Asked) -> Awaited:
        request = wire.decode_values_request(asked.body)
        return Awaited(self._changes.modify(asked.who, names.parse_any(request.handle), request.values))

    # --- lists ---

    def _list(self, asked: Asked) -> Done:
        prefix = _prefix(asked.body)

        def parts() -> Iterator[list[str]]:
            part = self._administration.list_handles(asked.who, prefix)
            while part:
                yield part
                # a full part may have more behind it
                more = len(part) >= MAX_LIST
                part = self._administration.list_handles(asked.who, prefix, after=part[-1]) if more else []

        return _listed(asked, parts())

    def _list_derived(self, asked: Asked) -> Done:
        prefix = Handle(names.parse_prefix(_prefix(asked.body)), "")
        self._administration.authority.require_prefix(asked.who, prefix, AdminPermission.LIST_PREFIXES)

        def parts() -> Iterator[list[str]]:
            found = self._store.scan(names.PREFIXES, starting=f"{prefix.prefix}.", limit=MAX_LIST)
            while found:
                yield [str(record.handle) for record in found]
                found = self._store.scan(
                    names.PREFIXES, starting=f"{prefix.prefix}.", after=found[-1].handle, limit=MAX_LIST
                )

        return _listed(asked, parts())

    def _list_homed(self, asked: Asked) -> Done:
        homed = self._administration.homed(asked.who)
        return _listed(asked, iter(([f"{names.PREFIXES}/{prefix}" for prefix in homed],)))

    # --- prefixes and this node ---

    def _home(self, asked: Asked) -> Done:
        self._administration.home(asked.who, _prefix(asked.body))
        return Done()

    def _unhome(self, asked: Asked) -> Done:
        self._administration.unhome(asked.who, _prefix(asked.body))
        return Done()

    def _get_site(self, asked: Asked) -> Done:
        del asked
        site = self._site()
        if not site:
            raise NotOffered(mark("This server has no description of itself."))
        return Done((site,))

    # --- who asks ---

    def _verify(self, asked: Asked) -> Done:
        right = identities.verify(self._administration, wire.decode_verify_request(asked.body))
        return Done((bytes((right,)),))

    def _login(self, asked: Asked) -> Done:
        reference = wire.decode_login(asked.body)
        if asked.who is None:
            raise AuthenticationNeeded(mark("This needs an administrator of {handle}."), handle=reference.handle[:300])
        if not same(reference, asked.who):
            raise NotAuthenticated(mark("The proof of {who} is wrong."), who=str(reference)[:300])
        return Done()

    def _begin(self, asked: Asked) -> Done:
        request = wire.decode_session_request(asked.body)
        key: session_keys.SessionKey | None = None
        match request.mode:
            case KeyExchange.DIFFIE_HELLMAN:
                exchange = session_keys.Exchange(request.key)
                key, data = exchange.key(), exchange.answer
            case KeyExchange.CLIENT:
                key = session_keys.generate()
                data = session_keys.encrypted_for(keys.decode(request.key), key)
            case KeyExchange.IDENTIFIER if request.key_reference is not None:
                value = self._administration.public_key(request.key_reference)
                if value is None:
                    raise SessionRefused(mark("No key is found at {who}."), who=str(request.key_reference)[:300])
                key = session_keys.generate()
                data = session_keys.encrypted_for(keys.decode(value.data), key)
            case KeyExchange.SERVER if self._key is not None and self._key.public.algorithm is keys.Algorithm.RSA:
                data = self._key.public.encode()
            case _:
                raise SessionRefused(
                    mark("Keys for sessions are not exchanged in mode {mode}."),
                    remedy=mark("Use Diffie-Hellman (4)."),
                    mode=request.mode,
                )
        session = self._sessions.begin(key, request.identity, request.timeout)
        return Done((wire.encode_session_answer(wire.SessionAnswer(request.mode, data)),), session.number)

    def _exchange(self, asked: Asked) -> Done:
        session = self._sessions.get(asked.message.envelope.session)
        if session.key is not None or self._key is None:  # a key once known is not replaced by whoever comes along
            raise SessionRefused(mark("The session has its key already."))
        session.key = session_keys.decrypted_with(self._key, wire.decode_key(asked.body))
        return Done()

    def _end(self, asked: Asked) -> Done:
        session = self._sessions.get(asked.message.envelope.session)
        if asked.session is None:
            raise SessionKeyWrong(mark("The message is of a session but carries no code made with its key."))
        self._sessions.end(session)
        return Done()


def same(reference: wire.Reference, who: Administrator) -> bool:
    """Whether ``reference`` names ``who``; index 0 stands for any of his keys."""
    proved = who.reference
    return reference.index in (0, proved.index) and names.key(reference.handle.encode()) == names.key(
        proved.handle.encode()
    )


def _prefix(body: bytes) -> str:
    """The prefix a request is about, named by itself or by its handle."""
    text = wire.decode_handle_request(body)
    head, slash, prefix = text.partition("/")
    return prefix if slash and head.upper() == names.PREFIXES else text


def _listed(asked: Asked, parts: Iterator[Sequence[str]]) -> Done:
    """A list as one message or, where that may be, as several; raises :class:`NotOffered` if one does not do.

    The first part is fetched at once, so that a refusal is the whole answer.
    """
    first = next(parts, [])

    def bodies() -> Iterator[bytes]:
        for part in itertools.chain((first,), parts):
            yield from (wire.encode_handles(page) for page in wire.pages(part, _ROOM))

    if asked.streams:
        return Done(bodies())
    pages = wire.pages(first, _ROOM)
    if len(pages) > 1 or next(parts, None) is not None:
        raise NotOffered(mark("The list is too long for one message."), remedy=mark("Ask over TCP."))
    return Done((wire.encode_handles(pages[0]),))
