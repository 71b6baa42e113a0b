"""Set-points and commands in the console."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib import messages
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST
from rules.predicates import Predicate

from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import User
from gongfu.kernel.accounts.permissions import can_edit, can_operate, nobody
from gongfu.kernel.errors import Forbidden, NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.pages.resource import Column, Permissions, Resource, Section
from gongfu.platform.commands import services
from gongfu.platform.commands.models import Command, Setpoint
from gongfu.platform.commands.rules import State
from gongfu.platform.devices import services as devices
from gongfu.platform.devices.models import Tag


def _lead(request: HttpRequest) -> str:
    services.settle()
    user = accounts.user_of(request)
    waiting = Command.objects.visible_to(user).filter(state=State.PROPOSED.value).count()
    return ngettext("%(n)s command waits for a second person", "%(n)s commands wait for a second person", waiting) % {
        "n": waiting
    }


def _save_command(command: Command, user: User, new: bool) -> None:
    del new
    if command.setpoint_id is None or not Setpoint.objects.visible_to(user).filter(pk=command.setpoint_id).exists():
        raise NotFound(mark("There is no set-point {pk}."), pk=command.setpoint_id)
    setpoint = Setpoint.objects.get(pk=command.setpoint_id)
    _require(can_operate, user, setpoint)  # who sees the machines of an organisation below may not set them
    services.request(command)


def _save_setpoint(setpoint: Setpoint, user: User, new: bool) -> None:
    del new
    _require(can_edit, user, setpoint.tag)
    services.prepare(setpoint)


def _require(may: Predicate, user: User, thing: Setpoint | Tag) -> None:
    if not may.test(user, thing):
        raise Forbidden(mark("You may not change devices of {organisation}."), organisation=thing.organisation)


@require_POST
def from_model(request: HttpRequest, pk: int) -> HttpResponse:
    """Set-points of a device as its information model says."""
    user = accounts.user_of(request)
    device = devices.device_for(user, pk)
    if not can_edit.test(user, device):
        raise Forbidden(mark("You may not change devices of {organisation}."), organisation=device.organisation)
    made = services.from_model(user, device)
    said = ngettext("%(n)s set-point was added.", "%(n)s set-points were added.", made) % {"n": made}
    messages.success(request, said)
    return HttpResponseRedirect(f"/platform/devices/{device.pk}/?tab=control")


urlpatterns = [path("platform/devices/<int:pk>/set-points", from_model, name="platform-setpoints-from-model")]

SETPOINTS: Resource[Setpoint] = Resource(
    model=Setpoint,
    room="platform",
    slug="setpoints",
    icon="adjustments",
    columns=[
        Column("tag"),
        Column("device"),
        Column("range", _("Permitted range")),
        Column("largest_step", shown=False),
        Column("second_person"),
        Column("interlocks", shown=False),
        Column("organisation"),
    ],
    search=["tag__name", "tag__name_en", "tag__key", "device__name", "device__key"],
    filters=["device", "second_person"],
    ordering="device",
    form=[
        Section(_("Which tag"), ["tag", "address"], _("A tag without a set-point is never written to.")),
        Section(_("Within what"), ["low", "high", "largest_step", "interlocks"]),
        Section(_("Confirmation"), ["second_person", "within", "tolerance"]),
    ],
    permissions=Permissions(add=can_edit, change=can_edit, delete=can_edit),
    save=_save_setpoint,
    empty=_("Say which tags may be written, and within which limits; then operators can set them from here."),
)

COMMANDS: Resource[Command] = Resource(
    model=Command,
    room="platform",
    slug="commands",
    icon="adjustments",
    columns=[
        Column("tag_name"),
        Column("device"),
        Column("value"),
        Column("unit"),
        Column("state"),
        Column("reason"),
        Column("created_by"),
        Column("agreed_by", shown=False),
        Column("read_back", shown=False),
        Column("created_at"),
    ],
    search=["tag_name", "device__name", "device__key", "reason"],
    filters=["device", "state"],
    ordering="-created_at",
    form=[
        Section(
            _("Command"),
            ["setpoint", "value", "reason"],
            _("It is checked against limits and interlocks, written, and read back from the machine."),
        )
    ],
    detail=[
        "device",
        "tag_name",
        "value",
        "unit",
        "before",
        "read_back",
        "state",
        "problem",
        "reason",
        "organisation",
        "created_by",
        "agreed_by",
        "created_at",
        "valid_until",
        "sent_at",
        "settled_at",
    ],
    permissions=Permissions(add=can_operate, change=nobody, delete=nobody),
    save=_save_command,
    lead=_lead,
    empty=_("What was written to machines stands here for ever: by whom, why, and what the machine had afterwards."),
    live=5,
)

RESOURCES: Sequence[Resource[models.Model]] = (COMMANDS, SETPOINTS)  # type: ignore[assignment]
