"""A dashboard for every device out of the box: from what its information model says of its tags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from gongfu.data.dashboards import rules
from gongfu.data.dashboards.rules import COLUMNS, Document, Kind, Measure, Source, Variables, Widget
from gongfu.platform.devices.models import Device, Tag

_FIGURES: Final[dict[str, Measure]] = {
    "power": "mean",
    "count": "change",
    "energy": "change",
    "runtime": "change",
    "fuel": "change",
}
"""Role → how its big number is made."""
_CLIMBING: Final = ("count", "energy", "runtime", "fuel")
_MOST_TRENDS: Final = 4


def of_device(device: Device) -> Document:
    """State timeline, big numbers, trends, shares of states and alarms, as far as the device has tags for them."""
    tags = [tag for tag in device.tags.all() if tag.kind in Tag.NUMERIC]
    states = [tag for tag in tags if tag.role == "state"]
    figures = [tag for tag in tags if tag.role in _FIGURES][:4]
    measured = [
        tag for tag in tags if tag.role not in (*_CLIMBING, "state", "position") and tag.kind == Tag.Kind.NUMBER
    ]
    made: list[Widget] = []
    y = 0
    if states:
        made.append(_widget(Kind.STATES, (0, y, COLUMNS, 2), _("State"), states[:1]))
        y += 2
    y = _figures(made, figures, y)
    power = next((tag for tag in tags if tag.role == "power"), None)
    trends = _by_unit(measured)[:_MOST_TRENDS]
    for number, some in enumerate(trends):
        title = _("Power") if power in some else " · ".join(dict.fromkeys(_name(tag) for tag in some))[:80]
        alone = number == len(trends) - 1 and number % 2 == 0
        box = (6 * (number % 2), y + 5 * (number // 2), COLUMNS if alone else 6, 5)
        made.append(_widget(Kind.TREND, box, title, some))
    y += 5 * ((len(trends) + 1) // 2)
    if states:
        made.append(_widget(Kind.PARETO, (0, y, 6, 4), _("Hours of each state"), states[:1], of="states"))
    anything = (states or measured or tags)[:1]
    if anything:
        box = (6, y, 6, 4) if states else (0, y, COLUMNS, 4)
        made.append(_widget(Kind.PARETO, box, _("Most frequent alarms"), anything))
    if not made:
        made.append(_widget(Kind.TABLE, (0, 0, COLUMNS, 6), _("Last values"), list(device.tags.all())[:20]))
    return rules.checked(Document(made, Variables(range="8h")))


def _widget(
    kind: Kind,
    box: tuple[int, int, int, int],
    title: str,
    tags: Sequence[Tag],
    *,
    of: Literal["alarms", "states"] = "alarms",
    measure: Measure = "last",
) -> Widget:
    x, y, w, h = box
    sources = [Source(tag=tag.pk) for tag in tags[: rules.MOST_SOURCES[kind]]]
    return Widget(f"{kind.value}{x}x{y}"[:16], kind, x, y, w, h, title[:80], sources, measure, of)


def _name(tag: Tag) -> str:
    english = (get_language() or "").startswith("en")
    return (tag.name_en if english else "") or tag.name


def _figures(made: list[Widget], figures: Sequence[Tag], y: int) -> int:
    if not figures:
        return y
    wide = COLUMNS // len(figures)
    for number, tag in enumerate(figures):
        made.append(_widget(Kind.NUMBER, (wide * number, y, wide, 2), _name(tag), [tag], measure=_FIGURES[tag.role]))
    return y + 2


def _by_unit(tags: Sequence[Tag]) -> list[list[Tag]]:
    """Tags that may stand on one axis, power first, headline tags before others."""
    found: dict[str, list[Tag]] = {}
    for tag in sorted(tags, key=lambda tag: (tag.role != "power", not tag.primary, tag.position)):
        group = found.setdefault(tag.unit or f"#{tag.pk}", [])
        if len(group) < rules.MOST_SERIES:
            group.append(tag)
    return list(found.values())
