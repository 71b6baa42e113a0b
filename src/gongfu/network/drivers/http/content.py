"""What a web service answered → samples. Pure, and never surprised: any bytes give samples or a reason.

JSON is read as the ``mqtt`` driver reads it. XML becomes the same shape first: an element with nothing in it is its
text; one with children is an object of them, a list where a name comes again; attributes are ``@name``, text beside
children ``#text``. CSV goes by its header. Text is one bare value, or lines of ``name = value``.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from typing import Literal
from xml.etree.ElementTree import Element, ParseError

import msgspec
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import Sample
from gongfu.network.drivers.http.options import Options
from gongfu.network.drivers.payload import Json, Malformed, Mapping, decode, lead
from gongfu.network.drivers.rows import RowMapping, Times
from gongfu.network.gateway.config import TagConfig

Form = Literal["json", "csv", "xml", "text"]
_DEPTH = 64
_LINE = re.compile(r"\s*([^=:\s][^=:]*?)\s*[=:]\s*(.*?)\s*")


class Reading(msgspec.Struct, frozen=True):
    """The samples of one answer, and what was wrong with some of it."""

    samples: list[Sample]
    problems: list[str]


class Content:
    """How the answers of one device are read."""

    def __init__(self, tags: Sequence[TagConfig], options: Options) -> None:
        self._tags = tags
        self._options = options
        self._rows: RowMapping | None = None
        if options.format == "csv":
            self._rows = self._row_mapping()
        self._mapping = Mapping(tags, options.time, options.time_unit)

    def read(self, body: bytes, content_type: str, arrived: int) -> Reading:
        """Raises :class:`Malformed`. A list whose elements have no time gets ``arrived`` (µs UTC), others 0."""
        form = self.form(content_type, body)
        if form == "csv":
            return self._table(body)
        document = self.document(body, form)
        return Reading(self._mapping.document(document, arrived if isinstance(document, list) else 0), [])

    def document(self, body: bytes, form: Form) -> Json:
        """The answer as JSON has it, at the place that the option ``rows`` names; raises :class:`Malformed`."""
        options = self._options
        match form:
            case "json":
                document = decode(body)
            case "xml":
                document = _xml(body)
            case "csv":
                header, *lines = self.lines(body) or [[]]
                document = [dict(zip(header, line, strict=False)) for line in lines]
            case "text":
                document = _text(_decoded(body, options.encoding))
        return lead(document, options.rows) if options.rows else document

    def form(self, content_type: str, body: bytes) -> Form:
        """What the answer is, by option, by its type, by its first character."""
        if self._options.format != "auto":
            return self._options.format
        kind = content_type.partition(";")[0].strip().lower()
        if kind.endswith(("/json", "+json")):
            return "json"
        if kind.endswith(("/xml", "+xml")):
            return "xml"
        if kind == "text/csv":
            return "csv"
        first = body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
        return "json" if first in (b"{", b"[") else "xml" if first == b"<" else "text"

    def lines(self, body: bytes) -> list[list[str]]:
        """The rows of a CSV answer, its header first; raises :class:`Malformed`."""
        text = _decoded(body, self._options.encoding).lstrip("\ufeff")
        try:
            return [row for row in csv.reader(text.splitlines(), delimiter=self._options.delimiter) if row]
        except csv.Error as error:
            raise Malformed(mark("The answer is not CSV: {reason}."), reason=error) from error

    def _row_mapping(self) -> RowMapping:
        return RowMapping(self._tags, Times(column=self._options.time, zone=self._options.zone))

    def _table(self, body: bytes) -> Reading:
        rows = self.lines(body)
        if not rows:
            raise Malformed(mark("The answer is empty."))
        self._rows = self._rows or self._row_mapping()
        samples: list[Sample] = []
        problems: list[str] = []
        try:
            reader = self._rows.reader([cell.strip() for cell in rows[0]])
        except Invalid as error:
            raise Malformed(str(error)) from error
        for number, row in enumerate(rows[1:], 2):
            try:
                samples += reader.samples(row, number)
            except Invalid as error:
                problems.append(str(error))
        return Reading(samples, problems)


def _decoded(body: bytes, encoding: str) -> str:
    try:
        return body.decode(encoding)
    except (UnicodeError, ValueError) as error:
        raise Malformed(
            mark("The answer is not text in {encoding}: {reason}."), encoding=encoding, reason=error
        ) from error


def _text(text: str) -> Json:
    lines = [line for line in text.splitlines() if line.strip()]
    found = [_LINE.fullmatch(line) for line in lines]
    if lines and all(found):
        return {match[1]: match[2] for match in found if match}
    return text.strip()


def _xml(body: bytes) -> Json:
    try:
        root: Element = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise Malformed(mark("The answer is not XML: {reason}."), reason=str(error)[:200]) from error
    return _element(root, 0)


def _element(element: Element, depth: int) -> Json:
    if depth > _DEPTH:
        raise Malformed(mark("The answer is nested too deep."))
    text = (element.text or "").strip()
    if not len(element) and not element.attrib:
        return text
    found: dict[str, Json] = {f"@{_local(name)}": value for name, value in element.attrib.items()}
    for child in element:
        name, value = _local(child.tag), _element(child, depth + 1)
        before = found.get(name)
        if isinstance(before, list):
            before.append(value)
        else:
            found[name] = value if name not in found else [before, value]
    if text:
        found["#text"] = text
    return found


def _local(name: object) -> str:
    return name.rpartition("}")[2] if isinstance(name, str) else "#"
