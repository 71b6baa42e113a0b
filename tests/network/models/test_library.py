"""What a reader of the type library relies on, for every file in it."""

from __future__ import annotations

import pytest

from gongfu.kernel.errors import Invalid, NotFound
from gongfu.network.models import library
from gongfu.network.models.types import DeviceType

MACHINES = [t for t in library.types() if t.id != "generic-replay"]
COUNTERS = {"count", "energy", "fuel", "runtime"}


def test_the_library_holds_the_machines_of_the_demonstration_plant() -> None:
    assert {t.id for t in library.types()} == {
        "centrifugal-pump",
        "cnc-machining-centre",
        "energy-meter",
        "excavator",
        "generic-replay",
        "injection-moulding-machine",
        "screw-air-compressor",
        "six-axis-robot",
    }


@pytest.mark.parametrize("model", MACHINES, ids=lambda t: t.id)
def test_a_machine_has_a_readable_number_of_tags_and_a_few_headlines(model: DeviceType) -> None:
    assert 8 <= len(model.tags) <= 14
    assert 2 <= sum(tag.primary for tag in model.tags) <= 4
    assert model.nameplate
    assert model.source


@pytest.mark.parametrize("model", library.types(), ids=lambda t: t.id)
def test_every_name_is_there_in_both_languages(model: DeviceType) -> None:
    named = [model, *model.tags, *model.states, *model.nameplate]
    for item in named:
        assert any("\u4e00" <= c <= "\u9fff" for c in item.name.zh), item
        assert item.name.en.isascii(), item


@pytest.mark.parametrize("model", MACHINES, ids=lambda t: t.id)
def test_ranges_and_units_are_stated(model: DeviceType) -> None:
    for tag in model.tags:
        if tag.kind != "number":
            continue
        assert tag.low is not None, tag.key
        assert (tag.high is None) == (tag.role in COUNTERS or tag.key == "reactive_energy"), tag.key
        assert tag.unit or tag.role in {"state", "count"} or tag.key in {"tool_number", "power_factor"}, tag.key


def test_file_names_are_ids() -> None:
    assert sorted(t.id for t in library.types()) == sorted(p.stem for p in library.FOLDER.glob("*.toml"))


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
