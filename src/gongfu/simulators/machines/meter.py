"""A three-phase energy meter at the feeder of a cell: it sums the machines behind it."""

from __future__ import annotations

import math
from typing import ClassVar

from gongfu.simulators.machines.machine import Machine, Value
from gongfu.simulators.machines.physics import Wander, approach

BASE_KW = 1.8
"""Lighting and sockets of the cell."""


class Meter(Machine):
    """3 × 220/380 V. ``load`` is set from outside before each step; ``power`` is what the meter measures."""

    TYPE: ClassVar[str] = "energy-meter"
    FAULTS: ClassVar[tuple[str, ...]] = ("phase_loss", "capacitor_fail")
    SENSOR: ClassVar[str] = "power_factor"
    COUNTERS: ClassVar[tuple[str, ...]] = ("energy", "reactive_energy")

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.load = 0.0
        """Power of the machines behind the meter, kW."""
        self.energy *= 5
        self.reactive_energy = self.energy * 0.45
        self.reactive = 0.0
        self.factor = 0.92
        self.voltages = [228.0, 228.0, 228.0]
        self.currents = [0.0, 0.0, 0.0]
        self.frequency = Wander(self.random, 50.0, 0.018, 30)
        self._mains = Wander(self.random, 229.5, 1.3, 120)
        share = [self.random.uniform(0.94, 1.06) for _ in range(3)]
        self._shares = [part / sum(share) for part in share]

    def advance(self, dt: float) -> None:
        """Voltages, currents, powers, registers."""
        self.power = max(0.0, approach(self.power, self.load + (BASE_KW if self.on else 0.0), dt, 0.5))
        target = 0.74 if self.has("capacitor_fail") else 0.93 - 0.06 * math.exp(-self.power / 20)
        self.factor = approach(self.factor, target, dt, 2)
        self.reactive = self.power * math.tan(math.acos(self.factor))
        self.reactive_energy += self.reactive * dt / 3600
        self.frequency.step(dt)
        mains = self._mains.step(dt) - 0.012 * self.power
        lost = self.has("phase_loss")
        shares = [self._shares[0] / 2 + 0.25, 0.0, self._shares[2] / 2 + 0.25] if lost else self._shares
        for phase, share in enumerate(shares):
            # the open phase still shows what the motors feed back
            self.voltages[phase] = approach(self.voltages[phase], 41.0 if lost and phase == 1 else mains, dt, 0.3)
            through = 1000 * self.power * share / (max(100.0, mains) * self.factor)
            self.currents[phase] = approach(self.currents[phase], through, dt, 0.4)

    @property
    def imbalance(self) -> float:
        """Largest deviation of a phase current from their mean, %."""
        mean = sum(self.currents) / 3
        return 100 * max(abs(current - mean) for current in self.currents) / mean if mean > 0.1 else 0.0

    def values(self) -> dict[str, Value]:
        """Tags of ``energy-meter``."""
        volts = {f"voltage_{p}": round(v + self.noise(0.12), 1) for p, v in zip("abc", self.voltages, strict=True)}
        amperes = {f"current_{p}": round(max(0.0, c), 2) for p, c in zip("abc", self.currents, strict=True)}
        return {
            **volts,
            **amperes,
            "power": round(self.power, 2),
            "reactive_power": round(self.reactive, 2),
            "power_factor": round(self.factor, 3),
            "frequency": round(self.frequency.value, 2),
            "imbalance": round(min(100.0, self.imbalance), 1),
            "energy": round(self.energy, 3),
            "reactive_energy": round(self.reactive_energy, 3),
        }
