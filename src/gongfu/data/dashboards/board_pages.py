"""Showing and editing a dashboard: the page, what its script asks, links, pictures, walls."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Annotated, Final, TypeVar

import msgspec
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from msgspec import Meta

from gongfu.data.dashboards import answering, generating, rules, services
from gongfu.data.dashboards.models import Dashboard
from gongfu.data.dashboards.rules import Document, Widget
from gongfu.data.dashboards.services import may_change
from gongfu.data.dashboards.sources import Chosen, Reader
from gongfu.data.dashboards.texts import script_texts
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.permissions import can_operate
from gongfu.kernel.errors import Forbidden, GongfuError, Invalid, NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.pages import errors
from gongfu.network.map import images
from gongfu.platform.devices.models import Device, Place, Tag

_FOUND: Final = 40
"""Tags that a search shows."""
_CHOICES: Final = 300
"""Devices or places that can be chosen above a dashboard."""
_WALL: Final = 12
"""Dashboards of one wall."""
_EARLIEST: Final = dt.datetime(2000, 1, 1, tzinfo=dt.UTC).timestamp() * 1000
_LATEST: Final = dt.datetime(2100, 1, 1, tzinfo=dt.UTC).timestamp() * 1000

T = TypeVar("T", bound=msgspec.Struct)
_Moment = Annotated[int, Meta(ge=int(_EARLIEST), le=int(_LATEST))]


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"start": "from", "end": "to"}):
    """What the script asks for one widget; times in milliseconds."""

    widget: Widget
    start: _Moment
    end: _Moment
    points: Annotated[int, Meta(ge=10, le=2000)] = 500
    device: Annotated[int, Meta(ge=0, lt=2**53)] = 0
    place: Annotated[int, Meta(ge=0, lt=2**53)] = 0


class Saved(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A document and the version it was made from."""

    version: Annotated[int, Meta(ge=0, lt=2**31)]
    document: Document


def as_json(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Failures for scripts: ``{code, message, remedy, values}``."""

    @wraps(view)
    def answer(request: HttpRequest, *arguments: object, **named: object) -> HttpResponse:
        try:
            return view(request, *arguments, **named)
        except GongfuError as error:
            return JsonResponse(errors.body(error), status=error.http_status)

    return answer


def payload(
    board: Dashboard | None, document: Document, *, edits: bool = False, wall: bool = False
) -> dict[str, object]:
    """What the element ``<dash-board>`` is given."""
    return {
        "id": board.pk if board else 0,
        "name": str(board) if board else "",
        "version": board.version if board else 0,
        "document": msgspec.to_builtins(document),
        "organisation": board.organisation_id if board else 0,
        "edits": edits,
        "wall": wall,
    }


def choices(user: User, document: Document) -> dict[str, list[tuple[int, str]]]:
    """Devices and places that can be chosen, when the dashboard has such a choice."""
    found: dict[str, list[tuple[int, str]]] = {}
    if document.variables.device:
        devices = Device.objects.visible_to(user)
        if document.variables.model:
            devices = devices.filter(type=document.variables.model)
        found["device"] = [(one.pk, str(one)) for one in devices.order_by("name", "pk")[:_CHOICES]]
    if document.variables.place:
        found["place"] = [(one.pk, str(one)) for one in Place.objects.visible_to(user).order_by("path")[:_CHOICES]]
    return found


def context(request: HttpRequest, board: Dashboard) -> Mapping[str, object]:
    """Of the tab and the page of a link."""
    user = accounts.user_of(request)
    document = services.document_of(board)
    edits = may_change.test(user, board)
    return {
        "board": board,
        "payload": payload(board, document, edits=edits) | {"choices": choices(user, document)},
        "edits": edits,
        "texts": script_texts(),
        "shared": board.share == Dashboard.Share.LINK,
        "link": request.build_absolute_uri(f"/data/boards/{board.key}/"),
    }


@require_GET
def link_page(request: HttpRequest, key: str) -> HttpResponse:
    """A dashboard by its link, for colleagues who have it."""
    board = services.board_by_key(accounts.user_of(request), key)
    return render(request, "dashboards/link.html", dict(context(request, board)) | {"object": board})


@never_cache
@require_GET
def wall_page(request: HttpRequest) -> HttpResponse:
    """``board`` (several) in turn, ``every`` so many seconds, on a whole screen."""
    user = accounts.user_of(request)
    given = [one for part in request.GET.getlist("board") for one in part.split(",")]
    if not given:
        boards = Dashboard.objects.visible_to(user).select_related("organisation")
        found = {"boards": boards[:200], "most": _WALL}
        return render(request, "dashboards/wall_choice.html", found)
    if len(given) > _WALL or not all(one.isdecimal() and len(one) < 16 for one in given):
        raise Invalid(mark("A wall shows one to {most} dashboards."), most=_WALL)
    every = request.GET.get("every", "20")
    seconds = min(max(int(every), 5), 3600) if every.isdecimal() and len(every) < 6 else 20
    shown = []
    for one in given:
        board = services.board_for(user, int(one))
        document = services.document_of(board)
        shown.append(payload(board, document, wall=True) | {"choices": choices(user, document)})
    return render(request, "dashboards/wall.html", {"boards": shown, "every": seconds, "texts": script_texts()})


@as_json
@require_POST
def answer_view(request: HttpRequest) -> HttpResponse:
    """What a widget shows, also one that is not saved yet; scoped to whoever asks."""
    asked = _read(request, Asked)
    rules.check_widget(asked.widget)
    if asked.end <= asked.start:
        raise Invalid(mark("The time ends before it begins."))
    start, end = (dt.datetime.fromtimestamp(moment / 1000, dt.UTC) for moment in (asked.start, asked.end))
    reader = Reader.person(accounts.user_of(request))
    found = answering.answer(reader, asked.widget, start, end, asked.points, Chosen(asked.device, asked.place))
    return HttpResponse(msgspec.json.encode(found), content_type="application/json")


@as_json
@require_GET
def tags_view(request: HttpRequest) -> HttpResponse:
    """Tags whose name, key or device fit every word of ``q``."""
    user = accounts.user_of(request)
    found = Tag.objects.visible_to(user).select_related("device")
    for word in request.GET.get("q", "")[:80].replace("\0", "").split()[:6]:
        fits = Q()
        for name in ("name", "name_en", "key", "device__name", "device__name_en", "device__key", "role"):
            fits |= Q(**{f"{name}__icontains": word})
        found = found.filter(fits)
    rows = [
        {"tag": one.pk, "name": str(one), "device": str(one.device), "unit": one.unit, "kind": one.kind, "key": one.key}
        for one in found.order_by("device__name", "device", "position", "pk")[:_FOUND]
    ]
    return JsonResponse({"tags": rows})


@as_json
@require_http_methods(["PUT"])
def document_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Save: ``{version, document}`` in, the same as it is stored out; 409 when somebody else saved meanwhile."""
    user = accounts.user_of(request)
    board = services.board_for(user, pk)
    saved = _read(request, Saved)
    fresh = services.save(user, board, saved.version, saved.document)
    return JsonResponse({"version": fresh.version, "document": msgspec.to_builtins(services.document_of(fresh))})


@as_json
@require_GET
def newest_view(request: HttpRequest, pk: int) -> HttpResponse:
    """The newest version, after a conflict."""
    board = services.board_for(accounts.user_of(request), pk)
    return JsonResponse({"version": board.version, "document": msgspec.to_builtins(services.document_of(board))})


@require_POST
def restore_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Bring version ``number`` back."""
    user = accounts.user_of(request)
    number = request.POST.get("number", "")
    if not number.isdecimal() or len(number) > 9:
        raise Invalid(mark("There is no version {number}."), number=number[:20])
    services.restore(user, services.board_for(user, pk), int(number))
    return HttpResponseRedirect(f"/data/dashboards/{pk}/")


@require_POST
def copy_view(request: HttpRequest) -> HttpResponse:
    """A dashboard of one's own: of ``board``, or of the one that ``device`` has out of the box."""
    user = accounts.user_of(request)
    of, number = next(
        ((name, request.POST[name]) for name in ("board", "device") if name in request.POST), ("board", "")
    )
    if not number.isdecimal() or len(number) > 15:
        raise NotFound(mark("There is no such thing to copy."))
    if of == "board":
        board = services.board_for(user, int(number))
        name, owner, document = str(board), board.organisation, services.document_of(board)
    else:
        device = Device.objects.visible_to(user).select_related("organisation").filter(pk=int(number)).first()
        if device is None:
            raise NotFound(mark("There is no device {pk}."), pk=number)
        name, owner, document = str(device), device.organisation, generating.of_device(device)
    if not can_operate.test(user, owner):
        raise Forbidden(mark("You may not change dashboards of {organisation}."), organisation=owner)
    made = Dashboard(organisation=owner, name=_("%(name)s (copy)") % {"name": name[:70]}, share=Dashboard.Share.PRIVATE)
    services.create(user, made, document)
    return HttpResponseRedirect(f"/data/dashboards/{made.pk}/?edit=1")


@as_json
@require_POST
def upload_view(request: HttpRequest) -> HttpResponse:
    """A picture for widgets: ``file`` for ``organisation``."""
    user = accounts.user_of(request)
    file = request.FILES.get("file")
    if not isinstance(file, UploadedFile) or (file.size or 0) > images.MOST_BYTES:
        raise Invalid(mark("Send one picture of at most {most} MB."), most=images.MOST_BYTES // 1_000_000)
    owner = next((one for one in _owners(user) if str(one.pk) == request.POST.get("organisation")), None)
    if owner is None:
        raise NotFound(mark("There is no such organisation."))
    name = "".join(letter for letter in file.name or "" if letter.isprintable())
    made = services.put_picture(user, owner, name, file.read())
    return JsonResponse({"picture": made.pk, "width": made.width, "height": made.height})


def _owners(user: User) -> list[Organisation]:
    return list(accounts.visible_organisations(user))


@require_GET
def picture_view(request: HttpRequest, pk: int) -> HttpResponse:
    """A picture. It may load nothing, run nothing, and is what we say it is."""
    found = services.picture_for(accounts.user_of(request), pk)
    response = HttpResponse(bytes(found.data), content_type=found.media)
    response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    response.headers["Cache-Control"] = "private, max-age=3600"
    return response


def _read(request: HttpRequest, kind: type[T]) -> T:
    if len(request.body) > rules.MOST_BYTES + 1000:
        raise Invalid(mark("The dashboard is larger than {most} kB."), most=rules.MOST_BYTES // 1000)
    try:
        return msgspec.json.decode(request.body, type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Invalid(
            mark("This is no dashboard: {reason}."),
            remedy=mark("Load the page again and repeat the change."),
            reason=str(error)[:200],
        ) from error


urlpatterns = [
    path("data/boards/answer", answer_view, name="data-board-answer"),
    path("data/boards/tags", tags_view, name="data-board-tags"),
    path("data/boards/copy", copy_view, name="data-board-copy"),
    path("data/boards/pictures", upload_view, name="data-board-upload"),
    path("data/boards/pictures/<int:pk>", picture_view, name="data-board-picture"),
    path("data/boards/<int:pk>/document", document_view, name="data-board-document"),
    path("data/boards/<int:pk>/newest", newest_view, name="data-board-newest"),
    path("data/boards/<int:pk>/restore", restore_view, name="data-board-restore"),
    path("data/boards/<str:key>/", link_page, name="data-board-link"),
    path("data/wall/", wall_page, name="data-wall"),
]
