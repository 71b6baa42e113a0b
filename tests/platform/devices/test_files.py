"""Configurations as files and spreadsheets: out and in again, wrong cells, hostile files, many rows."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from gongfu.cli import devices as cli
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.rules import Role
from gongfu.kernel.errors import Invalid, NotFound, unpacked
from gongfu.kernel.pages.export import to_csv
from gongfu.kernel.tasks import services as tasks
from gongfu.kernel.tasks import worker
from gongfu.platform.devices import applying, entries, files, importing, sheet_writing, sheets, sync, versions
from gongfu.platform.devices.applying import What
from gongfu.platform.devices.document import DeviceDocument, TagDocument, canonical
from gongfu.platform.devices.importing import Report
from gongfu.platform.devices.models import Approval, Device, Outbox
from tests.platform.devices.plants import PRESS, but, enterprise, person, with_tag

pytestmark = pytest.mark.django_db


@pytest.fixture
def plant() -> Organisation:
    return enterprise("hengrui", "恒锐")


@pytest.fixture
def li(plant: Organisation) -> User:
    return person("li", plant)


def put(li: User, *documents: DeviceDocument) -> None:
    for document in documents:
        applying.put(li, li.memberships_cached[0].organisation, document)


def exported(kind: str) -> bytes:
    devices = importing.documents(Device.objects.all())
    match kind:
        case "toml":
            return files.to_toml(devices).encode()
        case "json":
            return files.to_json(devices).encode()
        case "xlsx":
            return sheet_writing.workbook(devices, "zh-hans")
    return to_csv(*sheet_writing.table(kind.partition(".")[0], devices))  # type: ignore[arg-type]


def book(devices: list[list[Any]], tags: list[list[Any]] | None = None, heads: list[str] | None = None) -> bytes:
    made = Workbook()
    page = made.active
    assert page is not None
    page.title = "设备"
    page.append(heads or ["key", "name", "type", "driver", "options"])
    for row in devices:
        page.append(row)
    if tags is not None:
        other = made.create_sheet("测点")
        other.append(["device", "key", "address", "scale", "low", "kind", "percent"])
        for row in tags:
            other.append(row)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def problems(report: Report, language: str = "en") -> list[tuple[str, int, str, str, str]]:
    return [
        (one.where.sheet, one.where.row, one.column, one.value, unpacked(one.problem, language))
        for one in report.faults
    ]


@pytest.mark.parametrize("kind", ["toml", "json", "xlsx", "devices.csv", "tags.csv"])
def test_what_was_taken_out_comes_in_again_without_a_difference(kind: str, li: User) -> None:
    put(li, PRESS, but(key="PRESS-2", name='=cmd|"x"', options={"host": "a; b", "port": 1}, place=""))
    report = importing.look(li, exported(kind), f"x.{kind.rpartition('.')[2]}")
    assert (report.faults, report.unchanged, report.changed) == ([], 2, 0), report


def test_the_same_devices_give_the_same_file_and_no_password(li: User) -> None:
    opc = but(key="OPC-1", driver="opcua", options={"endpoint": "opc.tcp://127.0.0.1:4840/"})
    applying.put(li, li.memberships_cached[0].organisation, opc, secrets={"password": "tulip-79"})
    put(li, PRESS)
    first = exported("toml").decode()
    assert first == exported("toml").decode()
    assert "tulip-79" not in first + exported("json").decode() + exported("devices.csv").decode()
    assert "# Set on the node, and in no file: password." in first
    assert first.index("OPC-1") < first.index("PRESS-1")
    assert importing.look(li, first.encode(), "x.toml").unchanged == 2


def test_a_file_changes_only_the_devices_that_differ_and_says_so_before(li: User) -> None:
    put(li, PRESS, but(key="PRESS-2"))
    Outbox.objects.all().delete()
    text = exported("toml").decode()
    key = text.index('key = "PRESS-2"')
    text = text[:key] + text[key:].replace("port = 1502", "port = 1503", 1)
    look = importing.look(li, text.encode(), "plant.toml")
    assert (look.created, look.changed, look.unchanged) == (0, 1, 1)
    assert [(one.key, one.changes[0].field, one.changes[0].after) for one in look.devices] == [
        ("PRESS-2", "options.port", "1503")
    ]
    assert not Outbox.objects.exists()
    importing.apply(li, text.encode(), "plant.toml", "moved")
    changed = Device.objects.get(key="PRESS-2")
    assert [item.device for item in sync.take_pending()] == [changed.pk]
    assert changed.versions.latest("number").why == "moved"
    assert importing.apply(li, text.encode(), "plant.toml").unchanged == 2


def test_a_short_file_gets_the_rest_from_the_information_model(li: User) -> None:
    text = """
    format = "gongfu-devices"
    version = 1
    [[devices]]
    key = "PUMP-1"
    name = "泵"
    type = "centrifugal-pump"
    driver = "opcua"
    options = { endpoint = "opc.tcp://127.0.0.1:4840/" }
    passwords = { password = "tulip-79" }
    tags = [{ key = "flow", address = "ns=2;s=Flow", low = "none", scale = 2 }]
    """
    assert importing.apply(li, text.encode(), "x.toml").created == 1
    device = Device.objects.get()
    flow = device.tags.get()
    assert (flow.name, flow.unit, flow.low, flow.scale) == ("流量", "m³/h", None, 2.0)
    assert device.secret_options == {"password": "tulip-79"}
    assert "tulip-79" not in json.dumps(versions.fresh(device).options)


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ('name = "x"\ntype = "centrifugal-pump"\ndriver = "s7"', "options"),
        ('name = "x"\ntype = "spaceship"\ndriver = "mqtt"', "type"),
        ('name = "x"\ntype = "centrifugal-pump"\ndriver = "mqtt"\nnonsense = 1', "nonsense"),
        ('name = "x"\ntype = "centrifugal-pump"\ndriver = "mqtt"\ninterval = "often"', "interval"),
        ('name = "x"\ntype = "centrifugal-pump"\ndriver = "mqtt"\ntags = [{ key = "a", scale = "b" }]', "scale"),
        ('name = "x"\ntype = "centrifugal-pump"\ndriver = "mqtt"\ntags = [{ key = "a" }, { key = "a" }]', "key"),
        ('name = "x"\ntype = "centrifugal-pump"\ndriver = "mqtt"\norganisation = "elsewhere"', "organisation"),
        ('type = "centrifugal-pump"\ndriver = "mqtt"', "name"),
    ],
)
def test_a_wrong_line_of_a_file_is_named_and_nothing_is_done(text: str, column: str, li: User) -> None:
    whole = f'format = "gongfu-devices"\nversion = 1\n[[devices]]\nkey = "A"\n{text}'.encode()
    assert [fault.column for fault in importing.look(li, whole, "x.toml").faults] == [column]
    assert importing.apply(li, whole, "x.toml").faults
    assert not Device.objects.exists()


@pytest.mark.parametrize(
    "data", [b"\xff\xfe", b"{", b"format = 1", b'format = "gongfu-devices"\nversion = 2', b"[" * 100_000, b"{}"]
)
def test_what_is_no_file_of_devices_is_said_to_be_none(data: bytes, li: User) -> None:
    with pytest.raises(Invalid):
        files.read(data, "x.toml")
    assert importing.look(li, data, "x.toml").faults


def test_every_wrong_cell_of_a_sheet_is_told_with_row_column_value_and_remedy(li: User) -> None:
    data = book(
        [
            ["PRESS-1", "压机", "spaceship", "modbus", "host=a"],
            ["PRESS 2", "压机", "centrifugal-pump", "modbus", "host=a"],
            ["PRESS-3", "压机", "centrifugal-pump", "modbus", "port=many"],
            ["PRESS-4", None, "centrifugal-pump", "modbus", "host=a"],
            ["PRESS-5", "=1+1", "centrifugal-pump", "modbus", "host=a"],
            ["#PRESS-9", "example", "x", "y", "z"],
            ["PRESS-6", "压机", "centrifugal-pump", "mqtt", None],
            ["PRESS-6", "压机", "centrifugal-pump", "mqtt", None],
        ],
        [
            ["PRESS-6", "speed", "/x", "fast", None, None, None],
            ["", "speed", "/x", 1, None, None, None],
            ["PRESS-6", "a", "/x", None, None, "colour", "perhaps"],
        ],
    )
    found = problems(importing.look(li, data, "plant.xlsx"))
    assert {(sheet, row, column) for sheet, row, column, _, _ in found} == {
        ("devices", 2, "type"), ("devices", 3, "key"), ("devices", 4, "options"), ("devices", 5, "name"),
        ("devices", 6, "name"), ("devices", 9, "key"), ("tags", 2, "scale"), ("tags", 3, "device"),
        ("tags", 4, "kind"), ("tags", 4, "percent"),
    }  # fmt: skip
    assert ("tags", 2, "scale", "fast", "fast is no number. Write it like 0.5.") in found
    assert not Device.objects.exists()


def test_an_empty_cell_leaves_a_dash_empties_and_tags_alone_will_do(li: User) -> None:
    put(li, with_tag(0, low=5.0))
    data = book(
        [], [["PRESS-1", "speed", None, 2, "-", None, None], ["PRESS-1", "new", "holding:7:int16", None, 3, None, "是"]]
    )
    report = importing.apply(li, data, "x.xlsx")
    assert (report.changed, report.faults) == (1, [])
    speed, new = Device.objects.get().tags.all()
    assert (speed.name, speed.address, speed.scale, speed.low, speed.high) == (
        "转速",
        "holding:0:uint16",
        2,
        None,
        3000,
    )
    assert (new.key, new.low, new.percent) == ("new", 3, True)


def test_the_template_can_be_uploaded_as_it_is_and_explains_itself(li: User) -> None:
    for language, title in (("zh-hans", "设备"), ("en", "devices")):
        data = sheet_writing.template(language)
        assert importing.look(li, data, "t.xlsx") == Report()
        page = load_workbook(io.BytesIO(data))
        assert page.sheetnames[0] == title
        assert page.worksheets[0].data_validations.dataValidation
        assert len(page.sheetnames) == 3


def test_text_that_looks_like_a_formula_never_becomes_one(li: User) -> None:
    put(li, but(name="=HYPERLINK(1)", manufacturer="@SUM(1)", tags=[]))
    page = load_workbook(io.BytesIO(exported("xlsx"))).worksheets[0]
    cells = {cell.value: cell.data_type for cell in page[2]}
    assert (cells["=HYPERLINK(1)"], cells["@SUM(1)"]) == ("s", "s")
    assert b"'=HYPERLINK" in exported("devices.csv")


def test_a_workbook_that_unpacks_to_far_too_much_is_refused_unread(li: User, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = io.BytesIO()
    with (
        zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as part,
    ):
        for _ in range(130):
            part.write(b"0" * 1_000_000)
    with pytest.raises(Invalid, match="larger than 120 MB"):
        sheets.read(bomb.getvalue(), "x.xlsx")
    monkeypatch.setattr(sheets, "MOST_BYTES", 10)
    with pytest.raises(Invalid, match="larger than"):
        sheets.read(b"x" * 11, "x.csv")


def test_entities_in_a_workbook_are_not_expanded() -> None:
    laugh = b'<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><workbook>&b;</workbook>'
    source = zipfile.ZipFile(io.BytesIO(book([])))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in source.namelist():
            archive.writestr(name, laugh if name in ("xl/workbook.xml", "xl/sharedStrings.xml") else source.read(name))
    with pytest.raises(Invalid):
        sheets.read(out.getvalue(), "x.xlsx")


@given(st.binary(max_size=400), st.sampled_from(["x.csv", "x.xlsx", "x.toml", "x.json", "x.exe"]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_file_is_so_wrong_that_nothing_is_said(data: bytes, name: str) -> None:
    for start in (b"", b"PK\x03\x04", b"key,name,options\n"):
        try:
            importing.read(start + data, name)
        except Invalid:
            continue


_WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=12).filter(
    lambda word: word != "-"
)
_NUMBERS = st.integers(-(10**9), 10**9).map(lambda number: number / 1000)  # a workbook keeps about 15 digits


@given(
    name=_WORDS,
    host=_WORDS,
    tags=st.lists(
        st.builds(
            TagDocument,
            key=st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True),
            name=_WORDS,
            address=_WORDS,
            offset=_NUMBERS,
            low=st.none() | _NUMBERS,
            percent=st.booleans(),
            kind=st.sampled_from(["number", "boolean", "text"]),
        ),
        max_size=4,
        unique_by=lambda tag: tag.key,
    ),
)
@settings(deadline=None, max_examples=40)
def test_any_device_survives_a_file_and_a_sheet(name: str, host: str, tags: list[TagDocument]) -> None:
    document = but(name=name, options={"host": host}, tags=tags)
    for data, ending, base in (
        (files.to_toml([("acme", document)]).encode(), "toml", None),
        (files.to_json([("acme", document)]).encode(), "json", None),
        (sheet_writing.workbook([("acme", document)], "en"), "xlsx", document),
    ):
        found, faults, _ = importing.read(data, f"x.{ending}")
        if ending == "xlsx" and not tags:
            assert found[0].tags is None
        assert faults == []
        resolved = entries.resolve(found[0], base, faults)
        assert faults == [], faults
        assert resolved is not None
        assert canonical(resolved) == canonical(document)


@pytest.mark.timeout(150)
def test_ten_thousand_rows_are_looked_at_and_the_devices_made(li: User) -> None:
    tags = [
        [f"PRESS-{n // 500}", f"t{n % 500}", f"holding:{n % 500}:int16", 0.1, None, None, None] for n in range(10_000)
    ]
    devices = [[f"PRESS-{n}", "压机", "centrifugal-pump", "modbus", "host=127.0.0.1"] for n in range(20)]
    done = importing.apply(li, book(devices, tags), "many.xlsx")
    assert (done.created, done.faults) == (20, [])
    assert Device.objects.get(key="PRESS-7").tags.count() == 500


def test_a_viewer_and_a_stranger_bring_nothing_in(li: User, plant: Organisation) -> None:
    put(li, PRESS)
    data = exported("toml").replace(b"port = 1502", b"port = 9")
    for other in (person("zhao", plant, Role.VIEWER), person("qian", enterprise("huasu", "华塑"))):
        report = importing.apply(other, data, "x.toml")
        assert [fault.column for fault in report.faults] == ["organisation"]
    assert Device.objects.get().options["port"] == 1502


def test_where_a_second_person_must_agree_a_file_only_proposes(li: User, plant: Organisation) -> None:
    put(li, PRESS)
    Approval.objects.create(organisation=plant)
    data = exported("toml").replace(b"port = 1502", b"port = 9")
    assert importing.look(li, data, "x.toml").proposed == 1
    report = importing.apply(li, data, "x.toml")
    assert (report.proposed, report.devices[0].what) == (1, What.PROPOSED)
    assert Device.objects.get().options["port"] == 1502


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("host=10.0.0.5; port=502", {"host": "10.0.0.5", "port": "502"}),
        (' host = "a; \\"b\\"" ;x=', {"host": 'a; "b"', "x": ""}),
        ("", {}),
        ("url=http://a/b?c=d", {"url": "http://a/b?c=d"}),
    ],
)
def test_options_in_one_cell(cell: str, found: dict[str, str]) -> None:
    assert entries.options_in(cell) == found


@pytest.mark.parametrize("cell", ["host", "=x", 'host="a', "a=1; b", "1=2"])
def test_options_that_are_none(cell: str) -> None:
    with pytest.raises(Invalid, match="no options"):
        entries.options_in(cell)


@pytest.fixture
def client(li: User) -> Client:
    found = Client()
    found.force_login(li)
    return found


def work() -> None:
    tasks.stopping.clear()  # a worker that another test stopped would put every job back for ever
    while worker.step("test"):
        pass


def test_a_file_is_looked_at_shown_and_applied_by_its_uploader(client: Client, li: User) -> None:
    put(li, PRESS)
    data = exported("toml").replace(b"port = 1502", b"port = 1509")
    answer = client.post("/platform/sheets/", {"file": SimpleUploadedFile("plant.toml", data), "why": "moved"})
    assert answer.status_code == 302, answer.content.decode()
    address = answer.headers["Location"]
    assert "hx-trigger" in client.get(address).content.decode()
    assert client.post(f"{address}apply").status_code == 409  # nobody has looked yet
    work()
    page = client.get(address).content.decode()
    assert "<ins>1509</ins>" in page
    assert Device.objects.get().options["port"] == 1502
    assert client.post(f"{address}apply").status_code == 302
    work()
    assert 'id="apply"' not in client.get(address).content.decode()
    assert Device.objects.get().options["port"] == 1509
    assert Device.objects.get().versions.latest("number").why == "moved"
    assert client.post(f"{address}apply").status_code == 409


def test_a_wrong_file_shows_its_cells_and_cannot_be_applied(client: Client, li: User) -> None:
    data = book([["PRESS 1", "压机", "centrifugal-pump", "modbus", "host=a"]])
    address = client.post("/platform/sheets/", {"file": SimpleUploadedFile("plant.xlsx", data)}).headers["Location"]
    work()
    page = client.get(address).content.decode()
    assert "PRESS 1" in page
    assert 'id="apply"' not in page
    assert client.post(f"{address}apply").status_code == 409
    stranger = Client()
    stranger.force_login(person("qian", enterprise("huasu", "华塑")))
    assert stranger.get(address).status_code == 404
    assert stranger.post(f"{address}apply").status_code == 404


def test_without_a_file_or_with_a_viewers_rights_nothing_is_uploaded(client: Client, plant: Organisation) -> None:
    assert client.post("/platform/sheets/", {}).status_code == 422
    viewer = Client()
    viewer.force_login(person("zhao", plant, Role.VIEWER))
    assert viewer.get("/platform/sheets/").status_code == 403


@pytest.mark.parametrize("kind", ["xlsx", "devices.csv", "tags.csv", "toml", "json"])
def test_everything_can_be_taken_out_of_the_console(kind: str, client: Client, li: User) -> None:
    put(li, PRESS)
    answer = client.get(f"/platform/sheets/export.{kind}")
    assert answer.status_code == 200
    name = answer.headers["Content-Disposition"].partition("filename=")[2].strip('"')
    assert importing.look(li, answer.content, name).unchanged == 1
    assert client.get("/platform/sheets/export.exe").status_code == 404


def test_the_command_line_takes_out_and_brings_in(li: User, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(li, PRESS, but(key="PRESS-2"))
    file = tmp_path / "plant.toml"
    cli.take_out(file, "hengrui", json=False)
    file.write_text(file.read_text("utf-8").replace("port = 1502", "port = 1503", 1), "utf-8")
    cli.bring_in(file, "", dry_run=True)
    said = capsys.readouterr().out
    assert "hengrui/PRESS-1: changed" in said
    assert "options.port: 1502 → 1503" in said
    assert Device.objects.get(key="PRESS-1").options["port"] == 1502
    cli.bring_in(file, "night shift", dry_run=False)
    device = Device.objects.get(key="PRESS-1")
    assert device.options["port"] == 1503
    assert [(version.actor, version.why) for version in device.versions.order_by("number")][1:] == [
        ("command line", "night shift")
    ]
    file.write_text(file.read_text("utf-8").replace("port = 1503", "port = 0", 1), "utf-8")
    with pytest.raises(Invalid, match="was not applied"):
        cli.bring_in(file, "", dry_run=False)
    cli.take_out(None, "", json=True)
    assert '"gongfu-devices"' in capsys.readouterr().out
    with pytest.raises(NotFound):
        cli.take_out(None, "nobody", json=False)
