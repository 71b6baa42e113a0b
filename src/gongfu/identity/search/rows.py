"""The rows of one identifier in the search table: one for its owner, one for partners where there are any. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from gongfu.identity.business import checking
from gongfu.identity.business.checking import Audience
from gongfu.identity.business.fields import TEMPLATE_TYPE, TemplateSpec, parse_reference
from gongfu.identity.registry.records import Record
from gongfu.identity.search import typed, words
from gongfu.identity.search.table import IDENTIFIERS, OWNER, PARTNER

Row = tuple[object, ...]
_TYPES = {
    "audience": pa.uint8(),
    "org": pa.uint32(),
    "place": pa.uint64(),
    "registered": pa.uint32(),
    "modified": pa.uint32(),
    "deleted": pa.uint8(),
    "seq": pa.uint64(),
    "words": pa.list_(pa.string()),
}
_SCHEMA = pa.schema([(column.name, _TYPES.get(column.name, pa.string())) for column in IDENTIFIERS.columns])
_LONGEST = 100  # characters of a type or template that are kept


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the prefix: ``org`` is its key; ``shared`` says that somebody else was granted a look."""

    org: int
    shared: bool


def table(rows: Sequence[Row]) -> pa.Table:
    """Rows as the store takes them."""
    columns = [pa.array(column, kind.type) for column, kind in zip(zip(*rows, strict=True), _SCHEMA, strict=True)]
    return pa.table(columns, schema=_SCHEMA)


def of(holder: Holder, record: Record, spec: TemplateSpec | None, seq: int) -> list[Row]:
    """What may be found of ``record``, by its owner and by partners; ``spec`` is the template it follows."""
    rows = [_row(holder.org, OWNER, record, spec, seq)]
    if holder.shared:
        rows.append(_row(holder.org, PARTNER, readable(record, spec), spec, seq))
    return rows


def removed(holder: Holder, key: bytes, seq: int) -> list[Row]:
    """The identifier under ``key`` is no more, whoever could find it."""
    prefix, _, suffix = key.decode().partition("/")
    return [(audience, holder.org, prefix, suffix, place(key), "", [], 0, 0, 1, seq) for audience in (OWNER, PARTNER)]


def readable(record: Record, spec: TemplateSpec | None) -> Record:
    """``record`` with what partners may read."""
    return replace(record, values=checking.visible(spec, record.values, Audience.PARTNER))


def traits(text: str) -> tuple[str, str, list[str]]:
    """Type, template and types of values of a row."""
    kind, template, *types = text.split("\n")
    return kind, template, types


def place(key: bytes) -> int:
    """A number of the identifier under ``key`` that orders it among others."""
    return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest())


def templates_named(reference: str) -> list[str]:
    """The words of a template version: its own, and that of all its versions."""
    parsed = parse_reference(reference)
    if parsed is None:
        return []
    owner, code, _ = parsed
    return [words.of_template(reference), words.of_template(f"{owner}/{code}")]


def kind_of(record: Record) -> str:
    """The type of the thing, as one narrows by it."""
    return _line(record.text("TYPE"))


def _line(text: str) -> str:
    return text[:_LONGEST].replace("\n", " ")


def _row(org: int, audience: int, record: Record, spec: TemplateSpec | None, seq: int) -> Row:
    key = record.handle.key
    prefix, _, suffix = key.decode().partition("/")
    types = sorted({value.type for value in record.values})
    kind, template = kind_of(record), _line(record.text(TEMPLATE_TYPE))
    found = words.of(record)
    found += map(words.with_type, types)
    found += words.of_moment(record.modified)
    found += templates_named(template)
    if kind:
        found.append(words.of_kind(kind))
    if spec is not None:
        found += typed.words_of(spec, record.values)
    return (
        audience,
        org,
        prefix,
        suffix,
        place(key),
        "\n".join((kind, template, *types)),
        found,
        record.registered,
        record.modified,
        0,
        seq,
    )
