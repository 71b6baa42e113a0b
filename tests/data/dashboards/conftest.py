"""The store with two enterprises that the tests of access use."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "access"))

from enterprises import World
from enterprises_fixtures import node, world

from gongfu.data.dashboards import measuring

__all__ = ["asked", "node", "world"]


@pytest.fixture
def asked(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The world, with dashboards that ask its store."""
    monkeypatch.setattr(measuring, "client", lambda: world.store)
    return world
