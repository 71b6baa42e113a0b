"""What a metadata template says of the identifiers that follow it. Pure.

A template is a list of fields; each has a key, names, a type with its limits, an index in the handle and a grant that
says who may read it. A published version never changes: identifiers name the version they were registered with.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from gongfu.identity.business import classes
from gongfu.identity.business.errors import WrongTemplate
from gongfu.identity.business.pattern import check_pattern
from gongfu.kernel.errors import GongfuError, Invalid
from gongfu.kernel.i18n import mark
from gongfu.network.models.types import Text

ValueType = Literal["text", "number", "integer", "boolean", "date", "datetime", "url", "identifier", "choice"]
GrantTo = Literal["public", "partner", "owner"]

FIRST_INDEX, LAST_INDEX = 1000, 9999
"""Where fields stand in the handle; indexes below belong to the node and to keys."""
TEMPLATE_INDEX = 900
TEMPLATE_TYPE = "TEMPLATE"
"""The value that says which template an identifier follows: ``operator/machinery@2``."""
MAX_FIELDS = 200
MAX_TEXT = 2_000
"""Characters of a text value."""
_KEY = re.compile(r"[a-z][a-z0-9_]{0,62}")
_CODE = re.compile(r"[a-z][a-z0-9-]{0,62}")


class Choice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One value of an enumeration."""

    value: str
    zh: str
    en: str

    def in_language(self, code: str) -> str:
        """Its name for a language code such as ``zh-hans`` or ``en``."""
        return self.en if code.lower().startswith("en") else self.zh


class Field(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """One field of a template."""

    key: str
    """Lower-case ASCII, stable: it is the type of the value in the handle."""
    name: Text
    type: ValueType = "text"
    unit: str = ""
    required: bool = False
    pattern: str = ""
    """For texts: what the whole value must match, see :mod:`gongfu.identity.business.pattern`."""
    low: float | None = None
    high: float | None = None
    """Range of a number, inclusive."""
    choices: tuple[Choice, ...] = ()
    index: int = 0
    """In the handle; 0 in a file means the next free one."""
    grant: GrantTo = "public"
    help: Text | None = None
    example: str = ""


class TemplateSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """One version of a template, as files and the API carry it."""

    code: str
    name: Text
    industry: str
    """Class of GB/T 4754."""
    fields: tuple[Field, ...]
    version: int = 1
    description: Text | None = None
    source: str = ""
    """Where the fields come from: standards, as people cite them."""

    def field(self, key: str) -> Field | None:
        """The field called ``key``."""
        return next((field for field in self.fields if field.key == key), None)


@dataclass(frozen=True, slots=True)
class Difference:
    """What happened to one field between two versions; ``changes`` are attribute, before, after."""

    kind: Literal["added", "removed", "changed"]
    field: Field
    changes: tuple[tuple[str, str, str], ...] = ()

    @property
    def breaking(self) -> bool:
        """Whether values that fitted before may not fit now."""
        return (
            self.kind == "removed"
            or (self.kind == "added" and self.field.required)
            or any(name not in ("name", "help", "example", "grant") for name, _before, _after in self.changes)
        )


def reference(owner: str, code: str, version: int) -> str:
    """What an identifier keeps of its template: ``operator/machinery@2``."""
    return f"{owner}/{code}@{version}"


def parse_reference(text: str) -> tuple[str, str, int] | None:
    """Owner, code and version; None for what :func:`reference` did not write."""
    path, _, version = text.partition("@")
    owner, slash, code = path.partition("/")
    if not (owner and slash and _CODE.fullmatch(code) and version.isascii() and version.isdigit() and len(version) < 9):
        return None
    return owner, code, int(version)


def decode(octets: bytes | str) -> TemplateSpec:
    """A template from JSON, with indexes filled in; raises :class:`Invalid` saying everything that is wrong."""
    try:
        spec = msgspec.json.decode(octets, type=TemplateSpec)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid(
            mark("The template cannot be read: {reason}."),
            remedy=mark("Correct the file; export an existing template to see the form."),
            reason=error,
        ) from error
    return checked(spec)


def encode(spec: TemplateSpec) -> bytes:
    """The template as JSON that people can read."""
    return msgspec.json.format(msgspec.json.encode(spec), indent=2) + b"\n"


def decode_fields(value: object) -> tuple[Field, ...]:
    """Fields from what a database column holds; raises :class:`Invalid`."""
    try:
        return msgspec.convert(value, tuple[Field, ...])
    except msgspec.ValidationError as error:
        raise Invalid(
            mark("The template cannot be read: {reason}."), remedy=mark("Correct the fields."), reason=error
        ) from error


def checked(spec: TemplateSpec) -> TemplateSpec:
    """``spec`` with every index filled in; raises :class:`Invalid` saying everything that is wrong with it."""
    spec = msgspec.structs.replace(spec, fields=numbered(spec.fields))
    problems = list(_problems(spec))
    if problems:
        raise WrongTemplate(
            mark("The template cannot be used: {reasons}"), problems, remedy=mark("Correct these fields.")
        )
    return spec


def check_field(field: Field) -> None:
    """Raises :class:`Invalid` for the first thing wrong with one field; it may have no index yet."""
    trial = field if field.index else msgspec.structs.replace(field, index=FIRST_INDEX)
    for problem in _field_problems(trial):
        raise problem


def numbered(fields: Sequence[Field]) -> tuple[Field, ...]:
    """``fields`` where those without an index have the next free one."""
    taken = {field.index for field in fields}
    following = max((index for index in taken if FIRST_INDEX <= index <= LAST_INDEX), default=FIRST_INDEX - 1)
    done = []
    for field in fields:
        if not field.index:
            following += 1
            field = msgspec.structs.replace(field, index=following)  # noqa: PLW2901
        done.append(field)
    return tuple(done)


def differences(before: Sequence[Field], after: Sequence[Field]) -> list[Difference]:
    """Fields added, changed and removed, in the order of ``after``, the removed ones last."""
    old = {field.key: field for field in before}
    found = []
    for field in after:
        was = old.get(field.key)
        if was is None:
            found.append(Difference("added", field))
        elif changes := tuple(_changes(was, field)):
            found.append(Difference("changed", field, changes))
    kept = {field.key for field in after}
    found += [Difference("removed", field) for field in before if field.key not in kept]
    return found


def _changes(was: Field, now: Field) -> Iterator[tuple[str, str, str]]:
    for name in Field.__struct_fields__:
        before, after = getattr(was, name), getattr(now, name)
        if before != after:
            yield name, _shown(before), _shown(after)


def _shown(value: object) -> str:
    if isinstance(value, Text):
        return f"{value.zh} / {value.en}"
    if isinstance(value, tuple):
        return ", ".join(choice.value for choice in value if isinstance(choice, Choice))
    return "" if value is None else str(value)


def _problems(spec: TemplateSpec) -> Iterator[GongfuError]:
    if not _CODE.fullmatch(spec.code):
        yield Invalid(mark("The code {code} is not lower-case letters, digits and dashes."), code=repr(spec.code))
    if not 1 <= spec.version < 10**6:
        yield Invalid(mark("The version {version} is not a number from 1."), version=spec.version)
    try:
        classes.check_industry(spec.industry)
    except Invalid as error:
        yield error
    if not 1 <= len(spec.fields) <= MAX_FIELDS:
        yield Invalid(
            mark("It has {count} fields; 1 to {limit} are possible."), count=len(spec.fields), limit=MAX_FIELDS
        )
    for key, count in Counter(field.key for field in spec.fields).items():
        if count > 1:
            yield Invalid(mark("Two fields have the key {key}."), key=key)
    for index, count in Counter(field.index for field in spec.fields).items():
        if count > 1:
            yield Invalid(mark("Two fields have the index {index}."), index=index)
    for field in spec.fields:
        yield from _field_problems(field)


def _field_problems(field: Field) -> Iterator[GongfuError]:
    if not _KEY.fullmatch(field.key):
        yield Invalid(mark("The key {key} is not lower-case letters, digits and underscores."), key=repr(field.key))
    if not (field.name.zh.strip() and field.name.en.strip()):
        yield Invalid(mark("Field {key} needs a Chinese and an English name."), key=field.key)
    if not FIRST_INDEX <= field.index <= LAST_INDEX:
        yield Invalid(
            mark("The index {index} of field {key} is not between {first} and {last}."),
            index=field.index,
            key=field.key,
            first=FIRST_INDEX,
            last=LAST_INDEX,
        )
    if (field.type == "choice") != bool(field.choices):
        yield Invalid(mark("Field {key}: an enumeration, and nothing else, has choices."), key=field.key)
    if len({choice.value for choice in field.choices}) < len(field.choices) or not all(c.value for c in field.choices):
        yield Invalid(mark("Field {key}: its choices need values of their own."), key=field.key)
    if field.pattern:
        if field.type != "text":
            yield Invalid(mark("Field {key}: only a text has a pattern."), key=field.key)
        try:
            check_pattern(field.pattern)
        except Invalid as error:
            yield error
    if (field.low is not None or field.high is not None) and field.type not in ("number", "integer"):
        yield Invalid(mark("Field {key}: only a number has a range."), key=field.key)
    if field.low is not None and field.high is not None and field.low > field.high:
        yield Invalid(
            mark("Field {key}: {low} is above {high}."), key=field.key, low=f"{field.low:g}", high=f"{field.high:g}"
        )
