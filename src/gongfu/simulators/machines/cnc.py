"""A vertical machining centre: jobs of setup, cuts and tool changes."""

from __future__ import annotations

import math
from enum import IntEnum
from typing import ClassVar

from gongfu.simulators.machines.machine import Machine, Value
from gongfu.simulators.machines.physics import approach, move

PROGRAMS = ("O1001-壳体", "O1002-法兰", "O2105-支架", "O3310-齿轮箱盖")
RAPID = 400.0
"""Rapid traverse, mm/s (24 m/min)."""
SPINDLE_KW = 15.0
HEAT_TAU = 420.0


class State(IntEnum):
    """States of the type ``cnc-machining-centre``."""

    OFF = 0
    IDLE = 1
    SETUP = 2
    CUTTING = 3
    TOOL_CHANGE = 4
    FAULT = 5


class MachiningCentre(Machine):
    """Travel 800 × 500 × 500 mm, 12,000 r/min, 15 kW."""

    TYPE: ClassVar[str] = "cnc-machining-centre"
    FAULTS: ClassVar[tuple[str, ...]] = ("bearing_wear", "tool_wear", "emergency_stop")
    SENSOR: ClassVar[str] = "spindle_temperature"
    COUNTERS: ClassVar[tuple[str, ...]] = ("energy", "parts")

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.parts = self.random.randrange(2_000, 40_000)
        self.state = State.IDLE
        self.program = self.random.choice(PROGRAMS)
        self.tool = 1
        self.speed = self.feed = self.load = 0.0
        self.temperature = 44.0
        self.vibration = 0.2
        self.x, self.y, self.z = 400.0, 250.0, 500.0
        self._left = self.random.uniform(2, 20)
        self._cuts = 0
        self._angle = 0.0
        self._target_speed = self._target_feed = self._target_load = 0.0
        self._radius = 80.0

    def advance(self, dt: float) -> None:
        """Cycle, spindle, axes, heat."""
        if not self.on:
            self.state = State.OFF
        elif self.has("emergency_stop"):
            self.state = State.FAULT
        elif self.state in (State.OFF, State.FAULT):
            self._enter(State.IDLE, 15)
        else:
            self._left -= dt
            if self._left <= 0:
                self._next()
        cutting = self.state is State.CUTTING
        self.speed = approach(self.speed, self._target_speed if cutting else 0.0, dt, 0.8)
        self.feed = approach(self.feed, self._target_feed if cutting else 0.0, dt, 0.4)
        wear = 1.45 if self.has("tool_wear") else 1.0
        load = self._target_load * wear * (1 + 0.12 * math.sin(3 * self._angle)) if cutting else 0.0
        self.load = max(0.0, approach(self.load, load + 4 * self.speed / 12_000, dt, 0.6))
        self._axes(dt)
        self._heat(dt)
        idle = 0.0 if self.state is State.OFF else 1.9
        self.power = idle + SPINDLE_KW * self.load / 100 + 1.2 * self.feed / 5_000

    def _axes(self, dt: float) -> None:
        if self.state is State.CUTTING:
            # a contour around the middle of the table, followed at the programmed feed
            self._angle += self.feed / 60 / self._radius * dt
            self.x = move(self.x, 400 + self._radius * math.cos(self._angle), RAPID * dt)
            self.y = move(self.y, 250 + 0.6 * self._radius * math.sin(self._angle), RAPID * dt)
            self.z = move(self.z, 180 + 12 * math.sin(self._angle / 7), RAPID * dt)
        elif self.state is State.TOOL_CHANGE:
            self.z = move(self.z, 500, RAPID * dt)
        elif self.state is State.SETUP:
            self.x = move(self.x, 400, RAPID * dt)
            self.y = move(self.y, 500, RAPID * dt)  # table to the door

    def _heat(self, dt: float) -> None:
        turning = self.speed / 12_000
        rise = 26 * turning**1.2 + 0.16 * self.load
        vibration = 0.15 + 1.3 * turning + 0.012 * self.load
        if self.has("bearing_wear"):
            rise += 45 * turning
            vibration += 7.5 * turning
        if self.has("tool_wear"):
            vibration *= 1.6
        on_air = self.ambient if self.state is State.OFF else self.ambient + 6  # oil and drives keep it warm
        self.temperature = approach(self.temperature, on_air + rise, dt, HEAT_TAU)
        self.vibration = approach(self.vibration, vibration if turning > 0.001 else 0.02, dt, 0.5)

    def _next(self) -> None:
        pick = self.random.uniform
        if self.state is State.IDLE:
            self.program = self.random.choice(PROGRAMS)
            self._enter(State.SETUP, pick(20, 45))
            self._cuts = self.random.randrange(4, 8)
        elif self.state in (State.SETUP, State.CUTTING) and self._cuts:
            self.tool = self.random.randrange(1, 24)
            self._enter(State.TOOL_CHANGE, pick(3.5, 6))
        elif self.state is State.TOOL_CHANGE:
            self._cuts -= 1
            self._target_speed = 250 * round(pick(1_500, 11_000) / 250)
            self._target_feed = 50 * round(pick(600, 4_500) / 50)
            self._target_load = pick(18, 70)
            self._radius = pick(40, 180)
            self._enter(State.CUTTING, pick(18, 70))
        else:
            self.parts += 1
            self._enter(State.IDLE, pick(4, 30))

    def _enter(self, state: State, seconds: float) -> None:
        self.state = state
        self._left = seconds

    def values(self) -> dict[str, Value]:
        """Tags of ``cnc-machining-centre``."""
        turning = self.speed > 5
        return {
            "state": int(self.state),
            "program": self.program,
            "part_count": self.parts,
            "tool_number": self.tool,
            "spindle_speed": round(max(0.0, self.speed + self.noise(3)) if turning else 0.0),
            "spindle_load": round(max(0.0, self.load + self.noise(0.6)) if turning else 0.0, 1),
            "spindle_temperature": round(self.temperature + self.noise(0.06), 1),
            "feed_rate": round(self.feed),
            "x_position": round(self.x, 3),
            "y_position": round(self.y, 3),
            "z_position": round(self.z, 3),
            "vibration": round(max(0.0, self.vibration * (1 + self.noise(0.05))), 2),
            "power": round(self.power, 2),
            "energy": round(self.energy, 3),
        }
