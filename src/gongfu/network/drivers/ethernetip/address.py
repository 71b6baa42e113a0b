"""Tag addresses as Studio 5000 writes them, and attributes of CIP objects. Pure.

``Program:Main.Line[3].Speed``, ``Status.5`` (a bit), ``Flags[40]`` (of an array of BOOL), ``Local:1:I.Data``;
``cip:<class>/<instance>/<attribute>:<type>``, numbers decimal or as ``0x…``, such as ``cip:1/1/7:SHORT_STRING``.
"""

from __future__ import annotations

import re

import msgspec

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import BadConfiguration
from gongfu.network.drivers.ethernetip import cip
from gongfu.network.drivers.ethernetip.cip import Segment
from gongfu.network.drivers.ethernetip.kinds import CODES, TEXTS

_NAME = r"[A-Za-z_][A-Za-z0-9_:]{0,99}"
_COMPONENT = re.compile(rf"({_NAME})(?:\[([0-9]{{1,9}}(?:,[0-9]{{1,9}}){{0,2}})\])?")
_PROGRAM = re.compile(r"Program:[A-Za-z_][A-Za-z0-9_]{0,99}")
_BIT = re.compile(r"[0-9]{1,2}")
_NUMBER = r"(0[xX][0-9a-fA-F]{1,4}|[0-9]{1,5})"
_ATTRIBUTE = re.compile(rf"cip:{_NUMBER}/{_NUMBER}/{_NUMBER}:([A-Za-z0-9_]+)")
_REMEDY = mark("Write for example Speed, Program:Main.Line[3].Speed, Status.5 or cip:1/1/7:SHORT_STRING.")
_LONGEST = 200


class Component(msgspec.Struct, frozen=True):
    """A name, and where in it when it is an array."""

    name: str
    index: tuple[int, ...] = ()

    def __str__(self) -> str:
        return self.name + (f"[{','.join(map(str, self.index))}]" if self.index else "")


class TagAddress(msgspec.Struct, frozen=True):
    """A tag or a member of one; ``bit``: one bit of its integer."""

    components: tuple[Component, ...]
    bit: int | None = None

    @property
    def path(self) -> bytes:
        """The path of a request, without the bit."""
        made = b""
        for component in self.components:
            made += cip.symbol(component.name) + b"".join(cip.logical(Segment.ELEMENT, i) for i in component.index)
        return made

    @property
    def array(self) -> TagAddress | None:
        """The one-dimensional array this is an element of."""
        last = self.components[-1]
        if len(last.index) != 1:
            return None
        return TagAddress((*self.components[:-1], Component(last.name)))

    @property
    def index(self) -> int:
        """Which element of :attr:`array`."""
        return self.components[-1].index[0]

    def element(self, index: int) -> TagAddress:
        """Element ``index`` of this array."""
        return TagAddress((*self.components[:-1], Component(self.components[-1].name, (index,))))

    def __str__(self) -> str:
        return ".".join([*map(str, self.components), *([] if self.bit is None else [str(self.bit)])])


class AttributeAddress(msgspec.Struct, frozen=True):
    """An attribute of an instance of a class; ``type``: a key of ``CODES`` or one of ``TEXTS``."""

    class_id: int
    instance: int
    attribute: int
    type: str

    @property
    def path(self) -> bytes:
        """The path of a request."""
        return cip.path_of(self.class_id, self.instance, self.attribute)


Address = TagAddress | AttributeAddress


def parse(text: str) -> Address:
    """``text`` as an address; raises :class:`BadConfiguration` for anything else."""
    stripped = text.strip()
    if stripped.lower().startswith("cip:"):
        return _attribute(text, stripped)
    parts = stripped.split(".") if len(stripped) <= _LONGEST else [""]
    bit = None
    if len(parts) > 1 and _BIT.fullmatch(parts[-1]) and parts[-1].isascii():
        bit = int(parts.pop())
    components: list[Component] = []
    for part in parts:
        match = _COMPONENT.fullmatch(part)
        if match is None or not part.isascii():
            raise _wrong(text)
        index = tuple(int(number) for number in match[2].split(",")) if match[2] else ()
        components.append(Component(match[1], index))
    first = components[0]
    program = first.name.startswith("Program:")
    if program and (not _PROGRAM.fullmatch(first.name) or first.index or len(components) < 2):
        raise _wrong(text)
    if (bit is not None and bit > 63) or any(":" in component.name for component in components[1:]):
        raise _wrong(text)
    return TagAddress(tuple(components), bit)


def _attribute(text: str, stripped: str) -> AttributeAddress:
    match = _ATTRIBUTE.fullmatch("cip:" + stripped[4:])
    if match is None:
        raise _wrong(text)
    numbers = [int(part, 16 if part[:2] in ("0x", "0X") else 10) for part in match.groups()[:3]]
    if max(numbers) > 0xFFFF:
        raise _wrong(text)
    name = match[4].upper()
    if name not in CODES and name not in TEXTS:
        raise BadConfiguration(
            mark("{address}: {type} is not a type of CIP."),
            remedy=mark("Types are {types}."),
            address=text,
            type=match[4],
            types=", ".join([*CODES, *TEXTS]),
        )
    return AttributeAddress(numbers[0], numbers[1], numbers[2], name)


def _wrong(text: str) -> BadConfiguration:
    return BadConfiguration(mark("{address} is not an EtherNet/IP address."), remedy=_REMEDY, address=text[:_LONGEST])
