"""The API's shapes of a resource, made from the model's fields."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, Optional, cast

from django.db import models
from django.db.models import NOT_PROVIDED
from pydantic import BaseModel, ConfigDict, Field, JsonValue, create_model

from gongfu.kernel.pages.filters import BoundFilter
from gongfu.kernel.pages.resource import Resource

_BIG = 2**63 - 1
_TYPES: tuple[tuple[type[models.Field[object, object]], object], ...] = (
    (models.BooleanField, bool),
    (models.ForeignKey, Annotated[int, Field(ge=1, le=_BIG)]),
    (models.PositiveSmallIntegerField, Annotated[int, Field(ge=0, le=32767)]),
    (models.PositiveIntegerField, Annotated[int, Field(ge=0, le=2**31 - 1)]),
    (models.SmallIntegerField, Annotated[int, Field(ge=-32768, le=32767)]),
    (models.BigIntegerField, Annotated[int, Field(ge=-_BIG - 1, le=_BIG)]),
    (models.IntegerField, Annotated[int, Field(ge=-(2**31), le=2**31 - 1)]),
    (models.FloatField, Annotated[float, Field(allow_inf_nan=False)]),
    (models.DecimalField, Decimal),
    (models.DateTimeField, dt.datetime),
    (models.DateField, dt.date),
    (models.JSONField, JsonValue),
)


class Wire(BaseModel):
    """Base of what programs send: an unknown name is a mistake, not noise."""

    model_config = ConfigDict(extra="forbid")


class Failure(BaseModel):
    """Every refusal of the API."""

    code: str
    message: str
    remedy: str
    values: dict[str, JsonValue]


class Reason(Wire):
    """Why something is done."""

    reason: str = Field("", max_length=2000)


def api_fields(resource: Resource[models.Model]) -> list[models.Field[object, object]]:
    """Fields that programs read."""
    if resource.api_fields is not None:
        return [resource.field(name) for name in resource.api_fields]
    return resource.detail_fields


def out(resource: Resource[models.Model]) -> type[BaseModel]:
    """What one looks like; relations are keys."""
    fields: dict[str, tuple[object, object]] = {"id": (int, ...), "label": (str, ...), "url": (str, ...)}
    for field in api_fields(resource):
        fields[field.name] = (_maybe(_reading(field), field.null), ...)
    return _model(resource, "", fields, BaseModel)


def page_of(resource: Resource[models.Model], item: type[BaseModel]) -> type[BaseModel]:
    """One page of a list."""
    fields = {"items": (list[item], ...), "total": (int, ...), "page": (int, ...), "pages": (int, ...)}  # type: ignore[valid-type]
    return _model(resource, "Page", fields, BaseModel)


def new(resource: Resource[models.Model]) -> type[BaseModel]:
    """What creating one takes."""
    fields: dict[str, tuple[object, object]] = {}
    for name in resource.form_fields:
        field = resource.field(name)
        kind = _maybe(_writing(field), field.null)
        if name == "organisation" or field.blank or field.null or field.default is not NOT_PROVIDED:
            fields[name] = (kind, None)  # may be left out; null only where the model keeps null
        else:
            fields[name] = (kind, ...)
    return _model(resource, "New", fields, Wire)


def change(resource: Resource[models.Model]) -> type[BaseModel]:
    """What changing one takes: any part of it."""
    fields: dict[str, tuple[object, object]] = {}
    for name in resource.form_fields:
        field = resource.field(name)
        fields[name] = (_maybe(_writing(field), field.null), None)
    return _model(resource, "Change", fields, Wire)


def query(resource: Resource[models.Model], filters: list[BoundFilter]) -> type[BaseModel]:
    """What the address of the list takes."""
    fields: dict[str, tuple[object, object]] = {
        "page": (Annotated[int, Field(ge=1, le=10**9)], 1),
        "page_size": (Annotated[int, Field(ge=1, le=500)], 50),
        "sort": (str, Field("", description="Name of a column, with - in front for descending")),
    }
    if resource.search:
        fields["q"] = (Annotated[str, Field(max_length=200)], "")
    for bound in filters:
        for parameter in bound.parameters:
            fields[parameter] = (list[str], Field([], description=bound.label))
    return _model(resource, "Query", fields, BaseModel)


def _model(
    resource: Resource[models.Model], suffix: str, fields: Mapping[str, tuple[object, object]], base: type[BaseModel]
) -> type[BaseModel]:
    name = f"{resource.room.title()}{resource.model.__name__}{suffix}"
    return create_model(name, __base__=base, **cast("dict[str, Any]", fields))


def _kind(field: models.Field[object, object]) -> object:
    for known, kind in _TYPES:
        if isinstance(field, known):
            return kind
    return str


def _reading(field: models.Field[object, object]) -> object:
    kind = _kind(field)
    return int if isinstance(field, models.ForeignKey | models.IntegerField) else kind


def _writing(field: models.Field[object, object]) -> object:
    if field.choices:
        values = tuple(value for value, _label in field.flatchoices)
        return Literal[(*values, "")] if field.blank else Literal[values]
    kind = _kind(field)
    if isinstance(field, models.JSONField):
        return dict[str, JsonValue] | list[JsonValue]
    if kind is str:
        return Annotated[str, Field(max_length=field.max_length or 100_000, min_length=0 if field.blank else 1)]
    return kind


def _maybe(kind: object, null: bool) -> object:
    return Optional[kind] if null else kind  # noqa: UP045  kind is a value here
