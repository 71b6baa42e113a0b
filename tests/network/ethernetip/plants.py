"""The controller that the tests talk to."""

from __future__ import annotations

from gongfu.network.drivers.ethernetip.simulator import LogixSimulator, Structure, Tag
from gongfu.network.gateway.config import DeviceConfig, TagConfig

STRUCTURES = [
    Structure("Limits", [Tag("Low", "REAL"), Tag("High", "REAL")]),
    Structure(
        "Motor",
        [
            Tag("Running", "BOOL"),
            Tag("Fault", "BOOL"),
            Tag("Speed", "REAL"),
            Tag("Count", "INT"),
            Tag("Flags", "BOOL", count=64),
            Tag("Name", "STRING"),
            Tag("Range", "Limits"),
            Tag("History", "DINT", count=4),
            Tag("Total", "LINT"),
        ],
    ),
]
LOGIX = [
    Tag("Speed", "REAL", 1500.5),
    Tag("Parts", "DINT", -3),
    Tag("Small", "SINT", -5),
    Tag("Port", "UINT", 60000),
    Tag("Big", "LINT", 1 << 40),
    Tag("Exact", "LREAL", 0.1),
    Tag("Running", "BOOL", True),
    Tag("Status", "DINT", 0x24),
    Tag("Program_Name", "STRING", "O1234"),
    Tag("Counts", "DINT", 7, count=200),
    Tag("Bits", "BOOL", count=96),
    Tag("Names", "STRING", "x", count=3),
    Tag("Drive", "Motor"),
    Tag("Drives", "Motor", count=3),
    Tag("Serial", "DINT", 99, read_only=True),
    Tag("Program:Main.Step", "DINT", 12),
    Tag("Program:Main.Line", "Motor"),
    Tag("Program:Other.Step", "DINT", 13),
]


def plant(**options: object) -> LogixSimulator:
    """A simulated controller with values in it."""
    made = LogixSimulator("127.0.0.1", 0, LOGIX, STRUCTURES, **options)  # type: ignore[arg-type]
    for name, value in {
        "Bits[0]": True,
        "Bits[40]": True,
        "Counts[5]": 55,
        "Names[1]": "王工",
        "Drive.Running": True,
        "Drive.Speed": 2.5,
        "Drive.Flags[33]": True,
        "Drive.Name": "spindle",
        "Drive.Range.High": 90.0,
        "Drive.History[2]": 22,
        "Drive.Total": 1 << 33,
        "Drives[2].Count": 9,
        "Program:Main.Line.Fault": True,
    }.items():
        made.put(name, value)
    return made


TAGS = [
    TagConfig(series=1, name="speed", address="Speed"),
    TagConfig(series=2, name="parts", address="Parts"),
    TagConfig(series=3, name="running", address="Running", kind="boolean"),
    TagConfig(series=4, name="status 2", address="Status.2", kind="boolean"),
    TagConfig(series=5, name="status 3", address="Status.3"),
    TagConfig(series=6, name="program", address="Program_Name", kind="text"),
    TagConfig(series=7, name="count 5", address="Counts[5]"),
    TagConfig(series=8, name="count 7", address="Counts[7]"),
    TagConfig(series=9, name="bit 40", address="Bits[40]", kind="boolean"),
    TagConfig(series=10, name="bit 41", address="Bits[41]", kind="boolean"),
    TagConfig(series=11, name="operator", address="Names[1]", kind="text"),
    TagConfig(series=12, name="drive speed", address="Drive.Speed"),
    TagConfig(series=13, name="drive running", address="Drive.Running", kind="boolean"),
    TagConfig(series=14, name="drive flag", address="Drive.Flags[33]", kind="boolean"),
    TagConfig(series=15, name="drive name", address="Drive.Name", kind="text"),
    TagConfig(series=16, name="high", address="Drive.Range.High"),
    TagConfig(series=17, name="history", address="Drive.History[2]"),
    TagConfig(series=18, name="third", address="Drives[2].Count"),
    TagConfig(series=19, name="step", address="Program:Main.Step"),
    TagConfig(series=20, name="fault", address="Program:Main.Line.Fault", kind="boolean"),
    TagConfig(series=21, name="small", address="Small"),
    TagConfig(series=22, name="big", address="Big"),
    TagConfig(series=23, name="vendor", address="cip:1/1/1:UINT"),
    TagConfig(series=24, name="product", address="cip:0x01/1/7:SHORT_STRING", kind="text"),
]
VALUES = [
    1500.5, -3.0, True, True, 0.0, "O1234", 55.0, 7.0, True, False, "王工", 2.5, True, True, "spindle", 90.0, 22.0,
    9.0, 12.0, True, -5.0, float(1 << 40), 1.0, "1756-L83E/B",
]  # fmt: skip


def device(port: int, tags: list[TagConfig] = TAGS, interval: float = 0.05, **options: object) -> DeviceConfig:
    """A device that reads ``tags`` of the controller at ``port``."""
    return DeviceConfig(
        device=1,
        org=1,
        org_code="acme",
        name="press",
        driver="ethernetip",
        options={"host": "127.0.0.1", "port": port, "timeout": 1.0, **options},  # type: ignore[dict-item]
        interval=interval,
        tags=tags,
    )
