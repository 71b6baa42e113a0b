"""Identifiers for programs: list, get, register, remove, resolve."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Annotated

from django.http import HttpRequest
from ninja import Body, Query, Router, Status
from pydantic import BaseModel, Field

from gongfu.identity.handle.codes import Permission
from gongfu.identity.handle.wire import Value
from gongfu.identity.registry import resolving, services
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.values import page_url
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.pages.api import FAILURES
from gongfu.kernel.pages.schemas import Wire
from gongfu.kernel.settings import settings

router = Router()
Text = Annotated[str, Field(max_length=300)]


class IdentifierValue(BaseModel):
    """One value; data that is not text is shown as hexadecimal."""

    index: int
    type: str
    data: str
    ttl: int
    timestamp: dt.datetime
    public: bool


class Identifier(BaseModel):
    """An identifier with all its values."""

    handle: str
    url: str
    registered: dt.datetime
    modified: dt.datetime
    values: list[IdentifierValue]


class IdentifierPage(BaseModel):
    """A page in key order; send ``after`` for the next one, empty at the end."""

    items: list[Identifier]
    after: str


class NewValue(Wire):
    """One value to register."""

    index: Annotated[int, Field(ge=1, le=2**31 - 1)]
    type: Annotated[str, Field(min_length=1, max_length=100)]
    data: Annotated[str, Field(max_length=200_000)]
    ttl: Annotated[int, Field(ge=0, le=2**31 - 1)] = 86_400
    public: bool = True


class NewIdentifier(Wire):
    """What registering takes."""

    handle: Text
    values: Annotated[list[NewValue], Field(min_length=1, max_length=2048)]


class Asked(BaseModel):
    """What the address of the list takes."""

    prefix: Text = ""
    q: Text = Field("", description="How the suffix starts")
    after: Text = ""
    limit: Annotated[int, Field(ge=1, le=services.MAX_PAGE)] = 50


class Answer(BaseModel):
    """What the resolver said; ``took_ms`` over the wire."""

    handle: str
    transport: str
    authoritative: bool
    took_ms: float
    values: list[IdentifierValue]


@router.get("/identifiers", response={200: IdentifierPage} | FAILURES, operation_id="identity_identifiers_list")
def list_identifiers(request: HttpRequest, asked: Query[Asked]) -> IdentifierPage:
    """Identifiers of the organisations one may see."""
    user = accounts.user_of(request)
    page = services.identifiers(user, prefix=asked.prefix, search=asked.q, after=asked.after, limit=asked.limit)
    return IdentifierPage(items=[_identifier(record) for record in page.records], after=page.after)


@router.post("/identifiers", response={201: Identifier} | FAILURES, operation_id="identity_identifiers_register")
def register_identifier(request: HttpRequest, data: Body[NewIdentifier]) -> Status[Identifier]:
    """Register an identifier under a prefix of one's own organisation."""
    now = int(dt.datetime.now(dt.UTC).timestamp())
    values = [
        Value(item.index, item.type, item.data.encode(), item.ttl, timestamp=now, permissions=_permissions(item.public))
        for item in data.values
    ]
    return Status(201, _identifier(services.register(accounts.user_of(request), data.handle, values)))


@router.get(
    "/identifiers/{path:handle}", response={200: Identifier} | FAILURES, operation_id="identity_identifiers_get"
)
def get_identifier(request: HttpRequest, handle: str) -> Identifier:
    """One identifier."""
    user = accounts.user_of(request)
    record, _ = services.identifier_for(user, handle)
    return _identifier(replace(record, values=services.visible_values(user, record)))


@router.delete(
    "/identifiers/{path:handle}", response={204: None} | FAILURES, operation_id="identity_identifiers_remove"
)
def remove_identifier(request: HttpRequest, handle: str) -> Status[None]:
    """Remove an identifier under a prefix of one's own organisation."""
    services.remove(accounts.user_of(request), handle)
    return Status(204, None)


@router.get("/resolve/{path:handle}", response={200: Answer} | FAILURES, operation_id="identity_resolve")
def resolve(request: HttpRequest, handle: str) -> Answer:
    """Ask this node's resolver over UDP, as any other client would."""
    answer = resolving.ask(handle)
    return Answer(
        handle=answer.handle,
        transport=answer.transport,
        authoritative=answer.authoritative,
        took_ms=round(answer.took * 1000, 3),
        values=[_value(value) for value in answer.values],
    )


def _permissions(public: bool) -> Permission:
    administrators = Permission.ADMIN_READ | Permission.ADMIN_WRITE
    return administrators | Permission.PUBLIC_READ if public else administrators


def _identifier(record: Record) -> Identifier:
    return Identifier(
        handle=str(record.handle),
        url=page_url(settings().url, str(record.handle)),
        registered=dt.datetime.fromtimestamp(record.registered, dt.UTC),
        modified=dt.datetime.fromtimestamp(record.modified, dt.UTC),
        values=[_value(value) for value in record.values],
    )


def _value(value: Value) -> IdentifierValue:
    return IdentifierValue(
        index=value.index,
        type=value.type,
        data=value.text,
        ttl=value.ttl,
        timestamp=dt.datetime.fromtimestamp(value.timestamp, dt.UTC),
        public=value.public,
    )
