"""Words and figures of the map as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from gongfu.network.map.differing import Change, News
from gongfu.network.map.measuring import Grade
from gongfu.network.map.shapes import Readiness
from gongfu.platform.map.models import BuildState, Equipment, Link, Quality

SHAPES: Mapping[Grade, str] = {Grade.GOOD: "●", Grade.UNCERTAIN: "▲", Grade.BAD: "✕", Grade.UNKNOWN: "○"}
"""Quality is a shape as well as a colour."""
VIEWS = ("build", "run", "use")


def view_names() -> dict[str, str]:
    """The three views."""
    return {"build": _("Construction"), "run": _("Operation"), "use": _("Usage")}


def grade_names() -> dict[str, str]:
    """What grades are called."""
    return {
        Grade.GOOD.value: _("Good"),
        Grade.UNCERTAIN.value: _("Doubtful"),
        Grade.BAD.value: _("Down"),
        Grade.UNKNOWN.value: _("Not measured"),
    }


def ipv6_names() -> dict[str, str]:
    """How far a host is with IPv6."""
    return {
        Readiness.UNKNOWN.value: _("Not measured"),
        Readiness.NONE.value: _("No IPv6 address"),
        Readiness.LOCAL.value: _("Only on its own link"),
        Readiness.ADDRESSED.value: _("Has an address, does not answer"),
        Readiness.READY.value: _("Answers over IPv6"),
    }


def service_names() -> dict[str, str]:
    """What a TCP connection met."""
    return {"open": _("accepts connections"), "closed": _("port closed"), "silent": _("silent"), "": ""}


def kind_names() -> dict[str, str]:
    """Kinds of links, and of what is drawn."""
    return {
        **{value: str(label) for value, label in Link.Kind.choices},
        **{value: str(label) for value, label in Equipment.Kind.choices},
        "bus": _("Through the broker"),
        "device": _("Device"),
        "fold": _("Devices"),
        "site": _("Site"),
        "area": _("Workshop"),
        "line": _("Line or cell"),
    }


def build_names() -> dict[str, str]:
    """How far things are built."""
    return {value: str(label) for value, label in BuildState.choices}


def news_names() -> dict[News, str]:
    """What may have changed."""
    return {
        News.NEW: _("New"),
        News.GONE: _("Gone"),
        News.MOVED: _("Moved"),
        News.BUILT: _("Built"),
        News.WORSE: _("Worse"),
        News.BETTER: _("Better"),
    }


def sentence(change: Change) -> str:
    """What changed of a thing, as people say it."""
    if change.news in (News.NEW, News.GONE):
        return change.after or change.before
    words: Mapping[str, Mapping[str, str]] = {"build": build_names(), "grade": grade_names()}
    known = words.get(change.what, {})
    before, after = known.get(change.before, change.before), known.get(change.after, change.after)
    if change.what == "p95":
        return _("Latency (p95) %(before)s → %(after)s ms") % {"before": before, "after": after}
    if change.what == "loss":
        said: dict[str, Any] = {"before": f"{100 * float(before):.1f}", "after": f"{100 * float(after):.1f}"}
        return _("Loss %(before)s → %(after)s %%") % said
    return f"{before or '–'} → {after or '–'}"


def short(quality: Quality | None, view: str) -> str:
    """The one figure under a node."""
    if quality is None:
        return ""
    if view == "use":
        return f"{quality.rate:.1f}/s" if quality.rate is not None else ""
    value = quality.latency if quality.latency is not None else quality.round_trip
    if value is None:
        return ""
    loss = quality.loss if quality.loss is not None else quality.late
    return milliseconds(value) + (f" · {100 * loss:.0f}%" if loss and loss >= 0.01 else "")


def milliseconds(value: float | None) -> str:
    """With as many digits as matter."""
    if value is None:
        return "–"
    return f"{value:.2f} ms" if value < 10 else f"{value:.0f} ms"


def volume(bytes_a_second: float | None) -> str:
    """Bytes a second."""
    if bytes_a_second is None:
        return "–"
    for unit in ("B/s", "kB/s"):
        if bytes_a_second < 1000:
            return f"{bytes_a_second:.0f} {unit}"
        bytes_a_second /= 1000
    return f"{bytes_a_second:.1f} MB/s"
