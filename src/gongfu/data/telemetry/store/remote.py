"""A ClickHouse server as the store: the same tables, reached through the official client."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import Error

from gongfu.data.telemetry.schema import DATABASE, Table
from gongfu.data.telemetry.store.engine import StoreFailure
from gongfu.kernel.i18n import mark

_BACKGROUND: Final = {
    "max_memory_usage": 4_000_000_000,
    "max_partitions_per_insert_block": 0,
    "do_not_merge_across_partitions_select_final": 1,
    "mutations_sync": 2,
}
"""A server has memory and threads of its own; it only must not refuse many months at once."""


class RemoteEngine:
    """Writes to the server at ``url`` (``http://user:password@host:port/database``)."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        database = parts.path.strip("/") or DATABASE
        with _translated():
            self._client: Client = clickhouse_connect.get_client(
                interface=parts.scheme,
                host=parts.hostname or "localhost",
                port=parts.port or (8443 if parts.scheme == "https" else 8123),
                username=parts.username or "default",
                password=parts.password or "",
                autogenerate_session_id=False,
                settings={"max_partitions_per_insert_block": 0},
            )
            self._client.command(f"CREATE DATABASE IF NOT EXISTS `{database}`")
            self._client.database = database

    def insert(self, table: Table, block: bytes) -> None:
        """See :class:`Engine`."""
        with _translated():
            self._client.raw_insert(table.name, [column.name for column in table.columns], block, fmt="Native")

    def execute(self, sql: str) -> None:
        """See :class:`Engine`."""
        with _translated():
            self._client.command(sql)

    def scalar(self, sql: str) -> str:
        """See :class:`Engine`."""
        with _translated():
            return str(self._client.command(sql))

    def background(self, sql: str) -> str:
        """See :class:`Engine`."""
        with _translated():
            return str(self._client.command(sql, settings=dict(_BACKGROUND)))

    def close(self) -> None:
        """See :class:`Engine`."""
        self._client.close()


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except Error as error:
        raise StoreFailure(
            mark("The telemetry store failed: {reason}"),
            remedy=mark("Check that the server of store_url runs and accepts this user."),
            number=int(error.code or 0),
            reason=error,
        ) from error
