"""What the editor of the SQL page completes."""

from __future__ import annotations

from functools import cache
from typing import Final

import msgspec

from gongfu.data.access import asking
from gongfu.data.access.asking import Asker
from gongfu.data.telemetry.schema import TABLES
from gongfu.kernel.accounts.models import User
from gongfu.kernel.errors import GongfuError
from gongfu.kernel.settings import settings
from gongfu.platform.devices.services import Tag

MOST_TAGS: Final = 2_000
KEYWORDS: Final = (
    "SELECT FROM WHERE AND OR NOT IN LIKE ILIKE BETWEEN IS NULL GROUP BY ORDER BY HAVING LIMIT OFFSET WITH AS JOIN"
    " LEFT JOIN ASOF JOIN ON USING UNION ALL DISTINCT FINAL INTERVAL SECOND MINUTE HOUR DAY WEEK MONTH ASC DESC"
    " WITH FILL CASE WHEN THEN ELSE END LIMIT 1 BY ARRAY JOIN OVER PARTITION BY QUALIFY"
)


class Words(msgspec.Struct, frozen=True):
    """Tables with their columns, and single words by kind."""

    tables: dict[str, list[tuple[str, str]]]
    functions: list[str]
    keywords: list[str]
    devices: list[str]
    tags: list[str]


def of(user: User) -> Words:
    """Words for ``user``. Without the store: what the program itself knows."""
    tables, functions = _of_store()
    if not tables:
        tables = {one.name: [(column.name, column.type) for column in one.columns] for one in TABLES}
    names = list(
        Tag.objects.visible_to(user).order_by("device__key", "position").values_list("device__key", "key")[:MOST_TAGS]
    )
    return Words(
        tables=tables,
        functions=functions,
        keywords=sorted(set(KEYWORDS.split())),
        devices=list(dict.fromkeys(device for device, _key in names)),
        tags=sorted({key for _device, key in names}),
    )


def _of_store() -> tuple[dict[str, list[tuple[str, str]]], list[str]]:
    try:
        return _read()
    except GongfuError:
        return {}, []  # the store is away: whoever types may go on


@cache
def _read() -> tuple[dict[str, list[tuple[str, str]]], list[str]]:
    nobody = Asker("gongfu", ())
    columns = _rows(nobody, "SELECT table, name, type FROM system.columns ORDER BY table, position")
    tables: dict[str, list[tuple[str, str]]] = {}
    for table, name, kind in columns:
        tables.setdefault(table, []).append((name, kind))
    functions = _rows(nobody, "SELECT name FROM system.functions WHERE alias_to = '' ORDER BY name")
    return tables, [name for (name,) in functions]


def _rows(who: Asker, sql: str) -> list[list[str]]:
    asked = asking.question(who, sql, "JSONCompactEachRow")
    assert asked is not None
    lines = asking.ask(settings(), who, asked).splitlines()
    return [msgspec.json.decode(line, type=list[str]) for line in lines]
