"""From the records to the bucket of rules: what stands in an outbox is told to ``gongfu streams``, then forgotten."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec
from nats.js import JetStreamContext

from gongfu.data.streams import ensuring

Pending = tuple[list[int], int, int, msgspec.Struct | None]
"""Rows of the outbox, organisation, number of the rule, and the rule or None to withdraw it."""
_encode: Final = msgspec.json.Encoder().encode


async def publish(
    js: JetStreamContext,
    stage: str,
    take: Callable[[], Awaitable[Sequence[Pending]]],
    forget: Callable[[list[int]], Awaitable[None]],
) -> None:
    """Everything that waits for ``stage``; raises what the bus raises, and then it waits on."""
    pending = await take()
    if not pending:
        return
    await ensuring.ensure_rules(js)
    store = await js.key_value(ensuring.RULES)
    for rows, org, number, told in pending:
        key = f"{stage}.{org}.{number}"
        if told is None:
            await store.purge(key)
        else:
            await store.put(key, _encode(told))
        await forget(rows)
