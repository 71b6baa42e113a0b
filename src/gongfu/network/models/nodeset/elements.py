"""XML to elements, piece by piece, from a source that may be hostile.

Document type declarations are refused, and with them every entity bomb and every external entity; bytes, depth and
number of elements are bounded, so that memory is bounded too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import BinaryIO
from xml.parsers import expat

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark
from gongfu.network.models.nodeset.nodes import Element

NAMESPACE = "http://opcfoundation.org/UA/2011/03/UANodeSet.xsd"
"""The only one of NodeSet2 files (OPC 10000-6 Annex F)."""
MOST_BYTES = 64 * 2**20
MOST_ELEMENTS = 3_000_000
MOST_IN_ONE = 400_000
DEEPEST = 100
MOST_IN_A_TAG = 2 * 2**20
"""Bytes of one tag with its attributes: the parser begins a tag again with every piece of it that arrives."""
_CHUNK = 2**16
_OWN = NAMESPACE + "}"
TYPE = "http://www.w3.org/2001/XMLSchema-instance}type"
"""Attribute whose value is a name of a namespace; read as ``{namespace}local``."""


class EnoughRead(Exception):
    """Raised by a receiver that needs nothing further."""


class _Open:
    __slots__ = ("attributes", "children", "name", "tails", "text")

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name = name
        self.attributes = attributes
        self.text: list[str] = []
        self.children: list[Element] = []
        self.tails: dict[int, list[str]] = {}
        """What stands behind each child."""

    def add(self, text: str) -> None:
        if self.children:
            if not text.isspace() or self.tails:
                self.tails.setdefault(len(self.children) - 1, []).append(text)
        else:
            self.text.append(text)

    def closed(self) -> Element:
        text = "".join(self.text)
        for index, tail in self.tails.items():
            self.children[index] = replace(self.children[index], tail="".join(tail))
        if self.children and not self.tails and (not text or text.isspace()):
            text = ""  # it only indents
        attributes = tuple(sorted(self.attributes.items())) if self.attributes else ()
        return Element(self.name, attributes, text, tuple(self.children))


class _Builder:
    """Hands over every child of the root as soon as it is complete, with the line it began on."""

    def __init__(self, file: str, receive: Callable[[Element, int], None]) -> None:
        self.file = file
        self.receive = receive
        self.stack: list[_Open] = []
        self.root: _Open | None = None
        self.elements = 0
        self.in_this = 0
        self.line = 0
        self.happened = 0
        self.parser = expat.ParserCreate(namespace_separator="}")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.data
        self.parser.StartDoctypeDeclHandler = self.doctype
        self.parser.StartNamespaceDeclHandler = self.prefix
        self.parser.EndNamespaceDeclHandler = self.end_of_prefix
        self.prefixes: dict[str | None, list[str]] = {}

    def refuse(self, reason: str) -> Invalid:
        return Invalid(
            mark("{file}, line {line}: {reason}."),
            remedy=mark("Correct the file, or get it again from whoever published it."),
            file=self.file,
            line=self.parser.CurrentLineNumber,
            reason=reason,
        )

    def doctype(self, *_about: object) -> None:
        raise self.refuse("a document type declaration is not accepted (it can hold entities)")

    def prefix(self, prefix: str | None, uri: str | None) -> None:
        self.prefixes.setdefault(prefix, []).append(uri or "")

    def end_of_prefix(self, prefix: str | None) -> None:
        self.prefixes[prefix].pop()

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.elements += 1
        self.happened += 1
        self.in_this += 1
        if self.elements > MOST_ELEMENTS or self.in_this > MOST_IN_ONE:
            raise self.refuse("there are more elements than any information model needs")
        depth = len(self.stack)
        if depth >= DEEPEST:
            raise self.refuse(f"elements are nested deeper than {DEEPEST}")
        name = name[len(_OWN) :] if name.startswith(_OWN) else "{" + name if "}" in name else "{}" + name
        if TYPE in attributes:  # a name with a prefix, which says nothing elsewhere
            prefix, colon, local = attributes[TYPE].strip().rpartition(":")
            known = self.prefixes.get(prefix if colon else None)
            attributes[TYPE] = f"{{{known[-1]}}}{local}" if known else attributes[TYPE]
        if depth == 0:
            if name != "UANodeSet":
                raise self.refuse(f"the root is {name.removeprefix('{}')[:80]}, not the UANodeSet of {NAMESPACE}")
        elif depth == 1:
            self.line, self.in_this = self.parser.CurrentLineNumber, 1
        opened = _Open(name, attributes)
        self.root = self.root or opened
        self.stack.append(opened)

    def end(self, _name: str) -> None:
        self.happened += 1
        opened = self.stack.pop()
        depth = len(self.stack)
        if depth > 1:
            self.stack[-1].children.append(opened.closed())
        elif depth == 1:
            self.receive(opened.closed(), self.line)

    def data(self, text: str) -> None:
        self.happened += 1
        if len(self.stack) > 1:
            self.stack[-1].add(text)


def parse(file: str, source: BinaryIO, receive: Callable[[Element, int], None]) -> tuple[tuple[str, str], ...]:
    """Call ``receive(element, line)`` for each child of the root; returns the root's attributes, sorted.

    Raises :class:`Invalid` naming ``file``, the line and what is wrong.
    """
    builder = _Builder(file, receive)
    size = moved = 0
    try:
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if size > MOST_BYTES:
                raise builder.refuse(f"the file is larger than {MOST_BYTES // 2**20} MB")
            before = builder.happened
            builder.parser.Parse(chunk, False)
            if builder.happened != before:
                moved = size
            elif size - moved > MOST_IN_A_TAG:
                raise builder.refuse(f"a tag or comment is longer than {MOST_IN_A_TAG // 2**20} MB")
        builder.parser.Parse(b"", True)
    except EnoughRead:
        pass
    except expat.ExpatError as error:
        raise builder.refuse(f"not well-formed XML ({expat.errors.messages.get(error.code, error.code)})") from error
    except (ValueError, LookupError) as error:  # an encoding nobody knows
        raise builder.refuse(f"cannot be read ({error})") from error
    return tuple(sorted(builder.root.attributes.items())) if builder.root else ()
