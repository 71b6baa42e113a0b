"""The client meets the web process of the tests of access."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "data" / "access"))

from enterprises_fixtures import node, web, world

__all__ = ["node", "web", "world"]
