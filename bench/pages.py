"""Server time and SQL queries of every console page, with 10,000 devices and 100,000 tags in the database.

    gongfu bench pages --json

A whole node runs beside it (so that pages which ask the store or the supervisor get real answers); the pages
themselves are called in this process, without a network between. ``p95_ms`` is the 95th percentile of the
slowest page, ``max_queries`` the most SQL queries of any page. Baseline: the sign-in page's middleware alone.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import Result, result

from tests.node.running import Node

DEVICES = 10_000
TAGS_EACH = 10
ORGANISATIONS = 20
SETTLE_S = 4.0
"""Processes that have just become ready still warm up: the store, the worker's reconciliation of 10,000 devices."""


def run(quick: bool) -> Result:
    """Measure; ``quick`` takes a fifth of the samples of the same database."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="gongfu-bench-") as folder:
        node = Node(Path(folder))
        node.command("migrate")
        os.environ |= node.environment | {"DJANGO_SETTINGS_MODULE": "gongfu.console.django_settings"}
        _django()
        _fill()
        with node:
            time.sleep(SETTLE_S)
            pages = _measure(5 if quick else 25)
            baseline = _baseline()
    slowest = max(pages, key=lambda page: pages[page][0])
    metrics = {
        "p95_ms": pages[slowest][0],
        "max_queries": max(queries for _, queries in pages.values()),
        "pages": len(pages),
        "median_page_p95_ms": statistics.median(p95 for p95, _ in pages.values()),
        "p95_ratio_to_bare": pages[slowest][0] / baseline,
    }
    for page, (p95, queries) in sorted(pages.items(), key=lambda item: -item[1][0]):
        sys.stderr.write(f"{p95:8.1f} ms {queries:3d} queries  {page}\n")
    return result("pages", metrics, {"bare_ms": baseline}, started)


def _django() -> None:
    import django

    from gongfu.kernel.settings import settings as node_settings

    node_settings.cache_clear()  # the command line has read those of another home
    django.setup()
    from django.conf import settings

    settings.ALLOWED_HOSTS = ["*"]


def _fill() -> None:
    from gongfu.kernel.accounts import services as accounts
    from gongfu.network.models import library
    from gongfu.platform.devices.models import Device, Place, Tag

    types = [model for model in library.types() if model.tags]
    owners = [accounts.create_organisation(f"works-{n}", f"第 {n} 工厂") for n in range(ORGANISATIONS)]
    places = Place.objects.bulk_create(
        Place(organisation=owner, name=f"{area} 车间", path=f"{area} 车间") for owner in owners for area in range(10)
    )
    devices = Device.objects.bulk_create(
        (
            Device(
                organisation=places[n % len(places)].organisation,
                place=places[n % len(places)],
                key=f"D-{n:05d}",
                name=f"设备 {n:05d}",
                type=types[n % len(types)].id,
                driver="modbus",
                options={"host": "127.0.0.1", "port": 15020},
                life="in_service",
                connection="online" if n % 7 else "offline",
                identifier=f"88.118.{n % ORGANISATIONS + 1}/D-{n:05d}",
            )
            for n in range(DEVICES)
        ),
        batch_size=1000,
    )
    Tag.objects.bulk_create(
        (
            Tag(
                organisation_id=device.organisation_id,
                device=device,
                key=f"t{k}",
                name=f"测点 {k}",
                unit="°C",
                address=f"holding:{2 * k}:float32",
                position=k,
                primary=k < 3,
                role="power" if k == 0 else "",
            )
            for device in devices
            for k in range(TAGS_EACH)
        ),
        batch_size=2000,
    )


def _paths() -> Iterator[str]:
    """Every page people can open: the navigation's, and for each resource its list, forms, detail and tabs."""
    from gongfu.console import modules
    from gongfu.console.urls import urlpatterns
    from gongfu.kernel.pages import resource as resources

    for pattern in urlpatterns:
        name, route = getattr(pattern, "name", None), str(pattern.pattern)
        if name and "<" not in route and not route.startswith(("api/", "me/")) and not name.endswith(("-views",)):
            yield f"/{route}"
    yield from ("/me/", "/platform/devices/?q=0042", "/platform/devices/?connection=offline&sort=-last_reading_at")
    yield "/platform/devices/?page=150"
    for resource in resources.installed():
        thing = resource.model._default_manager.first()
        if thing is not None:
            yield resource.url(thing)
            yield from (f"{resource.url(thing)}?tab={tab.name}" for tab in resource.tabs)
    assert modules.MODULES


def _measure(samples: int) -> dict[str, tuple[float, int]]:
    """Page → (95th percentile in ms, queries)."""
    from django.test import Client

    from gongfu.console.web import settle
    from gongfu.kernel.accounts.models import User

    client = Client(HTTP_ACCEPT_LANGUAGE="zh-hans")
    client.force_login(User.objects.get(username="admin"))
    settle()  # as the web process does
    pages: dict[str, tuple[float, int]] = {}
    for path in dict.fromkeys(_paths()):
        client.get(path)  # templates are compiled, the session is written
        with _counted() as queries:
            answer = client.get(path)
        if answer.status_code != 200 or not answer.headers["Content-Type"].startswith("text/html"):
            continue
        times = []
        for _ in range(samples):
            start = time.perf_counter()
            client.get(path)
            times.append(1000 * (time.perf_counter() - start))
        pages[path] = (_p95(times), len(queries))
    return pages


@contextmanager
def _counted() -> Iterator[list[str]]:
    """SQL of every thread: an asynchronous view or middleware moves queries to another one's connection."""
    from django.db.backends.utils import CursorWrapper

    queries: list[str] = []
    plain = CursorWrapper.execute

    def execute(self: CursorWrapper, sql: str, params: Any = None) -> Any:
        queries.append(sql)
        return plain(self, sql, params)

    CursorWrapper.execute = execute  # type: ignore[method-assign]
    try:
        yield queries
    finally:
        CursorWrapper.execute = plain  # type: ignore[method-assign]


def _baseline() -> float:
    """The same path through the middleware to a page that asks nothing of anybody."""
    from django.test import Client

    client = Client()
    times = []
    for _ in range(50):
        start = time.perf_counter()
        client.get("/sign-in/")
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


def _p95(times: list[float]) -> float:
    return sorted(times)[max(0, round(0.95 * len(times)) - 1)]
