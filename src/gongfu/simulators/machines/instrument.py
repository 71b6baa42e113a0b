"""Between the machine and the wire: what the sensors and the controller's clock make of the truth."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

from gongfu.simulators.machines.machine import Machine, Value

AHEAD = 3600 * 1_000_000
"""How far ``clock_ahead`` puts the source clock into the future, microseconds."""


class Report(msgspec.Struct, frozen=True):
    """Everything a machine tells at one moment."""

    time: int
    """Source time, microseconds UTC; wrong when the machine's clock is."""
    values: Mapping[str, Value]


class Instrument:
    """Reads one machine, with its instrument faults."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._frozen: Value | None = None

    def read(self, now: int) -> Report | None:
        """The report of time ``now`` (microseconds UTC), or None while the machine is *gone*."""
        machine = self.machine
        if machine.has("gone"):
            return None
        values = machine.values()
        if machine.has("frozen_sensor"):
            self._frozen = values[machine.SENSOR] if self._frozen is None else self._frozen
            values[machine.SENSOR] = self._frozen
        else:
            self._frozen = None
        if machine.has("nan_sensor"):
            values[machine.SENSOR] = math.nan
        return Report(time=now + (AHEAD if machine.has("clock_ahead") else 0), values=values)
