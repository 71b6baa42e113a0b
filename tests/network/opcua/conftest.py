"""Each test is a gateway that has just started, in a home of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from gongfu.kernel.settings import load
from gongfu.network.drivers.opcua import client, driver, memory
from gongfu.network.drivers.opcua.simulator import Protection, protect


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose gateway certificate is made once for all tests."""
    return tmp_path_factory.mktemp("opcua-home")


@pytest.fixture(autouse=True)
def home(shared_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The gateway's home; nothing is remembered of the servers of other tests."""
    settings = load({**os.environ, "GONGFU_HOME": str(shared_home)})
    for module in (client, driver):
        monkeypatch.setattr(module, "settings", lambda: settings)
    memory._memories.clear()
    shutil.rmtree(shared_home / "opcua" / "last", ignore_errors=True)
    yield shared_home
    memory._memories.clear()


@pytest.fixture(scope="session")
def protection() -> Protection:
    """Key and certificate of a server on 127.0.0.1, with every policy there is."""
    return protect()
