"""What every simulated machine has: a clock, faults, a switch, counters that outlive the process."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from random import Random
from typing import ClassVar

from gongfu.kernel.errors import NotFound
from gongfu.kernel.i18n import mark

Value = float | bool | str
STEP = 0.25
"""Longest step of the physics, seconds: shorter than the shortest phase of any cycle."""
INSTRUMENT_FAULTS = ("clock_ahead", "nan_sensor", "frozen_sensor", "gone")
"""Faults of what reports rather than of what is reported: they leave the physics alone."""


class Machine(ABC):
    """One machine. Tag keys of :meth:`values` are those of its device type."""

    TYPE: ClassVar[str]
    """Id of the device type in the library."""
    FAULTS: ClassVar[tuple[str, ...]]
    """Faults of the machine itself."""
    SENSOR: ClassVar[str]
    """The tag that ``nan_sensor`` and ``frozen_sensor`` strike."""
    COUNTERS: ClassVar[tuple[str, ...]] = ("energy",)
    """Attributes that a meter would keep over a power cut."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311 - a simulation must be repeatable
        self.faults: set[str] = set()
        self.on = True
        self.ambient = 24.0
        """Temperature of the hall, °C."""
        self.power = 0.0
        """Electrical power drawn, kW."""
        self.energy = self.random.uniform(8_000, 60_000)
        """Electrical energy since commissioning, kWh."""

    def step(self, dt: float) -> None:
        """Let ``dt`` seconds pass."""
        while dt > 1e-9:
            slice_ = min(dt, STEP)
            self.advance(slice_)
            self.energy += self.power * slice_ / 3600
            dt -= slice_

    @abstractmethod
    def advance(self, dt: float) -> None:
        """Physics of one step of at most :data:`STEP` seconds."""

    @abstractmethod
    def values(self) -> dict[str, Value]:
        """What the sensors and the controller tell now, by tag key, in the tag's unit."""

    def inject(self, fault: str) -> None:
        """Switch a fault on; raises :class:`NotFound` for a fault this machine cannot have."""
        known = (*self.FAULTS, *INSTRUMENT_FAULTS)
        if fault not in known:
            raise NotFound(
                mark("This machine has no fault {fault}."),
                remedy=mark("Use one of: {known}."),
                fault=fault,
                known=", ".join(known),
            )
        self.faults.add(fault)

    def clear(self, fault: str) -> None:
        """Switch a fault off; nothing happens if it was not on."""
        self.faults.discard(fault)

    def has(self, fault: str) -> bool:
        """Whether the fault is on."""
        return fault in self.faults

    def counters(self) -> dict[str, float]:
        """Counters to be kept over a restart."""
        return {name: float(getattr(self, name)) for name in self.COUNTERS}

    def restore(self, kept: Mapping[str, float]) -> None:
        """Go on from kept counters; names that are unknown are left alone."""
        for name in self.COUNTERS:
            if name in kept:
                setattr(self, name, type(getattr(self, name))(kept[name]))

    def noise(self, deviation: float) -> float:
        """Measurement noise with the given standard deviation."""
        return self.random.gauss(0, deviation)
