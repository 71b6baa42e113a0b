"""Periods, quotas, industries and regions, patterns, templates and their values. No database."""

from __future__ import annotations

import datetime as dt
import re
import time

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gongfu.identity.business import checking, classes, fields, library, rules
from gongfu.identity.business.checking import Audience
from gongfu.identity.business.errors import WrongFields
from gongfu.identity.business.fields import Choice, Field, TemplateSpec
from gongfu.identity.business.pattern import MAX_MATCHED, check_pattern, matches
from gongfu.identity.business.rules import Level, Use
from gongfu.identity.handle.names import parse
from gongfu.identity.registry.records import Record, decode, encode
from gongfu.kernel.errors import Invalid
from gongfu.network.models.types import Text

D = dt.date

# --- contracts ---


@pytest.mark.parametrize(
    ("start", "years", "end"),
    [
        (D(2026, 11, 20), 1, D(2027, 11, 19)),
        (D(2024, 2, 29), 1, D(2025, 2, 27)),
        (D(2024, 2, 29), 4, D(2028, 2, 28)),
        (D(2026, 1, 1), 3, D(2028, 12, 31)),
    ],
)
def test_a_period_of_years_ends_the_day_before_its_anniversary(start: D, years: int, end: D) -> None:
    assert rules.last_day(start, years) == end


def test_a_renewal_within_the_grace_counts_from_the_old_end_and_later_from_today() -> None:
    end = D(2026, 11, 20)
    assert rules.renewed_until(end, 1, D(2026, 10, 1)) == D(2027, 11, 20)
    assert rules.renewed_until(end, 1, D(2026, 12, 20)) == D(2027, 11, 20)
    assert rules.renewed_until(end, 1, D(2026, 12, 21)) == D(2027, 12, 20)


@pytest.mark.parametrize(
    ("today", "due"),
    [
        (D(2026, 9, 20), None),
        (D(2026, 9, 21), 60),
        (D(2026, 10, 21), 30),
        (D(2026, 11, 12), 30),
        (D(2026, 11, 13), 7),
        (D(2026, 11, 19), 1),
        (D(2026, 11, 20), 1),
        (D(2026, 11, 21), None),
    ],
)
def test_reminders_come_60_30_7_and_1_days_before_the_end(today: D, due: int | None) -> None:
    assert rules.reminder(D(2026, 11, 20), today) == due


def test_a_prefix_is_served_for_thirty_days_after_the_end_and_not_a_day_more() -> None:
    end = D(2026, 11, 20)
    assert not rules.must_suspend(end, D(2026, 12, 20))
    assert rules.must_suspend(end, D(2026, 12, 21))


@pytest.mark.parametrize(
    ("used", "quota", "level", "percent"),
    [
        (5, 0, Level.NONE, 0),
        (0, 10, Level.FREE, 0),
        (79, 100, Level.FREE, 79),
        (80, 100, Level.NEAR, 80),
        (999, 1000, Level.NEAR, 99),
        (1000, 1000, Level.SPENT, 100),
        (1500, 1000, Level.SPENT, 100),
    ],
)
def test_people_are_warned_at_eighty_percent(used: int, quota: int, level: Level, percent: int) -> None:
    assert (Use(used, quota).level, Use(used, quota).percent) == (level, percent)


# --- codes ---


@pytest.mark.parametrize(
    ("code", "division", "name"),
    [
        ("C34", "C34", "C34 通用设备制造业"),
        ("34", "C34", "C34 通用设备制造业"),
        ("c3421", "C34", "C34 通用设备制造业"),
        ("C", "C", "C 制造业"),
    ],
)
def test_an_industry_is_known_by_section_division_or_class(code: str, division: str, name: str) -> None:
    found = classes.check_industry(code)
    assert (classes.division_of(found), classes.industry_name(found, "zh-hans")) == (division, name)


@pytest.mark.parametrize("code", ["", "Z", "C05", "00", "98", "C3", "C34211", "机械", "34C"])
def test_what_is_no_industry_is_refused(code: str) -> None:
    with pytest.raises(Invalid, match="GB/T 4754"):
        classes.check_industry(code)


def test_every_division_belongs_to_one_section() -> None:
    divisions = [code for _section, entries in classes.industries("en") for code, _label in entries]
    assert len(divisions) == len(set(divisions)) == 97


def test_regions_have_names_and_what_is_none_is_refused() -> None:
    assert classes.region_name(classes.check_region("310118"), "zh") == "上海市青浦区"
    assert classes.region_name(classes.check_region("320500"), "en") == "Jiangsu 320500"
    for code in ("", "3101", "990000", "31011x", "310118\n"):
        with pytest.raises(Invalid, match="GB/T 2260"):
            classes.check_region(code if code.strip() == code else f"{code}9")


# --- patterns ---


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+", "a*a*a*a*b", "[a-", "a{2", "(?=x)", "a++", "^a$", r"\1", "[[:alpha:]]", "[a&&b]", "x" * 201, "[z-a]"],
)
def test_a_pattern_that_could_be_slow_or_surprising_is_refused(pattern: str) -> None:
    with pytest.raises(Invalid, match="pattern"):
        check_pattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "fits", "fails"),
    [
        (r"[0-9]{17}[0-9X]", "31011819900101001X", "3101181990010100"),
        (r"[A-HJ-NPR-Z0-9]{17}", "LSVAA4186E2100013", "LSVAA4186E210001O"),
        (r"国药准字[HZSJ]\d{8}", "国药准字H20261234", "国药准字X20261234"),
        (r"IP[0-6X][0-9X]|none", "none", "IP7"),
        (r"a\|b", "a|b", "a"),
        (r"[\|]+", "||", "a"),
    ],
)
def test_a_pattern_fits_the_whole_text(pattern: str, fits: str, fails: str) -> None:
    check_pattern(pattern)
    assert matches(pattern, fits)
    assert not matches(pattern, fails)
    assert not matches(pattern, f"{fits}\n")


@given(st.text(alphabet=r"ab01.*+?{},[]()|^$\-dwsDWS中", max_size=30))
@settings(max_examples=500, deadline=None)
def test_whatever_pattern_people_write_is_refused_or_fast(pattern: str) -> None:
    try:
        check_pattern(pattern)
    except Invalid:
        return
    begin = time.perf_counter()
    for text in ("a" * MAX_MATCHED, "0" * (MAX_MATCHED - 1) + "!", "ab" * (MAX_MATCHED // 2)):
        matches(pattern, text)
    assert time.perf_counter() - begin < 2.0


def test_the_slowest_possible_pattern_is_still_fast() -> None:
    begin = time.perf_counter()
    assert not matches(".*.*.*b", "a" * MAX_MATCHED)
    assert time.perf_counter() - begin < 2.0


# --- templates ---


def field(key: str, **more: object) -> Field:
    return msgspec.convert({"key": key, "name": {"zh": key, "en": key.upper()}, **more}, Field)


def template(*made: Field) -> TemplateSpec:
    return fields.checked(TemplateSpec(code="t", name=Text("模板", "Template"), industry="C34", fields=made))


def test_fields_without_an_index_get_the_next_free_one() -> None:
    made = template(field("a"), field("b", index=1005), field("c"))
    assert [f.index for f in made.fields] == [1006, 1005, 1007]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"key": "Model"}, "lower-case"),
        ({"key": "a", "name": {"zh": "", "en": "A"}}, "Chinese and an English"),
        ({"key": "a", "index": 5}, "not between 1000 and 9999"),
        ({"key": "a", "type": "choice"}, "choices"),
        ({"key": "a", "choices": [{"value": "x", "zh": "x", "en": "x"}]}, "choices"),
        ({"key": "a", "type": "number", "pattern": "x"}, "only a text"),
        ({"key": "a", "pattern": "(x)"}, "pattern"),
        ({"key": "a", "low": 1}, "only a number"),
        ({"key": "a", "type": "number", "low": 2, "high": 1}, "2 is above 1"),
    ],
)
def test_a_template_that_makes_no_sense_is_refused_with_the_field_and_the_reason(
    wrong: dict[str, object], said: str
) -> None:
    with pytest.raises(Invalid, match=said):
        template(msgspec.convert({"name": {"zh": "甲", "en": "A"}} | wrong, Field))


def test_two_fields_cannot_share_key_or_index() -> None:
    with pytest.raises(Invalid, match="key a"):
        template(field("a"), field("a"))
    with pytest.raises(Invalid, match="index 1000"):
        template(field("a", index=1000), field("b", index=1000))


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
@settings(max_examples=300)
def test_a_file_that_is_no_template_is_refused_not_a_crash(octets: bytes) -> None:
    with pytest.raises(Invalid):
        fields.decode(octets)


@pytest.mark.parametrize("spec", library.starters(), ids=lambda spec: spec.code)
def test_every_starter_survives_export_and_import_and_its_examples_fit(spec: TemplateSpec) -> None:
    assert fields.decode(fields.encode(spec)) == spec
    examples = {made.key: made.example or "x" for made in spec.fields if made.required or made.example}
    assert checking.problems(spec, examples) == []
    assert {made.grant for made in spec.fields} >= {"public", "partner"}
    assert spec.source


def test_the_library_covers_the_classes_that_the_documents_name() -> None:
    codes = {spec.code for spec in library.starters()}
    assert codes >= {
        "machinery", "component", "vehicle", "food", "drug", "medical-device",
        "electronic-component", "chemical", "logistics-unit", "ship",
    }  # fmt: skip


def test_differences_tell_what_was_added_removed_and_changed_and_whether_values_may_no_longer_fit() -> None:
    before = template(field("a"), field("b", type="number", unit="kW"), field("c"))
    after = template(field("a", help={"zh": "说明", "en": "help"}), field("b", type="number", unit="W"), field("d"))
    found = {d.field.key: (d.kind, d.breaking) for d in fields.differences(before.fields, after.fields)}
    assert found == {"a": ("changed", False), "b": ("changed", True), "c": ("removed", True), "d": ("added", False)}
    [unit] = [d.changes for d in fields.differences(before.fields, after.fields) if d.field.key == "b"]
    assert unit == (("unit", "kW", "W"),)
    assert fields.differences(before.fields, before.fields) == []


@pytest.mark.parametrize("text", ["", "x", "a/b", "a/b@", "a/b@x", "a/b@1@2", "a/B@1", "/b@1", "a/b@-1", "a/b@１"])
def test_what_is_no_reference_names_no_template(text: str) -> None:
    assert fields.parse_reference(text) is None


def test_a_reference_is_read_as_it_was_written() -> None:
    assert fields.parse_reference(fields.reference("operator", "machinery", 12)) == ("operator", "machinery", 12)


# --- values ---

EVERY_TYPE = template(
    field("text"),
    field("number", type="number", low=-5, high=5),
    field("integer", type="integer"),
    field("boolean", type="boolean"),
    field("date", type="date"),
    field("datetime", type="datetime"),
    field("url", type="url"),
    field("identifier", type="identifier"),
    field("choice", type="choice", choices=[{"value": "a", "zh": "甲", "en": "first"}]),
)


@pytest.mark.parametrize(
    ("key", "given_text", "kept"),
    [
        ("text", "  e\u0301  ", "é"),
        ("number", "2.50", "2.5"),
        ("number", "5e0", "5"),
        ("integer", "007", "7"),
        ("boolean", "是", "true"),
        ("boolean", "No", "false"),
        ("date", "2026-11-20", "2026-11-20"),
        ("datetime", "2026-11-20T14:05:00+08:00", "2026-11-20T06:05:00Z"),
        ("url", "https://例子.cn/x", "https://例子.cn/x"),
        ("identifier", "88.118.1/CNC-01", "88.118.1/CNC-01"),
        ("choice", "甲", "a"),
        ("choice", "first", "a"),
    ],
)
def test_values_are_kept_in_one_spelling(key: str, given_text: str, kept: str) -> None:
    assert checking.canonical(EVERY_TYPE, {key: given_text}) == {key: kept}


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("text", "a\0b"),
        ("text", "x" * 2001),
        ("number", "nan"),
        ("number", "1e999"),
        ("number", "6"),
        ("number", "1_0"),
        ("integer", "1.5"),
        ("integer", "9" * 41),
        ("boolean", "maybe"),
        ("date", "2026-02-30"),
        ("date", "20.11.2026"),
        ("datetime", "2026-11-20T14:05:00"),
        ("url", "javascript:alert(1)"),
        ("url", "http://"),
        ("url", "http://[::1"),
        ("identifier", "CNC-01"),
        ("choice", "b"),
        ("nobody", "x"),
    ],
)
def test_a_value_that_does_not_fit_is_named_in_both_languages(key: str, text: str) -> None:
    [problem] = checking.problems(EVERY_TYPE, {key: text})
    assert problem.key == key
    english, chinese = problem.text("en"), problem.text("zh-hans")
    assert key in english.lower()
    assert re.search(r"[\u4e00-\u9fff]", chinese), "the sentence is in the catalogue"
    assert english != chinese


def test_every_wrong_field_is_named_at_once() -> None:
    needed = template(field("a", required=True), field("b", required=True), field("c"))
    with pytest.raises(WrongFields) as refused:
        checking.canonical(needed, {"b": " ", "c": "fine"})
    assert set(refused.value.values["fields"]) == {"a", "b"}  # type: ignore[call-overload]
    assert refused.value.http_status == 422


@given(st.dictionaries(st.sampled_from([f.key for f in EVERY_TYPE.fields]), st.text(max_size=60)))
@settings(max_examples=400)
def test_whatever_is_entered_is_refused_or_canonical_and_fits_the_handle(values: dict[str, str]) -> None:
    if checking.problems(EVERY_TYPE, values):
        return
    kept = checking.canonical(EVERY_TYPE, values)
    assert checking.canonical(EVERY_TYPE, kept) == kept, "canonical twice is canonical"
    record = Record(parse("88.118.1/x"), checking.handle_values(EVERY_TYPE, kept, "operator/t@1", now=1), 1, 1)
    assert decode(record.handle.key, encode(record)).text("TEMPLATE") == "operator/t@1"


@given(st.lists(st.sampled_from(["public", "partner", "owner"]), min_size=1, max_size=8))
def test_each_audience_sees_what_those_before_it_see_and_never_a_field_beyond(grants: list[str]) -> None:
    spec = template(*(field(f"f{n}", grant=grant) for n, grant in enumerate(grants)))
    values = checking.handle_values(spec, {f.key: "x" for f in spec.fields}, "operator/t@1", now=1)
    allowed = {Audience.PUBLIC: {"public"}, Audience.PARTNER: {"public", "partner"}, Audience.OWNER: set(grants)}
    before: set[str] = set()
    for audience in Audience:
        seen = {value.type for value in checking.visible(spec, values, audience)} - {"TEMPLATE"}
        assert seen == {f.key for f in spec.fields if f.grant in allowed[audience]}
        assert before <= seen
        before = seen
    unknown = checking.visible(None, values, Audience.PARTNER)
    assert {v.type for v in unknown} - {"TEMPLATE"} == {f.key for f in spec.fields if f.grant == "public"}


def test_values_are_shown_as_people_read_them() -> None:
    power = field("p", type="number", unit="kW")
    chosen = field("c", type="choice", choices=[msgspec.to_builtins(Choice("a", "甲", "first"))])
    assert checking.shown(power, "5", "en") == "5 kW"
    assert checking.shown(chosen, "a", "zh-hans") == "甲"
    assert checking.shown(field("b", type="boolean"), "true", "en") == "Yes"
