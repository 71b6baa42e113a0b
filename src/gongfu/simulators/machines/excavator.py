"""A 22 t crawler excavator on a building site."""

from __future__ import annotations

import math
from enum import IntEnum
from typing import ClassVar

from gongfu.simulators.machines.machine import Machine, Value
from gongfu.simulators.machines.physics import approach

TANK = 400.0
"""Fuel tank, L."""
SITE = (31.1502, 121.1104)
"""Middle of the site, degrees: 青浦, Shanghai."""
METRES_PER_DEGREE = 111_320.0
WALK = 1.2
"""Travel speed, m/s."""
MODES = ("P 强力", "E 经济", "L 精细")


class State(IntEnum):
    """States of the type ``excavator``."""

    OFF = 0
    IDLING = 1
    DIGGING = 2
    TRAVELLING = 3
    FAULT = 4


class Excavator(Machine):
    """22 t, 118 kW diesel: it draws no electrical power."""

    TYPE: ClassVar[str] = "excavator"
    FAULTS: ClassVar[tuple[str, ...]] = ("hydraulic_leak", "overheating", "fuel_leak")
    SENSOR: ClassVar[str] = "hydraulic_pressure"
    COUNTERS: ClassVar[tuple[str, ...]] = ("fuel_used", "engine_hours", "bucket_cycles", "fuel", "east", "north")

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        pick = self.random.uniform
        self.engine_hours = pick(300, 9_000)
        self.fuel_used = self.engine_hours * 13.5
        self.bucket_cycles = int(self.engine_hours * 110)
        self.fuel = pick(0.35, 0.95) * TANK
        """Litres in the tank."""
        self.state = State.IDLING
        self.mode = MODES[1]
        self.rpm = 900.0
        self.engine_load = 12.0
        self.fuel_rate = 3.5
        self.coolant = 82.0
        self.oil = 64.0
        self.pressure = 35.0
        self.east, self.north = pick(-120, 120), pick(-120, 120)
        """Metres from the middle of the site."""
        self._goal = (self.east, self.north)
        self._left = pick(3, 30)
        self._bucket = 0.0

    def advance(self, dt: float) -> None:
        """Work, engine, hydraulics, heat, fuel."""
        self._work(dt)
        swing = self._dig(dt)
        running = self.state in (State.IDLING, State.DIGGING, State.TRAVELLING)
        rpm, load, pressure = {
            State.IDLING: (900.0, 12.0, 34.0),
            State.DIGGING: (1800.0, 42 + 48 * swing, 90 + 235 * swing),
            State.TRAVELLING: (1950.0, 66.0, 215.0),
        }.get(self.state, (0.0, 0.0, 0.0))
        if self.has("hydraulic_leak"):
            pressure *= 0.62
        self.rpm = approach(self.rpm, rpm, dt, 1.2)
        self.engine_load = approach(self.engine_load, load, dt, 0.8)
        self.pressure = approach(self.pressure, pressure, dt, 0.5)
        self.fuel_rate = approach(self.fuel_rate, 1.6 + 0.24 * load if running else 0.0, dt, 1.0)
        burnt = min(self.fuel, self.fuel_rate * dt / 3600)
        self.fuel_used += burnt
        self.fuel = max(0.0, self.fuel - burnt - (0.02 * dt if self.has("fuel_leak") else 0.0))
        if running:
            self.engine_hours += dt / 3600
        self._heat(dt, running)

    def _work(self, dt: float) -> None:
        self._left -= dt
        if not self.on:
            self.state = State.OFF
        elif self.coolant > 107 or self.state is State.FAULT:
            self.state = State.FAULT if self.coolant > 90 else State.OFF  # the engine protects itself
        elif self.fuel < 0.06 * TANK and not self.has("fuel_leak"):
            self.fuel = 0.95 * TANK  # the tanker comes while it stands
            self._enter(State.OFF, 240)
        elif self.fuel <= 0:
            self.state = State.OFF
        elif self._left <= 0:
            self._next()

    def _next(self) -> None:
        pick = self.random.uniform
        if self.state in (State.IDLING, State.TRAVELLING):
            self.mode = self.random.choice(MODES[:2])
            self._enter(State.DIGGING, pick(90, 420))
        elif self.state is State.DIGGING and self.random.random() < 0.3:
            self._goal = (pick(-140, 140), pick(-140, 140))
            away = math.hypot(self._goal[0] - self.east, self._goal[1] - self.north)
            self._enter(State.TRAVELLING, 1 + away / WALK)
        else:
            self._enter(State.IDLING, pick(20, 120))  # waits for a truck

    def _enter(self, state: State, seconds: float) -> None:
        self.state = state
        self._left = seconds

    def _dig(self, dt: float) -> float:
        """Effort of the dig–swing–dump–return cycle, 0 to 1; moves when it travels."""
        if self.state is State.TRAVELLING:
            east, north = self._goal[0] - self.east, self._goal[1] - self.north
            away = math.hypot(east, north)
            if away > 0.01:
                step = min(1.0, WALK * dt / away)
                self.east += east * step
                self.north += north * step
        if self.state is not State.DIGGING:
            return 0.0
        self._bucket += dt / self.random.uniform(15, 19)
        if self._bucket >= 1:
            self._bucket -= 1
            self.bucket_cycles += 1
        return math.pow(max(0.0, math.sin(2 * math.pi * self._bucket)), 0.7)

    def _heat(self, dt: float, running: bool) -> None:
        warm = 80 + 0.07 * self.engine_load + (34 if self.has("overheating") else 0.0)
        self.coolant = approach(self.coolant, warm if running else self.ambient, dt, 240 if running else 1800)
        oil = 50 + 0.09 * self.pressure + (22 if self.has("hydraulic_leak") else 0.0)
        target = self.ambient - 24 + oil if running else self.ambient
        self.oil = approach(self.oil, target, dt, 500 if running else 2400)

    def values(self) -> dict[str, Value]:
        """Tags of ``excavator``."""
        north = SITE[0] + self.north / METRES_PER_DEGREE
        east = SITE[1] + self.east / (METRES_PER_DEGREE * math.cos(math.radians(SITE[0])))
        return {
            "state": int(self.state),
            "work_mode": self.mode,
            "engine_speed": round(max(0.0, self.rpm + self.noise(6))) if self.rpm > 5 else 0,
            "engine_load": round(self.engine_load),
            "coolant_temperature": round(self.coolant + self.noise(0.1), 1),
            "hydraulic_pressure": round(max(0.0, self.pressure + self.noise(1.2))) if self.rpm > 5 else 0,
            "hydraulic_oil_temperature": round(self.oil + self.noise(0.1), 1),
            "fuel_level": round(100 * self.fuel / TANK, 1),
            "fuel_rate": round(self.fuel_rate, 1),
            "fuel_used": round(self.fuel_used, 2),
            "engine_hours": round(self.engine_hours, 3),
            "bucket_cycles": self.bucket_cycles,
            "latitude": round(north + self.noise(8e-6), 6),
            "longitude": round(east + self.noise(8e-6), 6),
        }
