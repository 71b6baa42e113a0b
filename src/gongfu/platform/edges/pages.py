"""Edge nodes, their rules and their orders in the console; pages of their own are listed at the end."""

from __future__ import annotations

from collections.abc import Sequence

from django import forms
from django.db import models
from django.http import HttpRequest
from django.urls import path
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import User
from gongfu.kernel.accounts.permissions import nobody
from gongfu.kernel.pages.resource import Column, Permissions, Resource, Section, Tab
from gongfu.network.edge.contract import JOIN_PATH
from gongfu.platform.edges import joining_pages, order_pages, rule_pages, ruling, services, tabs_of_edge
from gongfu.platform.edges.models import Edge, EdgeOrder, EdgeRule

_SHAPES = {"waiting": "starting", "online": "online", "offline": "offline", "suspended": "stopped"}
_OF_RULES = {"proposed": "uncertain", "active": "good", "declined": "bad", "stopped": "stale"}


def state_shape(edge: Edge) -> str:
    """Its state with the shape that stands for it."""
    return format_html('<span class="state state-{}">{}</span>', _SHAPES[edge.state], edge.get_state_display())


def _rule_state(rule: EdgeRule) -> str:
    shape = "bad" if rule.problem else _OF_RULES[rule.state]
    return format_html('<span class="state state-{}">{}</span>', shape, rule.get_state_display())


def _devices(edge: Edge) -> str:
    online = edge.device_states.get("online", 0)
    return f"{online} / {edge.reads}"  # type: ignore[attr-defined]  # counted by the query


def _lead(request: HttpRequest) -> str:
    found = services.overview(accounts.user_of(request))
    return ngettext(
        "%(online)d of %(total)d edge node online", "%(online)d of %(total)d edge nodes online", found.total
    ) % {
        "online": found.online,
        "total": found.total,
    }


class EdgeForm(forms.ModelForm[Edge]):
    """A code is proposed, and cannot be changed."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        if self.instance.pk:
            self.fields["code"].disabled = True
        elif self.instance.organisation_id and not self.initial.get("code"):
            self.initial["code"] = services.free_code(self.instance.organisation)


def _save_rule(rule: EdgeRule, user: User, new: bool) -> None:
    ruling.save(rule, user, new)


EDGES: Resource[Edge] = Resource(
    model=Edge,
    room="platform",
    slug="edges",
    icon="server-2",
    columns=[
        Column("name"),
        Column("state", template="edges/cells/state.html"),
        Column("devices", _("Devices online"), render=_devices, export=_devices),
        Column("backlog", template="edges/cells/backlog.html"),
        Column("last_seen_at", template="edges/cells/last_seen.html"),
        Column("version"),
        Column("place"),
        Column("organisation"),
        Column("code", shown=False),
        Column("platform", shown=False),
        Column("clock_offset", shown=False),
        Column("upgrade", shown=False),
        Column("joined_at", shown=False),
    ],
    search=["name", "code", "host"],
    filters=["state", "organisation"],
    ordering="name",
    queryset=services.visible,
    form=[
        Section(
            _("Edge node"),
            ["organisation", "name", "code", "place", "remark"],
            _("A small machine beside the devices. After saving you get the command with which it joins."),
        )
    ],
    form_class=EdgeForm,
    save=services.save,
    remove=services.remove,
    summary="edges/summary.html",
    detail=[
        *("name", "code", "organisation", "place", "remark", "state", "state_since", "joined_at", "last_seen_at"),
        *("host", "version", "platform", "started_at", "clock_offset", "disk_free"),
        *("backlog", "backlog_bytes", "backlog_since", "forwarded", "forwarding"),
        *("rules_version", "rules_seen", "rules_fired", "upgrade", "upgrade_detail", "generation"),
    ],
    tabs=[
        Tab("state", _("State"), "edges/state.html", tabs_of_edge.state),
        Tab("devices", _("Devices"), "edges/devices.html", tabs_of_edge.devices),
        Tab("rules", _("Local rules"), "edges/rules.html", tabs_of_edge.rules),
        Tab("orders", _("Operation"), "edges/orders.html", tabs_of_edge.orders),
    ],
    lead=_lead,
    empty=_(
        "An edge node is a small machine beside the devices: it reads them, keeps what it read while the network is"
        " cut, and carries out rules by itself. Add one here, then paste one command on that machine."
    ),
    live=5,
)

RULES: Resource[EdgeRule] = Resource(
    model=EdgeRule,
    room="platform",
    slug="edge-rules",
    icon="adjustments",
    columns=[
        Column("name"),
        Column("edge"),
        Column("said", _("When"), export=lambda rule: rule.said),
        Column("does", _("Sets"), export=lambda rule: rule.does),
        Column("state", render=_rule_state),
        Column("number", shown=False),
        Column("in_force_number"),
        Column("organisation", shown=False),
    ],
    search=["name", "tag__name", "tag__key", "tag__device__name", "tag__device__key"],
    filters=["edge", "state"],
    ordering="name",
    queryset=ruling.visible,
    form=[
        Section(_("Rule"), ["edge", "name"]),
        Section(_("When"), ["tag", "comparison", "limit", "seconds", "deadband"]),
        Section(
            _("Then"),
            ["text", "setpoint", "value", "value_after", "pause"],
            _("Only set-points can be set, within their limits. A second person must agree before that."),
        ),
    ],
    save=_save_rule,
    summary="edges/rule_summary.html",
    detail=[
        *(
            "name",
            "edge",
            "organisation",
            "state",
            "number",
            "in_force_number",
            "tag",
            "comparison",
            "limit",
            "deadband",
        ),
        *("seconds", "text", "setpoint", "value", "value_after", "pause", "proposed_by", "agreed_by", "agreed_at"),
        "problem",
    ],
    empty=_(
        "A local rule is carried out by the edge node itself, also while this node is away: when a tag crosses a limit"
        " it says so, or sets a set-point."
    ),
)

ORDERS: Resource[EdgeOrder] = Resource(
    model=EdgeOrder,
    room="platform",
    slug="edge-orders",
    icon="history",
    columns=[
        Column("created_at"),
        Column("edge"),
        Column("kind"),
        Column("detail"),
        Column("state"),
        Column("problem"),
        Column("created_by"),
        Column("organisation", shown=False),
    ],
    filters=["edge", "kind", "state"],
    ordering="-created_at",
    detail=["created_at", "edge", "kind", "detail", "state", "problem", "created_by", "organisation"],
    permissions=Permissions(add=nobody, change=nobody, delete=nobody),
    queryset=lambda user: EdgeOrder.objects.visible_to(user).select_related("edge", "created_by", "organisation"),
    empty=_("What people told edge nodes to do stands here: restarts, upgrades, looks at their logs."),
)

RESOURCES: Sequence[Resource[models.Model]] = (EDGES, RULES, ORDERS)  # type: ignore[assignment]

urlpatterns = [
    path(JOIN_PATH.lstrip("/"), joining_pages.knock, name="platform-edges-knock"),
    path("platform/edges/<int:pk>/join", joining_pages.join_page, name="platform-edges-join"),
    path("platform/edges/<int:pk>/joining", joining_pages.joining_part, name="platform-edges-joining"),
    path("platform/edges/<int:pk>/assign", order_pages.assign_page, name="platform-edges-assign"),
    path("platform/edges/<int:pk>/restart", order_pages.restart_page, name="platform-edges-restart"),
    path("platform/edges/<int:pk>/forward", order_pages.forward_page, name="platform-edges-forward"),
    path("platform/edges/<int:pk>/upgrade", order_pages.upgrade_page, name="platform-edges-upgrade"),
    path("platform/edges/<int:pk>/logs", order_pages.logs_part, name="platform-edges-logs"),
    path("platform/edge-rules/new", rule_pages.rule_page, name="platform-edge-rules-new"),
    path("platform/edge-rules/<int:pk>/edit", rule_pages.rule_page, name="platform-edge-rules-edit"),
]
