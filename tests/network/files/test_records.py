"""Bytes of files become records and cells, whatever is in them."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.kernel.errors import Invalid
from gongfu.network.drivers.files.options import Place
from gongfu.network.drivers.files.records import LONGEST, cells, cut, split
from gongfu.network.drivers.rows import RowMapping, Times, column
from gongfu.network.gateway.config import TagConfig


def test_records_end_where_quotes_are_closed() -> None:
    # The example of RFC 4180 §2.6, with a field that holds a line end.
    found = split(b'"aaa","b \r\nbb","ccc"\r\nzzz,yyy,xxx\r\nhalf', final=False, quotes=True)
    assert [(one.data, one.lines) for one in found.records] == [
        (b'"aaa","b \r\nbb","ccc"', 2),
        (b"zzz,yyy,xxx", 1),
    ]
    assert found.size == 35
    assert cells(found.records[0].data, "utf-8", ",", 1) == ["aaa", "b \r\nbb", "ccc"]


def test_the_last_line_needs_no_end_when_the_file_is_whole() -> None:
    assert split(b"a\nb", final=False, quotes=True).size == 2
    found = split(b"a\nb", final=True, quotes=True)
    assert (len(found.records), found.size) == (2, 3)


def test_a_quote_that_nobody_closes_costs_its_line_only() -> None:
    text = b'1,"broken\n' + b"2,x\n" * 300
    found = split(text, final=False, quotes=True)
    assert (len(found.records), found.size) == (301, len(text))
    with pytest.raises(Invalid, match="Line 1 is not CSV"):
        cells(found.records[0].data, "utf-8", ",", 1)
    assert split(b'1,"not closed yet\n2,x\n', final=False, quotes=True).records == []


def test_a_line_without_end_is_given_up() -> None:
    found = split(b"x" * (LONGEST + 1), final=False, quotes=False)
    assert (found.records, found.size, found.passed) == ([], LONGEST + 1, True)


def test_fixed_text_is_cut_by_bytes() -> None:
    line = "压力    7.5".encode("gbk")
    assert cut(line, [Place("a", 0, 6), Place("b", 6, 20), Place("c", 40, 50)], "gbk", 1) == ["压力", "7.5", ""]


@given(st.binary(max_size=300), st.lists(st.integers(1, 60), max_size=6), st.booleans())
def test_records_are_the_same_however_the_file_grew(data: bytes, steps: list[int], quotes: bool) -> None:
    """All but one thing: a quote that is open at the end waits for more."""
    whole = [record.data for record in split(data, final=True, quotes=quotes).records]
    found, rest, at = [], b"", 0
    for step in [*steps, len(data)]:
        rest += data[at : at + step]
        at += step
        part = split(rest, final=at >= len(data), quotes=quotes)
        found += [record.data for record in part.records]
        rest = rest[part.size :]
    assert found == whole


@given(st.binary(max_size=60))
def test_any_record_is_cells_or_a_reason(record: bytes) -> None:
    mapping = RowMapping([TagConfig(series=1, name="x", address="b@a=1")], Times(column="t")).reader(["t", "a", "b"])
    with contextlib.suppress(Invalid):
        mapping.samples(cells(record, "gbk", ",", 1), 1)


@pytest.mark.parametrize("address", ["", "@a=1", "x@", "x@a", "x@=1"])
def test_what_is_no_column_is_refused(address: str) -> None:
    with pytest.raises(Invalid, match="no address of a column"):
        column(address)
