"""Reporting, signing, correcting and importing as people do it, and what they are refused."""

from __future__ import annotations

import datetime as dt
import io
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from openpyxl import load_workbook

from gongfu.governance.indicators import due, figures, measuring, papers, periodic, reporting, services
from gongfu.governance.indicators.models import Assignment, Figure, Indicator, Plan, Record, Reminder, Report, Tally
from gongfu.governance.indicators.table import Row
from gongfu.identity.registry import services as registry
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.rules import Role
from gongfu.kernel.audit.models import AuditEntry
from gongfu.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from gongfu.platform.devices.models import Device
from gongfu.platform.devices.services import DeviceDraft, create_device
from tests.platform.devices.plants import person

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:Workbook contains no default style")]
TODAY = dt.date(2026, 11, 21)


@pytest.fixture(autouse=True)
def today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gongfu.governance.indicators.services.today", lambda: TODAY)


@pytest.fixture
def district() -> Organisation:
    return accounts.create_organisation("qu", "示范区", kind="authority")


@pytest.fixture
def office(district: Organisation) -> Organisation:
    return accounts.create_organisation("kewei", "区科委", kind="department", parent=district)


@pytest.fixture
def rival() -> Organisation:
    return accounts.create_organisation("other", "邻区", kind="authority")


@pytest.fixture
def head(district: Organisation) -> User:
    return person("head", district)


@pytest.fixture
def clerk(office: Organisation) -> User:
    return person("clerk", office, Role.OPERATOR)


@pytest.fixture
def stranger(rival: Organisation) -> User:
    return person("stranger", rival)


@pytest.fixture
def plan(district: Organisation) -> Plan:
    return services.adopt("test", district, "qingpu-2021", years_later=4)


def indicator(plan: Plan, key: str) -> Indicator:
    return plan.indicators.select_related("plan__scope", "organisation").get(target=key)


@pytest.fixture
def assignment(plan: Plan, head: User, office: Organisation) -> Assignment:
    return services.assign(head, indicator(plan, "A8a"), office, since=dt.date(2025, 1, 1))


def stated(user: User, assignment: Assignment, value: int, day: str = "2026-10-31", note: str = "") -> Report:
    return reporting.report(user, assignment, dt.date.fromisoformat(day), Decimal(value), "名单 1 号", note)


def value_of(plan: Plan, key: str = "A8a") -> float | None:
    return services.outlook(indicator(plan, key)).value


def signed_in(user: User) -> Client:
    User.objects.filter(pk=user.pk).update(language="en")
    client = Client()
    client.force_login(user)
    return client


# a plan
def test_a_plan_has_the_fourteen_figures_of_the_annex_in_its_order(plan: Plan) -> None:
    found = services.outlooks(plan)
    assert [one.target.row for one in found] == [1, 2, 3, 4, 5, 6, 7, 8, 8, 9, 10, 11, 11, 12]
    assert {one.goal.year for one in found} == {2026}
    assert [one.indicator.source for one in found].count("measured") == 2


def test_a_document_is_followed_once_and_by_those_who_may(district: Organisation, head: User, stranger: User) -> None:
    services.adopt(head, district, "luan-draft")
    with pytest.raises(Conflict):
        services.adopt(head, district, "luan-draft")
    with pytest.raises(Forbidden):
        services.adopt(stranger, district, "national-2021")
    with pytest.raises(NotFound):
        services.adopt(head, district, "nothing")


def test_the_whole_of_one_organisation_cannot_be_counted_for_another(
    head: User, district: Organisation, rival: Organisation
) -> None:
    with pytest.raises(NotFound):
        services.adopt(head, district, "luan-draft", scope=rival)


# reporting and signing
def test_a_figure_counts_once_a_second_person_has_signed(
    plan: Plan, assignment: Assignment, clerk: User, head: User
) -> None:
    made = stated(clerk, assignment, 1200)
    assert value_of(plan) is None
    reporting.sign(head, made)
    assert value_of(plan) == 1200
    actions = list(AuditEntry.objects.order_by("sequence").values_list("action", flat=True))
    assert actions[-2:] == ["report", "sign"]


def test_who_reported_cannot_sign_even_as_administrator(assignment: Assignment, head: User) -> None:
    made = stated(head, assignment, 1200)
    User.objects.filter(pk=head.pk).update(is_superuser=True)
    with pytest.raises(Forbidden):
        reporting.sign(User.objects.get(pk=head.pk), made)
    with pytest.raises(Forbidden):
        reporting.send_back(User.objects.get(pk=head.pk), made, "no")


def test_a_reporter_of_the_department_cannot_sign_for_the_district(
    assignment: Assignment, clerk: User, head: User
) -> None:
    with pytest.raises(Forbidden):
        reporting.sign(clerk, stated(head, assignment, 1200))


def test_of_two_who_decide_at_once_the_second_is_told(
    assignment: Assignment, clerk: User, head: User, district: Organisation
) -> None:
    made = stated(clerk, assignment, 1200)
    other = person("deputy", district)
    first, second = (Report.objects.get(pk=made.pk) for _ in range(2))  # both have loaded the page
    reporting.sign(head, first)
    with pytest.raises(Conflict):
        reporting.send_back(other, second, "too late")
    with pytest.raises(Conflict):
        reporting.sign(other, second)


def test_two_reports_of_one_day_do_not_wait_together(assignment: Assignment, clerk: User) -> None:
    stated(clerk, assignment, 1200)
    with pytest.raises(Conflict):
        stated(clerk, assignment, 1300)


def test_a_correction_needs_a_reason_and_keeps_what_was_there(
    plan: Plan, assignment: Assignment, clerk: User, head: User
) -> None:
    wrong = reporting.sign(head, stated(clerk, assignment, 1200))
    with pytest.raises(Invalid):
        stated(clerk, assignment, 1100)
    right = reporting.sign(head, stated(clerk, assignment, 1100, note="重复计入 100 家"))
    wrong.refresh_from_db()
    assert (wrong.state, wrong.value, right.corrects) == ("superseded", Decimal(1200), wrong)
    assert value_of(plan) == 1100


def test_what_was_sent_back_does_not_count_and_can_be_stated_again(
    plan: Plan, assignment: Assignment, clerk: User, head: User
) -> None:
    made = stated(clerk, assignment, 1200)
    with pytest.raises(Invalid):
        reporting.send_back(head, made, "  ")
    reporting.send_back(head, made, "缺名单")
    assert value_of(plan) is None
    reporting.sign(head, stated(clerk, assignment, 1190))
    assert value_of(plan) == 1190


@pytest.mark.parametrize("day", ["2026-11-22", "2024-12-31", "9999-12-31"])
def test_a_figure_of_tomorrow_or_before_the_plan_is_refused(assignment: Assignment, clerk: User, day: str) -> None:
    with pytest.raises(Invalid):
        stated(clerk, assignment, 10, day)


@pytest.mark.parametrize("value", ["-1", "1e30", "1.5"])
def test_absurd_figures_are_refused(assignment: Assignment, clerk: User, value: str) -> None:
    with pytest.raises(Invalid):
        reporting.report(clerk, assignment, TODAY, Decimal(value), "x")


def test_a_leap_needs_a_remark(assignment: Assignment, clerk: User, head: User) -> None:
    reporting.sign(head, stated(clerk, assignment, 100, "2026-09-30"))
    for value in (99, 501):
        with pytest.raises(Invalid):
            stated(clerk, assignment, value)
    assert stated(clerk, assignment, 501, note="新增名单").pk


def test_without_evidence_nothing_is_reported(assignment: Assignment, clerk: User) -> None:
    with pytest.raises(Invalid):
        reporting.report(clerk, assignment, TODAY, Decimal(1), "  ")


def test_the_things_listed_are_as_many_as_the_figure(assignment: Assignment, clerk: User) -> None:
    rows = [Row(2, TODAY, "恒锐"), Row(3, TODAY, "华塑")]
    with pytest.raises(Invalid):
        reporting.report(clerk, assignment, TODAY, Decimal(3), "名单", rows=rows)
    assert reporting.report(clerk, assignment, TODAY, Decimal(2), "名单", rows=rows).records.count() == 2


def test_figures_of_several_who_report_are_added_but_levels_never(
    plan: Plan, assignment: Assignment, clerk: User, head: User, district: Organisation, rival: Organisation
) -> None:
    other = services.assign("test", indicator(plan, "A8a"), district)
    reporting.sign(head, stated(clerk, assignment, 1000, "2026-09-30"))
    reporting.sign(person("deputy", district), stated(head, other, 50, "2026-10-31"))
    assert value_of(plan) == 1050
    assert Figure.objects.filter(indicator=assignment.indicator).count() == 2
    luan = services.adopt("test", district, "luan-draft", years_later=1)
    level = luan.indicators.get(target="7")
    services.assign("test", level, district)
    with pytest.raises(Invalid):
        services.assign("test", level, rival)


# tables
def rows(*names: str, day: dt.date = dt.date(2026, 10, 5)) -> list[Row]:
    return [Row(n, day, name, f"C-{name}") for n, name in enumerate(names, 2)]


@pytest.fixture
def imported(plan: Plan, head: User, office: Organisation) -> Assignment:
    found = indicator(plan, "A6")
    services.set_source(head, found, "imported")
    return reporting.assignment_for(head, services.assign(head, found, office).pk)


def test_tables_add_up_month_by_month_and_lead_to_their_rows(
    plan: Plan, imported: Assignment, clerk: User, head: User
) -> None:
    first = reporting.import_table(clerk, imported, rows("a", "b", day=dt.date(2026, 9, 1)), "汇总表")
    assert value_of(plan, "A6") is None
    reporting.sign(head, first)
    reporting.sign(head, reporting.import_table(clerk, imported, rows("c"), "汇总表"))
    assert value_of(plan, "A6") == 3
    assert list(Tally.objects.values_list("month", "records")) == [(dt.date(2026, 9, 1), 2), (dt.date(2026, 10, 1), 1)]
    page = signed_in(head).get(f"/governance/indicators/{imported.indicator_id}/behind?month=2026-09").content.decode()
    assert "C-a" in page
    assert "C-c" not in page


def test_a_thing_counts_once_even_when_two_tables_waited_with_it(
    plan: Plan, imported: Assignment, clerk: User, head: User
) -> None:
    one = reporting.import_table(clerk, imported, rows("a", "b"), "表一")
    other = reporting.import_table(clerk, imported, rows("b", "c"), "表二")
    reporting.sign(head, one)
    with pytest.raises(Conflict):
        reporting.sign(head, other)
    with pytest.raises(Conflict):
        reporting.import_table(clerk, imported, rows("a"), "表三")
    assert value_of(plan, "A6") == 2


def test_a_table_taken_out_counts_no_more_and_stays_in_the_history(
    plan: Plan, imported: Assignment, clerk: User, head: User
) -> None:
    made = reporting.sign(head, reporting.import_table(clerk, imported, rows("a", "b"), "表"))
    reporting.withdraw_table(head, made, "立项被撤销")
    assert value_of(plan, "A6") is None
    assert Report.objects.get(pk=made.pk).state == "superseded"
    assert Record.objects.filter(report=made).count() == 2


# measured
def test_measured_figures_follow_what_really_happened(plan: Plan, district: Organisation, head: User) -> None:
    enterprise = accounts.create_organisation("hengrui", "恒锐", parent=district)
    device = create_device(
        "test",
        enterprise,
        DeviceDraft(key="P-1", name="泵", type="centrifugal-pump", driver="modbus", options={"host": "h"}),
    )
    periodic.tick()
    assert value_of(plan, "A5") == 0
    Device.objects.filter(pk=device.pk).update(last_reading_at=timezone.now() - dt.timedelta(minutes=1))
    periodic.tick()
    assert value_of(plan, "A5") == 1
    page = signed_in(head).get(f"/governance/indicators/{indicator(plan, 'A5').pk}/behind").content.decode()
    assert "恒锐" in page
    assert Figure.objects.filter(indicator=indicator(plan, "A5")).count() == 1


def test_every_measure_counts(district: Organisation, head: User) -> None:
    enterprise = accounts.create_organisation("hengrui", "恒锐", parent=district)
    registry.allot_prefix("test", enterprise)
    now = timezone.now()
    for name, one in measuring.MEASURES.items():
        assert one.count(district, now) >= 0
        found = measuring.behind(name, district, head, now, 1, 10)
        assert found.seen <= found.total
    assert measuring.MEASURES["enterprises_with_identifiers"].count(district, now) == 1
    with pytest.raises(NotFound):
        measuring.measure("luck")


def test_what_belongs_to_others_is_counted_and_not_shown(
    district: Organisation, rival: Organisation, head: User
) -> None:
    registry.allot_prefix("test", accounts.create_organisation("far", "远方", parent=rival))
    found = measuring.behind("enterprises_with_identifiers", rival, head, timezone.now(), 1, 10)
    assert (found.total, found.seen, found.things) == (1, 0, [])


# deadlines
def test_what_is_due_is_late_only_after_midnight(
    monkeypatch: pytest.MonkeyPatch, assignment: Assignment, clerk: User
) -> None:
    for day, left, late in ((10, 0, False), (11, -1, True)):
        monkeypatch.setattr("gongfu.governance.indicators.services.today", lambda day=day: dt.date(2026, 11, day))
        (found,) = due.due_for(clerk)
        assert (found.period, found.days_left, found.late) == (dt.date(2026, 10, 31), left, late)


def test_a_figure_of_the_last_day_of_the_year_counts_for_that_year(
    monkeypatch: pytest.MonkeyPatch, plan: Plan, assignment: Assignment, clerk: User, head: User
) -> None:
    monkeypatch.setattr("gongfu.governance.indicators.services.today", lambda: dt.date(2027, 1, 1))
    reporting.sign(head, stated(clerk, assignment, 1600, "2026-12-31"))
    on_the_day = services.outlook(assignment.indicator, dt.date(2026, 12, 31))
    assert (on_the_day.goal.year, on_the_day.judged.light) == (2026, "done")
    assert services.outlook(assignment.indicator, dt.date(2027, 1, 1)).goal.year == 2027


def test_reminders_are_noted_once_a_step_and_not_for_what_was_sent_in(assignment: Assignment, clerk: User) -> None:
    assert due.remind(dt.date(2026, 11, 3)) == 1
    assert due.remind(dt.date(2026, 11, 4)) == 0
    assert due.remind(dt.date(2026, 11, 9)) == 1
    stated(clerk, assignment, 900)
    assert due.remind(dt.date(2026, 11, 10)) == 0
    assert Reminder.objects.count() == 2


# tenants
def test_another_organisation_finds_nothing(
    plan: Plan, assignment: Assignment, clerk: User, head: User, stranger: User
) -> None:
    made = reporting.sign(head, stated(clerk, assignment, 1200))
    client = signed_in(stranger)
    for url in (
        f"/governance/plan/?plan={plan.pk}",
        f"/governance/plan/{plan.pk}/report.pdf",
        f"/governance/indicators/{assignment.indicator_id}/",
        f"/governance/indicators/{assignment.indicator_id}/behind",
        f"/governance/reporting/{assignment.pk}/",
        f"/governance/reports/{made.pk}/",
        f"/api/v1/governance/plans/{plan.pk}/indicators",
        f"/api/v1/governance/indicators/{assignment.indicator_id}",
    ):
        assert client.get(url).status_code == 404, url
    assert client.post(f"/governance/reports/{made.pk}/sign").status_code == 404
    assert "1,200" not in client.get("/governance/reporting/").content.decode()


def test_a_department_sees_its_task_and_not_the_district(plan: Plan, assignment: Assignment, clerk: User) -> None:
    client = signed_in(clerk)
    assert client.get(f"/governance/reporting/{assignment.pk}/").status_code == 200
    assert client.get(f"/governance/indicators/{assignment.indicator_id}/").status_code == 404


# pages
def test_a_figure_travels_from_the_form_to_the_plan(
    plan: Plan, assignment: Assignment, clerk: User, head: User
) -> None:
    form = {"value": "0.12万", "as_of": "2026-10-31", "evidence": "名单"}
    refused = signed_in(clerk).post(f"/governance/reporting/{assignment.pk}/", form | {"value": "many"})
    assert refused.status_code == 422
    assert "名单" in refused.content.decode()
    assert signed_in(clerk).post(f"/governance/reporting/{assignment.pk}/", form).status_code == 302
    made = Report.objects.get()
    desk = signed_in(head).get("/governance/reporting/").content.decode()
    assert f"/governance/reports/{made.pk}/" in desk
    assert signed_in(head).post(f"/governance/reports/{made.pk}/sign").status_code == 302
    assert "1,200" in signed_in(head).get(f"/governance/plan/?plan={plan.pk}").content.decode()


def test_wrong_cells_of_a_sheet_are_shown(imported: Assignment, clerk: User) -> None:
    file = SimpleUploadedFile("a.csv", "日期,名称\nsoon,恒锐\n".encode())
    page = signed_in(clerk).post(f"/governance/reporting/{imported.pk}/", {"evidence": "表", "file": file})
    assert page.status_code == 422
    assert "soon is no date" in page.content.decode()


def test_texts_in_the_workbook_are_never_formulas(
    plan: Plan, assignment: Assignment, clerk: User, head: User, district: Organisation
) -> None:
    Organisation.objects.filter(pk=district.pk).update(name='=HYPERLINK("http://x","y")')
    reporting.sign(head, stated(clerk, assignment, 1200))
    book = load_workbook(io.BytesIO(papers.xlsx(plan, dt.date(2026, 10, 1))))
    cells = [cell for line in book.active.iter_rows() for cell in line if cell.value is not None]
    assert all(cell.data_type in ("s", "n", "inlineStr") for cell in cells)
    assert 1200 in [cell.value for cell in cells]
    assert any(str(cell.value).startswith("≥") or cell.value == "获专项支持或试点示范的项目" for cell in cells)


def test_the_report_says_how_it_stood_then(plan: Plan, assignment: Assignment, clerk: User, head: User) -> None:
    reporting.sign(head, stated(clerk, assignment, 700, "2026-09-30"))
    reporting.sign(head, stated(clerk, assignment, 800, "2026-10-31"))
    for month, value in ((9, 700), (10, 800)):
        book = load_workbook(io.BytesIO(papers.xlsx(plan, dt.date(2026, month, 1))))
        assert value in [cell.value for line in book.active.iter_rows() for cell in line]
    assert papers.pdf(plan, dt.date(2026, 10, 1)).startswith(b"%PDF-")
    word = signed_in(head).get(f"/governance/plan/{plan.pk}/report.docx?month=2026-10")
    assert word.content.startswith(b"PK")
    assert signed_in(head).get(f"/governance/plan/{plan.pk}/report.pdf?month=2027-01").status_code == 422
    assert signed_in(head).get(f"/governance/plan/{plan.pk}/report.doc").status_code == 404


def test_a_hostile_name_stays_text_in_page_and_paper(plan: Plan, head: User, district: Organisation) -> None:
    Organisation.objects.filter(pk=district.pk).update(name="<b>&lt;script&gt;</b><font size=99>𠮷")
    plan.refresh_from_db()
    assert papers.pdf(Plan.objects.get(pk=plan.pk), dt.date(2026, 10, 1)).startswith(b"%PDF-")
    assert "<font size" not in signed_in(head).get("/governance/plan/").content.decode()


def test_the_interface_states_and_refuses(
    plan: Plan, assignment: Assignment, clerk: User, imported: Assignment
) -> None:
    client = signed_in(clerk)
    body = {"as_of": "2026-10-31", "value": "1500", "evidence": "名单"}
    url = f"/api/v1/governance/reporting/{assignment.pk}"
    assert client.post(url, body, content_type="application/json").json()["state"] == "reported"
    assert client.post(url, body, content_type="application/json").status_code == 409
    assert client.post(url, body | {"value": "-3"}, content_type="application/json").status_code == 422
    other = f"/api/v1/governance/reporting/{imported.pk}"
    assert client.post(other, body, content_type="application/json").status_code == 422


def test_a_plan_page_reads_no_record_and_asks_few_questions(
    plan: Plan, imported: Assignment, clerk: User, head: User, django_assert_max_num_queries: object
) -> None:
    reporting.sign(head, reporting.import_table(clerk, imported, rows(*"abcdefgh"), "表"))
    client = signed_in(head)
    with django_assert_max_num_queries(30) as asked:  # type: ignore[operator]
        client.get("/governance/plan/")
    assert not [one for one in asked.captured_queries if "indicators_record" in one["sql"]]


def test_figures_counted_anew_are_the_same(plan: Plan, imported: Assignment, clerk: User, head: User) -> None:
    reporting.sign(head, reporting.import_table(clerk, imported, rows(*"abc"), "表"))
    before = list(Tally.objects.values_list("month", "amount", "records"))
    figures.tally(imported.indicator)
    assert list(Tally.objects.values_list("month", "amount", "records")) == before
