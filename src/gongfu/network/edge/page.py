"""The status page of an edge: plain HTML without script, made anew at each call, in Chinese or English."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from html import escape
from importlib import resources
from urllib.parse import parse_qs

import msgspec

from gongfu.kernel import ops
from gongfu.kernel.i18n import mark, translate
from gongfu.network.edge.contract import EdgeState

REFRESH = 5
_MOST = 500
_STYLE = resources.files(__package__).joinpath("page.css").read_bytes()
_HEADERS = [
    (b"content-security-policy", b"default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
]
_STATUS = {
    "online": mark("online"),
    "offline": mark("offline"),
    "connecting": mark("connecting"),
    "refused": mark("refused"),
}
_QUALITY = (mark("good"), mark("uncertain"), mark("bad"))


class Row(msgspec.Struct, frozen=True):
    """The newest value of one tag; ``time`` 0: none yet."""

    device: int
    device_name: str
    tag: str
    unit: str
    time: int
    value: float | str
    quality: int


class View(msgspec.Struct, frozen=True):
    """Everything on the page."""

    edge: str
    node: str
    state: EdgeState | None
    devices: dict[str, str]
    rows: list[Row]
    rules: int
    problem: str
    fired: list[str]


def app(view: Callable[[], View]) -> ops.App:
    """``/`` is the page, ``/style.css`` its style, ``/state.json`` the same for programs."""

    async def answer(scope: ops.Scope, receive: ops.Receive, send: ops.Send) -> None:
        if scope["path"] == "/style.css":
            await ops.respond(send, 200, _STYLE, "text/css; charset=utf-8", _HEADERS)
        elif scope["path"] == "/state.json":
            await ops.respond(send, 200, msgspec.json.encode(view()), "application/json", _HEADERS)
        elif scope["path"] == "/":
            text = render(view(), language(scope))
            await ops.respond(send, 200, text.encode(), "text/html; charset=utf-8", _HEADERS)
        else:
            await ops.respond(send, 404, b"not found\n", "text/plain", _HEADERS)

    return answer


def language(scope: ops.Scope) -> str:
    """What the reader asks for in the address or prefers; Chinese otherwise."""
    wanted = parse_qs(scope.get("query_string", b"").decode("ascii", "replace")).get("lang", [""])[0]
    if not wanted:
        wanted = next((value for name, value in scope["headers"] if name == b"accept-language"), b"").decode("latin-1")
    return "en" if wanted.strip().lower().startswith("en") else "zh-hans"


def render(view: View, lang: str) -> str:
    """The page."""

    def said(text: str) -> str:
        return escape(translate(text, lang))

    other = ("en", "English") if lang != "en" else ("zh-hans", "中文")
    body = [
        f"<header><h1>{said(mark('Edge node'))} {escape(view.edge)}</h1>"
        f'<a href="/?lang={other[0]}" lang="{other[0]}">{other[1]}</a></header>',
        f"<dl>{''.join(_figures(view, said))}</dl>",
    ]
    if view.problem:
        body.append(f'<p class="bad">{escape(view.problem)}</p>')
    body.append(f"<h2>{said(mark('Devices'))}</h2>")
    body += _table(
        (said(mark("Device")), said(mark("State"))),
        [
            f'<td>{escape(name)}</td><td class="{"ok" if status == "online" else "bad"}">'
            f"{said(_STATUS.get(status, status))}</td>"
            for name, status in view.devices.items()
        ],
        said(mark("The node has given this edge no device yet.")),
    )
    body.append(f"<h2>{said(mark('Newest values'))}</h2>")
    heads = [mark("Device"), mark("Tag"), mark("Value"), mark("Quality"), mark("Time")]
    body += _table([said(head) for head in heads], [_row(row, said) for row in view.rows[:_MOST]], "–")
    body.append(f"<h2>{said(mark('Local rules that acted'))}</h2>")
    body += [f"<p>{escape(line)}</p>" for line in view.fired] or [f"<p>{said(mark('None yet.'))}</p>"]
    return (
        f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8">'
        f'<meta http-equiv="refresh" content="{REFRESH}"><meta name="viewport" content="width=device-width">'
        f'<title>{escape(view.edge)}</title><link rel="stylesheet" href="/style.css"></head>'
        f"<body>{''.join(body)}</body></html>"
    )


def _figures(view: View, said: Callable[[str], str]) -> list[str]:
    state = view.state
    if state is None:
        return [_figure(said(mark("Connection to the node")), said(mark("unknown")), "bad")]
    clock = "–" if state.clock_offset is None else f"{state.clock_offset:+.3f} s"
    held = f"{state.backlog.messages} ({_bytes(state.backlog.bytes)} / {_bytes(state.backlog.limit)})"
    connected = said(mark("connected")) if state.connected else said(mark("cut off"))
    return [
        _figure(said(mark("Connection to the node")), connected, "ok" if state.connected else "bad"),
        _figure(said(mark("Node")), escape(view.node)),
        _figure(said(mark("Since")), _when(state.since)),
        _figure(said(mark("Messages waiting for the node")), held),
        _figure(said(mark("Oldest of them")), _when(state.backlog.oldest)),
        _figure(said(mark("Readings forwarded")), f"{state.forwarded.readings:,}"),
        _figure(said(mark("Clock against the node's")), clock),
        _figure(said(mark("Local rules")), str(view.rules)),
        _figure(said(mark("Free disk space")), _bytes(state.disk_free)),
        _figure(said(mark("Version")), escape(state.version)),
    ]


def _figure(name: str, value: str, kind: str = "") -> str:
    return f'<div><dt>{name}</dt><dd class="{kind}">{value}</dd></div>'


def _table(heads: list[str] | tuple[str, ...], rows: list[str], empty: str) -> list[str]:
    if not rows:
        return [f"<p>{empty}</p>"]
    head = "".join(f"<th>{one}</th>" for one in heads)
    lines = "".join(f"<tr>{row}</tr>" for row in rows)
    return [f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>']


def _row(row: Row, said: Callable[[str], str]) -> str:
    value = row.value if isinstance(row.value, str) else f"{row.value:.6g}"
    quality = said(_QUALITY[row.quality]) if 0 <= row.quality < len(_QUALITY) else "–"
    kind = "ok" if row.quality == 0 else "bad"
    return (
        f"<td>{escape(row.device_name)}</td><td>{escape(row.tag)}</td>"
        f'<td class="n">{escape(value)} {escape(row.unit)}</td>'
        f'<td class="{kind}">{quality}</td><td>{_when(row.time)}</td>'
    )


def _when(microseconds: int) -> str:
    """Local time of this machine, with the date when it is not today's."""
    if microseconds <= 0:
        return "–"
    try:
        at = datetime.datetime.fromtimestamp(microseconds / 1e6).astimezone()
    except (OverflowError, ValueError, OSError):
        return "–"
    today = time.strftime("%Y-%m-%d")
    return at.strftime("%H:%M:%S" if at.strftime("%Y-%m-%d") == today else "%Y-%m-%d %H:%M:%S")


def _bytes(count: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"
