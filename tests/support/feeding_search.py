"""Let the search index catch up."""

from __future__ import annotations

from gongfu.identity.search import services
from gongfu.identity.search.feeding import Feeder


def fed(feeder: Feeder) -> int:
    """Let ``feeder`` do all there is; how many identifiers it wrote."""
    written = 0
    for _ in range(50):
        written += feeder.step()
        if services.progress().current:
            break
    return written
