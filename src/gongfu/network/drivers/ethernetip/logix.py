"""What Logix controllers tell of their tags: the symbol list and the templates of structures. Pure.

Rockwell publication 1756-PM020 (Logix 5000 Controllers Data Access), "Creating and using the Symbol object" and
"Template object".
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import msgspec

from gongfu.network.drivers.ethernetip import cip
from gongfu.network.drivers.ethernetip.cip import Request, Service
from gongfu.network.drivers.ethernetip.kinds import BOOL, NAMES, SINT, Typed
from gongfu.network.drivers.ethernetip.wire import Malformed

SYMBOL_CLASS, TEMPLATE_CLASS = 0x6B, 0x6C
_NAME, _TYPE, _DIMENSIONS, _ACCESS = 1, 2, 8, 10
_STRUCTURE, _SYSTEM, _TEMPLATE, _ELEMENTARY = 0x8000, 0x1000, 0x0FFF, 0x00FF
_DEFINITION_SIZE, _STRUCTURE_SIZE, _MEMBERS, _HANDLE = 4, 5, 2, 1
_MEMBER = struct.Struct("<HHI")
READ_ONLY, HIDDEN = 2, 3
"""External access (attribute 10)."""


class Type(msgspec.Struct, frozen=True):
    """Type of a tag or member: an elementary ``code``, or a structure's ``template``; lengths of an array."""

    code: int = 0
    template: int = 0
    dimensions: tuple[int, ...] = ()
    system: bool = False

    @classmethod
    def of_symbol(cls, number: int, lengths: tuple[int, ...]) -> Type:
        """What attribute 2 of a symbol says."""
        dimensions = lengths[: number >> 13 & 3]
        if number & _STRUCTURE:
            return cls(0, number & _TEMPLATE, dimensions, bool(number & _SYSTEM))
        return cls(number & _ELEMENTARY, 0, dimensions, bool(number & _SYSTEM))

    @property
    def number(self) -> int:
        """Attribute 2 of a symbol of this type."""
        kind = _STRUCTURE | self.template if self.template else self.code
        return kind | len(self.dimensions) << 13 | (_SYSTEM if self.system else 0)

    @property
    def one(self) -> Type:
        """The type of an element."""
        return Type(self.code, self.template)

    def __str__(self) -> str:
        return NAMES.get(self.code, f"type {self.code:02X}") + _brackets(self.dimensions)


class Symbol(msgspec.Struct, frozen=True):
    """An entry of the symbol list."""

    instance: int
    name: str
    type: Type
    access: int = 0


class Member(msgspec.Struct, frozen=True):
    """A member of a structure at byte ``offset``; ``bit`` for a BOOL."""

    name: str
    type: Type
    offset: int
    bit: int = 0

    @property
    def hidden(self) -> bool:
        """The bytes in which BOOLs stand are members, too, with names nobody chose."""
        return self.name.startswith(("ZZZZZZZZZZ", "__")) or not self.name


class Template(msgspec.Struct, frozen=True):
    """A structure: bytes of a value, the handle that values carry, its members."""

    name: str
    size: int
    handle: int
    members: tuple[Member, ...]

    @property
    def text_room(self) -> int:
        """Characters of a string; 0 when it is another structure."""
        visible = [member for member in self.members if not member.hidden]
        if [member.name for member in visible] != ["LEN", "DATA"] or visible[1].type.code != SINT:
            return 0
        return visible[1].type.dimensions[0] if visible[1].type.dimensions else 0


def list_symbols(program: bytes, start: int, *, access: bool) -> Request:
    """The symbols from instance ``start`` on; ``program``: path of a program's scope, or empty."""
    attributes = [_NAME, _TYPE, _DIMENSIONS, *([_ACCESS] if access else [])]
    data = struct.pack(f"<{1 + len(attributes)}H", len(attributes), *attributes)
    return Request(Service.GET_INSTANCE_ATTRIBUTE_LIST, program + cip.path_of(SYMBOL_CLASS, start), data)


def decode_symbols(data: bytes, *, access: bool) -> list[Symbol]:
    """The symbols in an answer to :func:`list_symbols`."""
    symbols: list[Symbol] = []
    at = 0
    try:
        while at < len(data):
            instance, length = struct.unpack_from("<IH", data, at)
            at += 6 + length
            name, rest = data[at - length : at].decode("latin-1"), struct.unpack_from("<H3I", data, at)
            at += 14
            symbols.append(Symbol(instance, name, Type.of_symbol(rest[0], rest[1:]), data[at] if access else 0))
            at += access
    except (struct.error, IndexError) as error:
        raise Malformed("a list of symbols that is cut short") from error
    return symbols


def describe_template(instance: int) -> Request:
    """How long a template is, and its handle."""
    attributes = _DEFINITION_SIZE, _STRUCTURE_SIZE, _MEMBERS, _HANDLE
    data = struct.pack("<5H", len(attributes), *attributes)
    return Request(Service.GET_ATTRIBUTE_LIST, cip.path_of(TEMPLATE_CLASS, instance), data)


def decode_description(data: bytes) -> tuple[int, int, int, int]:
    """Bytes of the definition, bytes of a value, number of members, handle."""
    try:
        count, *fields = struct.unpack_from("<HHHIHHIHHHHHH", data)
    except struct.error as error:
        raise Malformed("the description of a template that is cut short") from error
    numbers, states, values = fields[::3], fields[1::3], fields[2::3]
    if count != 4 or numbers != [_DEFINITION_SIZE, _STRUCTURE_SIZE, _MEMBERS, _HANDLE] or any(states):
        raise Malformed("a description of another thing than a template")
    return values[0] * 4 - 23, values[1], values[2], values[3]


def read_template(instance: int, offset: int, length: int) -> Request:
    """``length`` bytes of a template's definition."""
    return Request(Service.READ_TAG, cip.path_of(TEMPLATE_CLASS, instance), struct.pack("<IH", offset, length))


def decode_template(data: bytes, size: int, members: int, handle: int) -> Template:
    """The structure that a definition describes: numbers of all members, then names, that of the template first."""
    end = members * _MEMBER.size
    if len(data) < end:
        raise Malformed("a template that is cut short")
    names = [name.decode("latin-1") for name in data[end:].split(b"\0")]
    title = names.pop(0).split(";", 1)[0]
    names += [""] * (members - len(names))
    found = []
    for name, (info, kind, offset) in zip(names, _MEMBER.iter_unpack(data[:end]), strict=False):
        code = kind & _ELEMENTARY
        if kind & _STRUCTURE:
            found.append(Member(name, Type(0, kind & _TEMPLATE, (info,) if info else ()), offset))
        elif code == BOOL:
            found.append(Member(name, Type(code), offset, info & 31))
        else:
            found.append(Member(name, Type(code, 0, (info,) if info else ()), offset))
    return Template("STRING" if title == "ASCIISTRING82" else title, size, handle, tuple(found))


def encode_template(template: Template) -> bytes:
    """The definition of ``template``."""
    infos = b""
    for member in template.members:
        info = member.bit if member.type.code == BOOL else member.type.dimensions[0] if member.type.dimensions else 0
        kind = _STRUCTURE | member.type.template if member.type.template else member.type.code
        infos += _MEMBER.pack(info, kind, member.offset)
    title = "ASCIISTRING82" if template.name == "STRING" else template.name
    return infos + "\0".join([f"{title};n", *(member.name for member in template.members), ""]).encode("latin-1")


def encode_description(template: Template) -> bytes:
    """The answer to :func:`describe_template`."""
    words = (len(encode_template(template)) + 23 + 3) // 4
    sizes = _DEFINITION_SIZE, 0, words, _STRUCTURE_SIZE, 0, template.size
    others = _MEMBERS, 0, len(template.members), _HANDLE, 0, template.handle
    return struct.pack("<HHHIHHIHHHHHH", 4, *sizes, *others)


def read_tag(path: bytes, count: int) -> Request:
    """``count`` elements of a tag."""
    return Request(Service.READ_TAG, path, struct.pack("<H", count))


def read_fragment(path: bytes, count: int, offset: int) -> Request:
    """The bytes from ``offset`` on of ``count`` elements."""
    return Request(Service.READ_TAG_FRAGMENTED, path, struct.pack("<HI", count, offset))


def write_tag(path: bytes, value: Typed, count: int = 1) -> Request:
    """``count`` elements of a tag."""
    return Request(Service.WRITE_TAG, path, value.head + struct.pack("<H", count) + value.data)


def modify(path: bytes, width: int, bit: int, value: bool) -> Request:
    """Set or clear one bit of an integer of ``width`` bytes, in one step."""
    switch, everything = 1 << bit, (1 << 8 * width) - 1
    masks = switch if value else 0, everything if value else everything & ~switch
    data = struct.pack("<H", width) + b"".join(mask.to_bytes(width, "little") for mask in masks)
    return Request(Service.READ_MODIFY_WRITE, path, data)


def type_name(kind: Type, templates: Sequence[Template]) -> str:
    """What people call a type; ``templates``: the one of ``kind``, when it is a structure."""
    if kind.template and templates:
        return templates[0].name + _brackets(kind.dimensions)
    return str(kind)


def _brackets(dimensions: tuple[int, ...]) -> str:
    return f"[{','.join(map(str, dimensions))}]" if dimensions else ""
