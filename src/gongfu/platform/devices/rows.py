"""Tags as rows of a form: read back, made from what was ticked or pasted, checked cell by cell. Pure."""

from __future__ import annotations

import math
import re
import secrets
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import get_args

import msgspec

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import Point
from gongfu.network.models.types import DeviceType, TagType
from gongfu.platform.devices.document import Kind, Problem, TagDocument, written
from gongfu.platform.devices.proposal import Candidate, propose

MOST_ROWS = 1000
"""Rows of the form; a spreadsheet takes more."""
MOST_TEXT = 200_000
KINDS = get_args(Kind)
FIELDS = tuple(TagDocument.__struct_fields__)
_NUMBERS = ("scale", "offset", "low", "high", "deadband", "silence", "interval", "decimals")
_FLAGS = ("primary", "percent")
_HEADS = {
    "key": "key", "标识": "key", "键": "key", "测点标识": "key",
    "name": "name", "名称": "name", "测点": "name", "tag": "name",
    "address": "address", "地址": "address", "register": "address", "寄存器": "address", "node": "address",
    "unit": "unit", "单位": "unit",
    "kind": "kind", "type": "kind", "类型": "kind",
    "scale": "scale", "比例": "scale", "系数": "scale",
    "offset": "offset", "偏移": "offset",
}  # fmt: skip
"""Words by which a pasted list may call its columns."""
_ORDER = ("key", "address", "unit", "name", "scale", "offset")


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One tag as it stands in the form: texts, and what is wrong with which."""

    id: str
    """Random: it ties the shown value to the row."""
    cells: dict[str, str]
    errors: dict[str, str] = {}

    def __getattr__(self, name: str) -> str:
        """Templates read ``row.address``."""
        if name in FIELDS:
            return self.cells.get(name, "")
        raise AttributeError(name)


def of(tag: TagDocument) -> Row:
    """The row of a tag."""
    return Row(id=_new_id(), cells={field: written(getattr(tag, field)) for field in FIELDS})


def sent(columns: Mapping[str, Sequence[str]]) -> list[Row]:
    """The rows of a form, which come column by column as ``tag-<field>``; raises :class:`Invalid` for too many."""
    ids = columns.get("tag-id", ())
    if len(ids) > MOST_ROWS:
        raise Invalid(
            mark("{count} tags are too many for this page."),
            remedy=mark("Import them as a spreadsheet."),
            count=len(ids),
        )
    found = []
    for number, row_id in enumerate(ids):
        cells = {}
        for field in FIELDS:
            column = columns.get(f"tag-{field}", ())
            cells[field] = column[number].strip() if number < len(column) else ""
        found.append(Row(id=row_id if re.fullmatch(r"[0-9a-f]{12}", row_id) else _new_id(), cells=cells))
    return found


def documents(rows: Iterable[Row]) -> tuple[list[TagDocument], list[Row]]:
    """The tags of the rows, and the rows again, with what is wrong in them; those have no tag."""
    tags, told = [], []
    for row in rows:
        try:
            tags.append(document(row.cells))
            told.append(row)
        except _WrongCell as error:
            told.append(msgspec.structs.replace(row, errors=error.errors))
    return tags, told


def marked(rows: Sequence[Row], problems: Iterable[Problem]) -> list[Row]:
    """The rows with the problems of :func:`gongfu.platform.devices.document.check` where they belong."""
    errors: dict[int, dict[str, str]] = {}
    for problem in problems:
        if problem.tag is not None:
            errors.setdefault(problem.tag, {})[problem.field] = problem.error.text()
    return [msgspec.structs.replace(row, errors=row.errors | errors.get(number, {})) for number, row in enumerate(rows)]


class _WrongCell(Exception):
    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__()
        self.errors = errors


def document(cells: Mapping[str, str]) -> TagDocument:
    """The tag in ``cells``."""
    values: dict[str, object] = {}
    errors: dict[str, str] = {}
    for field in FIELDS:
        text = cells.get(field, "")
        if field in _FLAGS:
            values[field] = text == "true"
        elif field in _NUMBERS:
            if not text:
                continue
            number = number_in(text)
            if number is None or (field == "decimals" and not number.is_integer()):
                errors[field] = Invalid(mark("{value} is no number."), value=text[:40]).text()
            else:
                values[field] = int(number) if field == "decimals" else number
        elif field == "kind":
            values[field] = text if text in KINDS else "number"
        else:
            values[field] = text
    if errors:
        raise _WrongCell(errors)
    values["name"] = values["name"] or values["key"]
    return msgspec.convert(values, TagDocument)


def number_in(text: str) -> float | None:
    """The finite number that ``text`` is; None for anything else."""
    try:
        number = float(text.replace("_", "x"))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def ticked(values: Iterable[str]) -> list[Point]:
    """The points whose JSON came back from ticked boxes; what is none is passed over."""
    points = []
    for value in values:
        try:
            points.append(msgspec.json.decode(value, type=Point))
        except msgspec.DecodeError:
            continue
    return points


def pasted(text: str) -> list[dict[str, str]]:
    """Cells of a pasted list: one tag a line, parted by tabs, commas or semicolons.

    A line is an address, or key, address, unit, name, scale, offset; a first line of column names says otherwise.
    """
    lines = [line for line in text[:MOST_TEXT].splitlines() if line.strip()][:MOST_ROWS]
    order: Sequence[str] = _ORDER
    found = []
    for number, line in enumerate(lines):
        parts = [part.strip().strip('"') for part in _parted(line)]
        if number == 0 and len(parts) > 1 and all(part.casefold() in _HEADS or not part for part in parts):
            order = [_HEADS.get(part.casefold(), "") for part in parts]
            continue
        if len(parts) == 1:
            found.append({"address": parts[0]})
        else:
            found.append({field: part for field, part in zip(order, parts, strict=False) if field and part})
    return found


def _parted(line: str) -> list[str]:
    for sign in ("\t", ";", ","):
        if sign in line:
            return line.split(sign)
    return [line]


def of_points(points: Sequence[Point]) -> list[dict[str, str]]:
    """Cells of what was ticked."""
    return [
        {
            "address": point.address,
            "name": point.name,
            "kind": point.kind if point.kind in KINDS else "number",
            "unit": point.unit[:20],
            "low": written(point.low),
            "high": written(point.high),
        }
        for point in points
    ]


class Offered(msgspec.Struct, frozen=True):
    """A point as the tree shows it: what a ticked box sends back, and whether it is picked already."""

    point: Point
    sends: str
    opens: str
    """What opening it as a folder sends."""
    picked: bool


def offered(point: Point, there: Container[str]) -> Offered:
    """``point``, picked when its address is among ``there``."""
    opens = msgspec.json.encode({"parent": point.address}).decode()
    return Offered(point, msgspec.json.encode(point).decode(), opens, point.address in there)


def of_model(model: DeviceType) -> list[dict[str, str]]:
    """Cells of every tag of the model, without addresses."""
    return [{"key": tag.key} for tag in model.tags]


def add(there: Sequence[Row], new: Iterable[dict[str, str]], model: DeviceType | None) -> list[Row]:
    """The rows to add for ``new``: each gets the meaning that the model proposes, and a key of its own.

    What is there already, by address, or by key without address, is not added again.
    """
    addresses = {row.address for row in there if row.address}
    taken = {row.key for row in there}
    fresh = []
    for cells in new:
        address = cells.get("address", "")
        if address in addresses or (not address and cells.get("key") in taken):
            continue
        if address:
            addresses.add(address)
        fresh.append(cells)
    fresh = fresh[: max(0, MOST_ROWS - len(there))]
    candidates = [
        Candidate(
            address=cells.get("address", ""),
            name=cells.get("key") or cells.get("name") or cells.get("address", ""),
            unit=cells.get("unit", ""),
            kind=cells.get("kind", "number"),
        )
        for cells in fresh
    ]
    proposed = propose(model, candidates) if model else [""] * len(fresh)
    rows = []
    for cells, key in zip(fresh, proposed, strict=True):
        of_type = model.tag(key) if model and key and key not in taken else None
        made = _filled(cells, of_type)
        made["key"] = _unique(made["key"], taken)
        taken.add(made["key"])
        rows.append(Row(id=_new_id(), cells=made))
    return rows


def again(rows: Sequence[Row], model: DeviceType) -> list[Row]:
    """Every row with the meaning that ``model`` proposes for it; keys of others stay."""
    candidates = [
        Candidate(address=row.address, name=row.name or row.key, unit=row.unit, kind=row.kind or "number")
        for row in rows
    ]
    known = {tag.key for tag in model.tags}
    proposed = propose(model, candidates)
    taken: set[str] = set()
    found = []
    for row, key in zip(rows, proposed, strict=True):
        of_type = model.tag(row.key) if row.key in known else model.tag(key) if key else None
        fits = of_type is not None and of_type.key not in taken
        cells = row.cells | _meaning(of_type) | {"key": of_type.key} if of_type is not None and fits else row.cells
        taken.add(cells.get("key", ""))
        found.append(msgspec.structs.replace(row, cells=cells))
    return found


def _filled(cells: Mapping[str, str], of_type: TagType | None) -> dict[str, str]:
    blank = {field: written(getattr(_BLANK, field)) for field in FIELDS}
    made = blank | {field: text for field, text in cells.items() if field in FIELDS and text}
    if of_type is not None:
        meaning = _meaning(of_type)
        # What the device or the list says of unit and range counts more than the model: it is nearer.
        nearer = {field: made[field] for field in ("unit", "low", "high") if cells.get(field)}
        made |= meaning | nearer | {"key": of_type.key}
    elif not made["key"]:
        made["key"] = slug(made["name"] or made["address"])
    made["name"] = made["name"] or made["key"]
    return made


def _meaning(tag: TagType) -> dict[str, str]:
    return {
        "name": tag.name.zh,
        "name_en": tag.name.en,
        "kind": tag.kind,
        "unit": tag.unit,
        "decimals": str(tag.decimals),
        "role": tag.role,
        "primary": written(tag.primary),
        "low": written(tag.low),
        "high": written(tag.high),
    }


def slug(text: str) -> str:
    """A key made of ``text``: ``holding:0:uint16`` becomes ``holding_0_uint16``."""
    made = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_").lower()[:60]
    return made or "tag"


def _unique(key: str, taken: set[str]) -> str:
    if key not in taken:
        return key
    number = 2
    while f"{key[:60]}_{number}" in taken:
        number += 1
    return f"{key[:60]}_{number}"


def _new_id() -> str:
    return secrets.token_hex(6)


_BLANK = TagDocument(key="", name="", decimals=2)
