"""Asking the store in a person's name: whose rows, within which limits, and what to say when one is hit.

Every way in (ClickHouse interface, SQL page, scheduled export) ends here. No Django: who asks has been found before.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Final
from urllib.parse import urlsplit

import httpx

from gongfu.data.access import dialect
from gongfu.data.access.errors import LimitReached
from gongfu.data.telemetry.store.limits import READER_LIMITS, bounded
from gongfu.data.telemetry.store.scope import Gate
from gongfu.kernel.errors import Forbidden, GongfuError, Invalid, Unavailable
from gongfu.kernel.i18n import mark
from gongfu.kernel.secrets import secret
from gongfu.kernel.settings import Settings
from gongfu.kernel.store import DATABASE, USER, StoreClient, filters

CHUNK: Final = 1 << 16
_TIMEOUT: Final = httpx.Timeout(150.0, connect=5)
"""Longer than a query may run and wait for its turn."""
_NUMBER: Final = re.compile(r"Code: (\d+)\.")
_LIMITS: Final = {
    159: ("max_execution_time", mark("Ask for a shorter time range, aggregate, or use the roll-ups.")),
    160: ("max_execution_time", mark("Ask for a shorter time range, aggregate, or use the roll-ups.")),
    158: ("max_rows_to_read", mark("Ask for a shorter time range or for fewer tags.")),
    307: ("max_result_bytes", mark("Ask for fewer columns, add LIMIT, or make a scheduled export.")),
    396: ("max_result_rows", mark("Add LIMIT, aggregate, or make a scheduled export.")),
    241: ("max_memory_usage", mark("Group by fewer values, sort less, or ask for a shorter time range.")),
    173: ("max_memory_usage", mark("Group by fewer values, sort less, or ask for a shorter time range.")),
}
"""ClickHouse error code → the limit it tells of and what to do."""
_BLAMES_QUERY: Final = frozenset((6, 26, 27, 36, 38, 41, 42, 43, 46, 47, 53, 60, 62, 70, 72, 115, 130, 164, 184, 215))
_REFUSED: Final = frozenset((164, 497))


@dataclass(frozen=True)
class Asker:
    """For whom a question is asked: the name shown to clients and the organisations whose rows exist for it."""

    name: str
    orgs: Collection[int]


@dataclass(frozen=True)
class Question:
    """One call to the store, checked: parameters of the address and the statement."""

    sql: str
    output: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    identity: str = ""
    """Names the query while it runs, for :func:`stop`."""


def question(
    asker: Asker,
    sql: str,
    output: str,
    *,
    settings: Mapping[str, str] | None = None,
    parameters: Mapping[str, str] | None = None,
    identity: str = "",
) -> Question | None:
    """``sql`` understood; None when it has nothing to do (USE, SET). Raises :class:`Invalid`.

    FORMAT in the text wins over ``output``; SETTINGS in the text over ``settings``, of which only harmless ones stay.
    """
    said = dialect.understand(sql, database=DATABASE, user=asker.name)
    if not said.sql:
        return None
    given = {name: value for name, value in {**(settings or {}), **said.settings}.items() if dialect.passes(name)}
    return Question(said.sql, said.format or output, parameters or {}, given, identity)


@dataclass(frozen=True)
class Door:
    """Where the store is and the node's own key to it."""

    url: str
    user: str
    password: str
    database: str

    @classmethod
    def of(cls, settings: Settings) -> Door:
        """The store that ``settings`` name."""
        parts = urlsplit(settings.store_url or f"http://127.0.0.1:{settings.store_port}")
        own = not settings.store_url
        return cls(
            f"{parts.scheme}://{parts.hostname}:{parts.port or (8443 if parts.scheme == 'https' else 8123)}/",
            USER if own else parts.username or "default",
            secret(settings.home, "store-internal") if own else parts.password or "",
            parts.path.strip("/") or DATABASE,
        )

    def call(self, asker: Asker, asked: Question) -> tuple[dict[str, str], dict[str, str], bytes]:
        """Parameters, headers and body of the request; the scope comes last, so that nothing given replaces it."""
        parameters = {f"param_{name}": value for name, value in asked.parameters.items()}
        parameters |= dict(asked.settings)
        parameters |= {name: str(bounded(name, asked.settings.get(name))) for name in READER_LIMITS}
        parameters |= {
            "database": self.database,
            "default_format": asked.output,
            "quota_key": "person",
            "readonly": "1",
            "additional_table_filters": filters(self.database, asker.orgs),
        }
        if asked.identity:
            parameters["query_id"] = asked.identity
        headers = {"X-ClickHouse-User": self.user, "X-ClickHouse-Key": self.password, "Accept-Encoding": "identity"}
        return parameters, headers, asked.sql.encode()


class _Parser:
    """A ClickHouse server that is asked how it understands SQL."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def query(self, sql: str, output_format: str, *, parameters: Mapping[str, str] | None = None) -> bytes:
        door = self._door
        given = {f"param_{name}": value for name, value in (parameters or {}).items()}
        headers = {"X-ClickHouse-User": door.user, "X-ClickHouse-Key": door.password}
        try:
            answer = httpx.post(
                door.url,
                params={**given, "default_format": output_format},
                headers=headers,
                content=sql.encode(),
                timeout=10,
                trust_env=False,
            )
        except httpx.HTTPError as error:
            raise failure(f"{type(error).__name__}: {error}") from error
        if answer.status_code != httpx.codes.OK:
            raise failure(answer.text)
        return answer.content


@cache
def _gate(door: Door) -> Gate:
    return Gate(_Parser(door))


def failure(text: str) -> GongfuError:
    """What the store answered instead of a result, in our words: which limit and what to do, or whose fault."""
    found = _NUMBER.search(text)
    number = int(found[1]) if found else 0
    reason = text.partition("DB::Exception: ")[2].strip() or text.strip()
    if number in _LIMITS:
        name, remedy = _LIMITS[number]
        return LimitReached(
            mark("The query went beyond {name} = {limit}: {reason}"),
            remedy=remedy,
            number=number,
            name=name,
            limit=READER_LIMITS[name],
            reason=reason[:400],
        )
    if number in _REFUSED:
        return Forbidden(mark("The store refused the query: {reason}"), reason=reason[:600])
    if number in _BLAMES_QUERY or 0 < number < 200:
        return Invalid(mark("The store refused the query: {reason}"), reason=reason[:600])
    return Unavailable(
        mark("The telemetry store does not answer: {reason}."),
        remedy=mark("Start the recorder (gongfu up), or correct store_url; it may also be overloaded."),
        reason=reason[:300],
    )


def ask(settings: Settings, asker: Asker, asked: Question) -> bytes:
    """The whole result. Blocks.

    Raises :class:`LimitReached`, :class:`Invalid`, :class:`Forbidden`, :class:`Unavailable`.
    """
    door = _admitted(settings, asked)
    parameters, headers, body = door.call(asker, asked)
    try:
        answer = httpx.post(
            door.url, params=parameters, headers=headers, content=body, timeout=_TIMEOUT, trust_env=False
        )
    except httpx.HTTPError as error:
        raise failure(f"{type(error).__name__}: {error}") from error
    if answer.status_code != httpx.codes.OK:
        raise failure(answer.text)
    return answer.content


@asynccontextmanager
async def stream(settings: Settings, asker: Asker, asked: Question) -> AsyncIterator[AsyncIterator[bytes]]:
    """The result in pieces of at most :data:`CHUNK` octets; left early, the query stops. Failures as of :func:`ask`."""
    door = await asyncio.to_thread(_admitted, settings, asked)
    parameters, headers, body = door.call(asker, asked)
    try:
        async with (
            httpx.AsyncClient(timeout=_TIMEOUT, trust_env=False) as client,
            client.stream("POST", door.url, params=parameters, headers=headers, content=body) as answer,
        ):
            if answer.status_code != httpx.codes.OK:
                raise failure((await answer.aread()).decode("utf-8", "replace"))
            yield answer.aiter_bytes(CHUNK)
    except httpx.HTTPError as error:
        raise failure(f"{type(error).__name__}: {error}") from error


def stop(store: StoreClient, identity: str) -> None:
    """Stop the query that runs under ``identity``, if one does."""
    store.command(
        "KILL QUERY WHERE query_id = {id:String} OR startsWith(query, concat('/* gongfu:', {id:String}, ' */')) ASYNC",
        {"id": identity},
    )


def _admitted(settings: Settings, asked: Question) -> Door:
    door = Door.of(settings)
    if settings.store_url:
        _gate(door).check(asked.sql)  # the recorder has a gate before its own store
    return door
