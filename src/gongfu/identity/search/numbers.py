"""Numbers as words, so that "between" is asked of the same inverted index as everything else. Pure.

A number's octets as IEEE 754 binary64, made sortable, are cut off after 3, 6, 9, … 27 bits; each piece is a word. What
lies between two numbers is covered by a few pieces, long ones at the ends and short ones in the middle (the trie-coded
numbers of Lucene, Schindler and Diepenbroek 2008, doi:10.1016/j.cageo.2008.02.023). 27 bits tell numbers apart that
differ by 3·10⁻⁵ of themselves, and the days until 2059; who must know exactly looks at the record.
"""

from __future__ import annotations

import math
import struct
from typing import Final

BITS: Final = (3, 6, 9, 12, 15, 18, 21, 24, 27)
"""Lengths of the pieces; the twelve first bits are sign and exponent."""
_DOUBLE = struct.Struct(">d")
_SIGN = 1 << 63
_ALL = (1 << 64) - 1


def of(name: str, number: float) -> list[str]:
    """The words of ``number`` in the field ``name``."""
    code = _sortable(number)
    return [_word(name, bits, code >> 64 - bits) for bits in BITS]


def between(name: str, low: float, high: float) -> list[str]:
    """Words of which each number from ``low`` to ``high`` has exactly one, and no other but by rounding; at most 120.

    Either end may be infinite.
    """
    found: list[str] = []
    first, last = (_sortable(end) >> 64 - BITS[-1] for end in (low, high))
    for place in range(len(BITS) - 1, -1, -1):
        bits = BITS[place]
        step = 1 << (bits - BITS[place - 1]) if place else 1 << bits
        while first <= last and first % step:
            found.append(_word(name, bits, first))
            first += 1
        while first <= last and (last + 1) % step:
            found.append(_word(name, bits, last))
            last -= 1
        if first > last:
            return found
        if not place:
            found += (_word(name, bits, piece) for piece in range(first, last + 1))
        first, last = first // step, last // step
    return found


def _sortable(number: float) -> int:
    if math.isnan(number):
        raise ValueError("not a number")
    code = int.from_bytes(_DOUBLE.pack(number + 0.0), "big")  # −0 + 0 is 0
    return code ^ _ALL if code & _SIGN else code | _SIGN


def _word(name: str, bits: int, piece: int) -> str:
    return f"@n:{name}:{bits}:{piece}"
