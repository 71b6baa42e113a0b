"""Fixtures of the tests of access; those of the client use the same."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from enterprises_fixtures import node, served, web, world

__all__ = ["node", "served", "web", "world"]
