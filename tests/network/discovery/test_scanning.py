"""Scans over loopback: simulators that are found, and peers that misbehave."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest
from pymodbus.pdu.device import ModbusDeviceIdentification

from gongfu.kernel.errors import Forbidden, NotFound, Unavailable
from gongfu.network.discovery.ranges import permitted
from gongfu.network.discovery.scanning import Pace, Scan, Scans
from gongfu.network.discovery.shapes import Finding, Order, Wish
from gongfu.network.drivers.bacnet.simulator import BacnetSimulator
from gongfu.network.drivers.ethernetip.simulator import LogixSimulator
from gongfu.network.drivers.iec104.simulator import Iec104Simulator
from gongfu.network.drivers.melsec.simulator import MelsecSimulator
from gongfu.network.drivers.modbus.simulator import ModbusSimulator
from gongfu.network.drivers.modbus.simulator import Point as ModbusPoint
from gongfu.network.drivers.mtconnect.simulator import MTConnectSimulator
from gongfu.network.drivers.mtconnect.simulator import Point as MTConnectPoint
from gongfu.network.drivers.opcua.simulator import OpcuaSimulator
from gongfu.network.drivers.opcua.simulator import Point as OpcuaPoint
from gongfu.network.drivers.s7.simulator import Point as S7Point
from gongfu.network.drivers.s7.simulator import S7Simulator

HERE = permitted(["127.0.0.0/8"])
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Serve = Callable[[Talk], Awaitable[int]]
EVERYTHING = ("modbus", "s7", "opcua", "ethernetip", "melsec", "iec104", "mqtt-broker", "web", "mtconnect")


def order(**ports: int) -> Order:
    wishes = [Wish(probe=name.replace("_", "-"), ports=[port]) for name, port in ports.items()]
    return Order(targets="127.0.0.1", wishes=wishes, rate=50)


async def scan(wanted: Order, within: float = 60) -> list[Finding]:
    found = Scan(wanted, HERE)
    await asyncio.wait({found.task}, timeout=within)
    progress = found.progress(0)
    assert progress.state == "done", progress
    assert progress.tried == progress.total == found.total
    return found.findings


async def test_five_simulators_are_found_with_their_identities() -> None:
    identity = ModbusDeviceIdentification(  # type: ignore[no-untyped-call]
        info_name={"VendorName": "Acme", "ModelName": "Meter 9"}
    )
    async with (
        ModbusSimulator("127.0.0.1", 0, [ModbusPoint("a", "holding:0", value=1)], identity=identity) as modbus,
        S7Simulator("127.0.0.1", 0, [S7Point("a", "DB1.DBW0", 1)]) as s7,
        OpcuaSimulator("127.0.0.1", 0, [OpcuaPoint("press", "press.speed", 1.5)]) as opcua,
        LogixSimulator("127.0.0.1", 0, []) as logix,
        MelsecSimulator("127.0.0.1", 0, []) as melsec,
    ):
        findings = await scan(
            order(modbus=modbus.port, s7=s7.port, opcua=opcua.port, ethernetip=logix.port, melsec=melsec.port)
        )
    by_driver = {finding.driver: finding for finding in findings}
    assert len(findings) == len(by_driver) == 5
    assert (by_driver["modbus"].identity.vendor, by_driver["modbus"].identity.product) == ("Acme", "Meter 9")
    assert by_driver["modbus"].options == {"host": "127.0.0.1", "port": modbus.port}
    assert by_driver["ethernetip"].identity.product == "1756-L83E/B"
    assert by_driver["ethernetip"].identity.serial_number == "00C0FFEE"
    assert by_driver["melsec"].identity.vendor == "Mitsubishi Electric"
    assert by_driver["melsec"].identity.product
    assert by_driver["s7"].identity.product
    assert by_driver["opcua"].identity.product
    assert by_driver["opcua"].options == {"endpoint": f"opc.tcp://127.0.0.1:{opcua.port}/"}
    assert "speed" in [point.name for point in by_driver["opcua"].points]
    assert all(finding.address == "127.0.0.1" for finding in findings)


async def test_a_substation_a_bacnet_device_and_a_web_page_are_found(serve: Serve) -> None:
    async def page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n<title>Compressor 3</title>")

    async with Iec104Simulator("127.0.0.1", 0, []) as station, BacnetSimulator("127.0.0.1", 0, []) as building:
        findings = await scan(order(iec104=station.port, bacnet=building.port, web=await serve(page)))
    assert {(one.probe, one.driver) for one in findings} == {("iec104", "iec104"), ("bacnet", "bacnet"), ("web", "")}
    assert [one.identity.product for one in findings if one.probe == "web"] == ["Compressor 3"]


async def test_an_mtconnect_agent_says_what_its_machine_has() -> None:
    async with MTConnectSimulator("127.0.0.1", 0, [MTConnectPoint("Xpos")]) as agent:
        (finding,) = await scan(order(mtconnect=agent.port))
    assert finding.driver == "mtconnect"
    assert finding.options == {"url": f"http://127.0.0.1:{agent.port}"}
    assert finding.identity.product
    assert finding.points


async def test_a_device_that_was_recognised_and_then_fails_is_found_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fail(session: object) -> list[object]:
        raise TimeoutError

    monkeypatch.setattr("gongfu.network.discovery.identifying._points", fail)
    async with LogixSimulator("127.0.0.1", 0, []) as logix:
        (finding,) = await scan(order(ethernetip=logix.port))
    assert (finding.identity.product, finding.points) == ("1756-L83E/B", [])


async def test_a_station_is_never_told_to_start_transfer(serve: Serve) -> None:
    heard = bytearray()

    async def station(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            heard.extend(data)
            writer.write(bytes((0x68, 4, 0x83, 0, 0, 0)))

    assert len(await scan(order(iec104=await serve(station)))) == 1
    assert bytes(heard) == bytes((0x68, 4, 0x43, 0, 0, 0))


async def one_by_one(port: int) -> list[Finding]:
    """Every probe at ``port``, each as a scan of its own, at the same time."""
    scans = [scan(Order(targets="127.0.0.1", wishes=[Wish(probe=name, ports=[port])])) for name in EVERYTHING]
    return [finding for findings in await asyncio.gather(*scans) for finding in findings]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gongfu.network.discovery.identifying.LONGEST", 0.4)
    monkeypatch.setattr("gongfu.network.discovery.sockets.ANSWER", 0.5)


@pytest.mark.usefixtures("impatient")
async def test_rubbish_is_no_device(rubbish_port: int) -> None:
    found = {finding.probe for finding in await one_by_one(rubbish_port)}
    assert found <= {"web"}  # one kind of rubbish is an answer of a web server


@pytest.mark.usefixtures("impatient")
async def test_a_peer_that_accepts_and_says_nothing_does_not_hold_the_scan_up(serve: Serve) -> None:
    async def tarpit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(100):
            pass

    assert await one_by_one(await serve(tarpit)) == []


@pytest.mark.usefixtures("impatient")
async def test_a_peer_that_drips_for_ever_does_not_hold_the_scan_up(serve: Serve) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            writer.write(b"a")
            await writer.drain()
            await asyncio.sleep(0.05)

    assert await one_by_one(await serve(drip)) == []


@pytest.mark.usefixtures("impatient")
async def test_an_endless_banner_is_read_no_further_than_needed(serve: Serve) -> None:
    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            writer.write(b"\xff" * 65536)
            await writer.drain()

    assert await one_by_one(await serve(flood)) == []


async def test_closed_ports_end_at_once(closed_port: int) -> None:
    assert await one_by_one(closed_port) == []


async def test_what_a_peer_says_of_itself_is_cut_to_one_line(serve: Serve) -> None:
    async def page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n<title>\x00Line\n\x1b[31m" + b"x" * 190 + b"</title>")

    (finding,) = await scan(order(web=await serve(page)))
    assert finding.identity.product.startswith("Line [31mxxx")
    assert finding.identity.product.isprintable()


async def test_a_scan_outside_the_permitted_networks_is_refused() -> None:
    for networks in ([], permitted(["10.0.0.0/8"]), permitted(["0.0.0.0/0"])):
        with pytest.raises(Forbidden):
            Scan(order(modbus=502), networks)


async def test_one_scan_at_a_time_and_it_can_be_stopped(serve: Serve) -> None:
    async def tarpit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(100):
            pass

    scans = Scans(HERE)
    wanted = order(modbus=await serve(tarpit))
    assert scans.start("first-scan", wanted).state == "running"
    assert scans.start("first-scan", wanted).state == "running"  # asked twice, begun once
    with pytest.raises(Unavailable):
        scans.start("second-scan", wanted)
    assert (await scans.stop("first-scan", 0)).state == "stopped"
    scans.start("second-scan", wanted)
    await scans.close()
    assert scans.look("second-scan", 0).state == "stopped"
    with pytest.raises(NotFound):
        scans.look("third-scan", 0)


async def test_connections_are_opened_evenly() -> None:
    pace = Pace(50)
    begin = time.monotonic()
    await asyncio.gather(*(pace.turn() for _ in range(11)))
    assert time.monotonic() - begin >= 0.19
