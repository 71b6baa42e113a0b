"""Derived tags: what recipes say of a device's own readings, as they pass. Pure: no clock, no I/O.

A tag whose address begins with ``derived:`` (:mod:`gongfu.network.retrofit.recipes`) is not read from the device.
Its value follows from the readings of other tags as they are stored, so a replay of the history says the same.
It is stored when it changes by more than its dead-band, and after its ``silence`` all the same. It is *uncertain* while
the confidence is low or an input is, and once its inputs have been silent for the recipe's ``stale`` seconds; then
nothing more is said until they are back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from gongfu.kernel.errors import Invalid, packed
from gongfu.kernel.events import EventKind
from gongfu.kernel.readings import Quality
from gongfu.network.gateway.checks import Columns, Finding
from gongfu.network.gateway.config import DeviceConfig, TagConfig
from gongfu.network.gateway.thinning import Thinner
from gongfu.network.retrofit import recipes
from gongfu.network.retrofit.machines import Memory, PulseMachine, machine, said
from gongfu.network.retrofit.recipes import Output, Recipe

_ROW_BYTES = 21
_SECOND = 1_000_000
_ANY_CHANGE = 1e-9

_memories = msgspec.json.Decoder(dict[str, Memory])


class _Out:
    """One derived tag: where its values go, and what was stored last."""

    __slots__ = ("output", "series", "thin", "time")

    def __init__(self, tag: TagConfig, output: Output) -> None:
        self.series = tag.series
        self.output = output
        self.thin = Thinner(msgspec.structs.replace(tag, deadband=tag.deadband or _ANY_CHANGE))
        self.time = 0


class _Running:
    """One recipe at work."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.machine = machine(recipe)
        self.outs: list[_Out] = []
        self.time = 0
        """Source time of the newest input."""
        self.heard = 0
        """When it came."""
        self.qualities: dict[str, int] = {}
        self.silent = False

    @property
    def key(self) -> str:
        """Names what is remembered: another debounce or pace goes on counting, another input does not."""
        return f"{self.recipe.kind}:{','.join(self.recipe.inputs.values())}"


class Deriver:
    """The recipes of one device. ``findings`` says which of its derived tags cannot work."""

    def __init__(self, tags: Iterable[TagConfig]) -> None:
        tags = list(tags)
        series = {
            tag.name: tag.series
            for tag in tags
            if not recipes.is_derived(tag.address) and tag.kind not in ("text", "array")
        }
        running: dict[Recipe, _Running] = {}
        self.findings: list[Finding] = []
        for tag in tags:
            if not recipes.is_derived(tag.address):
                continue
            try:
                recipe, output = recipes.parse(tag.address)
            except Invalid as error:
                self.findings.append(Finding(EventKind.MALFORMED, f"{tag.name}: {packed(error)}"))
                continue
            if lacking := [key for key in recipe.inputs.values() if key not in series]:
                self.findings.append(Finding(EventKind.MALFORMED, f"{tag.name}: no tag {', '.join(lacking)}"))
                continue
            running.setdefault(recipe, _Running(recipe)).outs.append(_Out(tag, output))
        self._all = list(running.values())
        self._routes: dict[int, list[tuple[_Running, str]]] = {}
        for one in self._all:
            for role, key in one.recipe.inputs.items():
                self._routes.setdefault(series[key], []).append((one, role))

    def take(self, columns: Columns, first: int, arrived: int) -> None:
        """Append to ``columns`` what follows from its rows from ``first`` on; ``arrived`` in microseconds UTC."""
        for row in range(first, len(columns.series)):
            for one, role in self._routes.get(columns.series[row], ()):
                quality = columns.qualities[row]
                if quality == Quality.BAD:
                    continue
                one.qualities[role] = quality
                one.machine.take(role, columns.values[row], columns.times[row])
                one.time, one.heard, one.silent = max(one.time, columns.times[row]), arrived, False
                _tell(one, one.time, columns, stale=False)

    def tick(self, now: int, columns: Columns) -> None:
        """Append what follows from the time alone; ``now`` by the clock that ``arrived`` is of."""
        for one in self._all:
            if not one.heard or one.silent:
                continue
            late = max(0, now - one.heard)
            one.silent = late > one.recipe.stale * _SECOND
            one.machine.tick(one.time + late)
            _tell(one, one.time + late, columns, stale=one.silent)

    def memory(self) -> bytes:
        """What must outlive this process, JSON; empty when nothing must."""
        found = {one.key: one.machine.memory for one in self._all if isinstance(one.machine, PulseMachine)}
        return msgspec.json.encode(found) if found else b""

    def recall(self, memory: bytes) -> None:
        """Go on from what :meth:`memory` gave earlier; what cannot be read is as if there were none."""
        try:
            found = _memories.decode(memory)
        except msgspec.DecodeError:
            return
        for one in self._all:
            if one.key in found and isinstance(one.recipe, recipes.Pulse):
                one.machine = PulseMachine(one.recipe, found[one.key])


def deriver(tags: Iterable[TagConfig]) -> Deriver | None:
    """For a device that has derived tags, else None."""
    tags = list(tags)
    return Deriver(tags) if any(recipes.is_derived(tag.address) for tag in tags) else None


def read_tags(device: DeviceConfig) -> DeviceConfig:
    """``device`` as its driver knows it: without derived tags."""
    tags = [tag for tag in device.tags if not recipes.is_derived(tag.address)]
    return device if len(tags) == len(device.tags) else msgspec.structs.replace(device, tags=tags)


def _tell(one: _Running, time: int, columns: Columns, *, stale: bool) -> None:
    doubtful = stale or any(one.qualities.values())
    for out, value, sure in _values(one):
        quality = int(Quality.UNCERTAIN if doubtful or not sure else Quality.GOOD)
        at = max(time, out.time + 1)
        if out.thin.keep(value, at, quality):
            columns.series.append(out.series)
            columns.times.append(at)
            columns.values.append(value)
            columns.qualities.append(quality)
            columns.size += _ROW_BYTES
            out.time = at


def _values(one: _Running) -> Iterator[tuple[_Out, float, bool]]:
    for out in one.outs:
        told = said(one.recipe, one.machine, out.output)
        if told is not None:
            yield out, told.value, told.sure
