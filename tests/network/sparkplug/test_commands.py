"""Writing to metrics of edge nodes and their devices (Sparkplug 3.0.0)."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.network.drivers.contract import Refusal
from gongfu.network.drivers.sparkplug.driver import SparkplugFeed
from gongfu.network.drivers.sparkplug.wire import DataType, Metric, Payload, decode_payload, typed
from gongfu.network.gateway.config import TagConfig
from tests.network.sparkplug.test_driver import SENT, Ear, dbirth, feed, message, nbirth

KINDS = [DataType.INT8, DataType.UINT16, DataType.INT64, DataType.FLOAT, DataType.DOUBLE, DataType.BOOLEAN]


def tag(name: str) -> TagConfig:
    return TagConfig(series=1, name="t", address=name)


def born(metric: Metric) -> SparkplugFeed:
    ear, press = Ear(), feed()
    press.read(nbirth(), ear)
    press.read(message("DBIRTH", Payload(timestamp=SENT, seq=1, metrics=[metric])), ear)
    return press


def written(metric: Metric, value: float | bool | str) -> Metric:
    ear, press = Ear(), born(metric)
    press.write(tag(metric.name), value, ear)
    [(topic, payload)] = ear.commands
    assert topic == "spBv1.0/acme/DCMD/edge/press"
    said = decode_payload(payload)
    assert said.timestamp is not None
    assert said.seq is None  # tck-id-payloads-dcmd-seq
    [sent] = said.metrics
    return sent


def test_a_metric_born_with_an_alias_is_commanded_by_it_alone() -> None:
    sent = written(Metric(name="Speed", alias=10, datatype=DataType.INT16, value=1), -5.0)
    assert (sent.name, sent.alias, sent.datatype) == ("", 10, DataType.INT16)
    assert typed(sent.value, sent.datatype) == -5


def test_a_metric_born_without_an_alias_is_commanded_by_its_name() -> None:
    sent = written(Metric(name="Program", datatype=DataType.STRING, value=""), "O17")
    assert (sent.name, sent.alias, sent.value) == ("Program", None, "O17")


def test_a_metric_of_the_edge_node_itself_is_commanded_by_ncmd() -> None:
    ear, node = Ear(), feed("", edge="own")
    metrics = [Metric(name="Speed", datatype=DataType.BOOLEAN, value=True)]
    node.read(message("NBIRTH", Payload(timestamp=SENT, seq=0, metrics=metrics), edge="own"), ear)
    node.write(tag("Speed"), False, ear)
    assert ear.commands[0][0] == "spBv1.0/acme/NCMD/own"


@pytest.mark.parametrize(
    ("datatype", "value"),
    [
        (DataType.INT8, 128),
        (DataType.UINT8, -1),
        (DataType.INT16, 1.5),
        (DataType.UINT64, 2.0**64),
        (DataType.INT32, "5"),
        (DataType.INT32, True),
        (DataType.FLOAT, 1e39),
        (DataType.DOUBLE, math.nan),
        (DataType.BOOLEAN, 2),
        (DataType.STRING, 5),
        (DataType.DATASET, 5),
        (99, 5),
    ],
)
def test_a_value_of_another_type_or_out_of_range_is_refused(datatype: int, value: float | bool | str) -> None:
    press = born(Metric(name="Speed", datatype=datatype, is_null=True))
    with pytest.raises(Refusal, match="cannot be written to the metric Speed"):
        press.write(tag("Speed"), value, Ear())


def test_a_metric_that_was_never_born_is_refused() -> None:
    with pytest.raises(Refusal, match="announced no metric Torque"):
        born(Metric(name="Speed", datatype=DataType.INT16, value=1)).write(tag("Torque"), 1, Ear())


@pytest.mark.parametrize("kind", ["DDEATH", "NDEATH"])
def test_nothing_is_written_after_a_death(kind: str) -> None:
    ear, press = Ear(), feed()
    press.read(nbirth(), ear)
    press.read(dbirth(), ear)
    bdseq = Metric(name="bdSeq", datatype=DataType.UINT64, value=4)
    press.read(message(kind, Payload(seq=2 if kind == "DDEATH" else None, metrics=[bdseq])), ear)
    with pytest.raises(Refusal):
        press.write(tag("Speed"), 1, ear)


@given(st.sampled_from([*KINDS, DataType.STRING, 0, 77]), st.integers() | st.floats() | st.booleans() | st.text())
def test_any_value_is_sent_as_it_is_or_refused(datatype: int, value: float | bool | str) -> None:
    press, ear = born(Metric(name="x", datatype=datatype, is_null=True)), Ear()
    try:
        press.write(tag("x"), value, ear)
    except Refusal:
        assert ear.commands == []
        return
    [sent] = decode_payload(ear.commands[0][1]).metrics
    back = typed(sent.value, datatype)
    assert back == value or (isinstance(back, float) and math.isclose(back, float(value), rel_tol=1e-6, abs_tol=1e-44))
