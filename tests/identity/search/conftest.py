"""Two enterprises, their people, a store of their own, and the telemetry engine as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from plants import li, own_store, plants, root, wang

from gongfu.identity.registry.store import IdentifierStore
from gongfu.identity.search import feeding, services
from gongfu.identity.search.feeding import Feeder
from gongfu.kernel.settings import load
from gongfu.kernel.store import StoreClient

__all__ = ["li", "own_store", "plants", "root", "wang"]

_ENGINE = """
import asyncio, os, socket, sys, uvloop
from gongfu.data.telemetry.schema import migrate
from gongfu.data.telemetry.store.embedded import EmbeddedEngine
from gongfu.data.telemetry.store.http import StoreApp
from gongfu.kernel import ops
from gongfu.kernel.secrets import secret
from gongfu.kernel.settings import load

async def main():
    settings = load(os.environ)
    engine = EmbeddedEngine(settings.path("telemetry"))
    migrate(engine)
    sock = socket.create_server(("127.0.0.1", 0))
    store = StoreApp(engine, secret(settings.home, "store-internal"))
    async with ops.serve(ops.app(ops.Health("store"), store.app()), sock):
        print(sock.getsockname()[1], flush=True)
        await asyncio.to_thread(sys.stdin.read)
    engine.close()

uvloop.run(main())
"""


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreClient]:
    """The embedded engine over its HTTP interface, as the recorder serves it."""
    home = tmp_path_factory.mktemp("engine")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GONGFU_")} | {"GONGFU_HOME": str(home)}
    with subprocess.Popen(
        [sys.executable, "-c", _ENGINE], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        client = StoreClient(load({"GONGFU_HOME": str(home), "GONGFU_STORE_PORT": port}))
        yield client
        client.close()


@pytest.fixture
def index(engine: StoreClient, monkeypatch: pytest.MonkeyPatch) -> StoreClient:
    """An empty index that pages and feeder use."""
    engine.command("TRUNCATE TABLE identifiers")
    monkeypatch.setattr(services, "client", lambda: engine)
    monkeypatch.setattr(feeding, "client", lambda: engine)
    return engine


@pytest.fixture
def feeder(own_store: IdentifierStore, index: StoreClient) -> Feeder:
    return Feeder(own_store, index)
