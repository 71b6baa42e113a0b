"""A recorded file becomes a live device, and the store holds exactly its rows."""

from __future__ import annotations

import csv
import datetime as dt
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.node.running import Node

pytestmark = pytest.mark.node
RECORDED = Path(__file__).parents[3] / "shared/data/skab/valve1/0.csv"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    if not RECORDED.exists():
        if os.environ.get("GONGFU_REQUIRE_ALL"):
            pytest.fail(f"{RECORDED} is needed")
        pytest.skip("there is no recorded data beside this checkout")
    with Node(tmp_path_factory.mktemp("replay")) as started:
        yield started


def recorded() -> dict[str, dict[int, float]]:
    """Column → source time in microseconds UTC → value, read by nothing of ours."""
    with RECORDED.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    zone = ZoneInfo("Asia/Shanghai")
    columns: dict[str, dict[int, float]] = {}
    for row in rows:
        moment = dt.datetime.fromisoformat(row.pop("datetime")).replace(tzinfo=zone)
        for column, cell in row.items():
            columns.setdefault(column, {})[round(moment.timestamp() * 1_000_000)] = float(cell)
    return columns


def stored(node: Node, protocol: str) -> dict[str, dict[int, float]]:
    """The same of the store."""
    names = node.django(
        "from gongfu.platform.devices.models import Tag\n"
        f"for pk, name in Tag.objects.filter(device__driver='{protocol}').values_list('pk', 'name'): print(pk, name)"
    )
    name_of = {int(line.split(" ", 1)[0]): line.split(" ", 1)[1] for line in names.splitlines()}
    rows = node.store().query(
        "SELECT series, toUnixTimestamp64Micro(ts), value FROM readings FINAL WHERE series IN {s:Array(UInt32)}",
        parameters={"s": list(name_of)},
    )
    columns: dict[str, dict[int, float]] = {}
    for series, moment, value in rows.result_rows:
        columns.setdefault(name_of[series], {})[moment] = value
    return columns


@pytest.mark.parametrize("protocol", ["opcua", "modbus", "mqtt", "sparkplug"])
def test_the_store_holds_exactly_the_rows_of_the_file(node: Node, protocol: str) -> None:
    node.command("replay", str(RECORDED), "--protocol", protocol, "--speed", "1000", timeout=120)
    wanted = recorded()
    until = time.monotonic() + 20
    while (found := stored(node, protocol)) != wanted and time.monotonic() < until:
        time.sleep(0.5)
    assert found.keys() == wanted.keys()
    for column, values in wanted.items():
        assert found[column].keys() == values.keys()
        assert all(math.isclose(found[column][moment], value, rel_tol=1e-6) for moment, value in values.items())


def test_a_file_that_cannot_be_replayed_is_refused_with_its_line(node: Node, tmp_path: Path) -> None:
    ragged = tmp_path / "ragged.csv"
    ragged.write_text("time;a;b\n2020-01-01 00:00:00;1;2\n2020-01-01 00:00:01;1\n", encoding="utf-8")
    done = node.command("replay", str(ragged), check=False)
    assert done.returncode == 2
    assert "Line 3" in done.stderr
    assert "Traceback" not in done.stderr
