"""The form of a local rule: only tags and set-points of the edge node's own devices can be picked."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from django import forms
from django.contrib import messages
from django.db import models, transaction
from django.forms.models import ModelChoiceField
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import User
from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Conflict, Forbidden, GongfuError, NotFound
from gongfu.kernel.i18n import mark
from gongfu.platform.commands.models import Setpoint
from gongfu.platform.devices.models import Tag
from gongfu.platform.edges import ruling, services
from gongfu.platform.edges.models import Edge, EdgeRule

M = TypeVar("M", bound=models.Model)


class _OfDevice(ModelChoiceField[M]):
    """Choices that say whose they are."""

    def label_from_instance(self, obj: M) -> str:
        if isinstance(obj, Tag):
            return f"{obj.device} · {obj} {f'({obj.unit})' if obj.unit else ''}".strip()
        if isinstance(obj, Setpoint):
            unit = f" {obj.tag.unit}" if obj.tag.unit else ""
            return f"{obj} {f'({obj.range}{unit})' if obj.range else ''}".strip()
        return str(obj)


class RuleForm(forms.ModelForm[EdgeRule]):
    """Everything but the edge node, which the address names."""

    tag = _OfDevice(queryset=Tag.objects.none())
    setpoint = _OfDevice(queryset=Setpoint.objects.none(), required=False)

    class Meta:
        model = EdgeRule
        fields: ClassVar[list[str]] = [
            *("name", "tag", "comparison", "limit", "seconds", "deadband"),
            *("text", "setpoint", "value", "value_after", "pause"),
        ]

    def __init__(self, *args: object, edge: Edge, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        devices = {"device__organisation": edge.organisation_id, "device__gateway": edge.code}
        for name, queryset in (
            ("tag", Tag.objects.filter(**devices).filter(kind__in=Tag.NUMERIC).select_related("device")),
            ("setpoint", Setpoint.objects.filter(**devices).select_related("tag__device", "device")),
        ):
            field = self.fields[name]
            assert isinstance(field, ModelChoiceField)
            field.queryset = queryset.order_by("device__key", "pk")
            field.label = EdgeRule._meta.get_field(name).verbose_name  # type: ignore[union-attr]
        self.fields["setpoint"].help_text = _("Empty: it only says so.")
        for field in self.fields.values():
            field.widget.attrs["class"] = "form-select" if isinstance(field.widget, forms.Select) else "form-control"


@require_http_methods(["GET", "POST"])
def rule_page(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """Write a rule, or change it. What was entered stays when something is wrong."""
    user = accounts.user_of(request)
    rule = _rule(user, pk) if pk is not None else None
    edge = rule.edge if rule is not None else _chosen(request, user)
    if edge is None:
        found = [one for one in services.visible(user) if can_edit.test(user, one)]
        return render(request, "edges/rule_edge.html", {"edges": found})
    if not can_edit.test(user, edge):
        raise Forbidden(
            mark("You may not write rules for {edge}."),
            remedy=mark("Ask an administrator of the organisation for the role it needs."),
            edge=edge,
        )
    thing = rule if rule is not None else EdgeRule(edge=edge, organisation=edge.organisation)
    before, number = None if rule is None else audit.state(rule), thing.number
    form = RuleForm(request.POST if request.method == "POST" else None, instance=thing, edge=edge)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                _store(request, user, thing, before, number)
            except GongfuError as error:
                form.add_error(None, error.text(get_language()))
            else:
                return HttpResponseRedirect(f"/platform/edge-rules/{thing.pk}/")
    context = {"form": form, "edge": edge, "object": rule, "number": number if rule is not None else 0}
    return render(request, "edges/rule.html", context, status=status)


def _store(request: HttpRequest, user: User, rule: EdgeRule, before: audit.State | None, number: int) -> None:
    expected = request.POST.get("expected", "")
    if before is not None and expected.isascii() and expected.isdigit() and expected != str(number):
        raise Conflict(
            mark("Somebody else changed {rule} meanwhile."), remedy=mark("Load the page again."), rule=rule.name
        )
    with transaction.atomic():
        if before is None:
            rule.created_by = user
        ruling.save(rule, user, before is None)
        action = "create" if before is None else "change"
        audit.record(user, action, rule, before=before, after=audit.state(rule), request=request)
    if rule.state == EdgeRule.State.PROPOSED:
        messages.info(request, _("Proposed: it takes effect when a second person agrees."))
    else:
        messages.success(request, _("%(thing)s was saved.") % {"thing": rule})


def _rule(user: User, pk: int) -> EdgeRule:
    found = ruling.visible(user).filter(pk=pk).first()
    if found is None:
        raise NotFound(mark("There is no rule {pk}."), pk=pk)
    return found


def _chosen(request: HttpRequest, user: User) -> Edge | None:
    text = request.GET.get("edge", "")
    return services.edge_for(user, int(text)) if text.isascii() and text.isdigit() and len(text) < 19 else None
