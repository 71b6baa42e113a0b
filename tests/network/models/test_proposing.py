"""What an engineer is proposed for a device nobody described, and what its conformance report says."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gongfu.network.models import library, units
from gongfu.network.models.conformance import BoundTag, report
from gongfu.network.models.proposing import DeviceFacts, TagFacts, fit, propose
from gongfu.network.models.types import DeviceType

PUMP = library.type_by_id("centrifugal-pump")


def device(*tags: tuple[str, str, str]) -> DeviceFacts:
    return DeviceFacts(tags=[TagFacts(key=key, name=name, unit=unit) for key, name, unit in tags])


@pytest.mark.parametrize(
    ("tags", "model"),
    [
        ([("SpdlSpeed", "主轴转速", "rpm"), ("SpdlLoad", "主轴负载", "%"), ("FeedRate", "", "mm/min"),
          ("PartCount", "工件计数", ""), ("AbsX", "X 轴位置", "mm"), ("ToolNo", "当前刀号", "")],
         "cnc-machining-centre"),
        ([("Ua", "A相电压", "V"), ("Ub", "B相电压", "V"), ("Ia", "A相电流", "A"), ("P", "有功功率", "kW"),
          ("EP", "正向有功电量", "kWh"), ("COS", "功率因数", "")], "energy-meter"),
        ([("ChwSupplyTemp", "冷冻水出水温度", "°C"), ("ChwReturnTemp", "冷冻水回水温度", "°C"),
          ("load", "负荷率", "%")], "chiller"),
        ([("discharge_pressure", "", "bar"), ("discharge_temperature", "", "°C"), ("load_ratio", "", "%"),
          ("loaded_hours", "", "h")], "screw-air-compressor"),
    ],
)  # fmt: skip
def test_the_machine_is_recognised_by_its_tags(tags: list[tuple[str, str, str]], model: str) -> None:
    assert propose(device(*tags), library.types())[0].model.id == model


@pytest.mark.parametrize("model", [m for m in library.types() if len(m.tags) >= 3][::12], ids=lambda m: m.id)
def test_a_device_with_the_names_of_a_type_gets_that_type(model: DeviceType) -> None:
    tags = [
        TagFacts(key=f"D{number}", name=tag.name.zh, kind=tag.kind, unit=tag.unit)
        for number, tag in enumerate(model.tags)
    ]
    best = propose(DeviceFacts(tags=tags), library.types())[0]
    assert best.model.id == model.id
    assert not best.missing


def test_a_temperature_is_not_taken_for_a_flow_whatever_its_name() -> None:
    assert not fit(device(("flow", "流量", "°C")), PUMP).pairs


def test_a_counter_that_falls_is_no_counter() -> None:
    meter = library.type_by_id("water-meter")

    def score(falls: bool) -> float:
        tag = TagFacts(key="volume", name="累计用水量", unit="m³", falls=falls)
        return fit(DeviceFacts(tags=[tag]), meter).score

    assert score(False) > score(True)


def test_nothing_is_proposed_for_a_device_without_tags() -> None:
    assert propose(DeviceFacts(tags=[]), library.types()) == []


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20), st.text(max_size=8)), max_size=5))
def test_no_names_make_it_fail(tags: list[tuple[str, str, str]]) -> None:
    for proposal in propose(device(*tags), library.types()[:40]):
        assert 0 <= proposal.score <= 1


def codes(**bound: BoundTag) -> set[tuple[str, str]]:
    return {(finding.tag, finding.code) for finding in report(PUMP, bound).findings}


GOOD = BoundTag(key="flow", unit="m³/h", age=1, lowest=0, highest=10)


def test_a_device_that_keeps_everything_conforms_fully() -> None:
    found = report(PUMP, {"flow": GOOD})
    assert (found.percent, found.conforms, list(found.findings)) == (100.0, True, [])


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        (BoundTag(key="flow", unit="m³/h"), "never"),
        (BoundTag(key="flow", unit="m³/h", age=90_000), "stale"),
        (BoundTag(key="flow", unit="L/min", age=1), "unit_converts"),
        (BoundTag(key="flow", unit="°C", age=1), "unit"),
        (BoundTag(key="flow", unit="", age=1), "unit_missing"),
        (BoundTag(key="flow", unit="m³/h", age=1, kind="text"), "kind"),
        (BoundTag(key="flow", unit="m³/h", age=1, lowest=-500, highest=1), "range"),
        (BoundTag(key="FT1", unit="m³/h", age=1), "naming"),
    ],
)
def test_each_fault_is_found_and_costs_what_it_is_worth(tag: BoundTag, code: str) -> None:
    assert ("flow", code) in codes(flow=tag)
    assert (report(PUMP, {"flow": tag}).percent < 100) == (code != "naming")


def test_required_tags_and_unknown_states_are_found() -> None:
    assert ("flow", "missing") in codes()
    state = BoundTag(key="state", age=1, lowest=0, highest=7, codes=[0, 1, 7])
    assert ("state", "state_unknown") in codes(flow=GOOD, state=state)


def test_values_are_compared_in_the_unit_of_the_model() -> None:
    celsius = BoundTag(key="t", unit="K", age=1, lowest=293, highest=313)
    model = library.type_by_id("incubator")
    found = {(f.tag, f.code) for f in report(model, {"chamber_temperature": celsius}).findings}
    assert ("chamber_temperature", "unit_converts") in found
    assert ("chamber_temperature", "range") not in found


@pytest.mark.parametrize(
    ("source", "target", "value", "result"),
    [("°C", "K", 0, 273.15), ("°F", "°C", 212, 100), ("bar", "MPa", 10, 1), ("度", "kWh", 1, 1),
     ("L/min", "m³/h", 1000, 60), ("kWh", "MJ", 1, 3.6)],
)  # fmt: skip
def test_units_convert(source: str, target: str, value: float, result: float) -> None:
    conversion = units.conversion(source, target)
    assert conversion is not None
    assert value * conversion[0] + conversion[1] == pytest.approx(result)


def test_a_pressure_does_not_convert_into_a_temperature() -> None:
    assert units.conversion("bar", "°C") is None
    assert units.conversion("furlong", "m") is None
