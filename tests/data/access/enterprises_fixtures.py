"""A store with two enterprises' readings, and the interface for people before it."""

from __future__ import annotations

import mimetypes
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders

sys.path.insert(0, str(Path(__file__).parents[1] / "telemetry"))  # the rig lies beside the tests of the store
sys.path.insert(0, str(Path(__file__).parent))

import rig
from enterprises import SECRET, Served, World, draft, fill

from gongfu.console.static_files import StaticFile
from gongfu.data.access import exporting, interface, reading, services, words
from gongfu.data.telemetry import services as telemetry
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts import tokens
from gongfu.kernel.accounts.rules import Role
from gongfu.kernel.store import StoreClient
from gongfu.platform.devices import services as devices


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[rig.Node]:
    with rig.node(tmp_path_factory.mktemp("access")) as one:
        yield one


@pytest.fixture
def world(node: rig.Node, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    ours, theirs = accounts.create_organisation("hengrui", "恒锐"), accounts.create_organisation("huasu", "华塑")
    engineer = accounts.create_user("li", "correct-horse-9", roles={ours: Role.ENGINEER}, language="en")
    rival = accounts.create_user("zhao", "correct-horse-9", roles={theirs: Role.ENGINEER}, language="zh-hans")
    store = StoreClient(node.settings)
    for module in (telemetry, reading, services):
        monkeypatch.setattr(module, "client", lambda: store)
    for module in (services, words, exporting):
        monkeypatch.setattr(module, "settings", lambda: node.settings)
    for table in ("readings", "texts", "latest", "series"):
        store.command(f"TRUNCATE TABLE {table}")
    pump, rivals = (
        devices.create_device("test", ours, draft("PUMP-1")),
        devices.create_device("test", theirs, draft("PUMP-2")),
    )
    fill(store, pump, "number / 4")
    fill(store, rivals, f"{SECRET} + 0 * number")
    token, rivals_token = (tokens.create(one, "test")[1] for one in (engineer, rival))
    yield World(ours, theirs, pump, rivals, engineer, rival, token, rivals_token, store, node)
    store.close()


@pytest.fixture
def served(world: World) -> Iterator[Served]:
    one = Served(interface.app(world.node.settings))
    yield one
    one.close()


@pytest.fixture
def web(world: World) -> Iterator[Served]:
    """Console, API and interface, as the web process has them."""
    from django.core.handlers.asgi import ASGIHandler

    from gongfu.console import asgi

    pages = asgi.with_static(_static(), ASGIHandler())
    one = Served(asgi.below("/clickhouse", interface.app(world.node.settings), pages))
    yield one
    one.close()


def _static() -> dict[str, StaticFile]:
    """Every static file under its plain name, in front of Django as in the web process."""
    return {
        f"/static/{name}": StaticFile(Path(storage.path(name)), None, mimetypes.guess_type(name)[0] or "text/plain")
        for finder in finders.get_finders()
        for name, storage in finder.list([])
    }
