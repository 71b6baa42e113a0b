"""Plans of sites: sending one, and showing the picture so that nothing in it can act."""

from __future__ import annotations

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path
from django.utils.translation import get_language
from django.views.decorators.http import require_GET, require_http_methods

from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.errors import Forbidden, GongfuError, Invalid, NotFound
from gongfu.kernel.i18n import mark
from gongfu.network.map import images
from gongfu.platform.devices.models import Place
from gongfu.platform.map import services


@require_GET
def image(request: HttpRequest, pk: int) -> HttpResponse:
    """The picture of a plan. It may load nothing, run nothing, and is what we say it is."""
    plan = services.plan_for(accounts.user_of(request), pk)
    response = HttpResponse(bytes(plan.data), content_type=plan.media)
    response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    response.headers["Content-Disposition"] = "inline"
    response.headers["Cache-Control"] = "private, max-age=3600"
    return response


@require_http_methods(["GET", "POST"])
def upload_page(request: HttpRequest) -> HttpResponse:
    """A picture for a place."""
    user = accounts.user_of(request)
    places = [
        place
        for place in Place.objects.visible_to(user).select_related("organisation").order_by("organisation", "path")
        if can_edit.test(user, place)
    ]
    if not places:
        raise Forbidden(
            mark("There is no place here that you may change."), remedy=mark("Enter the site under Places first.")
        )
    context: dict[str, object] = {
        "places": places,
        "most": images.MOST_BYTES // 1_000_000,
        "name": request.POST.get("name", "")[:80],
        "wanted": request.POST.get("place", request.GET.get("place", "")),
        "several": len({place.organisation_id for place in places}) > 1,
    }
    status = 200
    if request.method == "POST":
        try:
            file = request.FILES.get("file")
            if not isinstance(file, UploadedFile) or (file.size or 0) > images.MOST_BYTES:
                raise Invalid(mark("Send one picture of at most {most} MB."), most=images.MOST_BYTES // 1_000_000)
            place = next((one for one in places if str(one.pk) == request.POST.get("place")), None)
            if place is None:
                raise NotFound(mark("There is no such place here."), remedy=mark("Choose one of the list."))
            plan = services.put_plan(user, place, _clean(request.POST.get("name", "")), file.read())
            return HttpResponseRedirect(f"/network/map/?org={plan.organisation_id}&plan={plan.pk}")
        except GongfuError as error:
            context["error"] = error.text(get_language())
            status = error.http_status
    return render(request, "map/plan_upload.html", context, status=status)


def _clean(text: str) -> str:
    return "".join(char for char in text if char.isprintable())[:80]


urlpatterns = [
    path("network/plans/<int:pk>/image", image, name="network-plan-image"),
    path("network/plans/upload", upload_page, name="network-plans-upload"),
]
