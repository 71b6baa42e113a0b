"""The one exception tree, and its one mapping to HTTP, Handle and command-line codes.

    GongfuError
    ├── Invalid      the input is wrong; the same call will fail again
    ├── Forbidden    who asked may not do this
    ├── NotFound     no such thing, or none that this organisation may see
    ├── Conflict     the thing is not in a state that allows it
    └── Unavailable  a part that is needed does not answer; try again later

A module that needs a finer class subclasses one of the five in its own ``errors.py``.
Messages are written in English, marked with :func:`gongfu.kernel.i18n.mark`, and rendered in the
reader's language only where they are shown: an error crosses processes before anyone reads it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import ClassVar

from gongfu.kernel.i18n import current, translate

_SEPARATOR = "\x1e"
# Texts that come back from a store may be forged: names only, none of the attributes that str.format would follow.
_NAME = re.compile(r"\{(\w+)\}")


class GongfuError(Exception):
    """Anything Gongfu refuses or fails to do.

    ``message`` says what was wrong, ``remedy`` what to do; both are marked templates whose
    ``{names}`` are filled from ``values``.
    """

    code: ClassVar[str] = "error"
    http_status: ClassVar[int] = 500
    handle_code: ClassVar[int] = 2  # RC_ERROR, RFC 3652 §2.2.2.2
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, /, *, remedy: str = "", **values: object) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.values = values

    def text(self, language: str | None = None) -> str:
        """Message and remedy as one sentence pair, in ``language`` (default: the current one)."""
        return _joined(self.parts(language), language)

    def parts(self, language: str | None = None) -> tuple[str, str]:
        """Message and remedy in ``language`` (default: the current one), each by itself."""
        message, remedy = (_fill(translate(part, language), self.values) for part in (self.message, self.remedy))
        return message, remedy

    def __str__(self) -> str:
        return self.text("en")


class Invalid(GongfuError):
    """The input is wrong."""

    code = "invalid"
    http_status = 422
    exit_code = 2


class Forbidden(GongfuError):
    """Who asked may not do this."""

    code = "forbidden"
    http_status = 403
    handle_code = 400  # RC_INSUFFICIENT_PERMISSIONS
    exit_code = 77  # EX_NOPERM


class NotFound(GongfuError):
    """No such thing, or none that this organisation may see."""

    code = "not_found"
    http_status = 404
    handle_code = 100  # RC_HANDLE_NOT_FOUND
    exit_code = 66  # EX_NOINPUT


class Conflict(GongfuError):
    """The thing is not in a state that allows it."""

    code = "conflict"
    http_status = 409
    handle_code = 101  # RC_HANDLE_ALREADY_EXISTS
    exit_code = 73  # EX_CANTCREAT


class Unavailable(GongfuError):
    """A part that is needed does not answer; trying again later may work."""

    code = "unavailable"
    http_status = 503
    handle_code = 3  # RC_SERVER_TOO_BUSY
    exit_code = 69  # EX_UNAVAILABLE


def _joined(parts: Iterable[str], language: str | None) -> str:
    joint = "" if (language or current()).lower().startswith("zh") else " "
    return joint.join(part for part in parts if part)


def packed(error: Exception, limit: int = 500) -> str:
    """``error`` as one text that is stored and rendered later, for :func:`unpacked`; at most ``limit`` characters.

    ``code: English text``, and behind a record separator the template with its values. What does not fit stays
    without them, in English.
    """
    if not isinstance(error, GongfuError):
        return f"error: {type(error).__name__}: {error}"[:limit]
    plain = f"{error.code}: {error}"
    values = {name: str(value) for name, value in error.values.items()}
    whole = plain + _SEPARATOR + json.dumps([error.message, error.remedy, values], ensure_ascii=False)
    return whole if len(whole) <= limit else plain[:limit]


def unpacked(text: str, language: str | None = None) -> str:
    """What :func:`packed` kept, in ``language`` (default: the current one); any other text as it is."""
    plain, separator, parts = text.partition(_SEPARATOR)
    if not separator:
        return text
    try:
        message, remedy, values = json.loads(parts)
        filled = [_NAME.sub(lambda name: str(values[name[1]]), translate(part, language)) for part in (message, remedy)]
    except (ValueError, TypeError, AttributeError, KeyError):
        return plain
    return _joined(filled, language)


def _fill(template: str, values: dict[str, object]) -> str:
    try:
        return template.format(**values)
    except (KeyError, IndexError, ValueError):
        return template  # a broken translation must not hide the error itself
