"""One embedded engine for the process (chDB allows no second path), one node for the module."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the rig lies beside the tests

import rig

from gongfu.data.telemetry import schema
from gongfu.data.telemetry.store.embedded import EmbeddedEngine
from gongfu.kernel.store import StoreClient


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedEngine]:
    one = EmbeddedEngine(tmp_path_factory.mktemp("engine"))
    schema.migrate(one)
    yield one
    one.close()


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[rig.Node]:
    with rig.node(tmp_path_factory.mktemp("node")) as one:
        yield one


@pytest.fixture
def store(node: rig.Node) -> Iterator[StoreClient]:
    one = StoreClient(node.settings)
    yield one
    one.close()
