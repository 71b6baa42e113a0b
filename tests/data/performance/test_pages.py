"""Performance as people and programs meet it. The hours of the store are written by hand."""

from __future__ import annotations

import datetime as dt
import io

import pytest
from django.test import Client
from django.utils import timezone
from openpyxl import load_workbook

from gongfu.data.performance import demonstration, services, stops
from gongfu.data.performance.models import Capability, Cycle, PlannedStop, Reject, Shift, Stop, StopReason, WorkCalendar
from gongfu.data.performance.rules import Loss, Note
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.rules import Role
from gongfu.kernel.audit.models import AuditEntry
from gongfu.kernel.errors import Forbidden, NotFound
from gongfu.platform.devices.models import Device
from tests.data.performance.hours import HOUR, Hours, machining_centre
from tests.platform.devices.plants import person

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:Workbook contains no default style")]
DAY = dt.date(2026, 11, 16)  # a Monday


def at(hour: float, day: dt.date = DAY) -> dt.datetime:
    return timezone.make_aware(dt.datetime.combine(day, dt.time())) + dt.timedelta(hours=hour)


def signed_in(user: User) -> Client:
    User.objects.filter(pk=user.pk).update(language="en")
    client = Client()
    client.force_login(user)
    return client


def one_shift(plant: Organisation, **more: object) -> WorkCalendar:
    calendar = WorkCalendar.objects.create(organisation=plant, name="单班", **more)
    Shift.objects.create(
        organisation=plant, calendar=calendar, name="早班", begins=dt.time(8), ends=dt.time(16), weekdays="12345"
    )
    return calendar


def worked(store: Hours, device: Device, states: str, each: float = 60, scrap: float = 1) -> None:
    """From 8 o'clock on, an hour a letter: Running, Idle, Fault, Off; ``each`` pieces in an hour of operation."""
    codes = {"R": "3", "I": "1", "F": "5", "O": "0"}
    tags = {tag.key: tag.pk for tag in device.tags.all()}
    for number, letter in enumerate(states):
        hour = int(at(8 + number).timestamp())
        store.states[tags["state"], hour] = {codes[letter]: float(HOUR)}
        store.grown[tags["energy"], hour] = 10.0 if letter == "R" else 2.0
        if letter == "R":
            store.grown[tags["part_count"], hour] = each
            store.grown[tags["scrap_count"], hour] = scrap


@pytest.fixture
def reasons(plant: Organisation) -> list[StopReason]:
    return [
        StopReason.objects.create(organisation=plant, name=name, name_en=name_en, loss=loss)
        for name, name_en, loss in (("待料", "No material", "idling"), ("计划保养", "Maintenance", "planned"))
    ]


# figures
def test_a_bound_machine_has_figures_with_nothing_entered(engineer: User, centre: Device, store: Hours) -> None:
    worked(store, centre, "RRRRFRII")
    report = services.oee(engineer, [centre.pk], at(8), at(16))
    (row,) = report.rows
    assert row.performance.availability.percent == 62.5
    assert row.performance.performance.percent == 100.0  # as good as its best shift
    assert row.performance.quality.percent == 98.3
    assert {Note.NO_CALENDAR, Note.CYCLE_ESTIMATED} <= row.performance.notes
    assert row.performance.sums.energy == 56.0


def test_calendar_cycle_and_target_make_it_sharper(
    engineer: User, plant: Organisation, centre: Device, store: Hours
) -> None:
    one_shift(plant)
    Capability.objects.create(organisation=plant, device=centre, cycle=54.0, target=60.0)
    worked(store, centre, "RRRRFRII")
    (row,) = services.oee(engineer, [centre.pk], at(0), at(24)).rows
    assert row.performance.sums.planned == 8 * HOUR
    assert row.performance.percent == pytest.approx(100 * 5 / 8 * 54 / 60 * 59 / 60, abs=0.06)
    assert row.gap == pytest.approx(60 - 55.3)
    assert Note.NO_CALENDAR not in row.performance.notes


def test_the_calendar_of_the_nearest_place_holds(
    engineer: User, plant: Organisation, centre: Device, store: Hours
) -> None:
    one_shift(plant)
    assert centre.place is not None
    own = WorkCalendar.objects.create(organisation=plant, name="本线", place=centre.place.parent, holidays=False)
    Shift.objects.create(
        organisation=plant, calendar=own, name="全天", begins=dt.time(0), ends=dt.time(0), weekdays="1234567"
    )
    other = machining_centre(plant, "CNC-2", "二号", place="另一线")
    Device.objects.filter(pk=other.pk).update(place=None)
    report = services.oee(engineer, [centre.pk, other.pk], at(0), at(24))
    assert {row.device.key: row.performance.sums.planned / HOUR for row in report.rows} == {"CNC-1": 24.0, "CNC-2": 8.0}


def test_products_have_their_own_cycles(engineer: User, plant: Organisation, centre: Device, store: Hours) -> None:
    program = centre.tags.create(organisation=plant, key="program", name="程序", kind="text", role="program")
    for product, seconds in (("O100", 60.0), ("O200", 120.0)):
        Cycle.objects.create(organisation=plant, device=centre, product=product, seconds=seconds)
    worked(store, centre, "RR", each=30)
    for number, product in enumerate(("O100", "O200")):
        store.states[program.pk, int(at(8 + number).timestamp())] = {product: float(HOUR)}
    (row,) = services.oee(engineer, [centre.pk], at(8), at(10)).rows
    assert row.performance.sums.possible == pytest.approx(60 + 30)
    assert row.performance.performance.value == pytest.approx(60 / 90)


def test_rejects_people_report_count_where_no_tag_does(
    engineer: User, plant: Organisation, centre: Device, store: Hours
) -> None:
    centre.tags.filter(key="scrap_count").delete()
    worked_tags = centre.tags.create(organisation=plant, key="scrap_count", name="x", unit="kg")
    Reject.objects.create(organisation=plant, device=centre, at=at(9), quantity=6, start_up=True)
    worked(store, centre, "RR")
    (row,) = services.oee(engineer, [centre.pk], at(8), at(10)).rows
    assert worked_tags.pk
    assert row.performance.quality.percent == 95.0
    assert [one.loss for one in row.performance.losses] == [Loss.START_UP]


def test_a_planned_stop_of_a_place_excuses_its_machines(
    engineer: User, plant: Organisation, centre: Device, store: Hours
) -> None:
    one_shift(plant)
    assert centre.place is not None
    PlannedStop.objects.create(
        organisation=plant, place=centre.place.parent, begins=at(14), ends=at(16), why="年度检修"
    )
    worked(store, centre, "RRRRRROO")
    (row,) = services.oee(engineer, [centre.pk], at(0), at(24)).rows
    assert row.performance.availability.percent == 100.0
    assert row.performance.sums.planned == 6 * HOUR


def test_days_and_the_whole_say_the_same(engineer: User, plant: Organisation, centre: Device, store: Hours) -> None:
    one_shift(plant)
    Capability.objects.create(organisation=plant, device=centre, cycle=60.0)
    worked(store, centre, "RRRRFRII")
    report = services.oee(engineer, [centre.pk], at(0), at(48), by="day")
    days = dict(report.by_day())
    assert days[DAY].sums.states == report.rows[0].performance.sums.states
    assert days[DAY].losses == report.rows[0].performance.losses
    assert next(key for key, _ in report.by_shift()) == Shift.objects.get().pk
    assert days[DAY + dt.timedelta(days=1)].at_most is None


# who sees what
def test_what_belongs_to_another_organisation_is_not_found(
    stranger: User, centre: Device, store: Hours, reasons: list[StopReason]
) -> None:
    assert services.oee(stranger, [centre.pk], at(8), at(16)).rows == ()
    client = signed_in(stranger)
    assert "加工中心" not in client.get("/data/performance?from=2026-11-16").content.decode()
    assert client.get(f"/data/stop-reasons/{reasons[0].pk}/").status_code == 404
    assert client.get(f"/data/performance?place={centre.place_id}").status_code in (200, 404)
    with pytest.raises(NotFound):
        stops.classify(stranger, f"{centre.pk}.1000000.2000000", reasons[0].pk)
    found = client.get(
        f"/api/v1/data/performance/oee?start=2026-11-16T00:00:00Z&end=2026-11-17T00:00:00Z&device={centre.pk}"
    )
    assert found.json()["machines"] == []


def test_the_store_is_asked_for_the_owners_of_the_machines_only(
    engineer: User, plant: Organisation, centre: Device, store: Hours
) -> None:
    services.oee(engineer, [centre.pk], at(8), at(16))
    assert {tuple(orgs) for orgs in store.asked} == {(plant.pk,)}


# stops
def test_a_stop_gets_its_reason_in_two_taps_and_another_one_replaces_it(
    plant: Organisation, centre: Device, store: Hours, reasons: list[StopReason]
) -> None:
    state = centre.tags.get(key="state").pk
    store.changes[state] = [
        (at(8).timestamp(), "3"),
        (at(10).timestamp(), "1"),
        (at(10.5).timestamp(), "3"),
        (at(10.6).timestamp(), "5"),
        (at(10.605).timestamp(), "3"),
    ]
    operator = signed_in(person("wang", plant, Role.OPERATOR))
    page = operator.get("/data/performance/stops?from=2026-11-16").content.decode()
    assert "0:30" in page
    assert "<b>1</b> stop has no reason yet" in page
    (stop,) = stops.stops([centre], at(0), at(24))
    for reason in reasons:
        answer = operator.post("/data/performance/stops?from=2026-11-16", {"stop": stop.name, "reason": reason.pk})
        assert answer.status_code == 302
    (made,) = Stop.objects.all()
    assert (made.reason, made.begins, made.ends, made.state) == (reasons[1], at(10), at(10.5), "idle")
    assert AuditEntry.objects.filter(action="classify").count() == 2
    assert "Every stop has its reason" in operator.get("/data/performance/stops?from=2026-11-16").content.decode()


def test_a_viewer_gives_no_reasons(
    plant: Organisation, centre: Device, store: Hours, reasons: list[StopReason]
) -> None:
    viewer = person("chen", plant, Role.VIEWER)
    with pytest.raises(Forbidden):
        stops.classify(viewer, f"{centre.pk}.1000000.2000000", reasons[0].pk)
    for name in ("", "x", "1.2", f"{centre.pk}.5.1e400", "9" * 80):
        assert signed_in(viewer).post("/data/performance/stops", {"stop": name, "reason": "1"}).status_code == 404


def test_a_reason_takes_its_time_out_of_waiting(
    engineer: User, plant: Organisation, centre: Device, store: Hours, reasons: list[StopReason]
) -> None:
    one_shift(plant)
    worked(store, centre, "RRRRFRII")
    Stop.objects.create(organisation=plant, device=centre, begins=at(14), ends=at(16), state="idle", reason=reasons[0])
    (row,) = services.oee(engineer, [centre.pk], at(0), at(24)).rows
    greatest = row.performance.losses[0]
    assert (greatest.loss, greatest.reason, greatest.seconds) == (Loss.IDLING, reasons[0].pk, 2 * HOUR)


# pages
def test_the_overview_says_how_much_was_lost_and_to_what(
    engineer: User, plant: Organisation, centre: Device, store: Hours
) -> None:
    one_shift(plant)
    Capability.objects.create(organisation=plant, device=centre, cycle=60.0, target=85.0)
    worked(store, centre, "RRRRFRII")
    page = signed_in(engineer).get("/data/performance?from=2026-11-16&to=2026-11-17").content.decode()
    assert "Of 16.0 planned hours" in page
    assert "most to “Waiting and minor stops”: 2.0 hours" in page
    assert "61.5 %" in page  # 5/8 x 1 x 59/60


def test_empty_pages_say_what_is_missing(engineer: User, plant: Organisation, store: Hours) -> None:
    client = signed_in(engineer)
    assert "No machine tells a state or a count yet" in client.get("/data/performance").content.decode()
    assert "Nothing measures energy" in client.get("/data/performance/energy").content.decode()
    assert "No stop of a minute" in client.get("/data/performance/stops").content.decode()
    assert "Nothing was planned on this day" in client.get("/data/performance/shift").content.decode()
    assert "No machine tells its state" in client.get("/data/performance/heat").content.decode()


@pytest.mark.parametrize(
    "page",
    ["performance/heat?from=2026-11-16", "performance/energy?from=2026-11-16", "performance/shift?day=2026-11-16"],
)
def test_pages_tell_the_machine(engineer: User, plant: Organisation, centre: Device, store: Hours, page: str) -> None:
    one_shift(plant)
    worked(store, centre, "RRRRFRII")
    text = signed_in(engineer).get(f"/data/{page}").content.decode()
    assert "一号加工中心" in text
    assert "62" in text or "56" in text


def test_the_tab_of_a_device_explains_its_figures(
    engineer: User, plant: Organisation, centre: Device, store: Hours
) -> None:
    one_shift(plant)
    Capability.objects.create(organisation=plant, device=centre, cycle=120.0)
    worked(store, centre, "RRRRFRII")
    page = signed_in(engineer).get(f"/platform/devices/{centre.pk}/?tab=performance&from=2026-11-16").content.decode()
    assert "the ideal cycle is wrong" in page
    assert "The best shift took 60.0 s a piece" in page
    assert "≤" in page


@pytest.mark.parametrize(
    "asked", ["from=yesterday", "from=2026-13-40", "from=2026-11-16&to=2020-01-01", "from=0001-01-01"]
)
def test_a_time_that_is_none_is_refused_in_words(engineer: User, store: Hours, centre: Device, asked: str) -> None:
    answer = signed_in(engineer).get(f"/data/performance?{asked}")
    assert answer.status_code in (200, 422, 400)
    assert "Traceback" not in answer.content.decode()


def test_files_hold_every_machine(engineer: User, plant: Organisation, centre: Device, store: Hours) -> None:
    one_shift(plant)
    worked(store, centre, "RRRRFRII")
    client = signed_in(engineer)
    text = client.get("/data/performance/export.csv?from=2026-11-16").content.decode("utf-8-sig")
    assert text.splitlines()[1].startswith("CNC-1,一号加工中心")
    sheet = load_workbook(io.BytesIO(client.get("/data/performance/export.xlsx?from=2026-11-16").content)).active
    assert sheet is not None
    assert sheet["G2"].value == 62.5
    assert client.get("/data/performance/export.pdf").status_code == 404


def test_a_program_asks_for_figures(engineer: User, plant: Organisation, centre: Device, store: Hours) -> None:
    one_shift(plant)
    worked(store, centre, "RRRRFRII")
    found = signed_in(engineer).get(
        "/api/v1/data/performance/oee?start=2026-11-15T16:00:00Z&end=2026-11-16T16:00:00Z&by=day"
    )
    body = found.json()
    assert body["machines"][0]["availability"] == 0.625
    assert body["total"]["losses"][0]["loss"] == "idling"
    assert [one["day"] for one in body["days"]] == ["2026-11-16"]


def test_shifts_that_overlap_are_refused_beside_the_field(engineer: User, plant: Organisation) -> None:
    calendar = one_shift(plant)
    form = {"calendar": calendar.pk, "organisation": plant.pk, "name": "中班", "begins": "15:00", "ends": "23:00"}
    answer = signed_in(engineer).post("/data/shifts/new", {**form, "weekdays": "12345", "breaks": ""})
    assert "overlap" in answer.content.decode()
    assert Shift.objects.count() == 1


def test_the_demonstration_has_shifts_reasons_and_cycles_once(plant: Organisation, centre: Device) -> None:
    demonstration.seed(plant)
    demonstration.seed(plant)
    assert Shift.objects.count() == 3
    assert StopReason.objects.count() == 8
    assert Capability.objects.get().device == centre
