"""The state of the plant at a glance: figures of several rooms, each of which may be missing.

A figure whose source does not answer is unknown since the moment it was first missed; the page stays.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
import urllib.request
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

import structlog
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from gongfu.data.telemetry import overview as telemetry
from gongfu.data.telemetry.overview import Happened, Pulse
from gongfu.identity.registry import services as registry
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.errors import Unavailable
from gongfu.kernel.settings import settings
from gongfu.kernel.supervisor.status import ProcessStatus, fetch
from gongfu.platform.devices import services as devices
from gongfu.platform.devices.services import Overview, Tile

T = TypeVar("T")
log = structlog.get_logger("web")

ASK_AGAIN_S = 5.0
"""How long a source that did not answer is left alone, so that a page does not wait for it again and again."""
_FRESH_S = 2.0
_LATEST_S = 10.0
_MOST_FIGURES = 1000
SEPARATOR = " / "
"""Between the names in a place's path."""
EVENT_HOURS = 24
NEWEST_EVENTS = 8
_POWER_FRESH = dt.timedelta(minutes=5)


@dataclass(frozen=True)
class Known(Generic[T]):
    """A figure, or since when it is not known."""

    value: T | None
    since: dt.datetime | None = None


@dataclass
class _Missed:
    since: dt.datetime
    asked: float


_missed: dict[str, _Missed] = {}
_ask = ThreadPoolExecutor(5, "figures")
"""Other parts of the node are asked at once, while the database is read; none of these touches the database."""


def known(source: str, ask: Callable[[], T]) -> Known[T]:
    """What ``ask`` returns; unknown while ``source``, a part of the node, does not answer. Faults stay faults."""
    missed = _missed.get(source)
    if missed and time.monotonic() - missed.asked < ASK_AGAIN_S:
        return Known(None, missed.since)
    try:
        value = ask()
    except (Unavailable, OSError) as error:
        if missed is None:
            log.warning("figure missing", source=source, reason=str(error))
        missed = _missed[source] = _Missed(missed.since if missed else timezone.now(), time.monotonic())
        return Known(None, missed.since)
    _missed.pop(source, None)
    return Known(value)


@dataclass
class _Figure:
    value: Known[Any]
    at: float
    renewal: Future[Known[Any]] | None = None


_figures: OrderedDict[Hashable, _Figure] = OrderedDict()
_figures_lock = threading.Lock()


def figure(key: Hashable, source: str, question: Callable[[], Callable[[], T]]) -> Future[Known[T]]:
    """:func:`known`, shared by everybody who may see the same (``key``): at most :data:`_LATEST_S` old.

    Older than :data:`_FRESH_S` it is renewed, while who asks is given what there is: a page does not wait for sums
    over thousands of machines that another page asked for a moment ago. ``question`` is called here, where it may
    read the database, and only when the figure is asked for anew; what it returns is called in another thread.
    """
    now = time.monotonic()
    with _figures_lock:
        had = _figures.get(key)
        usable = had is not None and now - had.at <= _LATEST_S and had.value.value is not None
        if had is not None and usable and (now - had.at <= _FRESH_S or had.renewal is not None):
            return _ready(had.value)
    renewal = _renewed(key, source, question())
    if had is None or not usable:
        return renewal
    had.renewal = renewal
    return _ready(had.value)


def _ready(value: Known[T]) -> Future[Known[T]]:
    found: Future[Known[T]] = Future()
    found.set_result(value)
    return found


def _renewed(key: Hashable, source: str, ask: Callable[[], T]) -> Future[Known[T]]:
    def work() -> Known[T]:
        found = known(source, ask)
        with _figures_lock:
            _figures[key] = _Figure(found, time.monotonic())
            _figures.move_to_end(key)
            while len(_figures) > _MOST_FIGURES:
                _figures.popitem(last=False)
        return found

    return _ask.submit(work)


_processes: tuple[float, list[ProcessStatus]] | None = None


def processes() -> list[ProcessStatus]:
    """The supervisor's table, at most two seconds old; raises :class:`Unavailable` without a supervisor."""
    global _processes
    if _processes is None or time.monotonic() - _processes[0] > _FRESH_S:
        _processes = time.monotonic(), fetch(settings(), timeout=0.5)
    return _processes[1]


@dataclass(frozen=True)
class Owner:
    """An enterprise with its machines by place."""

    pk: int
    name: str
    online: int
    total: int
    places: list[tuple[str, list[Tile]]]


@dataclass(frozen=True)
class Plant:
    """Everything the home page shows."""

    overview: Overview
    owners: list[Owner]
    pulse: Known[Pulse]
    happened: Known[Happened]
    power: Known[float | None]
    """kW; None inside when nothing measures it."""
    identifiers: int
    resolutions: Known[int]
    """Requests answered since the resolver started."""
    processes: Known[list[ProcessStatus]]

    @property
    def tiles(self) -> list[Tile]:
        """Every machine shown."""
        return [tile for owner in self.owners for _place, tiles in owner.places for tile in tiles]


def plant(user: User, scope: Organisation | None = None) -> Plant:
    """The state of what ``user`` may see, now; of ``scope`` and below when it is given."""
    now = timezone.now()
    answers = _ask.submit(known, "resolver", resolutions)
    rows = _ask.submit(known, "processes", processes)
    seen = accounts.visible_organisations(user)
    orgs = list((seen.filter(path__startswith=scope.path) if scope else seen).values_list("pk", flat=True))
    since = now - dt.timedelta(hours=EVENT_HOURS)
    whose = tuple(sorted(orgs))
    pulse = figure(("pulse", whose), "store", lambda: partial(telemetry.pulse, orgs, now))
    happened = figure(("happened", whose), "store", lambda: partial(telemetry.happened, orgs, since, NEWEST_EVENTS))
    power = figure(
        ("power", whose),
        "store",
        lambda: partial(telemetry.total, orgs, devices.power_tags(user, scope), now - _POWER_FRESH),
    )
    places: dict[str, dict[str, list[Tile]]] = {}
    for tile in devices.tiles(user, scope):
        places.setdefault(tile.organisation, {}).setdefault(tile.place, []).append(tile)
    overview = devices.overview(user, scope)
    return Plant(
        overview=overview,
        owners=[
            Owner(owner.pk, str(owner), online, total, _shortened(places.get(str(owner), {})))
            for owner, total, online in overview.by_organisation
        ],
        pulse=pulse.result(),
        happened=happened.result(),
        power=power.result(),
        identifiers=sum(registry.count(prefix.name) for prefix in registry.prefixes(user, scope)),
        resolutions=answers.result(),
        processes=rows.result(),
    )


def _shortened(places: dict[str, list[Tile]]) -> list[tuple[str, list[Tile]]]:
    """Places without the site that all of them share."""
    sites = {place.partition(SEPARATOR)[0] for place in places}
    if len(sites) > 1 or len(places) == 1:
        return list(places.items())
    return [(place.partition(SEPARATOR)[2] or place, tiles) for place, tiles in places.items()]


def resolutions() -> int:
    """Requests the resolver has answered since it started; raises :class:`OSError` when it does not answer."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{settings().resolver_port}/metrics", timeout=0.5) as answer:
        text = answer.read().decode()
    return int(
        sum(
            sample.value
            for family in text_string_to_metric_families(text)
            if family.name == "gongfu_resolver_requests"
            for sample in family.samples
            if sample.labels.get("result") != "dropped"
        )
    )
