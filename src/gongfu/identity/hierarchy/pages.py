"""The page that draws the path of a resolution, and the form that says where a prefix is served."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from gongfu.identity.handle import site
from gongfu.identity.handle.codes import PORT
from gongfu.identity.handle.errors import Malformed
from gongfu.identity.hierarchy import drawing, services
from gongfu.identity.recursion import trace
from gongfu.identity.recursion.trace import Hop
from gongfu.identity.registry import services as registry
from gongfu.identity.registry.services import Prefix
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.permissions import is_platform_admin
from gongfu.kernel.errors import Forbidden, GongfuError, Invalid
from gongfu.kernel.i18n import mark
from gongfu.kernel.pages.resource import url_of
from gongfu.kernel.settings import settings

MAX_HANDLE = 300


@dataclass(frozen=True)
class Row:
    """A hop in words."""

    number: int
    purpose: str
    asked: str
    server: str
    service: str
    answer: str
    took: str
    kind: str


@require_safe
def path_page(request: HttpRequest) -> HttpResponse:
    """Any identifier can be typed in; the path is drawn with the time at each hop."""
    user = accounts.user_of(request)
    handle = request.GET.get("handle", "").strip()
    if "\0" in handle or len(handle) > MAX_HANDLE:
        raise Invalid(mark("The parameter {name} cannot be read."), name="handle")
    context: dict[str, object] = {"handle": handle, "resolver": services.asked(), "root": settings().top_prefix}
    if handle:
        try:
            found = services.path_of(user, handle)
        except GongfuError as error:
            context |= {"refused": error.text(get_language()), "status": error.http_status}
        else:
            here = _("Recursive node") if found.trace.resolver else _("This node")
            context |= {
                "path": found,
                "drawing": drawing.draw(found.trace, here, settings().top_prefix),
                "rows": _rows(found.trace.hops),
                "took": drawing.milliseconds(found.trace.took_ms),
                "error": found.error.text(get_language()) if found.error else "",
            }
    return render(request, "hierarchy/path.html", context, status=429 if context.get("status") == 429 else 200)


def _rows(hops: tuple[Hop, ...]) -> list[Row]:
    return [
        Row(
            number,
            trace.purpose_text(hop.purpose, get_language()),
            hop.asked,
            hop.server,
            hop.service,
            _answer(hop),
            "" if hop.cached or hop.stale else drawing.milliseconds(hop.took_ms),
            drawing.kind_of(hop),
        )
        for number, hop in enumerate(hops, 1)
    ]


def _answer(hop: Hop) -> str:
    text = trace.problem_text(hop.problem, get_language()) or trace.code_text(hop.code, get_language())
    if hop.stale:
        return _("%(answer)s (old answer: nobody gives a newer one)") % {"answer": text}
    return _("%(answer)s (remembered)") % {"answer": text} if hop.cached else text


@require_http_methods(["GET", "HEAD", "POST"])
def served_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Says where a prefix is served, if not here."""
    prefix = _prefix(request, pk)
    sites = registry.served_at(prefix.name)
    server = sites[0].servers[0] if sites and sites[0].servers else None
    port = (server.port(site.Transmission.TCP) or server.port(site.Transmission.UDP)) if server else None
    context: dict[str, object] = {
        "object": prefix,
        "back": url_of(prefix),
        "address": server.address if server else "",
        "port": port or PORT,
        "count": registry.count(prefix.name),
    }
    if request.method == "POST":
        address, number = request.POST.get("address", ""), request.POST.get("port", "")
        try:
            registry.delegate(accounts.user_of(request), prefix, site.single(address, _port(number)))
        except (Malformed, Invalid) as error:
            context |= {"address": address[:100], "port": number[:10], "wrong": error.text(get_language())}
            return render(request, "hierarchy/served.html", context, status=422)
        messages.success(request, _("Questions below %(prefix)s are referred there now.") % {"prefix": prefix.name})
        return redirect(url_of(prefix))
    return render(request, "hierarchy/served.html", context)


@require_POST
def take_back(request: HttpRequest, pk: int) -> HttpResponse:
    """Serve a prefix here again."""
    prefix = _prefix(request, pk)
    registry.undelegate(accounts.user_of(request), prefix)
    messages.success(request, _("This node answers for %(prefix)s itself again.") % {"prefix": prefix.name})
    return redirect(url_of(prefix))


def _prefix(request: HttpRequest, pk: int) -> Prefix:
    user = accounts.user_of(request)
    prefix = registry.prefix_numbered(user, pk)
    if not is_platform_admin.test(user, prefix):
        raise Forbidden(mark("Only the operator of this node says where {name} is served."), name=prefix.name)
    return prefix


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:6]) < 65_536:
        raise Invalid(mark("There is no port {port}."), remedy=mark("Use 2641."), port=text[:10])
    return int(text)


urlpatterns = [
    path("identity/path/", path_page, name="identity-path"),
    path("identity/prefixes/<int:pk>/served", served_page, name="identity-prefix-served"),
    path("identity/prefixes/<int:pk>/take-back", take_back, name="identity-prefix-take-back"),
]
