"""The public GS1 Digital Link resolver: ``/01/<GTIN>/10/<batch>/21/<serial number>`` and compressed addresses.

Source: GS1-Conformant Resolver Standard 1.2 §6 and RFC 9264. Nobody signs in here. A code bound to an identifier
leads to the identifier's public page; one with links leads to the default one, in the reader's language. A relation
type that the code does not have is answered with 404.
"""

from __future__ import annotations

from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from gongfu.identity.schemes import linkset, services
from gongfu.identity.schemes.errors import UnknownCode
from gongfu.identity.schemes.gs1 import link
from gongfu.identity.schemes.gs1.keys import KEYS
from gongfu.identity.schemes.linkset import Link
from gongfu.identity.schemes.services import Here
from gongfu.identity.schemes.types import Identifier
from gongfu.kernel.errors import GongfuError
from gongfu.kernel.i18n import mark, translate
from gongfu.kernel.pages import errors
from gongfu.kernel.settings import settings

_CONTEXT = (
    '<https://ref.gs1.org/standards/resolver/linkset-context>; rel="http://www.w3.org/ns/json-ld#context"; '
    'type="application/ld+json"'
)
"""With it a link set can be read as JSON-LD (artefacts of the resolver standard)."""
_OWN_PARAMETERS = {"linkType", "context"}
"""Parameters that are for the resolver; all others go on to the target (§6.6)."""


class CompressedLink:
    """A path converter for compressed addresses: what does not decompress is some other page's."""

    regex = "[A-Za-z0-9_-]{8,200}"

    def to_python(self, value: str) -> str:
        """Raises :class:`ValueError` when ``value`` is no compressed link, and Django looks further."""
        try:
            link.parse(f"/{value}")
        except GongfuError as error:
            raise ValueError from error
        return value

    def to_url(self, value: str) -> str:
        """As it is."""
        return value


class PrimaryKey:
    """A path converter for the application identifiers of primary keys."""

    regex = "|".join(sorted(KEYS, key=len, reverse=True))

    def to_python(self, value: str) -> str:
        """As it is."""
        return value

    def to_url(self, value: str) -> str:
        """As it is."""
        return value


@login_not_required
@require_safe
def resolve(request: HttpRequest, **_path: str) -> HttpResponse:
    """Where the code leads: 307 to a link, the link set when it is asked for, 400 for a code that is none."""
    try:
        response = _resolved(request)
    except GongfuError as error:
        asked = _accepts(request, "application/json") or _accepts(request, linkset.MEDIA_TYPE)
        response = (
            JsonResponse(errors.body(error), status=error.http_status) if asked else errors.respond(request, error)
        )
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Expose-Headers"] = "Link"
    patch_vary_headers(response, ("Accept", "Accept-Language"))
    return response


def _resolved(request: HttpRequest) -> HttpResponse:
    identifier = link.parse(_address(request))
    here = services.answered_here(identifier)
    if here is None or not here.links:
        raise UnknownCode(
            mark("{code} is a good {kind}, but this node has nothing about it."),
            remedy=mark("Ask the maker, or scan the code with the resolver that is printed beside it."),
            code=identifier.code,
            kind=identifier.kind,
        )
    wanted = request.GET.get("linkType", "")
    anchor = settings().url + link.path(identifier)
    if wanted in ("all", "linkset") or (not wanted and _wants_linkset(request)):
        response = HttpResponse(linkset.encode(anchor, here.links), content_type=linkset.MEDIA_TYPE)
    else:
        target = _target(request, here, wanted)
        response = HttpResponse(status=307, headers={"Location": _passed_on(target.href, identifier)})
    own = f'<{anchor}?linkType=linkset>; rel="linkset"; type="{linkset.MEDIA_TYPE}"'
    response.headers["Link"] = own if response.status_code == 307 else f"{own}, {_CONTEXT}"
    return response


def _address(request: HttpRequest) -> str:
    """Path and query as they were sent: Django's own path has lost which slash was part of a value (``%2F``)."""
    scope = getattr(request, "scope", {})
    raw = scope.get("raw_path")
    if not isinstance(raw, bytes) or not raw:
        return request.get_full_path()
    query = request.META.get("QUERY_STRING", "")
    return raw.partition(b"?")[0].decode("ascii", errors="replace") + (f"?{query}" if query else "")


def _target(request: HttpRequest, here: Here, wanted: str) -> Link:
    asked = linkset.wishes(request.headers.get("Accept-Language", ""), request.headers.get("Accept", ""))
    if wanted and linkset.expanded(wanted) != linkset.DEFAULT:
        offered = [found for found in here.links if linkset.expanded(found.linktype) == linkset.expanded(wanted)]
    else:
        offered = [found for found in here.links if found.default] or list(here.links)
    chosen = linkset.choose(offered, asked)
    if chosen is None:
        raise UnknownCode(
            mark("This code has no link of the type {linktype}."),
            remedy=mark("Ask for linkType=linkset to see which it has."),
            linktype=wanted[:100],
        )
    return chosen


def _accepts(request: HttpRequest, media_type: str) -> bool:
    return media_type in linkset.wishes("", request.headers.get("Accept", "")).media_types


def _wants_linkset(request: HttpRequest) -> bool:
    return _accepts(request, linkset.MEDIA_TYPE) or (
        _accepts(request, "application/json") and not _accepts(request, "text/html")
    )


def _passed_on(href: str, identifier: Identifier) -> str:
    parts = urlsplit(href)
    own = [(name, value) for name, value in identifier.query if name not in _OWN_PARAMETERS]
    inside = set(identifier.code.split("/")[::2])
    own += [(part.number, part.value) for part in identifier.parts if part.number and part.number not in inside]
    query = "&".join(text for text in (parts.query, urlencode(own, quote_via=quote)) if text)
    return urlunsplit(parts._replace(query=query))


@login_not_required
@require_safe
def description(request: HttpRequest) -> JsonResponse:
    """``/.well-known/gs1resolver``: what this resolver can do (§7, resolver description file)."""
    response = JsonResponse(
        {
            "name": f"Gongfu {settings().node}",
            "resolverRoot": settings().url,
            "supportedPrimaryKeys": sorted(KEYS),
            "supportedLinkType": [{"namespace": linkset.VOCABULARY, "prefix": "gs1:"}],
            "supportedContextValuesEnumerated": [],
            "linkTypeDefaultCanBeLinkset": False,
            "validatesAICombinations": True,
            "supportsLanguageVariants": True,
            "activeLinkTypes": {
                language: {
                    key: {"title": translate(linkset.LINK_TYPES[key], language), "url": linkset.expanded(key)}
                    for key in linkset.LINK_TYPES
                }
                for language in ("zh", "en")
            },
        }
    )
    response.headers["Access-Control-Allow-Origin"] = "*"
    return response
