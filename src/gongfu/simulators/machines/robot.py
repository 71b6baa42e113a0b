"""A six-axis handling robot that repeats a path of poses."""

from __future__ import annotations

import math
from enum import IntEnum
from typing import ClassVar

from gongfu.simulators.machines.machine import Machine, Value
from gongfu.simulators.machines.physics import approach

LEVERS = (1350.0, 1150.0, 820.0, 240.0, 190.0, 60.0)
"""Distance of the tool from each joint's axis, mm: turns joint speeds into tool speed."""
PROGRAMS = ("PICK_PLACE_01", "PALLET_02", "LOAD_UNLOAD_03", "WELD_SEAM_04")
HOME = (0.0, -40.0, 60.0, 0.0, 45.0, 0.0)
HEAT_TAU = 900.0
Pose = tuple[float, ...]


class State(IntEnum):
    """States of the type ``six-axis-robot``."""

    OFF = 0
    WAITING = 1
    RUNNING = 2
    STOPPED = 3
    FAULT = 4


class Robot(Machine):
    """Payload 50 kg, reach 2,050 mm."""

    TYPE: ClassVar[str] = "six-axis-robot"
    FAULTS: ClassVar[tuple[str, ...]] = ("reducer_wear", "collision", "drive_fault")
    SENSOR: ClassVar[str] = "motor_temperature"
    COUNTERS: ClassVar[tuple[str, ...]] = ("energy", "cycles")

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.cycles = self.random.randrange(10_000, 900_000)
        self.program = self.random.choice(PROGRAMS)
        self.state = State.WAITING
        self.joints: Pose = HOME
        self.tcp_speed = 0.0
        self.current = 1.0
        self.temperature = 46.0
        self._path = (HOME, *(self._pose() for _ in range(self.random.randrange(4, 7))), HOME)
        self._leg = 0
        self._elapsed = 0.0
        self._wait = self.random.uniform(0, 3)

    def _pose(self) -> Pose:
        pick = self.random.uniform
        return (pick(-110, 110), pick(-55, 35), pick(5, 110), pick(-90, 90), pick(-80, 80), pick(-170, 170))

    def advance(self, dt: float) -> None:
        """Path, currents, heat."""
        before = self.joints
        if not self.on:
            self.state = State.OFF
        elif self.has("drive_fault"):
            self.state = State.FAULT
        elif self.has("collision"):
            self.state = State.STOPPED
        elif self.state is State.RUNNING:
            self._follow(dt)
        else:
            self.state = State.WAITING
            self._wait -= dt
            if self._wait <= 0:
                self.state = State.RUNNING
        rates = [math.radians(b - a) / dt for a, b in zip(before, self.joints, strict=True)]
        speed = math.sqrt(sum((rate * lever) ** 2 for rate, lever in zip(rates, LEVERS, strict=True)))
        self.tcp_speed = approach(self.tcp_speed, speed, dt, 0.15) if speed > 0.1 else 0.0
        self._currents(dt, speed)

    def _follow(self, dt: float) -> None:
        start, end = self._path[self._leg], self._path[self._leg + 1]
        widest = max(abs(b - a) for a, b in zip(start, end, strict=True))
        seconds = 0.5 + widest / 95
        self._elapsed += dt
        share = min(1.0, self._elapsed / seconds)
        smooth = (1 - math.cos(math.pi * share)) / 2
        self.joints = tuple(a + (b - a) * smooth for a, b in zip(start, end, strict=True))
        if share >= 1:
            self._elapsed = 0.0
            self._leg += 1
            if self._leg == len(self._path) - 1:
                self._leg = 0
                self.cycles += 1
                self.state = State.WAITING
                self._wait = self.random.uniform(0.5, 6)

    def _currents(self, dt: float, speed: float) -> None:
        released = self.state is State.RUNNING
        holding = 2.2 + 3.0 * abs(math.cos(math.radians(self.joints[1]))) if self.on else 0.0
        friction = 1.55 if self.has("reducer_wear") else 1.0
        target = (holding + speed * 0.0052) * friction if released else 0.25 * holding
        if self.has("collision"):
            target = 0.0  # brakes on, drives off
        self.current = approach(self.current, target, dt, 0.3)
        rise = 1.6 * self.current**1.25
        base = self.ambient + (8 if self.on else 0)
        self.temperature = approach(self.temperature, base + rise, dt, HEAT_TAU)
        self.power = (0.45 + 0.32 * self.current) if self.on else 0.0

    def values(self) -> dict[str, Value]:
        """Tags of ``six-axis-robot``."""
        play = 0.06 if self.has("reducer_wear") else 0.004
        joints = {
            f"joint_{number}": round(angle + self.noise(play), 2) for number, angle in enumerate(self.joints, start=1)
        }
        return {
            "state": int(self.state),
            "program": self.program,
            "cycle_count": self.cycles,
            "tcp_speed": round(self.tcp_speed),
            **joints,
            "motor_current": round(max(0.0, self.current + self.noise(0.08)), 2),
            "motor_temperature": round(self.temperature + self.noise(0.08), 1),
            "power": round(self.power, 2),
            "energy": round(self.energy, 3),
        }
