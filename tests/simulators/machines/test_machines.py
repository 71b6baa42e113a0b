"""Laws that hold for every simulated machine, and what each fault does to what it tells."""

from __future__ import annotations

import math
import statistics
from functools import cache
from itertools import pairwise

import pytest

from gongfu.kernel.errors import NotFound
from gongfu.network.models.library import type_by_id
from gongfu.simulators.machines.catalogue import MACHINES, machine_class
from gongfu.simulators.machines.compressor import LOAD_AT, UNLOAD_AT, Compressor
from gongfu.simulators.machines.instrument import AHEAD, Instrument
from gongfu.simulators.machines.machine import Machine, Value
from gongfu.simulators.machines.meter import Meter
from gongfu.simulators.machines.pump import Pump

HOUR = 3600
each = pytest.mark.parametrize("kind", MACHINES, ids=lambda kind: kind.TYPE)


def build(kind: type[Machine], seed: int = 7, fault: str = "") -> Machine:
    machine = kind(seed)
    if isinstance(machine, Meter):
        machine.load = 60.0
    if fault:
        machine.inject(fault)
    return machine


def series(machine: Machine, seconds: int = HOUR, every: int = 1) -> list[dict[str, Value]]:
    rows = []
    for _ in range(0, seconds, every):
        machine.step(every)
        rows.append(machine.values())
    return rows


def numbers(rows: list[dict[str, Value]], key: str) -> list[float]:
    return [float(row[key]) for row in rows]


@each
def test_same_seed_same_series_another_seed_another(kind: type[Machine]) -> None:
    assert series(build(kind, 3), 200) == series(build(kind, 3), 200)
    assert series(build(kind, 3), 200) != series(build(kind, 4), 200)


@each
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_it_tells_every_tag_of_its_type_within_range(kind: type[Machine], seed: int) -> None:
    model = type_by_id(kind.TYPE)
    codes = {state.code for state in model.states}
    for row in series(build(kind, seed), 600):
        assert list(row) == [tag.key for tag in model.tags]
        for tag in model.tags:
            value = row[tag.key]
            if tag.kind == "text":
                assert isinstance(value, str)
                continue
            assert isinstance(value, int | float)
            assert math.isfinite(value)
            assert tag.low is None or value >= tag.low, (tag.key, value)
            assert tag.high is None or value <= tag.high, (tag.key, value)
            if tag.role == "state":
                assert value in codes


@each
def test_a_healthy_machine_raises_no_alarm(kind: type[Machine]) -> None:
    model = type_by_id(kind.TYPE)
    rows = series(build(kind), HOUR, 2)
    for tag in model.tags:
        low, high = tag.limits.alarm_low, tag.limits.alarm_high
        for value in numbers(rows, tag.key) if tag.kind == "number" else ():
            assert low is None or value >= low, tag.key
            assert high is None or value <= high, tag.key


@each
def test_counters_never_fall_and_grow_at_work(kind: type[Machine]) -> None:
    model = type_by_id(kind.TYPE)
    rows = series(build(kind), HOUR // 2, 5)
    counters = [tag.key for tag in model.tags if tag.role in {"count", "energy", "fuel", "runtime"}]
    assert counters
    for key in counters:
        told = numbers(rows, key)
        assert all(b >= a for a, b in pairwise(told)), key
        assert told[-1] > told[0], key


@each
def test_energy_is_the_integral_of_power(kind: type[Machine]) -> None:
    machine = build(kind)
    before = machine.energy
    joined = sum(step_power(machine) for _ in range(4 * 600)) * 0.25 / 3600
    assert machine.energy - before == pytest.approx(joined, rel=1e-7)


def step_power(machine: Machine) -> float:
    machine.step(0.25)
    return machine.power


@each
def test_switched_off_it_cools_to_the_hall_and_draws_nothing(kind: type[Machine]) -> None:
    machine = build(kind)
    machine.step(600)
    machine.on = False
    if isinstance(machine, Meter):
        machine.load = 0.0
    machine.step(3 * HOUR)
    row = machine.values()
    warm = [tag.key for tag in type_by_id(kind.TYPE).tags if tag.unit == "°C"]
    for key in warm:
        assert float(row[key]) == pytest.approx(machine.ambient, abs=1.5), key
    assert machine.power == pytest.approx(0.0, abs=0.01)
    if "state" in row:
        assert row["state"] == 0


@each
def test_counters_survive_a_restart(kind: type[Machine]) -> None:
    old = build(kind)
    old.step(900)
    new = build(kind)
    new.restore(old.counters() | {"unknown": 1.0})
    assert new.counters() == old.counters()
    rows = [old.values(), *series(new, 5)]
    for tag in type_by_id(kind.TYPE).tags:
        if tag.role in {"count", "energy", "fuel", "runtime"}:
            told = numbers(rows, tag.key)
            assert told == sorted(told), tag.key


@each
def test_an_impossible_fault_is_refused_by_name(kind: type[Machine]) -> None:
    with pytest.raises(NotFound, match="clock_ahead"):
        build(kind).inject("gremlins")


@cache
def observed(type_id: str, fault: str) -> list[dict[str, Value]]:
    """Half an hour with a fault; the second quarter is what an engineer would look at."""
    return series(build(machine_class(type_id), fault=fault), HOUR // 2, 3)


def mean_rise(type_id: str, fault: str, key: str) -> float:
    """How much the fault changes the mean of a tag in the second quarter of an hour."""
    means = [statistics.fmean(numbers(observed(type_id, name)[HOUR // 12 :], key)) for name in ("", fault)]
    return means[1] - means[0]


@pytest.mark.parametrize(
    ("type_id", "fault", "key", "at_least"),
    [
        ("cnc-machining-centre", "bearing_wear", "vibration", 1.5),
        ("cnc-machining-centre", "bearing_wear", "spindle_temperature", 8),
        ("cnc-machining-centre", "tool_wear", "spindle_load", 8),
        ("six-axis-robot", "reducer_wear", "motor_current", 3),
        ("six-axis-robot", "reducer_wear", "motor_temperature", 8),
        ("six-axis-robot", "collision", "tcp_speed", -300),
        ("screw-air-compressor", "air_leak", "load_ratio", 15),
        ("screw-air-compressor", "cooler_fouled", "discharge_temperature", 15),
        ("screw-air-compressor", "separator_clogged", "separator_pressure_drop", 0.4),
        ("injection-moulding-machine", "heater_fail", "barrel_zone_3", -20),
        ("injection-moulding-machine", "check_valve_wear", "cushion", -2),
        ("injection-moulding-machine", "cooling_fail", "mould_temperature", 25),
        ("injection-moulding-machine", "cooling_fail", "cycle_time", 3),
        ("centrifugal-pump", "cavitation", "npsh_margin", -8),
        ("centrifugal-pump", "cavitation", "flow", -3),
        ("centrifugal-pump", "cavitation", "vibration", 2),
        ("centrifugal-pump", "bearing_wear", "bearing_temperature", 20),
        ("centrifugal-pump", "trip", "flow", -50),
        ("energy-meter", "phase_loss", "voltage_b", -150),
        ("energy-meter", "phase_loss", "imbalance", 60),
        ("energy-meter", "capacitor_fail", "power_factor", -0.15),
        ("excavator", "hydraulic_leak", "hydraulic_pressure", -30),
        ("excavator", "overheating", "coolant_temperature", 8),
        ("excavator", "fuel_leak", "fuel_level", -5),
    ],
)
def test_a_fault_shows_in_the_tags_an_engineer_would_look_at(
    type_id: str, fault: str, key: str, at_least: float
) -> None:
    change = mean_rise(type_id, fault, key)
    assert change / at_least >= 1, change


@pytest.mark.parametrize(
    ("type_id", "fault", "state"),
    [
        ("cnc-machining-centre", "emergency_stop", "fault"),
        ("six-axis-robot", "collision", "stopped"),
        ("six-axis-robot", "drive_fault", "fault"),
        ("injection-moulding-machine", "heater_fail", "fault"),
        ("centrifugal-pump", "trip", "fault"),
    ],
)
def test_a_fault_stops_the_machine_and_work_goes_on_after_it(type_id: str, fault: str, state: str) -> None:
    model = type_by_id(type_id)
    machine = build(machine_class(type_id), fault=fault)
    rows = series(machine, HOUR // 4, 5)
    named = model.state(float(rows[-1]["state"]))
    assert named is not None
    assert named.key == state
    machine.clear(fault)
    categories = [model.state(code) for code in numbers(series(machine, HOUR // 4, 5), "state")]
    assert "running" in {found.category for found in categories if found}


def test_pressure_stays_in_the_band() -> None:
    pressures = numbers(series(Compressor(11), HOUR), "discharge_pressure")
    assert min(pressures) > LOAD_AT - 0.15
    assert max(pressures) < UNLOAD_AT + 0.15


def test_a_pump_follows_the_affinity_laws() -> None:
    """At equal circuits flow rises with speed, and head with its square."""
    rows = series(Pump(5), HOUR, 5)
    slow = min(rows, key=lambda row: float(row["speed"]))
    fast = max(rows, key=lambda row: float(row["speed"]))
    assert float(fast["flow"]) > float(slow["flow"])
    assert float(fast["power"]) / float(slow["power"]) > float(fast["speed"]) / float(slow["speed"])


def test_a_meter_measures_the_machines_behind_it() -> None:
    meter = Meter(1)
    for load in (0.0, 40.0, 90.0):
        meter.load = load
        meter.step(30)
        row = meter.values()
        apparent = sum(float(row[f"voltage_{p}"]) * float(row[f"current_{p}"]) for p in "abc") / 1000
        assert float(row["power"]) == pytest.approx(load + 1.8, abs=0.1)
        assert float(row["power"]) / apparent == pytest.approx(float(row["power_factor"]), abs=0.03)


class TestInstrument:
    """Faults of what reports leave the machine itself alone."""

    def test_a_clock_ahead_shows_in_the_source_time_only(self) -> None:
        machine = build(Pump)
        instrument = Instrument(machine)
        honest = instrument.read(1_000)
        machine.inject("clock_ahead")
        wrong = instrument.read(1_000)
        assert honest is not None
        assert wrong is not None
        assert (honest.time, wrong.time) == (1_000, 1_000 + AHEAD)

    def test_a_broken_sensor_gives_nan(self) -> None:
        machine = build(Pump, fault="nan_sensor")
        report = Instrument(machine).read(0)
        assert report is not None
        assert math.isnan(float(report.values["bearing_temperature"]))
        assert not math.isnan(float(report.values["flow"]))

    def test_a_frozen_sensor_repeats_itself_until_it_is_mended(self) -> None:
        machine = build(Pump, fault="frozen_sensor")
        instrument = Instrument(machine)
        told = []
        for second in range(60):
            machine.step(1)
            report = instrument.read(second)
            assert report is not None
            told.append(report.values["bearing_temperature"])
        assert len(set(told)) == 1
        machine.clear("frozen_sensor")
        machine.on = False
        machine.step(HOUR)
        report = instrument.read(99)
        assert report is not None
        assert report.values["bearing_temperature"] != told[0]

    def test_a_machine_that_is_gone_says_nothing(self) -> None:
        assert Instrument(build(Pump, fault="gone")).read(0) is None
