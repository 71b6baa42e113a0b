"""How far a machine is, and the rates that follow: dated formulas. Pure.

The scale of levels is ours: each level is what stored data show, not what somebody says. The names of the rates follow
the usage of the field (设备联网率, 设备上云率, 生产设备数字化率, 数字化生产设备联网率 are asked for in reports on the
integration of informatisation and industrialisation); what exactly counts is defined here, by date, and is ours too.

| rate | formula |
|---|---|
| connected (设备联网率) | machines that delivered a reading within ``days`` / all machines that count |
| on the cloud (设备上云率) | those whose state or a measure is stored here within ``days`` / all machines that count |
| digital (设备数字化率) | machines with a controller / all machines that count |
| digital connected (数字化设备联网率) | connected machines with a controller / machines with a controller |
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from enum import IntEnum, StrEnum

import msgspec

from gongfu.kernel.i18n import mark


class Level(IntEnum):
    """What data show of a machine; each level includes those below."""

    DUMB = 0
    """Nothing was delivered of late."""
    DELIVERING = 1
    """Some reading came of late."""
    STATE = 2
    """Whether it runs is stored, measured or derived."""
    MEASURED = 3
    """And a count, energy, power or operating hours."""
    CONTROLLED = 4
    """And a set-point was written to it and confirmed by reading it back."""


MEASURES = frozenset({"count", "energy", "power", "runtime", "fuel"})
"""Roles of tags that make a machine a measured one."""


class Definition(msgspec.Struct, frozen=True):
    """What counts, from the day ``since`` on."""

    since: dt.date
    days: int
    """A reading of so many days counts as of late."""
    command_days: int
    """The same for a confirmed command."""


DEFINITIONS = (Definition(since=dt.date(2020, 1, 1), days=30, command_days=365),)
"""In order of date. A new one is added, never an old one changed: what was reported stays reproducible."""


def definition(day: dt.date) -> Definition:
    """The definition in force on ``day``."""
    return max((one for one in DEFINITIONS if one.since <= day), key=lambda one: one.since, default=DEFINITIONS[0])


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one machine. Times of the newest of each; None for never."""

    delivered: dt.datetime | None = None
    roles: dict[str, dt.datetime] = {}
    """Role of a tag → its newest stored reading that is not bad."""
    commanded: dt.datetime | None = None
    """The newest confirmed command."""
    digital: bool = False
    """It has a controller."""


class Judged(msgspec.Struct, frozen=True):
    """A machine as the rates see it."""

    level: Level
    on_cloud: bool
    digital: bool


def judge(evidence: Evidence, now: dt.datetime) -> Judged:
    """Level and standing at ``now``, by the definition of that day."""
    rule = definition(now.date())
    since = now - dt.timedelta(days=rule.days)
    fresh = {role for role, at in evidence.roles.items() if at >= since}
    level = Level.DUMB
    if evidence.delivered is not None and evidence.delivered >= since:
        level = Level.DELIVERING
        if "state" in fresh:
            level = Level.STATE
            if fresh & MEASURES:
                level = Level.MEASURED
                if evidence.commanded is not None and evidence.commanded >= now - dt.timedelta(rule.command_days):
                    level = Level.CONTROLLED
    stored = level >= Level.DELIVERING and bool(fresh & (MEASURES | {"state"}))
    return Judged(level, stored, evidence.digital)


class Rates(msgspec.Struct, frozen=True):
    """Numbers of machines, and what follows. A rate is None where there is nothing to divide by."""

    machines: int
    connected: int
    on_cloud: int
    digital: int
    digital_connected: int
    levels: tuple[int, ...]
    """How many machines are on each level, lowest first."""

    @property
    def connection_rate(self) -> float | None:
        """设备联网率, percent."""
        return _percent(self.connected, self.machines)

    @property
    def cloud_rate(self) -> float | None:
        """设备上云率, percent."""
        return _percent(self.on_cloud, self.machines)

    @property
    def digital_rate(self) -> float | None:
        """设备数字化率, percent."""
        return _percent(self.digital, self.machines)

    @property
    def digital_connection_rate(self) -> float | None:
        """数字化设备联网率, percent."""
        return _percent(self.digital_connected, self.digital)


def rates(machines: Iterable[Judged]) -> Rates:
    """The rates over ``machines``, those that count."""
    found = list(machines)
    connected = [one for one in found if one.level >= Level.DELIVERING]
    return Rates(
        machines=len(found),
        connected=len(connected),
        on_cloud=sum(one.on_cloud for one in found),
        digital=sum(one.digital for one in found),
        digital_connected=sum(one.digital for one in connected),
        levels=tuple(sum(one.level is level for one in found) for level in Level),
    )


def _percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 1) if whole else None


class Interface(StrEnum):
    """What a machine offers to whoever wants to know something of it."""

    ETHERNET = "ethernet"
    SERIAL = "serial"
    PULSE = "pulse"
    STACK_LIGHT = "stack_light"
    ANALOGUE = "analogue"
    MOTOR = "motor"
    """A motor cable that a current clamp can be put around."""


class Step(msgspec.Struct, frozen=True):
    """A next step: what to do, what it costs (CNY, our rough estimate), where it leads, what it uses."""

    what: str
    cost: int
    reaches: Level
    detail: str = ""
    """A driver's or a tag's name."""


_CONTROLLERS = (
    (("siemens", "西门子", "s7-", "s7 "), "s7"),
    (("mitsubishi", "三菱", "melsec", "fx5", "fx3"), "melsec"),
    (("rockwell", "allen", "罗克韦尔", "logix"), "ethernetip"),
    (("fanuc", "发那科", "mazak", "马扎克", "haas"), "mtconnect"),
    (("omron", "欧姆龙", "beckhoff", "倍福", "kuka", "opc"), "opcua"),
)
"""Words in the name of a controller → driver to try first."""


def driver_for(controller: str) -> str:
    """The driver that probably reads this controller; Modbus when nothing is known of it."""
    named = f"{controller.casefold()} "
    return next((driver for words, driver in _CONTROLLERS if any(word in named for word in words)), "modbus")


_OF_CONTROLLERS = {
    "s7": "Siemens S7",
    "melsec": "Mitsubishi MELSEC",
    "ethernetip": "EtherNet/IP",
    "opcua": "OPC UA",
    "mtconnect": "MTConnect",
    "sparkplug": "Sparkplug B",
}


def controller_behind(driver: str) -> str:
    """What a device of this driver has for certain; empty where a mere sensor may speak the protocol as well."""
    return _OF_CONTROLLERS.get(driver, "")


_SENSORS = (
    (Interface.ETHERNET, mark("Connect its network port; try the driver"), 500, Level.MEASURED),
    (Interface.PULSE, mark("Wire its pulse to an input, and count it by a recipe"), 700, Level.MEASURED),
    (Interface.SERIAL, mark("Connect its serial port by a serial server"), 800, Level.MEASURED),
    (Interface.STACK_LIGHT, mark("Read its stack light, and derive the state by a recipe"), 900, Level.STATE),
    (Interface.ANALOGUE, mark("Wire its analogue output, and derive the state by a recipe"), 900, Level.STATE),
    (
        Interface.MOTOR,
        mark("Put a current clamp around its motor cable, and derive the state by a recipe"),
        1000,
        Level.STATE,
    ),
)


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """What the choice of a next step depends on."""

    level: Level
    interfaces: frozenset[Interface] = frozenset()
    controller: str = ""
    linked: bool = False
    """It is a device already, delivering or not."""
    clamp: str = ""
    """Name of a tag from which a state could be derived: current, power, vibration."""
    pulse: str = ""
    """Name of a tag from which a count could be derived."""
    has_state: bool = False
    """A tag of that role delivers."""
    writes: bool = False
    """Its driver can write."""


def next_steps(situation: Situation) -> list[Step]:
    """What leads a level up, cheapest first; empty when there is no more to reach."""
    steps: list[Step] = []
    level = situation.level
    if level is Level.DUMB and situation.linked:
        steps.append(Step(mark("Find out why it is silent: test the connection"), 0, Level.DELIVERING))
    if level is Level.DELIVERING and situation.clamp:
        steps.append(Step(mark("Derive its state by a recipe from the tag"), 0, Level.STATE, situation.clamp))
    if level < Level.MEASURED and level is not Level.DUMB and situation.pulse:
        steps.append(Step(mark("Derive state and count by a recipe from the tag"), 0, Level.MEASURED, situation.pulse))
    if level in (Level.DUMB, Level.DELIVERING) and not (level is Level.DUMB and situation.linked):
        for interface, what, cost, reaches in _SENSORS:
            if interface in situation.interfaces or (interface is Interface.MOTOR and not situation.interfaces):
                detail = driver_for(situation.controller) if interface is Interface.ETHERNET else ""
                steps.append(Step(what, cost, reaches, detail))
    if level is Level.STATE:
        steps.append(Step(mark("Add an energy meter or a piece counter"), 600, Level.MEASURED))
    if level is Level.MEASURED and situation.writes:
        steps.append(Step(mark("Add a set-point, and write it once under supervision"), 0, Level.CONTROLLED))
    return sorted(steps, key=lambda step: (step.cost, -step.reaches))
