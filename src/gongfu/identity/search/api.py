"""Search for programs."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from django.http import HttpRequest
from ninja import Query, Router
from pydantic import BaseModel, Field

from gongfu.identity.registry.values import page_url
from gongfu.identity.search import services
from gongfu.identity.search.services import Question
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.pages.api import FAILURES
from gongfu.kernel.settings import settings

router = Router()
Short = Annotated[str, Field(max_length=300)]


class Asked(BaseModel):
    """What the address takes."""

    q: Annotated[
        str,
        Field(
            max_length=services.MAX_TEXT,
            description='Words; TYPE=value or TYPE="a value"; fields of templates also as rated_power>=10kW or =5..9',
        ),
    ] = ""
    organisation: Annotated[int | None, Field(ge=1, le=2**32 - 1)] = None
    prefix: Short = ""
    kind: Short = Field("", description="The value of type TYPE")
    type: Short = Field("", description="Has a value of this type")
    industry: Short = Field("", description="Code of GB/T 4754 of the enterprise, or of a class above it: C34, C")
    template: Short = Field("", description="operator/machinery, or one version of it: operator/machinery@2")
    changed_from: dt.datetime | None = None
    changed_to: dt.datetime | None = None
    after: Short = ""
    limit: Annotated[int, Field(ge=1, le=500)] = services.PAGE


class FoundValue(BaseModel):
    """One value."""

    index: int
    type: str
    data: str


class FoundIdentifier(BaseModel):
    """An identifier as it is registered now, with the values one may read."""

    handle: str
    url: str
    registered: dt.datetime
    modified: dt.datetime
    values: list[FoundValue]


class SearchPage(BaseModel):
    """A page, latest change first; ``total`` stops at 10,001. ``behind`` changes are not in the index yet."""

    items: list[FoundIdentifier]
    total: int | None
    after: str
    behind: int


@router.get("/search", response={200: SearchPage} | FAILURES, operation_id="identity_search")
def search(request: HttpRequest, asked: Query[Asked]) -> SearchPage:
    """Search over all identifiers of the organisations one may see."""
    question = Question(
        asked.q,
        asked.organisation,
        asked.prefix,
        asked.kind,
        asked.type,
        asked.industry,
        asked.template,
        asked.changed_from,
        asked.changed_to,
        asked.after,
    )
    found = services.search(accounts.user_of(request), question, limit=asked.limit)
    return SearchPage(
        items=[
            FoundIdentifier(
                handle=str(record.handle),
                url=page_url(settings().url, str(record.handle)),
                registered=dt.datetime.fromtimestamp(record.registered, dt.UTC),
                modified=dt.datetime.fromtimestamp(record.modified, dt.UTC),
                values=[FoundValue(index=v.index, type=v.type, data=v.text) for v in record.values],
            )
            for record in found.records
        ],
        total=found.total,
        after=found.after,
        behind=services.progress().behind,
    )
