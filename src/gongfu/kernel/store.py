"""Client of the telemetry store: ClickHouse's HTTP interface, whether the recorder or a server answers.

Who reads on behalf of people always says for which organisations: the store itself then shows no other row.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Final
from urllib.parse import urlsplit

import clickhouse_connect
import pyarrow as pa
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import Error
from clickhouse_connect.driver.httputil import get_pool_manager

from gongfu.kernel.errors import Invalid, Unavailable
from gongfu.kernel.i18n import mark
from gongfu.kernel.secrets import secret
from gongfu.kernel.settings import Settings, settings
from gongfu.kernel.tables import filters as filters

DATABASE: Final = "gongfu"
USER: Final = "gongfu"
ANSWERED: Final = frozenset({36, 41, 42, 43, 46, 47, 53, 60, 62, 115, 164, 456, 457, 497})
"""ClickHouse error codes that blame the query, not the store."""

Value = str | int | float | datetime | Sequence[int] | Sequence[str]


class StoreClient:
    """Talks to the store of ``settings``; connects at the first call. Calls block; any thread may call."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connecting = threading.Lock()
        self._connected: Client | None = None
        self.database = urlsplit(settings.store_url).path.strip("/") or DATABASE

    def query_arrow(
        self,
        sql: str,
        parameters: Mapping[str, Value] | None = None,
        *,
        orgs: Collection[int],
        limit_seconds: float = 10,
        threads: int = 2,
    ) -> pa.Table:
        """Result of ``sql`` as Arrow, in which no table holds a row of an organisation outside ``orgs``.

        ``parameters`` fill ``{name:Type}``. Raises :class:`Invalid` when the query itself is refused,
        :class:`Unavailable` when the store does not answer.
        """
        scope: dict[str, str | int] = {
            "readonly": 1,
            "additional_table_filters": filters(self.database, orgs),
            "max_execution_time": max(1, round(limit_seconds)),
            "max_threads": threads,
            # Two rows with one key lie in one month, so months need not be merged with each other.
            "do_not_merge_across_partitions_select_final": 1,
        }
        with _translated():
            return self._client().query_arrow(sql, parameters=dict(parameters or {}), settings=scope, use_strings=True)

    async def aquery_arrow(
        self,
        sql: str,
        parameters: Mapping[str, Value] | None = None,
        *,
        orgs: Collection[int],
        limit_seconds: float = 10,
    ) -> pa.Table:
        """:meth:`query_arrow` without blocking the event loop."""
        return await asyncio.to_thread(self.query_arrow, sql, parameters, orgs=orgs, limit_seconds=limit_seconds)

    def command(self, sql: str, parameters: Mapping[str, Value] | None = None) -> str:
        """Run a statement with all rights, for the node's own purposes; the first value it returns, as text."""
        with _translated():
            return str(self._client().command(sql, parameters=dict(parameters or {})))

    def insert_arrow(self, table: str, rows: pa.Table) -> None:
        """Store ``rows`` in ``table``, durably when this returns, for the node's own purposes."""
        with _translated():
            self._client().insert_arrow(table, rows)

    def healthy(self) -> bool:
        """Whether the store answers now."""
        try:
            return self._client().ping()
        except (Unavailable, Error):
            return False

    def close(self) -> None:
        """Release connections."""
        with self._connecting:
            if self._connected is not None:
                self._connected.close()
                self._connected = None

    def _client(self) -> Client:
        with self._connecting:
            if self._connected is None:
                with _translated():
                    self._connected = self._connect()
            return self._connected

    def _connect(self) -> Client:
        address = self._settings.store_url or f"http://127.0.0.1:{self._settings.store_port}"
        parts = urlsplit(address)
        own = not self._settings.store_url
        return clickhouse_connect.get_client(
            interface=parts.scheme,
            host=parts.hostname or "127.0.0.1",
            port=parts.port or (8443 if parts.scheme == "https" else 8123),
            username=USER if own else parts.username or "default",
            password=secret(self._settings.home, "store-internal") if own else parts.password or "",
            database=self.database,
            # Sessions would forbid two calls at once, and no call here needs the state of another.
            autogenerate_session_id=False,
            compress=not own,
            connect_timeout=2,
            send_receive_timeout=60,
            pool_mgr=get_pool_manager(maxsize=16),
        )


@cache
def client() -> StoreClient:
    """This process's client."""
    return StoreClient(settings())


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except Error as error:
        if error.code in ANSWERED:
            raise Invalid(mark("The store refused the query: {reason}"), reason=str(error)[:500]) from error
        raise Unavailable(
            mark("The telemetry store does not answer: {reason}."),
            remedy=mark("Start the recorder (gongfu up), or correct store_url; it may also be overloaded."),
            reason=str(error)[:300],
        ) from error
