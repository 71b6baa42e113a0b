"""Filings in the console: mine upward, those from below, and each as a story."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import models
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from rules.predicates import Predicate

from gongfu.identity.filing import services, wire
from gongfu.identity.filing.models import Filing, FilingMessage
from gongfu.identity.filing.rules import OPEN
from gongfu.identity.filing.workflow import Direction, files
from gongfu.identity.registry.models import Prefix
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.permissions import is_platform_admin
from gongfu.kernel.pages.resource import Column, Permissions, Resource, Section, Tab, Text

_EDITABLE = (Filing.State.DRAFT, Filing.State.RETURNED, Filing.State.ACCEPTED)
_FIELDS: dict[str, Text] = {
    "prefix": _("Prefix"),
    "code": _("Organisation code"),
    "level": _("Level"),
    "state": _("State"),
    "organisation": _("Enterprise"),
    "organisation_en": _("English name"),
    "kind": _("Kind"),
    "credit_code": _("Unified social credit code"),
    "resolver": _("Resolver"),
    "registered": _("Identifiers"),
    "prefixes": _("Prefixes"),
    "contact": _("Contact"),
    "phone": _("Telephone"),
    "remark": _("Remark"),
}

_CODES: dict[str, dict[str, Text]] = {
    "level": dict(Prefix.Kind.choices),
    "state": dict(Prefix.State.choices),
    "kind": dict(Organisation.Kind.choices),
}


def _edits(user: User, thing: object = None) -> bool:
    return files.test(user, thing) and (thing is None or getattr(thing, "state", "") in _EDITABLE)


def _drops(user: User, thing: object = None) -> bool:
    return files.test(user, thing) and (thing is None or getattr(thing, "state", "") == Filing.State.DRAFT)


def _lead(request: HttpRequest) -> str:
    user = accounts.user_of(request)
    mine = Filing.objects.visible_to(user)
    review = mine.filter(direction=Direction.DOWN, state__in=[state.value for state in OPEN]).count()
    text = ngettext("%(n)s filing waits for review", "%(n)s filings wait for review", review) % {"n": review}
    queued = services.waiting()
    if queued:
        text += " · " + ngettext("%(n)s message on its way", "%(n)s messages on their way", queued) % {"n": queued}
    if not is_platform_admin.test(user):
        return text
    links = (("identity-peers", _("Nodes above and below")), ("identity-peers-pair", _("Pair nodes")))
    return format_html(
        "{}{}", text, format_html_join("", ' · <a href="{}">{}</a>', [(reverse(n), t) for n, t in links])
    )


def facts(subject: wire.Subject | None, before: wire.Subject | None = None) -> list[tuple[Text, object, object]]:
    """Name, value and, where it differs, the value of the version before."""
    if subject is None:
        return []
    shown = []
    for name in subject.__struct_fields__:
        value, old = _plain(name, getattr(subject, name)), _plain(name, getattr(before, name, ""))
        if value or (before is not None and old):
            shown.append((_FIELDS[name], value, old if before is not None and old != value else None))
    return shown


def _plain(name: str, value: object) -> object:
    """A code of the wire in the reader's words, a list as a line."""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return _CODES.get(name, {}).get(str(value), value)


def _story(_request: HttpRequest, filing: Filing) -> dict[str, object]:
    told = list(filing.messages.select_related("peer"))
    contents = [found for message in told if (found := message.message.subject) is not None]
    previous = contents[-2] if len(contents) > 1 else None
    return {
        "facts": facts(filing.subject, previous),
        "told": [(message, message.message) for message in told],
        "waiting": [message for message in told if message.state == FilingMessage.State.QUEUED],
    }


FILINGS: Resource[Filing] = Resource(
    model=Filing,
    room="identity",
    slug="filings",
    icon="file-export",
    columns=[
        Column("name"),
        Column("about"),
        Column("direction"),
        Column("state"),
        Column("number"),
        Column("peer"),
        Column("organisation"),
        Column("version", shown=False),
        Column("updated_at"),
    ],
    search=["name", "number", "contact"],
    filters=["direction", "state", "about", "peer"],
    ordering="-updated_at",
    form=[
        Section(
            _("Subject"),
            ["peer", "organisation", "prefix"],
            _("A draft stays here until it is submitted; what is sent then is what this node knows at that moment."),
        ),
        Section(_("Contact"), ["contact", "phone", "remark"]),
    ],
    detail=[
        "name",
        "about",
        "direction",
        "peer",
        "organisation",
        "state",
        "number",
        "version",
        "reason",
        "contact",
        "phone",
        "remark",
        "created_at",
        "updated_at",
    ],
    permissions=Permissions(
        add=is_platform_admin, change=Predicate(_edits, name="edits"), delete=Predicate(_drops, name="drops")
    ),
    save=lambda filing, _user, _new: services.prepare(filing),
    tabs=[Tab("story", _("Story"), "filing/story.html", context=_story)],
    summary="filing/summary.html",
    lead=_lead,
    empty=_(
        "A node files its prefixes and enterprises with the node above, which gives each a number. Pair them first."
    ),
)

RESOURCES: Sequence[Resource[models.Model]] = (FILINGS,)  # type: ignore[assignment]
