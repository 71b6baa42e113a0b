"""What becomes of messages: rows, and reasons."""

from __future__ import annotations

import msgspec
import numpy as np
import rig
from hypothesis import given
from hypothesis import strategies as st

from gongfu.data.telemetry import batch, native
from gongfu.data.telemetry.batch import Message
from gongfu.kernel import events
from gongfu.kernel.readings import Readings, TextReading, encode

NOW = 1_795_000_000_000_000


def test_a_block_is_what_clickhouse_documents() -> None:
    # The example of https://clickhouse.com/docs/en/interfaces/formats/Native: columns, rows, then name, type, data.
    data = native.block([("n", "UInt16", np.array([1, 258], "<u2")), ("s", "String", ["ab", ""])])
    assert data == b"\x02\x02" + b"\x01n\x06UInt16" + b"\x01\x00\x02\x01" + b"\x01s\x06String" + b"\x02ab\x00"
    assert native.varint(300) == b"\xac\x02"


@given(st.binary(max_size=200))
def test_any_bytes_are_left_out_and_never_stop(data: bytes) -> None:
    for to_rows in (batch.readings, batch.happenings):
        rows = to_rows([Message("readings.1.1", data)])
        assert rows.count == 0
        assert [one.reason for one in rows.rejected] in (["malformed"], ["range"], ["subject"])


def test_a_payload_cannot_speak_for_another_device() -> None:
    data = rig.batch(1, 2, [3], [NOW], [1.0], arrived=NOW)
    assert batch.readings([Message("readings.1.2", data)]).count == 1
    for subject in ("readings.9.2", "readings.1.9", "readings.1.2.3"):
        rows = batch.readings([Message(subject, data)])
        assert (rows.count, rows.rejected[0].reason) == (0, "subject")
    event = events.encoder.encode(events.Event(org=1, device=2, time=NOW, kind=events.EventKind.ONLINE))
    assert batch.happenings([Message("events.1.2", event)]).count == 1
    assert batch.happenings([Message("events.2.2", event)]).rejected[0].reason == "subject"


def test_numbers_beyond_their_width_are_left_out() -> None:
    for org, arrived in ((-1, NOW), (1 << 40, NOW), (1, -1), (1, 1 << 62)):
        data = rig.batch(org, 1, [3], [NOW], [1.0], arrived=arrived)
        assert batch.readings([Message(f"readings.{org}.1", data)]).rejected[0].reason == "range"


@given(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.floats(), st.integers(0, 255)), min_size=1, max_size=20))
def test_every_reading_becomes_a_row_the_store_can_hold(items: list[tuple[int, float, int]]) -> None:
    message = encode(
        Readings(
            org=1,
            device=2,
            arrived=NOW,
            series=np.arange(len(items), dtype=np.uint32),
            times=np.array([time for time, _, _ in items], np.int64),
            values=np.array([value for _, value, _ in items]),
            qualities=np.array([quality for _, _, quality in items], np.uint8),
            texts=[TextReading(99, time, "運行", quality) for time, _, quality in items],
        )
    )
    rows = batch.readings([Message("readings.1.2", message)])
    assert rows.count == 2 * len(items)
    assert [table.name for table, _ in rows.blocks] == ["readings", "texts", "latest"]


def test_an_event_keeps_at_most_500_characters() -> None:
    event = events.Event(org=1, device=2, time=NOW, kind=events.EventKind.MALFORMED, detail="x" * 9000)
    ((_, block),) = batch.happenings([Message("events.1.2", msgspec.json.encode(event))]).blocks
    assert len(block) < 800
