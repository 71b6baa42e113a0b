"""Batches and batch jobs for programs."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from django.http import HttpRequest
from ninja import Body, Query, Router
from pydantic import BaseModel, Field

from gongfu.identity.bulk import services
from gongfu.identity.bulk.models import Import
from gongfu.identity.bulk.rules import Operation
from gongfu.identity.handle.codes import Permission
from gongfu.identity.handle.wire import Value
from gongfu.identity.registry.values import FIRST_FREE, Standard
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import current, mark
from gongfu.kernel.pages.api import FAILURES
from gongfu.kernel.pages.schemas import Wire

router = Router()
_STANDARD = {standard.name: int(standard) for standard in Standard}
_ADMINISTRATORS = Permission.ADMIN_READ | Permission.ADMIN_WRITE


class BatchValue(Wire):
    """One value; without an index it gets the usual one of its type, or the next free one."""

    type: Annotated[str, Field(min_length=1, max_length=64)]
    data: Annotated[str, Field(max_length=200_000)]
    index: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    ttl: Annotated[int, Field(ge=0, le=2**31 - 1)] = 86_400
    public: bool = True


class BatchItem(Wire):
    """One identifier; ``values`` stay empty when it is removed."""

    handle: Annotated[str, Field(max_length=300)]
    values: Annotated[list[BatchValue], Field(max_length=200)] = []


class NewBatch(Wire):
    """Up to 1,000 identifiers. Unless ``partial``, one refusal holds back all the others."""

    operation: Operation = Operation.REGISTER
    partial: bool = False
    items: Annotated[list[BatchItem], Field(min_length=1, max_length=services.MAX_BATCH)]


class BatchRow(BaseModel):
    """What became of one item: ``done``, ``refused`` with code and reason, or ``held`` because others were refused."""

    row: int
    handle: str
    state: str
    code: str = ""
    reason: str = ""


class BatchReport(BaseModel):
    """One row for each item, in order."""

    done: int
    refused: int
    held: int
    rows: list[BatchRow]


class ImportState(BaseModel):
    """How far a batch job has come."""

    id: int
    prefix: str
    operation: str
    file_name: str
    rows: int
    position: int
    accepted: int
    refused: int
    finished: dt.datetime | None


class ImportPage(BaseModel):
    """The latest batch jobs."""

    items: list[ImportState]


class Asked(BaseModel):
    """What the address takes."""

    limit: Annotated[int, Field(ge=1, le=500)] = 50


@router.post("/identifiers/batch", response={200: BatchReport} | FAILURES, operation_id="identity_identifiers_batch")
def batch(request: HttpRequest, data: Body[NewBatch]) -> BatchReport:
    """Register, change or remove many identifiers at once: all of them, or a report of what stands in the way."""
    now = int(dt.datetime.now(dt.UTC).timestamp())
    items = [services.Item(item.handle, _values(item, now)) for item in data.items]
    outcomes = services.batch(accounts.user_of(request), data.operation, items, partial=data.partial)
    rows = [
        BatchRow(
            row=number,
            handle=outcome.handle,
            state=outcome.state,
            code=outcome.error.code if outcome.error else "",
            reason=outcome.error.text(current()) if outcome.error else "",
        )
        for number, outcome in enumerate(outcomes)
    ]
    counts = {state: sum(row.state == state for row in rows) for state in ("done", "refused", "held")}
    return BatchReport(**counts, rows=rows)


@router.get("/imports", response={200: ImportPage} | FAILURES, operation_id="identity_imports_list")
def list_imports(request: HttpRequest, asked: Query[Asked]) -> ImportPage:
    """The latest batch jobs of the organisations one may see."""
    found = services.imports(accounts.user_of(request))[: asked.limit]
    return ImportPage(items=[_state(made) for made in found])


@router.get("/imports/{key}", response={200: ImportState} | FAILURES, operation_id="identity_imports_get")
def get_import(request: HttpRequest, key: int) -> ImportState:
    """One batch job."""
    if not 0 <= key < 2**63:
        raise Invalid(mark("There is no batch job {key}."), key=str(key)[:40])
    return _state(services.find(accounts.user_of(request), key))


def _values(item: BatchItem, now: int) -> tuple[Value, ...]:
    taken = {value.index for value in item.values if value.index}
    made = []
    for value in item.values:
        index = value.index or _STANDARD.get(value.type, 0)
        if not value.index and (not index or index in taken):
            index = next(number for number in range(FIRST_FREE, FIRST_FREE + 1000) if number not in taken)
        taken.add(index)
        permissions = _ADMINISTRATORS | Permission.PUBLIC_READ if value.public else _ADMINISTRATORS
        made.append(Value(index, value.type, value.data.encode(), value.ttl, timestamp=now, permissions=permissions))
    return tuple(made)


def _state(made: Import) -> ImportState:
    return ImportState(
        id=made.pk,
        prefix=made.prefix,
        operation=made.operation,
        file_name=made.file_name,
        rows=made.rows,
        position=made.position,
        accepted=made.accepted,
        refused=made.refused,
        finished=made.finished_at,
    )
