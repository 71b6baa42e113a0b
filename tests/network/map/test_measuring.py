"""Probes become latency, jitter and loss; a day keeps them; addresses say how things are reached."""

from __future__ import annotations

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.kernel.errors import Invalid
from gongfu.network.drivers.pacing import Pulse
from gongfu.network.map.addresses import Address, address_of, of_text, readiness
from gongfu.network.map.days import COLUMNS, SIZE, SLOTS, Day, Moment
from gongfu.network.map.measuring import Grade, grade, quantile, summary, worst
from gongfu.network.map.shapes import Readiness

times = st.lists(st.none() | st.floats(0, 1e5), max_size=20)
amounts = st.none() | st.floats(0, 1e6, width=32)


@given(times)
def test_a_summary_lies_within_what_was_measured(found: list[float | None]) -> None:
    said = summary(found)
    answered = [time for time in found if time is not None]
    assert said.sent == len(found)
    assert said.lost == len(found) - len(answered)
    assert 0 <= said.loss <= 1
    if not answered:
        assert said.median is said.p95 is None
        return
    assert said.median is not None
    assert said.p95 is not None
    assert said.median == pytest.approx(statistics.median(answered))
    assert said.median - 1e-9 <= said.p95 <= max(answered) + 1e-9
    assert 0 <= said.jitter <= max(answered) - min(answered) + 1e-9


def test_jitter_follows_rfc_3550() -> None:
    # §6.4.1: J(i) = J(i-1) + (|D(i-1,i)| - J(i-1))/16; by hand for D = 16, 16.
    assert summary([0.0, 16.0, 0.0]).jitter == pytest.approx(1 + 15 / 16)
    assert summary([5.0, 5.0], jitter=1.6).jitter == pytest.approx(1.5)
    assert summary([5.0, None, 21.0]).jitter == pytest.approx(1.0)  # a loss is no delay


@given(st.lists(st.floats(0, 1e6), min_size=1).map(sorted))
def test_quantiles_are_those_of_the_standard_library(ordered: list[float]) -> None:
    if len(ordered) > 1:
        expected = statistics.quantiles(ordered, n=20, method="inclusive")[18]
        assert quantile(ordered, 0.95) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("online", "loss", "p95", "expected"),
    [
        (True, None, None, Grade.GOOD),
        (True, 0.0, 5.0, Grade.GOOD),
        (True, 0.05, 5.0, Grade.UNCERTAIN),
        (True, 0.0, 900.0, Grade.UNCERTAIN),
        (True, 0.9, 5.0, Grade.BAD),
        (False, 0.0, 1.0, Grade.BAD),
        (None, None, None, Grade.UNKNOWN),
        (None, 0.0, 1.0, Grade.GOOD),
    ],
)
def test_a_link_is_graded(online: bool | None, loss: float | None, p95: float | None, expected: Grade) -> None:
    assert grade(online=online, loss=loss, p95=p95) is expected


def test_the_worst_of_what_is_known_counts() -> None:
    assert worst([Grade.GOOD, Grade.UNKNOWN, Grade.BAD]) is Grade.BAD
    assert worst([]) is Grade.UNKNOWN


@given(st.lists(st.tuples(st.integers(-5, 90_000), amounts, amounts, st.none() | st.floats(0, 1)), max_size=30))
def test_a_day_survives_being_packed(put: list[tuple[int, float | None, float | None, float | None]]) -> None:
    day = Day()
    for second, latency, p95, loss in put:
        day.put(second, Moment(latency=latency, p95=p95, loss=loss))
    again = Day(day.pack())
    assert len(day.pack()) == SIZE
    for name in COLUMNS:
        assert again.line(name) == day.line(name)
        assert all(0 <= second < SLOTS * 300 for second, _value in again.line(name))
    latencies = [latency for _second, latency, _p95, _loss in put if latency is not None]
    mean = again.mean()
    assert (mean.latency is None) == (not latencies)
    if mean.latency is not None:
        assert min(latencies) * (1 - 1e-5) - 1e-5 <= mean.latency <= max(latencies) * (1 + 1e-5) + 1e-5


def test_what_falls_into_five_minutes_is_averaged_and_the_slowest_kept() -> None:
    day = Day()
    day.put(0, Moment(latency=1.0, p95=2.0, loss=0.0))
    day.put(299, Moment(latency=3.0, p95=9.0, loss=1.0))
    day.put(300, Moment(latency=7.0))
    assert day.line("latency") == [(0, 2.0), (300, 7.0)]
    assert day.line("p95") == [(0, 9.0)]
    assert day.line("loss") == [(0, 0.5)]


@given(st.binary(min_size=1, max_size=100))
def test_bytes_that_are_no_day_are_refused(data: bytes) -> None:
    with pytest.raises(Invalid):
        Day(data)


@pytest.mark.parametrize(
    ("driver", "options", "expected"),
    [
        ("modbus", {"host": "192.168.1.5"}, Address("192.168.1.5", 502)),
        ("modbus", {"host": "192.168.1.5", "port": 1502}, Address("192.168.1.5", 1502)),
        ("s7", {"host": "[fd00::7]"}, Address("fd00::7", 102)),
        ("opcua", {"endpoint": "opc.tcp://press-7"}, Address("press-7", 4840)),
        ("opcua", {"endpoint": "opc.tcp://[fd00::1]:4841/path"}, Address("fd00::1", 4841)),
        ("opcua", {"endpoint": "opc.tcp://:x"}, None),
        ("mqtt", {}, None),
        ("nobody", {"host": "x"}, None),
    ],
)
def test_a_device_is_reached_where_its_driver_says(
    driver: str, options: dict[str, object], expected: Address | None
) -> None:
    assert address_of(driver, options) == expected


@given(st.text(max_size=40))
def test_any_text_is_an_address_or_none(text: str) -> None:
    found = of_text(text)
    assert found is None or (found.host and 0 <= found.port < 2**16)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.168.1.2", "192.168.1.2"),
        ("[fd00::1]:161", "[fd00::1]:161"),
        ("fd00::1", "[fd00::1]"),
        ("switch-3:22", "switch-3:22"),
    ],
)
def test_addresses_are_read_as_people_write_them(text: str, expected: str) -> None:
    assert str(of_text(text)) == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.168.1.2", Readiness.NONE),
        ("::ffff:10.0.0.1", Readiness.NONE),
        ("fe80::1", Readiness.LOCAL),
        ("::1", Readiness.LOCAL),
        ("fd12:3456::1", Readiness.ADDRESSED),
        ("2408:8000::1", Readiness.ADDRESSED),
        ("plc-7", Readiness.UNKNOWN),
    ],
)
def test_an_address_says_how_far_it_is_with_ipv6(address: str, expected: Readiness) -> None:
    assert readiness(address) is expected


def test_polling_tells_its_round_trip_and_what_it_missed() -> None:
    pulse = Pulse()
    for seconds, late in ((0.010, 0), (0.026, 0), (0.010, 3)):
        pulse.beat(seconds, late)
    assert (pulse.cycles, pulse.late) == (3, 3)
    assert pulse.round_trip == pytest.approx(0.011 - 0.001 / 16)
    assert pulse.jitter > 0
    assert math.isfinite(pulse.jitter)
