"""An injection-moulding machine: one shot after another, and the heat that shots need."""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar

from gongfu.simulators.machines.machine import Machine, Value
from gongfu.simulators.machines.physics import approach, move

SETPOINTS = (205.0, 215.0, 225.0, 230.0)
"""Barrel zones from the hopper to the nozzle, °C."""
ZONE_KW = 3.2
ZONE_RISE = 520.0
"""Steady rise over the hall at full heater power, K."""
ZONE_TAU = 900.0
STROKE = 120.0
"""Screw position after plasticising, mm."""
CLAMP = 1800.0
DROPOUT = 30.0
"""A zone this far below its set point stops the cycle, K."""


class State(IntEnum):
    """States of the type ``injection-moulding-machine``."""

    OFF = 0
    HEATING = 1
    CLAMPING = 2
    INJECTING = 3
    HOLDING = 4
    COOLING = 5
    EJECTING = 6
    WAITING = 7
    FAULT = 8


CYCLE = {
    State.CLAMPING: (State.INJECTING, 2.2, 0.05),
    State.INJECTING: (State.HOLDING, 1.7, 0.05),
    State.HOLDING: (State.COOLING, 4.0, 0.05),
    State.COOLING: (State.EJECTING, 12.0, 0.15),
    State.EJECTING: (State.CLAMPING, 2.6, 0.12),
}
"""Next phase, mean duration and its deviation, seconds."""


class MouldingMachine(Machine):
    """1,800 kN, screw 45 mm."""

    TYPE: ClassVar[str] = "injection-moulding-machine"
    FAULTS: ClassVar[tuple[str, ...]] = ("heater_fail", "check_valve_wear", "cooling_fail")
    SENSOR: ClassVar[str] = "barrel_zone_3"
    COUNTERS: ClassVar[tuple[str, ...]] = ("energy", "shots")

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.shots = self.random.randrange(20_000, 1_500_000)
        self.state = State.COOLING
        self.zones = list(SETPOINTS)
        self.mould = 46.0
        self.cycle_time = 22.5
        self.pressure = 0.0
        self.screw = 30.0
        self.cushion = 5.6
        self.clamp = CLAMP
        self._duty = [self._holding(setpoint) for setpoint in SETPOINTS]
        self._left = self.random.uniform(1, 12)
        self._since = 7.9 + 12 - self._left

    def _holding(self, setpoint: float) -> float:
        """Heater duty that keeps a zone at its set point."""
        return (setpoint - self.ambient) / ZONE_RISE

    def advance(self, dt: float) -> None:
        """Barrel, cycle, screw, mould."""
        self._barrel(dt)
        self._cycle(dt)
        self._stroke(dt)
        target = {State.INJECTING: 58.0, State.HOLDING: 56.0, State.COOLING: 47.0}.get(self.state, 43.0)
        if not self.on:
            target = self.ambient
        elif self.has("cooling_fail"):
            target += 38
        self.mould = approach(self.mould, target, dt, 60 if self.on else 600)
        heaters = ZONE_KW * sum(self._duty)
        drive = {
            State.CLAMPING: 14.0,
            State.INJECTING: 42.0,
            State.HOLDING: 18.0,
            State.COOLING: 16.0 if self.screw < STROKE - 1 else 4.0,
            State.EJECTING: 11.0,
        }.get(self.state, 0.0)
        self.power = heaters + drive + (1.4 if self.on else 0.0)

    def _barrel(self, dt: float) -> None:
        for zone, setpoint in enumerate(SETPOINTS):
            duty = 0.0
            if self.on and not (zone == 2 and self.has("heater_fail")):
                duty = max(0.0, min(1.0, self._holding(setpoint) + (setpoint - self.zones[zone]) * 0.06))
            self._duty[zone] = duty
            neighbours = [self.zones[n] for n in (zone - 1, zone + 1) if 0 <= n < len(SETPOINTS)]
            conducted = 0.12 * sum(n - self.zones[zone] for n in neighbours)
            target = self.ambient + ZONE_RISE * duty + conducted
            self.zones[zone] = approach(self.zones[zone], target, dt, ZONE_TAU)

    def _cycle(self, dt: float) -> None:
        cold = any(zone < setpoint - DROPOUT for zone, setpoint in zip(self.zones, SETPOINTS, strict=True))
        if not self.on:
            self.state = State.OFF
        elif cold:
            self.state = State.FAULT if self.state not in (State.OFF, State.HEATING) else State.HEATING
        elif self.state in (State.OFF, State.HEATING, State.FAULT, State.WAITING):
            self._enter(State.CLAMPING)
        else:
            self._left -= dt
            self._since += dt
            if self._left <= 0:
                self._enter(CYCLE[self.state][0])

    def _enter(self, state: State) -> None:
        if state is State.CLAMPING and self.state is State.EJECTING:
            self.shots += 1
            self.cycle_time = self._since
        if state is State.CLAMPING:
            self._since = 0.0
        if state is State.HOLDING:
            worn = self.has("check_valve_wear")
            self.cushion = max(0.2, (2.6 if worn else 5.6) + self.noise(0.9 if worn else 0.12))
        self.state = state
        _, mean, deviation = CYCLE[state]
        slow = 1.35 if state is State.COOLING and self.has("cooling_fail") else 1.0
        self._left += mean * slow + self.noise(deviation)

    def _stroke(self, dt: float) -> None:
        pressure = {State.INJECTING: 980.0, State.HOLDING: 560.0}.get(self.state, 0.0)
        if self.state is State.COOLING and self.screw < STROKE - 1:
            pressure = 90.0  # back pressure while the screw plasticises
            self.screw = move(self.screw, STROKE, 14 * dt)
        elif self.state is State.INJECTING:
            self.screw = move(self.screw, 12, 75 * dt)
        elif self.state is State.HOLDING:
            self.screw = move(self.screw, self.cushion, 4 * dt)
        self.pressure = approach(self.pressure, pressure, dt, 0.25)
        closed = self.state in (State.CLAMPING, State.INJECTING, State.HOLDING, State.COOLING)
        self.clamp = approach(self.clamp, CLAMP if closed else 0.0, dt, 0.5)

    def values(self) -> dict[str, Value]:
        """Tags of ``injection-moulding-machine``."""
        zones = {
            f"barrel_zone_{number}": round(zone + self.noise(0.15), 1)
            for number, zone in enumerate(self.zones, start=1)
        }
        return {
            "state": int(self.state),
            "shot_count": self.shots,
            "cycle_time": round(self.cycle_time, 2),
            "injection_pressure": round(max(0.0, self.pressure + self.noise(2))),
            "cushion": round(self.cushion, 2),
            "screw_position": round(self.screw, 1),
            "clamp_force": round(max(0.0, self.clamp + self.noise(1.5))),
            **zones,
            "mould_temperature": round(self.mould + self.noise(0.1), 1),
            "power": round(self.power, 2),
            "energy": round(self.energy, 3),
        }
