"""After an interruption: nothing twice, nothing lost that the server has kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from asyncua import ua

from gongfu.network.drivers.contract import DeviceUnavailable, Sample
from gongfu.network.drivers.opcua import driver, history, memory
from gongfu.network.drivers.opcua.simulator import OpcuaSimulator, Point
from gongfu.network.gateway.config import DeviceConfig, TagConfig

pytestmark = pytest.mark.asyncio(loop_scope="module")

EPOCH = 1_700_000_000_000_000
SECOND = 1_000_000
POINTS = [Point("D", f"D.{name}") for name in ("c", "d", "e", "half", "kept")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plant() -> AsyncIterator[OpcuaSimulator]:
    async with OpcuaSimulator("127.0.0.1", 0, POINTS, history=True) as running:
        yield running


def tag(series: int, name: str) -> TagConfig:
    return TagConfig(series=series, name=name, address=f"ns=2;s=D.{name}")


def device(plant: OpcuaSimulator, tags: list[TagConfig], **options: object) -> DeviceConfig:
    return DeviceConfig(
        device=1,
        org=1,
        org_code="acme",
        name="cnc",
        driver="opcua",
        options={"endpoint": plant.endpoint, "timeout": 2.0, "heartbeat": 0, **options},  # type: ignore[dict-item]
        interval=0.1,
        tags=tags,
    )


async def _followed(plant: OpcuaSimulator, config: DeviceConfig, recorder: object, until: object) -> None:
    """Run the driver until ``until``, then break the connection."""
    task = asyncio.create_task(driver.run(config, recorder))  # type: ignore[arg-type]
    try:
        await recorder.until(until)  # type: ignore[attr-defined]
        plant.close_connections()
        with pytest.raises(DeviceUnavailable):
            await asyncio.wait_for(task, 5)
    finally:
        task.cancel()


async def test_after_an_interruption_nothing_is_doubled(plant, recorder, running) -> None:
    config = device(plant, [tag(1, "kept"), tag(2, "c")])
    await plant.write("D.kept", 1, EPOCH)
    await _followed(plant, config, recorder, lambda: len(recorder.last()) == 2)
    async with running(driver, config, recorder):
        await recorder.until(lambda: plant.watched(["D.kept", "D.c"]))
        await plant.write("D.kept", 2, EPOCH + 1)
        await recorder.until(lambda: recorder.last()[1].value == 2)
    assert recorder.of(1) == [Sample(1, 1.0, EPOCH), Sample(1, 2.0, EPOCH + 1)]
    assert len(recorder.of(2)) == 1


@pytest.mark.parametrize("ahead", [0, 400 * 86400 * SECOND])
async def test_history_fills_an_interruption_in_pages_each_value_once(
    plant, recorder, running, monkeypatch, ahead
) -> None:
    monkeypatch.setattr(history, "_VALUES", 10)
    start = int(asyncio.get_running_loop().time() * 0) + _now() + ahead
    name = "D.d" if not ahead else "D.e"  # a machine whose clock is more than a year ahead
    config = device(plant, [tag(1, name.removeprefix("D.")), tag(2, "half")], history=3600)
    await plant.write(name, 0, start)
    await _followed(plant, config, recorder, lambda: len(recorder.last()) == 2)
    for i in range(1, 36):
        await plant.write(name, i, start + i)
    storage = plant.server.iserver.history_manager.storage
    kept = storage._datachanges[ua.NodeId(name, 2)]
    await recorder.until(lambda: kept[-1].Value.Value == 35)
    async with running(driver, config, recorder):
        await recorder.until(lambda: recorder.last()[1].value == 35)
        await recorder.until(lambda: plant.watched([name]))
        await plant.write(name, 36, start + 36)
        await recorder.until(lambda: recorder.last()[1].value == 36)
    assert [(s.value, s.time - start) for s in recorder.of(1)] == [(float(i), i) for i in range(37)]
    assert len(recorder.of(2)) == 1


async def test_a_gateway_that_was_stopped_fills_the_gap_and_one_that_was_killed_does_not(
    plant, recorder, running, home
) -> None:
    start = _now()
    config = device(plant, [tag(1, "c")], history=3600)
    await plant.write("D.c", 1, start)
    async with running(driver, config, recorder):
        # Told and remembered: stopped between the two, it would rather leave a gap than double.
        await recorder.until(lambda: recorder.of(1) and any(kept.last for kept in memory._memories.values()))
    memory._memories.clear()  # another process
    await plant.write("D.c", 2, start + 1)
    await plant.write("D.c", 3, start + 2)
    async with running(driver, config, recorder):
        await recorder.until(lambda: recorder.last()[1].value == 3)
        assert not list((home / "opcua" / "last").iterdir())
        await recorder.until(lambda: plant.watched(["D.c"]))
    for file in (home / "opcua" / "last").iterdir():
        file.write_bytes(b"rubbish")
    memory._memories.clear()
    await plant.write("D.c", 4, start + 3)
    await plant.write("D.c", 5, start + 4)
    async with running(driver, config, recorder):
        await recorder.until(lambda: recorder.last()[1].value == 5)
    assert [(s.value, s.time - start) for s in recorder.of(1)] == [(1.0, 0), (2.0, 1), (3.0, 2), (5.0, 4)]


def _now() -> int:
    return int(ua.uatypes.datetime.now().timestamp() * SECOND)


async def test_a_server_without_history_is_followed_all_the_same(plant, recorder, running, monkeypatch) -> None:
    async def refuse(params: ua.HistoryReadParameters) -> list[ua.HistoryReadResult]:
        code = ua.StatusCode(ua.StatusCodes.BadHistoryOperationUnsupported)
        return [ua.HistoryReadResult(StatusCode=code) for _ in params.NodesToRead]

    monkeypatch.setattr(plant.server.iserver.history_manager, "read_history", refuse)
    config = device(plant, [tag(1, "half")], history=60)
    await plant.write("D.half", 1, EPOCH)
    await _followed(plant, config, recorder, lambda: recorder.of(1))
    async with running(driver, config, recorder):
        await recorder.until(lambda: plant.watched(["D.half"]))
        await plant.write("D.half", 2, EPOCH + 1)
        await recorder.until(lambda: recorder.last()[1].value == 2)
    assert recorder.complaints == ["half (ns=2;s=D.half): no history: BadHistoryOperationUnsupported"]
