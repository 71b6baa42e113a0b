"""The few laws that several machines share."""

from __future__ import annotations

import math
from random import Random


def approach(value: float, target: float, dt: float, tau: float) -> float:
    """``value`` after ``dt`` seconds on its way to ``target``, first order with time constant ``tau`` (s)."""
    return target + (value - target) * math.exp(-dt / tau)


def move(value: float, target: float, most: float) -> float:
    """``value`` moved towards ``target`` by at most ``most``."""
    return value + max(-most, min(most, target - value))


class Wander:
    """A quantity that drifts around ``mean`` (Ornstein–Uhlenbeck): air demand, mains voltage, suction level."""

    def __init__(self, random: Random, mean: float, deviation: float, tau: float) -> None:
        self.mean = mean
        self.value = mean
        self._random = random
        self._deviation = deviation
        self._tau = tau

    def step(self, dt: float) -> float:
        """The value after ``dt`` seconds."""
        keep = math.exp(-dt / self._tau)
        noise = self._deviation * math.sqrt(1 - keep * keep)
        self.value = self.mean + (self.value - self.mean) * keep + self._random.gauss(0, noise)
        return self.value
