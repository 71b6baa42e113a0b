"""What a reader of the type library relies on, for every file in it."""

from __future__ import annotations

import msgspec
import pytest

from gongfu.kernel.errors import Conflict, Invalid, NotFound
from gongfu.network.models import library, publishing, units
from gongfu.network.models.categories import CATEGORIES
from gongfu.network.models.nodeset.catalogue import Catalogue
from gongfu.network.models.nodeset.members import type_model
from gongfu.network.models.types import Condition, DeviceType
from gongfu.network.models.units import UNITS

from .nodeset.files import PUBLIC, needs_public

MACHINES = [t for t in library.types() if t.id != "generic-replay"]
COUNTERS = {"count", "energy", "fuel", "runtime"}


DEMONSTRATION = {
    "centrifugal-pump",
    "cnc-machining-centre",
    "energy-meter",
    "excavator",
    "generic-replay",
    "injection-moulding-machine",
    "screw-air-compressor",
    "six-axis-robot",
}


def test_a_milliwatt_is_no_megawatt() -> None:
    assert units.canonical("mW") == "mW"
    assert units.canonical("MW") == "MW"
    assert units.canonical("RPM") == "r/min"


def test_the_library_holds_far_more_than_a_hundred_types_of_every_category() -> None:
    found = {t.id for t in library.types()}
    assert len(found) >= 200
    assert found >= DEMONSTRATION
    assert {t.category for t in library.types()} == set(CATEGORIES)


@pytest.mark.parametrize("model", MACHINES, ids=lambda t: t.id)
def test_a_machine_has_a_readable_number_of_tags_and_a_few_headlines(model: DeviceType) -> None:
    assert 3 <= len(model.tags) <= 30
    assert 2 <= sum(tag.primary for tag in model.tags) <= 4
    assert model.nameplate
    assert any(tag.required for tag in model.tags)


@pytest.mark.parametrize("model", library.types(), ids=lambda t: t.id)
def test_every_name_is_there_in_both_languages(model: DeviceType) -> None:
    named = [model, *model.tags, *model.states, *model.nameplate, *model.alarms, *model.methods]
    for item in named:
        assert any("\u4e00" <= c <= "\u9fff" for c in item.name.zh), item
        assert item.name.en.isascii(), item


@pytest.mark.parametrize("model", MACHINES, ids=lambda t: t.id)
def test_ranges_are_stated_and_units_known(model: DeviceType) -> None:
    for tag in model.tags:
        if tag.kind != "number":
            continue
        assert tag.low is not None, tag.key
        assert tag.high is not None or tag.role in COUNTERS or tag.key == "reactive_energy", tag.key
        assert not tag.unit or tag.unit in UNITS, tag.key
        assert tag.unit or tag.role != "energy", tag.key


@pytest.mark.parametrize("model", [t for t in MACHINES if t.states], ids=lambda t: t.id)
def test_states_can_be_counted_across_a_plant(model: DeviceType) -> None:
    categories = {state.category for state in model.states}
    assert {"running", "fault"} <= categories
    assert categories & {"off", "idle"}


def test_what_is_published_does_not_change() -> None:
    """After a change: a new version in the file, then ``python -m gongfu.network.models.publishing``."""
    known = publishing.published()
    assert publishing.sealed(library.types(), known) == known


def test_a_changed_file_under_the_old_version_is_noticed() -> None:
    pump = library.type_by_id("centrifugal-pump")
    with pytest.raises(Conflict, match="centrifugal-pump@"):
        publishing.sealed([msgspec.structs.replace(pump, icon="other")], publishing.published())


@pytest.mark.parametrize(
    "unit", [tag.unit for tag in {t.unit: t for m in MACHINES for t in m.tags}.values() if tag.unit]
)
def test_every_unit_in_use_has_a_code_or_a_reason_to_have_none(unit: str) -> None:
    assert UNITS[unit].ucum or unit in {"%LEL", "Nm³/h", "Nm³", "kWh/Nm³", "pcs/m³", "NTU", "sccm", "slm"}


@needs_public
def test_types_that_name_a_public_model_are_found_in_it() -> None:
    catalogue = Catalogue.of_folder(PUBLIC)
    for model in library.types():
        if model.opcua is None or not catalogue.offers(model.opcua.namespace):
            continue
        space = catalogue.load(catalogue.offers(model.opcua.namespace)[0].path).space
        nodes = [node for node in space.types() if node.browse_name.name == model.opcua.type]
        assert nodes, model.id
        paths = {path for path, _member in type_model(space, nodes[0].id).walk()}
        assert {tag.opcua for tag in model.tags if tag.opcua} <= paths, model.id


def test_file_names_are_ids() -> None:
    assert sorted(t.id for t in library.types()) == sorted(
        p.stem for p in library.FOLDER.glob("*/*.toml") if p.parent.name != "fragments"
    )


def test_an_unknown_type_names_the_known_ones() -> None:
    with pytest.raises(NotFound, match="excavator"):
        library.type_by_id("digger")


GOOD = """
id = "pump"
version = "1.0.0"
name = { zh = "泵", en = "Pump" }
icon = "pump"
source = "test"
[[tags]]
key = "flow"
name = { zh = "流量", en = "Flow" }
low = 0
high = 10
"""


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("id = ", "id == "), "Invalid value"),
        (('id = "pump"', 'id = "The Pump"'), "id 'The Pump' is not"),
        (('"1.0.0"', '"1"'), "version '1' is not"),
        (("high = 10", "high = -1"), "tag flow: low ≤"),
        (("high = 10", 'kind = "text"'), "tag flow: only a number has a range"),
        (("high = 10", 'role = "state"'), "states need exactly one tag"),
        (("high = 10", "decimals = 12"), "decimals 12"),
        (("high = 10", "hihg = 10"), "unknown field"),
        (('key = "flow"', 'key = "Flow Rate"'), "tag 'Flow Rate' is not"),
        (("high = 10", 'unit = "furlong"'), "furlong is no unit"),
        (("high = 10", "writable = true"), "needs low and high"),
        (("high = 10", 'high = 10\ninterlocks = ["speed > 3"]'), "names speed, which is no tag"),
        (("high = 10", 'high = 10\ninterlocks = ["flow > high"]'), "is no condition"),
        (("high = 10", 'high = 10\ninterlocks = ["flow = true"]'), "cannot be compared"),
        (('icon = "pump"', 'icon = "pump"\ncategory = "toys"'), "category 'toys'"),
        (('icon = "pump"', 'icon = "pump"\nincludes = [{ fragment = "wings" }]'), "no fragment wings"),
        (('icon = "pump"', 'icon = "pump"\nincludes = 3'), "includes is not a list"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name_and_every_reason(change: tuple[str, str], complaint: str) -> None:
    assert library.parse("pump.toml", GOOD).tag("flow") is not None
    with pytest.raises(Invalid) as refused:
        library.parse("pump.toml", GOOD.replace(*change))
    assert "pump.toml" in str(refused.value)
    assert complaint in str(refused.value)


def test_a_tag_twice_is_refused() -> None:
    with pytest.raises(Invalid, match="flow is there 2 times"):
        library.parse("pump.toml", GOOD + GOOD[GOOD.index("[[tags]]") :])


def test_fragments_are_included_once_per_part_and_overridden_by_key() -> None:
    text = """
id = "mill"
version = "1.0.0"
name = { zh = "铣床", en = "Mill" }
icon = "cnc"
source = ""
includes = [
    { fragment = "basic-states" },
    { fragment = "axis", prefix = "x", name = { zh = "X 轴", en = "X" } },
    { fragment = "axis", prefix = "y", name = { zh = "Y 轴", en = "Y" }, omit = ["load"] },
]
tags = [{ key = "x_position", high = 500 }]
"""
    model = library.parse("mill.toml", text, shared=library.fragments())
    assert [tag.key for tag in model.tags] == ["state", "x_position", "x_load", "y_position"]
    position = model.tag("x_position")
    assert position is not None
    assert (position.name.zh, position.high, position.low) == ("X 轴位置", 500, -3000)
    assert [alarm.key for alarm in model.alarms] == ["x_servo_fault", "y_servo_fault"]


@pytest.mark.parametrize(
    ("text", "value", "holds"),
    [
        ("a < 2", 1.0, True),
        ("a <= 2", 3.0, False),
        ("a = true", True, True),
        ("a != 3", 3.0, False),
        ("a > -1.5", 0.0, True),
    ],
)
def test_conditions_say_when_something_may_be_done(text: str, value: float, holds: bool) -> None:
    assert Condition.parse(text).holds(value) is holds
