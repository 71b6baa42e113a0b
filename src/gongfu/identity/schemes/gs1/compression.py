"""Compressed GS1 Digital Link URIs: ``https://id.gs1.org/AQnYUc1gmiCNV4JG``. Pure.

Source: GS1 Digital Link: Compression 1.0 (split from GS1 Digital Link 1.1 §8). Bits in base64url: application
identifiers as hexadecimal digits of four bits, each value as its format says; bytes with a letter name a sequence
of identifiers (``_SEQUENCES``), a first digit F a parameter that is not GS1's. Right of the last value stand at
most five zeros.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gongfu.identity.schemes.errors import BadCode
from gongfu.identity.schemes.gs1 import ai
from gongfu.identity.schemes.gs1.ai import Component
from gongfu.identity.schemes.gs1.keys import Element
from gongfu.kernel.i18n import mark

_BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_INDEX = {letter: place for place, letter in enumerate(_BASE64)}
_LOWER, _UPPER = "0123456789abcdef", "0123456789ABCDEF"
_ASCII = "".join(chr(code) for code in range(128))
_ALPHABETS = {1: (4, _LOWER), 2: (4, _UPPER), 3: (6, _BASE64), 4: (7, _ASCII)}
"""Encoding → bits a character, characters; encoding 0 is one number."""
LONGEST = 1000
"""Characters of a compressed segment; longer ones are not looked at."""


def _sequences() -> dict[str, tuple[str, ...]]:
    fixed = {
        "0A": ("01", "22"),
        "0B": ("01", "10"),
        "0C": ("01", "21"),
        "0D": ("01", "17"),
        "0E": ("01", "7003"),
        "0F": ("01", "30"),
        "1A": ("01", "10", "21", "17"),
        "1B": ("01", "15"),
        "1C": ("01", "11"),
        "1D": ("01", "16"),
        "1E": ("01", "91"),
        "1F": ("01", "10", "15"),
        "9A": ("8010", "8011"),
        "9B": ("8017", "8019"),
        "9C": ("8018", "8019"),
        "9D": ("414", "254"),
    }
    for place, letter in enumerate("ABCDEF"):
        fixed[f"2{letter}"] = ("01", f"310{place}")
        fixed[f"3{letter}"] = ("01", f"320{place}")
    for place in range(10):
        fixed[f"A{place}"] = ("01", f"392{place}")
        fixed[f"C{place}"] = ("255", f"390{place}")
    for place, letter in enumerate("ABCD"):
        fixed[f"C{letter}"] = ("255", f"394{place}")
    return fixed


_SEQUENCES: Mapping[str, tuple[str, ...]] = _sequences()


@dataclass(slots=True)
class _Bits:
    """Bits read from the left."""

    text: str
    place: int = 0

    @property
    def left(self) -> int:
        """How many there are."""
        return len(self.text) - self.place

    def number(self, size: int) -> int:
        """The next ``size`` bits as a number; raises :class:`BadCode` when they are not there."""
        if size > self.left:
            raise _broken()
        self.place += size
        return int(self.text[self.place - size : self.place] or "0", 2)


def _broken() -> BadCode:
    return BadCode(
        mark("This is no compressed GS1 Digital Link."), remedy=mark("Scan the code again, or use the full address.")
    )


def _value_bits(digits: int) -> int:
    most: int = 10**digits - 1
    return most.bit_length()


def _pieces(number: str) -> list[Component]:
    """Components as the compression sees them: digits of fixed length together, then what varies; text as one."""
    found: list[Component] = []
    for component in ai.meaning(number).components:
        letters = "N" if component.letters == "N" else "X"
        last = found[-1] if found else None
        if last and last.letters == letters and (letters == "X" or last.fixed == component.fixed):
            found[-1] = Component(letters, last.least + component.least, last.most + component.most, ())
        else:
            found.append(Component(letters, component.least, component.most, ()))
    return found


def decompress(segment: str) -> tuple[list[Element], tuple[tuple[str, str], ...]]:
    """Elements and other parameters of a compressed segment; raises :class:`BadCode`."""
    if not 4 <= len(segment) <= LONGEST or any(letter not in _INDEX for letter in segment):
        raise _broken()
    bits = _Bits("".join(f"{_INDEX[letter]:06b}" for letter in segment))
    elements: list[Element] = []
    foreign: list[tuple[str, str]] = []
    while bits.left >= 8:
        first, second = bits.number(4), bits.number(4)
        if first == 15:
            foreign.append(_foreign(bits, second))
            continue
        for number in _SEQUENCES.get(f"{first:X}{second:X}") or (_assigned(bits, first, second),):
            elements.append(Element(number, _value(bits, number)))
    if bits.left and bits.number(bits.left):
        raise _broken()
    if not elements:
        raise _broken()
    return elements, tuple(foreign)


def _assigned(bits: _Bits, first: int, second: int) -> str:
    number = f"{first:X}{second:X}"
    for _ in range(ai.LENGTH.get(number, 0) - 2):
        number += f"{bits.number(4):X}"
    if number not in ai.MEANINGS:
        raise _broken()
    return number


def _value(bits: _Bits, number: str) -> str:
    text = ""
    for piece in _pieces(number):
        if piece.letters == "N":
            digits = piece.most if piece.fixed else bits.number(piece.most.bit_length())
            text += _digits(bits, digits, piece.most)
        else:
            encoding = bits.number(3)
            length = piece.most if piece.fixed else bits.number(piece.most.bit_length())
            text += _text(bits, encoding, length, piece.most)
    return text


def _digits(bits: _Bits, digits: int, most: int) -> str:
    value = bits.number(_value_bits(digits))
    if digits > most or value >= 10**digits:
        raise _broken()
    return str(value).zfill(digits) if digits else ""


def _text(bits: _Bits, encoding: int, length: int, most: int) -> str:
    if length > most:
        raise _broken()
    if encoding == 0:
        return _digits(bits, length, most)
    if encoding not in _ALPHABETS:
        raise _broken()
    size, letters = _ALPHABETS[encoding]
    return "".join(letters[bits.number(size)] for _ in range(length))


def _foreign(bits: _Bits, second: int) -> tuple[str, str]:
    length = second << 3 | bits.number(3)
    name = "".join(_BASE64[bits.number(6)] for _ in range(length))
    encoding, characters = bits.number(3), bits.number(7)
    return name, _text(bits, encoding, characters, 127)


def compress(elements: Sequence[Element]) -> str:
    """``elements`` as one segment, in the order of their numbers, without shortened sequences."""
    bits = ""
    for element in sorted(elements, key=lambda element: element.number):
        bits += "".join(f"{int(digit):04b}" for digit in element.number)
        rest = element.value
        for piece in _pieces(element.number):
            part, rest = rest[: piece.most], rest[piece.most :]
            bits += _encoded(part, piece)
    bits += "0" * (-len(bits) % 6)
    return "".join(_BASE64[int(bits[place : place + 6], 2)] for place in range(0, len(bits), 6))


def _encoded(part: str, piece: Component) -> str:
    length = "" if piece.fixed else f"{len(part):0{piece.most.bit_length()}b}"
    if piece.letters == "N":
        return length + _encoded_number(part)
    encoding = _cheapest(part)
    if encoding == 0:
        return "000" + length + _encoded_number(part)
    size, letters = _ALPHABETS[encoding]
    return f"{encoding:03b}" + length + "".join(f"{letters.index(letter):0{size}b}" for letter in part)


def _encoded_number(part: str) -> str:
    return f"{int(part):0{_value_bits(len(part))}b}" if part else ""


def _cheapest(part: str) -> int:
    if part.isascii() and part.isdigit():
        return 0
    return next(encoding for encoding in (2, 1, 3, 4) if all(letter in _ALPHABETS[encoding][1] for letter in part))
