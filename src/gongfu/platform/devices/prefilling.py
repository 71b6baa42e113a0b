"""What the page that sets a device up is filled with beforehand. Who knows something lies above, and says so here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from gongfu.kernel.accounts.models import Organisation, User
from gongfu.network.drivers.contract import Point
from gongfu.platform.devices.document import Option


class Prefill(msgspec.Struct, frozen=True, kw_only=True):
    """A device that is not configured yet."""

    driver: str
    organisation: Organisation
    options: dict[str, Option]
    texts: Mapping[str, str] = {}
    """Fields of the form, see :data:`gongfu.platform.devices.setup_form.TEXTS`."""
    points: list[Point] = []
    """Its tags."""


Source = Callable[[User, int], Prefill]
"""What is known under a number; raises :class:`NotFound`."""
_sources: dict[str, Source] = {}


def use(name: str, source: Source) -> None:
    """Ask ``source`` for what ``?from=<name>-<number>`` names; called once by whoever knows."""
    _sources[name] = source


def find(user: User, text: str) -> Prefill | None:
    """What ``text`` names; None when it names nothing, :class:`NotFound` when that is not the user's."""
    name, _, number = text.partition("-")
    if name not in _sources or not (number.isascii() and number.isdecimal() and len(number) < 19):
        return None
    return _sources[name](user, int(number))
