"""An empty identifier store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gongfu.identity.registry.store import IdentifierStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[IdentifierStore]:
    opened = IdentifierStore(tmp_path / "identity")
    yield opened
    opened.close()
