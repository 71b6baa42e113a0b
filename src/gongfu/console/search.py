"""Search over pages, devices and identifiers: a page, and JSON for the palette."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from gongfu.console import navigation
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import User
from gongfu.platform.devices import services as devices

_MOST = 12


@dataclass(frozen=True)
class Result:
    """One thing found."""

    group: str
    name: str
    detail: str
    url: str


@require_GET
def search_page(request: HttpRequest) -> HttpResponse:
    """What matches ``q``; without it the pages one may enter."""
    text = request.GET.get("q", "").strip().replace("\0", "")[:100]
    results = find(accounts.user_of(request), text)
    if "application/json" in request.headers.get("Accept", ""):
        return JsonResponse({"results": [asdict(result) for result in results]})
    return render(request, "console/search.html", {"q": text, "results": results})


def find(user: User, text: str) -> list[Result]:
    """Pages first, then devices by name, key or identifier."""
    wanted = text.casefold()
    pages = [
        Result(_("Pages"), item.label, room.label, item.url)
        for room in navigation.rooms(user, "")
        for entry in room.items
        for item in entry.tabs or (entry,)
        if wanted in item.label.casefold() or wanted in room.label.casefold()
    ]
    if not text:
        return pages
    machines = [
        Result(
            _("Devices"), tile.name, tile.identifier or tile.place, reverse("platform-devices-detail", args=[tile.pk])
        )
        for tile in devices.tiles(user, matching=text, limit=_MOST)
    ]
    return [*pages[:_MOST], *machines]
