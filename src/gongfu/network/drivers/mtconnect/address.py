"""Addresses of tags: ``[device/]dataItemId[#key]``."""

from __future__ import annotations

import re

import msgspec

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import BadConfiguration

_ADDRESS = re.compile(r"(?:(?P<device>[^/#\s]+)/)?(?P<item>[^/#\s]+)(?:#(?P<key>[^#]+))?")


class Address(msgspec.Struct, frozen=True):
    """A data item. ``device``: name or uuid, empty for any; ``key``: of a data set, or a place in a row of numbers."""

    device: str
    item: str
    key: str


def parse(text: str) -> Address:
    """Raises :class:`BadConfiguration`."""
    match = _ADDRESS.fullmatch(text.strip())
    if match is None:
        raise BadConfiguration(
            mark("{address} is no address of an MTConnect data item."),
            remedy=mark("Write the dataItemId, such as Xpos, with the device in front if you like: VMC-3Axis/Xpos."),
            address=text[:100],
        )
    return Address(match["device"] or "", match["item"], match["key"] or "")
