"""The memory of a simulated Logix controller: tags, structures, and the services at them. No sockets."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from gongfu.network.drivers.ethernetip import cip, kinds, logix
from gongfu.network.drivers.ethernetip.address import TagAddress, parse
from gongfu.network.drivers.ethernetip.cip import Reply, Request, Segment, Service
from gongfu.network.drivers.ethernetip.kinds import BOOL, CODES, DWORD, SINT, STRUCTURE, Typed
from gongfu.network.drivers.ethernetip.logix import Member, Symbol, Template, Type

_FIRST_TEMPLATE = 0x0123
_TRUE = b"\xff"
"""What a BOOL answers that is 1 (1756-PM020, "Read Tag Service")."""
_READ_ONLY_STATUS, _NO_TAG, _NO_OBJECT, _WRONG_TYPE, _BEYOND = 0x0F, 0x04, 0x05, 0x2107, 0x2105


@dataclass(frozen=True)
class Tag:
    """A tag, or a member of a structure. ``name`` may begin with ``Program:<name>.``; ``kind``: REAL, STRING, …"""

    name: str
    kind: str
    value: float | bool | str = 0
    count: int = 0
    """Elements of an array; 0 for a single value."""
    read_only: bool = False


@dataclass(frozen=True)
class Structure:
    """A user-defined type."""

    name: str
    members: Sequence[Tag]


class Declined(Exception):
    """The service ends with this status."""

    def __init__(self, status: int, *extended: int) -> None:
        super().__init__(status)
        self.status = status
        self.extended = extended


class Place(msgspec.Struct):
    """A value in memory, and how many elements there are from it on."""

    memory: bytearray
    offset: int
    type: Type
    count: int
    symbol: Symbol
    bit: int | None = None
    """Of a BOOL that stands in a byte with others."""


class _Cell(msgspec.Struct):
    symbol: Symbol
    memory: bytearray


class Memory:
    """Tags by scope and name."""

    def __init__(self, tags: Iterable[Tag], structures: Iterable[Structure]) -> None:
        self.templates: dict[int, Template] = {kinds.STRING_HANDLE: _string("STRING", kinds.STRING_LENGTH)}
        self._names = {"STRING": kinds.STRING_HANDLE}
        self._scopes: dict[str, dict[str, _Cell]] = {"": {}}
        self.broken: set[str] = set()
        """Lower-case names of tags whose services fail."""
        for structure in structures:
            self._define(structure)
        for tag in tags:
            self.add(tag)

    def add(self, tag: Tag) -> None:
        """Create a tag."""
        scope, _, name = tag.name.partition(".") if tag.name.startswith("Program:") else ("", "", tag.name)
        if scope not in self._scopes:
            self._scopes[scope] = {}
            program = Symbol(self._next(""), scope, Type(0x68, system=True))
            self._scopes[""][scope.lower()] = _Cell(program, bytearray())
        kind = self._type(tag)
        symbol = Symbol(self._next(scope), name, kind, logix.READ_ONLY if tag.read_only else 0)
        count = kind.dimensions[0] if kind.dimensions else 1
        self._scopes[scope][name.lower()] = _Cell(symbol, bytearray(count * self.size(kind)))
        if tag.value:
            for index in range(max(1, tag.count)):
                self.put(f"{tag.name}[{index}]" if tag.count else tag.name, tag.value)

    def remove(self, name: str) -> None:
        """Delete a tag."""
        scope, _, rest = name.partition(".") if name.startswith("Program:") else ("", "", name)
        del self._scopes[scope][rest.lower()]

    def size(self, kind: Type) -> int:
        """Bytes of one element."""
        return self.templates[kind.template].size if kind.template else kinds.size(kind.code)

    def put(self, name: str, value: float | bool | str) -> None:
        """Set a value by its address."""
        address = parse(name)
        assert isinstance(address, TagAddress)
        place, bit = self._place_of(address)
        if bit is not None:
            self._set_bit(place, bit, bool(value))
        elif place.type.template:
            template = self.templates[place.type.template]
            data = kinds.string_of(str(value), template.size, "utf-8")
            place.memory[place.offset : place.offset + len(data)] = data
        else:
            self.store(
                place, 0, kinds.encode_number(place.type.code, float(value) if isinstance(value, str) else value)
            )

    def value(self, name: str) -> float | bool | str:
        """A value by its address."""
        address = parse(name)
        assert isinstance(address, TagAddress)
        place, bit = self._place_of(address)
        typed = self.typed(place, 1)
        if bit is not None and bit != place.bit:
            return bool(int(kinds.numbers(typed)[0]) >> bit & 1)
        if place.type.template:
            return kinds.text_of(typed, "utf-8")
        return bool(typed.data[0]) if place.type.code == BOOL else kinds.numbers(typed)[0]

    def symbols(self, scope: str) -> list[Symbol]:
        """The symbol list of a scope."""
        if scope not in self._scopes:
            raise Declined(_NO_OBJECT)
        return [cell.symbol for cell in self._scopes[scope].values()]

    def locate(self, path: bytes) -> Place:
        """The place a path leads to; raises :class:`Declined`."""
        segments = cip.decode_path(path)
        cell = self._cell(segments)
        if cell.symbol.name.lower() in self.broken:
            raise Declined(0x10)
        kind = cell.symbol.type
        place = Place(cell.memory, 0, kind, kind.dimensions[0] if kind.dimensions else 1, cell.symbol)
        for segment, value in segments:
            if segment is Segment.ELEMENT and isinstance(value, int):
                if not place.type.dimensions or value >= place.type.dimensions[0]:
                    raise Declined(0xFF, _BEYOND)
                place.count = place.type.dimensions[0] - value
                place.type = place.type.one
                place.offset += value * self.size(place.type)
            elif segment is Segment.SYMBOL and isinstance(value, str):
                self._enter(place, value)
            else:
                raise Declined(_NO_OBJECT)
        return place

    def typed(self, place: Place, count: int) -> Typed:
        """``count`` elements as an answer carries them."""
        if not 1 <= count <= place.count:
            raise Declined(0xFF, _BEYOND)
        if place.bit is not None:
            return Typed(BOOL, _TRUE if place.memory[place.offset] >> place.bit & 1 else b"\0")
        data = bytes(place.memory[place.offset : place.offset + count * self.size(place.type)])
        if place.type.template:
            return Typed(STRUCTURE, data, self.templates[place.type.template].handle)
        if place.type.code == BOOL:
            data = bytes(0xFF if byte else 0 for byte in data)
        return Typed(place.type.code, data)

    def store(self, place: Place, offset: int, data: bytes) -> None:
        """Bytes from ``offset`` on."""
        if place.bit is not None:
            self._set_bit(Place(place.memory, place.offset, Type(SINT), 1, place.symbol), place.bit, bool(data[0]))
            return
        if offset + len(data) > place.count * self.size(place.type):
            raise Declined(0xFF, _BEYOND)
        place.memory[place.offset + offset : place.offset + offset + len(data)] = data

    def write(self, place: Place, head: bytes, count: int, offset: int, data: bytes) -> None:
        """Write Tag: the type must be that of the tag; what follows the elements is left alone (pycomm3 sends more)."""
        if place.symbol.access == logix.READ_ONLY:
            raise Declined(_READ_ONLY_STATUS)
        there = self.typed(place, count)
        if there.head != head:
            raise Declined(0xFF, _WRONG_TYPE)
        if not data:
            raise Declined(0x13)
        self.store(place, offset, data[: max(0, len(there.data) - offset)])

    def modify(self, place: Place, data: bytes) -> None:
        """Read-Modify-Write: OR with the first mask, AND with the second; what follows them is left alone."""
        if place.symbol.access == logix.READ_ONLY:
            raise Declined(_READ_ONLY_STATUS)
        (width,) = struct.unpack_from("<H", data) if len(data) >= 2 else (0,)
        if width != self.size(place.type) or place.type.template or len(data) < 2 + 2 * width:
            raise Declined(0x03)
        switch_on, keep = (int.from_bytes(data[at : at + width], "little") for at in (2, 2 + width))
        before = int.from_bytes(place.memory[place.offset : place.offset + width], "little")
        self.store(place, 0, ((before | switch_on) & keep).to_bytes(width, "little"))

    def _place_of(self, address: TagAddress) -> tuple[Place, int | None]:
        array = address.array
        if array is not None and self.locate(array.path).type.code == DWORD:
            return self.locate(array.element(address.index // 32).path), address.index % 32
        place = self.locate(address.path)
        return place, place.bit if address.bit is None else address.bit

    def _set_bit(self, place: Place, bit: int, value: bool) -> None:
        width = self.size(place.type)
        word = int.from_bytes(place.memory[place.offset : place.offset + width], "little")
        word = word | 1 << bit if value else word & ~(1 << bit)
        place.memory[place.offset : place.offset + width] = word.to_bytes(width, "little")

    def _cell(self, segments: list[tuple[Segment, int | str]]) -> _Cell:
        """The tag a path begins with; takes the segments that name it off the list."""
        scope = self._scopes[""]
        kind, value = segments.pop(0) if segments else (Segment.CLASS, 0)
        if kind is Segment.SYMBOL and isinstance(value, str) and value in self._scopes:
            scope = self._scopes[value]
            kind, value = segments.pop(0) if segments else (Segment.CLASS, 0)
        found: _Cell | None = None
        if kind is Segment.SYMBOL:
            found = scope.get(str(value).lower())
        elif (kind, value) == (Segment.CLASS, logix.SYMBOL_CLASS) and segments:
            _, instance = segments.pop(0)
            found = next((cell for cell in scope.values() if cell.symbol.instance == instance), None)
        if found is None or not found.memory:
            raise Declined(_NO_TAG if kind is Segment.SYMBOL else _NO_OBJECT)
        return found

    def _enter(self, place: Place, name: str) -> None:
        template = self.templates.get(place.type.template)
        members = template.members if template is not None and not place.type.dimensions else ()
        member = next((member for member in members if member.name.lower() == name.lower()), None)
        if member is None:
            raise Declined(_NO_TAG)
        place.offset += member.offset
        place.type = member.type
        place.count = member.type.dimensions[0] if member.type.dimensions else 1
        place.bit = member.bit if member.type.code == BOOL else None

    def _type(self, tag: Tag) -> Type:
        if tag.kind == "BOOL" and tag.count:
            return Type(DWORD, 0, ((tag.count + 31) // 32,))
        dimensions = (tag.count,) if tag.count else ()
        if tag.kind in CODES:
            return Type(CODES[tag.kind], 0, dimensions)
        return Type(0, self._names[tag.kind], dimensions)

    def _next(self, scope: str) -> int:
        return 1 + max((cell.symbol.instance for cell in self._scopes[scope].values()), default=0)

    def _define(self, structure: Structure) -> None:
        """Lay the members out as Studio 5000 does: each at a multiple of its size, BOOLs in a hidden SINT."""
        members: list[Member] = []
        offset, host, bit, widest = 0, 0, 8, 4
        for tag in structure.members:
            kind = self._type(tag)
            if kind.code == BOOL:
                if bit == 8:
                    host, bit = offset, 0
                    members.append(Member(f"ZZZZZZZZZZ{structure.name}{len(members)}", Type(SINT), host))
                    offset += 1
                members.append(Member(tag.name, kind, host, bit))
                bit += 1
                continue
            bit = 8
            width = 4 if kind.template or kind.dimensions else self.size(kind)
            width = max(width, self.size(kind.one)) if not kind.template and kind.code else width
            widest = max(widest, width)
            offset = -(-offset // width) * width
            members.append(Member(tag.name, kind, offset))
            offset += self.size(kind) * (kind.dimensions[0] if kind.dimensions else 1)
        instance = _FIRST_TEMPLATE + len(self.templates)
        size = -(-offset // widest) * widest
        self.templates[instance] = Template(structure.name, size, 0x8000 | instance, tuple(members))
        self._names[structure.name] = instance


def _string(name: str, room: int) -> Template:
    data = Member("DATA", Type(SINT, 0, (room,)), 4)
    members = (Member("LEN", Type(kinds.DINT), 0), data)
    return Template(name, 4 + -(-room // 4) * 4, kinds.STRING_HANDLE, members)


def tag_service(memory: Memory, request: Request, room: int) -> Reply:
    """The reply to a service at a tag, at most ``room`` bytes of value; raises :class:`Declined` or ``Malformed``."""
    place = memory.locate(request.path)
    data = request.data
    match request.service:
        case Service.READ_TAG | Service.READ_TAG_FRAGMENTED:
            fragmented = request.service == Service.READ_TAG_FRAGMENTED
            count, offset = struct.unpack_from("<HI", data.ljust(6, b"\0"))
            typed = memory.typed(place, count)
            start = offset if fragmented else 0
            if start > len(typed.data):
                raise Declined(0xFF, _BEYOND)
            part = typed.data[start : start + max(8, room // 8 * 8)]
            status = 6 if start + len(part) < len(typed.data) else 0
            return Reply(request.service, status, typed.head + part)
        case Service.WRITE_TAG | Service.WRITE_TAG_FRAGMENTED:
            end = 4 if data[:2] == STRUCTURE.to_bytes(2, "little") else 2
            head, data = data[:end], data[end:]
            if len(data) < 2:
                raise Declined(0x13)
            (count,) = struct.unpack_from("<H", data)
            offset, data = 0, data[2:]
            if request.service == Service.WRITE_TAG_FRAGMENTED:
                if len(data) < 4:
                    raise Declined(0x13)
                offset, data = int.from_bytes(data[:4], "little"), data[4:]
            memory.write(place, head, count, offset, data)
            return Reply(request.service, 0)
        case Service.READ_MODIFY_WRITE:
            memory.modify(place, data)
            return Reply(request.service, 0)
        case _:
            raise Declined(0x08)
