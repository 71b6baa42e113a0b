"""Sums that the store's roll-ups give, against a shift that was worked out by hand. One recorder for the file."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest

from gongfu.data.performance import asking, measuring, rules
from gongfu.data.performance.calendars import Calendar, Shift, breaks
from gongfu.data.performance.measuring import Machine, Plan, Told
from gongfu.data.performance.rules import Loss, Note, Sums
from gongfu.data.telemetry import services as telemetry
from gongfu.kernel.store import StoreClient
from tests.data.telemetry import rig

ZONE = "Asia/Shanghai"
SHIFT = Shift(7, dt.time(8), dt.time(16), breaks("12:00-12:30"), name="早班")
PLAN = Plan(Calendar(ZONE, (SHIFT,), holidays=True))
CODES = {"0": "off", "1": "idle", "2": "setup", "3": "running", "5": "fault"}
HOUR = 3600


def at(hour: float, day: int = 2) -> int:
    """A local moment of March 2026; the 2nd is a Monday."""
    return int(dt.datetime(2026, 3, day, tzinfo=ZoneInfo(ZONE)).timestamp() + hour * HOUR)


# What the machine said from when on, and whether it made a piece a minute meanwhile.
DAY = ((7, 1), (8, 3), (10, 5), (11, 3), (12, 1), (13, 3), (16, 0))
MACHINE = Machine(
    device=1,
    plan=PLAN,
    state=1,
    codes=CODES,
    count=2,
    reject=3,
    energy=4,
    power=5,
    cycle=50.0,  # type: ignore[arg-type]
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreClient]:
    """Readings every 20 s of one day, rolled up by a real recorder."""
    with rig.node(tmp_path_factory.mktemp("node")) as node:
        one = StoreClient(node.settings)
        made, energy = 0.0, 100.0
        rows: list[str] = []
        for second in range(at(7), at(17), 20):
            state = [code for hour, code in DAY if second >= at(hour)][-1]
            running = state == 3
            made += 1 / 3 if running else 0
            energy += 6 / 180 if running else 1 / 180  # kWh: 6 kW in operation, 1 kW else
            counted = int(made + 0.01)
            # At 14:00 the counter begins again.
            shown = counted - (240 if second >= at(14) else 0)
            rejects = 20 + min(18, counted // 10)
            for series, value in ((1, state), (2, shown), (3, rejects), (4, energy), (5, 6.0 if running else 1.0)):
                rows.append(f"(9, {series}, fromUnixTimestamp64Micro({second * 1_000_000}), {value}, 0, now())")
        one.command(
            "INSERT INTO series (org, series, kind, hold, interval, at) VALUES (9, 1, 'state', 60, 20, now64()),"
            " (9, 2, 'number', 60, 20, now64()), (9, 3, 'number', 60, 20, now64()), (9, 4, 'number', 60, 20, now64()),"
            " (9, 5, 'number', 60, 20, now64())"
        )
        one.command("INSERT INTO readings VALUES " + ", ".join(rows))
        one.command(f"INSERT INTO dirty SELECT 4294967290, 9, number + 1, 0, {at(7)}, {at(17)} FROM numbers(5)")
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            done = int(one.command("SELECT count() FROM rollups WHERE org = 9 AND step = 86400"))
            if done >= 5 and telemetry.durations([9], [1], moment(at(7)), moment(at(17)), store=one):
                break
            time.sleep(0.2)
        yield one
        one.close()


def moment(second: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(second, dt.UTC)


def sums(store: StoreClient, machine: Machine, start: int, end: int, by: measuring.By = "total") -> Sums:
    return measuring.add_up(measuring.measure(store, [9], [machine], start, end, ZONE, by)[machine.device])


def test_a_shift_gives_the_figures_that_were_worked_out_by_hand(store: StoreClient) -> None:
    found = sums(store, MACHINE, at(0), at(24))
    assert found.calendar == 24 * HOUR
    assert found.planned == 7.5 * HOUR
    assert found.states == pytest.approx({"running": 6 * HOUR, "fault": HOUR, "idle": 0.5 * HOUR}, abs=60)
    assert found.pieces == pytest.approx(360, abs=2)
    assert Note.COUNTER_RESET in found.notes
    judged = rules.judge(found)
    assert judged.availability.value == pytest.approx(6 / 7.5, abs=0.005)
    assert judged.performance.value == pytest.approx(50 / 60, abs=0.01)
    assert judged.quality.value == pytest.approx((360 - 18) / 360, abs=0.005)
    assert judged.oee == pytest.approx(0.8 * 50 / 60 * 0.95, abs=0.01)


def test_a_break_within_an_hour_is_no_planned_time(store: StoreClient) -> None:
    found = sums(store, MACHINE, at(12), at(13))
    assert found.planned == 0.5 * HOUR
    assert found.states == pytest.approx({"idle": 0.5 * HOUR}, abs=60)
    assert found.outside == pytest.approx({"idle": 0.5 * HOUR}, abs=60)


@pytest.mark.parametrize("cut", [9.0, 11.25, 12.75, 14.0])
def test_two_parts_of_a_day_add_up_to_the_day(store: StoreClient, cut: float) -> None:
    whole = sums(store, MACHINE, at(7), at(17))
    parts = sums(store, MACHINE, at(7), at(cut)) + sums(store, MACHINE, at(cut), at(17))
    assert parts.states == pytest.approx(whole.states)
    assert parts.pieces == pytest.approx(whole.pieces)
    assert parts.energy == pytest.approx(whole.energy)
    assert parts.planned == whole.planned


def test_energy_is_the_meters_or_the_integral_of_power(store: StoreClient) -> None:
    metered = sums(store, MACHINE, at(8), at(16))
    assert metered.energy == pytest.approx(6 * 6 + 2 * 1, rel=0.01)
    integrated = sums(store, measuring.msgspec.structs.replace(MACHINE, energy=0), at(8), at(16))
    assert integrated.energy == pytest.approx(6 * 6 + 2 * 1, rel=0.01)


def test_a_reason_takes_its_time_out_of_what_the_machine_says_and_never_more(store: StoreClient) -> None:
    told = Told(at(9.5), at(11.5), "fault", 44)  # an hour of it the machine ran
    found = sums(store, measuring.msgspec.structs.replace(MACHINE, told=(told,)), at(0), at(24))
    assert found.reasons == pytest.approx({44: 1.5 * HOUR}, abs=60)
    assert found.states["running"] == pytest.approx(6 * HOUR, abs=60)
    planned = rules.judge(found, {44: Loss.PLANNED})
    assert planned.availability.value == pytest.approx(1.0, abs=0.01)


def test_another_organisation_sees_nothing_of_it(store: StoreClient) -> None:
    cells = measuring.measure(store, [8], [MACHINE], at(0), at(24), ZONE)[1]
    found = measuring.add_up(cells)
    assert (found.states, found.pieces, found.energy) == ({}, None, None)
    judged = rules.judge(found)
    assert judged.at_most is None
    assert judged.availability.value is None


def test_days_and_shifts_are_kept_apart(store: StoreClient) -> None:
    cells = measuring.measure(store, [9], [MACHINE], at(0), at(48), ZONE, "day")[1]
    planned = {(cell.day.day, cell.shift): cell.sums for cell in cells if cell.planned}
    assert set(planned) == {(2, 7), (3, 7)}
    assert planned[3, 7].states == {}
    assert planned[2, 7].planned == 7.5 * HOUR


def test_the_store_answers_the_questions_of_every_page(store: StoreClient) -> None:
    span = {"orgs": [9], "series": [1], "low": at(7) * 1_000_000, "high": at(17) * 1_000_000, "hold": 3600 * 1_000_000}
    rows = store.query_arrow(asking.CHANGES, span, orgs=[9]).to_pylist()
    assert [row["state"] for row in rows] == ["1", "3", "5", "3", "1", "3", "0", "0"]
    assert [row["silent"] for row in rows] == [0] * 7 + [1]
    assert store.query_arrow(asking.TEXT_CHANGES, span, orgs=[9]).num_rows == 0
    hours = store.query_arrow(
        asking.HOURS, {"orgs": [9], "series": [1], "low": at(8), "high": at(10)}, orgs=[9]
    ).to_pylist()
    assert [dict(row["states"]) for row in hours] == [{"3": 3600.0}, {"3": 3600.0}]
    quarters = store.query_arrow(
        asking.BY_STEP,
        {"orgs": [9], "series": [5], "width": 900, "step": 60, "low": at(8), "high": at(9)},
        orgs=[9],
    ).to_pylist()
    assert [row["area_s"] / row["held_s"] for row in quarters] == [6.0] * 4
