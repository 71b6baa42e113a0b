"""Computed tags in the console."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from django.forms import modelform_factory
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from gongfu.data.computed import drawing, recomputing, services
from gongfu.data.computed.forms import ComputedForm
from gongfu.data.computed.models import ComputedTag
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.errors import Forbidden, GongfuError, Invalid, NotFound, unpacked
from gongfu.kernel.i18n import mark
from gongfu.kernel.pages.resource import Column, Resource, Section, Tab

DAYS = (1, 7, 30)
_FIELDS = [
    *("organisation", "device", "key", "name", "name_en", "kind", "unit", "decimals"),
    *("expression", "every", "gap"),
]


def _save(computed: ComputedTag, user: User, new: bool) -> None:
    del new
    services.prepare(user, computed)


def _remove(computed: ComputedTag, user: User) -> None:
    services.remove(user, computed)


def _problem(computed: ComputedTag) -> str:
    return unpacked(computed.problem, get_language()) if computed.problem else ""


def _working(request: HttpRequest, computed: ComputedTag) -> Mapping[str, object]:
    from gongfu.data.computed import binding  # noqa: PLC0415

    return {
        "tag": binding.tag_of(computed),
        "problem": _problem(computed),
        "edits": can_edit.test(accounts.user_of(request), computed),
        "days": DAYS,
    }


COMPUTED: Resource[ComputedTag] = Resource(
    model=ComputedTag,
    room="data",
    slug="computed",
    icon="math-function",
    columns=[
        Column("name", render=str),
        Column("device"),
        Column("key"),
        Column("expression", template="computed/expression.html"),
        Column("unit"),
        Column("problem", render=_problem),
        Column("organisation", shown=False),
    ],
    search=["name", "name_en", "key", "expression", "device__name", "device__key"],
    filters=["kind", "device", "organisation"],
    ordering="name",
    form=[
        Section(_("Which tag"), _FIELDS[:8], _("It is stored, charted, alarmed and served like any other.")),
        Section(
            _("How it is computed"),
            _FIELDS[8:],
            _("Tags of the device by their keys; of other devices, and of many, in braces as shown below."),
        ),
    ],
    form_class=ComputedForm,
    form_extra="computed/try.html",
    save=_save,
    remove=_remove,
    tabs=[Tab("values", _("Computed values"), "computed/values_tab.html", _working)],
    detail=[*_FIELDS],
    empty=_(
        "A computed tag follows from others: a ratio, the energy of a workshop, hours of running, a mean of ten"
        " minutes."
        " Write how; try it on last week's readings before you save it."
    ),
)
RESOURCES = [COMPUTED]


@require_POST
def try_part(request: HttpRequest) -> HttpResponse:
    """What the expression in the form would have said of the last day or week."""
    user = accounts.user_of(request)
    form = modelform_factory(ComputedTag, form=ComputedForm, fields=_FIELDS)(request.POST)
    days = _days(request, most=7)
    context: dict[str, object] = {"days": days}
    try:
        if not form.is_valid():
            raise Invalid(" ".join(str(one) for errors in form.errors.values() for one in errors))
        computed = form.save(commit=False)
        _require(user, computed)
        end = timezone.now()
        found = services.trial(computed, end - dt.timedelta(days=days), end)
        context |= {"trial": found, "unit": computed.unit, "drawing": drawing.draw(found.points)}
    except GongfuError as error:
        context["problem"] = error.text(get_language())
    return render(request, "computed/_tried.html", context)


@require_POST
def recompute(request: HttpRequest, pk: int) -> HttpResponse:
    """Compute the past anew, in the background."""
    user = accounts.user_of(request)
    computed = ComputedTag.objects.visible_to(user).select_related("organisation", "device").filter(pk=pk).first()
    if computed is None:
        raise NotFound(mark("There is no computed tag {pk}."), pk=pk)
    _require(user, computed)
    job = recomputing.start(user, computed, _days(request, most=30))
    return HttpResponseRedirect(f"/kernel/jobs/{job.pk}/")


def _require(user: User, computed: ComputedTag) -> None:
    owner = computed.organisation
    if not can_edit.test(user, owner) or not Organisation.objects.visible_to(user).filter(pk=owner.pk):
        raise Forbidden(
            mark("You may not change devices of {organisation}."),
            remedy=mark("Ask an administrator of the organisation for the role it needs."),
            organisation=owner,
        )


def _days(request: HttpRequest, most: int) -> int:
    given = request.POST.get("days", "")
    return int(given) if given in {str(one) for one in DAYS if one <= most} else 1


urlpatterns = [
    path("data/computed/try/", try_part, name="data-computed-try"),
    path("data/computed/<int:pk>/recompute/", recompute, name="data-computed-recompute"),
]
