"""The station that tests follow."""

from __future__ import annotations

from gongfu.network.drivers.iec104.simulator import Point
from gongfu.network.gateway.config import DeviceConfig, TagConfig

POINTS = [
    Point("earthed", "1/1001:sp", True),
    Point("breaker", "1/1002:dp>24578", 2),
    Point("tap", "1/1003:st>24579", 5),
    Point("alarms", "1/1004:bo", 0x80000001),
    Point("load", "1/0x4001:na", -0.5),
    Point("power", "1/0x4002:nb>25090", -1234),
    Point("voltage", "1/0x4003:nc>25091", 110.5),
    Point("energy", "1/0x6401:it", 123456),
]
TAGS = [
    TagConfig(series=1, name="earthed", address="1/1001:sp", kind="boolean"),
    TagConfig(series=2, name="breaker", address="1/1002:dp>24578", kind="boolean"),
    TagConfig(series=3, name="tap", address="1/1003:st>24579"),
    TagConfig(series=4, name="alarms", address="1/1004"),
    TagConfig(series=5, name="load", address="1/0x4001:na"),
    TagConfig(series=6, name="power", address="1/0x4002:nb>25090"),
    TagConfig(series=7, name="voltage", address="1/0x4003:nc>25091"),
    TagConfig(series=8, name="energy", address="1/0x6401:it"),
]


def device(port: int, tags: list[TagConfig] = TAGS, interval: float = 1.0, **options: object) -> DeviceConfig:
    """A device at ``port`` of this machine."""
    return DeviceConfig(
        device=1,
        org=1,
        org_code="acme",
        name="substation",
        driver="iec104",
        options={"host": "127.0.0.1", "port": port, **options},  # type: ignore[dict-item]
        interval=interval,
        tags=tags,
    )
