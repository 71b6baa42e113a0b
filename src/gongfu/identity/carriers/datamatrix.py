"""Data Matrix symbols, ECC 200, square. Pure.

Source: ISO/IEC 16022:2006: sizes and codewords table 7, ASCII encodation §5.2.3 (pairs of digits, upper shift), FNC1
and ECI §5.2.4, padding with the 253-state algorithm of annex B.1, Reed-Solomon over GF(256) with polynomial 301 annex
E, placement annex F. With FNC1 in front it is a GS1 DataMatrix (GS1 General Specifications §5.6).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

Matrix = list[list[bool]]
_PAD, _FNC1, _UPPER, _ECI = 129, 232, 235, 241
_UTF_8 = 26 + 1
_SEPARATOR = 0x1D


@dataclass(frozen=True, slots=True)
class _Size:
    """Modules a side with finder, data and error codewords, interleaved blocks, regions a side."""

    side: int
    data: int
    error: int
    blocks: int
    regions: int


_SIZES = tuple(
    _Size(*row)
    for row in (
        (10, 3, 5, 1, 1),
        (12, 5, 7, 1, 1),
        (14, 8, 10, 1, 1),
        (16, 12, 12, 1, 1),
        (18, 18, 14, 1, 1),
        (20, 22, 18, 1, 1),
        (22, 30, 20, 1, 1),
        (24, 36, 24, 1, 1),
        (26, 44, 28, 1, 1),
        (32, 62, 36, 1, 2),
        (36, 86, 42, 1, 2),
        (40, 114, 48, 1, 2),
        (44, 144, 56, 1, 2),
        (48, 174, 68, 1, 2),
        (52, 204, 84, 2, 2),
        (64, 280, 112, 2, 4),
        (72, 368, 144, 4, 4),
        (80, 456, 192, 4, 4),
        (88, 576, 224, 4, 4),
        (96, 696, 272, 4, 4),
    )
)


def symbol(text: str, *, gs1: bool = False) -> Matrix:
    """The modules of a symbol that says ``text``, True for dark, without the quiet zone (one module).

    ``gs1`` puts FNC1 in front; separators in ``text`` are the control character GS. Raises :class:`Invalid` when
    ``text`` is longer than the largest symbol of 96 × 96 modules holds.
    """
    words = list(_words(text, gs1=gs1))
    size = next((size for size in _SIZES if size.data >= len(words)), None)
    if size is None:
        raise Invalid(
            mark("{length} characters do not fit a Data Matrix symbol."),
            remedy=mark("Print the identifier itself, or use a shorter one."),
            length=len(text),
        )
    return _drawn(_with_error_words(_padded(words, size.data), size), size)


def _words(text: str, *, gs1: bool) -> Iterator[int]:
    octets = text.encode()
    if gs1:
        yield _FNC1
    if not text.isascii():
        yield from (_ECI, _UTF_8)
    place = 0
    while place < len(octets):
        pair = octets[place : place + 2]
        if len(pair) == 2 and pair.isdigit():
            yield 130 + int(pair)
            place += 2
            continue
        octet = octets[place]
        place += 1
        if gs1 and octet == _SEPARATOR:
            yield _FNC1
        elif octet < 128:
            yield octet + 1
        else:
            yield from (_UPPER, octet - 127)


def _padded(words: list[int], length: int) -> list[int]:
    words = [*words, _PAD] if len(words) < length else words
    while len(words) < length:
        value = _PAD + (149 * (len(words) + 1)) % 253 + 1
        words.append(value if value <= 254 else value - 254)
    return words


def _field() -> tuple[list[int], list[int]]:
    powers, logarithms, value = [0] * 255, [0] * 256, 1
    for exponent in range(255):
        powers[exponent], logarithms[value] = value, exponent
        value <<= 1
        value ^= 301 if value > 255 else 0
    return powers, logarithms


_POWER, _LOG = _field()


def _times(one: int, other: int) -> int:
    return _POWER[(_LOG[one] + _LOG[other]) % 255] if one and other else 0


def _error_words(words: list[int], count: int) -> list[int]:
    divisor = [1]
    for exponent in range(1, count + 1):
        root = _POWER[exponent]
        divisor = [
            (divisor[place] if place < len(divisor) else 0) ^ _times(root, divisor[place - 1] if place else 0)
            for place in range(len(divisor) + 1)
        ]
    rest = [0] * count
    for word in words:
        factor = word ^ rest[0]
        rest = [value ^ _times(factor, divisor[place + 1]) for place, value in enumerate([*rest[1:], 0])]
    return rest


def _with_error_words(words: list[int], size: _Size) -> list[int]:
    count = size.error // size.blocks
    errors = [_error_words(words[block :: size.blocks], count) for block in range(size.blocks)]
    return words + [errors[block][place] for place in range(count) for block in range(size.blocks)]


class _Placement:
    """Annex F: where each bit of each codeword stands in the mapping matrix of ``side`` modules."""

    def __init__(self, side: int) -> None:
        self.side = side
        self.place: list[list[tuple[int, int] | None]] = [[None] * side for _ in range(side)]
        """Codeword and bit (7 is the highest) of each module."""
        self._run()

    def _set(self, row: int, column: int, word: int, bit: int) -> None:
        if row < 0:
            row, column = row + self.side, column + 4 - (self.side + 4) % 8
        if column < 0:
            row, column = row + 4 - (self.side + 4) % 8, column + self.side
        self.place[row][column] = (word, bit)

    def _utah(self, row: int, column: int, word: int) -> None:
        shape = ((-2, -2), (-2, -1), (-1, -2), (-1, -1), (-1, 0), (0, -2), (0, -1), (0, 0))
        for place, (down, right) in enumerate(shape):
            self._set(row + down, column + right, word, 7 - place)

    def _corner(self, number: int, word: int) -> None:
        last = self.side - 1
        shapes = (
            ((last, 0), (last, 1), (last, 2), (0, last - 1), (0, last), (1, last), (2, last), (3, last)),
            (
                (last - 2, 0),
                (last - 1, 0),
                (last, 0),
                (0, last - 3),
                (0, last - 2),
                (0, last - 1),
                (0, last),
                (1, last),
            ),
            ((last - 2, 0), (last - 1, 0), (last, 0), (0, last - 1), (0, last), (1, last), (2, last), (3, last)),
            ((last, 0), (last, last), (0, last - 2), (0, last - 1), (0, last), (1, last - 2), (1, last - 1), (1, last)),
        )
        for place, (row, column) in enumerate(shapes[number]):
            self._set(row, column, word, 7 - place)

    def _corner_at(self, row: int, column: int) -> int | None:
        side = self.side
        if (row, column) == (side, 0):
            return 0
        if (row, column) == (side - 2, 0) and side % 4:
            return 1
        if (row, column) == (side - 2, 0) and side % 8 == 4:
            return 2
        return 3 if (row, column) == (side + 4, 2) and not side % 8 else None

    def _run(self) -> None:
        word, row, column = 0, 4, 0
        while row < self.side or column < self.side:
            corner = self._corner_at(row, column)
            if corner is not None:
                self._corner(corner, word)
                word += 1
            word = self._sweep(row, column, -2, word)
            row, column = self._end(row, column, -2)
            row, column = row + 1, column + 3
            word = self._sweep(row, column, 2, word)
            row, column = self._end(row, column, 2)
            row, column = row + 3, column + 1

    def _steps(self, row: int, column: int, step: int) -> Iterator[tuple[int, int]]:
        """Along a diagonal, once at least; the last pair lies outside."""
        while True:
            yield row, column
            row, column = row + step, column - step
            if min(row, column) < 0 or (column if step < 0 else row) >= self.side:
                yield row, column
                return

    def _sweep(self, row: int, column: int, step: int, word: int) -> int:
        *inside, _ = self._steps(row, column, step)
        for down, right in inside:
            if 0 <= down < self.side and 0 <= right < self.side and self.place[down][right] is None:
                self._utah(down, right, word)
                word += 1
        return word

    def _end(self, row: int, column: int, step: int) -> tuple[int, int]:
        *_, last = self._steps(row, column, step)
        return last


@cache
def _placement(side: int) -> _Placement:
    return _Placement(side)


def _drawn(words: list[int], size: _Size) -> Matrix:
    inner = size.side - 2 * size.regions
    placement = _placement(inner)
    region = inner // size.regions
    modules = [[False] * size.side for _ in range(size.side)]
    for row in range(inner):
        for column in range(inner):
            bit = placement.place[row][column]
            # Without a bit: the fixed pattern in the last corner, §F.3.
            dark = bool(words[bit[0]] >> bit[1] & 1) if bit else (row + column) % 2 == 0
            modules[row + 2 * (row // region) + 1][column + 2 * (column // region) + 1] = dark
    for start in range(0, size.side, region + 2):
        for place in range(size.side):
            modules[start][place] = place % 2 == 0  # clock: top and right
            modules[place][start + region + 1] = place % 2 == 1
    for start in range(0, size.side, region + 2):
        for place in range(size.side):
            modules[start + region + 1][place] = True  # solid: bottom and left
            modules[place][start] = True
    return modules
