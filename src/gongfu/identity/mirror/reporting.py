"""How far a mirror is behind, in the health and the metrics of the process that follows. Pure."""

from __future__ import annotations

import asyncio
import contextlib

from prometheus_client import Gauge

from gongfu.identity.mirror import wire
from gongfu.identity.mirror.follower import Lag, follow, lag
from gongfu.identity.registry.store import IdentifierStore
from gongfu.kernel.ops import Health
from gongfu.kernel.settings import Settings

CONDITION = "mirror"
_LOOK_SECONDS = 2.0
_CHANGES = Gauge(
    "gongfu_mirror_changes_behind", "Changes of the leader that the copy lacks, as last heard.", ["leader"]
)
_SECONDS = Gauge("gongfu_mirror_seconds_behind", "Seconds since the copy lacked nothing; 0 while it does.", ["leader"])
_WHOLE = Gauge("gongfu_mirror_whole", "1 when the copy is complete up to its place, 0 during a snapshot.", ["leader"])


async def mirror(settings: Settings, store: IdentifierStore, health: Health, stopping: asyncio.Event) -> None:
    """Follow the node that ``mirror_of`` names, if any, and say how far behind it is, until ``stopping``."""
    if not settings.mirror_of:
        return
    _, node = wire.source(settings.mirror_of)
    following = asyncio.create_task(follow(settings, store, stopping))
    try:
        while not stopping.is_set() and not following.done():
            found = await asyncio.to_thread(lag, store, node)
            tell(found, health)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), _LOOK_SECONDS)
        await following
    finally:
        following.cancel()


def tell(found: Lag, health: Health) -> None:
    """The condition holds also while it is behind: old answers are better than none, and the detail says how old."""
    _CHANGES.labels(found.node).set(found.changes)
    _SECONDS.labels(found.node).set(found.seconds)
    _WHOLE.labels(found.node).set(found.whole)
    text = f"{found.changes} changes, {found.seconds} s behind {found.node}"
    if not found.whole:
        text = f"taking a snapshot of {found.node}"
    elif not found.heard:
        text += ", which does not answer"
    health.set(CONDITION, True, text)
