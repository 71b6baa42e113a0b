"""Questions to a MELSEC controller beside its polling."""

from __future__ import annotations

import pytest

from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import BadConfiguration, DeviceUnavailable, Refusal, Sample
from gongfu.network.drivers.melsec import driver
from gongfu.network.drivers.melsec.simulator import SIZE, MelsecSimulator
from gongfu.network.gateway.config import TagConfig

from .test_driver import POINTS, TAGS, VALUES, device


def tag(address: str, kind: str = "number") -> TagConfig:
    return TagConfig(series=0, name="x", address=address, kind=kind)


@pytest.mark.parametrize("code", ["binary", "ascii"])
async def test_identity_and_one_reading_in_the_order_asked_for(code) -> None:
    plant = MelsecSimulator("127.0.0.1", 0, POINTS, ascii=code == "ascii", model="R08CPU")
    async with plant, driver.open_session(device(plant.port, code=code)) as session:
        identity = await session.identify()
        assert (identity.vendor, identity.product) == ("Mitsubishi Electric", "R08CPU")
        assert [sample.value for sample in await session.read(TAGS)] == VALUES
        found = await session.read([tag("M10"), tag(f"D{SIZE}"), tag("D104")])
        assert found == [Sample(0, 1.0), Sample(0, None, quality=Quality.BAD), Sample(0, -3.0)]


@pytest.mark.parametrize("series", ["Q/L/FX5", "iQ-R"])
@pytest.mark.parametrize("code", ["binary", "ascii"])
async def test_what_is_written_stands_in_the_controller(code, series) -> None:
    async with MelsecSimulator("127.0.0.1", 0, POINTS, ascii=code == "ascii") as plant:
        async with driver.open_session(device(plant.port, code=code, series=series)) as session:
            await session.write(tag("D100:float32"), 2.5)
            await session.write(tag("D104"), -7)
            await session.write(tag("R2000:uint32"), 3_000_000_000.0)
            await session.write(tag("X1F"), 1)
            await session.write(tag("M10", "boolean"), False)
            await session.write(tag("D105.2", "boolean"), True)
            await session.write(tag("D200:string10", "text"), "P9")
            assert (await session.read([tag("D105")]))[0].value == 0x404  # its neighbour D105.A is still there
        names = ["speed", "parts", "total", "door", "running", "alarm", "program"]
        assert [plant.value(name) for name in names] == [2.5, -7, 3e9, True, False, True, "P9"]


@pytest.mark.parametrize(
    ("address", "kind", "value", "named"),
    [
        ("D104", "number", 40000, "40000 is outside the range of int16"),
        ("D104", "number", 1.5, "1.5 is not a whole number"),
        ("M10", "boolean", 2, "2 is neither on nor off"),
        ("D200:string4", "text", "too long", "too long: there is room for 4 bytes"),
        (f"D{SIZE}", "number", 1, r"beyond the highest number \(end code C056\)"),
    ],
)
async def test_what_the_controller_cannot_take_is_refused(address, kind, value, named) -> None:
    async with MelsecSimulator("127.0.0.1", 0, POINTS) as plant, driver.open_session(device(plant.port)) as session:
        with pytest.raises(Refusal, match=named):
            await session.write(tag(address, kind), value)


async def test_a_running_controller_that_forbids_writing_says_so() -> None:
    async with MelsecSimulator("127.0.0.1", 0, POINTS) as plant, driver.open_session(device(plant.port)) as session:
        plant.declines = 0x0055
        with pytest.raises(Refusal, match="does not allow writing while it does"):
            await session.write(tag("D104"), 1)
        plant.declines = 0x1234
        with pytest.raises(Refusal, match="end code 1234"):
            await session.write(tag("D104"), 1)


async def test_questions_to_nobody_and_about_nothing(closed_port) -> None:
    async with driver.open_session(device(closed_port)) as session:
        with pytest.raises(DeviceUnavailable):
            await session.identify()
        with pytest.raises(BadConfiguration, match="Q7"):
            await session.read([tag("Q7")])
        with pytest.raises(BadConfiguration, match="Q7"):
            await session.write(tag("Q7"), 1)
        with pytest.raises(Refusal, match="does not tell what it holds"):
            await session.browse("")
