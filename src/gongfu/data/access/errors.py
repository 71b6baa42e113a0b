"""Failures of access."""

from __future__ import annotations

from gongfu.kernel.errors import Invalid


class LimitReached(Invalid):
    """A query asked for more than one query may take; ``number`` is ClickHouse's error code."""

    code = "limit_reached"

    def __init__(self, message: str, /, *, number: int, remedy: str = "", **values: object) -> None:
        super().__init__(message, remedy=remedy, **values)
        self.number = number
