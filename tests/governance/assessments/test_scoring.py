"""Scores, stages, comparison and evidence as somebody meets them who tries to be scored too high or to see too much."""

from __future__ import annotations

import contextlib
import io
import zipfile
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given as each
from hypothesis import settings
from hypothesis import strategies as st

from gongfu.governance.assessments import evidence, measured, peers, questions, scoring
from gongfu.governance.assessments.peers import Peer
from gongfu.governance.assessments.questions import Question, Questionnaire, built_in
from gongfu.governance.assessments.scoring import Given, score
from gongfu.governance.support import schemes
from gongfu.kernel.errors import Invalid

INTEGRATION = questions.by_key("integration-2026")
ALL = pytest.mark.parametrize("found", built_in(), ids=lambda found: found.key)


def ladder(found: Questionnaire, question: Question) -> list[str]:
    """Answers from worst to best."""
    if found.options(question):
        return [one.key for one in found.options(question)]
    low, high = question.zero, question.full
    return [f"{low + (high - low) * part / 4:f}" for part in range(5)]


def answered(found: Questionnaire, place: int) -> dict[str, Given]:
    """Every question with the answer at ``place`` of its ladder, as far as it goes."""
    return {one.key: Given((ladder(found, one) + [ladder(found, one)[-1]] * 9)[place]) for one in found.question}


@ALL
def test_the_worst_answers_give_nothing_and_the_best_everything(found: Questionnaire) -> None:
    worst, best = score(found, answered(found, 0)), score(found, answered(found, 8))
    assert best.total.known == 100
    assert best.stage == found.stage[-1]
    assert best.lacks == ()
    assert worst.total.known is not None
    assert worst.total.known <= 2
    assert worst.stage == found.stage[0]
    assert abs(sum(line.share for line in best.lines) - 100) < Decimal("0.001")


@ALL
@each(data=st.data())
@settings(max_examples=25, deadline=None)
def test_a_better_answer_never_lowers_a_score_or_a_stage(found: Questionnaire, data: st.DataObject) -> None:
    answers = {}
    for one in found.question:
        choice = data.draw(st.integers(-2 if one.skippable else -1, len(ladder(found, one)) - 1))
        if choice == -2:
            answers[one.key] = Given(applies=False, reason="没有")
        elif choice >= 0:
            answers[one.key] = Given(ladder(found, one)[choice])
    before = score(found, answers)
    places = [stage.key for stage in found.stage]
    for low, high in [(before.total.low, before.total.high), *((s.low, s.high) for s in before.dimensions.values())]:
        assert (low is None) == (high is None)
        assert low is None or 0 <= low <= (high or 0) <= 100
    for line in before.lines:
        if not line.better:
            continue
        after = score(found, {**answers, line.question.key: Given(line.better)})
        assert (after.total.low or 0) >= (before.total.low or 0)
        assert (after.total.high or 0) >= (before.total.high or 0)
        assert abs((after.total.low or 0) - (before.total.low or 0) - line.gain) < Decimal("0.03")
        assert before.stage is not None
        assert after.stage is not None
        assert places.index(after.stage.key) >= places.index(before.stage.key)


@ALL
def test_missing_answers_make_a_range_and_are_named(found: Questionnaire) -> None:
    answers = answered(found, 8)
    gone = found.question[0].key
    answers.pop(gone)
    result = score(found, answers)
    assert [one.key for one in result.missing] == [gone]
    assert result.total.known is None
    assert result.total.high == 100
    assert result.total.low is not None
    assert result.total.low < 100
    empty = score(found, {})
    assert (empty.total.low, empty.total.high, empty.total.answered) == (0, 100, 0)


def test_what_does_not_apply_leaves_the_count_with_a_reason() -> None:
    answers = answered(INTEGRATION, 2)
    question = INTEGRATION.find("S4")
    skipped = scoring.check(INTEGRATION, question, Given("99", applies=False, reason=" 无主要设备 "))
    assert skipped == Given("", applies=False, reason="无主要设备")
    result = score(INTEGRATION, answers | {"S4": skipped})
    assert result.complete
    assert abs(sum(line.share for line in result.lines) - 100) < Decimal("0.001")
    with pytest.raises(Invalid, match="Say why"):
        scoring.check(INTEGRATION, question, Given(applies=False, reason=" "))
    with pytest.raises(Invalid, match="applies to everybody"):
        scoring.check(INTEGRATION, INTEGRATION.find("F1"), Given(applies=False, reason="不想答"))


@pytest.mark.parametrize("text", ["-1", "101", "nan", "inf", "1e400", "很多", "--", "1/2", "9" * 40])
def test_absurd_percentages_are_refused(text: str) -> None:
    with pytest.raises(Invalid):
        scoring.check(INTEGRATION, INTEGRATION.find("F3"), Given(text))


@each(st.text(max_size=40))
@settings(max_examples=200, deadline=None)
def test_any_text_is_an_answer_or_a_clear_refusal(text: str) -> None:
    for key in ("F1", "F3", "B4"):
        try:
            kept = scoring.check(INTEGRATION, INTEGRATION.find(key), Given(text))
        except Invalid:
            continue
        assert len(kept.value) <= 40
        assert not kept.value or 0 <= scoring.points(INTEGRATION, INTEGRATION.find(key), kept.value) <= 100


def test_numbers_are_understood_as_people_type_them() -> None:
    fees = questions.by_key("district-2026").find("N5")
    assert scoring.number(fees, "1.2万") == 12000
    assert scoring.number(INTEGRATION.find("F3"), " 72.5 % ") == Decimal("72.5")


def test_a_stage_waits_for_its_dimensions() -> None:
    answers = answered(INTEGRATION, 8) | {
        one.key: Given(ladder(INTEGRATION, one)[0]) for one in INTEGRATION.of("single")
    }
    result = score(INTEGRATION, answers)
    assert result.total.known is not None
    assert result.total.known > 75
    assert result.stage is not None
    assert result.stage.key == "starting"
    assert [(one.dimension, one.need) for one in result.lacks] == [("single", 45)]


def test_other_weights_change_the_total_and_absurd_ones_are_refused() -> None:
    answers = answered(INTEGRATION, 8) | {
        one.key: Given(ladder(INTEGRATION, one)[0]) for one in INTEGRATION.of("benefit")
    }
    light = questions.weighted(INTEGRATION, {"benefit": Decimal(1)})
    assert (score(light, answers).total.low or 0) > (score(INTEGRATION, answers).total.low or 0)
    for wrong in ({"benefit": Decimal(0)}, {"benefit": Decimal(-1)}, {"nothing": Decimal(1)}):
        with pytest.raises(Invalid):
            questions.weighted(INTEGRATION, wrong)


@ALL
def test_every_questionnaire_says_where_it_comes_from_and_what_pays(found: Questionnaire) -> None:
    assert found.ours
    assert len(found.reason) > 40
    assert found.sources
    known = {f"{scheme.family} {clause.key}" for scheme in schemes.built_in() for clause in scheme.clause}
    for one in found.question:
        assert set(one.clauses) <= known, one.key
        assert one.measure == "" or one.measure in measured.FACTS
        assert one.step
        assert one.step_en
        assert one.kind in ("number", "percent") or not one.measure or one.proposes


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('key = "F2"', 'key = "F1"'),
        ('dimension = "single"', 'dimension = "nothing"'),
        ('weight = "20"', 'weight = "0"'),
        ('least = "35"', 'least = "99"'),
        ('points = "25"', 'points = "125"'),
        ('reason = "', 'reason = ""\nx = "'),
    ],
)
def test_a_questionnaire_that_contradicts_itself_is_refused(old: str, new: str) -> None:
    from importlib import resources

    file = resources.files("gongfu.governance.assessments") / "questionnaires" / "integration-2026.toml"
    text = file.read_text("utf-8")
    assert old in text
    with pytest.raises(Invalid):
        questions.parse(text.replace(old, new, 1))


# --- comparison ---


def crowd(count: int, score_: int = 50, industry: str = "C34", size: str = "small") -> list[Peer]:
    return [Peer(industry, size, Decimal(score_), {"single": Decimal(score_)}) for _ in range(count)]


def test_fewer_than_k_others_are_never_shown() -> None:
    assert peers.compare("C34", "small", crowd(4), 5) is None
    assert peers.compare("C34", "small", crowd(2), 1) is None, "a careless setting does not undo it"
    found = peers.compare("C34", "small", crowd(4) + crowd(3, industry="C35"), 5)
    assert found is not None
    assert found.group == "size"
    assert found.at_least == 5


def test_small_groups_have_neither_quartiles_nor_exact_numbers() -> None:
    found = peers.compare("C34", "small", [Peer("C34", "small", Decimal(one), {}) for one in range(41, 60)], 5)
    assert found is not None
    assert found.quartiles is None
    assert found.at_least == 15
    assert found.total % 5 == 0
    big = peers.compare("C34", "small", [Peer("C34", "small", Decimal(one), {}) for one in range(0, 100, 4)], 5)
    assert big is not None
    assert big.quartiles is not None
    assert all(one % 5 == 0 for one in big.quartiles)


@each(
    st.lists(st.integers(0, 100), min_size=5, max_size=40),
    st.integers(0, 100),
    st.integers(3, 8),
)
@settings(max_examples=300, deadline=None)
def test_an_attacker_who_subtracts_groups_learns_no_score(others: list[int], victim: int, k: int) -> None:
    """Before and after one firm joined, or a group and the same without one size: both are differences of two means.

    The attacker knows the numbers exactly, which we do not even tell.
    """
    before = [Peer("C34", "small", Decimal(one), {}) for one in others]
    after = [*before, Peer("C34", "small", Decimal(victim), {})]
    small, large = (peers.compare("C34", "small", group, k) for group in (before, after))
    if small is None or large is None:
        return
    n = len(after)
    low = n * (large.total - large.step / 2) - (n - 1) * (small.total + small.step / 2)
    high = n * (large.total + large.step / 2) - (n - 1) * (small.total - small.step / 2)
    assert low <= victim <= high
    assert high - low >= 20
    assert small.at_least % k == 0


@each(st.lists(st.tuples(st.sampled_from("ABC"), st.sampled_from(["starting", "covering"])), max_size=60))
@settings(max_examples=100, deadline=None)
def test_the_overview_shows_nothing_of_fewer_than_k(firms: list[tuple[str, str]]) -> None:
    known = [(Peer(industry, "small", Decimal(50), {}), stage) for industry, stage in firms]
    for row in peers.overview(known, ["starting", "covering"], 5, exact=False):
        mine = [stage for industry, stage in firms if row.industry in ("", industry)]
        assert not row.industry or len(mine) >= 5
        assert row.mean is None or len(mine) >= 5
        for stage, count in row.stages.items():
            assert count is None or (count % 5 == 0 and 5 <= count <= mine.count(stage))
    exact = peers.overview(known, ["starting", "covering"], 5, exact=True)
    assert sum(row.count or 0 for row in exact[1:]) == len(firms) == exact[0].count


# --- evidence ---


def package(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name in names:
            file.writestr(name, "x")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("合同.pdf", b"%PDF-1.7 x"),
        ("a.PNG", b"\x89PNG\r\n\x1a\n1"),
        ("b.jpeg", b"\xff\xd8\xff\xe0"),
        ("c.docx", package("[Content_Types].xml", "word/document.xml")),
        ("发票.ofd", package("OFD.xml")),
    ],
)
def test_papers_of_these_kinds_are_taken(name: str, data: bytes) -> None:
    assert name.casefold().endswith(evidence.kind_of(name, data).endings)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.pdf", b"<html><script>"),
        ("a.html", b"%PDF-1.7"),
        ("a.png", b"%PDF-1.7"),
        ("a.svg", b"<svg onload=alert(1)>"),
        ("a.docx", package("x.exe")),
        ("a.docx", package("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin")),
        ("a.docx", b"PK\x03\x04broken"),
        ("a.pdf", b""),
        ("a.pdf", b"%PDF-" + b"0" * evidence.MOST_BYTES),
    ],
)
def test_files_that_lie_are_refused(name: str, data: bytes) -> None:
    with pytest.raises(Invalid):
        evidence.kind_of(name, data)


@each(st.binary(max_size=200), st.sampled_from([b"", b"PK\x03\x04", b"%PDF-"]))
@settings(max_examples=100, deadline=None)
def test_no_file_breaks_the_check(data: bytes, head: bytes) -> None:
    with contextlib.suppress(Invalid):
        evidence.kind_of("a.docx", head + data)


@pytest.mark.parametrize("text", ["javascript:alert(1)", "ftp://a", "https://", "http://a b", "https://u:p@h/"])
def test_addresses_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(Invalid):
        evidence.link(text)


def test_stages_and_options_rise() -> None:
    for found in built_in():
        for one in found.question:
            steps = [scoring.points(found, one, answer) for answer in ladder(found, one)]
            assert all(a <= b for a, b in pairwise(steps)), one.key
