"""Birth, death and rebirth, rule by rule (Sparkplug 3.0.0)."""

from __future__ import annotations

import itertools

import pytest

from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import Sample
from gongfu.network.drivers.sparkplug import edge
from gongfu.network.drivers.sparkplug.driver import SparkplugFeed
from gongfu.network.drivers.sparkplug.wire import DataType, Metric, Payload
from tests.network.sparkplug.test_driver import SENT, STORED, Ear, dbirth, ddata, feed, message, nbirth

_numbers = itertools.count()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(edge.time, "monotonic", lambda: now[0])
    return now


def alive() -> tuple[Ear, SparkplugFeed]:
    ear, press = Ear(), feed()
    press.read(nbirth(), ear)
    press.read(dbirth(), ear)
    assert (ear.commands, ear.complaints) == ([], [])
    return ear, press


def speed(value: int) -> Metric:
    return Metric(alias=10, datatype=DataType.INT16, value=value)


def test_rebirth_requests_come_ever_more_rarely_while_none_is_answered(clock: list[float]) -> None:
    ear, press = alive()
    asked = []
    for second in range(2000):
        clock[0] = 1000.0 + second
        press.read(ddata((3 + 2 * second) % 256, speed(1)), ear)
        if ear.commands:
            asked.append(second)
            ear.commands.clear()
    assert asked == [0, 10, 30, 70, 150, 310, 630, 1230, 1830]


def test_after_a_birth_a_rebirth_is_soon_asked_for_again(clock: list[float]) -> None:
    ear, press = alive()
    for second in (0, 10, 30, 70):
        clock[0] = 1000.0 + second
        press.read(ddata((9 + 2 * second) % 256, speed(1)), ear)
    press.read(nbirth(), ear)
    press.read(dbirth(), ear)
    clock[0] += 10
    press.read(ddata(99, speed(1)), ear)
    assert len(ear.commands) == 5


def test_data_of_a_metric_that_no_birth_named_is_kept_and_asks_for_a_rebirth() -> None:
    ear, press = Ear(), feed()
    press.read(nbirth(), ear)
    press.read(message("DBIRTH", Payload(timestamp=SENT, seq=1)), ear)
    named = Metric(name="Speed", datatype=DataType.INT16, value=5)
    assert press.read(ddata(2, named), ear) == [Sample(1, 5, (SENT + 2) * 1000)]
    assert len(ear.commands) == 1


def test_a_device_that_is_born_before_its_edge_node_asks_for_a_rebirth_and_is_read() -> None:
    ear, press = Ear(), feed(edge="headless")
    assert press.read(message("DBIRTH", dbirth().payload, edge="headless"), ear)
    assert len(ear.commands) == 1


def test_a_late_birth_makes_the_device_live_again() -> None:
    ear, press = alive()
    press.read(message("DDEATH", Payload(seq=2)), ear)
    assert ear.status.startswith("offline")
    press.read(dbirth(seq=3), ear)
    assert press.read(ddata(4, speed(8)), ear) == [Sample(1, 8, (SENT + 2) * 1000)]
    assert (ear.status, ear.commands) == ("online", [])


def test_data_after_the_death_of_the_edge_node_asks_for_a_rebirth() -> None:
    ear, press = alive()
    bdseq = Metric(name="bdSeq", datatype=DataType.UINT64, value=4)
    press.read(message("NDEATH", Payload(metrics=[bdseq])), ear)
    press.read(ddata(2, speed(1)), ear)
    assert len(ear.commands) == 1


def test_a_death_names_the_connection_that_died() -> None:
    ear, press = alive()
    press.read(nbirth(bdseq=5), ear)
    press.read(dbirth(), ear)
    for bdseq, status in ((4, "online"), (5, "offline")):
        death = Payload(metrics=[Metric(name="bdSeq", datatype=DataType.UINT64, value=bdseq)])
        press.read(message("NDEATH", death), ear)
        assert ear.status.startswith(status)


def test_a_birth_of_the_edge_node_without_bdseq_is_reported() -> None:
    ear, node = Ear(), feed("", edge=f"n{next(_numbers)}")
    node.read(message("NBIRTH", Payload(timestamp=SENT, seq=0), edge="any"), ear)
    assert "bdSeq" in ear.complaints[0]


def test_an_alias_that_two_metrics_have_is_reported() -> None:
    ear, press = Ear(), feed()
    press.read(nbirth(), ear)
    metrics = [Metric(name=name, alias=1, datatype=DataType.INT16, value=1) for name in ("Speed", "Torque")]
    press.read(message("DBIRTH", Payload(timestamp=SENT, seq=1, metrics=metrics)), ear)
    assert "alias 1 of Torque belongs to Speed already" in ear.complaints[0]


def test_a_birth_replaces_the_aliases_of_the_device() -> None:
    ear, press = alive()
    moved = Metric(name="Speed", alias=99, datatype=DataType.INT16, value=1)
    press.read(message("DBIRTH", Payload(timestamp=SENT, seq=2, metrics=[moved])), ear)
    assert press.read(ddata(3, speed(7)), ear) == []
    assert len(ear.commands) == 1


@pytest.mark.parametrize("kind", [DataType.DATASET, DataType.TEMPLATE, DataType.FILE])
def test_a_metric_that_no_tag_can_hold_is_reported_once_for_each_birth_and_bad(kind: DataType) -> None:
    ear, press = Ear(), feed()
    held = Metric(name="Speed", alias=10, datatype=kind, is_null=True)
    program = Metric(name="Program", datatype=DataType.STRING, value="O1")
    for _ in range(2):
        press.read(nbirth(), ear)
        samples = press.read(message("DBIRTH", Payload(timestamp=SENT, seq=1, metrics=[held, program])), ear)
        assert samples == [Sample(1, None, SENT * 1000), Sample(2, "O1", SENT * 1000)]
        press.read(ddata(2, Metric(alias=10, is_null=True)), ear)
    assert len(ear.complaints) == 2


def test_a_dead_devices_tags_are_bad_from_the_moment_the_death_arrived() -> None:
    ear, press = alive()
    samples = press.read(message("DDEATH", Payload(seq=2, timestamp=SENT - 10**9)), ear)
    assert {(sample.time, sample.quality) for sample in samples} == {(STORED, Quality.BAD)}
