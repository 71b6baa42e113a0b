"""Bytes cut into lines, wherever the pieces break, and their check sums."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.network.drivers.lines.wire import Checksum, Splitter, Terminator, checked, with_checksum

ENDS = {
    Terminator.ANY: b"\r\n",
    Terminator.CRLF: b"\r\n",
    Terminator.CR: b"\r",
    Terminator.LF: b"\n",
    Terminator.ETX: b"\x03",
}
texts = st.binary(min_size=1, max_size=20).filter(lambda line: not set(line) & set(b"\0\x02\x03\r\n"))


@given(st.sampled_from(list(ENDS)), st.lists(texts, max_size=8), st.data())
def test_every_line_comes_out_once_however_it_is_broken(terminator, lines, data) -> None:
    stream = b"".join((b"\x02" if terminator is Terminator.ETX else b"") + line + ENDS[terminator] for line in lines)
    places = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    splitter, found = Splitter(terminator, 100), []
    for start, end in zip([0, *places], [*places, len(stream)], strict=True):
        cut = splitter.feed(stream[start:end])
        found += cut.lines
        assert cut.too_long == 0
    assert found == lines
    assert not splitter.waiting


@given(st.sampled_from(Terminator), st.lists(st.binary(max_size=60), max_size=10))
def test_no_bytes_make_it_fail_or_grow(terminator, pieces) -> None:
    splitter = Splitter(terminator, 16)
    for piece in pieces:
        assert all(len(line) <= 16 for line in splitter.feed(piece).lines)
        assert len(splitter._rest) <= 16
    splitter.flush()


def test_a_line_that_is_too_long_is_left_out_whole_and_counted_once() -> None:
    splitter = Splitter(Terminator.LF, 5)
    cuts = [splitter.feed(piece) for piece in (b"ab\n1234", b"567890", b"1234567", b"89\ncd\n")]
    assert [cut.lines for cut in cuts] == [(b"ab",), (), (), (b"cd",)]
    assert [cut.too_long for cut in cuts] == [0, 1, 0, 0]
    assert splitter.feed(b"123456\nx\n").lines == (b"x",)


def test_a_pause_ends_a_line() -> None:
    splitter = Splitter(Terminator.IDLE, 50)
    assert splitter.feed(b"4 006381").lines == ()
    assert splitter.feed(b" 333931").lines == ()
    assert splitter.flush().lines == (b"4 006381 333931",)
    assert splitter.flush().lines == ()


def test_what_stands_before_stx_does_not_belong_to_the_line() -> None:
    assert Splitter(Terminator.ETX, 50).feed(b"noise\x02+01.5 kg\x03\r\n").lines == (b"+01.5 kg",)


@given(st.sampled_from([Checksum.XOR, Checksum.SUM8, Checksum.NMEA]), texts.filter(lambda text: b"*" not in text))
def test_a_changed_line_does_not_pass_for_whole(checksum, text) -> None:
    line = with_checksum(text, checksum)
    assert checked(line, checksum) is not None
    for place in range(len(line)):
        changed = line[:place] + bytes([line[place] ^ 1]) + line[place + 1 :]
        assert checked(changed, checksum) is None or changed[:place].find(b"*") >= 0 or changed.upper() == line.upper()
    assert checked(b"", checksum) is None


def test_a_sentence_of_the_nmea_standard_is_whole() -> None:
    # The example of the GLL sentence in manuals of receivers (NMEA 0183).
    assert checked(b"$GPGLL,4916.45,N,12311.12,W,225444,A,*1D", Checksum.NMEA) is not None


@pytest.mark.parametrize("line", [b"", b"x", b"zz", b"1.5kg", b"$*", b"abc*zz"])
@pytest.mark.parametrize("checksum", [Checksum.XOR, Checksum.SUM8, Checksum.NMEA])
def test_a_line_without_a_check_sum_is_not_whole(line, checksum) -> None:
    assert checked(line, checksum) is None
