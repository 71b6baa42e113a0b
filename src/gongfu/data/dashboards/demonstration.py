"""Two dashboards of the demonstration plant, for its start page."""

from __future__ import annotations

from gongfu.data.dashboards import services
from gongfu.data.dashboards.models import Dashboard
from gongfu.data.dashboards.rules import Document, Kind, Measure, Source, Variables, Widget
from gongfu.kernel.accounts.models import Organisation
from gongfu.platform.devices.models import Tag

_MACHINES = 7


def seed(organisation: Organisation) -> None:
    """Enter them for ``organisation``, unless it has dashboards."""
    if Dashboard.objects.filter(organisation=organisation).exists():
        return
    for name, english, document in (
        ("车间运行", "Workshop today", _workshop(organisation)),
        ("能源概览", "Energy", _energy(organisation)),
    ):
        if document.widgets:
            board = Dashboard(organisation=organisation, name=name, name_en=english, starred=True)
            services.create(None, board, document)


def _tags(organisation: Organisation, **wanted: object) -> list[Tag]:
    found = Tag.objects.filter(organisation=organisation, **wanted).filter(kind__in=Tag.NUMERIC)
    return list(found.select_related("device").order_by("device__key", "position", "pk"))


def _sources(tags: list[Tag], most: int) -> list[Source]:
    return [Source(tag=tag.pk) for tag in tags[:most]]


def _numbers(tags: list[Tag], measure: Measure, y: int) -> list[Widget]:
    return [
        Widget(f"n{place}", Kind.NUMBER, 3 * place, y, 3, 2, f"{tag.device.name} · {tag.name}"[:80],
               _sources([tag], 1), measure)
        for place, tag in enumerate(tags[:4])
    ]  # fmt: skip


def _workshop(organisation: Organisation) -> Document:
    states = _tags(organisation, role="state")
    counts = _tags(organisation, role="count")
    power = [tag for tag in _tags(organisation, role="power") if tag.device.type != "energy-meter"]
    if not states:
        return Document()
    return Document(
        [
            Widget("states", Kind.STATES, 0, 0, 12, 5, "设备状态", _sources(states, _MACHINES)),
            *_numbers(counts, "change", 5),
            Widget("power", Kind.TREND, 0, 7, 6, 5, "设备功率", _sources(power, 5)),
            Widget("hours", Kind.PARETO, 6, 7, 6, 5, "各状态时长", _sources(states, 12), of="states"),
            Widget("alarms", Kind.PARETO, 0, 12, 6, 5, "最频繁的报警"),
            Widget("last", Kind.TABLE, 6, 12, 6, 5, "主要测点",
                   _sources([tag for tag in _tags(organisation, primary=True) if tag.role != "state"], 12)),
        ],
        Variables(range="8h"),
    )  # fmt: skip


def _energy(organisation: Organisation) -> Document:
    meters = _tags(organisation, device__type="energy-meter")
    power = [tag for tag in meters if tag.role == "power"] or _tags(organisation, role="power")
    energy = [tag for tag in meters if tag.role == "energy"] or _tags(organisation, role="energy")
    if not power:
        return Document()
    return Document(
        [
            Widget("gauge", Kind.GAUGE, 0, 0, 3, 4, "当前功率", _sources(power, 1)),
            Widget("trend", Kind.TREND, 3, 0, 9, 4, "功率", _sources(power, 5)),
            *_numbers(energy, "change", 4),
            Widget("heat", Kind.HEAT, 0, 6, 12, 5, "每小时平均功率", _sources(power, 1), "mean", range="7d"),
        ],
        Variables(range="24h"),
    )
