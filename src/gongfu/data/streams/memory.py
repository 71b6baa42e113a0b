"""What stages must not forget, in a bucket: written in parts that fit a message, the head last.

Two generations take turns, so that a process killed while it writes leaves the one before whole.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

import msgspec
from nats.js import JetStreamContext
from nats.js.errors import KeyNotFoundError

from gongfu.data.streams.ensuring import MEMORY, MISSED

PART: Final = 512 * 1024


class Head(msgspec.Struct, frozen=True):
    """Where the newest whole state of a stage lies."""

    generation: int
    parts: int
    digest: str


class Memory:
    """States of stages by name."""

    def __init__(self, js: JetStreamContext) -> None:
        self._js = js
        self._generation: dict[str, int] = {}

    async def load(self, name: str) -> bytes | None:
        """The newest whole state of ``name``; None when there is none. Raises :class:`ValueError` when it is torn."""
        store = await self._js.key_value(MEMORY)
        try:
            entry = await store.get(f"{name}.head")
        except KeyNotFoundError:
            return None
        try:
            head = msgspec.json.decode(entry.value or b"", type=Head)
            parts = [(await store.get(f"{name}.{head.generation}.{part}")).value or b"" for part in range(head.parts)]
        except (msgspec.DecodeError, KeyNotFoundError) as error:
            raise ValueError(f"state of {name}: {error}") from error
        data = b"".join(parts)
        if _digest(data) != head.digest:
            raise ValueError(f"state of {name} is torn")
        self._generation[name] = head.generation
        return data

    async def save(self, name: str, data: bytes) -> None:
        """``data`` is what :meth:`load` gives from now on."""
        store = await self._js.key_value(MEMORY)
        generation = 1 - self._generation.get(name, 1)
        parts = [data[begin : begin + PART] for begin in range(0, len(data), PART)]
        for number, part in enumerate(parts):
            await store.put(f"{name}.{generation}.{number}", part)
        head = Head(generation, len(parts), _digest(data))
        await store.put(f"{name}.head", msgspec.json.encode(head))
        self._generation[name] = generation


async def has_missed(js: JetStreamContext) -> bool:
    """Whether readings did not wait, since somebody caught up last."""
    store = await js.key_value(MEMORY)
    try:
        return bool((await store.get(MISSED)).value)
    except KeyNotFoundError:
        return False


async def caught_up(js: JetStreamContext) -> None:
    """What was missed has been looked at, and the states that know it are written down."""
    await (await js.key_value(MEMORY)).purge(MISSED)


def _digest(data: bytes) -> str:
    return blake2b(data, digest_size=16).hexdigest()
