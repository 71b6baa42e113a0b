"""MC protocol frames: bytes of the manuals, whole dialects there and back, and hostile bytes."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.network.drivers.melsec import wire
from gongfu.network.drivers.melsec.devices import DEVICES
from gongfu.network.drivers.melsec.simulator import MelsecSimulator, Point
from gongfu.network.drivers.melsec.wire import Answer, Dialect, Malformed, Request, Route, Span

DIALECTS = [Dialect(a, s, w) for a in (False, True) for s in (False, True) for w in (False, True)]
dialects = st.sampled_from(DIALECTS)
devices = st.sampled_from(list(DEVICES.values()))
numbers = st.integers(0, 999_999)
"""What six decimal digits hold."""
requests = st.builds(
    Request,
    command=st.integers(0, 0xFFFF),
    subcommand=st.integers(0, 0xFFFF),
    body=st.binary(max_size=60),
    route=st.builds(Route, st.integers(0, 255), st.integers(0, 255), st.integers(0, 0xFFFF), st.integers(0, 255)),
    timer=st.integers(0, 0xFFFF),
    serial=st.just(0),
)


def test_the_manuals_example_of_a_batch_read_in_bit_units() -> None:
    # FX5 SLMP (JY997D56001) 4.2: M100 to M107 are read, ASCII code; answer 00010011.
    ascii_code = Dialect(ascii=True)
    subcommand, body = wire.batch(ascii_code, Span(DEVICES["M"], 100, 8), bits=True)
    assert f"{wire.READ:04X}{subcommand:04X}".encode() + body == b"04010001M*0001000008"
    assert wire.decode_bits(ascii_code, b"00010011", 8) == [False, False, False, True, False, False, True, True]


@pytest.mark.parametrize(
    ("name", "number", "binary", "ascii_code", "wide_ascii"),
    [
        ("M", 1234, "d20400", b"001234", b"00001234"),
        ("X", 0x1234, "341200", b"001234", b"00001234"),
        ("B", 0x1234, "341200", b"001234", b"00001234"),
    ],
)
def test_the_manuals_device_numbers(name: str, number: int, binary: str, ascii_code: bytes, wide_ascii: bytes) -> None:
    # SH-080008 8.1 "Device number"; JY997D56001 "Head device No.".
    device = DEVICES[name]
    assert Dialect().device(device, number)[:3].hex() == binary
    assert Dialect(wide=True).device(device, number)[:4].hex() == binary + "00"
    assert Dialect(ascii=True).device(device, number)[2:] == ascii_code
    assert Dialect(ascii=True, wide=True).device(device, number)[4:] == wide_ascii


@given(dialects, requests, st.integers(0, 0xFFFF))
def test_requests_are_read_back(dialect: Dialect, request: Request, serial: int) -> None:
    sent = msgspec.structs.replace(request, serial=serial if dialect.serial else 0)
    frame = wire.encode_request(dialect, sent)
    head, rest = frame[: dialect.head], frame[dialect.head :]
    assert wire.rest_of_frame(dialect, head, answer=False) == len(rest)
    assert wire.decode_request(dialect, frame) == sent


@given(dialects, requests, st.integers(0, 0xFFFF), st.binary(max_size=60))
def test_answers_are_read_back(dialect: Dialect, request: Request, end: int, data: bytes) -> None:
    frame = wire.encode_answer(dialect, Answer(end, data), request)
    assert wire.rest_of_frame(dialect, frame[: dialect.head]) == len(frame) - dialect.head
    assert wire.decode_answer(dialect, frame) == Answer(end, b"" if end else data)


@given(dialects, devices, numbers, st.integers(0, 0xFFFF), st.booleans(), st.binary(max_size=9))
def test_batches_are_read_back(dialect: Dialect, device, number: int, count: int, bits: bool, data: bytes) -> None:
    span = Span(device, number, count)
    subcommand, body = wire.batch(dialect, span, bits=bits)
    assert subcommand == 2 * dialect.wide + bits
    assert wire.decode_batch(dialect, body + data) == (span, data)


@given(dialects, st.lists(st.tuples(devices, numbers), max_size=9), st.lists(st.tuples(devices, numbers), max_size=9))
def test_random_reads_are_read_back(dialect: Dialect, words, doubles) -> None:
    assert wire.decode_scattered(dialect, wire.scattered(dialect, words, doubles)[1]) == (words, doubles)


@given(
    dialects,
    st.lists(st.tuples(devices, numbers, st.integers(0, 0xFFFF)), max_size=9),
    st.lists(st.tuples(devices, numbers, st.integers(0, 0xFFFFFFFF)), max_size=9),
    st.lists(st.tuples(devices, numbers, st.booleans()), max_size=9),
)
def test_random_writes_are_read_back(dialect: Dialect, words, doubles, bits) -> None:
    assert wire.decode_scattered_words(dialect, wire.scattered_words(dialect, words, doubles)[1]) == (words, doubles)
    assert wire.decode_scattered_bits(dialect, wire.scattered_bits(dialect, bits)[1]) == bits


@given(dialects, st.lists(st.integers(0, 0xFFFF), max_size=40), st.lists(st.booleans(), max_size=40))
def test_values_are_read_back(dialect: Dialect, words: list[int], bits: list[bool]) -> None:
    plain = b"".join(word.to_bytes(2, "little") for word in words)
    assert wire.decode_words(dialect, dialect.words(words), len(words)) == plain
    assert wire.decode_bits(dialect, dialect.bits(bits), len(bits)) == bits


@given(dialects, st.binary(max_size=80) | st.text("0123456789ABCDEFDX* -+_", max_size=80).map(str.encode))
def test_hostile_bytes_are_malformed_and_nothing_else(dialect: Dialect, data: bytes) -> None:
    starts = [b"", b"\xd0\x00", b"\xd4\x00", b"D000", b"D400", b"\x50\x00", b"5000"]
    for frame in [start + data for start in starts]:
        for read in (
            lambda f: wire.decode_answer(dialect, f),
            lambda f: wire.decode_request(dialect, f),
            lambda f: wire.rest_of_frame(dialect, f[: dialect.head]),
            lambda f: wire.decode_batch(dialect, f),
            lambda f: wire.decode_scattered(dialect, f),
            lambda f: wire.decode_scattered_words(dialect, f),
            lambda f: wire.decode_scattered_bits(dialect, f),
            lambda f: wire.decode_words(dialect, f, 3),
            lambda f: wire.decode_bits(dialect, f, 3),
            lambda f: wire.decode_model(dialect, f),
        ):
            try:
                read(frame)
            except Malformed:
                continue


@given(dialects, requests, st.integers(0, 200))
def test_a_frame_cut_short_is_malformed(dialect: Dialect, request: Request, keep: int) -> None:
    frame = wire.encode_answer(dialect, Answer(0, b"0" * 8), request)
    if keep < len(frame):
        with pytest.raises(Malformed):
            wire.decode_answer(dialect, frame[:keep])


_SENT = st.builds(
    Request,
    st.sampled_from([wire.READ, wire.WRITE, wire.RANDOM_READ, wire.RANDOM_WRITE, wire.READ_MODEL, 0x0619]),
    st.sampled_from([0, 1, 2, 3, 0x80]),
    st.one_of(st.binary(max_size=40), st.text("0123456789ABCDEFMDXY*", max_size=60).map(str.encode)),
)


@given(st.booleans(), st.booleans(), _SENT)
def test_no_request_breaks_a_simulated_controller(ascii_code: bool, serial: bool, request: Request) -> None:
    dialect = Dialect(ascii_code, serial)
    plant = MelsecSimulator("127.0.0.1", 0, [Point("x", "D0", 1)], ascii=ascii_code)
    assert wire.decode_answer(dialect, plant.answer(dialect, wire.encode_request(dialect, request)))
