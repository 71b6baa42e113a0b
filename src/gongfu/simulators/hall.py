"""All machines of a plant, let run together: a meter measures what its neighbours draw."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from gongfu.simulators.machines.catalogue import machine_class
from gongfu.simulators.machines.instrument import Instrument, Report
from gongfu.simulators.machines.machine import Machine
from gongfu.simulators.machines.meter import Meter
from gongfu.simulators.plants.plant import Plant, PlantDevice

Reports = Mapping[str, Report | None]
"""What every device tells at one moment, by its path; None for one that is gone."""
Counters = dict[str, dict[str, float]]
"""Counters of every machine, by path and name."""


@dataclass(frozen=True)
class Place:
    """A machine at its place in the plant."""

    device: PlantDevice
    machine: Machine
    instrument: Instrument


class Hall:
    """The machines of ``plant``, each seeded by its own name so that a plant can grow without changing them."""

    def __init__(self, plant: Plant) -> None:
        self.places: dict[str, Place] = {}
        for device in plant.devices:
            machine = machine_class(device.type)(zlib.crc32(device.path.encode()))
            self.places[device.path] = Place(device, machine, Instrument(machine))
        self._behind = {
            path: [self.places[other.path].machine for other in plant.behind(place.device)]
            for path, place in self.places.items()
            if isinstance(place.machine, Meter)
        }

    def step(self, dt: float) -> None:
        """Let ``dt`` seconds pass, for the machines first and then for the meters."""
        for path, place in self.places.items():
            if path not in self._behind:
                place.machine.step(dt)
        for path, machines in self._behind.items():
            meter = self.places[path].machine
            if isinstance(meter, Meter):
                meter.load = sum(machine.power for machine in machines)
                meter.step(dt)

    def reports(self, now: int) -> Reports:
        """What everything tells at ``now``, microseconds UTC."""
        return {path: place.instrument.read(now) for path, place in self.places.items()}

    def counters(self) -> Counters:
        """Counters to be kept over a restart."""
        return {path: place.machine.counters() for path, place in self.places.items()}

    def restore(self, kept: Mapping[str, Mapping[str, float]]) -> None:
        """Go on from kept counters; machines that are not there any more are left alone."""
        for path, counters in kept.items():
            if path in self.places:
                self.places[path].machine.restore(counters)
