"""Alarms, rules, outlets and the on-call list in the console."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from rules.predicates import Predicate

from gongfu.data.alarms import own_pages, sending, services
from gongfu.data.alarms.forms import DutyForm, OutletForm, RuleForm
from gongfu.data.alarms.models import Alarm, AlarmRule, Duty, Outlet, Shelf
from gongfu.data.alarms.own_pages import urlpatterns as urlpatterns
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import User
from gongfu.kernel.accounts.permissions import can_edit, can_operate, nobody
from gongfu.kernel.pages.resource import Action, Column, Filter, Permissions, Resource, Section, Tab

_OPEN = "open"


def _alarms(user: User) -> QuerySet[Alarm]:
    return Alarm.objects.visible_to(user).select_related("organisation", "device", "rule", "acked_by")


def _which(found: QuerySet[models.Model], values: list[str]) -> QuerySet[models.Model]:
    if "unacknowledged" in values:
        return found.filter(state__in=[Alarm.State.UNACKED, Alarm.State.RETURNED])
    return found.exclude(state=Alarm.State.NORMAL) if _OPEN in values else found


def _lead(request: HttpRequest) -> str | SafeString:
    user = accounts.user_of(request)
    found = Alarm.objects.visible_to(user)
    scope = accounts.active_organisation(request)
    if scope is not None:
        found = found.filter(organisation__path__startswith=scope.path)
    waiting = found.filter(state__in=[Alarm.State.UNACKED, Alarm.State.RETURNED]).count()
    active = found.annunciated().filter(active=True).count()
    if not waiting and not active:
        return gettext("No alarm is active, none waits for anybody.")
    first = ngettext("%(n)d alarm waits to be acknowledged", "%(n)d alarms wait to be acknowledged", waiting)
    second = ngettext("%(n)d is active", "%(n)d are active", active)
    return gettext("%(first)s, %(second)s.") % {"first": first % {"n": waiting}, "second": second % {"n": active}}


def _waits(_user: User, alarm: Alarm | None = None) -> bool:
    return alarm is None or alarm.state in (Alarm.State.UNACKED, Alarm.State.RETURNED)


def _latched(_user: User, alarm: Alarm | None = None) -> bool:
    return alarm is None or alarm.state == Alarm.State.LATCHED


_may_acknowledge = can_operate & Predicate(_waits, name="alarm_waits")
_may_reset = can_operate & Predicate(_latched, name="alarm_is_latched")


def _acknowledge(user: User, alarm: Alarm) -> None:
    services.acknowledge(user, alarm)


def _reset(user: User, alarm: Alarm) -> None:
    services.reset(user, alarm)


ALARMS: Resource[Alarm] = Resource(
    model=Alarm,
    room="data",
    slug="alarms",
    icon="alarm",
    columns=[
        Column("priority", template="alarms/cells/priority.html"),
        Column("name", render=str),
        Column("device"),
        Column("state", template="alarms/cells/state.html"),
        Column("value", render=lambda one: "" if one.value is None else f"{one.value:.6g}"),
        Column("raised_at"),
        Column("cleared_at", shown=False),
        Column("acked_by", shown=False),
        Column("comment"),
        Column("organisation", shown=False),
    ],
    search=["name", "name_en", "device__name", "device__name_en", "device__key"],
    filters=[
        Filter(
            "which",
            _("Which"),
            _which,
            lambda _user: [(_OPEN, _("Not over yet")), ("unacknowledged", _("Waiting to be acknowledged"))],
        ),
        "priority",
        "state",
        "late",
        "rule",
        "device",
        "organisation",
    ],
    queryset=_alarms,
    ordering="-raised_at",
    tabs=[Tab("handling", _("Handling"), "alarms/handling_tab.html", own_pages.handling)],
    actions=[
        Action("acknowledge", _("Acknowledge"), _acknowledge, _may_acknowledge, icon="check", audit=False),
        Action("reset", _("Reset"), _reset, _may_reset, icon="refresh", audit=False),
    ],
    permissions=Permissions(add=nobody, change=nobody, delete=nobody),
    summary="alarms/summary.html",
    lead=_lead,
    live=3,
    empty=_(
        "An alarm is something that somebody must do something about now. Rules say when there is one: take those of"
        " an information model with one click, or write your own."
    ),
)


def _save_rule(rule: AlarmRule, user: User, new: bool) -> None:
    del user, new
    services.prepare(rule)


def _into_service(user: User, rule: AlarmRule) -> None:
    services.set_service(user, rule, True)


def _out_of_service(user: User, rule: AlarmRule) -> None:
    services.set_service(user, rule, False)


def _rules_tab(request: HttpRequest, rule: AlarmRule) -> Mapping[str, object]:
    del request
    return {"recent": rule.alarms.select_related("device").order_by("-raised_at")[:50]}


RULES: Resource[AlarmRule] = Resource(
    model=AlarmRule,
    room="data",
    slug="alarm-rules",
    icon="adjustments",
    columns=[
        Column("name", render=str),
        Column("priority", template="alarms/cells/priority.html"),
        Column("kind"),
        Column("tag"),
        Column("limit", template="alarms/cells/limit.html"),
        Column("device"),
        Column("type"),
        Column("in_service"),
        Column("organisation", shown=False),
    ],
    search=["name", "name_en", "tag", "type"],
    filters=["priority", "kind", "in_service", "device", "organisation"],
    ordering="priority",
    form=[
        Section(_("What"), ["name", "name_en", "priority", "organisation", "remedy", "remedy_en"]),
        Section(
            _("Where"),
            ["device", "type", "tag"],
            _("One device, or every device of an information model. A tag is named by its key."),
        ),
        Section(
            _("When"),
            [
                *("kind", "limit", "text", "negated", "direction", "setpoint", "other", "window", "formula"),
                *("deadband", "on_delay", "off_delay"),
            ],
            _(
                "Dead-band and delays keep a value that trembles at its limit from raising the same alarm again"
                " and again."
            ),
        ),
        Section(
            _("Suppression and life"),
            ["gate_tag", "gate_operator", "gate_value", "latching", "group", "in_service"],
            _("For example only while the machine runs: state = 1."),
        ),
    ],
    form_class=RuleForm,
    form_extra="alarms/try.html",
    save=_save_rule,
    actions=[
        Action("into-service", _("Put into service"), _into_service, audit=False),
        Action("out-of-service", _("Take out of service"), _out_of_service, audit=False),
    ],
    tabs=[Tab("recent", _("Alarms"), "alarms/recent_tab.html", _rules_tab)],
    detail=[
        *("name", "name_en", "priority", "device", "type", "tag", "kind", "limit", "text", "negated", "setpoint"),
        *("other", "direction", "deadband", "on_delay", "off_delay", "window", "formula", "gate_tag"),
        *("gate_operator", "gate_value", "latching", "group", "remedy", "remedy_en", "in_service", "organisation"),
    ],
    empty=_("No rule yet. The quickest way: “Alarms of a model” takes the limits of an information model."),
)


def _end_shelf(user: User, shelf: Shelf) -> None:
    services.unshelve(shelf, user)


SHELVES: Resource[Shelf] = Resource(
    model=Shelf,
    room="data",
    slug="shelves",
    icon="clock",
    columns=[
        Column("rule"),
        Column("device"),
        Column("until"),
        Column("why"),
        Column("created_by", _("By")),
        Column("organisation", shown=False),
    ],
    filters=["organisation"],
    ordering="until",
    actions=[Action("unshelve", _("End shelving"), _end_shelf, can_operate, audit=False)],
    permissions=Permissions(add=nobody, change=nobody, delete=nobody),
    empty=_("Nothing is shelved. An operator shelves an alarm on its page, for a time and with a reason."),
)


def _test(user: User, outlet: Outlet) -> str:
    return sending.test(user, outlet)


OUTLETS: Resource[Outlet] = Resource(
    model=Outlet,
    room="data",
    slug="outlets",
    icon="router",
    columns=[
        Column("name"),
        Column("kind"),
        Column("enabled"),
        Column("delivered_at"),
        Column("problem", template="alarms/cells/problem.html"),
        Column("organisation", shown=False),
    ],
    search=["name"],
    filters=["kind", "enabled", "organisation"],
    form=[
        Section(_("Where to"), ["name", "kind", "organisation", "address", "new_token", "new_secret"]),
        Section(_("Way of telling"), ["language", "per_minute", "enabled"]),
    ],
    form_class=OutletForm,
    detail=["name", "kind", "address", "language", "per_minute", "enabled", "delivered_at", "organisation"],
    actions=[Action("test", _("Send a test message"), _test, audit=False)],
    permissions=Permissions(view=can_edit),
    api=False,
    empty=_(
        "Nobody is told of alarms yet. Add a mailbox or the robot of a group chat, then a line of the on-call list."
    ),
)

DUTIES: Resource[Duty] = Resource(
    model=Duty,
    room="data",
    slug="duties",
    icon="users",
    columns=[
        Column("name"),
        Column("outlet"),
        Column("lowest"),
        Column("after"),
        Column("weekdays"),
        Column("begins"),
        Column("ends"),
        Column("organisation", shown=False),
    ],
    filters=["outlet", "organisation"],
    ordering="after",
    form=[
        Section(_("Who is told"), ["name", "organisation", "outlet"]),
        Section(
            _("When"),
            ["lowest", "after", "weekdays", "begins", "ends"],
            _("A line with minutes is an escalation: it is told when nobody has acknowledged by then."),
        ),
    ],
    form_class=DutyForm,
    empty=_("Lines say which alarms are told where: at once, or when nobody acknowledged them for some minutes."),
)

RESOURCES: Sequence[Resource[models.Model]] = (ALARMS, RULES, SHELVES, OUTLETS, DUTIES)  # type: ignore[assignment]
