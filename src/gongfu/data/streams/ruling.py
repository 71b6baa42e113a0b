"""The rules of all stages as the bucket has them now."""

from __future__ import annotations

import asyncio
import contextlib

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.kv import KV_DEL, KV_PURGE, KeyValue

from gongfu.data.streams.ensuring import RULES

_GATHER = 0.3
"""Seconds in which changes are collected: whoever changes one rule often changes many."""


class RuleBook:
    """Follows the bucket of rules. ``changed`` is set when :meth:`rules` says something else for some stage."""

    def __init__(self, js: JetStreamContext, stages: list[str]) -> None:
        self._js = js
        self._rules: dict[str, dict[str, bytes]] = {name: {} for name in stages}
        self._watcher: KeyValue.KeyWatcher | None = None
        self._task: asyncio.Task[None] | None = None
        self._again = asyncio.Event()
        self.changed: set[str] = set()

    def rules(self, stage: str) -> dict[str, bytes]:
        """Every rule of ``stage`` by the rest of its key."""
        return self._rules[stage]

    def disturb(self) -> None:
        """The connection was lost: watch anew."""
        self._again.set()

    async def begin(self) -> None:
        """Read everything that is there, then follow in the background."""
        await self._watch()
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Follow no more."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._unwatch()

    async def _watch(self) -> None:
        """All rules there are; those that were known and are not there are gone."""
        await self._unwatch()
        store = await self._js.key_value(RULES)
        self._watcher = await store.watchall()
        found: dict[str, dict[str, bytes]] = {name: {} for name in self._rules}
        while (entry := await self._watcher.updates(timeout=10)) is not None:  # type: ignore[no-untyped-call]
            stage, _, key = str(entry.key).partition(".")
            if stage in found and entry.value and entry.operation not in (KV_DEL, KV_PURGE):
                found[stage][key] = entry.value
        for stage, rules in found.items():
            if rules != self._rules[stage]:
                self._rules[stage] = rules
                self.changed.add(stage)

    async def _unwatch(self) -> None:
        if self._watcher is not None:
            with contextlib.suppress(NatsError, asyncio.InvalidStateError):
                await self._watcher.stop()  # type: ignore[no-untyped-call]
            self._watcher = None

    async def _follow(self) -> None:
        while True:
            try:
                if self._again.is_set():
                    self._again.clear()
                    await self._watch()
                await self._collect()
            except (NatsError, OSError, TimeoutError):
                self._again.set()
                await asyncio.sleep(1)

    async def _collect(self) -> None:
        assert self._watcher is not None
        try:
            entry = await self._watcher.updates(timeout=_GATHER)  # type: ignore[no-untyped-call]
        except TimeoutError:
            return
        if entry is None:
            return
        stage, _, key = str(entry.key).partition(".")
        if stage not in self._rules:
            return
        rules = self._rules[stage]
        if entry.operation in (KV_DEL, KV_PURGE) or not entry.value:
            rules.pop(key, None)
        else:
            rules[key] = entry.value
        self.changed.add(stage)
