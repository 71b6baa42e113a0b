"""Link sets (RFC 9264) as a GS1-Conformant resolver gives and reads them, and which link fits a request. Pure.

Sources: RFC 9264 §4.2 (JSON), RFC 8288 §3 (relation types are registered names or URIs), RFC 4647 §3.4 (look-up of
languages), RFC 9110 §12 (``Accept``), GS1-Conformant Resolver 1.2 §6 (``linkType``, default link), GS1 Web Vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

MEDIA_TYPE = "application/linkset+json"
VOCABULARY = "https://ref.gs1.org/voc/"
_OTHER_VOCABULARIES = ("https://gs1.org/voc/", "http://gs1.org/voc/", "https://www.gs1.org/voc/", "gs1:")
DEFAULT = VOCABULARY + "defaultLink"
MOST_LINKS = 500
_TARGET_TEXTS = ("href", "title", "type", "media")


class BadLinkset(Invalid):
    """A document that is no link set of RFC 9264."""


@dataclass(frozen=True, slots=True)
class Link:
    """One link: relation type as a URI or a registered name, target, title, languages of the target, its media type."""

    linktype: str
    href: str
    title: str
    hreflang: tuple[str, ...]
    media_type: str
    default: bool = False


LINK_TYPES: Mapping[str, str] = {
    "gs1:pip": mark("Product information page"),
    "gs1:instructions": mark("Instructions"),
    "gs1:quickStartGuide": mark("Quick start guide"),
    "gs1:serviceInfo": mark("Service and maintenance"),
    "gs1:support": mark("Support"),
    "gs1:safetyInfo": mark("Safety information"),
    "gs1:certificationInfo": mark("Certificates"),
    "gs1:masterData": mark("Master data"),
    "gs1:epcis": mark("EPCIS repository"),
    "gs1:traceability": mark("Traceability"),
    "gs1:recallStatus": mark("Recall status"),
    "gs1:verificationService": mark("Verification service"),
    "gs1:registerProduct": mark("Registration of the product"),
    "gs1:productPassport": mark("Product passport"),
    "gs1:sustainabilityInfo": mark("Sustainability"),
    "gs1:repairInfo": mark("Repair"),
    "gs1:handlingEndOfLife": mark("End of life"),
    "gs1:locationInfo": mark("Location"),
    "gs1:homepage": mark("Home page of the organisation"),
    "gs1:registryEntry": mark("Entry in a register"),
}
"""The link types offered here, of the GS1 Web Vocabulary's many: short name → marked name."""


def expanded(linktype: str) -> str:
    """A link type as the URI that a link set needs: ``gs1:pip`` and the older addresses of the vocabulary alike."""
    for start in _OTHER_VOCABULARIES:
        if linktype.startswith(start):
            return VOCABULARY + linktype.removeprefix(start)
    return linktype


def safe(address: str) -> str:
    """``address`` if it is one that a page may link to (http or https), else an empty text."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    good = parts.scheme in ("http", "https") and parts.hostname and address.isprintable() and " " not in address
    return address if good and len(address) <= 2048 else ""


def encode(anchor: str, links: Iterable[Link]) -> bytes:
    """The link set of ``anchor`` (RFC 9264 §4.2): relation types as URIs, ``hreflang`` always a list."""
    context: dict[str, str | list[dict[str, str | list[str]]]] = {"anchor": anchor}
    for link in links:
        target: dict[str, str | list[str]] = {"href": link.href}
        if link.title:
            target["title"] = link.title
        if link.hreflang:
            target["hreflang"] = list(link.hreflang)
        if link.media_type:
            target["type"] = link.media_type
        for linktype in (expanded(link.linktype), DEFAULT) if link.default else (expanded(link.linktype),):
            targets = context.setdefault(linktype, [])
            if isinstance(targets, list):
                targets.append(target)
    return msgspec.json.encode({"linkset": [context]})


_Document = dict[str, list[dict[str, object]]]


def decode(document: bytes) -> list[Link]:
    """The links of a link set; raises :class:`BadLinkset` for what RFC 9264 does not allow."""
    try:
        contexts = msgspec.json.decode(document, type=_Document)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _bad("JSON") from error
    if set(contexts) != {"linkset"}:
        raise _bad("linkset")
    found: list[Link] = []
    for context in contexts["linkset"]:
        if not isinstance(context.get("anchor", ""), str):
            raise _bad("anchor")
        for linktype, targets in context.items():
            if linktype != "anchor":
                found += _targets(linktype, targets)
    return found[:MOST_LINKS]


def _targets(linktype: str, targets: object) -> list[Link]:
    if not isinstance(targets, list):
        raise _bad(linktype)
    found = []
    for target in targets:
        if not isinstance(target, dict) or not isinstance(target.get("href"), str):
            raise _bad("href")
        if any(not isinstance(target.get(name, ""), str) for name in _TARGET_TEXTS):
            raise _bad(linktype)
        languages = target.get("hreflang", [])
        if not isinstance(languages, list) or any(not isinstance(language, str) for language in languages):
            raise _bad("hreflang")
        address = safe(str(target["href"]))
        if address:
            title, kind = str(target.get("title", ""))[:300], str(target.get("type", ""))[:100]
            found.append(Link(expanded(linktype), address, title, tuple(languages), kind))
    return found


def _bad(what: str) -> BadLinkset:
    return BadLinkset(mark("This is no link set of RFC 9264: {what} is wrong."), what=what[:100])


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a request asks for: languages and media types, the most wanted first."""

    languages: Sequence[str] = ()
    media_types: Sequence[str] = ()


def wishes(accept_language: str, accept: str) -> Wishes:
    """The headers of a request; what cannot be read counts as not said."""
    return Wishes(_weighted(accept_language), _weighted(accept))


def _weighted(header: str) -> list[str]:
    found: list[tuple[float, str]] = []
    for item in header[:1000].split(","):
        name, *parameters = (part.strip() for part in item.split(";"))
        weight = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    weight = float(parameter[2:])
                except ValueError:
                    weight = 0.0
        if name and 0 < weight <= 1:
            found.append((weight, name.lower()))
    return [name for _, name in sorted(found, key=lambda pair: -pair[0])]


def choose(links: Sequence[Link], asked: Wishes) -> Link | None:
    """The link that fits best: language first, then media type, then the order in which they were given.

    A link without a language or a media type fits any, after those that are asked for by name.
    """
    ranked = sorted(
        links, key=lambda link: (_language_rank(link, asked.languages), _media_rank(link, asked.media_types))
    )
    return ranked[0] if ranked else None


def _language_rank(link: Link, languages: Sequence[str]) -> float:
    offered = [language.lower() for language in link.hreflang]
    if not offered or "und" in offered:
        return len(languages) + 0.5
    for place, wanted in enumerate(languages):
        if wanted == "*":
            return place
        if any(_matches(wanted, language) for language in offered):
            return place
    return len(languages) + 1.0


def _matches(wanted: str, offered: str) -> bool:
    """RFC 4647 §3.4 both ways: ``zh-CN`` is served by ``zh``, and ``zh`` by ``zh-Hans``."""
    return wanted == offered or wanted.startswith(f"{offered}-") or offered.startswith(f"{wanted}-")


def _media_rank(link: Link, media_types: Sequence[str]) -> float:
    if not link.media_type:
        return len(media_types) + 0.5
    for place, wanted in enumerate(media_types):
        group = wanted.partition("/")[0]
        if wanted in (link.media_type.lower(), "*/*") or (
            wanted.endswith("/*") and link.media_type.lower().startswith(f"{group}/")
        ):
            return place
    return len(media_types) + 1.0
