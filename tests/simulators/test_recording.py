"""What happens to a file that somebody wants to replay: read exactly, or refused with line and reason."""

from __future__ import annotations

import csv
import io
import math
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gongfu.kernel.errors import Invalid
from gongfu.simulators.recording import Recording, Row, parse

SHANGHAI = ZoneInfo("Asia/Shanghai")
SKAB = Path(__file__).parents[2] / ".." / "shared" / "data" / "skab"
HEAD = "datetime;Pressure;Temperature\n"
GOOD = HEAD + "2020-03-09 10:14:33;0.05;79.3\n2020-03-09 10:14:34;0.38;79.5\n"


def read(text: str, zone: ZoneInfo = SHANGHAI) -> Recording:
    return parse(text.encode(), "test.csv", zone)


def test_columns_become_tags_and_naive_times_are_local() -> None:
    recording = read(GOOD)
    assert [(c.key, c.name, c.kind) for c in recording.columns] == [
        ("pressure", "Pressure", "number"),
        ("temperature", "Temperature", "number"),
    ]
    first = datetime(2020, 3, 9, 2, 14, 33, tzinfo=UTC)
    assert recording.rows[0] == Row(int(first.timestamp()) * 1_000_000, (0.05, 79.3))
    assert recording.local
    assert recording.seconds == 1.0


@pytest.mark.parametrize(
    "cell",
    [
        "2020-03-09T02:14:33Z",
        "2020-03-09 02:14:33.000000Z",
        "2020-03-09T10:14:33+08:00",
        "2020-03-09 10:14:33+0800",
        "2020/3/9 10:14:33",
        "2020-03-09 10:14:33.000",
        "1583720073",
        "1583720073.000",
        "1583720073000",
        "1583720073000000",
        "1583720073000000000",
    ],
)
def test_every_way_to_write_one_moment(cell: str) -> None:
    assert read(f"time,x\n{cell},1\n").rows[0].time == 1_583_720_073_000_000


def test_microseconds_are_kept() -> None:
    assert read("time,x\n2020-03-09T02:14:33.123456Z,1\n").rows[0].time % 1_000_000 == 123_456
    assert read("time,x\n1583720073.123456,1\n").rows[0].time % 1_000_000 == 123_456


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_chinese_headers_in_every_encoding_of_the_office(encoding: str) -> None:
    text = "时间,温度\uff08℃\uff09,备注\n2024-05-01 08:00:00,21.5,开机\n"
    recording = parse(text.encode(encoding), "x.csv", SHANGHAI)
    assert [(c.name, c.unit, c.kind) for c in recording.columns] == [("温度", "℃", "number"), ("备注", "", "text")]
    assert [c.key for c in recording.columns] == ["column_1", "column_2"]
    assert recording.rows[0].cells == (21.5, "开机")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(delimiter: str) -> None:
    assert read(GOOD.replace(";", delimiter)).delimiter == delimiter


def test_kinds_and_missing_cells() -> None:
    recording = read("time,n,b,t\n2020-01-01,1,true,run\n2020-01-02,NaN,,\n2020-01-03,inf,False,stop\n")
    assert [c.kind for c in recording.columns] == ["number", "boolean", "text"]
    assert [row.cells for row in recording.rows] == [(1.0, True, "run"), (None, None, None), (None, False, "stop")]
    assert recording.missing == 4


def test_keys_are_unique_and_fit_for_topics() -> None:
    recording = read("time,A B,a-b,1st,温度,°C\n2020-01-01,1,2,3,4,5\n")
    assert [c.key for c in recording.columns] == ["a_b", "a_b_2", "c_1st", "column_4", "c"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "The file is empty"),
        ("\n\n  \n", "The file is empty"),
        ("hello\n", "no comma, semicolon"),
        ("2020-03-09 10:14:33;0.05\n2020-03-09 10:14:34;0.38\n", "holds values, not names"),
        (HEAD, "no row below the header"),
        ("time;;x\n", "Column 2 has no name"),
        ("time;x;x\n2020-01-01;1;2\n", "Two columns are called x"),
        ("a;b\n1;2\n", "No column holds times; the columns are: a, b"),
        (GOOD + "2020-03-09 10:14:35;0.4\n", "Line 4 has 2 cells, the header has 3"),
        (GOOD + "2020-03-09 10:14:35;0.4;1;2\n", "Line 4 has 4 cells"),
        (GOOD + "2020-03-09 10:14:35;broken;1\n", "Line 4: 'broken' in the column Pressure is not a number"),
        (GOOD + "2020-03-09 10:14:34;1;1\n", "Line 4 has the same time"),
        (GOOD + "2020-03-09 10:14:32;1;1\n", "Line 4 is older"),
        (GOOD + "soon;1;1\n", "Line 4: 'soon' in the column datetime is not a time"),
        (GOOD + ";1;1\n", "Line 4: '' in the column datetime is not a time"),
        (GOOD + "2020-02-30 10:14:32;1;1\n", "Line 4: there is no time '2020-02-30"),
        ("time;x\n03/04/2020 10:00;1\n", "may be a day or a month first"),
        ("time;x\n2020-01-01;0,5\n2020-01-02;0,7\n", "'0,5' in the column x is not a number"),
        ("time;x\n2020-01-01;１２\n2020-01-02;7\n2020-01-03;7\n", "'１２' in the column x is not a number"),
        ("time;x\n2020-01-01;1_000\n2020-01-02;7\n2020-01-03;7\n", "'1_000' in the column x is not a number"),
        ("time;x\n2020-01-01;1e999\n2020-01-02;7\n2020-01-03;7\n", "'1e999' in the column x is not a number"),
        ("time;x\n2020-01-01 00:00:00.1234567;1\n", "finer than a microsecond"),
        ("time;x\n1583720073.1234567;1\n", "finer than a microsecond"),
        ('time;x\n2020-01-01;"open\n', "is not CSV"),
        ("time;x\n1970-01-01;1\n", "Line 2 is older than 1990"),
        (f"time;x\n2020-01-01;{'long' * 1100}\n", "has 4400 characters"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(text: str, complaint: str) -> None:
    with pytest.raises(Invalid) as refused:
        read(text)
    assert complaint in str(refused.value)


@pytest.mark.parametrize("data", [b"PK\x03\x04\x14\x00\x06\x00time,x", b"\x81", b"\xff\xfetim", bytes(range(256))])
def test_what_is_not_text_is_refused(data: bytes) -> None:
    with pytest.raises(Invalid):
        parse(data, "x.xlsx", SHANGHAI)


def test_a_time_that_summer_time_leaves_out_is_refused() -> None:
    with pytest.raises(Invalid, match="no such time in Europe/Berlin"):
        read("time,x\n2024-03-31 02:30:00,1\n", ZoneInfo("Europe/Berlin"))


def test_an_hour_that_happens_twice_is_refused_because_nobody_can_tell_which() -> None:
    text = "time,x\n2024-10-27 02:30:00,1\n2024-10-27 02:59:00,2\n2024-10-27 02:30:00,3\n"
    with pytest.raises(Invalid, match="Line 4 is older"):
        read(text, ZoneInfo("Europe/Berlin"))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        recording = parse(data, "fuzz", SHANGHAI)
    except Invalid:
        return
    assert all(len(row.cells) == len(recording.columns) for row in recording.rows)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet='time,;x\n"0123456789-:.T Ze+ntrufals温\t|/', max_size=200))
def test_near_csv_is_read_or_refused(text: str) -> None:
    try:
        recording = read("time,x\n" + text)
    except Invalid:
        return
    times = [row.time for row in recording.rows]
    assert times == sorted(set(times))


cells = st.tuples(
    st.floats(allow_nan=False, allow_infinity=False) | st.none(),
    st.booleans() | st.none(),
    st.sampled_from(["run", "stop; wait", 'say "hi"', "开机", "line\nbreak"]),
)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(cells, min_size=1, max_size=20),
    st.integers(631_152_000_000_000, 2_000_000_000_000_000),
    st.sampled_from(",;\t|"),
)
def test_what_was_written_is_what_is_read(table: list[tuple[object, ...]], start: int, delimiter: str) -> None:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow(["time", "n", "b", "t"])
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    times = [start + 250_000 * i for i in range(len(table))]
    for time, row in zip(times, table, strict=True):
        writer.writerow(
            [(epoch + timedelta(microseconds=time)).isoformat(), *["" if cell is None else cell for cell in row]]
        )
    recording = read(out.getvalue())
    assert [row.time for row in recording.rows] == times
    assert [row.cells for row in recording.rows] == [tuple(row) for row in table]


def test_a_real_recording_is_read_to_the_last_row() -> None:
    file = SKAB / "valve1" / "0.csv"
    if not file.exists():
        assert not os.environ.get("GONGFU_REQUIRE_ALL"), "the SKAB recordings are needed"
        pytest.skip("SKAB is not here")
    recording = parse(file.read_bytes(), file.name, SHANGHAI)
    assert len(recording.rows) == 1147
    assert [c.name for c in recording.columns][7] == "Volume Flow RateRMS"
    assert recording.columns[7].key == "volume_flow_raterms"
    assert recording.missing == 0
    assert recording.rows[0].cells[:3] == (0.0265878, 0.0401113, 1.3302)
    assert math.isfinite(recording.seconds)
