"""Scales, gauges and scanners heard over a pseudo-terminal and over TCP, by request, by themselves, and dialling in."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest

from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import BadConfiguration, DeviceUnavailable, Identity, Refusal, Sample
from gongfu.network.drivers.lines import driver
from gongfu.network.drivers.lines.simulator import LinesSimulator
from gongfu.network.drivers.lines.wire import Checksum, with_checksum
from gongfu.network.gateway.config import DeviceConfig, TagConfig

SICS = r"^(?P<id>S) (?P<state>[SDI+-]) *(?P<weight>-?[ 0-9.]+)? ?(?P<unit>\w+)?$"
"""Weight answers of MT-SICS."""
WEIGHT = [
    TagConfig(series=1, name="weight", address="weight@kg"),
    TagConfig(series=2, name="stable", address="state:is=S", kind="boolean"),
]
CODE = [TagConfig(series=7, name="code", address="line", kind="text")]


def device(plant: LinesSimulator, tags: list[TagConfig], interval: float = 0.05, **options: object) -> DeviceConfig:
    there = {"transport": "serial", "line": plant.line} if plant.line else {"transport": "tcp", "port": plant.port}
    if not plant.line:
        there["host"] = plant.host
    return DeviceConfig(
        device=1,
        org=1,
        org_code="acme",
        name="scale",
        driver="lines",
        options={**there, "timeout": 1.0, **options},  # type: ignore[dict-item]
        interval=interval,
        tags=tags,
    )


def values(samples: list[Sample], series: int = 7) -> list[object]:
    return [sample.value for sample in samples if sample.series == series]


@pytest.fixture(params=[True, False], ids=["serial", "tcp"])
def serial(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


async def test_a_scale_that_answers_on_request(recorder, running, serial) -> None:
    async with LinesSimulator({b"SI\r\n": b"S S     100.00 g\r\n"}, serial=serial) as scale:
        config = device(scale, WEIGHT, pattern=SICS, request=r"SI\r\n", terminator="crlf")
        async with running(driver, config, recorder):
            await recorder.until(lambda: len(recorder.batches) >= 3)
            assert (recorder.last()[1].value, recorder.last()[2].value) == (0.1, True)
            scale.answers[b"SI\r\n"] = b"S D      -1.50 kg\r\n"
            await recorder.until(lambda: recorder.last()[1].value == -1.5)
            assert recorder.last()[2].value is False
            scale.answers[b"SI\r\n"] = b"S +\r\n"  # too much on it
            await recorder.until(lambda: recorder.last()[1].quality is Quality.BAD)
            scale.answers[b"SI\r\n"] = b"S S       1.00 oz\r\n"
            await recorder.until(lambda: recorder.last()[1].value == pytest.approx(0.028349523125))
            scale.answers[b"SI\r\n"] = b"S S       1.00 pcs\r\n"  # is no mass
            await recorder.until(lambda: recorder.last()[1].quality is Quality.BAD)
    assert recorder.complaints == []
    assert recorder.times_online == 1


async def test_a_scale_that_talks_all_the_time(recorder, running, serial) -> None:
    async with LinesSimulator(serial=serial) as scale:
        config = device(scale, WEIGHT[:1], pattern=r"(?P<state>ST|US),(?:GS|NT),(?P<weight>[-+ 0-9.]+)(?P<unit>k?g)")
        async with running(driver, config, recorder):
            await recorder.until(lambda: recorder.times_online and scale.connections)
            for part in (b"ST,GS,+000", b"1.25kg\r", b"\nST,GS,-  2.50kg\r\nUS,GS,+0003"):
                scale.say(part)
                await asyncio.sleep(0.01)
            await recorder.until(lambda: len(recorder.samples) >= 2)
    assert [sample.value for sample in recorder.samples] == [1.25, -2.5]


async def test_every_scan_counts_once_with_the_time_of_its_arrival(recorder, running, serial) -> None:
    before = time.time_ns() // 1000
    async with LinesSimulator(serial=serial) as scanner, running(driver, device(scanner, CODE), recorder):
        await recorder.until(lambda: recorder.times_online and scanner.connections)
        for number in range(500):
            scanner.say(b"690123456%04d\r\n" % (number // 2))  # the same code twice is two scans
        await recorder.until(lambda: len(recorder.samples) >= 500)
        await asyncio.sleep(0.05)
    assert values(recorder.samples) == [f"690123456{number // 2:04d}" for number in range(500)]
    times = [sample.time for sample in recorder.samples]
    assert len(set(times)) == 500
    assert times == sorted(times)
    assert before <= times[0] <= times[-1] <= time.time_ns() // 1000 + 500


async def test_a_gateway_that_is_slow_loses_no_line(recorder, running) -> None:
    recorder.delay = 0.0005
    async with LinesSimulator() as scanner, running(driver, device(scanner, CODE), recorder):
        await recorder.until(lambda: scanner.connections)
        for number in range(2000):
            scanner.say(b"%0100d\n" % number)
            if number % 100 == 0:
                await asyncio.sleep(0)
        await recorder.until(lambda: len(recorder.samples) >= 2000, 30)
    assert [int(str(value)) for value in values(recorder.samples)] == list(range(2000))


async def test_scanners_dial_in_and_their_lines_do_not_mix(recorder, running, closed_port) -> None:
    here = {"transport": "listen", "host": "127.0.0.1", "port": closed_port}
    async with contextlib.AsyncExitStack() as stack:
        scanners = [await stack.enter_async_context(LinesSimulator()) for _ in range(3)]
        await stack.enter_async_context(running(driver, device(scanners[0], CODE, **here), recorder))
        for scanner in scanners:
            while not scanner.connections:
                with contextlib.suppress(OSError):
                    await scanner.call("127.0.0.1", closed_port)
        for part in (b"AB", b"CD", b"EF\r\n"):
            for number, scanner in enumerate(scanners):
                scanner.say(part + str(number).encode() if part == b"AB" else part)
                await asyncio.sleep(0.01)
        await recorder.until(lambda: len(recorder.samples) >= 3)
        assert sorted(map(str, values(recorder.samples))) == ["AB0CDEF", "AB1CDEF", "AB2CDEF"]
        scanners[0].hang_up()
        scanners[1].say(b"still here\n")
        await recorder.until(lambda: "still here" in values(recorder.samples))
        await scanners[0].call("127.0.0.1", closed_port)
        scanners[0].say(b"and back\n")
        await recorder.until(lambda: "and back" in values(recorder.samples))
    assert recorder.times_online == 1


async def test_a_device_that_ends_its_lines_by_silence(recorder, running, serial) -> None:
    async with LinesSimulator(serial=serial) as scanner:
        config = device(scanner, CODE, terminator="idle", idle_gap=0.1)
        async with running(driver, config, recorder):
            await recorder.until(lambda: recorder.times_online and scanner.connections)
            for code in (b"4006381333931", b"9783161484100"):
                scanner.say(code[:5])
                scanner.say(code[5:])
                await recorder.until(lambda code=code: code.decode() in values(recorder.samples))
    assert values(recorder.samples) == ["4006381333931", "9783161484100"]


async def test_lines_with_a_wrong_check_sum_are_no_values(recorder, running) -> None:
    async with LinesSimulator(serial=True) as gauge:
        config = device(gauge, CODE, checksum="sum8")
        async with running(driver, config, recorder):
            await recorder.until(lambda: recorder.times_online)
            for text in (b"1.5", b"2.5", b"3.5"):
                line = with_checksum(text, Checksum.SUM8)
                gauge.say((line if text != b"2.5" else b"9" + line[1:]) + b"\r\n")
            await recorder.until(lambda: len(recorder.samples) >= 2)
    assert values(recorder.samples) == ["1.5", "3.5"]
    assert recorder.complaints == [f"wrong check sum: '9{with_checksum(b'2.5', Checksum.SUM8)[1:].decode()}'"]


async def test_lines_that_make_no_sense_are_reported_once_and_the_others_live(recorder, running) -> None:
    async with LinesSimulator(serial=True) as scale:
        both = r"(?P<weight>[0-9.]+)(?P<unit>kg) ;; ^(?P<weight>[0-9]+)(?P<unit>g)$"
        config = device(scale, WEIGHT[:1], pattern=both)
        async with running(driver, config, recorder):
            await recorder.until(lambda: recorder.times_online)
            for _ in range(50):
                scale.say(b"\xff\xfe nonsense \x00\r\n" + 600 * b"x" + b"\r\n")
            scale.say(b"1.5kg\r\n500g\r\n")
            await recorder.until(lambda: len(recorder.samples) >= 2)
    assert [sample.value for sample in recorder.samples] == [1.5, 0.5]
    assert len(recorder.complaints) == 1
    assert recorder.complaints[0].startswith(("no pattern fits", "a line is too long"))


async def test_a_scale_that_does_not_answer_is_unavailable_in_time(recorder) -> None:
    async with LinesSimulator(serial=True) as scale:
        start = time.monotonic()
        with pytest.raises(DeviceUnavailable, match="does not answer its request"):
            await driver.run(device(scale, WEIGHT, pattern=SICS, request=r"SI\r\n", timeout=0.3), recorder)
        assert time.monotonic() - start < 5
    assert recorder.times_online == 0


async def test_a_scale_that_says_nothing_any_more_is_unavailable(recorder) -> None:
    async with LinesSimulator() as scale:
        task = asyncio.create_task(driver.run(device(scale, CODE, silence=0.3), recorder))
        await recorder.until(lambda: scale.connections)
        scale.say(b"1\n")
        with pytest.raises(DeviceUnavailable, match=r"said nothing for 0\.3 s"):
            await asyncio.wait_for(task, 5)
    assert values(recorder.samples) == ["1"]


async def test_what_came_before_the_connection_broke_is_not_lost(recorder) -> None:
    async with LinesSimulator() as scanner:
        task = asyncio.create_task(driver.run(device(scanner, CODE), recorder))
        await recorder.until(lambda: scanner.connections)
        scanner.say(b"1\n2\n3\nhal")
        await recorder.until(lambda: recorder.samples)
    with pytest.raises(DeviceUnavailable, match="broke"):
        await asyncio.wait_for(task, 5)
    assert values(recorder.samples) == ["1", "2", "3"]


async def test_a_scale_that_goes_is_heard_again_when_it_is_back(recorder, running, tmp_path, serial) -> None:
    link = tmp_path / "ttyScale"
    async with LinesSimulator(serial=serial, link=link if serial else None) as scale:
        config = device(scale, CODE)
        task = asyncio.create_task(driver.run(config, recorder))
        await recorder.until(lambda: recorder.times_online and scale.connections)
    with pytest.raises(DeviceUnavailable):
        await asyncio.wait_for(task, 5)
    again = LinesSimulator(serial=serial, port=scale.port, link=link if serial else None)
    async with again, running(driver, config, recorder):
        await recorder.until(lambda: recorder.times_online == 2 and again.connections)
        again.say(b"back\n")
        await recorder.until(lambda: "back" in values(recorder.samples))


async def test_nobody_there_is_unavailable(recorder, closed_port, tmp_path) -> None:
    nobody = LinesSimulator(port=closed_port)
    with pytest.raises(DeviceUnavailable, match=f"Nothing answers at 127.0.0.1:{closed_port}"):
        await driver.run(device(nobody, CODE), recorder)
    nobody.line = str(tmp_path / "none")
    with pytest.raises(DeviceUnavailable, match="cannot be opened"):
        await driver.run(device(nobody, CODE), recorder)
    with pytest.raises(DeviceUnavailable, match="Nobody can call"):
        await driver.run(device(nobody, CODE, transport="listen", host="192.0.2.1", port=closed_port), recorder)


async def test_rubbish_is_no_value_and_no_end(recorder, rubbish_port) -> None:
    nonsense = LinesSimulator(port=rubbish_port)
    config = device(nonsense, WEIGHT, pattern=SICS, request=r"SI\r\n", timeout=0.3)
    with contextlib.suppress(DeviceUnavailable, TimeoutError):
        async with asyncio.timeout(1):
            await driver.run(config, recorder)
    assert recorder.batches == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"line": ""}, "needs the option line"),
        ({"transport": "tcp", "port": 1}, "needs the option host"),
        ({"transport": "listen", "host": "127.0.0.1"}, "needs the option port"),
        ({"transport": "pigeon"}, "transport"),
        ({"parity": "odd-ish"}, "parity odd-ish"),
        ({"encoding": "klingon"}, "klingon"),
        ({"pattern": "(?P<weight>"}, "The pattern"),
        ({"pattern": "(?P<other>x)"}, "No pattern has the group weight"),
        ({"pattern": "(?P<weight>x)"}, "asks for kg"),
        ({"request": "\\q"}, "unknown escape"),
        ({"pattern": 21 * "a;;"}, "too many"),
    ],
)
async def test_a_wrong_configuration_is_refused_without_opening_anything(recorder, change, named) -> None:
    plant = LinesSimulator()
    plant.line = "/dev/null"
    with pytest.raises(BadConfiguration, match=named):
        await driver.run(device(plant, WEIGHT[:1], **{"pattern": SICS, **change}), recorder)


async def test_questions_beside_the_running_driver_take_no_line_from_it(recorder, running, serial) -> None:
    async with LinesSimulator({b"T\r\n": b"T S      1.00 kg\r\n", b"Z\r\n": b"Z I\r\n"}, serial=serial) as scale:
        config = device(scale, CODE, pattern=r"(?P<weight>[0-9.]+) (?P<unit>k?g)", timeout=0.5)
        async with running(driver, config, recorder), driver.open_session(config) as session:
            await recorder.until(lambda: recorder.times_online and scale.connections)
            assert await session.identify() == Identity()
            assert [point.name for point in await session.browse("")] == ["line", "weight"]
            grams = TagConfig(series=3, name="grams", address="weight@g")
            other = TagConfig(series=0, name="other", address="line:present", kind="boolean")
            with pytest.raises(BadConfiguration):
                await session.read([TagConfig(series=0, name="nonsense", address="?")])
            reading = asyncio.create_task(session.read([grams, *CODE, other]))
            await asyncio.sleep(0.05)
            scale.say(b"2.50 kg\r\n")
            weight, code, present = await reading
            assert (weight.series, weight.value, code.value, present.value) == (3, 2500.0, "2.50 kg", True)
            tare = TagConfig(series=0, name="tare", address=r">T\r\n => ^T S", kind="boolean")
            await session.write(tare, True)
            zero = TagConfig(series=0, name="zero", address=r">Z\r\n => ^Z A", kind="boolean")
            with pytest.raises(Refusal, match="said Z I last"):
                await session.write(zero, True)
            await recorder.until(lambda: "Z I" in values(recorder.samples) or len(recorder.complaints) > 0)
    assert values(recorder.samples)[:2] == ["2.50 kg", "T S      1.00 kg"]


async def test_commands_carry_values_and_nothing_can_be_slipped_in() -> None:
    async with LinesSimulator(serial=True) as scale, driver.open_session(device(scale, [], timeout=0.3)) as session:
        show = TagConfig(series=0, name="display", address=r">D {}\r\n", kind="text")
        limit = TagConfig(series=0, name="limit", address=r">L {}\r\n")
        await session.write(show, r"12\r\n%")
        await session.write(limit, 12.5)
        await session.write(limit, 3.0)
        for said in ("a\r\nT", "a\x00", "\n"):
            with pytest.raises(Refusal, match="would end the command"):
                await session.write(show, said)
        with pytest.raises(Refusal, match="only be read"):
            await session.write(CODE[0], "x")
        with pytest.raises(Refusal, match="writing true"):
            await session.write(TagConfig(series=0, name="t", address=r">T\r\n", kind="boolean"), False)
        with pytest.raises(DeviceUnavailable):
            await session.write(TagConfig(series=0, name="t", address=r">T\r\n => OK", kind="boolean"), True)
        while b"".join(scale.heard).count(b"\r\n") < 4:
            await asyncio.sleep(0.01)
        assert b"".join(scale.heard) == b"D 12\\r\\n%\r\nL 12.5\r\nL 3\r\nT\r\n"


async def test_a_reading_asks_for_it_where_that_is_needed() -> None:
    async with LinesSimulator({b"SI\r\n": b"S S     100.00 g\r\n"}) as scale:
        config = device(scale, [], pattern=SICS, request=r"SI\r\n", timeout=0.5)
        async with driver.open_session(config) as session:
            assert [sample.value for sample in await session.read(WEIGHT)] == [0.1, True]
            scale.answers.clear()
            with pytest.raises(DeviceUnavailable):
                await session.read(WEIGHT)
