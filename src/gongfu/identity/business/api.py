"""Business management for programs, beyond what every resource has: templates as JSON, registration with one."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

import msgspec
from django.http import HttpRequest
from ninja import Body, Query, Router, Status
from pydantic import BaseModel, Field

from gongfu.identity.business import clock, reports, services
from gongfu.identity.business.models import Template
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.pages.api import FAILURES
from gongfu.kernel.pages.schemas import Wire

router = Router()
Text = Annotated[str, Field(max_length=300)]


class TemplateOut(BaseModel):
    """A template version; ``template`` is the JSON that export and import use."""

    reference: str
    state: str
    organisation: str
    template: dict[str, Any]


class NewByTemplate(Wire):
    """What registering with a template takes."""

    handle: Text
    template: Annotated[str, Field(max_length=150, description="Reference, as operator/machinery@1")]
    fields: dict[str, Annotated[str, Field(max_length=10_000)]]


class Registered(BaseModel):
    """What was registered."""

    handle: str
    template: str
    registered: dt.datetime


class ReportAsked(BaseModel):
    """Which report."""

    by: Text = ""
    first: Annotated[Text, Field(description="First day")] = ""
    last: Annotated[Text, Field(description="Last day")] = ""
    prefix: Text = ""


class ReportRow(BaseModel):
    """One row of a report."""

    key: str
    label: str
    registrations: int
    resolutions: int
    identifiers: int | None


@router.get(
    "/template/{path:reference}", response={200: TemplateOut} | FAILURES, operation_id="identity_template_by_reference"
)
def get_template(request: HttpRequest, reference: str) -> TemplateOut:
    """The template version that an identifier names."""
    return template_out(services.template(accounts.user_of(request), reference))


@router.post(
    "/identifiers-by-template", response={201: Registered} | FAILURES, operation_id="identity_register_by_template"
)
def register(request: HttpRequest, data: Body[NewByTemplate]) -> Status[Registered]:
    """Register an identifier that follows a template; ``values.fields`` of a refusal names every wrong field."""
    record = services.register(accounts.user_of(request), data.handle, data.template, data.fields)
    made = Registered(
        handle=str(record.handle),
        template=data.template,
        registered=dt.datetime.fromtimestamp(record.registered, dt.UTC),
    )
    return Status(201, made)


@router.get("/report", response={200: list[ReportRow]} | FAILURES, operation_id="identity_report")
def report(request: HttpRequest, asked: Query[ReportAsked]) -> list[ReportRow]:
    """Registrations and resolutions by hour, day, month, enterprise, industry or region."""
    given = {"by": asked.by, "from": asked.first, "to": asked.last, "prefix": asked.prefix}
    rows = reports.report(accounts.user_of(request), reports.parse(given, clock.today()))
    return [ReportRow(**msgspec.to_builtins(row)) for row in rows]


def template_out(template: Template) -> TemplateOut:
    """``template`` as programs read it."""
    return TemplateOut(
        reference=template.reference,
        state=template.state,
        organisation=template.organisation.code,
        template=msgspec.to_builtins(template.spec),
    )
