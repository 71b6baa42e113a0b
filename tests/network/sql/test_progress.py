"""Where reading goes on, and which queries are taken; pure."""

from __future__ import annotations

import contextlib
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.kernel.errors import Invalid
from gongfu.network.drivers.contract import BadConfiguration
from gongfu.network.drivers.sql.guard import select_only
from gongfu.network.drivers.sql.progress import Progress


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 99)), unique=True, max_size=40),
    st.lists(st.integers(0, 5), max_size=60),
    st.integers(1, 7),
    st.booleans(),
)
def test_every_row_comes_once_whatever_the_pages_and_restarts(rows, arrivals, limit: int, restart: bool) -> None:
    """Rows appear in the order of their key, several at a time, many with the same key."""
    rows = sorted(rows, key=lambda row: row[0])
    table: list[tuple[int, int]] = []
    progress, seen = Progress(), []
    for count in [*arrivals, len(rows)]:
        table += rows[len(table) : len(table) + count]
        size = limit
        while True:
            begin = progress.begin
            page = [row for row in table if begin is None or row[0] >= begin][:size]
            fresh, after = progress.fresh(page, 0)
            if not fresh and len(page) == size:
                size *= 2
                continue
            seen += fresh
            progress = Progress(0, after.stored()) if restart else after
            if len(page) < size:
                break
            size = limit
    assert sorted(seen) == sorted(rows)


@pytest.mark.parametrize(
    "keys",
    [
        [1, 2, 3],
        [1.5, 2.5, 3.5],
        [Decimal("1.10"), Decimal("2.20"), Decimal("3.30")],
        ["a", "b", "c"],
        [date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 3)],
        [datetime(2026, 1, 1, 0, 0, n) for n in range(3)],  # noqa: DTZ001
        [datetime(2026, 1, 1, 0, 0, n, tzinfo=UTC) for n in range(3)],
    ],
)
def test_keys_of_all_kinds_survive_a_restart(keys: list[object]) -> None:
    rows = [(key, n) for n, key in enumerate(keys)]
    _, after = Progress().fresh(rows[:2], 0)
    again = Progress(0, after.stored())
    assert again.begin == keys[1]
    assert again.fresh(rows[1:], 0)[0] == [rows[2]]


def test_a_row_that_appears_late_is_found_within_the_overlap() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [(start + timedelta(seconds=n), n) for n in (0, 10, 20)]
    fresh, progress = Progress(15).fresh(rows, 0)
    assert fresh == rows
    assert progress.begin == start + timedelta(seconds=5)
    late = (start + timedelta(seconds=7), 99)
    assert progress.fresh([late, *rows[1:]], 0)[0] == [late]


@pytest.mark.parametrize("key", [None, True, b"x"])
def test_a_column_that_cannot_be_ordered_is_named(key: object) -> None:
    with pytest.raises(Invalid, match="cannot be ordered"):
        Progress().fresh([(1, 1), (key, 2)], 0)  # type: ignore[list-item]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM readings",
        "select a, 'it''s; -- ok' from \"update\" where t > '2026-01-01 10:00:00'",
        "WITH x AS (SELECT 1 AS a) SELECT a FROM x ORDER BY a",
        'SELECT updated_at, "delete" FROM `insert`',
    ],
)
def test_one_select_is_taken(query: str) -> None:
    select_only(query)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "   ",
        "DELETE FROM readings",
        "SELECT 1; DROP TABLE readings",
        "WITH x AS (DELETE FROM readings RETURNING *) SELECT * FROM x",
        "SELECT * INTO other FROM readings",
        "SELECT 'x' INTO OUTFILE '/tmp/x'",
        "SELECT 1 /*! INTO OUTFILE '/tmp/x' */",
        "SELECT 1 -- ' \n; DROP TABLE x",
        "SELECT '\\'; DROP TABLE x; '",
        "SELECT $$a$$; DROP TABLE x",
        "SELECT load_file('/etc/passwd')",
        "SELECT a FROM t FOR UPDATE",
        "SELECT 'open",
        "PRAGMA table_info(x)",
        "(SELECT 1)); DROP TABLE x; SELECT (1",
    ],
)
def test_anything_else_is_refused(query: str) -> None:
    with pytest.raises(BadConfiguration):
        select_only(query)


@given(st.text(alphabet="selct fromw*'\"`;-/\\$(),ait1=\n", max_size=60))
def test_any_text_is_taken_or_refused(text: str) -> None:
    with contextlib.suppress(BadConfiguration):
        select_only(text)
