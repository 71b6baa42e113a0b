"""The door: what a code is, who answers for it here or elsewhere, and which codes are bound to identifiers.

A binding belongs to an organisation; only its members see and change it. What it says is public, as a label is: whoever
has the code is told which identifier answers for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from gongfu.identity.handle.errors import BadHandle
from gongfu.identity.registry import services as registry
from gongfu.identity.registry.values import Standard, page_url
from gongfu.identity.schemes import asking, codes, routing
from gongfu.identity.schemes.asking import Answer, Fact
from gongfu.identity.schemes.errors import BadCode, CodeTaken, UnknownCode
from gongfu.identity.schemes.gs1 import elements, link
from gongfu.identity.schemes.gs1.keys import Element
from gongfu.identity.schemes.linkset import Link
from gongfu.identity.schemes.models import SchemeBinding, SchemeLink
from gongfu.identity.schemes.routing import Authority, Route
from gongfu.identity.schemes.types import Candidate, Identifier, Scheme
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.errors import GongfuError, Invalid
from gongfu.kernel.i18n import mark
from gongfu.kernel.settings import settings

_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where it listens on all addresses, ask it here


@dataclass(frozen=True)
class Here:
    """What this node itself answers: the identifier, its public page, what it says, and the links of the code."""

    handle: str
    page: str
    name: str
    organisation: str
    facts: Sequence[Fact]
    links: Sequence[Link]
    binding: SchemeBinding | None


@dataclass(frozen=True)
class Report:
    """Everything about one text. Of ``here``, ``answer`` and ``problem`` at most one is there."""

    text: str
    candidates: Sequence[Candidate]
    chosen: Candidate | None
    here: Here | None = None
    route: Route | None = None
    answer: Answer | None = None
    problem: GongfuError | None = None

    @property
    def identifier(self) -> Identifier | None:
        """The valid code, if the text is one."""
        return self.chosen.identifier if self.chosen else None


def servers() -> Mapping[Authority, str]:
    """The authorities that this node may ask, from its settings; empty where there is none."""
    node = settings()
    dns = asking.nameserver(node.dns_server)
    host = _LOOPBACK.get(node.host, node.host)
    return {
        Authority.HANDLE: node.recursive or f"{host}:{node.handle_port}",
        Authority.GS1: node.gs1_resolver_url,
        Authority.DID: node.did_resolver_url,
        Authority.ECODE: node.ecode_resolver_url,
        Authority.DNS: dns,
        Authority.ORS: dns,
    }


def look_up(text: str, *, ask: bool = True) -> Report:
    """What ``text`` is and what is answered: from a binding or identifier of this node, else by its authority.

    Nothing is raised: what went wrong is in the report. With ``ask`` False no authority is called.
    """
    text = codes.tidy(text)
    candidates = codes.recognise(text)
    for candidate in candidates:
        here = answered_here(candidate.identifier) if candidate.identifier else None
        if here is not None:
            return Report(text, candidates, candidate, here)
        if candidate.error is not None and candidate.score >= codes.CERTAIN:
            break
    chosen = next((found for found in candidates if found.valid or found.score >= codes.CERTAIN), None)
    chosen = chosen or (candidates[0] if candidates else None)
    if chosen is None or chosen.identifier is None:
        return Report(text, candidates, chosen)
    try:
        route = routing.route(chosen.identifier, servers())
    except GongfuError as error:
        return Report(text, candidates, chosen, problem=error)
    if not ask:
        return Report(text, candidates, chosen, route=route)
    try:
        return Report(text, candidates, chosen, route=route, answer=asking.ask(route))
    except GongfuError as error:
        return Report(text, candidates, chosen, route=route, problem=error)


def answered_here(identifier: Identifier) -> Here | None:
    """What this node answers for ``identifier``, None when it is another's."""
    if identifier.scheme is Scheme.HANDLE:
        return _record(identifier.code, (), None)
    binding = bound(identifier)
    return from_binding(binding) if binding else None


def bound(identifier: Identifier) -> SchemeBinding | None:
    """The binding of ``identifier``; of a GS1 key also that of the same key with fewer qualifiers."""
    gs1 = identifier.scheme is Scheme.GS1
    wanted = routing.less_specific(identifier.code) if gs1 else [identifier.code]
    query = SchemeBinding.objects.filter(scheme=identifier.scheme.value, code__in=wanted)
    found = {binding.code: binding for binding in query.select_related("organisation").prefetch_related("links")}
    return next((found[code] for code in wanted if code in found), None)


def from_binding(binding: SchemeBinding) -> Here:
    """The answer of a binding. Its identifier may have been removed since: then only the links are left."""
    links = tuple(link.as_link() for link in binding.links.all())
    here = _record(binding.handle, links, binding) if binding.handle else None
    return here or Here("", "", "", str(binding.organisation), (), links, binding)


def _record(handle: str, links: tuple[Link, ...], binding: SchemeBinding | None) -> Here | None:
    record = registry.resolve_local(handle)
    if record is None or not record.public:
        return None
    page = page_url(settings().url, str(record.handle))
    public = {value.type: value.text for value in record.public}
    owner = registry.owner_of(record)
    name = public.get(Standard.NAME.name, "")
    own = Link("gs1:pip", page, name or str(record.handle), (), "text/html", not any(link.default for link in links))
    facts = tuple(Fact(value.type, value.text) for value in record.public)
    return Here(str(record.handle), page, name, str(owner or ""), facts, (*links, own), binding)


# --- bindings ---


def bindings(user: User, scope: Organisation | None = None) -> QuerySet[SchemeBinding]:
    """Bindings ``user`` may see, of ``scope`` and below when it is given."""
    found = SchemeBinding.objects.visible_to(user).select_related("organisation")
    return found.filter(organisation__path__startswith=scope.path) if scope else found


def bindings_of(user: User, handle: str) -> QuerySet[SchemeBinding]:
    """Codes bound to ``handle``, spelt as it is registered, that ``user`` may see."""
    return bindings(user).filter(handle=handle)


def normalise(binding: SchemeBinding) -> Identifier:
    """Put the code of ``binding`` into its normal form; raises :class:`BadCode`.

    One that is changed is read by its scheme first: bare digits of an Ecode may look like a GS1 key.
    """
    scheme = Scheme(binding.scheme) if binding.scheme else None
    found = next(
        (
            candidate.identifier
            for candidate in codes.recognise(binding.code)
            if candidate.identifier and candidate.scheme is scheme
        ),
        None,
    ) or codes.parse(binding.code)
    if found.scheme is Scheme.HANDLE:
        raise BadCode(
            mark("{code} is a handle: it is registered, not bound."),
            remedy=mark("Register it as an identifier."),
            code=found.code,
        )
    if len(found.code) > 300:
        raise BadCode(mark("A code of more than 300 characters cannot be bound."))
    binding.scheme, binding.kind, binding.code = found.scheme.value, found.kind, found.code
    return found


def save_binding(binding: SchemeBinding, user: User, _new: bool) -> None:
    """Store a binding in its normal form.

    Raises :class:`BadCode`, :class:`CodeTaken`, :class:`Invalid` when its identifier is not of the same organisation.
    """
    identifier = normalise(binding)
    binding.handle = _own_handle(binding, user)
    if SchemeBinding.objects.filter(scheme=binding.scheme, code=binding.code).exclude(pk=binding.pk).exists():
        raise CodeTaken(
            mark("{code} is bound already."),
            remedy=mark("Change that binding; if it is another organisation's, ask the operator."),
            code=identifier.code,
        )
    binding.save()


def _own_handle(binding: SchemeBinding, user: User) -> str:
    if not binding.handle.strip():
        return ""
    try:
        record, prefix = registry.identifier_for(user, binding.handle.strip())
    except BadHandle as error:
        raise UnknownCode(error.message, remedy=error.remedy, **error.values) from error
    if prefix.organisation_id != binding.organisation_id:
        raise Invalid(
            mark("{handle} stands under a prefix of another organisation."),
            remedy=mark("Choose an identifier of the organisation that the code belongs to."),
            handle=record.handle,
        )
    return str(record.handle)


def save_link(link: SchemeLink, _user: User, _new: bool) -> None:
    """Store a link; it belongs to whom its code belongs to."""
    link.organisation = link.binding.organisation
    link.save()


# --- for labels ---


def gs1_path(user: User, handle: str) -> str:
    """The Digital Link path of the GS1 key bound to ``handle``, of several the longest; empty when there is none."""
    found = bindings_of(user, handle).filter(scheme=Scheme.GS1.value).values_list("code", flat=True)
    return "/" + max(found, key=len) if found else ""


def gs1_transmitted(path: str) -> str:
    """The same key as an element string for a symbol that begins with FNC1."""
    key = link.parse(path)
    return elements.transmitted([Element(part.number, part.value) for part in key.parts if part.number])
