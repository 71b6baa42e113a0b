"""The store in the console: what is kept of each series, parked messages, deletion with its proof."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import models
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive, make_aware
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_http_methods

from gongfu.data.telemetry import erasing, keeping, parking
from gongfu.data.telemetry.keeping import Kept
from gongfu.data.telemetry.models import Erasure, RetentionClass, SeriesPolicy
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.permissions import can_edit, nobody
from gongfu.kernel.errors import Forbidden, GongfuError, NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.pages.resource import Column, Permissions, Resource, Section
from gongfu.kernel.settings import settings
from gongfu.platform.devices.models import Tag

PAGE: Final = 50

CLASSES: Resource[RetentionClass] = Resource(
    model=RetentionClass,
    room="data",
    slug="retention-classes",
    icon="clock",
    columns=[Column("name"), Column("raw_days"), Column("rollup_days"), Column("organisation")],
    search=["name"],
    form=[Section(_("Retention class"), ["organisation", "name", "raw_days", "rollup_days"])],
    empty=_("A retention class says how many days readings and their roll-ups are kept; assign it to tags."),
)
POLICIES: Resource[SeriesPolicy] = Resource(
    model=SeriesPolicy,
    room="data",
    slug="series-policies",
    icon="shield-check",
    columns=[Column("tag"), Column("sensitivity"), Column("retention"), Column("organisation")],
    filters=["sensitivity", "retention"],
    form=[Section(_("Series policy"), ["organisation", "tag", "sensitivity", "retention"])],
    empty=_("Without a policy, data are general and kept for ever."),
)
ERASURES: Resource[Erasure] = Resource(
    model=Erasure,
    room="data",
    slug="erasures",
    icon="trash",
    columns=[
        Column("what"),
        Column("since"),
        Column("until"),
        Column("state"),
        Column("before"),
        Column("after"),
        Column("actor"),
        Column("done_at"),
    ],
    filters=["state"],
    ordering="-done_at",
    detail=["what", "since", "until", "reason", "actor", "state", "problem", "before", "after", "done_at", "proof"],
    permissions=Permissions(add=nobody, change=nobody, delete=nobody),
    empty=_("Readings that were deleted on request, each with a signed record of what was counted before and after."),
)
RESOURCES: Sequence[Resource[models.Model]] = (CLASSES, POLICIES, ERASURES)  # type: ignore[assignment]


@dataclass(frozen=True)
class Line:
    """A series of the page: its tag, what holds for it, what is there."""

    tag: Tag
    policy: SeriesPolicy | None
    kept: Kept | None
    octets: float

    @property
    def first(self) -> dt.datetime | None:
        """Of what is kept."""
        return dt.datetime.fromtimestamp(self.kept.first, dt.UTC) if self.kept else None

    @property
    def last(self) -> dt.datetime | None:
        """Of what is kept."""
        return dt.datetime.fromtimestamp(self.kept.last, dt.UTC) if self.kept else None

    @property
    def megabytes(self) -> float:
        """On disk, by the node's average."""
        return self.kept.readings * self.octets / 1e6 if self.kept else 0.0


@require_GET
def series_page(request: HttpRequest) -> HttpResponse:
    """What is kept of each series the user may see, how long, and how much room it takes."""
    user = accounts.user_of(request)
    asked = request.GET.get("q", "").strip()[:80]
    tags = (
        Tag.objects.visible_to(user).select_related("device", "policy__retention").order_by("device", "position", "pk")
    )
    if asked:
        tags = tags.filter(Q(name__icontains=asked) | Q(key__icontains=asked) | Q(device__name__icontains=asked))
    page = Paginator(tags, PAGE).get_page(request.GET.get("page"))
    shown = list(page.object_list)
    found: dict[int, Kept] = {}
    octets, problem = 0.0, ""
    try:
        found = keeping.kept({tag.organisation_id for tag in shown}, [tag.pk for tag in shown])
        octets = keeping.bytes_a_reading()
    except GongfuError as error:
        problem = error.text(get_language() or "")
    lines = [Line(tag, getattr(tag, "policy", None), found.get(tag.pk), octets) for tag in shown]
    context = {
        "lines": lines,
        "page": page,
        "asked": asked,
        "problem": problem,
        "octets": octets,
        "may": can_edit.test(user, None),
        "may_erase": erasing.may_erase.test(user, None),
    }
    return render(request, "telemetry/series.html", context)


@require_http_methods(["GET", "POST"])
def poison_page(request: HttpRequest) -> HttpResponse:
    """Messages that could not be stored; send them again, or give them up."""
    user = accounts.user_of(request)
    if not can_edit.test(user, None):
        raise Forbidden(mark("Only engineers and administrators see parked messages."))
    orgs = _editable(user)
    if request.method == "POST":
        number = request.POST.get("id", "")
        if request.POST.get("action") == "drop":
            parking.drop(orgs, number)
            messages.success(request, gettext("The message was given up."))
        else:
            parking.replay(settings(), orgs, number)
            messages.success(
                request, gettext("The message was sent again. If it still cannot be stored, it comes back here.")
            )
        return HttpResponseRedirect(reverse("data-poison"))
    found: list[parking.Parked] = []
    problem = ""
    try:
        found = parking.parked(orgs)
    except GongfuError as error:
        problem = error.text(get_language() or "")
    context = {"found": [(one, reasons().get(one.reason, one.reason)) for one in found], "problem": problem}
    return render(request, "telemetry/poison.html", context | {"most": parking.MOST})


@require_http_methods(["GET", "POST"])
def erase_page(request: HttpRequest) -> HttpResponse:
    """Ask for an erasure; the tags come as ``tag``."""
    user = accounts.user_of(request)
    given = request.POST if request.method == "POST" else request.GET
    wanted = [int(one) for one in given.getlist("tag") if one.isdecimal() and len(one) < 11]
    tags = list(Tag.objects.visible_to(user).filter(pk__in=wanted).select_related("device", "organisation"))
    if not tags or len(tags) != len(set(wanted)):
        raise NotFound(mark("There is no tag {tag}."), tag=", ".join(map(str, wanted)) or "?")
    if not all(erasing.may_erase.test(user, tag.organisation) for tag in tags):
        raise Forbidden(mark("Only administrators of {owner} may delete its readings."), owner=tags[0].organisation)
    problem = ""
    if request.method == "POST":
        since, until = (_moment(given.get(name, "")) for name in ("since", "until"))
        if since is None or until is None:
            problem = gettext("Give both times.")
        elif given.get("sure") != "yes":
            problem = gettext("Confirm that the readings are to be deleted for good.")
        else:
            try:
                made = erasing.ask(user, wanted, since, until, given.get("reason", ""))
            except GongfuError as error:
                problem = error.text(get_language() or "")
            else:
                messages.success(request, gettext("The deletion has begun; its proof appears here when it is done."))
                return HttpResponseRedirect(reverse("data-erasures-detail", args=[made.pk]))
    return render(request, "telemetry/erase.html", {"tags": tags, "problem": problem, "given": given})


@require_GET
def proof_file(request: HttpRequest, pk: int) -> HttpResponse:
    """The signed proof as a file."""
    made = Erasure.objects.visible_to(accounts.user_of(request)).filter(pk=pk).first()
    if made is None or not made.proof:
        raise NotFound(mark("There is no proof {pk}."), pk=pk)
    response = HttpResponse(made.proof, content_type="application/json")
    response.headers["Content-Disposition"] = f'attachment; filename="erasure-{pk}.json"'
    return response


def reasons() -> dict[str, str]:
    """What the fixed words of the recorder mean."""
    return {
        "malformed": gettext("Cannot be read"),
        "subject": gettext("Speaks for another device"),
        "range": gettext("Numbers out of range"),
    }


def _editable(user: User) -> list[int]:
    """Organisations whose parked messages the user may handle; 0 (nobody's) for the platform's administrator."""
    found = [one.pk for one in Organisation.objects.all() if can_edit.test(user, one)]
    return [0, *found] if user.is_superuser else found


def _moment(text: str) -> dt.datetime | None:
    try:
        found = parse_datetime(text.strip())
    except ValueError:
        return None
    return make_aware(found) if found is not None and is_naive(found) else found


urlpatterns = [
    path("data/series/", series_page, name="data-series"),
    path("data/poison/", poison_page, name="data-poison"),
    path("data/series/erase/", erase_page, name="data-erase"),
    path("data/erasures/<int:pk>/proof.json", proof_file, name="data-erasure-proof"),
]
