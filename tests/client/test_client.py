"""A program reads its node through gongfu.client, and the notebook of the documentation runs."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from enterprises import NOON, ROWS, Served, World

from gongfu.client import AsyncClient, Client, Invalid, NotAllowed, NotFound, NotReachable

# The web process reads the database through connections of its own.
pytestmark = pytest.mark.django_db(transaction=True)
NOTEBOOK = Path(__file__).parents[2] / "docs/notebooks/access.ipynb"


def test_devices_tags_history_and_sql(world: World, web: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"http://127.0.0.1:{web.port}"
    end = NOON + timedelta(hours=2)
    with Client(url, world.token) as node:
        (device,) = node.devices()
        assert (device.key, device.id) == ("PUMP-1", world.pump.pk)
        tags = node.tags(device)
        assert sorted((tag.key, tag.kind) for tag in tags) == [("flow", "number"), ("mode", "text")]
        whole = node.history(["PUMP-1/flow"], NOON, end)
        assert whole.num_rows == ROWS
        thin = node.history(tags, NOON, end, points=100)
        assert 50 <= thin.num_rows <= 105
        assert node.last(tags)[0].value == (ROWS - 1) / 4
        table = node.sql("SELECT count() AS n FROM points WHERE device = {d:String}", {"d": "PUMP-1"})
        assert table.to_pylist() == [{"n": ROWS}]
        times = node.sql("SELECT min(time) AS first FROM points WHERE time > {t:DateTime64(6)}", {"t": NOON})
        assert times.column("first")[0].as_py() == NOON + timedelta(seconds=1)
        assert node.sql("SELECT {a:Array(String)} AS a", {"a": ["x'y", "z"]}).to_pylist() == [{"a": ["x'y", "z"]}]
        assert isinstance(node.sql("SELECT 1 WHERE 0"), pa.Table)

        with pytest.raises(NotFound):
            node.history(["PUMP-2/flow"], NOON, end)
        with pytest.raises(Invalid, match="time zone"):
            node.history(tags, datetime(2026, 1, 1), end)  # noqa: DTZ001
        with pytest.raises(Invalid, match="nowhere"):
            node.sql("SELECT nowhere FROM points")
        with pytest.raises(NotAllowed):
            node.sql("DROP TABLE readings")
        with pytest.raises(Invalid, match="list"):
            node.history("PUMP-1/flow", NOON, end)
    with Client(url, "gongfu_wrong") as stranger:
        with pytest.raises(NotAllowed):
            stranger.devices()
        with pytest.raises(NotAllowed):
            stranger.sql("SELECT 1")

    monkeypatch.setenv("GONGFU_URL", url)
    monkeypatch.setenv("GONGFU_TOKEN", world.token)
    names: dict[str, object] = {}
    for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), str(NOTEBOOK), "exec"), names)
    assert names["hourly"].num_rows == 1  # type: ignore[attr-defined]


async def test_the_same_without_blocking(unused_tcp_port: int) -> None:
    async with AsyncClient(f"http://127.0.0.1:{unused_tcp_port}", "gongfu_no", timeout=2) as node:
        with pytest.raises(NotReachable):
            await node.sql("SELECT 1")


def test_the_client_loads_nothing_of_the_node() -> None:
    seen = "import sys, gongfu.client; print([n for n in sys.modules if n.startswith(('django', 'chdb', 'gongfu.k'))])"
    done = subprocess.run([sys.executable, "-c", seen], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
