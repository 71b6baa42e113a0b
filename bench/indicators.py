"""Server time of the pages of an indicator above ten million signed records.

    gongfu bench indicators --json

A year's tables of one indicator lie in the database; the worker's counting has been done once and is timed by itself
(``tally_s``). The pages are called in this process without a network between: ``indicator_page_ms`` is the 95th
percentile of the slowest of plan, story, and drill-down into the middle of the records. Baseline: the same pages above
a thousand records.
"""

from __future__ import annotations

import datetime as dt
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import Result, result

RECORDS = 10_000_000
CHUNK = 200_000
MONTHS = 12


def run(quick: bool) -> Result:
    """Measure; ``quick`` takes a twentieth of the records."""
    started = time.perf_counter()
    records = RECORDS // 20 if quick else RECORDS
    with tempfile.TemporaryDirectory(prefix="gongfu-bench-") as folder:
        os.environ |= {"GONGFU_HOME": folder, "DJANGO_SETTINGS_MODULE": "gongfu.console.django_settings"}
        _django()
        indicator, user = _plan()
        _fill(indicator, 1000)
        _count(indicator)
        few = _measure(indicator, user)
        _fill(indicator, records - 1000)
        tally = _count(indicator)
        many = _measure(indicator, user)
    for name, spent in many.items():
        sys.stderr.write(f"{spent:8.1f} ms (above a thousand: {few[name]:.1f} ms)  {name}\n")
    metrics = {"indicator_page_ms": max(many.values()), "records": float(records), "tally_s": tally}
    return result("indicators", metrics, {"indicator_page_ms": max(few.values())}, started)


def _django() -> None:
    import django

    from gongfu.kernel.settings import settings as node_settings

    node_settings.cache_clear()  # the command line has read those of another home
    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    settings.ALLOWED_HOSTS = ["*"]
    call_command("migrate", verbosity=0)


def _plan() -> tuple[int, int]:
    """Primary keys of the indicator and of who looks."""
    from gongfu.governance.indicators import services
    from gongfu.governance.indicators.models import Indicator, Report
    from gongfu.kernel.accounts import services as accounts

    district = accounts.create_organisation("district", "示范区", kind="authority")
    user = accounts.create_user("reader", None, is_superuser=True)
    plan = services.adopt("bench", district, "qingpu-2021", years_later=max(0, services.today().year - 2022))
    indicator = plan.indicators.get(target="A6")
    Indicator.objects.filter(pk=indicator.pk).update(source=Indicator.Source.IMPORTED)
    assignment = services.assign("bench", indicator, district, since=plan.begins)
    Report.objects.create(
        organisation=district,
        assignment=assignment,
        as_of=_first() + dt.timedelta(days=30 * MONTHS),
        value=RECORDS,
        table=True,
        evidence="bench",
        state=Report.State.SIGNED,
    )
    return indicator.pk, user.pk


def _first() -> dt.date:
    from gongfu.governance.indicators import services

    return (services.today() - dt.timedelta(days=31 * MONTHS)).replace(day=1)


def _fill(indicator: int, number: int) -> None:
    """Records over all months, in tables of :data:`CHUNK` rows."""
    from django.db import connection, transaction

    from gongfu.governance.indicators.models import Report

    report = Report.objects.get().pk
    sql = (
        "WITH RECURSIVE row(n) AS (SELECT %s UNION ALL SELECT n + 1 FROM row WHERE n + 1 < %s) "
        "INSERT INTO indicators_record (report_id, indicator_id, day, name, code, amount, paper, counts) "
        "SELECT %s, %s, date(%s, '+' || (n %% %s) || ' days'), '项目 ' || n, 'C' || n, 1, '', 1 FROM row"
    )
    for begin in range(0, number, CHUNK):
        end = min(number, begin + CHUNK)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql, [begin, end, report, indicator, _first().isoformat(), 30 * MONTHS])


def _count(indicator: int) -> float:
    """Seconds that counting everything anew takes."""
    from gongfu.governance.indicators import figures
    from gongfu.governance.indicators.models import Indicator

    found = Indicator.objects.select_related("plan__scope").get(pk=indicator)
    began = time.perf_counter()
    figures.tally(found)
    figures.refresh(found)
    return round(time.perf_counter() - began, 2)


def _measure(indicator: int, user: int) -> dict[str, float]:
    """Page → 95th percentile in milliseconds."""
    from django.test import Client

    from gongfu.governance.indicators.models import Record
    from gongfu.kernel.accounts.models import User

    client = Client()
    client.force_login(User.objects.get(pk=user))
    middle = _first() + dt.timedelta(days=15 * MONTHS)
    after = Record.objects.filter(indicator=indicator, counts=True, day=middle).order_by("pk").first()
    pages = (
        "/governance/plan/",
        f"/governance/indicators/{indicator}/",
        f"/governance/indicators/{indicator}/behind",
        f"/governance/indicators/{indicator}/behind?month={middle:%Y-%m}&after={after.pk if after else 0}",
    )
    return {page: _p95(client, page) for page in pages}


def _p95(client: object, page: str) -> float:
    spent = []
    for _ in range(62):
        began = time.perf_counter()
        response = client.get(page)  # type: ignore[attr-defined]
        spent.append(1000 * (time.perf_counter() - began))
        assert response.status_code == 200, response.status_code
    return round(statistics.quantiles(spent[2:], n=20)[-1], 1)
