"""What a reader of two versions is told."""

from __future__ import annotations

import msgspec
import pytest

from gongfu.kernel.errors import Invalid
from gongfu.network.models import library, versions
from gongfu.network.models.types import DeviceType, TagType, Text

PUMP = library.type_by_id("centrifugal-pump")


def with_flow(**changed: object) -> DeviceType:
    tags = [msgspec.structs.replace(tag, **changed) if tag.key == "flow" else tag for tag in PUMP.tags]
    return msgspec.structs.replace(PUMP, tags=tags)


EXTRA = TagType(key="seal_pressure", name=Text("密封压力", "Seal pressure"), low=0, high=1)


@pytest.mark.parametrize(
    ("after", "path", "kind"),
    [
        (with_flow(unit="L/min"), "tags.flow.unit", "breaking"),
        (with_flow(kind="text", low=None, high=None), "tags.flow.kind", "breaking"),
        (with_flow(high=10_000_000), "tags.flow.high", "additive"),
        (with_flow(high=1), "tags.flow.high", "breaking"),
        (with_flow(low=-5), "tags.flow.low", "additive"),
        (with_flow(name=Text("流", "Flow")), "tags.flow.name", "editorial"),
        (with_flow(writable=True), "tags.flow.writable", "additive"),
        (msgspec.structs.replace(PUMP, tags=[*PUMP.tags, EXTRA]), "tags.seal_pressure", "additive"),
        (
            msgspec.structs.replace(PUMP, tags=[*PUMP.tags, msgspec.structs.replace(EXTRA, required=True)]),
            "tags.seal_pressure",
            "breaking",
        ),
        (msgspec.structs.replace(PUMP, tags=PUMP.tags[1:]), f"tags.{PUMP.tags[0].key}", "breaking"),
        (msgspec.structs.replace(PUMP, alarms=[]), "alarms.dry_running", "breaking"),
        (msgspec.structs.replace(PUMP, source="other"), "source", "editorial"),
    ],
)
def test_each_change_is_named_and_graded(after: DeviceType, path: str, kind: str) -> None:
    found = {change.path: change.compatibility for change in versions.changes(PUMP, after)}
    assert found[path] == kind


def test_equal_models_have_no_changes() -> None:
    assert not versions.changes(PUMP, msgspec.structs.replace(PUMP, version="9.0.0"))


@pytest.mark.parametrize(("kind", "follows"), [("editorial", "1.2.4"), ("additive", "1.3.0"), ("breaking", "2.0.0")])
def test_the_next_version_follows_from_what_changed(kind: versions.Compatibility, follows: str) -> None:
    assert versions.next_version("1.2.3", kind) == follows


def test_a_version_that_promises_too_much_is_refused() -> None:
    after = msgspec.structs.replace(with_flow(unit="L/min"), version="1.2.0")
    with pytest.raises(Invalid, match=r"2\.0\.0"):
        versions.check_successor(PUMP, after)
    versions.check_successor(PUMP, msgspec.structs.replace(after, version="2.0.0"))


@pytest.mark.parametrize("text", ["", "1", "1.2", "1.2.3.4", "a.b.c"])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        versions.numbers(text)
