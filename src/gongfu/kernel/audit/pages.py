"""The audit log in the console and the API: read only."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from gongfu.kernel.accounts.permissions import everyone, nobody
from gongfu.kernel.audit.models import AuditEntry
from gongfu.kernel.pages.resource import Column, Permissions, Resource, Tab

ENTRIES: Resource[AuditEntry] = Resource(
    model=AuditEntry,
    room="audit",
    slug="entries",
    icon="history",
    columns=[
        Column("sequence"),
        Column("time"),
        Column("actor"),
        Column("action", render=lambda entry: entry.action_text),
        Column("object_label"),
        Column("object_type", shown=False),
        Column("organisation"),
        Column("address", shown=False),
        Column("request_id", shown=False),
    ],
    search=["object_label", "actor", "request_id"],
    filters=["time", "actor", "action", "organisation", "object_type"],
    tabs=[Tab("difference", _("What changed"), "audit/difference.html", may=everyone)],
    # The manager's visible_to already asks for the role; entries of no organisation are the platform's own.
    permissions=Permissions(view=everyone, add=nobody, change=nobody, delete=nobody),
    empty=_("Whatever people change is written down here and cannot be changed afterwards."),
)
RESOURCES = [ENTRIES]
