"""How large a store for so many points a day must be, with every step of the arithmetic. Pure.

What a reading costs was measured; the command that measures it stands beside each constant. Measure on your machines
and give your figures to :class:`Costs`. What was not measured is an allowance, and says so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

DAY: Final = 86_400
MINUTES, HOURS, DAYS = 1440, 24, 1


@dataclass(frozen=True)
class Costs:
    """What things cost."""

    reading_octets: float = 2.9
    """On disk, merged; demonstration signals, `gongfu bench store`."""
    rollup_octets: float = 34.0
    """Allowance: a row of sixteen columns on disk, merged; replace it by what your store shows."""
    wire_octets: float = 20.0
    """A reading in a batch on the bus: time 8, value 8, series and quality 4 (ADR 0006)."""
    readings_core_s: float = 250_000
    """Readings a second and core through bus and recorder: half of `gongfu bench path` (990,894 on 2 cores), the other half is left to merges and questions."""  # noqa: E501
    peak: float = 3.0
    """Allowance: the busiest minute beside the average."""
    merge_room: float = 1.3
    """Allowance: merges hold old and new parts for a while, and a disk should not be fuller than three quarters."""
    rollup_share: float = 0.1
    """Allowance: rolling up takes this part of the processor time of ingestion."""
    mark_octets: float = 48.0
    """In memory for each 8,192 rows: key of organisation, series and time, and the marks of six columns."""
    backup_octets_s: float = 200e6
    """A server's backup, `gongfu bench backup`."""


@dataclass(frozen=True)
class Server:
    """One machine."""

    disk_octets: float = 20e12
    cores: int = 32
    memory_octets: float = 128e9


@dataclass(frozen=True)
class Wish:
    """What is wanted."""

    points_per_day: float
    sensors: int
    raw_days: int = 365
    rollup_days: int = 3650
    replicas: int = 2


@dataclass(frozen=True)
class Step:
    """One line of the arithmetic: ``what`` = ``formula`` = ``value`` ``unit``."""

    what: str
    formula: str
    value: float
    unit: str


@dataclass
class Plan:
    """The answer and how it came about."""

    steps: list[Step] = field(default_factory=list)
    shards: int = 0
    servers: int = 0

    def add(self, what: str, formula: str, value: float, unit: str) -> float:
        """Note a step; returns ``value``."""
        self.steps.append(Step(what, formula, value, unit))
        return value

    def value(self, what: str) -> float:
        """The value of a step by its name."""
        return next(step.value for step in self.steps if step.what == what)


def plan(wish: Wish, server: Server = Server(), costs: Costs = Costs()) -> Plan:
    """Servers for ``wish``; raises :class:`Invalid` for what cannot be."""
    for name, value in (
        ("points-per-day", wish.points_per_day),
        ("sensors", wish.sensors),
        ("retention", wish.raw_days),
        ("rollup-retention", wish.rollup_days),
        ("replicas", wish.replicas),
        ("disk", server.disk_octets),
        ("cores", server.cores),
        ("memory", server.memory_octets),
    ):
        if not (math.isfinite(value) and 0 < value <= 1e18):
            raise Invalid(
                mark("{name} cannot be {value}."), remedy=mark("Use a number above 0."), name=name, value=value
            )
    made = Plan()
    rate = made.add("rate", f"{wish.points_per_day:,.0f} / {DAY:,}", wish.points_per_day / DAY, "1/s")
    peak = made.add("peak rate", f"{rate:,.0f} × {costs.peak}", rate * costs.peak, "1/s")
    total = _disk(made, wish, costs)
    cores = made.add("cores to store", f"{peak:,.0f} / {costs.readings_core_s:,.0f}", peak / costs.readings_core_s, "")
    rolling = made.add("cores to roll up", f"{cores:,.2f} × {costs.rollup_share}", cores * costs.rollup_share, "")
    cores_all = made.add(
        "cores to write", f"({cores:,.2f} + {rolling:,.2f}) × {wish.replicas}", (cores + rolling) * wish.replicas, ""
    )
    memory = _memory(made, wish, costs)
    _network(made, wish, peak, costs)
    by_disk = made.add(
        "shards by disk",
        f"⌈{total:,.0f} / {wish.replicas} / {server.disk_octets:,.0f}⌉",
        math.ceil(total / wish.replicas / server.disk_octets),
        "",
    )
    usable = server.cores / 2
    by_cores = made.add(
        "shards by cores",
        f"⌈{cores_all:,.2f} / {wish.replicas} / ({server.cores} / 2)⌉",
        math.ceil(cores_all / wish.replicas / usable),
        "",
    )
    by_memory = made.add(
        "shards by memory",
        f"⌈{memory:,.0f} / ({server.memory_octets:,.0f} / 4)⌉",
        math.ceil(memory / (server.memory_octets / 4)),
        "",
    )
    made.shards = int(
        made.add(
            "shards",
            f"max({by_disk:.0f}, {by_cores:.0f}, {by_memory:.0f}, 1)",
            max(by_disk, by_cores, by_memory, 1),
            "",
        )
    )
    made.servers = int(made.add("servers", f"{made.shards} × {wish.replicas}", made.shards * wish.replicas, ""))
    each = total / wish.replicas / made.shards
    made.add(
        "first backup of a server", f"{each:,.0f} / {costs.backup_octets_s:,.0f}", each / costs.backup_octets_s, "s"
    )
    return made


def _disk(made: Plan, wish: Wish, costs: Costs) -> float:
    raw_rows = made.add(
        "readings kept", f"{wish.points_per_day:,.0f} × {wish.raw_days}", wish.points_per_day * wish.raw_days, ""
    )
    raw = made.add(
        "disk of readings", f"{raw_rows:,.0f} × {costs.reading_octets}", raw_rows * costs.reading_octets, "B"
    )
    each = wish.points_per_day / wish.sensors
    made.add("points of a sensor a day", f"{wish.points_per_day:,.0f} / {wish.sensors:,}", each, "")
    rows = sum(min(each, count) for count in (MINUTES, HOURS, DAYS))
    a_day = made.add(
        "roll-ups of a sensor a day",
        f"min({each:,.0f}, {MINUTES}) + min({each:,.0f}, {HOURS}) + min({each:,.0f}, {DAYS})",
        rows,
        "",
    )
    rolled_rows = made.add(
        "roll-ups kept",
        f"{a_day:,.0f} × {wish.sensors:,} × {wish.rollup_days}",
        a_day * wish.sensors * wish.rollup_days,
        "",
    )
    rolled = made.add(
        "disk of roll-ups", f"{rolled_rows:,.0f} × {costs.rollup_octets}", rolled_rows * costs.rollup_octets, "B"
    )
    one = made.add(
        "disk of one copy", f"({raw:,.0f} + {rolled:,.0f}) × {costs.merge_room}", (raw + rolled) * costs.merge_room, "B"
    )
    return made.add("disk of all copies", f"{one:,.0f} × {wish.replicas}", one * wish.replicas, "B")


def _memory(made: Plan, wish: Wish, costs: Costs) -> float:
    rows = made.value("readings kept") + made.value("roll-ups kept")
    index = made.add(
        "memory of indexes", f"{rows:,.0f} / 8,192 × {costs.mark_octets}", rows / 8192 * costs.mark_octets, "B"
    )
    newest = made.add("memory of latest values", f"{wish.sensors:,} × 64", wish.sensors * 64, "B")
    return made.add("memory of one copy", f"{index:,.0f} + {newest:,.0f}", index + newest, "B")


def _network(made: Plan, wish: Wish, peak: float, costs: Costs) -> None:
    others = wish.replicas - 1
    copies = 1 + others * costs.reading_octets / costs.wire_octets
    made.add(
        "network at the peak",
        f"{peak:,.0f} × {costs.wire_octets} × 8 × (1 + {others} × {costs.reading_octets} / {costs.wire_octets})",
        peak * costs.wire_octets * 8 * copies,
        "bit/s",
    )
