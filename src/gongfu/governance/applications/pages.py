"""Applications in the console: the list with its export; every other page stands in a file of its own."""

from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.utils.translation import gettext_lazy as _

from gongfu.governance.applications import desk_pages, form_pages, notice_pages, paper_pages, public_pages, story_pages
from gongfu.governance.applications.models import Application
from gongfu.governance.applications.templatetags.applications import until
from gongfu.kernel.accounts.models import User
from gongfu.kernel.accounts.permissions import everyone, nobody
from gongfu.kernel.pages.resource import Column, Permissions, Resource


def _yuan(amount: Decimal | None) -> str:
    """¥240,000.00; a dash for nothing decided."""
    return "–" if amount is None else f"¥{amount:,.2f}"


def _applications(user: User) -> models.QuerySet[Application]:
    found: models.QuerySet[Application] = Application.objects.visible_to(user)
    return found.select_related("notice__organisation", "organisation", "assignee")


APPLICATIONS: Resource[Application] = Resource(
    model=Application,
    room="governance",
    slug="applications",
    icon="clipboard-list",
    columns=[
        Column("number", render=lambda one: one.number or "–"),
        Column("name"),
        Column("matter"),
        Column("clause"),
        Column("state", render=lambda one: one.stage_name),
        Column("deadline", render=lambda one: until(one.deadline)),
        Column("submitted_at"),
        Column("basis", shown=False, render=lambda one: _yuan(one.basis)),
        Column("proposed", shown=False, render=lambda one: _yuan(one.proposed)),
        Column("approved", render=lambda one: _yuan(one.approved)),
        Column("assignee", shown=False),
        Column("credit_code", shown=False),
        Column("office", _("Office"), shown=False),
        Column("notice", shown=False),
    ],
    search=["number", "name", "credit_code", "matter"],
    filters=["state", "notice", "clause", "organisation"],
    queryset=_applications,
    owner_path="",
    ordering="-submitted_at",
    detail=["number", "name", "credit_code", "matter", "clause", "year", "basis", "state", "approved", "submitted_at"],
    permissions=Permissions(view=everyone, add=nobody, change=nobody, delete=nobody),
    empty=_("Applications stand here with their stage and deadline. Begin one from a notice that is open."),
)
RESOURCES = (APPLICATIONS,)
urlpatterns = [
    *notice_pages.urlpatterns,
    *form_pages.urlpatterns,
    *story_pages.urlpatterns,
    *desk_pages.urlpatterns,
    *public_pages.urlpatterns,
    *paper_pages.urlpatterns,
]
