"""Questions to a Logix controller beside its polling: who it is, what it holds, a reading, a write."""

from __future__ import annotations

import pytest

from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import DeviceUnavailable, Identity, Point, Refusal, Sample
from gongfu.network.drivers.ethernetip import driver
from gongfu.network.drivers.ethernetip.simulator import LogixSimulator, Structure, Tag
from gongfu.network.gateway.config import TagConfig

from .plants import TAGS, VALUES, device, plant


def tag(address: str, kind: str = "number") -> TagConfig:
    return TagConfig(series=0, name="x", address=address, kind=kind)


@pytest.mark.parametrize("options", [{}, {"connected": False}, {"connected": False, "route": "direct"}])
async def test_identity_and_one_reading_in_the_order_asked_for(options) -> None:
    async with plant() as served, driver.open_session(device(served.port, **options)) as session:
        assert await session.identify() == Identity(
            vendor="Rockwell Automation/Allen-Bradley",
            product="1756-L83E/B",
            version="33.011",
            serial_number="00C0FFEE",
        )
        assert [sample.value for sample in await session.read(TAGS)] == VALUES
        found = await session.read([tag("Drives[2].Count"), tag("Nothing"), tag("Speed")])
        assert found == [Sample(0, 9.0), Sample(0, None, quality=Quality.BAD), Sample(0, 1500.5)]


async def test_the_tree_from_the_controller_down_to_a_bit() -> None:
    async with plant() as served, driver.open_session(device(served.port)) as session:
        top = {point.address: point for point in await session.browse("")}
        assert top["Program:Main"] == Point(address="Program:Main", name="Program:Main", folder=True)
        assert top["Speed"] == Point(address="Speed", name="Speed", kind="number", writable=True, detail="REAL")
        assert top["Serial"].writable is False
        assert top["Program_Name"].kind == "text"
        assert top["Counts"] == Point(address="Counts", name="Counts", folder=True, detail="DINT[200]")
        assert top["Drives"].detail == "Motor[3]"

        inside = {point.address: point for point in await session.browse("Program:Main")}
        assert list(inside) == ["Program:Main.Line", "Program:Main.Step"]
        members = await session.browse("Program:Main.Line")
        assert [(point.address, point.kind, point.folder) for point in members] == [
            ("Program:Main.Line.Running", "boolean", False),
            ("Program:Main.Line.Fault", "boolean", False),
            ("Program:Main.Line.Speed", "number", False),
            ("Program:Main.Line.Count", "number", False),
            ("Program:Main.Line.Flags", "", True),
            ("Program:Main.Line.Name", "text", False),
            ("Program:Main.Line.Range", "", True),
            ("Program:Main.Line.History", "", True),
            ("Program:Main.Line.Total", "number", False),
        ]
        assert [point.address for point in await session.browse("Drives")] == ["Drives[0]", "Drives[1]", "Drives[2]"]
        assert [point.name for point in await session.browse("Drives[1].Range")] == ["Low", "High"]
        flags = await session.browse("Drives[1].Flags")
        assert len(flags) == 64
        assert flags[33] == Point(
            address="Drives[1].Flags[33]", name="[33]", kind="boolean", writable=True, detail="BOOL"
        )


async def test_every_value_that_is_found_can_be_read() -> None:
    async with plant() as served, driver.open_session(device(served.port)) as session:
        folders, found = [""], []
        while folders:
            for point in await session.browse(folders.pop()):
                if point.folder:
                    folders.append(point.address)
                else:
                    found.append(tag(point.address, point.kind))
        samples = await session.read(found)
        bad = [one.address for one, sample in zip(found, samples, strict=True) if sample.quality is not Quality.GOOD]
    assert len(found) > 600
    assert bad == []


async def test_a_list_of_tags_longer_than_a_message() -> None:
    many = [Tag(f"A_tag_with_quite_a_long_name_{i:04}", "DINT") for i in range(500)]
    served = LogixSimulator("127.0.0.1", 0, many, grants=("small",))
    async with served, driver.open_session(device(served.port)) as session:
        assert [point.name for point in await session.browse("")] == [tag.name for tag in many]


@pytest.mark.parametrize(
    "parent", ["Nothing", "Speed", "Drive.Nothing", "Drives[3]", "Program:Ghost", "Drive[0]", "x[a]"]
)
async def test_what_is_no_folder_is_refused(parent) -> None:
    async with plant() as served, driver.open_session(device(served.port)) as session:
        with pytest.raises(Refusal):
            await session.browse(parent)


WRITES = [
    ("Speed", "number", 2.5, 2.5),
    ("Parts", "number", -70000, -70000),
    ("Port", "number", 65535, 65535),
    ("Big", "number", (1 << 60) + 1, (1 << 60) + 1),
    ("Running", "boolean", False, False),
    ("Status.3", "boolean", True, True),
    ("Bits[41]", "boolean", True, True),
    ("Bits[40]", "boolean", 0, False),
    ("Drive.Flags[33]", "boolean", False, False),
    ("Drive.Fault", "boolean", True, True),
    ("Drive.Range.High", "number", 95.5, 95.5),
    ("Drives[2].History[3]", "number", 4, 4),
    ("Program_Name", "text", "工序 7", "工序 7"),
    ("Names[2]", "text", "last", "last"),
    ("Program:Main.Step", "number", 77, 77),
]


@pytest.mark.parametrize("options", [{}, {"connected": False}])
async def test_what_is_written_stands_in_the_controller(options) -> None:
    async with plant() as served:
        async with driver.open_session(device(served.port, **options)) as session:
            for address, kind, value, _ in WRITES:
                await session.write(tag(address, kind), value)
        assert [served.value(address) for address, _, _, _ in WRITES] == [expected for *_, expected in WRITES]
        assert served.value("Status") == 0x2C  # the other bits of the same word
        assert served.value("Drive.Running") is True  # the neighbour in the same byte
        assert served.value("Bits[0]") is True


@pytest.mark.parametrize(
    ("address", "kind", "value", "named"),
    [
        ("Small", "number", 200, "200 is outside the range of SINT"),
        ("Parts", "number", 1.5, r"1\.5 is not a whole number"),
        ("Running", "boolean", 2, "2 is neither on nor off"),
        ("Status.40", "boolean", True, "a DINT has no bit 40"),
        ("Speed.3", "boolean", True, "a REAL has no bit 3"),
        ("Status.3", "boolean", 7, "7 is neither on nor off"),
        ("Program_Name", "text", "x" * 83, "there is room for 82 bytes"),
        ("Drive", "text", "x", "Drive is not a string"),
        ("Serial", "number", 1, r"does not allow it from outside \(status 0F\)"),
        ("Nothing", "number", 1, r"no such tag or member \(status 04\)"),
        ("Counts[200]", "number", 1, r"beyond the end of the array \(status FF/2105\)"),
        ("cip:1/1/1:UINT", "number", 1, r"does not know this service \(status 08\)"),
    ],
)
async def test_what_the_controller_cannot_take_is_refused(address, kind, value, named) -> None:
    async with plant() as served, driver.open_session(device(served.port)) as session:
        with pytest.raises(Refusal, match=named):
            await session.write(tag(address, kind), value)
        assert [sample.value for sample in await session.read(TAGS)] == VALUES


async def test_a_string_of_ones_own_is_never_written_longer_than_it_is() -> None:
    # A LEN beyond DATA would be a major fault: the controller would stop.
    short = Structure("Code", [Tag("LEN", "DINT"), Tag("DATA", "SINT", count=5)])
    served = LogixSimulator("127.0.0.1", 0, [Tag("Order", "Code")], [short])
    async with served, driver.open_session(device(served.port)) as session:
        await session.write(tag("Order", "text"), "12345")
        assert (await session.read([tag("Order", "text")]))[0].value == "12345"
        with pytest.raises(Refusal, match="there is room for 5 bytes"):
            await session.write(tag("Order", "text"), "123456")
        assert served.value("Order.LEN") == 5


async def test_questions_to_nobody(closed_port) -> None:
    with pytest.raises(DeviceUnavailable):
        async with driver.open_session(device(closed_port)):
            pass
