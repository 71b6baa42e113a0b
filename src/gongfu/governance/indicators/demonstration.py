"""A district that follows 青浦's plan, its years moved so that they lie around today; the figures are invented.

Two people who cannot sign in reported and signed them: one figure was corrected, one waits for its signature.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from itertools import accumulate

from django.db import transaction

from gongfu.governance.indicators import figures, reporting, rules, services
from gongfu.governance.indicators.models import Indicator, Plan, Report
from gongfu.governance.indicators.rules import Every
from gongfu.governance.indicators.table import Row
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.rules import Role

OFFICE = "district"
"""Code of the organisation that follows the plan."""
_DEPARTMENTS = {
    "science": ("区科委", "District science commission"),
    "economy": ("区经委", "District economic commission"),
}
_QUARTERS = {
    "A1": ("economy", (0, 0, 0, 1, 0, 0, 0, 0)),
    "A3": ("science", (0, 1, 0, 0, 0, 1, 0, 0)),
    "A4": ("science", (0, 0, 1, 0, 0, 0, 0, 0)),
    "A7": ("science", (0, 0, 1, 0, 0, 0, 0, 0)),
    "A8b": ("science", (2, 3, 1, 4, 2, 3, 4, 2)),
    "A9": ("science", (1, 2, 1, 2, 1, 1, 1, 1)),
    "A10": ("economy", (1, 0, 1, 1, 0, 1, 0, 1)),
    "A11a": ("economy", (0, 0, 0, 0, 0, 0, 0, 0)),
    "A11b": ("economy", (0, 1, 0, 1, 0, 0, 0, 0)),
}
"""Indicator → who reports it, and what came in each quarter; the pattern repeats."""
_ASSESSED = (62, 75, 58, 81, 90, 72, 66, 88, 95, 70, 64, 77)
_PROJECTS = (3, 2, 4, 1, 3, 2, 2, 3, 1, 4, 2, 3)


def seed(operator: Organisation, today: dt.date | None = None) -> None:
    """Enter district, plan and figures below ``operator``, unless they are there."""
    if Organisation.objects.filter(code=OFFICE).exists():
        return
    today = today or services.today()
    with transaction.atomic():
        district = accounts.create_organisation(
            OFFICE,
            "示范区工业互联网推进办公室",
            name_en="District office for the industrial internet",
            kind=Organisation.Kind.AUTHORITY,
            parent=operator,
        )
        offices = {
            key: accounts.create_organisation(
                f"{OFFICE}-{key}", zh, name_en=en, kind=Organisation.Kind.DEPARTMENT, parent=district
            )
            for key, (zh, en) in _DEPARTMENTS.items()
        }
        roles = dict.fromkeys((district, *offices.values()), Role.ENGINEER)
        reporter, signer = (_person(name, label, roles) for name, label in _PEOPLE)
        plan = services.adopt(
            "demonstration", district, "qingpu-2021", scope=operator, years_later=max(0, today.year - 2022)
        )
        _reported(plan, offices, reporter, signer, today)
        for one in (reporter, signer):
            one.is_active = False
            one.save()


_PEOPLE = (("demo-reporter", "演示填报人"), ("demo-signer", "演示复核人"))


def _person(name: str, label: str, roles: dict[Organisation, Role]) -> User:
    return accounts.create_user(name, None, display_name=label, roles=roles)


def _reported(plan: Plan, offices: dict[str, Organisation], reporter: User, signer: User, today: dt.date) -> None:
    found = {one.target: one for one in plan.indicators.select_related("plan__scope", "plan__organisation")}
    for key, (office, steps) in _QUARTERS.items():
        ends = _ends(Every.QUARTER, plan.begins, today)
        added = [steps[number % len(steps)] for number in range(len(ends))]
        _state(found[key], offices[office], "quarter", ends, added, reporter, signer)
    months = _ends(Every.MONTH, plan.begins, today)
    added = [_ASSESSED[number % 12] for number in range(len(months))]
    last = _state(found["A8a"], offices["science"], "month", months[:-1], added, reporter, signer)
    _corrected(last, reporter, signer)
    waiting = services.assign("demonstration", found["A8a"], offices["science"], every="month")
    if months:
        total = Decimal(sum(added))
        reporting.report(reporter, waiting, months[-1], total, "两化融合公共服务平台导出名单（演示）")
    services.assign("demonstration", found["A12"], offices["science"], every="quarter", since=plan.begins)
    _imported(found["A6"], offices["science"], months, reporter, signer)


def _state(
    indicator: Indicator,
    office: Organisation,
    every: str,
    ends: list[dt.date],
    added: list[int],
    reporter: User,
    signer: User,
) -> list[Report]:
    assignment = services.assign(
        "demonstration", indicator, office, every=every, contact="王老师（演示）", since=indicator.plan.begins
    )
    made = []
    for end, total in zip(ends, accumulate(added), strict=False):
        stated = reporting.report(reporter, assignment, end, Decimal(total), f"{end:%Y-%m}工作台账（演示）", "例行填报")
        made.append(reporting.sign(signer, stated))
    return made


def _corrected(made: list[Report], reporter: User, signer: User) -> None:
    if len(made) > 3:
        wrong = made[2]
        right = reporting.report(
            reporter, wrong.assignment, wrong.as_of, wrong.value - 4, wrong.evidence, "重复计入4家，更正"
        )
        reporting.sign(signer, right)


def _imported(indicator: Indicator, office: Organisation, months: list[dt.date], reporter: User, signer: User) -> None:
    indicator.source = Indicator.Source.IMPORTED
    indicator.save()
    assignment = services.assign("demonstration", indicator, office, every="quarter", since=indicator.plan.begins)
    rows = [
        Row(0, month.replace(day=5 + number), f"演示项目 {month:%Y%m}-{number + 1}", f"XM{month:%Y%m}{number + 1:02d}")
        for index, month in enumerate(months)
        for number in range(_PROJECTS[index % 12])
    ]
    if rows:
        stated = reporting.import_table(reporter, assignment, rows, "各级专项立项文件汇总表（演示）")
        reporting.sign(signer, stated)
    figures.refresh(indicator)


def _ends(every: Every, begins: dt.date, today: dt.date) -> list[dt.date]:
    """Last days of the periods that are over, oldest first."""
    found = []
    end = rules.period_end(every, today)
    while end >= begins:
        found.append(end)
        end = rules.period_end(every, end)
    return found[::-1]
