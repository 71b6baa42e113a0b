"""From a row of a table to an identifier: which column becomes which value, how suffixes are minted. Pure.

Whatever a cell holds, a row becomes a :class:`Record` or a :class:`Problem`; nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import msgspec

from gongfu.identity.handle import names
from gongfu.identity.handle.codes import MAX_MESSAGE, Permission
from gongfu.identity.handle.names import Handle
from gongfu.identity.handle.wire import Value
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.values import FIRST_FREE, Standard
from gongfu.kernel.errors import GongfuError, Invalid
from gongfu.kernel.i18n import mark

MAX_TARGETS = 100
"""Columns that may become values."""
_LARGEST = MAX_MESSAGE - 8192  # octets of the values of one record, with room for what an answer needs besides
_REMEMBERED = 1_000  # different values of one column
_OVERHEAD = 32  # octets a value takes besides type and data
_TYPE = re.compile(r"[A-Za-z0-9_.\-/一-鿿]{1,64}")
_PLACE = re.compile(r"\{([^{}]*)\}")
_COUNTER = re.compile(r"[0-9]{1,12}")
_ADMINISTRATORS = Permission.ADMIN_READ | Permission.ADMIN_WRITE
_STANDARD = {standard.name: int(standard) for standard in Standard}
_USUAL: dict[str, set[str]] = {
    Standard.URL.name: {"url", "网址", "链接", "地址"},
    Standard.NAME.name: {"name", "名称", "产品名称", "设备名称"},
    Standard.TYPE.name: {"type", "类型", "类别", "产品类型", "设备类型"},
    Standard.MANUFACTURER.name: {"manufacturer", "制造商", "生产厂家", "厂家", "生产企业"},
    Standard.MODEL.name: {"model", "型号", "产品型号", "规格型号"},
    Standard.SERIAL_NUMBER.name: {"serial_number", "serial number", "serial", "序列号", "出厂编号"},
    Standard.OWNER.name: {"owner", "enterprise", "企业", "所属企业"},
}


class Operation(StrEnum):
    """What is done with the identifiers of a file or a batch."""

    REGISTER = "register"
    UPDATE = "update"
    DELETE = "delete"


class Target(msgspec.Struct, frozen=True):
    """A column that becomes a value of ``type``."""

    column: str
    type: str
    public: bool = True


class Plan(msgspec.Struct, frozen=True):
    """How rows become identifiers under ``prefix``: a column with suffixes, or a rule that mints them."""

    prefix: str
    operation: Operation = Operation.REGISTER
    suffix: str = ""
    """Column that holds the suffix or the whole identifier."""
    rule: str = ""
    """Such as ``{prefix}/SN{000001}``: the number begins there and counts rows; ``{column}`` takes a cell."""
    targets: tuple[Target, ...] = ()
    ttl: int = 86_400


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row is refused; ``row`` as a spreadsheet numbers it (the header is row 1), ``column`` may be empty."""

    row: int
    column: str
    value: str
    error: GongfuError


def check(plan: Plan, header: Sequence[str]) -> None:
    """Raises :class:`Invalid` for a plan that no row of a table with ``header`` can fulfil."""
    columns = set(header)
    if plan.rule and plan.operation is not Operation.REGISTER:
        raise Invalid(
            mark("Only new identifiers can be minted by a rule."),
            remedy=mark("Choose the column with the identifiers."),
        )
    if bool(plan.suffix) == bool(plan.rule):
        raise Invalid(
            mark("It is not clear where the suffixes come from."),
            remedy=mark("Choose the column that holds them, or write a rule such as {rule}."),
            rule="{prefix}/SN{000001}",
        )
    if plan.rule:
        _check_rule(plan.rule, columns)
    elif plan.suffix not in columns:
        raise _no_column(plan.suffix)
    if plan.operation is not Operation.DELETE and not plan.targets:
        raise Invalid(mark("No column becomes a value."), remedy=mark("Give at least one column a type."))
    if len(plan.targets) > MAX_TARGETS:
        raise Invalid(mark("At most {limit} columns can become values."), limit=MAX_TARGETS)
    seen: set[str] = set()
    for target in plan.targets:
        if target.column not in columns:
            raise _no_column(target.column)
        check_type(target.type)
        if target.type in seen:
            raise Invalid(mark("Two columns cannot both become {type}."), type=target.type)
        seen.add(target.type)
    if not 0 <= plan.ttl < 2**31:
        raise Invalid(mark("A time to live of {ttl} seconds is not possible."), ttl=plan.ttl)


def check_type(name: str) -> str:
    """``name`` if values given as text may have this type; raises :class:`Invalid`."""
    if name.upper().startswith("HS_") or _TYPE.fullmatch(name) is None:
        raise Invalid(
            mark("{type} cannot be the type of a value."),
            remedy=mark("Use letters, digits and . _ - /; types that begin with HS_ belong to the protocol."),
            type=name[:64],
        )
    return name


def usual_type(column: str) -> str:
    """The type a column of this name probably holds."""
    folded = column.strip().lower()
    for name, others in _USUAL.items():
        if folded in others:
            return name
    kept = re.sub(r"[^A-Za-z0-9_.\-/一-鿿]+", "_", column.strip()).strip("_")[:64].upper() or "VALUE"
    return f"X_{kept}"[:64] if kept.startswith("HS_") else kept


class Builder:
    """Makes records from the rows of one table by a plan that :func:`check` has accepted."""

    def __init__(self, plan: Plan, header: Sequence[str], *, now: int) -> None:
        self._plan = plan
        self._header = tuple(header)
        self._now = now
        self._place = {name: place for place, name in enumerate(header)}
        self._mint = _compile(plan.rule, self._place) if plan.rule else None
        free = FIRST_FREE
        self._targets: list[tuple[int, dict[str, Value], Value]] = []
        for target in plan.targets:
            index = _STANDARD.get(target.type, 0)
            if not index:
                index, free = free, free + 1
            permissions = _ADMINISTRATORS | Permission.PUBLIC_READ if target.public else _ADMINISTRATORS
            empty = Value(index, target.type, b"", plan.ttl, timestamp=now, permissions=permissions)
            self._targets.append((self._place[target.column], {}, empty))

    def handle(self, row: int, cells: Sequence[str]) -> Handle | Problem:
        """The identifier that row number ``row`` is about."""
        if len(cells) != len(self._header):
            error = Invalid(
                mark("The row has {found} cells, the header {expected}."),
                remedy=mark("Put quotes around cells that hold the separator."),
                found=len(cells),
                expected=len(self._header),
            )
            return Problem(row, "", "", error)
        if self._mint is not None:
            column, text = "", self._mint(row - 2, cells)
        else:
            column, text = self._plan.suffix, cells[self._place[self._plan.suffix]].strip()
        start = f"{self._plan.prefix}/"
        if not text:
            return Problem(row, column, "", Invalid(mark("The suffix is empty.")))
        if text[: len(start)].upper() == start.upper():
            text = text[len(start) :]
        elif re.match(r"88\.[0-9]{1,10}(\.[0-9A-Za-z]{1,30})?/", text):
            foreign = Invalid(
                mark("{handle} does not stand under {prefix}."),
                remedy=mark("Import it with the prefix it belongs to."),
                handle=text[:255],
                prefix=self._plan.prefix,
            )
            return Problem(row, column, text, foreign)
        try:
            return names.parse(start + text)
        except GongfuError as error:
            return Problem(row, column, text, error)

    def values(self, row: int, cells: Sequence[str]) -> list[Value] | Problem:
        """The values of row number ``row``; empty cells are left out."""
        made = []
        size = 0
        for place, known, empty in self._targets:
            text = cells[place].strip()
            if text:
                value = known.get(text)
                if value is None:
                    value = Value(
                        empty.index,
                        empty.type,
                        text.encode(),
                        empty.ttl,
                        timestamp=self._now,
                        permissions=empty.permissions,
                    )
                    if len(known) < _REMEMBERED:  # most columns say the same thing again and again
                        known[text] = value
                size += len(value.data) + len(value.type) + _OVERHEAD
                made.append(value)
        if not made:
            return Problem(row, "", "", Invalid(mark("No cell of the row holds a value.")))
        if size > _LARGEST:
            error = Invalid(
                mark("The values of the row take {size} octets; {limit} are allowed."),
                remedy=mark("Keep the data elsewhere and register its address."),
                size=size,
                limit=_LARGEST,
            )
            return Problem(row, "", "", error)
        return made


def renew(before: Record, values: Sequence[Value], *, now: int) -> Record:
    """``before`` with ``values``: those of a type it has are replaced at their index, the others added behind."""
    kept = {value.index: value for value in before.values}
    by_type = {value.type: value.index for value in reversed(before.values)}
    for value in values:
        index = by_type.get(value.type)
        if index is None:
            index = value.index if value.index not in kept else max(FIRST_FREE - 1, *kept) + 1
        kept[index] = replace(value, index=index)
    return Record(before.handle, tuple(kept[index] for index in sorted(kept)), before.registered, now)


def _compile(rule: str, places: dict[str, int]) -> _Mint:
    """``rule`` as a function of the number of a row, counted from 0, and its cells."""
    text = rule.removeprefix("{prefix}/")
    parts: list[str | int | tuple[int, int]] = []
    end = 0
    for found in _PLACE.finditer(text):
        parts.append(text[end : found.start()])
        name = found[1]
        parts.append((int(name), len(name)) if _COUNTER.fullmatch(name) else places[name])
        end = found.end()
    parts.append(text[end:])
    return _Mint(tuple(part for part in parts if part != ""))


@dataclass(frozen=True, slots=True)
class _Mint:
    parts: tuple[str | int | tuple[int, int], ...]

    def __call__(self, number: int, cells: Sequence[str]) -> str:
        made = []
        for part in self.parts:
            if isinstance(part, str):
                made.append(part)
            elif isinstance(part, int):
                cell = cells[part].strip()
                if not cell:
                    return ""  # half a suffix would be another row's
                made.append(cell)
            else:
                first, width = part
                made.append(f"{first + number:0{width}d}")
        return "".join(made)


def _check_rule(rule: str, columns: set[str]) -> None:
    text = rule.removeprefix("{prefix}/")
    places = _PLACE.findall(text)
    if "{" in _PLACE.sub("", text) or "}" in _PLACE.sub("", text) or not places or len(rule) > 255:
        raise Invalid(
            mark("{rule} is not a rule."), remedy=mark("Write it as {example}."), rule=rule[:255], example=_EXAMPLE
        )
    for name in places:
        if _COUNTER.fullmatch(name) is None and name not in columns:
            raise _no_column(name)


_EXAMPLE = "{prefix}/SN{000001}"


def _no_column(name: str) -> Invalid:
    return Invalid(mark("The file has no column {name}."), remedy=mark("Choose one of its columns."), name=name[:100])
