"""An oil-injected screw compressor that loads and unloads around a pressure band."""

from __future__ import annotations

import math
from enum import IntEnum
from typing import ClassVar

from gongfu.simulators.machines.machine import Machine, Value
from gongfu.simulators.machines.physics import Wander, approach

LOAD_AT = 6.8
UNLOAD_AT = 7.6
"""Pressure band, bar gauge."""
TANK = 2.0
"""Receiver, m³."""
DELIVERY = 6.1
"""Free air delivered when loaded, m³/min."""
RATED_KW = 37.0
WINDOW = 600.0
"""Load ratio and specific power are means over about this many seconds."""


class State(IntEnum):
    """States of the type ``screw-air-compressor``."""

    OFF = 0
    UNLOADED = 1
    LOADED = 2
    FAULT = 3


class Compressor(Machine):
    """37 kW, 6.1 m³/min at 7 bar."""

    TYPE: ClassVar[str] = "screw-air-compressor"
    FAULTS: ClassVar[tuple[str, ...]] = ("air_leak", "cooler_fouled", "separator_clogged")
    SENSOR: ClassVar[str] = "discharge_temperature"
    COUNTERS: ClassVar[tuple[str, ...]] = ("energy", "running_hours", "loaded_hours")

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.running_hours = self.random.uniform(3_000, 20_000)
        self.loaded_hours = self.running_hours * self.random.uniform(0.55, 0.7)
        self.state = State.LOADED
        self.pressure = self.random.uniform(LOAD_AT + 0.1, UNLOAD_AT - 0.1)
        self.temperature = 82.0
        self.oil = 62.0
        self.separator = 0.28
        self.flow = DELIVERY
        self.load_ratio = 0.62
        self.demand = Wander(self.random, 3.8, 0.55, 90)
        """Air the hall uses, m³/min."""
        self._mean_flow = 3.8
        self._mean_power = 28.0

    def advance(self, dt: float) -> None:
        """Control, receiver, temperatures, power."""
        self._control()
        running = self.state in (State.UNLOADED, State.LOADED)
        loaded = self.state is State.LOADED
        self.flow = approach(self.flow, DELIVERY if loaded else 0.0, dt, 1.0)
        use = max(0.4, self.demand.step(dt)) + (1.6 if self.has("air_leak") else 0.0)
        if not self.on:
            use = min(use, 0.3)  # the hall is closed: only small leaks remain
        self.pressure = max(0.0, self.pressure + (self.flow - use) / TANK / 60 * 1.013 * dt)
        self._temperatures(dt, running, loaded)
        work = math.log(1 + self.pressure) / math.log(8)  # isothermal, 1 at 7 bar
        clogged = 1.06 if self.has("separator_clogged") else 1.0
        target = RATED_KW * (1.02 * work * clogged if loaded else 0.36) if running else 0.0
        self.power = approach(self.power, target, dt, 1.5)
        if running:
            self.running_hours += dt / 3600
            self.loaded_hours += dt / 3600 if loaded else 0.0
            self.load_ratio = approach(self.load_ratio, 1.0 if loaded else 0.0, dt, WINDOW)
            self._mean_flow = approach(self._mean_flow, self.flow, dt, WINDOW)
            self._mean_power = approach(self._mean_power, self.power, dt, WINDOW)

    def _control(self) -> None:
        if not self.on:
            self.state = State.OFF
        elif self.temperature > 112 or self.state is State.FAULT:
            # trips on temperature, may be started again when it has cooled down
            self.state = State.FAULT if self.temperature > 90 else State.UNLOADED
        elif self.pressure <= LOAD_AT:
            self.state = State.LOADED
        elif self.pressure >= UNLOAD_AT or self.state is State.OFF:
            self.state = State.UNLOADED

    def _temperatures(self, dt: float, running: bool, loaded: bool) -> None:
        fouled = 1.5 if self.has("cooler_fouled") else 1.0
        rise = (60 if loaded else 46) * fouled if running else 0.0
        self.temperature = approach(self.temperature, self.ambient + rise, dt, 150 if running else 1200)
        self.oil = approach(self.oil, self.ambient + 0.64 * rise, dt, 300 if running else 1500)
        drop = (1.15 if self.has("separator_clogged") else 0.28) * (1.0 if loaded else 0.35) if running else 0.0
        self.separator = approach(self.separator, drop, dt, 4)

    def values(self) -> dict[str, Value]:
        """Tags of ``screw-air-compressor``."""
        specific = self._mean_power / max(0.3, self._mean_flow) if self.on else 0.0
        factor = 0.88 if self.state is State.LOADED else 0.62
        return {
            "state": int(self.state),
            "discharge_pressure": round(max(0.0, self.pressure + self.noise(0.008)), 2),
            "discharge_temperature": round(self.temperature + self.noise(0.12), 1),
            "flow": round(self.flow, 2),
            "motor_current": round(self.power / (math.sqrt(3) * 0.38 * factor), 1),
            "oil_temperature": round(self.oil + self.noise(0.08), 1),
            "separator_pressure_drop": round(max(0.0, self.separator + self.noise(0.004)), 2),
            "specific_power": round(min(60.0, specific), 2),
            "load_ratio": round(100 * self.load_ratio),
            "running_hours": round(self.running_hours, 2),
            "loaded_hours": round(self.loaded_hours, 2),
            "power": round(self.power, 2),
            "energy": round(self.energy, 3),
        }
