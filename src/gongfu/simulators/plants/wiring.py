"""How a machine of a type is reached over each protocol: the addresses of its tags and the driver's options.

Real makers lay out their registers by hand; here a rule does it, with the data types a maker would choose.
"""

from __future__ import annotations

from collections.abc import Iterator

from gongfu.network.models.types import DeviceType, TagType
from gongfu.simulators.plants.plant import PlantTag, Protocol

EDGE_NODE = "edge"
"""Sparkplug edge node of an enterprise."""
TIME_FIELD = "/ts"
VALUES_FIELD = "/values"
"""Where an MQTT JSON message carries its time (milliseconds) and its values."""
INVALID_INT16 = -32768
"""What a 16-bit register holds while its sensor fails, as SunSpec has it."""


def mqtt_topic(enterprise: str, key: str) -> str:
    """Topic in which a device with MQTT JSON publishes."""
    return f"gongfu/{enterprise}/{key}/telemetry"


def tags(protocol: Protocol, key: str, model: DeviceType) -> list[PlantTag]:
    """Addresses of every tag of ``model`` for the device ``key``, in the driver's notation."""
    match protocol:
        case "opcua":
            return [PlantTag(key=tag.key, address=f"ns=2;s={key}.{tag.key}") for tag in model.tags]
        case "modbus":
            return list(_registers(model))
        case "s7":
            return list(_data_block(model))
        case "mqtt":
            return [PlantTag(key=tag.key, address=f"{VALUES_FIELD}/{tag.key}") for tag in model.tags]
        case "sparkplug":
            return [PlantTag(key=tag.key, address=tag.key) for tag in model.tags]


def _registers(model: DeviceType) -> Iterator[PlantTag]:
    """Holding registers from 0 without gaps; meters put the low word first, as many do."""
    order = ":cdab" if model.id == "energy-meter" else ""
    offset = 0
    for tag in model.tags:
        if tag.kind == "text":
            kind, words, scale = "string32", 16, 1.0
        elif tag.kind == "boolean" or tag.role == "state":
            kind, words, scale = "uint16", 1, 1.0
        elif tag.unit == "°C":
            kind, words, scale = "int16", 1, 0.1
        elif tag.role == "count":
            kind, words, scale = f"uint32{order}", 2, 1.0
        elif _is_register(tag):
            kind, words, scale = f"float64{order}", 4, 1.0
        else:
            kind, words, scale = f"float32{order}", 2, 1.0
        yield PlantTag(key=tag.key, address=f"holding:{offset}:{kind}", scale=scale)
        offset += words


def _data_block(model: DeviceType) -> Iterator[PlantTag]:
    """Data block 1, even addresses."""
    byte = 0
    for tag in model.tags:
        if tag.kind == "text":
            letter, kind, size = "B", "wstring24", 52
        elif tag.kind == "boolean" or tag.role == "state":
            letter, kind, size = "W", "int", 2
        elif tag.role == "count":
            letter, kind, size = "D", "dint", 4
        elif _is_register(tag):
            letter, kind, size = "B", "lreal", 8
        else:
            letter, kind, size = "D", "real", 4
        yield PlantTag(key=tag.key, address=f"DB1.DB{letter}{byte}:{kind}")
        byte += size


def _is_register(tag: TagType) -> bool:
    """Whether it counts so far that 32 bits would lose its last digit."""
    return tag.role in ("energy", "runtime", "fuel") or tag.key == "reactive_energy"


def options(
    protocol: Protocol, enterprise: str, key: str, *, host: str, port: int, unit: int
) -> dict[str, str | int | float | bool]:
    """Options of the driver; ``port`` and ``unit`` matter only where the device listens itself."""
    match protocol:
        case "opcua":
            return {"endpoint": f"opc.tcp://{host}:{port}/"}
        case "modbus":
            return {"host": host, "port": port, "unit": unit}
        case "s7":
            return {"host": host, "port": port, "rack": 0, "slot": 1}
        case "mqtt":
            return {"topic": mqtt_topic(enterprise, key), "time": TIME_FIELD, "time_unit": "ms"}
        case "sparkplug":
            return {"group": enterprise, "edge_node": EDGE_NODE, "device": key}
