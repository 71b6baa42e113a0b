"""The shape of a plant as the node is told of it and as the simulator runs it. No I/O."""

from __future__ import annotations

import datetime
from typing import Literal

import msgspec

from gongfu.network.models.types import Text

Protocol = Literal["opcua", "modbus", "s7", "mqtt", "sparkplug"]
"""Also the name of the driver that reads it."""


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A site, an area in it, or a line in that; ``parent`` is the id of the place it belongs to."""

    id: str
    kind: Literal["site", "area", "line"]
    name: Text
    parent: str = ""


class Enterprise(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An organisation with its places, each after its parent."""

    code: str
    number: int
    """Its number below the node's identifier prefix."""
    name: Text
    places: list[Place]


class Server(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A socket on which machines of the plant listen."""

    name: str
    protocol: Literal["opcua", "modbus", "s7"]
    port: int


class PlantTag(msgspec.Struct, frozen=True, kw_only=True):
    """Where a tag of the device type is found: value = raw × scale."""

    key: str
    address: str
    scale: float = 1.0


class PlantDevice(msgspec.Struct, frozen=True, kw_only=True):
    """One machine: identity, nameplate, place, and everything a driver needs."""

    enterprise: str
    key: str
    """Unique in the enterprise, and the suffix of its identifier."""
    type: str
    name: Text
    place: str
    manufacturer: str
    model: str
    serial: str
    made_on: datetime.date
    nameplate: dict[str, str]
    driver: Protocol
    options: dict[str, str | int | float | bool]
    tags: list[PlantTag]
    interval: float = 1.0
    server: str = ""
    """Name of the server it listens on; empty when it is a client of the MQTT broker."""
    unit: int = 1
    """Modbus unit."""

    @property
    def path(self) -> str:
        """``<enterprise>/<key>``: its name in the simulator."""
        return f"{self.enterprise}/{self.key}"


class Plant(msgspec.Struct, frozen=True, kw_only=True):
    """Everything there is."""

    enterprises: list[Enterprise]
    servers: list[Server]
    devices: list[PlantDevice]

    def of(self, enterprise: str) -> list[PlantDevice]:
        """Devices of one enterprise."""
        return [device for device in self.devices if device.enterprise == enterprise]

    def behind(self, meter: PlantDevice) -> list[PlantDevice]:
        """The devices whose power a meter measures: all at its place or below, other meters excepted."""
        parents = {p.id: p.parent for e in self.enterprises if e.code == meter.enterprise for p in e.places}

        def inside(place: str) -> bool:
            return place == meter.place or (place != "" and inside(parents[place]))

        return [d for d in self.of(meter.enterprise) if d.type != meter.type and inside(d.place)]
