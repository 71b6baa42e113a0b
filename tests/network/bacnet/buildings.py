"""The device that tests read."""

from __future__ import annotations

from gongfu.network.drivers.bacnet.simulator import Point
from gongfu.network.gateway.config import DeviceConfig, TagConfig

POINTS = [
    Point("supply", "analog-input,1", 21.5, "degrees-celsius", "Supply air"),
    Point("valve", "analog-output,2", 40.0, "percent"),
    Point("setpoint", "analog-value,3", 22.0, "degrees-celsius", commandable=True),
    Point("filter", "binary-input,1", True),
    Point("fan", "binary-output,1", False),
    Point("mode", "multi-state-value,1", 3),
    Point("operator", "characterstring-value,1", "王工"),
]
TAGS = [
    TagConfig(series=1, name="supply", address="analog-input,1"),
    TagConfig(series=2, name="valve", address="analog-output,2"),
    TagConfig(series=3, name="setpoint", address="analog-value,3"),
    TagConfig(series=4, name="filter", address="binary-input,1", kind="boolean"),
    TagConfig(series=5, name="fan", address="binary-output,1", kind="boolean"),
    TagConfig(series=6, name="mode", address="multi-state-value,1"),
    TagConfig(series=7, name="operator", address="characterstring-value,1", kind="text"),
]
VALUES = {1: 21.5, 2: 40.0, 3: 22.0, 4: True, 5: False, 6: 3.0, 7: "王工"}


def device(port: int, tags: list[TagConfig] = TAGS, interval: float = 0.05, **options: object) -> DeviceConfig:
    """A device at ``port`` of this machine."""
    return DeviceConfig(
        device=1,
        org=1,
        org_code="acme",
        name="ahu",
        driver="bacnet",
        options={"host": "127.0.0.1", "port": port, "local_address": "127.0.0.1", **options},  # type: ignore[dict-item]
        interval=interval,
        tags=tags,
    )
