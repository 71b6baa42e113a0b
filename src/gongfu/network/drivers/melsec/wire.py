"""MC protocol on the wire: 3E and 4E frames, binary and ASCII. Pure; nothing here waits or connects.

MELSEC Communication Protocol Reference Manual (SH-080008). A binary number is little-endian, an ASCII number is
hexadecimal digits, most significant first; a frame of one is a frame of the other, number by number.
Whatever cannot be read raises :class:`Malformed`.
"""

from __future__ import annotations

import msgspec

from gongfu.network.drivers.melsec.devices import Device, by_code, by_letters

READ, WRITE, RANDOM_READ, RANDOM_WRITE, READ_MODEL = 0x0401, 0x1401, 0x0403, 0x1402, 0x0101
MAX_FRAME = 16384
"""Longer than any answer to a request of ours: what claims more is no MC protocol."""
_ROUTE, _HEAD_3E, _HEAD_4E = 5, 9, 13
"""Bytes: route; subheader, route and length; the same with a serial number."""
_REQUEST, _ANSWER = {False: 0x50, True: 0x54}, {False: 0xD0, True: 0xD4}
_BINARY_3E = b"\xd0\0"
"""How most answers begin: binary, without a serial number."""
_MODEL = 16
"""Characters of a model name."""


class Malformed(ValueError):
    """Bytes that are no frame of this dialect, or no answer to the request."""


class Dialect(msgspec.Struct, frozen=True):
    """How one controller is spoken to."""

    ascii: bool = False
    serial: bool = False
    """4E frames, with a serial number."""
    wide: bool = False
    """Device specification of iQ-R: numbers of 4 bytes, codes of 2."""

    @property
    def factor(self) -> int:
        """Characters on the wire for a byte of content."""
        return 2 if self.ascii else 1

    @property
    def head(self) -> int:
        """Length of what comes before the part that the length in it counts."""
        return (_HEAD_4E if self.serial else _HEAD_3E) * self.factor

    @property
    def limit(self) -> tuple[int, int]:
        """Most words and most bits that every series grants in one batch (FX5 grants least: JY997D56001)."""
        return (480, 1792) if self.ascii else (960, 3584)

    def number(self, value: int, size: int) -> bytes:
        """``value`` in ``size`` bytes of content."""
        return f"{value:0{2 * size}X}".encode() if self.ascii else value.to_bytes(size, "little")

    def device(self, device: Device, number: int) -> bytes:
        """A device specification."""
        if not self.ascii:
            return number.to_bytes(4 if self.wide else 3, "little") + device.code.to_bytes(
                2 if self.wide else 1, "little"
            )
        digits = f"{number:X}" if device.base == 16 else str(number)
        return (device.letters(self.wide) + digits.rjust(8 if self.wide else 6, "0")).encode()

    def words(self, words: list[int]) -> bytes:
        """Values in word units, unsigned."""
        return b"".join(self.number(word, 2) for word in words)

    def bits(self, bits: list[bool]) -> bytes:
        """Values in bit units: a digit each; in binary two share a byte, the first one high."""
        if self.ascii:
            return bytes(0x31 if bit else 0x30 for bit in bits)
        pairs = zip(bits[::2], [*bits[1::2], False], strict=False)
        return bytes(high << 4 | low for high, low in pairs)


class Route(msgspec.Struct, frozen=True):
    """Which controller: the one that is connected, unless told otherwise."""

    network: int = 0
    pc: int = 0xFF
    module_io: int = 0x3FF
    station: int = 0


class Request(msgspec.Struct, frozen=True):
    """A command. ``body``: what follows the subcommand, in the dialect of the frame."""

    command: int
    subcommand: int
    body: bytes
    route: Route = Route()
    timer: int = 0
    """How long the controller may take, in units of 0.25 s; 0 for ever."""
    serial: int = 0


class Answer(msgspec.Struct, frozen=True):
    """An answer. ``end``: 0, or why the controller declined; then ``data`` is empty."""

    end: int
    data: bytes
    serial: int = 0


class Span(msgspec.Struct, frozen=True):
    """``count`` words or bits from ``number`` on."""

    device: Device
    number: int
    count: int


class _Reader:
    """Takes numbers off a frame, one after the other."""

    def __init__(self, dialect: Dialect, data: bytes) -> None:
        self._dialect = dialect
        self._data = data
        self._at = 0

    def number(self, size: int) -> int:
        raw = self.raw(size * self._dialect.factor)
        return _hexadecimal(raw) if self._dialect.ascii else int.from_bytes(raw, "little")

    def raw(self, length: int) -> bytes:
        part = self._data[self._at : self._at + length]
        if len(part) != length:
            raise Malformed(f"ends after {len(self._data)} bytes")
        self._at += length
        return part

    def device(self) -> tuple[Device, int]:
        wide = self._dialect.wide
        if not self._dialect.ascii:
            number = int.from_bytes(self.raw(4 if wide else 3), "little")
            code = int.from_bytes(self.raw(2 if wide else 1), "little")
            device = by_code(code)
            if device is None:
                raise Malformed(f"no device has the code {code:02X}")
            return device, number
        letters = self.raw(4 if wide else 2).decode("latin-1")
        device = by_letters(letters, wide)
        if device is None:
            raise Malformed(f"no device is called {letters!r}")
        digits = self.raw(8 if wide else 6).replace(b" ", b"0")
        if not digits.isdigit() and device.base == 10:
            raise Malformed(f"{digits!r} is no decimal number")
        return device, int(digits) if device.base == 10 else _hexadecimal(digits)

    def rest(self) -> bytes:
        return self._data[self._at :]


def encode_request(dialect: Dialect, request: Request) -> bytes:
    """The frame of ``request``."""
    content = dialect.number(request.timer, 2) + _command(dialect, request) + request.body
    return _start(dialect, _REQUEST, request.serial, request.route) + dialect.number(len(content), 2) + content


def encode_answer(dialect: Dialect, answer: Answer, request: Request) -> bytes:
    """The frame of ``answer`` to ``request``."""
    content = dialect.number(answer.end, 2)
    if answer.end:  # who could not, and what
        content += _route(dialect, request.route) + _command(dialect, request)
    else:
        content += answer.data
    return _start(dialect, _ANSWER, request.serial, request.route) + dialect.number(len(content), 2) + content


def rest_of_frame(dialect: Dialect, head: bytes, *, answer: bool = True) -> int:
    """How many more bytes belong to the frame that begins with ``head``, ``dialect.head`` bytes long."""
    plain = answer and not dialect.ascii and not dialect.serial
    if plain and head[:2] == _BINARY_3E and len(head) == _HEAD_3E:  # the same at a tenth of the cost
        length = head[7] | head[8] << 8
    else:
        reader = _Reader(dialect, head)
        _subheader(reader, dialect, _ANSWER if answer else _REQUEST)
        reader.raw(_ROUTE * dialect.factor)
        length = reader.number(2)
    if not 2 * dialect.factor <= length <= MAX_FRAME:
        raise Malformed(f"a length of {length} bytes")
    return length


def decode_answer(dialect: Dialect, frame: bytes) -> Answer:
    """The answer in a whole ``frame``."""
    if not dialect.ascii and not dialect.serial and frame[:2] == _BINARY_3E and len(frame) >= _HEAD_3E + 2:
        _check_length(frame[7] | frame[8] << 8, frame[_HEAD_3E:])
        end = frame[9] | frame[10] << 8
        return Answer(end, b"" if end else frame[11:])
    reader = _Reader(dialect, frame)
    serial = _subheader(reader, dialect, _ANSWER)
    reader.raw(_ROUTE * dialect.factor)
    _check_length(reader.number(2), reader.rest())
    end = reader.number(2)
    return Answer(end, b"" if end else reader.rest(), serial)


def decode_request(dialect: Dialect, frame: bytes) -> Request:
    """The request in a whole ``frame``; what a controller does."""
    reader = _Reader(dialect, frame)
    serial = _subheader(reader, dialect, _REQUEST)
    route = Route(reader.number(1), reader.number(1), reader.number(2), reader.number(1))
    _check_length(reader.number(2), reader.rest())
    timer, command, subcommand = reader.number(2), reader.number(2), reader.number(2)
    return Request(command, subcommand, reader.rest(), route, timer, serial)


def batch(dialect: Dialect, span: Span, *, bits: bool) -> tuple[int, bytes]:
    """Subcommand and body that name ``span``, read in word units or in ``bits``."""
    return _units(dialect, bits), dialect.device(span.device, span.number) + dialect.number(span.count, 2)


def decode_batch(dialect: Dialect, body: bytes) -> tuple[Span, bytes]:
    """The span a batch request names, and the data behind it."""
    reader = _Reader(dialect, body)
    device, number = reader.device()
    return Span(device, number, reader.number(2)), reader.rest()


def scattered(
    dialect: Dialect, words: list[tuple[Device, int]], doubles: list[tuple[Device, int]]
) -> tuple[int, bytes]:
    """Subcommand and body of a random read (0403): single ``words``, then pairs of words."""
    named = b"".join(dialect.device(device, number) for device, number in [*words, *doubles])
    return _units(dialect, False), dialect.number(len(words), 1) + dialect.number(len(doubles), 1) + named


def decode_scattered(dialect: Dialect, body: bytes) -> tuple[list[tuple[Device, int]], list[tuple[Device, int]]]:
    """The devices a random read names: single words, and pairs."""
    reader = _Reader(dialect, body)
    counts = reader.number(1), reader.number(1)
    words, doubles = ([reader.device() for _ in range(count)] for count in counts)
    return words, doubles


def scattered_bits(dialect: Dialect, bits: list[tuple[Device, int, bool]]) -> tuple[int, bytes]:
    """Subcommand and body of a random write of bits (1402)."""
    size = 2 if dialect.wide else 1
    named = b"".join(dialect.device(device, number) + dialect.number(value, size) for device, number, value in bits)
    return _units(dialect, True), dialect.number(len(bits), 1) + named


def decode_scattered_bits(dialect: Dialect, body: bytes) -> list[tuple[Device, int, bool]]:
    """The bits a random write sets."""
    reader = _Reader(dialect, body)
    size = 2 if dialect.wide else 1
    return [(*reader.device(), bool(reader.number(size))) for _ in range(reader.number(1))]


def scattered_words(
    dialect: Dialect, words: list[tuple[Device, int, int]], doubles: list[tuple[Device, int, int]]
) -> tuple[int, bytes]:
    """Subcommand and body of a random write (1402): single words, then pairs of words, each with its value."""
    named = b"".join(dialect.device(device, number) + dialect.number(value, 2) for device, number, value in words)
    named += b"".join(dialect.device(device, number) + dialect.number(value, 4) for device, number, value in doubles)
    return _units(dialect, False), dialect.number(len(words), 1) + dialect.number(len(doubles), 1) + named


def decode_scattered_words(
    dialect: Dialect, body: bytes
) -> tuple[list[tuple[Device, int, int]], list[tuple[Device, int, int]]]:
    """The words and pairs of words a random write sets."""
    reader = _Reader(dialect, body)
    counts = reader.number(1), reader.number(1)
    words, doubles = (
        [(*reader.device(), reader.number(size)) for _ in range(count)]
        for count, size in zip(counts, (2, 4), strict=True)
    )
    return words, doubles


def decode_words(dialect: Dialect, data: bytes, count: int) -> bytes:
    """``count`` words as a run of bytes, the low byte of each first, whatever the dialect."""
    if len(data) != 2 * count * dialect.factor:
        raise Malformed(f"{len(data)} bytes for {count} words")
    if not dialect.ascii:
        return data
    reader = _Reader(dialect, data)
    return b"".join(reader.number(2).to_bytes(2, "little") for _ in range(count))


def decode_bits(dialect: Dialect, data: bytes, count: int) -> list[bool]:
    """``count`` bits of bit units."""
    if len(data) != (count if dialect.ascii else (count + 1) // 2):
        raise Malformed(f"{len(data)} bytes for {count} bits")
    digits = [byte - 0x30 for byte in data] if dialect.ascii else [half for byte in data for half in divmod(byte, 16)]
    if any(digit not in (0, 1) for digit in digits):
        raise Malformed("a bit that is neither 0 nor 1")
    return [bool(digit) for digit in digits[:count]]


def encode_model(dialect: Dialect, name: str, code: int) -> bytes:
    """Data of the answer to :data:`READ_MODEL`."""
    return name.ljust(_MODEL).encode("ascii", "replace")[:_MODEL] + dialect.number(code, 2)


def decode_model(dialect: Dialect, data: bytes) -> tuple[str, int]:
    """Name and code of the CPU."""
    reader = _Reader(dialect, data)
    return reader.raw(_MODEL).decode("ascii", "replace").strip(" \0"), reader.number(2)


def _units(dialect: Dialect, bits: bool) -> int:
    return (2 if dialect.wide else 0) | bits


def _command(dialect: Dialect, request: Request) -> bytes:
    return dialect.number(request.command, 2) + dialect.number(request.subcommand, 2)


def _route(dialect: Dialect, route: Route) -> bytes:
    return (
        dialect.number(route.network, 1)
        + dialect.number(route.pc, 1)
        + dialect.number(route.module_io, 2)
        + dialect.number(route.station, 1)
    )


def _start(dialect: Dialect, kinds: dict[bool, int], serial: int, route: Route) -> bytes:
    kind = kinds[dialect.serial]
    start = f"{kind:02X}00".encode() if dialect.ascii else bytes([kind, 0])  # the one number that is not turned round
    if dialect.serial:
        start += dialect.number(serial, 2) + dialect.number(0, 2)
    return start + _route(dialect, route)


def _subheader(reader: _Reader, dialect: Dialect, kinds: dict[bool, int]) -> int:
    """The serial number, 0 without one."""
    start = reader.raw(2 * dialect.factor)
    kind = kinds[dialect.serial]
    if start != (f"{kind:02X}00".encode() if dialect.ascii else bytes([kind, 0])):
        raise Malformed(f"a frame does not start with {start!r}")
    if not dialect.serial:
        return 0
    serial = reader.number(2)
    reader.number(2)
    return serial


def _check_length(length: int, rest: bytes) -> None:
    if length != len(rest):
        raise Malformed(f"{len(rest)} bytes where {length} are announced")


def _hexadecimal(raw: bytes) -> int:
    try:
        if not raw.isalnum():  # int() would take signs and underscores
            raise ValueError(raw)
        return int(raw, 16)
    except ValueError as error:
        raise Malformed(f"{raw!r} is no hexadecimal number") from error
