"""SQL page, readings for programs and scheduled exports, as signed-in people of two enterprises."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet
import pytest
from django.test import Client
from django.utils import timezone
from enterprises import NOON, ROWS, World

from gongfu.data.access import exporting, periodic, services
from gongfu.data.access.models import Asked, Export, ExportRun, SavedQuery
from gongfu.kernel.accounts.models import User
from gongfu.kernel.tasks.models import Job

pytestmark = pytest.mark.django_db
RANGE = {"from": "2026-10-21T12:00:00Z", "to": "2026-10-21T13:00:00Z"}


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_a_query_answers_and_is_remembered(world: World) -> None:
    client = signed_in(world.engineer)
    page = client.get("/data/sql/")
    assert page.status_code == 200
    found = client.post("/data/sql/run", {"sql": "SELECT time, value FROM points ORDER BY time LIMIT 3"}).json()
    assert [column["name"] for column in found["columns"]] == ["time", "value"]
    assert found["rows"][1] == ["2026-10-21 12:00:01.000000", 0.25]
    failed = client.post("/data/sql/run", {"sql": "SELECT nothing FROM points"})
    assert failed.status_code == 422
    assert "nothing" in failed.json()["message"]
    assert [(one.rows, bool(one.error)) for one in Asked.objects.filter(user=world.engineer)] == [(0, True), (3, False)]
    assert client.post("/data/sql/run", {"sql": ""}).status_code == 422
    assert client.post("/data/sql/stop", {"run": "no-such-run-1"}).status_code == 204
    many = client.post("/data/sql/run", {"sql": "SELECT number FROM numbers(9000)"}).json()
    assert (len(many["rows"]), many["more"]) == (services.SHOWN_ROWS, True)
    others = signed_in(world.rival).post("/data/sql/run", {"sql": "SELECT DISTINCT device FROM points"}).json()
    assert others["rows"] == [["PUMP-2"]]


def test_a_result_is_a_file(world: World) -> None:
    client = signed_in(world.engineer)
    sql = "SELECT tag, value FROM points ORDER BY time LIMIT 2"
    text = client.post("/data/sql/file", {"sql": sql, "format": "csv"}).content.decode()
    assert list(csv.reader(io.StringIO(text))) == [["tag", "value"], ["flow", "0"], ["flow", "0.25"]]
    body = client.post("/data/sql/file", {"sql": sql, "format": "parquet"}).content
    assert pyarrow.parquet.read_table(io.BytesIO(body)).num_rows == 2
    assert client.post("/data/sql/file", {"sql": "DROP TABLE readings", "format": "csv"}).status_code in (403, 422)


def test_completion_knows_tables_and_ones_own_tags_only(world: World) -> None:
    words = signed_in(world.engineer).get("/data/sql/words").json()
    assert ["value", "Float64"] in words["tables"]["points"]
    assert words["devices"] == ["PUMP-1"]
    assert words["tags"] == ["flow", "mode"]


def test_saved_queries_are_private_until_shared(world: World) -> None:
    from gongfu.kernel.accounts import services as accounts
    from gongfu.kernel.accounts.rules import Role

    colleague = accounts.create_user("wang", "correct-horse-9", roles={world.ours: Role.VIEWER})
    client = signed_in(world.engineer)
    client.post("/data/sql/save", {"name": "Mine", "sql": "SELECT 1", "organisation": world.ours.pk})
    client.post("/data/sql/save", {"name": "Ours", "sql": "SELECT 2", "organisation": world.ours.pk, "shared": "on"})
    mine, shared = SavedQuery.objects.get(name="Mine"), SavedQuery.objects.get(name="Ours")
    theirs = signed_in(colleague)
    assert theirs.get(f"/data/sql/?query={mine.pk}").status_code == 404
    assert "SELECT 2" in theirs.get(f"/data/sql/?query={shared.pk}").text
    assert signed_in(world.rival).get(f"/data/sql/?query={shared.pk}").status_code == 404
    # Somebody else's is copied, never changed.
    theirs.post("/data/sql/save", {"name": "Ours", "sql": "SELECT 3", "query": shared.pk})
    shared.refresh_from_db()
    assert shared.sql == "SELECT 2"
    assert SavedQuery.objects.filter(created_by=colleague).get().sql == "SELECT 3"


def test_programs_get_history_in_every_format(world: World) -> None:
    client, asked = signed_in(world.engineer), {"tag": world.tag("flow"), **RANGE}
    address = "/api/v1/data/telemetry/history"
    whole = client.get(address, asked | {"points": 5000}).json()
    assert len(whole["series"][0]["points"]) == ROWS
    assert whole["from"] == int(NOON.timestamp() * 1000)
    for method in ("minmax", "lttb"):
        thin = client.get(address, asked | {"points": 100, "method": method}).json()["series"][0]
        assert 20 <= len(thin["points"]) <= 101
        assert not thin["complete"]
    arrow = client.get(address, asked | {"name": "PUMP-1/mode", "format": "arrow", "points": 100, "method": "lttb"})
    table = pa.ipc.open_stream(arrow.content).read_all()
    assert table.column_names == ["device", "tag", "unit", "time", "value", "text", "quality"]
    assert table.column("text").to_pylist()[-1] == "自动"
    text = client.get(address, asked | {"format": "csv", "points": 100}).content.decode()
    assert text.splitlines()[0].replace('"', "") == "device,tag,unit,time,value,text,quality"
    assert client.get(address, asked | {"format": "docx"}).status_code == 422
    assert client.get(address, asked | {"method": "guess"}).status_code == 422
    assert client.get(address, {"name": "PUMP-2/flow"}).status_code == 404
    assert client.get(address, {"name": "PUMP-1/*; DROP"}).status_code == 422
    assert client.get(address, RANGE).status_code == 422


def test_a_gap_stays_a_gap(world: World) -> None:
    world.store.command(
        f"INSERT INTO readings SELECT {world.ours.pk}, {world.tag('flow')},"
        " toDateTime64('2026-10-21 15:00:00', 6, 'UTC') + toIntervalSecond(number), 1, 0, now() FROM numbers(600)"
    )
    asked = {"tag": world.tag("flow"), "from": RANGE["from"], "to": "2026-10-21T16:00:00Z", "points": 60}
    for method in ("minmax", "lttb"):
        found = signed_in(world.engineer).get("/api/v1/data/telemetry/history", asked | {"method": method}).json()
        assert sum(point[1] is None for point in found["series"][0]["points"]) == 1


def test_an_export_of_any_length_comes_in_pages(world: World) -> None:
    from gongfu.data.access import reading

    tags = services.wanted_by_name(world.engineer, ["PUMP-1/*"])
    start = datetime(2026, 10, 21, 12, tzinfo=UTC)
    parts = list(reading.pages(tags, start, start + timedelta(hours=2), store=world.store, size=1000))
    assert [part.num_rows for part in parts] == [1000, 1000, 1000, 600, 1]
    times = pa.concat_tables(parts[:4]).column("time").to_pylist()
    assert times == sorted(set(times))


def test_an_export_by_the_clock_writes_files_and_keeps_the_newest(world: World) -> None:
    client = signed_in(world.engineer)
    form = {
        "organisation": world.ours.pk, "name": "日报 Daily", "tags": "PUMP-1/*", "sql": "", "format": "csv",
        "every": "day", "hour": 1, "minute": 10, "day": 1, "keep": 2, "active": "on",
    }  # fmt: skip
    assert client.post("/data/exports/new", form | {"tags": "PUMP-2/flow"}).status_code in (200, 404, 422)
    assert not Export.objects.exists()
    assert client.post("/data/exports/new", form).status_code == 302
    export = Export.objects.get()
    assert export.next_at is not None
    assert export.next_at > timezone.now()

    for day in (21, 22, 23):
        due = datetime(2026, 10, day + 1, 1, 10, tzinfo=UTC)
        Export.objects.filter(pk=export.pk).update(next_at=due)
        assert periodic.tick(due) == 1
        assert periodic.tick(due) == 0  # once
        run = ExportRun.objects.latest("pk")
        exporting.write.func(Job.objects.latest("pk").pk, run=run.pk)
    runs = list(ExportRun.objects.order_by("ends_at"))
    assert [run.state for run in runs] == ["done", "done"]
    files = sorted(path.name for path in services.folder(export).iterdir())
    assert files == [run.file for run in runs]


def test_a_file_holds_the_period_and_belongs_to_its_enterprise(world: World) -> None:
    export = Export.objects.create(organisation=world.ours, name="Q", format="xlsx", every="day", keep=3, sql=(
        "SELECT count() AS n, min(time) AS first FROM points"
        " WHERE time >= {from:DateTime64(3)} AND time < {to:DateTime64(3)}"
    ))  # fmt: skip
    run = exporting.begin(export, datetime(2026, 10, 22, 1, 10, tzinfo=UTC), world.engineer)
    exporting.write.func(Job.objects.latest("pk").pk, run=run.pk)
    run.refresh_from_db()
    assert (run.state, run.rows) == ("done", 1)
    assert run.size > 0
    assert signed_in(world.engineer).get(f"/data/export-runs/{run.pk}/file").getvalue().startswith(b"PK")
    assert signed_in(world.rival).get(f"/data/export-runs/{run.pk}/file").status_code == 404
    for address in ("/data/exports/", "/data/export-runs/", "/data/queries/", f"/data/exports/{export.pk}/"):
        assert signed_in(world.engineer).get(address).status_code == 200, address


def test_a_run_that_fails_says_why(world: World) -> None:
    export = Export.objects.create(organisation=world.ours, name="Bad", sql="SELECT nowhere FROM points", every="hour")
    run = exporting.begin(export, timezone.now(), None)
    with pytest.raises(Exception, match="nowhere"):
        exporting.write.func(Job.objects.latest("pk").pk, run=run.pk)
    run.refresh_from_db()
    assert run.state == "failed"
    assert "nowhere" in run.error
    assert "nowhere" in signed_in(world.engineer).get("/data/export-runs/").text
