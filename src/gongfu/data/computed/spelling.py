"""What people type on a Chinese keyboard, as the language writes it. Pure."""

from __future__ import annotations

import re
from typing import Final

_SIGNS: Final = str.maketrans(
    {
        "（": "(",
        "）": ")",
        "，": ",",
        "×": "*",
        "÷": "/",
        "≥": ">=",
        "≤": "<=",
        "≠": "!=",
        "＋": "+",
        "－": "-",
        "−": "-",
        "＊": "*",
        "／": "/",
        "＝": "=",
        "＞": ">",
        "＜": "<",
        "％": "%",
        "　": " ",
        "\n": " ",
        "\r": " ",
        "\t": " ",
    }
)
_QUOTES: Final = str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'"})
_WORDS: Final = {"且": " and ", "或": " or ", "非": " not "}
_QUOTED: Final = re.compile(r"(\"[^\"]*\"|'[^']*')")
_WORD: Final = re.compile(r"(?<!\w)[且或非](?!\w)")


def plain(text: str) -> str:
    """``text`` with the language's own signs; what stands in quotation marks stays as it is."""
    parts = _QUOTED.split(text.translate(_QUOTES))
    return "".join(part if number % 2 else _spelt(part) for number, part in enumerate(parts))


def _spelt(part: str) -> str:
    return _WORD.sub(lambda found: _WORDS[found.group()], part.translate(_SIGNS))
