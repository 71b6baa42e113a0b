"""From what a station says of a point to a sample, and from a value to its command. Pure."""

from __future__ import annotations

from gongfu.kernel.i18n import mark
from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import Refusal, Sample
from gongfu.network.drivers.iec104 import times
from gongfu.network.drivers.iec104.address import KINDS, Kind
from gongfu.network.drivers.iec104.codes import Flag
from gongfu.network.drivers.iec104.elements import Counter
from gongfu.network.drivers.iec104.station import Point
from gongfu.network.drivers.values import fit
from gongfu.network.drivers.writing import number, truth
from gongfu.network.gateway.config import TagConfig

_LIMITS = {
    Kind.DP: (1, 2, True),
    Kind.ST: (1, 2, True),
    Kind.BO: (0, 0xFFFFFFFF, True),
    Kind.NA: (-1, 32767 / 32768, False),
    Kind.NB: (-32768, 32767, True),
    Kind.NC: (-3.4028234e38, 3.4028234e38, False),
}
"""Of a command: lowest, highest, whole numbers only."""
_OFF, _ON = 1, 2
"""Double points and double commands; 0 and 3 are neither (IEC 60870-5-101 §7.2.6.2, §7.2.6.16)."""


def sample(tag: TagConfig, wanted: Kind | None, point: Point, offset: int) -> tuple[Sample, str]:
    """The sample of ``tag``, and what is wrong with it, if its type is.

    ``offset``: minutes that the station's clock is ahead of UTC. A time tag that is marked invalid, or that is no
    date, counts as none.
    """
    kind, element = KINDS[point.type], point.element
    time = 0 if element.time is None else times.microseconds(element.time, offset)
    if wanted is not None and wanted is not kind:
        return Sample(
            tag.series, None, time, Quality.BAD
        ), f"the station sends {point.type.name}, which is not {wanted}"
    raw: float | bool | None = element.value
    grade = quality(point)
    if kind is Kind.DP:
        if element.value not in (_OFF, _ON):
            grade = max(grade, Quality.UNCERTAIN)
        if tag.kind == "boolean":
            raw = {_OFF: False, _ON: True}.get(int(element.value))
            if raw is None:  # on its way, or nobody knows: the point is well, it has no such value
                return Sample(tag.series, None, time, Quality.BAD), ""
    value = fit(tag.kind, raw)
    if value is None:
        return Sample(tag.series, None, time, Quality.BAD), f"the value is no {tag.kind}"
    return Sample(tag.series, value, time, grade), ""


def quality(point: Point) -> Quality:
    """Invalid is bad; overflow, blocked, substituted, not topical and moving are uncertain (§7.2.6.3)."""
    element = point.element
    if isinstance(element, Counter):
        return Quality.BAD if element.invalid else Quality.GOOD
    if element.flags & Flag.INVALID:
        return Quality.BAD
    return Quality.UNCERTAIN if element.flags or element.transient else Quality.GOOD


def command_value(kind: Kind, value: float | bool | str) -> bool | int | float:
    """``value`` as a command of ``kind`` carries it; raises :class:`Refusal`."""
    if kind is Kind.SP:
        return truth(value)
    if kind in (Kind.DP, Kind.ST) and isinstance(value, bool):
        return _ON if value else _OFF
    low, high, whole = _LIMITS[kind]
    wanted = number(value, kind, whole=whole)
    if not low <= wanted <= high:
        raise Refusal(
            mark("{value} cannot be sent as {type}."),
            remedy=mark(
                "dp takes 1 (off) and 2 (on); st 1 (lower) and 2 (higher); na -1 to 0.99997; nb -32768 to 32767; "
                "bo 0 to 4294967295; nc any number of 32 bits."
            ),
            value=value,
            type=kind,
        )
    return int(wanted) if whole else wanted
