"""Versions and proposals in the console: what differs, the way back, the second person's word."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _
from rules.predicates import Predicate

from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import User
from gongfu.kernel.accounts.permissions import can_administer, can_edit, nobody
from gongfu.kernel.i18n import translate
from gongfu.kernel.pages.resource import Action, Column, Permissions, Resource, Section, Tab
from gongfu.platform.devices import applying, versions
from gongfu.platform.devices.document import LABELS, Change
from gongfu.platform.devices.models import Approval, Device, Version

_SHOWN = 100


def _may_go_back(user: User, thing: object = None) -> bool:
    if not can_edit.test(user, thing):
        return False
    if not isinstance(thing, Version):
        return False  # one at a time
    return (
        thing.state == Version.State.APPLIED
        and thing.device is not None
        and thing.number != versions.current_number(thing.device)
    )


def lines(changes: list[Change]) -> list[tuple[str, str, str, str]]:
    """Tag, field in the reader's language, before, after."""
    return [(change.tag, label(change), change.before, change.after) for change in changes]


def label(change: Change) -> str:
    """What the field is called."""
    if not change.field:
        return gettext("new tag") if not change.before else gettext("removed")
    name, _dot, option = change.field.partition(".")
    known = translate(LABELS[name]) if name in LABELS else name
    return f"{known}: {option}" if option else known


def _difference(request: HttpRequest, version: Version) -> dict[str, object]:
    against = versions.before(version)
    wanted = request.GET.get("against", "")
    others = Version.objects.none()
    if version.device_id is not None:
        others = Version.objects.filter(device=version.device_id, state=Version.State.APPLIED).exclude(pk=version.pk)
        if wanted.isascii() and wanted.isdigit() and len(wanted) < 10:
            against = others.filter(number=int(wanted)).first() or against
    return {
        "lines": lines(versions.changes(version, against)),
        "against": against,
        "others": others.order_by("-number")[:_SHOWN],
        "language": get_language(),
    }


def of_device(request: HttpRequest, device: Device) -> dict[str, object]:
    """The past of a device, for a tab of its page."""
    user = accounts.user_of(request)
    found = list(Version.objects.visible_to(user).filter(device=device).order_by("-pk")[:_SHOWN])
    return {
        "versions": found,
        "current": versions.current_number(device),
        "waiting": sum(version.state == Version.State.PROPOSED for version in found),
    }


def _then(work: Callable[[User, Version], object]) -> Callable[[User, Version], None]:
    def perform(user: User, version: Version) -> None:
        work(user, version)
        version.refresh_from_db()

    return perform


VERSIONS: Resource[Version] = Resource(
    model=Version,
    room="platform",
    slug="configurations",
    icon="history",
    columns=[
        Column("key"),
        Column("number"),
        Column("state"),
        Column("actor"),
        Column("created_at"),
        Column("why"),
        Column("decided_by", shown=False),
        Column("organisation", shown=False),
    ],
    search=["key", "why", "actor"],
    filters=["state", "device", "organisation", "created_at"],
    ordering="-created_at",
    queryset=lambda user: Version.objects.visible_to(user).select_related("device", "organisation"),
    permissions=Permissions(add=nobody, change=nobody, delete=nobody),
    actions=[
        Action("approve", _("Approve"), _then(applying.approve), may=versions.may_decide, icon="check"),
        Action("turn-down", _("Turn down"), _then(applying.turn_down), may=versions.may_decide, icon="x"),
        Action(
            "roll-back",
            _("Roll back to this version"),
            _then(applying.roll_back),
            may=Predicate(_may_go_back, name="may_go_back"),
            icon="arrow-back-up",
        ),
    ],
    detail=[
        "key",
        "device",
        "number",
        "state",
        "actor",
        "created_at",
        "why",
        "decided_by",
        "decided_at",
        "organisation",
        "document",
    ],
    tabs=[Tab("difference", _("Difference"), "devices/difference.html", _difference)],
    empty=_("Every change of a device's configuration is kept here, with who, when and why."),
)

APPROVALS: Resource[Approval] = Resource(
    model=Approval,
    room="platform",
    slug="approvals",
    icon="user-check",
    columns=[Column("organisation"), Column("created_by"), Column("created_at")],
    filters=["organisation"],
    form=[
        Section(
            _("Organisation"),
            ["organisation"],
            _("Here changes of devices become proposals, which a second person with the right to edit agrees to."),
        )
    ],
    permissions=Permissions(add=can_administer, change=can_administer, delete=can_administer),
    ordering="-created_at",
    empty=_("Changes of devices take effect at once. Name an organisation here to have a second person agree."),
)
