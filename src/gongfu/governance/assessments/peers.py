"""Comparison with others that never shows one of them. Pure.

Figures are shown of at least ``k`` others, whoever asks; the one who compares is not among them. How many they are is
said as a multiple of ``k``, means and quartiles are rounded (to 5 points, to whole ones from 4 ``k`` on), and there is
no least and no most. So nobody can be found by subtracting one group from another or today's mean from yesterday's:
whoever knows the number exactly still has a range of more than 20 points (see tests).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, Literal

FEWEST: Final = 3
"""Whatever is configured, fewer are never shown."""
_COARSE: Final = Decimal(5)
_FINE: Final = Decimal(1)
Group = Literal["industry_size", "industry", "size", "all"]
GROUPS: Final[tuple[Group, ...]] = ("industry_size", "industry", "size", "all")
"""The closest first."""


@dataclass(frozen=True)
class Peer:
    """What is known of one enterprise. ``industry``: section and division, C34."""

    industry: str
    size: str
    total: Decimal
    dimensions: Mapping[str, Decimal]


@dataclass(frozen=True)
class Compared:
    """Means of a group, rounded; ``at_least`` so many are in it. Quartiles only of large groups."""

    group: Group
    at_least: int
    total: Decimal
    dimensions: Mapping[str, Decimal]
    quartiles: tuple[Decimal, Decimal, Decimal] | None
    step: Decimal
    """What figures are rounded to."""


def shown(count: int, k: int) -> int | None:
    """``count`` as it may be said: a multiple of ``k``; None below it, also for none at all."""
    k = max(k, FEWEST)
    return None if count < k else count // k * k


def rounded(value: Decimal, count: int, k: int) -> Decimal:
    """A mean of ``count`` enterprises as it may be said."""
    step = _step(count, k)
    return (value / step).quantize(_FINE, ROUND_HALF_UP) * step


def _step(count: int, k: int) -> Decimal:
    return _FINE if count >= 4 * max(k, FEWEST) else _COARSE


def compare(industry: str, size: str, others: Sequence[Peer], k: int) -> Compared | None:
    """The closest group of at least ``k`` others; None when even all of them are fewer.

    An empty ``industry`` or ``size`` is like nobody's.
    """
    k = max(k, FEWEST)
    for group in GROUPS:
        if ("industry" in group and not industry) or ("size" in group and not size):
            continue
        members = [one for one in others if _belongs(one, group, industry, size)]
        if len(members) >= k:
            return _summed(group, members, k)
    return None


def _belongs(one: Peer, group: Group, industry: str, size: str) -> bool:
    return ("industry" not in group or one.industry == industry) and ("size" not in group or one.size == size)


def _summed(group: Group, members: Sequence[Peer], k: int) -> Compared:
    count = len(members)
    totals = sorted(one.total for one in members)
    keys = {key for one in members for key in one.dimensions}
    dimensions = {}
    for key in sorted(keys):
        known = [one.dimensions[key] for one in members if key in one.dimensions]
        if len(known) >= k:
            dimensions[key] = rounded(sum(known, Decimal(0)) / len(known), len(known), k)
    quartiles = None
    if count >= 4 * k:
        quartiles = (
            rounded(totals[count // 4], 0, k),
            rounded(totals[count // 2], 0, k),
            rounded(totals[count * 3 // 4], 0, k),
        )
    return Compared(
        group=group,
        at_least=count // k * k,
        total=rounded(sum(totals, Decimal(0)) / count, count, k),
        dimensions=dimensions,
        quartiles=quartiles,
        step=_step(count, k),
    )


@dataclass(frozen=True)
class Row:
    """An industry in the overview: stage → how many, as it may be said (None: fewer than k, or none)."""

    industry: str
    count: int | None
    stages: Mapping[str, int | None]
    mean: Decimal | None


def overview(firms: Iterable[tuple[Peer, str]], stages: Sequence[str], k: int, *, exact: bool) -> list[Row]:
    """Industries with their stages, the first row (industry empty) being all of them; ``firms``: each with its stage.

    With ``exact`` for those who may see every single one; otherwise industries of fewer than ``k`` are left out.
    """
    found = list(firms)
    k = max(k, FEWEST)
    names = sorted({one.industry for one, _stage in found})
    rows = [_row("", found, stages, k, exact=exact)]
    for name in names:
        mine = [pair for pair in found if pair[0].industry == name]
        if name and (exact or len(mine) >= k):
            rows.append(_row(name, mine, stages, k, exact=exact))
    return rows


def _row(name: str, found: Sequence[tuple[Peer, str]], stages: Sequence[str], k: int, *, exact: bool) -> Row:
    counts = Counter(stage for _peer, stage in found)
    count = len(found)
    mean = sum((peer.total for peer, _stage in found), Decimal(0)) / count if count else None
    if exact:
        said = None if mean is None else mean.quantize(Decimal("0.1"))
        return Row(name, count, {stage: counts[stage] for stage in stages}, said)
    shown_mean = rounded(mean, count, k) if mean is not None and count >= k else None
    return Row(name, shown(count, k), {stage: shown(counts[stage], k) for stage in stages}, shown_mean)
