"""Pure rules about organisations and names: codes, credit codes, roles."""

from __future__ import annotations

import re
from enum import StrEnum

CODE = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
"""Codes of organisations: they stand in URLs, subjects of the bus and identifiers."""
USERNAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")

# GB 32100-2015 §4: the alphabet leaves out I, O, S, V and Z; weights are 3^(i-1) mod 31.
_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)


class Role(StrEnum):
    """What somebody does in an organisation."""

    ADMIN = "admin"
    ENGINEER = "engineer"
    OPERATOR = "operator"
    VIEWER = "viewer"
    AUDITOR = "auditor"


def credit_code_check_digit(body: str) -> str:
    """Check character of a unified social credit code (统一社会信用代码); ``body`` is its first 17 characters.

    GB 32100-2015 §4.2.6. Raises :class:`ValueError` for a character outside the alphabet.
    """
    if len(body) != len(_WEIGHTS):
        raise ValueError(f"{len(body)} characters instead of {len(_WEIGHTS)}")
    total = sum(_ALPHABET.index(character) * weight for character, weight in zip(body, _WEIGHTS, strict=True))
    return _ALPHABET[-total % 31]


def is_credit_code(text: str) -> bool:
    """Whether ``text`` is a unified social credit code whose check character fits."""
    if len(text) != 18 or any(character not in _ALPHABET for character in text):
        return False
    return credit_code_check_digit(text[:17]) == text[17]


def is_within(path: str, root: str) -> bool:
    """Whether the organisation at materialised ``path`` is the one at ``root`` or below it."""
    return path.startswith(root)
