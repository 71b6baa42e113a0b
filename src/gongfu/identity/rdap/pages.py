"""``/rdap/…``: registry data for machines, without signing in; the holder's people see what is not public as well."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from urllib.parse import quote

import msgspec
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from gongfu.identity.authentication import services as authentication
from gongfu.identity.rdap import rules
from gongfu.identity.rdap.rules import Entity, Event, Failure, Help, Link, Node, Notice, Turns
from gongfu.identity.registry import services as registry
from gongfu.identity.registry.errors import NoIdentifier, NoPrefix
from gongfu.identity.registry.models import Prefix
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.values import page_url
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.tokens import TokenAuth
from gongfu.kernel.errors import GongfuError, NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.settings import settings

View = Callable[..., rules.Shape]
TURNS = Turns(most=120, seconds=60)
"""Per address and process."""
_HELP = "https://www.rfc-editor.org/rfc/rfc9083"


def _answering(view: View) -> Callable[..., HttpResponse]:
    """``view`` as an RDAP server answers: JSON of its media type, for every origin, errors in RDAP's own form."""

    @login_not_required
    @require_safe
    @wraps(view)
    def answer(request: HttpRequest, **arguments: str) -> HttpResponse:
        wait = TURNS.take(str(request.META.get("REMOTE_ADDR", "")))
        if wait:
            refusal = _failure(429, _("Too many requests"), _("Ask again a little later."))
            refusal.headers["Retry-After"] = str(math.ceil(wait))
            return refusal
        try:
            _sign_in(request)
            return _respond(view(request, **arguments), 200)
        except GongfuError as error:
            title, remedy = error.parts(get_language())
            return _failure(400 if error.http_status == 422 else error.http_status, title, remedy)
        except Http404:
            return _failure(404, _("Not found"), "")

    return answer


@_answering
def identifier(request: HttpRequest, handle: str) -> rules.Shape:
    """An identifier: who, when, which node, which state."""
    record = registry.resolve_local(handle)
    prefix = _prefix(record.handle.prefix) if record is not None else None
    inside = prefix is not None and _sees(request, prefix.organisation)
    if record is None or prefix is None or not (record.public or inside):
        raise NoIdentifier(
            mark("There is no identifier {handle} at this node."),
            remedy=mark("Check the characters, or scan the code again."),
            handle=handle[:255],
        )
    name = str(record.handle)
    return rules.Identifier(
        handle=name,
        prefix=prefix.name,
        status=_status(prefix),
        node=_node(),
        events=_events(record),
        entities=[_entity(prefix.organisation, ["registrant"])],
        links=[
            _link("self", _address("identifier", name), rules.MEDIA_TYPE),
            _link("up", _address("prefix", prefix.name), rules.MEDIA_TYPE),
            _link("alternate", page_url(settings().url, name), "text/html"),
        ],
        values=[
            rules.IdentifierValue(index=v.index, type=v.type, data=v.text, ttl=v.ttl, public=v.public)
            for v in (record.values if inside else record.public)
        ],
        rdap_conformance=list(rules.CONFORMANCE),
        notices=[_terms()],
        lang=_lang(),
    )


@_answering
def prefix(request: HttpRequest, name: str) -> rules.Shape:
    """A prefix: who holds it, under which one, since when, in which state."""
    found = _prefix(name)
    if found is None:
        raise NoPrefix(mark("There is no prefix {name}."), remedy=mark("Ask the node above."), name=name[:64])
    links = [_link("self", _address("prefix", found.name), rules.MEDIA_TYPE)]
    if found.parent is not None:
        links.append(_link("up", _address("prefix", found.parent.name), rules.MEDIA_TYPE))
    return rules.Prefix(
        handle=found.name,
        level=found.kind,
        parent=found.parent.name if found.parent is not None else "",
        status=_status(found),
        node=_node(),
        events=[
            Event(event_action="registration", event_date=rules.moment(found.created_at.timestamp())),
            Event(event_action="last changed", event_date=rules.moment(found.updated_at.timestamp())),
        ],
        entities=[_entity(found.organisation, ["registrant"])],
        links=links,
        rdap_conformance=list(rules.CONFORMANCE),
        notices=[_terms()],
        lang=_lang(),
    )


@_answering
def entity(request: HttpRequest, code: str) -> rules.Shape:
    """An enterprise that holds a prefix here."""
    held = Prefix.objects.filter(organisation__code=code.lower()).select_related("organisation").order_by("name")
    prefixes = list(held[:100])
    if not prefixes:
        raise NotFound(mark("No prefix here is held by {name}."), name=code[:64])
    return _entity(prefixes[0].organisation, ["registrant"], prefixes=[item.name for item in prefixes], outermost=True)


@_answering
def help_page(request: HttpRequest) -> rules.Shape:
    """What can be asked here."""
    described = Notice(
        title=_("What can be asked"),
        description=[
            f"{settings().url}/rdap/identifier/88.118.1/EXAMPLE",
            f"{settings().url}/rdap/prefix/88.118.1",
            f"{settings().url}/rdap/entity/CODE",
        ],
        links=[_link("help", _HELP, "text/html")],
    )
    return Help(rdap_conformance=list(rules.CONFORMANCE), notices=[described, _terms()], lang=_lang())


@_answering
def nothing(request: HttpRequest, rest: str = "") -> rules.Shape:
    """Any other address."""
    raise NotFound(mark("There is nothing at this address."), remedy=mark("See /rdap/help."))


def _sign_in(request: HttpRequest) -> None:
    """A program signs in with an API token; a wrong one is ignored, what it would see is not public."""
    if "Authorization" in request.headers:
        TokenAuth()(request)


def _sees(request: HttpRequest, owner: Organisation) -> bool:
    user = request.user
    return isinstance(user, User) and registry.prefixes(user).filter(organisation=owner).exists()


def _prefix(name: str) -> Prefix | None:
    return Prefix.objects.filter(name=name.upper()[:64]).select_related("organisation", "parent").first()


def _status(prefix: Prefix) -> list[str]:
    return ["active"] if prefix.state == Prefix.State.ACTIVE else ["inactive"]


def _node() -> Node:
    node = settings()
    return Node(name=node.node, url=node.url, resolution=f"{node.host}:{node.handle_port}")


def _events(record: Record) -> list[Event]:
    return [
        Event(event_action="registration", event_date=rules.moment(record.registered)),
        Event(event_action="last changed", event_date=rules.moment(record.modified)),
    ]


def _entity(
    owner: Organisation, roles: list[str], *, prefixes: list[str] | None = None, outermost: bool = False
) -> Entity:
    found = authentication.verified(owner)
    return Entity(
        handle=owner.code,
        roles=roles,
        vcard_array=rules.card(found.name if found else owner.name),
        public_ids=[rules.PublicId(type="GB 32100-2015", identifier=found.credit_code)] if found else [],
        status=["validated"] if found else [],
        links=[_link("self", _address("entity", owner.code), rules.MEDIA_TYPE)],
        prefixes=prefixes or [],
        rdap_conformance=list(rules.CONFORMANCE) if outermost else [],
        notices=[_terms()] if outermost else [],
        lang=_lang() if outermost else "",
    )


def _link(rel: str, href: str, media: str) -> Link:
    return Link(value=href, rel=rel, href=href, type=media)


def _address(kind: str, name: str) -> str:
    return f"{settings().url}/rdap/{kind}/{quote(name, safe='/')}"


def _terms() -> Notice:
    return Notice(
        title=_("Terms"),
        description=[_("What everybody may know of this identifier; its holder answers for the content.")],
        links=[_link("terms-of-service", settings().url + reverse("about"), "text/html")],
    )


def _lang() -> str:
    return get_language() or "zh-hans"


def _failure(status: int, title: str, remedy: str) -> HttpResponse:
    told = Failure(
        error_code=status,
        title=title,
        description=[remedy] if remedy else [],
        rdap_conformance=list(rules.CONFORMANCE),
        lang=_lang(),
    )
    return _respond(told, status)


def _respond(shape: rules.Shape, status: int) -> HttpResponse:
    answer = HttpResponse(msgspec.json.encode(shape), status=status, content_type=rules.MEDIA_TYPE)
    answer.headers["Access-Control-Allow-Origin"] = "*"  # RFC 7480 §5.6
    answer.headers["Vary"] = "Cookie, Authorization"
    return answer


urlpatterns = [
    path("rdap/help", help_page, name="rdap-help"),
    path("rdap/identifier/<path:handle>", identifier, name="rdap-identifier"),
    path("rdap/prefix/<str:name>", prefix, name="rdap-prefix"),
    path("rdap/entity/<str:code>", entity, name="rdap-entity"),
    path("rdap/", nothing),
    path("rdap/<path:rest>", nothing, name="rdap-nothing"),
]
