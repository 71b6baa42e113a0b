"""pycomm3, which others wrote, browses, reads and writes our simulator: so the bytes are those of a Logix."""

from __future__ import annotations

import asyncio
import logging

import pytest
from pycomm3 import CIPDriver, LogixDriver

from .plants import plant


@pytest.fixture(autouse=True)
def _quiet() -> None:
    logging.getLogger("pycomm3").setLevel(logging.CRITICAL)


def members(tag: dict) -> list[str]:
    return tag["data_type"]["attributes"]


@pytest.mark.parametrize("grants", [("large", "small"), ("small",)])
async def test_a_foreign_client_finds_every_tag_and_its_type(grants) -> None:
    def talk(port: int) -> None:
        with LogixDriver(f"127.0.0.1:{port}/0") as client:
            assert client.info["product_name"] == "1756-L83E/B"
            assert client.info["vendor"] == "Rockwell Automation/Allen-Bradley"
            assert client.info["revision"] == {"major": 33, "minor": 11}
            assert client.info["name"] == "Plant"
            assert set(client.info["programs"]) == {"Main", "Other"}
            tags = client.tags
            assert tags["Speed"]["data_type"] == "REAL"
            assert tags["Bits"]["data_type"] == "DWORD"
            assert tags["Bits"]["dimensions"] == [3, 0, 0]
            assert tags["Program_Name"]["data_type_name"] == "STRING"
            assert tags["Serial"]["external_access"] == "Read Only"
            assert tags["Program:Main.Step"]["data_type"] == "DINT"
            drive = tags["Drive"]
            assert drive["data_type_name"] == "Motor"
            names = ["Running", "Fault", "Speed", "Count", "Flags", "Name", "Range", "History", "Total"]
            assert members(drive) == names
            assert members(drive["data_type"]["internal_tags"]["Range"]) == ["Low", "High"]

    async with plant(grants=grants) as served:
        await asyncio.to_thread(talk, served.port)


@pytest.mark.parametrize("grants", [("large", "small"), ("small",)])
async def test_a_foreign_client_reads_and_writes(grants) -> None:
    def talk(port: int) -> None:
        with LogixDriver(f"127.0.0.1:{port}/0") as client:
            names = ["Speed", "Parts", "Small", "Port", "Big", "Exact", "Running", "Program_Name", "Program:Main.Step"]
            found = client.read(*names, "Counts{8}", "Bits[40]", "Status.2", "Drives[2].Count", "Drive.Flags{64}")
            assert [tag.error for tag in found] == [None] * len(found)
            assert found[5].value == 0.1
            assert [tag.value for tag in found[:5]] == [1500.5, -3, -5, 60000, 1 << 40]
            assert [tag.value for tag in found[6:9]] == [True, "O1234", 12]
            assert [tag.value for tag in found[9:13]] == [[7, 7, 7, 7, 7, 55, 7, 7], True, True, 9]
            assert found[13].value == [i == 33 for i in range(64)]
            assert client.read("Counts{200}").value == [55 if i == 5 else 7 for i in range(200)]
            drive = client.read("Drive").value
            assert drive["Running"] is True
            assert drive["Fault"] is False
            assert drive["Speed"] == 2.5
            assert drive["Name"] == "spindle"
            assert drive["Range"] == {"Low": 0.0, "High": 90.0}
            assert drive["History"] == [0, 0, 22, 0]
            assert drive["Total"] == 1 << 33
            assert client.read("Nothing").error
            written = client.write(
                ("Speed", 3.25),
                ("Parts", 70000),
                ("Running", False),
                ("Program_Name", "P9"),
                ("Status.0", True),
                ("Status.2", False),
                ("Counts[3]{2}", [31, 32]),
                ("Drive.Range.Low", -1.5),
                ("Program:Main.Step", 99),
            )
            assert [tag.error for tag in written] == [None] * len(written)
            assert client.write("Counts{200}", list(range(200))).error is None  # longer than 500 bytes: in parts
            assert client.write("Serial", 1).error

    async with plant(grants=grants) as served:
        await asyncio.to_thread(talk, served.port)
        names = ["Speed", "Parts", "Running", "Program_Name", "Status", "Drive.Range.Low", "Program:Main.Step"]
        assert [served.value(name) for name in names] == [3.25, 70000, False, "P9", 0x21, -1.5, 99]
        assert [served.value(f"Counts[{i}]") for i in (0, 3, 199)] == [0, 3, 199]
        assert served.value("Serial") == 99


async def test_a_foreign_client_asks_who_is_there() -> None:
    async with plant() as served:
        found = await asyncio.to_thread(CIPDriver.list_identity, f"127.0.0.1:{served.port}")
    assert found["product_name"] == "1756-L83E/B"
    assert found["serial"] == "00c0ffee"
    assert found["encap_protocol_version"] == 1
