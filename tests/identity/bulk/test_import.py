"""A file becomes identifiers: uploaded, planned, looked at, started, reported, resumed."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from plants import signed_in

from gongfu.identity.bulk import batches, running, services
from gongfu.identity.bulk.models import Import
from gongfu.identity.bulk.rules import Operation
from gongfu.identity.handle.names import parse
from gongfu.identity.registry.store import IdentifierStore, Limits
from gongfu.kernel.accounts.models import User
from gongfu.kernel.tasks import services as tasks
from gongfu.kernel.tasks import worker

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _not_stopping() -> None:
    tasks.stopping.clear()


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "SIZE", 1_000)


def sheet(count: int, start: int = 0) -> bytes:
    rows = "".join(f"SN{n:06d},泵 {n},XK-{n % 9}\n" for n in range(start, start + count))
    return f"标识,名称,型号\n{rows}".encode()


def upload(client: Client, content: bytes, *, operation: str = "register", prefix: str = "88.118.1") -> Import:
    file = SimpleUploadedFile("泵 2026.csv", content)
    answer = client.post("/identity/imports/new", {"file": file, "prefix": prefix, "operation": operation})
    assert answer.status_code == 302, answer.text
    return Import.objects.get(pk=int(answer.url.rstrip("/").rpartition("/")[2]))  # type: ignore[attr-defined]


def start(client: Client, made: Import, **changes: str) -> None:
    form = {"do": "start", "source": "column", "suffix": "标识", "type-1": "NAME", "type-2": "MODEL", "ttl": "60"}
    answer = client.post(f"/identity/imports/{made.pk}/", form | changes)
    assert answer.status_code == 302, answer.text


def finished(made: Import) -> Import:
    while worker.step("test"):
        pass
    made.refresh_from_db()
    return made


def refused(client: Client, made: Import) -> list[list[str]]:
    answer = client.get(f"/identity/imports/{made.pk}/rejected.csv")
    text = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    return list(csv.reader(io.StringIO(text)))


def test_a_file_becomes_identifiers(li: User, own_store: IdentifierStore) -> None:
    client = signed_in(li)
    made = upload(client, sheet(2_500))
    page = client.get(f"/identity/imports/{made.pk}/").text
    assert "88.118.1/SN000000" in page
    assert "The first 20 rows can be done." in page
    assert own_store.count("88.118.1") == 0
    start(client, made)
    made = finished(made)
    assert (made.accepted, made.refused, made.position) == (2_500, 0, 2_500)
    assert made.finished_at is not None
    assert own_store.count("88.118.1") == 2_500
    record = own_store.get(parse("88.118.1/SN001234"))
    assert record is not None
    assert [(v.index, v.type, v.text, v.ttl) for v in record.values] == [
        (2, "NAME", "泵 1234", 60),
        (5, "MODEL", "XK-1", 60),
    ]
    assert record.registered == made.moment
    assert own_store.changes(0, 1)[0].actor == f"import:{made.pk}"
    page = client.get(f"/identity/imports/{made.pk}/").text
    assert "100 %" in page
    assert "泵 2026.csv" in client.get("/identity/imports/").text


def test_suffixes_are_minted_and_values_kept_from_the_public(li: User, own_store: IdentifierStore) -> None:
    client = signed_in(li)
    made = upload(client, sheet(3))
    start(client, made, source="rule", rule="{prefix}/P{0010}", **{"private-2": "on"})
    finished(made)
    record = own_store.get(parse("88.118.1/P0012"))
    assert record is not None
    assert [(v.type, v.public) for v in record.values] == [("NAME", True), ("MODEL", False)]


def test_what_cannot_be_registered_is_in_the_report_in_the_readers_language(
    li: User, own_store: IdentifierStore
) -> None:
    client = signed_in(li)
    first = upload(client, sheet(1, 5))
    start(client, first)
    finished(first)
    rows = b"=2+5,=cmd,a\nSN000005,x,y\nA,1,2\nA,1,2\n,1,2\n\nB,,\nC,1\n"
    made = upload(client, "标识,名称,型号\n".encode() + rows)
    assert "5 of the first 7 rows would be rejected." in client.get(f"/identity/imports/{made.pk}/").text
    start(client, made)
    made = finished(made)
    assert (made.accepted, made.refused) == (2, 5)
    report = refused(client, made)
    assert report[0] == ["Row", "Column", "Cell", "Reason"]
    assert [(row[0], row[1]) for row in report[1:]] == [
        ("3", "标识"),
        ("5", "标识"),
        ("6", "标识"),
        ("8", ""),
        ("9", ""),
    ]
    assert report[2][3] == "88.118.1/A stands in row 4 already."
    li.language = "zh-hans"
    li.save()
    chinese = refused(client, made)
    assert chinese[0] == ["行号", "列", "单元格", "原因"]
    assert "88.118.1/A" in chinese[2][3]
    assert chinese[2][3] != report[2][3]
    assert "88.118.1/SN000005" in client.get(f"/identity/imports/{made.pk}/").text


def test_parquet_is_imported_as_well(li: User, own_store: IdentifierStore, tmp_path: Path) -> None:
    pq.write_table(pa.table({"标识": ["A", "B"], "名称": ["一", "二"], "型号": [1, 2]}), tmp_path / "a.parquet")
    client = signed_in(li)
    made = upload(client, (tmp_path / "a.parquet").read_bytes())
    start(client, made)
    assert finished(made).accepted == 2
    record = own_store.get(parse("88.118.1/b"))
    assert record is not None
    assert record.text("MODEL") == "2"


def test_identifiers_are_changed_and_removed_by_a_file(li: User, own_store: IdentifierStore) -> None:
    client = signed_in(li)
    made = upload(client, sheet(10))
    start(client, made)
    finished(made)
    change = upload(client, "标识,名称\nSN000003,新名\nSN999999,没有\n".encode(), operation="update")
    start(client, change)
    change = finished(change)
    assert (change.accepted, change.refused) == (1, 1)
    record = own_store.get(parse("88.118.1/SN000003"))
    assert record is not None
    assert (record.text("NAME"), record.text("MODEL")) == ("新名", "XK-3")
    removal = upload(client, "标识\nSN000003\nSN000004\nSN999999\n".encode(), operation="delete")
    start(client, removal)
    removal = finished(removal)
    assert (removal.accepted, removal.refused) == (2, 1)
    assert own_store.count("88.118.1") == 8


def test_a_spent_quota_stops_the_rows_behind_it(li: User, own_store: IdentifierStore) -> None:
    own_store.set_limits("88.118.1", Limits(registrations=1_005))
    client = signed_in(li)
    made = upload(client, sheet(1_010))
    start(client, made)
    made = finished(made)
    assert (made.accepted, made.refused) == (1_005, 5)
    assert "may hold 1005 identifiers" in refused(client, made)[1][3]


@pytest.mark.parametrize("operation", ["register", "update", "delete"])
@pytest.mark.parametrize("place", ["before the store", "after the store"])
def test_killed_anywhere_it_goes_on_and_counts_every_row_once(
    li: User, own_store: IdentifierStore, monkeypatch: pytest.MonkeyPatch, operation: str, place: str
) -> None:
    client = signed_in(li)
    if operation != "register":
        before = upload(client, sheet(2_500))
        start(client, before)
        finished(before)
    wrong = "SN000001,泵,\nSN777777,,\n" if operation == "register" else "SN777777,x,\nSN777778,x,\n"
    content = sheet(2_400) + wrong.encode()
    made = upload(client, content, operation=operation)
    start(client, made)
    commit = batches.commit
    calls = 0
    # In its second batch, then in its third; changes and removals are done again although they came through.
    fatal = (2, 3) if place == "after the store" and operation == "register" else (2, 4)

    def dies(store: IdentifierStore, batch: batches.Batch, *, actor: str) -> None:
        nonlocal calls
        calls += 1
        if calls in fatal:
            if place == "after the store":
                commit(store, batch, actor=actor)
            raise KeyboardInterrupt
        commit(store, batch, actor=actor)

    monkeypatch.setattr(batches, "commit", dies)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            running.run(made.pk, lambda *_: None)
    running.run(made.pk, lambda *_: None)
    made.refresh_from_db()
    assert (made.accepted, made.refused, made.position) == (2_400, 2, 2_402)
    assert own_store.count("88.118.1") == {"register": 2_400, "update": 2_500, "delete": 100}[operation]
    assert [row[0] for row in refused(client, made)[1:]] == ["2402", "2403"]


def test_a_batch_that_an_older_program_began_goes_on_with_its_rows(
    li: User, own_store: IdentifierStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = signed_in(li)
    made = upload(client, sheet(2_500))
    start(client, made)
    commit = batches.commit

    def dies(store: IdentifierStore, batch: batches.Batch, *, actor: str) -> None:
        commit(store, batch, actor=actor)
        raise KeyboardInterrupt

    monkeypatch.setattr(batches, "commit", dies)
    with pytest.raises(KeyboardInterrupt):
        running.run(made.pk, lambda *_: None)
    made.refresh_from_db()
    assert made.intent["rows"] == 1_000
    del made.intent["rows"]  # it did not write down how many, and took a thousand
    made.save()
    monkeypatch.setattr(batches, "commit", commit)
    monkeypatch.setattr(batches, "SIZE", 5_000)
    running.run(made.pk, lambda *_: None)
    made.refresh_from_db()
    assert (made.accepted, made.refused, made.position) == (2_500, 0, 2_500)
    assert own_store.count("88.118.1") == 2_500


def test_of_two_runs_at_once_only_the_later_gets_on(li: User, own_store: IdentifierStore) -> None:
    client = signed_in(li)
    made = upload(client, sheet(2_000))
    start(client, made)
    taken_over = False

    def take_over(*_: object) -> None:
        nonlocal taken_over
        if not taken_over:
            taken_over = True
            Import.objects.filter(pk=made.pk).update(run="other")

    from gongfu.kernel.errors import Conflict

    with pytest.raises(Conflict, match="Another process"):
        running.run(made.pk, take_over)
    running.run(made.pk, lambda *_: None)
    made.refresh_from_db()
    assert (made.accepted, own_store.count("88.118.1")) == (2_000, 2_000)


def test_a_suspended_prefix_stops_it_and_it_goes_on_later(li: User, own_store: IdentifierStore) -> None:
    from gongfu.identity.registry.models import Prefix

    client = signed_in(li)
    made = upload(client, sheet(3))
    start(client, made)
    Prefix.objects.update(state=Prefix.State.SUSPENDED)
    finished(made)
    page = client.get(f"/identity/imports/{made.pk}/").text
    assert "note-error" in page
    assert "Go on" in page
    assert own_store.count("88.118.1") == 0
    Prefix.objects.update(state=Prefix.State.ACTIVE)
    assert client.post(f"/identity/imports/{made.pk}/", {"do": "start"}).status_code == 302
    assert finished(made).accepted == 3


def test_an_import_of_others_is_not_found(li: User, wang: User) -> None:
    made = upload(signed_in(li), sheet(3))
    rival = signed_in(wang)
    for address in ("", "rejected.csv"):
        assert rival.get(f"/identity/imports/{made.pk}/{address}").status_code == 404
    assert rival.post(f"/identity/imports/{made.pk}/", {"do": "start"}).status_code == 404
    assert rival.get(f"/api/v1/identity/imports/{made.pk}").status_code == 404
    assert "泵 2026" not in rival.get("/identity/imports/").text
    file = SimpleUploadedFile("a.csv", sheet(1))
    answer = rival.post("/identity/imports/new", {"file": file, "prefix": "88.118.1", "operation": "register"})
    assert answer.status_code == 404


def test_a_bad_file_leaves_nothing_behind(li: User) -> None:
    client = signed_in(li)
    for content, says in ((b"\0\1\2", "NUL"), (b"PAR1 nothing PAR1", "Parquet"), (b"", "submitted|empty|No file")):
        file = SimpleUploadedFile("a.csv", content)
        answer = client.post("/identity/imports/new", {"file": file, "prefix": "88.118.1", "operation": "register"})
        assert answer.status_code == 422
        assert any(part in answer.text for part in says.split("|"))
    assert not Import.objects.exists()


def test_a_file_that_is_too_large_is_refused_before_it_is_read(li: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MAX_FILE", 1_000)
    client = signed_in(li)
    file = SimpleUploadedFile("a.csv", sheet(20_000))
    answer = client.post("/identity/imports/new", {"file": file, "prefix": "88.118.1", "operation": "register"})
    assert answer.status_code == 413
    small = SimpleUploadedFile("a.csv", sheet(100))
    answer = client.post("/identity/imports/new", {"file": small, "prefix": "88.118.1", "operation": "register"})
    assert answer.status_code == 413
    assert not Import.objects.exists()


def test_uploading_needs_the_token_of_the_page(li: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(li)
    file = SimpleUploadedFile("a.csv", sheet(1))
    assert client.post("/identity/imports/new", {"file": file, "prefix": "88.118.1"}).status_code == 403


def test_a_file_can_be_discarded_and_its_identifiers_stay(li: User, own_store: IdentifierStore) -> None:
    client = signed_in(li)
    made = upload(client, sheet(3))
    start(client, made)
    assert client.post(f"/identity/imports/{made.pk}/discard").status_code == 409
    finished(made)
    kept = running.folder(made)
    assert kept.exists()
    assert client.post(f"/identity/imports/{made.pk}/discard").status_code == 302
    assert not kept.exists()
    assert own_store.count("88.118.1") == 3


# --- the API ---


def post(client: Client, **data: object) -> tuple[int, dict[str, object]]:
    answer = client.post("/api/v1/identity/identifiers/batch", msgspec.json.encode(data), "application/json")
    return answer.status_code, answer.json()


def item(handle: str, **values: str) -> dict[str, object]:
    return {"handle": handle, "values": [{"type": kind, "data": text} for kind, text in values.items()]}


def test_a_batch_is_registered_as_a_whole_or_reported(li: User, own_store: IdentifierStore) -> None:
    client = signed_in(li)
    good = [item(f"88.118.1/B{n}", NAME="泵", NOTE="x", COLOUR="red") for n in range(10)]
    bad = [
        item("88.118.2/X", NAME="x"),
        item("nonsense", NAME="x"),
        item("88.118.1/b3", NAME="x"),
        item("88.118.1/C"),
        item("88.118.1/D", HS_ADMIN="x"),
    ]
    status, report = post(client, items=[*good, *bad])
    assert status == 200
    assert (report["done"], report["refused"], report["held"]) == (0, 5, 10)
    assert [row["code"] for row in report["rows"][10:]] == ["not_found", "bad_handle", "conflict", "invalid", "invalid"]  # type: ignore[index]
    assert own_store.count("88.118.1") == 0
    status, report = post(client, items=[*good, *bad], partial=True)
    assert (report["done"], report["refused"], report["held"]) == (10, 5, 0)
    record = own_store.get(parse("88.118.1/B9"))
    assert record is not None
    assert [(v.index, v.type) for v in record.values] == [(2, "NAME"), (100, "NOTE"), (101, "COLOUR")]
    status, report = post(client, operation="update", items=[item("88.118.1/B9", COLOUR="blue")])
    assert report["done"] == 1
    status, report = post(client, operation="delete", items=[item("88.118.1/B9"), item("88.118.1/B8")])
    assert report["done"] == 2
    assert own_store.count("88.118.1") == 8


def test_a_batch_holds_a_thousand(li: User, own_store: IdentifierStore) -> None:
    client = signed_in(li)
    assert post(client, items=[item(f"88.118.1/B{n}", NAME="泵") for n in range(1_001)])[0] == 422
    assert post(client, items=[])[0] == 422
    assert post(client, items=[item(f"88.118.1/B{n}", NAME="泵") for n in range(1_000)])[1]["done"] == 1_000
    own_store.set_limits("88.118.1", Limits(registrations=1_003))
    report = post(client, items=[item(f"88.118.1/C{n}", NAME="泵") for n in range(5)], partial=True)[1]
    assert [row["code"] for row in report["rows"]] == ["", "", "", *["registrations_spent"] * 2]  # type: ignore[attr-defined]


def test_the_usual_operations_are_three() -> None:
    assert {kind.value for kind in Import.Kind} == {operation.value for operation in Operation}
