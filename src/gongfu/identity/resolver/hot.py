"""Values asked for again and again, ready to be sent: a memory over the store that never says something old. Pure.

Most questions are about few identifiers. What one look-up found serves until the store's journal says that it changed,
or that a prefix did; the journal is looked at once in a round, inside the round's own transaction.
"""

from __future__ import annotations

from itertools import islice
from typing import Protocol

from gongfu.identity.resolver.quick import PublicValues

MOST_CHANGES = 256
"""After more changes since the last round everything is forgotten rather than looked up one by one."""
_BESIDES = 300
"""Octets of Python's objects around a key and its values."""
_ROOM = 8  # of what is held, an eighth goes when there is no room


class Moment(Protocol):
    """What is needed of :class:`~gongfu.identity.registry.view.View`."""

    def generation(self) -> bytes | None:
        """Another one after each change of prefixes."""
        ...

    def last_change(self) -> int:
        """Number of the newest change."""
        ...

    def changed(self, after: int) -> list[bytes] | None:
        """Keys changed behind number ``after``; None when that is no longer known."""
        ...

    @property
    def public(self) -> PublicValues:
        """The look-up itself."""
        ...


class Hot:
    """At most about ``most`` octets, none if 0; the oldest go first. Not for several threads at once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = 0
        self._values: dict[bytes, tuple[int, bytes]] = {}
        self._generation: bytes | None = b"never read"
        self._last = 0

    def over(self, moment: Moment) -> PublicValues:
        """``moment.public``, from memory where nothing has changed; as good as ``moment`` and no longer."""
        look_up = moment.public
        if not self._most:
            return look_up
        self._follow(moment)
        find, remember = self._values.get, self._remember

        def public(key: bytes) -> tuple[int, bytes] | None:
            found = find(key)
            if found is None:
                found = look_up(key)
                if found is not None:
                    remember(key, found)
            return found

        return public

    def _follow(self, moment: Moment) -> None:
        generation, last = moment.generation(), moment.last_change()
        if generation == self._generation and last == self._last:
            return
        known = generation == self._generation and 0 <= last - self._last <= MOST_CHANGES
        keys = moment.changed(self._last) if known else None
        if keys is None:
            self._values.clear()
            self._held = 0
        else:
            for key in keys:
                self._drop(key)
        self._generation, self._last = generation, last

    def _remember(self, key: bytes, found: tuple[int, bytes]) -> None:
        self._values[key] = found
        self._held += len(key) + len(found[1]) + _BESIDES
        if self._held > self._most:
            for old in list(islice(self._values, len(self._values) // _ROOM + 1)):
                self._drop(old)

    def _drop(self, key: bytes) -> None:
        gone = self._values.pop(key, None)
        if gone is not None:
            self._held -= len(key) + len(gone[1]) + _BESIDES
