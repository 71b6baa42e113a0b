"""Public holidays of China and the weekends worked in exchange: what :mod:`gongfu.kernel.workdays` knows. Pure."""

from __future__ import annotations

import datetime as dt

from gongfu.kernel.workdays import rules


def works(day: dt.date) -> bool | None:
    """Whether ``day`` is worked whatever its weekday: True for a make-up day, False for a holiday, else None."""
    return rules.built_in().special(day)


def known(day: dt.date) -> bool:
    """Whether the holidays of its year have been entered."""
    return rules.built_in().is_known(day)
