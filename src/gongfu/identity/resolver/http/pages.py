"""What a browser gets at ``/{handle}``: on to the address of the identifier, or its values as a page.

As proxy servers of the Handle system do it (``?noredirect`` for the page). Only http and https addresses are gone to.
"""

from __future__ import annotations

import html
from urllib.parse import urlsplit

from gongfu.identity.handle.codes import ResponseCode
from gongfu.identity.handle.wire import Value
from gongfu.identity.resolver.administration import Administration
from gongfu.identity.resolver.errors import NoHandle
from gongfu.identity.resolver.http.answers import STATUS
from gongfu.identity.resolver.http.api import Parameters
from gongfu.identity.resolver.http.messages import Response
from gongfu.kernel.errors import GongfuError, Unavailable
from gongfu.kernel.i18n import mark, translate

HTML = b"text/html;charset=UTF-8"
MAX_ALIASES = 5
"""HS_ALIAS values followed one after another."""
_NOT_THERE = (ResponseCode.NOT_RESPONSIBLE, ResponseCode.VALUES_NOT_FOUND)
_SAFE = [
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
]


def page(administration: Administration, handle: str, asked: Parameters, language: str) -> Response:
    """The redirect or the page; an unknown identifier gets a page that says so."""
    try:
        values = _followed(administration, handle)
    except GongfuError as error:
        return refusal(error, language, handle)
    if not asked.flag("noredirect"):
        address = _address(values)
        if address:
            return Response(302, b"", HTML, [("Location", address), *_SAFE])
    rows = "".join(
        f"<tr><td>{value.index}</td><td>{html.escape(value.type)}</td><td>{_shown(value)}</td></tr>" for value in values
    )
    heads = "".join(
        f"<th>{html.escape(translate(name, language))}</th>" for name in (mark("Index"), mark("Type"), mark("Data"))
    )
    return _document(handle, f"<table border='1'><tr>{heads}</tr>{rows}</table>", language, 200)


def refusal(error: GongfuError, language: str, handle: str = "") -> Response:
    """A page that says why there is none."""
    status = 404 if error.handle_code in _NOT_THERE else STATUS.get(ResponseCode(error.handle_code), 500)
    text = error.text(language)
    if isinstance(error, Unavailable):  # the operator's business
        text = translate(mark("The node cannot answer now."), language)
    return _document(handle, f"<p>{html.escape(text)}</p>", language, status)


def preferred(accept: bytes) -> str:
    """``zh-hans`` or ``en``, from Accept-Language."""
    first = accept.decode("latin-1").strip().lower()
    return "en" if first.startswith("en") else "zh-hans"


def _followed(administration: Administration, handle: str) -> tuple[Value, ...]:
    for _ in range(MAX_ALIASES):
        values = administration.resolve(handle)
        alias = next((value.text for value in values if value.type == "HS_ALIAS"), "")
        if not alias:
            return values
        handle = alias
    raise NoHandle(mark("{handle} leads in a circle."), handle=handle[:300])


def _address(values: tuple[Value, ...]) -> str:
    """The first URL value that a browser may be sent to; letters beyond ASCII percent-encoded."""
    for value in values:
        if value.type.upper() == "URL":
            text = value.text.strip()
            if _web(text):
                return "".join(letter if "!" <= letter <= "~" else _escaped(letter) for letter in text)
    return ""


def _escaped(letter: str) -> str:
    return "".join(f"%{octet:02X}" for octet in letter.encode())


def _web(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme.lower() in ("http", "https") and bool(parts.netloc)


def _shown(value: Value) -> str:
    text = html.escape(value.text[:10_000])
    return (
        f'<a rel="noreferrer" href="{html.escape(value.text.strip())}">{text}</a>' if _web(value.text.strip()) else text
    )


def _document(handle: str, body: str, language: str, status: int) -> Response:
    name = html.escape(handle)
    lang = "zh-Hans" if language.startswith("zh") else "en"
    text = (
        f'<!doctype html><html lang="{lang}"><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{name}</title><h1>{name}</h1>{body}</html>'
    )
    return Response(status, text.encode(errors="replace"), HTML, list(_SAFE))
