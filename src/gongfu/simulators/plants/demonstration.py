"""The demonstration plant: three invented enterprises in 青浦, and where their machines listen on this node."""

from __future__ import annotations

import datetime
from pathlib import Path

import msgspec

from gongfu.kernel.settings import Settings
from gongfu.network.models.library import type_by_id
from gongfu.network.models.types import Text
from gongfu.simulators.plants import wiring
from gongfu.simulators.plants.plant import Enterprise, Plant, PlantDevice, Protocol, Server

FILE = Path(__file__).with_suffix(".toml")
HOST = "127.0.0.1"
"""The machines listen on loopback only, whatever the console does: nobody else needs them."""


class _Device(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    enterprise: str
    key: str
    type: str
    name: Text
    place: str
    protocol: Protocol
    manufacturer: str
    model: str
    serial: str
    made_on: datetime.date
    nameplate: dict[str, str]
    server: str = ""
    unit: int = 1


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    enterprises: list[Enterprise]
    servers: list[Server]
    devices: list[_Device]


def demonstration(settings: Settings) -> Plant:
    """The plant with this node's ports, ready to be entered as devices and to be simulated."""
    file = msgspec.toml.decode(FILE.read_bytes(), type=_File)
    servers = [
        msgspec.structs.replace(server, port=settings.simulator_base_port + server.port) for server in file.servers
    ]
    ports = {server.name: server.port for server in servers}
    return Plant(
        enterprises=file.enterprises,
        servers=servers,
        devices=[_device(device, ports.get(device.server, 0)) for device in file.devices],
    )


def _device(device: _Device, port: int) -> PlantDevice:
    return PlantDevice(
        enterprise=device.enterprise,
        key=device.key,
        type=device.type,
        name=device.name,
        place=device.place,
        manufacturer=device.manufacturer,
        model=device.model,
        serial=device.serial,
        made_on=device.made_on,
        nameplate=device.nameplate,
        driver=device.protocol,
        options=wiring.options(device.protocol, device.enterprise, device.key, host=HOST, port=port, unit=device.unit),
        tags=wiring.tags(device.protocol, device.key, type_by_id(device.type)),
        server=device.server,
        unit=device.unit,
    )
