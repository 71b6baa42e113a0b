"""What platform.modelling asks of telemetry: how tags behaved during the last day."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Collection, Mapping

from gongfu.data.telemetry import services
from gongfu.data.telemetry.services import History
from gongfu.platform.modelling.observing import Observed

PERIOD = dt.timedelta(days=1)
_POINTS = 400
_MOST_VALUES = 64
_MOST_SERIES = 200
"""Series asked for in one question."""


def observe(organisation: int, tags: Collection[int]) -> Mapping[int, Observed]:
    """Of each of ``tags`` its age, range and different values; raises :class:`Unavailable`."""
    now = dt.datetime.now(dt.UTC)
    wanted = list(tags)
    found: dict[int, Observed] = {}
    for first in range(0, len(wanted), _MOST_SERIES):
        part = wanted[first : first + _MOST_SERIES]
        last = services.last_values([organisation], part)
        heard = [tag for tag in part if tag in last]
        histories = services.history([organisation], heard, now - PERIOD, now, _POINTS) if heard else []
        by_series = {history.series: history for history in histories}
        for tag in heard:
            found[tag] = _observed(time.time() - last[tag].time / 1e6, by_series.get(tag))
    return found


def _observed(age: float, history: History | None) -> Observed:
    points = history.points if history else []
    values = [float(point.value) for point in points if isinstance(point.value, float | int)]
    if not values:
        return Observed(age=max(0.0, age))
    # Down-sampled points come as least and greatest of each interval: their order says nothing within one.
    step = 1 if history is None or history.complete else 4
    falls = any(later < earlier for earlier, later in zip(values, values[step:], strict=False))
    different = sorted(set(values))
    return Observed(
        age=max(0.0, age),
        lowest=different[0],
        highest=different[-1],
        falls=falls,
        values=different if len(different) <= _MOST_VALUES else (),
    )
