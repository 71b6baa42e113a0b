"""List, detail, form, delete, bulk, export and saved views, as people use them."""

from __future__ import annotations

import csv
import io
import zipfile
from typing import Any
from xml.etree import ElementTree

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from sample.models import Line, Machine, Part

from gongfu.kernel.audit.models import AuditEntry
from gongfu.kernel.pages.models import SavedView

URL = "/sample/machines/"
HTMX = {"HX-Request": "true", "HX-Target": "list"}


@pytest.fixture
def browser(world: Any) -> Client:
    client = Client()
    client.force_login(world.engineer)
    return client


@pytest.fixture
def plant(world: Any) -> Any:
    line = Line.objects.create(name="一号线", organisation=world.pumps)
    Line.objects.create(name="rival line", organisation=world.presses)
    for number in range(60):
        Machine.objects.create(
            name=f"pump {number:03}",
            kind="pump" if number % 2 else "press",
            line=line,
            organisation=world.pumps,
            power=number,
            state="active" if number < 10 else "draft",
            bought=f"2026-{number % 12 + 1:02}-01",
        )
    Machine.objects.create(name="rival machine", kind="pump", organisation=world.presses)
    return line


def names(page: Any) -> list[str]:
    return [row.name for row in page.context["page"].rows]


def test_a_list_shows_a_page_and_says_how_many(browser: Client, plant: Any) -> None:
    page = browser.get(URL)
    assert names(page) == [f"pump {number:03}" for number in range(25)]
    assert "1–25 of 60" in page.text
    assert names(browser.get(URL + "?page=3")) == [f"pump {number:03}" for number in range(50, 60)]
    assert "rival" not in page.text


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("q=PUMP+00", 10),
        ("kind=pump", 30),
        ("kind=pump&kind=press", 60),
        ("state=active&kind=press", 5),
        ("bought_from=2026-06-01&bought_to=2026-07-31", 10),
        ("spare=true", 0),
        ("size=large", 0),
        ("q=%25", 0),
        ("q=_", 0),
        ("line=999999", 0),
    ],
)
def test_filters_narrow_and_combine(browser: Client, plant: Any, query: str, count: int) -> None:
    page = browser.get(f"{URL}?{query}&page_size=200")
    assert page.context["page"].total == count


def test_filters_stand_as_chips_that_can_be_taken_away(browser: Client, plant: Any) -> None:
    page = browser.get(URL + "?kind=pump&q=00&page=1")
    chips = {chip.value: chip.without for chip in page.context["chips"]}
    assert chips == {"00": "kind=pump", "Pump": "q=00"}


def test_sorting_goes_both_ways(browser: Client, plant: Any) -> None:
    assert names(browser.get(URL + "?sort=-power"))[0] == "pump 059"
    assert names(browser.get(URL + "?sort=power"))[0] == "pump 000"


def test_columns_are_chosen_by_the_address(browser: Client, plant: Any) -> None:
    several = browser.get(URL + "?columns=name&columns=notes")
    page = browser.get(URL + "?columns=name,notes")
    assert several.context["query"].columns == page.context["query"].columns
    assert [heading.label for heading in page.context["headings"]] == ["Name", "Notes"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("sort=access_token", 422),
        ("sort=organisation__users__password", 422),
        ("colour=red", 422),
        ("organisation__code=pumps", 422),
        ("kind=submarine", 422),
        ("state=' OR 1=1", 422),
        ("line=abc", 422),
        ("line=-1", 422),
        ("line=99999999999999999999999", 422),
        ("spare=maybe", 422),
        ("bought_from=yesterday", 422),
        ("bought_from=10000-01-01", 422),
        ("size=huge", 422),
        ("page=0", 404),
        ("page=999999999999", 404),
        ("page=9999999999999999999999", 422),
        ("page=1.5", 422),
        ("page=２", 422),
        ("page_size=0", 422),
        ("page_size=100000", 422),
        ("columns=password", 422),
        ("q=%00", 422),
        ("%00=1", 422),
        ("q=" + "x" * 3000, 422),
    ],
)
def test_nonsense_in_the_address_is_named(browser: Client, plant: Any, query: str, status: int) -> None:
    for url in (URL, "/sample/machines/export.csv", "/api/v1/sample/machines"):
        if url != URL and query.startswith("columns"):
            continue
        if status == 404 and url != URL:
            continue
        assert browser.get(f"{url}?{query}").status_code == status, url


def test_htmx_gets_only_the_rows(browser: Client, plant: Any) -> None:
    part = browser.get(URL + "?kind=pump", headers=HTMX)
    assert "<html" not in part.text
    assert "pump 001" in part.text


def test_no_page_needs_more_than_fifteen_queries(browser: Client, plant: Any, world: Any) -> None:
    machine = Machine.objects.get(name="pump 001")
    saved = browser.post(URL + "views", {"name": "mine", "query": "kind=pump"})
    assert saved.status_code == 302
    for url in (
        f"{URL}?page_size=50&line={machine.line_id}&organisation={world.pumps.pk}",
        f"{URL}{machine.pk}/",
        f"{URL}{machine.pk}/?tab=changes",
        f"{URL}{machine.pk}/edit",
        f"{URL}{machine.pk}/delete",
        f"{URL}new",
        f"{URL}export.csv",
        "/accounts/users/",
        "/accounts/roles/",
        "/audit/entries/",
        "/tasks/jobs/",
        "/me/tokens/",
        "/api/v1/sample/machines?page_size=500",
        f"/api/v1/sample/machines/{machine.pk}",
    ):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert browser.get(url).status_code == 200, url
        assert len(queries) <= 15, (url, len(queries), [query["sql"][:80] for query in queries])


def test_a_detail_page_links_what_it_relates_to(browser: Client, plant: Any) -> None:
    machine = Machine.objects.get(name="pump 001")
    page = browser.get(f"{URL}{machine.pk}/")
    assert f'href="/sample/lines/{plant.pk}/"' in page.text
    assert f'href="/sample/machines/?line={plant.pk}"' in browser.get(f"/sample/lines/{plant.pk}/").text
    assert browser.get(f"{URL}{machine.pk}/?tab=nonsense").status_code == 404


def test_another_organisations_machine_does_not_exist(browser: Client, plant: Any) -> None:
    rival = Machine.objects.get(name="rival machine")
    for url in (
        f"{URL}{rival.pk}/",
        f"{URL}{rival.pk}/edit",
        f"{URL}{rival.pk}/delete",
        f"{URL}{rival.pk}/step/retire",
    ):
        assert browser.get(url).status_code == 404, url
        assert browser.post(url, {"name": "stolen"}).status_code in (404, 405), url
    browser.post(URL + "do/double", {"pk": rival.pk})
    rival.refresh_from_db()
    assert (rival.slots, rival.name) == (1, "rival machine")
    for method in ("get", "patch", "delete"):
        answer = (
            getattr(browser, method)(f"/api/v1/sample/machines/{rival.pk}", "{}", content_type="application/json")
            if method == "patch"
            else getattr(browser, method)(f"/api/v1/sample/machines/{rival.pk}")
        )
        assert answer.status_code == 404, method


@pytest.mark.parametrize("pk", ["0", "99999999999999999999", "-1", "x"])
def test_an_address_of_nothing_is_not_found(browser: Client, pk: str) -> None:
    page = browser.get(f"{URL}{pk}/")
    assert page.status_code == 404
    assert "not_found" in page.text


def form(**changes: object) -> dict[str, object]:
    return {"name": "新泵", "kind": "pump", "slots": "2", "options": "{}"} | changes


def test_creating_belongs_to_ones_organisation_and_is_recorded(browser: Client, world: Any) -> None:
    answer = browser.post(URL + "new", form(power="1.5", access_token="s3cret"))
    assert answer.status_code == 302
    machine = Machine.objects.get()
    assert (machine.organisation, machine.created_by, machine.power) == (world.pumps, world.engineer, 1.5)
    entry = AuditEntry.objects.filter(object_type="sample.machine").get()
    assert (entry.action, entry.actor, entry.organisation_id) == ("create", "engineer", world.pumps.pk)
    assert "s3cret" not in entry.after
    assert entry.request_id == answer.headers["X-Request-ID"]


def test_an_error_stands_beside_its_field_and_nothing_is_lost(browser: Client, plant: Any) -> None:
    answer = browser.post(URL + "new", form(name="pump 001", notes="three hours of typing", slots="-1"))
    assert answer.status_code == 422
    assert "three hours of typing" in answer.text
    assert set(answer.context["form"].errors) == {"name", "slots"}
    assert 'aria-invalid="true"' in answer.text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "x\0y"),
        ("name", "x" * 61),
        ("kind", "tank"),
        ("power", "NaN"),
        ("power", "1e999"),
        ("slots", "9" * 20),
        ("options", "{"),
        ("bought", "2026-02-30"),
        ("line", "abc"),
        ("line", "999999"),
    ],
)
def test_values_that_do_not_fit_are_refused_by_field(browser: Client, world: Any, field: str, value: str) -> None:
    answer = browser.post(URL + "new", form(**{field: value}))
    assert answer.status_code == 422
    assert field in answer.context["form"].errors


def test_a_line_of_another_organisation_cannot_be_chosen(browser: Client, plant: Any) -> None:
    rival = Line.objects.get(name="rival line")
    assert browser.post(URL + "new", form(line=rival.pk)).status_code == 422


def test_of_two_editors_the_second_is_told_and_keeps_its_text(browser: Client, plant: Any) -> None:
    machine = Machine.objects.get(name="pump 001")
    opened = browser.get(f"{URL}{machine.pk}/edit").context["version"]
    first = browser.post(f"{URL}{machine.pk}/edit", form(name="first", version=opened))
    assert first.status_code == 302
    second = browser.post(f"{URL}{machine.pk}/edit", form(name="second", version=opened))
    assert second.status_code == 422
    assert "Somebody else saved this" in second.text
    assert 'value="second"' in second.text
    again = browser.post(f"{URL}{machine.pk}/edit", form(name="second", version=second.context["version"]))
    assert again.status_code == 302


def test_history_shows_what_changed(world: Any, browser: Client, plant: Any) -> None:
    machine = Machine.objects.get(name="pump 001")
    browser.post(f"{URL}{machine.pk}/edit", form(name="renamed"))
    auditor = Client()
    auditor.force_login(world.auditor)
    page = auditor.get(f"{URL}{machine.pk}/?tab=changes")
    assert "<del>pump 001</del> → <ins>renamed</ins>" in page.text
    assert "<del>" not in browser.get(f"{URL}{machine.pk}/?tab=changes").text


def test_a_viewer_sees_no_buttons_and_is_refused(world: Any, plant: Any) -> None:
    viewer = Client()
    viewer.force_login(world.viewer)
    machine = Machine.objects.get(name="pump 001")
    page = viewer.get(f"{URL}{machine.pk}/")
    assert "/edit" not in page.text
    assert "/delete" not in page.text
    assert "step/" not in page.text
    for url in (f"{URL}new", f"{URL}{machine.pk}/edit", f"{URL}{machine.pk}/delete"):
        assert viewer.post(url, form()).status_code == 403
    assert Machine.objects.filter(name="pump 001").exists()


def test_deleting_says_what_goes_and_what_forbids_it(browser: Client, plant: Any, world: Any) -> None:
    machine = Machine.objects.get(name="pump 001")
    Part.objects.create(name="seal", machine=machine, organisation=world.pumps)
    page = browser.get(f"{URL}{machine.pk}/delete")
    assert "Parts: 1" in page.text
    assert browser.post(f"{URL}{machine.pk}/delete").status_code == 302
    assert not Part.objects.exists()
    blocked = browser.get(f"/sample/lines/{plant.pk}/delete")
    assert "pump 000" in blocked.text
    assert browser.post(f"/sample/lines/{plant.pk}/delete").status_code == 409


def test_an_action_on_many_does_what_it_can_and_says_what_not(browser: Client, plant: Any) -> None:
    small, big = Machine.objects.order_by("name")[:2]
    Machine.objects.filter(pk=big.pk).update(slots=500)
    page = browser.post(URL + "do/double", {"pk": [small.pk, big.pk], "next": URL + "?kind=pump"}, follow=True)
    assert page.redirect_chain == [(URL + "?kind=pump", 302)]
    assert "has too many slots" in page.text
    small.refresh_from_db()
    assert small.slots == 2
    assert browser.post(URL + "do/double", {"pk": []}).status_code == 422
    assert browser.post(URL + "do/explode", {"pk": [1]}).status_code == 404
    away = browser.post(URL + "do/double", {"pk": [small.pk], "next": "//evil.example/"})
    assert away.headers["Location"] == URL


def test_csv_opens_in_excel_and_runs_nothing(browser: Client, plant: Any, world: Any) -> None:
    Machine.objects.create(name="=HYPERLINK(1)", kind="pump", organisation=world.pumps)
    answer = browser.get(URL + "export.csv?kind=pump")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert rows[0] == ["Name", "Kind", "Line", "State", "Power", "Organisation"]
    assert len(rows) == 32
    assert rows[1][0] == "'=HYPERLINK(1)"
    assert "rival" not in answer.text
    assert browser.get(URL + "export.exe").status_code == 404


def test_xlsx_is_a_workbook_with_the_same_rows(browser: Client, plant: Any, world: Any) -> None:
    Machine.objects.create(name="=1+1 & <b>\x07", kind="pump", power=1.5, organisation=world.pumps)
    answer = browser.get(URL + "export.xlsx?kind=pump")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        for name in archive.namelist():
            ElementTree.fromstring(archive.read(name))
        sheet = ElementTree.fromstring(archive.read("xl/worksheets/sheet1.xml"))
    space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    rows = [["".join(cell.itertext()) for cell in row] for row in sheet.iter(f"{space}row")]
    assert rows[0] == ["Name", "Kind", "Line", "State", "Power", "Organisation"]
    assert rows[1] == ["=1+1 & <b>�", "Pump", "", "Draft", "1.5", "Pump works"]
    assert len(rows) == 32


def test_a_choice_of_thousands_is_searched_not_listed(browser: Client, world: Any) -> None:
    Line.objects.bulk_create(Line(name=f"line {number:04}", organisation=world.pumps) for number in range(3000))
    Line.objects.create(name="line of the rival 2999", organisation=world.presses)
    page = browser.get(URL + "new")
    assert 'hx-get="/sample/machines/lookup/line"' in page.text
    assert page.text.count("<option") < 220
    options = browser.get("/sample/machines/lookup/line?q=2999").text
    assert "line 2999" in options
    assert "rival" not in options
    last = Line.objects.get(name="line 2999")
    made = browser.post(URL + "new", form(line=last.pk))
    assert made.status_code == 302
    machine = Machine.objects.get()
    assert machine.line == last
    assert f'<option value="{last.pk}" selected>' in browser.get(f"{URL}{machine.pk}/edit").text
    assert f'name="line" value="{last.pk}" checked' in browser.get(f"{URL}?line={last.pk}").text
    for bad in ("name", "organisation__path", "created_by", "nothing"):
        assert browser.get(f"/sample/machines/lookup/{bad}").status_code == 404
    assert browser.get("/sample/machines/lookup/line?q=%00").status_code == 422


def test_a_saved_view_comes_back_for_its_owner_only(browser: Client, plant: Any, world: Any) -> None:
    answer = browser.post(URL + "views", {"name": "My pumps", "query": "kind=pump&page=3"})
    assert answer.headers["Location"] == URL + "?kind=pump"
    assert "My pumps" in browser.get(URL).text
    assert browser.post(URL + "views", {"name": "Bad", "query": "colour=red"}).status_code == 422
    other = Client()
    other.force_login(world.viewer)
    assert "My pumps" not in other.get(URL).text
    view = SavedView.objects.get()
    other.post(URL + "views", {"delete": view.pk})
    assert SavedView.objects.exists()
    browser.post(URL + "views", {"delete": view.pk})
    assert not SavedView.objects.exists()


def test_whoever_is_not_signed_in_is_sent_to_sign_in(db: None) -> None:
    page = Client().get(URL)
    assert (page.status_code, page.headers["Location"]) == (302, f"/sign-in/?next={URL}")
    part = Client().get(URL, headers=HTMX)
    assert part.status_code == 200
    assert part.headers["HX-Redirect"].startswith("/sign-in/")


def test_pages_forbid_inline_scripts_and_foreign_hosts(browser: Client, plant: Any) -> None:
    policy = browser.get(URL).headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert browser.get(URL).headers["X-Frame-Options"] == "DENY"


def test_an_error_page_speaks_the_users_language_and_has_a_code(browser: Client, world: Any) -> None:
    page = browser.get(URL + "?colour=red")
    assert "There is no filter colour here." in page.text
    assert page.headers["X-Request-ID"] in page.text
    assert page.headers["Content-Language"] == "en"


def test_an_error_of_the_program_shows_no_insides(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(world.engineer)

    def explode(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("gongfu.kernel.pages.listing.page", explode)
    for url in (URL, "/api/v1/sample/machines"):
        answer = client.get(url)
        assert answer.status_code == 500
        assert "secret detail" not in answer.text
        assert "broken" in answer.text


def test_a_body_of_ten_megabytes_is_refused(browser: Client, world: Any) -> None:
    answer = browser.post(URL + "new", form(notes="x" * 10_000_000), content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 413
    answer = browser.post(
        "/api/v1/sample/lines", '{"name": "' + "x" * 10_000_000 + '"}', content_type="application/json"
    )
    assert answer.status_code in (400, 413)
    fields = "&".join(f"f{number}=1" for number in range(5000))
    answer = browser.post(URL + "new", fields, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 413
