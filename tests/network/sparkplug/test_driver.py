"""What a Sparkplug host does with births, data, gaps and deaths."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import BadConfiguration, Message, Sample
from gongfu.network.drivers.sparkplug.driver import SparkplugFeed
from gongfu.network.drivers.sparkplug.wire import DataType, Metric, Payload, decode_payload, encode_payload
from gongfu.network.gateway.config import DeviceConfig, TagConfig

STORED = 1_795_000_000_000_000
SENT = 1_794_999_999_000


class Ear:
    """Remembers what a feed said beside samples."""

    def __init__(self) -> None:
        self.status = ""
        self.complaints: list[str] = []
        self.commands: list[tuple[str, bytes]] = []

    def online(self) -> None:
        self.status = "online"

    def offline(self, reason: str) -> None:
        self.status = f"offline {reason}"

    def malformed(self, detail: str) -> None:
        self.complaints.append(detail)

    def command(self, topic: str, payload: bytes) -> None:
        self.commands.append((topic, payload))


def feed(device: str = "press", edge: str = "edge", **options: str) -> SparkplugFeed:
    return SparkplugFeed(
        DeviceConfig(
            device=1,
            org=7,
            org_code="acme",
            name="press",
            driver="sparkplug",
            options={"edge_node": edge, "device": device, **options},
            tags=[
                TagConfig(series=1, name="speed", address="Speed"),
                TagConfig(series=2, name="program", address="Program", kind="text"),
            ],
        )
    )


def message(kind: str, payload: Payload | bytes, device: str = "/press", edge: str = "edge") -> Message:
    data = payload if isinstance(payload, bytes) else encode_payload(payload)
    return Message(f"spBv1.0/acme/{kind}/{edge}{device if kind[0] == 'D' else ''}", data, STORED)


def nbirth(bdseq: int = 4) -> Message:
    metrics = [Metric(name="bdSeq", datatype=DataType.UINT64, value=bdseq)]
    return message("NBIRTH", Payload(timestamp=SENT, seq=0, metrics=metrics))


def dbirth(seq: int = 1) -> Message:
    metrics = [
        Metric(name="Speed", alias=10, datatype=DataType.INT16, value=-5, timestamp=SENT),
        Metric(name="Program", alias=11, datatype=DataType.STRING, value="O1000"),
    ]
    return message("DBIRTH", Payload(timestamp=SENT + 1, seq=seq, metrics=metrics))


def ddata(seq: int, *metrics: Metric) -> Message:
    return message("DDATA", Payload(timestamp=SENT + 2, seq=seq, metrics=list(metrics)))


def test_birth_then_data_by_alias() -> None:
    ear, press = Ear(), feed()
    assert press.read(nbirth(), ear) == ()
    assert press.read(dbirth(), ear) == [
        Sample(1, -5, SENT * 1000),
        Sample(2, "O1000", (SENT + 1) * 1000),
    ]
    assert ear.status == "online"
    # The datatype stands in the birth only: 0xFFF0 is an Int16.
    assert press.read(ddata(2, Metric(alias=10, value=0xFFF0, datatype=DataType.UINT32)), ear)
    raw = b"\x08\x01\x12\x06\x10\x0a\x50\xf0\xff\x03\x18\x03"  # timestamp 1, metric {alias 10, int_value 0xFFF0}, seq 3
    assert press.read(message("DDATA", raw), ear) == [Sample(1, -16, 1000)]
    assert ear.commands == []


def test_historical_null_and_quality() -> None:
    ear, press = Ear(), feed()
    press.read(nbirth(), ear)
    press.read(dbirth(), ear)
    late = Metric(alias=10, datatype=DataType.INT16, value=7, timestamp=SENT - 3_600_000, is_historical=True)
    null = Metric(alias=10, datatype=DataType.INT16, is_null=True)
    stale = Metric(name="Speed", datatype=DataType.INT16, value=8, quality=500)
    bad = Metric(name="Speed", datatype=DataType.INT16, value=9, quality=0)
    assert press.read(ddata(2, late, null, stale, bad), ear) == [
        Sample(1, 7, (SENT - 3_600_000) * 1000),
        Sample(1, None, (SENT + 2) * 1000),
        Sample(1, 8, (SENT + 2) * 1000, Quality.UNCERTAIN),
        Sample(1, 9, (SENT + 2) * 1000, Quality.BAD),
    ]


def test_a_gap_asks_for_a_rebirth_once_and_keeps_the_data() -> None:
    ear, press = Ear(), feed()
    press.read(nbirth(), ear)
    press.read(dbirth(), ear)
    assert press.read(ddata(5, Metric(alias=10, datatype=DataType.INT16, value=1)), ear)
    assert press.read(ddata(9, Metric(alias=10, datatype=DataType.INT16, value=2)), ear)
    [(topic, payload)] = ear.commands
    assert topic == "spBv1.0/acme/NCMD/edge"
    [metric] = decode_payload(payload).metrics
    assert (metric.name, metric.datatype, metric.value) == ("Node Control/Rebirth", DataType.BOOLEAN, True)


def test_the_sequence_wraps_and_counts_the_whole_edge_node() -> None:
    ear, press = Ear(), feed()
    press.read(nbirth(), ear)
    press.read(dbirth(), ear)
    for seq in range(2, 600):
        who = "/other" if seq % 3 else "/press"
        press.read(message("DDATA", Payload(seq=seq % 256), device=who), ear)
    # The other device was never born, which is worth one request; the sequence itself had no gap.
    assert len(ear.commands) == 1


def test_a_repeated_delivery_is_no_gap() -> None:
    ear, press = Ear(), feed()
    press.read(nbirth(), ear)
    press.read(dbirth(), ear)
    press.read(ddata(2, Metric(alias=10, datatype=DataType.INT16, value=1)), ear)
    press.read(ddata(2, Metric(alias=10, datatype=DataType.INT16, value=1)), ear)
    assert ear.commands == []


def test_data_before_birth_asks_for_a_rebirth_and_gives_what_has_a_name() -> None:
    ear, press = Ear(), feed(edge="fresh")
    data = Payload(
        timestamp=SENT,
        seq=7,
        metrics=[Metric(alias=10, value=1, datatype=DataType.INT16), Metric(name="Speed", value=2, datatype=2)],
    )
    assert press.read(message("DDATA", data, edge="fresh"), ear) == [Sample(1, 2, SENT * 1000)]
    assert len(ear.commands) == 1


def test_a_recalled_birth_names_the_aliases_but_proves_no_life() -> None:
    ear, press = Ear(), feed(edge="recalled")
    press.recall(message("NBIRTH", nbirth().payload, edge="recalled"))
    press.recall(message("DBIRTH", dbirth().payload, edge="recalled"))
    assert ear.status == ""
    data = Payload(timestamp=SENT, seq=77, metrics=[Metric(alias=10, value=3, datatype=DataType.INT16)])
    assert press.read(message("DDATA", data, edge="recalled"), ear) == [Sample(1, 3, SENT * 1000)]
    assert (ear.status, ear.commands) == ("online", [])


def test_death_of_the_device_makes_its_tags_bad() -> None:
    ear, press = Ear(), feed()
    press.read(nbirth(), ear)
    press.read(dbirth(), ear)
    assert press.read(message("DDEATH", Payload(seq=2)), ear) == [
        Sample(1, None, STORED, Quality.BAD),
        Sample(2, None, STORED, Quality.BAD),
    ]
    assert ear.status.startswith("offline")


def test_death_of_the_edge_node_takes_its_devices_along() -> None:
    ear, press = Ear(), feed()
    press.read(nbirth(bdseq=4), ear)
    press.read(dbirth(), ear)
    death = Payload(metrics=[Metric(name="bdSeq", datatype=DataType.UINT64, value=4)])
    assert len(press.read(message("NDEATH", death), ear)) == 2
    assert ear.status.startswith("offline")


def test_the_will_of_an_earlier_connection_is_ignored() -> None:
    ear, press = Ear(), feed()
    press.read(nbirth(bdseq=4), ear)
    press.read(dbirth(), ear)
    death = Payload(metrics=[Metric(name="bdSeq", datatype=DataType.UINT64, value=3)])
    assert press.read(message("NDEATH", death), ear) == ()
    assert ear.status == "online"


def test_devices_of_one_edge_node_share_its_sequence_and_ask_once() -> None:
    ears = Ear(), Ear()
    feeds = feed("press"), feed("lathe")
    for sent in (nbirth(), dbirth(), ddata(9, Metric(alias=10, datatype=DataType.INT16, value=1))):
        for one, ear in zip(feeds, ears, strict=True):
            one.read(sent, ear)
    assert len(ears[0].commands) + len(ears[1].commands) == 1
    assert ears[1].status == ""


def test_the_edge_node_itself_can_be_a_device() -> None:
    ear, node = Ear(), feed("", edge="node")
    metrics = [Metric(name="Speed", alias=1, datatype=DataType.DOUBLE, value=math.pi)]
    assert node.read(message("NBIRTH", Payload(timestamp=SENT, seq=0, metrics=metrics), edge="node"), ear) == [
        Sample(1, math.pi, SENT * 1000)
    ]


def test_a_payload_that_cannot_be_read_is_reported_by_its_own_device_only() -> None:
    ears = Ear(), Ear()
    feeds = feed("press", "broken"), feed("lathe", "broken")
    damaged = message("DDATA", b"\xff\xff\xff", edge="broken")
    for one, ear in zip(feeds, ears, strict=True):
        assert one.read(damaged, ear) == ()
    assert (len(ears[0].complaints), len(ears[1].complaints)) == (1, 0)


@pytest.mark.parametrize("options", [{"group": "rival"}, {"edge_node": "a/b"}, {"edge_node": "#"}, {"device": "+"}])
def test_nothing_outside_the_organisation_can_be_configured(options: dict[str, str]) -> None:
    with pytest.raises(BadConfiguration):
        feed(**options)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["NBIRTH", "NDATA", "NDEATH", "DBIRTH", "DDATA", "DDEATH", "NCMD", "STATE", ""]),
            st.sampled_from(["", "/press", "/x", "/press/y"]),
            st.binary(max_size=40),
        ),
        max_size=8,
    )
)
def test_any_messages_are_survived(said: list[tuple[str, str, bytes]]) -> None:
    ear, press = Ear(), feed(edge="fuzz")
    press.read(dbirth(), ear)
    for kind, tail, data in said:
        for sample in press.read(Message(f"spBv1.0/acme/{kind}/fuzz{tail}", data, STORED), ear):
            assert sample.series in (1, 2)
