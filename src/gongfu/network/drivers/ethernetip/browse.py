"""What a Logix controller holds: programs, tags, members of structures, elements of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice, product
from typing import TypeVar

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import Point, Refusal
from gongfu.network.drivers.ethernetip import cip, logix
from gongfu.network.drivers.ethernetip.address import Component, TagAddress
from gongfu.network.drivers.ethernetip.client import Controller
from gongfu.network.drivers.ethernetip.kinds import BOOL, DWORD
from gongfu.network.drivers.ethernetip.logix import HIDDEN, Member, Symbol, Template, Type
from gongfu.network.drivers.ethernetip.status import PARTIAL, Refused
from gongfu.network.drivers.ethernetip.wire import Malformed

T = TypeVar("T", Symbol, Member)

_PROGRAM = "Program:"
_NO_TAGS = ("__", "Map:", "Cxn:", "Task:", "Routine:", "UDI:")
_MOST_SYMBOLS, _MOST_ELEMENTS, _LONGEST_TEMPLATE = 200_000, 1000, 200_000


class Tree:
    """The tags of one controller; what has been asked once is remembered."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._symbols: dict[str, list[Symbol]] = {}
        self._templates: dict[int, Template] = {}

    async def entries(self, parent: str) -> list[Point]:
        """What stands in ``parent``: the controller when it is empty, a program, a structure or an array.

        Raises :class:`Refusal` when there is no such thing, or nothing in it.
        """
        if not parent or (parent.startswith(_PROGRAM) and "." not in parent):
            return await self._scope(parent)
        components = tuple(_component(part) for part in parent.split("."))
        kind, access = await self.find(TagAddress(components))
        if kind.dimensions:
            bits = kind.code == DWORD and len(kind.dimensions) == 1
            lengths = (kind.dimensions[0] * 32,) if bits else kind.dimensions
            one = Type(BOOL) if bits else kind.one
            places = islice(product(*(range(length) for length in lengths)), _MOST_ELEMENTS)
            names = [f"[{','.join(map(str, place))}]" for place in places]
            return [await self._point(parent + name, name, one, access) for name in names]
        if kind.template:
            template = await self._template(kind.template)
            visible = [member for member in template.members if not member.hidden]
            return [await self._point(f"{parent}.{m.name}", m.name, m.type, access) for m in visible]
        raise Refusal(mark("{address} holds nothing else."), address=parent)

    async def find(self, address: TagAddress) -> tuple[Type, int]:
        """Type and external access of a tag; raises :class:`Refusal` when there is none."""
        components = list(address.components)
        scope = components.pop(0).name if components[0].name.startswith(_PROGRAM) else ""
        first = components.pop(0) if components else Component("")
        symbol = _named(await self._list(scope), first.name)
        if symbol is None:
            raise _missing(address)
        kind = _indexed(symbol.type, first, address)
        for component in components:
            member = _named((await self._template(kind.template)).members if kind.template else (), component.name)
            if member is None or kind.dimensions:
                raise _missing(address)
            kind = _indexed(member.type, component, address)
        return kind, symbol.access

    async def text_room(self, address: TagAddress) -> int:
        """Characters that fit the string at ``address``; raises :class:`Refusal` when it is none."""
        kind, _ = await self.find(address)
        room = (await self._template(kind.template)).text_room if kind.template and not kind.dimensions else 0
        if not room:
            raise Refusal(mark("{address} is not a string."), address=address)
        return room

    async def _scope(self, program: str) -> list[Point]:
        points: list[Point] = []
        for symbol in sorted(await self._list(program), key=lambda symbol: symbol.name.lower()):
            if symbol.name.startswith(_PROGRAM):
                points.append(Point(address=symbol.name, name=symbol.name, folder=True))
            elif not (symbol.type.system or symbol.name.startswith(_NO_TAGS) or symbol.access == HIDDEN):
                address = f"{program}.{symbol.name}" if program else symbol.name
                points.append(await self._point(address, symbol.name, symbol.type, symbol.access))
        return points

    async def _point(self, address: str, name: str, kind: Type, access: int) -> Point:
        templates = [await self._template(kind.template)] if kind.template else []
        detail = logix.type_name(kind, templates)
        text = bool(templates and templates[0].text_room)
        if kind.dimensions or (templates and not text):
            return Point(address=address, name=name, folder=True, detail=detail)
        value = "text" if text else "boolean" if kind.code == BOOL else "number"
        return Point(address=address, name=name, kind=value, writable=access == 0, detail=detail)

    async def _list(self, program: str) -> list[Symbol]:
        if program not in self._symbols:
            try:
                self._symbols[program] = await self._ask_symbols(program, access=True)
            except Refused:  # before version 18 there is no external access
                try:
                    self._symbols[program] = await self._ask_symbols(program, access=False)
                except Refused as refused:
                    raise Refusal(refused.template, address=program or "Symbol", code=refused.code) from refused
        return self._symbols[program]

    async def _ask_symbols(self, program: str, *, access: bool) -> list[Symbol]:
        symbols: list[Symbol] = []
        scope = cip.symbol(program) if program else b""
        start = 0
        while True:
            reply = await self._controller.ask(logix.list_symbols(scope, start, access=access))
            try:
                more = logix.decode_symbols(reply.data, access=access)
                if reply.status == PARTIAL and (not more or more[-1].instance < start):
                    raise Malformed("a list of symbols that does not end")
            except Malformed as error:
                raise self._controller.failure(error) from error
            symbols += more
            if reply.status != PARTIAL or len(symbols) > _MOST_SYMBOLS:
                return symbols
            start = more[-1].instance + 1

    async def _template(self, instance: int) -> Template:
        if instance not in self._templates:
            try:
                self._templates[instance] = await self._ask_template(instance)
            except Refused as refused:
                raise Refusal(refused.template, address=f"Template {instance}", code=refused.code) from refused
            except Malformed as error:
                raise self._controller.failure(error) from error
        return self._templates[instance]

    async def _ask_template(self, instance: int) -> Template:
        description = await self._controller.ask(logix.describe_template(instance))
        length, size, members, handle = logix.decode_description(description.data)
        if length > _LONGEST_TEMPLATE:
            raise Malformed(f"a template of {length} bytes")
        data = b""
        while len(data) < length:
            part = await self._controller.ask(logix.read_template(instance, len(data), length - len(data)))
            data += part.data
            if part.status != PARTIAL or not part.data:
                break
        return logix.decode_template(data, size, members, handle)


def _component(part: str) -> Component:
    name, _, index = part.partition("[")
    numbers = index.rstrip("]").split(",") if index else []
    if not all(number.isascii() and number.isdigit() for number in numbers):
        raise Refusal(mark("There is no {address} in this controller."), address=part)
    return Component(name, tuple(int(number) for number in numbers))


def _indexed(kind: Type, component: Component, address: TagAddress) -> Type:
    if not component.index:
        return kind
    bits = kind.code == DWORD and len(kind.dimensions) == 1
    lengths = (kind.dimensions[0] * 32,) if bits else kind.dimensions
    if len(lengths) != len(component.index) or any(i >= n for i, n in zip(component.index, lengths, strict=True)):
        raise _missing(address)
    return Type(BOOL) if bits else kind.one


def _named(among: Sequence[T], name: str) -> T | None:
    return next((one for one in among if one.name.lower() == name.lower()), None)


def _missing(address: TagAddress) -> Refusal:
    return Refusal(mark("There is no {address} in this controller."), address=address)
