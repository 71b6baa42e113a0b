"""Whether values fit a template, and how they stand in a handle. Pure.

Values come as texts (from a form, a file, JSON) and go as texts in one canonical spelling; what does not fit is
reported field by field, each as an error that knows both languages.
"""

from __future__ import annotations

import datetime as dt
import math
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from urllib.parse import urlsplit

from gongfu.identity.business import pattern
from gongfu.identity.business.errors import WrongFields, WrongValue
from gongfu.identity.business.fields import MAX_TEXT, TEMPLATE_INDEX, TEMPLATE_TYPE, Field, TemplateSpec
from gongfu.identity.handle import names
from gongfu.identity.handle.codes import Permission
from gongfu.identity.handle.errors import BadHandle
from gongfu.identity.handle.wire import Value
from gongfu.kernel.errors import GongfuError, Invalid
from gongfu.kernel.i18n import mark

_ADMIN = Permission.ADMIN_READ | Permission.ADMIN_WRITE
_TRUE, _FALSE = {"true", "1", "yes", "是"}, {"false", "0", "no", "否"}


class Audience(IntEnum):
    """Who looks; each sees what those before it see."""

    PUBLIC = 0
    PARTNER = 1
    OWNER = 2


_GRANTED = {"public": Audience.PUBLIC, "partner": Audience.PARTNER, "owner": Audience.OWNER}


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one field."""

    key: str
    error: GongfuError

    def text(self, language: str | None = None) -> str:
        """The sentence in ``language``."""
        return self.error.text(language)


def problems(spec: TemplateSpec, values: Mapping[str, str]) -> list[Problem]:
    """Everything wrong with ``values``, in the order of the template; empty when they fit."""
    return _examine(spec, values)[1]


def canonical(spec: TemplateSpec, values: Mapping[str, str]) -> dict[str, str]:
    """``values`` in canonical spelling, without empty ones; raises :class:`WrongFields` naming every field."""
    found, wrong = _examine(spec, values)
    if wrong:
        raise WrongFields(
            mark("These fields do not fit the template {template}: {names}."),
            remedy=mark("Correct them; values.fields has a sentence for each."),
            template=f"{spec.code}@{spec.version}",
            names=", ".join(problem.key for problem in wrong),
            fields={problem.key: problem.text() for problem in wrong},
        )
    return found


def spelled(field: Field, text: str) -> str:
    """One value in canonical spelling, empty for an empty one that may be so; raises :class:`WrongValue`."""
    return _value(field, text)


def _examine(spec: TemplateSpec, values: Mapping[str, str]) -> tuple[dict[str, str], list[Problem]]:
    found: dict[str, str] = {}
    wrong = []
    for field in spec.fields:
        try:
            text = _value(field, values.get(field.key, ""))
        except GongfuError as error:
            wrong.append(Problem(field.key, error))
        else:
            if text:
                found[field.key] = text
    known = {field.key for field in spec.fields}
    wrong += [
        Problem(key[:64], Invalid(mark("The template has no field {key}."), key=key[:64]))
        for key in values
        if key not in known
    ]
    return found, wrong


def _value(field: Field, given: str) -> str:
    text = unicodedata.normalize("NFC", given).strip()
    if not text:
        if field.required:
            raise WrongValue(field.name, mark("{name} is missing."), remedy=mark("Fill it in."))
        return ""
    if len(text) > MAX_TEXT:
        raise WrongValue(
            field.name,
            mark("{name} has {length} characters; at most {limit} are possible."),
            length=len(text),
            limit=MAX_TEXT,
        )
    return _PARSERS[field.type](field, text)


def _text(field: Field, text: str) -> str:
    if any(unicodedata.category(letter) in ("Cc", "Cs") and letter not in "\n\t" for letter in text):
        raise WrongValue(field.name, mark("{name} holds characters that cannot be seen."))
    if field.pattern and not pattern.matches(field.pattern, text):
        raise WrongValue(
            field.name,
            mark("{name}: {value} is not written as it must be ({pattern})."),
            remedy=mark("An example: {example}.") if field.example else "",
            value=text[:60],
            pattern=field.pattern,
            example=field.example,
        )
    return text


def _integer(field: Field, text: str) -> str:
    if len(text) <= 40:
        try:
            number = int(text)
        except ValueError:
            pass
        else:
            _in_range(field, number)
            return str(number)
    raise WrongValue(field.name, mark("{name}: {value} is not a whole number."), value=text[:40])


def _number(field: Field, text: str) -> str:
    try:
        number = float(text) if len(text) <= 40 and "_" not in text else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise WrongValue(field.name, mark("{name}: {value} is not a number."), value=text[:40])
    _in_range(field, number)
    return repr(int(number)) if number == int(number) and abs(number) < 1e15 else repr(number)


def _in_range(field: Field, number: float) -> None:
    if (field.low is not None and number < field.low) or (field.high is not None and number > field.high):
        raise WrongValue(
            field.name,
            mark("{name}: {value} is not between {low} and {high}."),
            value=f"{number:g}",
            low="−∞" if field.low is None else f"{field.low:g}",
            high="∞" if field.high is None else f"{field.high:g}",
        )


def _boolean(field: Field, text: str) -> str:
    if text.lower() in _TRUE:
        return "true"
    if text.lower() in _FALSE:
        return "false"
    raise WrongValue(
        field.name,
        mark("{name}: {value} is neither yes nor no."),
        remedy=mark("Write true or false."),
        value=text[:40],
    )


def _date(field: Field, text: str) -> str:
    try:
        return dt.date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise WrongValue(
            field.name,
            mark("{name}: {value} is not a date."),
            remedy=mark("Write it as 2026-11-20."),
            value=text[:40],
        ) from error


def _datetime(field: Field, text: str) -> str:
    try:
        moment = dt.datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError("no zone")
        return moment.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError) as error:
        raise WrongValue(
            field.name,
            mark("{name}: {value} is not a moment with its time zone."),
            remedy=mark("Write it as 2026-11-20T14:05:00+08:00."),
            value=text[:40],
        ) from error


def _url(field: Field, text: str) -> str:
    try:
        parts = urlsplit(text)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and not any(c.isspace() for c in text)
    except ValueError:
        fits = False
    if not fits:
        raise WrongValue(
            field.name,
            mark("{name}: {value} is not an address."),
            remedy=mark("Write it as https://example.com/manual."),
            value=text[:60],
        )
    return text


def _identifier(field: Field, text: str) -> str:
    try:
        return str(names.parse(text))
    except BadHandle as error:
        raise WrongValue(
            field.name,
            mark("{name}: {value} is not an identifier."),
            remedy=mark("Write it as 88.118.1/EXAMPLE-001."),
            value=text[:60],
        ) from error


def _choice(field: Field, text: str) -> str:
    for choice in field.choices:
        if text in (choice.value, choice.zh, choice.en):
            return choice.value
    raise WrongValue(
        field.name,
        mark("{name}: {value} is not one of {known}."),
        value=text[:40],
        known=", ".join(choice.value for choice in field.choices[:20]),
    )


_PARSERS = {
    "text": _text,
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "date": _date,
    "datetime": _datetime,
    "url": _url,
    "identifier": _identifier,
    "choice": _choice,
}


def handle_values(spec: TemplateSpec, values: Mapping[str, str], reference: str, *, now: int) -> tuple[Value, ...]:
    """Canonical ``values`` as they stand in a handle, with the one that names the template; public ones may be read."""
    found = [Value(TEMPLATE_INDEX, TEMPLATE_TYPE, reference.encode(), timestamp=now)]
    for field in spec.fields:
        if field.key in values:
            permissions = _ADMIN | Permission.PUBLIC_READ if field.grant == "public" else _ADMIN
            data = values[field.key].encode()
            found.append(Value(field.index, field.key, data, timestamp=now, permissions=permissions))
    return tuple(found)


def visible(spec: TemplateSpec | None, values: Iterable[Value], audience: Audience) -> tuple[Value, ...]:
    """Those of ``values`` that ``audience`` may see. What the template does not know stays with its permissions."""
    grants = {(field.index, field.key): _GRANTED[field.grant] for field in spec.fields} if spec else {}
    return tuple(
        value for value in values if value.public or audience >= grants.get((value.index, value.type), Audience.OWNER)
    )


def shown(field: Field, text: str, language: str) -> str:
    """A value as people read it: choices by name, yes and no, the unit behind a number."""
    if field.type == "choice":
        return next((choice.in_language(language) for choice in field.choices if choice.value == text), text)
    if field.type == "boolean":
        english = language.lower().startswith("en")
        return {"true": "Yes" if english else "是", "false": "No" if english else "否"}.get(text, text)
    return f"{text} {field.unit}" if field.unit else text


def title(spec: TemplateSpec, values: Mapping[str, str]) -> str:
    """What an identifier with these values is called in lists: its public ``name``, else its first public text."""
    public = [
        field for field in spec.fields if field.grant == "public" and field.type == "text" and field.key in values
    ]
    named = next((field for field in public if field.key in ("name", "product_name")), None)
    chosen = named or next(iter(public), None)
    return values[chosen.key] if chosen else ""
