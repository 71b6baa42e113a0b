"""A speed-controlled centrifugal pump in a cooling circuit: affinity laws and a system curve."""

from __future__ import annotations

import math
from enum import IntEnum
from typing import ClassVar

from gongfu.simulators.machines.machine import Machine, Value
from gongfu.simulators.machines.physics import Wander, approach

RATED_SPEED = 2900.0
SHUT_OFF = 40.0
"""Head at zero flow and rated speed, m."""
CURVE = 0.0008
"""Fall of the head, m/(m³/h)²: 32 m at 100 m³/h."""
STATIC = 8.0
"""Head of the circuit at zero flow, m."""
BEST = 100.0
"""Flow of best efficiency at rated speed, m³/h."""
METRES = 10.197
"""Metres of water per bar."""
VAPOUR = 0.33
"""Vapour pressure of water at 25 °C, m."""
HEAT_TAU = 700.0


class State(IntEnum):
    """States of the type ``centrifugal-pump``."""

    OFF = 0
    RUNNING = 1
    FAULT = 2


class Pump(Machine):
    """100 m³/h at 32 m, 15 kW."""

    TYPE: ClassVar[str] = "centrifugal-pump"
    FAULTS: ClassVar[tuple[str, ...]] = ("cavitation", "bearing_wear", "trip")
    SENSOR: ClassVar[str] = "bearing_temperature"
    COUNTERS: ClassVar[tuple[str, ...]] = ("energy", "running_hours")

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.running_hours = self.random.uniform(2_000, 30_000)
        self.state = State.RUNNING
        self.speed = 2600.0
        self.temperature = 48.0
        self.vibration = 1.4
        self.flow = self.head = 0.0
        self.suction = 0.35
        self._command = Wander(self.random, 2620, 110, 240)
        self._resistance = Wander(self.random, 0.0022, 0.0002, 400)
        self._level = Wander(self.random, 0.35, 0.03, 300)

    def advance(self, dt: float) -> None:
        """Hydraulics, then heat and vibration."""
        self.state = State.OFF if not self.on else State.FAULT if self.has("trip") else State.RUNNING
        running = self.state is State.RUNNING
        command = max(1200.0, min(RATED_SPEED, self._command.step(dt)))
        self.speed = approach(self.speed, command if running else 0.0, dt, 4)
        ratio = self.speed / RATED_SPEED
        resistance = max(0.0012, self._resistance.step(dt))
        # where the pump's curve meets the circuit's: H0·s² − k·Q² = Hs + r·Q²
        lift = (SHUT_OFF * self._health() * ratio**2 - STATIC) / (CURVE + resistance)
        self.flow = math.sqrt(lift) if lift > 0 else 0.0
        self.head = max(0.0, SHUT_OFF * self._health() * ratio**2 - CURVE * self.flow**2)
        level = self._level.step(dt) - (1.08 if self.has("cavitation") else 0.0)
        self.suction = approach(self.suction, level - 0.12 * (self.flow / BEST) ** 2, dt, 3)
        self._power(ratio)
        self._condition(dt, ratio)
        if running:
            self.running_hours += dt / 3600

    def _health(self) -> float:
        return 0.84 if self.has("cavitation") and self.state is State.RUNNING else 1.0

    def _power(self, ratio: float) -> None:
        if self.speed < 30:
            self.power = 0.0
            return
        off_best = self.flow / (BEST * ratio) - 1
        efficiency = max(0.25, 0.76 * (1 - 0.9 * off_best**2))
        hydraulic = 9.81 * self.flow / 3600 * self.head  # ρ·g·Q·H, kW
        self.power = (hydraulic / efficiency + 0.5 * ratio**3) / 0.92

    def _condition(self, dt: float, ratio: float) -> None:
        vibration = 0.05 + 1.55 * ratio**2
        rise = 26 * ratio
        if self.has("bearing_wear"):
            vibration += 5.2 * ratio**2
            rise += 34 * ratio
        if self.has("cavitation"):
            vibration += (3.4 + self.noise(0.5)) * ratio**2
        self.vibration = max(0.0, approach(self.vibration, vibration if ratio > 0.01 else 0.02, dt, 1.5))
        self.temperature = approach(self.temperature, self.ambient + rise, dt, HEAT_TAU)

    @property
    def npsh_margin(self) -> float:
        """What the inlet has above what the impeller needs, m."""
        available = 10.33 + self.suction * METRES - VAPOUR
        needed = 1.8 + 1.9 * (self.flow / BEST) ** 2
        return available - needed

    def values(self) -> dict[str, Value]:
        """Tags of ``centrifugal-pump``."""
        return {
            "state": int(self.state),
            "flow": round(max(0.0, self.flow + self.noise(0.25)), 1) if self.flow else 0.0,
            "head": round(max(0.0, self.head + self.noise(0.06)), 1) if self.head else 0.0,
            "suction_pressure": round(self.suction + self.noise(0.004), 2),
            "discharge_pressure": round(self.suction + self.head / METRES + self.noise(0.006), 2),
            "speed": round(self.speed),
            "npsh_margin": round(self.npsh_margin, 1),
            "bearing_temperature": round(self.temperature + self.noise(0.07), 1),
            "vibration": round(max(0.0, self.vibration * (1 + self.noise(0.04))), 2),
            "running_hours": round(self.running_hours, 2),
            "power": round(self.power, 2),
            "energy": round(self.energy, 3),
        }
