"""Reverse look-up: which identifiers have a value of this type and content (``/hrls/handles/?URL=…``).

The address is that of EUDAT's reverse look-up servlet, which ``pyhandle`` asks. There is no index by value: at 125
million identifiers it would cost as much disk as the values themselves, and search over everything is the telemetry
engine's. Here the prefixes that the caller may list are walked through for :data:`SECONDS` at most; what would take
longer is answered with 503 instead of half an answer.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

import msgspec

from gongfu.identity.handle.admin_record import AdminPermission
from gongfu.identity.handle.codes import ResponseCode
from gongfu.identity.handle.errors import Malformed
from gongfu.identity.handle.names import Handle
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import IdentifierStore
from gongfu.identity.resolver.administration import Administrator
from gongfu.identity.resolver.authority import Authority
from gongfu.identity.resolver.errors import AuthenticationNeeded
from gongfu.identity.resolver.http.answers import Answer, respond
from gongfu.identity.resolver.http.api import Parameters
from gongfu.identity.resolver.http.messages import Response
from gongfu.kernel.errors import Forbidden
from gongfu.kernel.i18n import mark

SECONDS = 5.0
"""How long one search may take."""
MOST = 100_000
"""Identifiers in one answer, and the page size when none is named."""
_STEP = 500
_RESERVED = {"limit", "page", "enabled"}
_encode = msgspec.json.Encoder().encode


class Search:
    """Searches what an administrator may list."""

    def __init__(self, store: IdentifierStore, authority: Authority, seconds: float = SECONDS) -> None:
        self._store = store
        self._authority = authority
        self._seconds = seconds

    def answer(self, who: Administrator | None, asked: Parameters) -> Response:
        """A JSON array of identifiers; raises :class:`AuthenticationNeeded`, :class:`Malformed`."""
        if who is None:
            raise AuthenticationNeeded(
                mark("Searching needs an administrator."), remedy=mark("Send Basic credentials.")
            )
        wanted = [(kind.upper(), _pattern(text)) for kind, text in asked.pairs() if kind not in _RESERVED]
        if not wanted:
            raise Malformed(mark("Name what to search for, such as URL=https://example.com/*."))
        limit, page = min(asked.number("limit", MOST) or MOST, MOST), asked.number("page", 0)
        found = self._found(who, wanted, limit * (page + 1))
        if found is None:
            message = f"The search takes longer than {self._seconds:g} s: search in the console, or list the prefix."
            return respond(Answer(ResponseCode.SERVER_BUSY, message=message))
        return Response(200, _encode(found[limit * page :]))

    def _found(
        self, who: Administrator, wanted: Sequence[tuple[str, re.Pattern[str]]], enough: int
    ) -> list[str] | None:
        until = time.monotonic() + self._seconds
        found: list[str] = []
        for prefix in self._store.prefixes():
            if not self._may_list(who, prefix):
                continue
            after: Handle | None = None
            while records := self._store.scan(prefix, after=after, limit=_STEP):
                found += [str(record.handle) for record in records if _fits(record, wanted)]
                if len(found) >= enough:
                    return found[:enough]
                if time.monotonic() > until:
                    return None
                after = records[-1].handle
        return found

    def _may_list(self, who: Administrator, prefix: str) -> bool:
        try:
            self._authority.require_prefix(who, Handle(prefix, ""), AdminPermission.LIST_HANDLES)
        except Forbidden:
            return False
        return True


def _pattern(text: str) -> re.Pattern[str]:
    """``*`` stands for anything; letters count in either case."""
    return re.compile(".*".join(map(re.escape, re.split(r"\*+", text[:2_048]))), re.IGNORECASE | re.DOTALL)


def _fits(record: Record, wanted: Sequence[tuple[str, re.Pattern[str]]]) -> bool:
    public = record.public
    return all(
        any(value.type.upper() == kind and pattern.fullmatch(value.text) for value in public)
        for kind, pattern in wanted
    )
