"""Labels for programs."""

from __future__ import annotations

import io
from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Body, Router, Status
from pydantic import BaseModel, Field

from gongfu.identity.carriers import services, tasks
from gongfu.identity.carriers.labels import DIRECT, MOST, Content, Symbol
from gongfu.identity.carriers.layouts import layout
from gongfu.identity.carriers.services import Order
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.pages.api import FAILURES
from gongfu.kernel.pages.schemas import Wire

router = Router()


class LabelOrder(Wire):
    """What to print: ``handles`` one by one, or all under ``prefix`` whose suffix starts with ``q``."""

    layout: Annotated[str, Field(max_length=40)] = "a4-70x37"
    symbol: Symbol = Symbol.QR
    content: Content = Content.PAGE
    first: Annotated[int, Field(ge=0, le=99)] = 0
    handles: Annotated[list[Annotated[str, Field(max_length=300)]], Field(max_length=MOST)] = []
    prefix: Annotated[str, Field(max_length=64)] = ""
    q: Annotated[str, Field(max_length=255)] = ""


class LabelJob(BaseModel):
    """The job that makes the file; see ``/api/v1/tasks/jobs/{job}``."""

    job: int
    labels: int


@router.post(
    "/labels",
    response={202: LabelJob} | FAILURES,
    operation_id="identity_labels_print",
    openapi_extra={
        "responses": {
            200: {"description": "The labels", "content": {"application/pdf": {"schema": {"type": "string"}}}}
        }
    },
)
def print_labels(request: HttpRequest, data: Body[LabelOrder]) -> HttpResponse | Status[LabelJob]:
    """Up to a hundred labels come as a PDF at once; more are a job (202), up to 5,000."""
    user = accounts.user_of(request)
    order = Order(layout(data.layout), data.symbol, data.content, data.first, data.handles, data.prefix, data.q)
    if not (order.handles or order.prefix or order.search):
        services.require_printable(0)
    number = services.count(user, order)
    services.require_printable(number)
    if number > DIRECT:
        return Status(202, LabelJob(job=tasks.start(user, order, None), labels=number))
    file = io.BytesIO()
    services.write(user, order, file)
    return HttpResponse(file.getvalue(), content_type="application/pdf")
