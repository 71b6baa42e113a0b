"""The node's own hand on the store: what is kept of series, roll-ups to be computed again, deletion. No Django.

These calls have all rights in the store; who may make them is decided before.
"""
# ruff: noqa: S608 - the parts put together here are constants and integers

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Sequence
from typing import Final

import msgspec

from gongfu.data.telemetry.dirt import OUTSIDE
from gongfu.data.telemetry.proof import Counted
from gongfu.kernel.store import StoreClient, client

_DAY: Final = 86_400
_FOREVER: Final = (1 << 32) - 60
_RAW: Final = ("readings", "texts", "arrays")
_ROLLED: Final = ("rollups", "durations")
REMARK: Final = (
    "The engine removes the files of deleted rows from the disk within ten minutes. Backups, exports and copies at"
    " other nodes are not part of this erasure. Readings that arrive after it are stored again."
)


class Kept(msgspec.Struct, frozen=True):
    """What the store holds of one series; times in seconds since 1970, 0 for none."""

    series: int
    readings: int
    first: int
    last: int


def kept(orgs: Collection[int], series: Sequence[int], *, store: StoreClient | None = None) -> dict[int, Kept]:
    """What is there of each of ``series``: numbers from the roll-ups of a day, so up to a minute ago."""
    if not series or not orgs:
        return {}
    asked = {"orgs": sorted(orgs), "series": sorted(series)}
    scope = "org IN {orgs:Array(UInt32)} AND series IN {series:Array(UInt32)}"
    ends = "min(toDateTime(ts, 'UTC')), max(toDateTime(ts, 'UTC'))"
    table = (store or client()).query_arrow(
        "SELECT series, sum(n) AS n, toUnixTimestamp(min(first)) AS first, toUnixTimestamp(max(last)) AS last FROM ("
        f"SELECT series, sum(n) AS n, min(start) AS first, max(start) AS last FROM rollups FINAL WHERE {scope}"
        " AND step = 86400 AND n > 0 GROUP BY series"
        + "".join(
            f" UNION ALL SELECT series, count(), {ends} FROM {table} WHERE {scope} GROUP BY series"
            for table in ("texts", "texts_cold", "arrays", "arrays_cold")
        )
        + ") GROUP BY series",
        asked,
        orgs=orgs,
    )
    rows = zip(*(table.column(name).to_pylist() for name in ("series", "n", "first", "last")), strict=True)
    return {one: Kept(one, n, first, last) for one, n, first, last in rows}


def bytes_a_reading(*, store: StoreClient | None = None) -> float:
    """Octets on disk for one reading of this node, roll-ups included; 0 when nothing is stored."""
    found = (store or client()).command(
        "SELECT sum(bytes_on_disk) / greatest(1, sumIf(rows, table = 'readings')) FROM system.parts WHERE active"
        " AND database = currentDatabase() AND table IN ('readings', 'rollups')"
    )
    return float(found or 0)


def roll_again(
    org: int, series: Collection[int], start: int = 0, end: int = _FOREVER, *, store: StoreClient | None = None
) -> None:
    """Let roll-ups of ``series`` from ``start`` to ``end`` (seconds) be computed again from what is stored.

    Whoever stores readings otherwise than through the bus calls this afterwards. Done within a minute or two.
    """
    if not series:
        return
    source = store or client()
    generation = OUTSIDE + secrets.randbelow(OUTSIDE)  # of this request alone, so that nobody forgets it half done
    wanted = ",".join(map(str, sorted(series)))
    for text, table in enumerate(("readings", "texts")):
        source.command(
            f"INSERT INTO dirty SELECT {generation}, org, series, {text}, intDiv(greatest(min(t), {start}), 60) * 60,"
            f" intDiv(least(max(t), {end}) + 59, 60) * 60 + 60 FROM ("
            f"SELECT org, series, toUnixTimestamp(toDateTime(ts, 'UTC')) AS t FROM {table}"
            f" WHERE org = {org} AND series IN ({wanted}) AND ts < '2106-01-01' UNION ALL"
            f" SELECT org, series, toUnixTimestamp(start) AS t FROM {_ROLLED[text]}"
            f" WHERE org = {org} AND series IN ({wanted}))"
            f" GROUP BY org, series HAVING max(t) >= {start} AND min(t) <= {end}"
        )


def erase(
    org: int,
    series: Collection[int],
    start: int,
    end: int,
    wait: Callable[[], None],
    *,
    store: StoreClient | None = None,
) -> list[Counted]:
    """Delete what is stored of ``series`` from ``start`` to before ``end`` (seconds); what was counted.

    ``wait`` is called while the recorder brings cold months back; it pauses, and raises when it takes too long.
    """
    source = store or client()
    wanted = ",".join(map(str, sorted(series)))
    mine = f"org = {org} AND series IN ({wanted or 'NULL'})"
    when = f"ts >= toDateTime64({start}, 6, 'UTC') AND ts < toDateTime64({end}, 6, 'UTC')"
    for table in _RAW:
        _thaw(source, table, f"{mine} AND {when}", wait)
    last = f"toDateTime({min(end, _FOREVER)}, 'UTC')"
    whole = f"start >= toDateTime({start}, 'UTC') AND start + toIntervalSecond(step) <= {last}"
    conditions = dict.fromkeys((*_RAW, "latest"), f"{mine} AND {when}") | dict.fromkeys(_ROLLED, f"{mine} AND {whole}")
    spans = [_span(source, table, f"{mine} AND {when}") for table in ("readings", "texts")]
    before = {name: _counted(source, name, condition) for name, condition in conditions.items()}
    for name, condition in conditions.items():
        source.command(f"ALTER TABLE {name} DELETE WHERE {condition} SETTINGS mutations_sync = 2")
    source.command(
        "INSERT INTO latest (org, series, ts, value, text, quality) SELECT org, series, max(ts), argMax(value, ts), '',"
        f" argMax(quality, ts) FROM readings FINAL WHERE {mine} AND (org, series) NOT IN"
        f" (SELECT org, series FROM latest WHERE {mine}) GROUP BY org, series"
    )
    # Whatever the roller computed meanwhile from rows that are gone is computed again.
    for text, (oldest, youngest) in enumerate(spans):
        if youngest:
            generation = OUTSIDE + secrets.randbelow(OUTSIDE)
            source.command(
                f"INSERT INTO dirty SELECT {generation}, {org}, arrayJoin([{wanted}]), {text},"
                f" {oldest // 60 * 60}, {min(youngest // 60 * 60 + 120, _FOREVER)}"
            )
    after = {name: _counted(source, name, condition) for name, condition in conditions.items() if name != "latest"}
    after["latest"] = _counted(source, "latest", conditions["latest"])
    return [Counted(name, before[name][0], after[name][0], before[name][1]) for name in conditions]


def _thaw(source: StoreClient, table: str, condition: str, wait: Callable[[], None]) -> None:
    """Have the recorder bring back the months of ``table`` in which something fits, and keep them for an hour."""
    while source.command(f"SELECT count() FROM {table}_cold WHERE {condition}") not in ("0", ""):
        # The state of another moment would win over this one by its time: nothing is written over a thawed month.
        source.command(
            "INSERT INTO cold SELECT source, month, file, rows, bytes, digest, 'wanted',"
            " greatest(now64(3), at + toIntervalMillisecond(1)) FROM cold FINAL"
            f" WHERE source = '{table}' AND state = 'cold' AND month IN"
            f" (SELECT toYYYYMM(ts) FROM {table}_cold WHERE {condition})"
        )
        wait()


def _span(source: StoreClient, table: str, condition: str) -> tuple[int, int]:
    """Seconds of the first and last row, (0, 0) for none."""
    first, last = (
        int(source.command(f"SELECT toInt64(toUnixTimestamp64Micro({which}(ts))) FROM {table} WHERE {condition}"))
        for which in ("min", "max")
    )
    return max(0, first) // 1_000_000, max(0, last) // 1_000_000


def _counted(source: StoreClient, table: str, condition: str) -> tuple[int, str]:
    rows = source.command(f"SELECT count() FROM {table} FINAL WHERE {condition}")
    digest = source.command(f"SELECT hex(sum(cityHash64(*))) FROM {table} FINAL WHERE {condition}")
    return int(rows), digest
