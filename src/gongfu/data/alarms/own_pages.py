"""Pages of alarms that are not generic: handling one, figures, rules of a model, trying a rule on history."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import msgspec
from django.contrib import messages
from django.forms import modelform_factory
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import get_language, ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from gongfu.data.alarms import figures, history, making, running, services
from gongfu.data.alarms.forms import RuleForm
from gongfu.data.alarms.models import Alarm, AlarmRule
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation
from gongfu.kernel.accounts.permissions import can_edit, can_operate
from gongfu.kernel.errors import Forbidden, GongfuError, Invalid, NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.tasks.models import Job
from gongfu.network.models import library
from gongfu.platform.devices.models import Device

SHELF_MINUTES = (15, 60, 240, 480, 1440)
HOURS = (8, 24, 168, 720)
DAYS = (1, 7, 30)


def handling(request: HttpRequest, alarm: Alarm) -> Mapping[str, object]:
    """What an operator sees and does."""
    english = (get_language() or "").startswith("en")
    rule = alarm.rule
    remedy = ((rule.remedy_en if english else "") or rule.remedy) if rule else ""
    return {
        "remedy": remedy,
        "may": can_operate.test(accounts.user_of(request), alarm),
        "may_ack": alarm.state in (Alarm.State.UNACKED, Alarm.State.RETURNED),
        "may_reset": alarm.state == Alarm.State.LATCHED,
        "may_shelve": rule is not None and alarm.state != Alarm.State.SHELVED,
        "minutes": SHELF_MINUTES,
        "notes": alarm.notes.select_related("created_by"),
        "others": Alarm.objects.filter(rule=rule, device=alarm.device).exclude(pk=alarm.pk)[:10] if rule else [],
        "limits": limits_json([rule]) if rule else "",
    }


def limits_json(rules: list[AlarmRule]) -> str:
    """Lines of a chart: ``[[value, name], …]`` for the attribute ``limits`` of ``<live-chart>``."""
    names = {"hihi": "HH", "high": "H", "low": "L", "lolo": "LL"}
    return msgspec.json.encode([[rule.limit, names[rule.kind]] for rule in rules if rule.kind in names]).decode()


@require_POST
def handle(request: HttpRequest, pk: int, what: str) -> HttpResponse:
    """Acknowledge, reset, shelve or note, from the page of an alarm."""
    user = accounts.user_of(request)
    alarm = (
        Alarm.objects.visible_to(user)
        .select_related("organisation", "rule__organisation", "device")
        .filter(pk=pk)
        .first()
    )
    if alarm is None:
        raise NotFound(mark("There is no alarm {pk}."), pk=pk)
    text = request.POST.get("text", "").replace("\0", "")
    try:
        if what == "acknowledge":
            services.acknowledge(user, alarm, text)
        elif what == "reset":
            services.reset(user, alarm)
        elif what == "shelve" and alarm.rule is not None:
            services.shelve(user, alarm.rule, alarm.device, _minutes(request.POST.get("minutes", "")), text)
        elif what == "note":
            services.note(user, alarm, text)
        else:
            raise NotFound(mark("There is no action {name}."), name=what[:20])
    except GongfuError as error:
        if error.http_status in (403, 404):
            raise
        messages.error(request, error.text(get_language()))
    return HttpResponseRedirect(f"/data/alarms/{alarm.pk}/")


def _minutes(text: str) -> float:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0.0


@require_GET
def figures_page(request: HttpRequest) -> HttpResponse:
    """How well the alarm system works."""
    user = accounts.user_of(request)
    scope = accounts.active_organisation(request)
    found = Alarm.objects.visible_to(user)
    if scope is not None:
        found = found.filter(organisation__path__startswith=scope.path)
    hours = _chosen(request.GET.get("hours", ""), HOURS, 24)
    operators = _chosen(request.GET.get("operators", ""), tuple(range(1, 100)), 1)
    context = {
        "figures": figures.figures(found, hours, operators),
        "hours": hours,
        "choices": HOURS,
        "operators": operators,
        "names": dict(Alarm._meta.get_field("priority").flatchoices),
    }
    return render(request, "alarms/figures.html", context)


def _chosen(text: str, known: tuple[int, ...], default: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 5 and int(text) in known else default


@require_http_methods(["GET", "POST"])
def from_model_page(request: HttpRequest) -> HttpResponse:
    """One click: the alarms of an information model, for every device of it."""
    user = accounts.user_of(request)
    owners = [one for one in Organisation.objects.visible_to(user) if can_edit.test(user, one)]
    if not owners:
        raise Forbidden(mark("You may not change alarm rules."), remedy=mark("Ask an administrator."))
    active = accounts.active_organisation(request)
    owner = next((one for one in owners if str(one.pk) == request.POST.get("organisation")), None)
    if request.method == "POST":
        if owner is None:
            raise NotFound(mark("There is no organisation {id}."), id=request.POST.get("organisation", "")[:20])
        made = making.from_model(user, owner, request.POST.get("type", "")[:64])
        said = ngettext("%(n)d alarm rule was added.", "%(n)d alarm rules were added.", len(made)) % {"n": len(made)}
        messages.success(request, said)
        device = request.POST.get("device", "")
        if device.isascii() and device.isdigit() and len(device) < 19:
            return HttpResponseRedirect(f"/platform/devices/{int(device)}/?tab=alarms")
        return HttpResponseRedirect(reverse("data-alarm-rules"))
    shown = [active] if active in owners else owners
    used = Device.objects.visible_to(user).filter(organisation__in=shown).values_list("type", "organisation").distinct()
    owners_of: dict[str, set[int]] = {}
    for type_id, pk in used:
        owners_of.setdefault(type_id, set()).add(pk)
    language = get_language() or ""
    rows = []
    for model in library.types():
        if model.id in owners_of and (drafts := making.drafts(model)):
            having = [one for one in shown if one.pk in owners_of[model.id]]
            rows.append((model.id, model.name.in_language(language), drafts, having))
    return render(request, "alarms/from_model.html", {"rows": sorted(rows, key=lambda row: row[1])})


@require_POST
def try_part(request: HttpRequest) -> HttpResponse:
    """What the rule in the form would have said of the last days; long ones as a job."""
    user = accounts.user_of(request)
    fields = [name for name in running.FIELDS if name != "in_service"]
    form = modelform_factory(AlarmRule, form=RuleForm, fields=fields)(request.POST)
    days = _chosen(request.POST.get("days", ""), DAYS, 7)
    context: dict[str, object] = {"days": days}
    try:
        if not form.is_valid():
            raise Invalid(" ".join(str(one) for errors in form.errors.values() for one in errors))
        rule = form.save(commit=False)
        if not can_edit.test(user, rule) or not Organisation.objects.visible_to(user).filter(pk=rule.organisation_id):
            raise Forbidden(mark("You may not change alarm rules of {organisation}."), organisation=rule.organisation)
        end = timezone.now()
        start = end - dt.timedelta(days=days)
        if history.readings(rule, start, end) > history.SHORT:
            context["job"] = running.start(user, rule, days)
        else:
            context |= _told(history.trial(rule, start, end), rule)
    except GongfuError as error:
        context["problem"] = error.text(get_language())
    return render(request, "alarms/_tried.html", context)


@require_GET
def tried_part(request: HttpRequest, pk: int) -> HttpResponse:
    """How far the job is, or what it found."""
    user = accounts.user_of(request)
    job = Job.objects.filter(pk=pk, started_by=user).first()
    if job is None:
        raise NotFound(mark("There is no job {pk}."), pk=pk)
    context: dict[str, object] = {"job": job}
    if job.state == Job.State.FAILED:
        context = {"problem": job.error}
    elif job.state == Job.State.DONE:
        rule, trial, days = running.result(job)
        context = {"days": days, **_told(trial, rule)}
    return render(request, "alarms/_tried.html", context)


def _told(trial: history.Trial, rule: AlarmRule) -> dict[str, object]:
    names = dict(Device.objects.filter(pk__in={one.device for one in trial.firings}).values_list("pk", "name"))
    rows = [
        (_moment(one.start), _moment(one.end) if one.end else None, names.get(one.device, ""), one.value)
        for one in trial.firings[:50]
    ]
    marks = [[one.start, one.end or trial.end] for one in trial.firings if one.series == trial.series]
    return {
        "trial": trial,
        "rows": rows,
        "marks": msgspec.json.encode(marks).decode(),
        "limits": limits_json([rule]),
        "range": "24h" if trial.end - trial.start <= 86_400_000 else "7d",
    }


def _moment(milliseconds: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC)


urlpatterns = [
    path("data/alarms/<int:pk>/<slug:what>", handle, name="data-alarms-handle"),
    path("data/alarm-figures", figures_page, name="data-alarm-figures"),
    path("data/alarm-rules/from-model", from_model_page, name="data-alarm-rules-from-model"),
    path("data/alarm-rules/try", try_part, name="data-alarm-rules-try"),
    path("data/alarm-rules/try/<int:pk>", tried_part, name="data-alarm-rules-tried"),
]
