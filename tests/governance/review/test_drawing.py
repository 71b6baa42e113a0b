"""Who may be drawn, and a lot that anybody can draw again."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.governance.review.drawing import Avoid, Candidate, Firm, Party, conflicts, draw, sift, ticket, verify
from gongfu.kernel.errors import Conflict, Invalid

DAY = dt.date(2026, 11, 20)
PARTY = Party(
    name="上海恒锐机械（青浦）有限公司",
    code="91310118MA1JL0000N",
    legal="赵恒",
    shareholders=("钱进", "远东控股有限公司"),
    phones=("021-5973 1234",),
)


@pytest.mark.parametrize(
    ("known", "why"),
    [
        ({"employer": Firm("上海恒锐机械(青浦)有限责任公司")}, "Works for"),
        ({"employer": Firm("another name", "91310118ma1jl0000n")}, "Works for"),
        ({"employer": Firm("远东控股有限责任公司")}, "employer is a shareholder"),
        ({"declared": (Firm("", "91310118MA1JL0000N"),)}, "Declared a tie"),
        ({"former": (Firm(PARTY.name, "", dt.date(2023, 11, 20)),)}, "Worked for"),
        ({"name": "赵 恒"}, "legal representative"),
        ({"name": "钱进"}, "shareholder"),
        ({"phones": ("(021)59731234",)}, "telephone"),
        ({"conflicted": True}, "conflict"),
        ({"paused": True}, "Rests"),
        ({"drawn": 6}, "6 times"),
    ],
)
def test_who_has_a_tie_is_left_out_with_the_reason(known: dict[str, object], why: str) -> None:
    one = msgspec.convert({"key": "e", "name": "沈工"}, Candidate)
    eligible, left = sift([msgspec.structs.replace(one, **known)], [PARTY], Avoid(quota=6), DAY)
    assert not eligible
    assert why in left[0].text("en")
    assert "{" not in left[0].text("zh-hans")


def test_old_employment_namesakes_of_firms_and_strangers_may_be_drawn() -> None:
    one = Candidate(
        key="e",
        name="沈工",
        employer=Firm("恒锐机械"),
        former=(Firm(PARTY.name, "", dt.date(2023, 11, 19)),),
        phones=("021-59731235", ""),
        drawn=5,
    )
    assert not conflicts(one, [PARTY, Party()], Avoid(quota=6), DAY)
    assert not conflicts(one, [PARTY], Avoid(), dt.date(2028, 2, 29))


def test_a_ticket_is_the_standard_hmac_that_any_language_has() -> None:
    # RFC 4231 test case 2
    assert ticket("Jefe", "what do ya want for nothing?") == (
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )
    assert ticket("s", "k") == hmac.new(b"s", b"k", hashlib.sha256).hexdigest()


def test_another_seed_draws_others_and_a_changed_draw_is_found_out() -> None:
    pool = [Candidate(key=f"e{n}", name=f"专家{n}") for n in range(30)]
    drawn = [draw(pool, ["", "", ""], f"seed {n}") for n in range(40)]
    assert len({one.chosen for one in drawn}) > 20
    assert {key for one in drawn for key in one.chosen} == {one.key for one in pool}
    first = drawn[0]
    assert verify(first)
    other = next(key for key, _fields, _employer in first.candidates if key not in first.chosen)
    assert not verify(msgspec.structs.replace(first, chosen=(*first.chosen[:2], other)))
    assert not verify(msgspec.structs.replace(first, seed="forged"))
    assert msgspec.structs.replace(first, seed="forged").digest != first.digest


def test_two_of_one_employer_do_not_sit_together_when_that_is_asked() -> None:
    pool = [Candidate(key=f"e{n}", name=f"专家{n}", employer=Firm("上海交通大学")) for n in range(5)]
    pool.append(Candidate(key="x", name="外", employer=Firm("同济大学")))
    assert "x" in draw(pool, ["", ""], "s", Avoid(one_per_employer=True)).chosen
    with pytest.raises(Conflict):
        draw(pool, ["", "", ""], "s", Avoid(one_per_employer=True))


def test_too_few_experts_are_told_with_their_field() -> None:
    pool = [Candidate(key="e1", name="一", fields=("财务",)), Candidate(key="e2", name="二", fields=("财务",))]
    with pytest.raises(Conflict, match="工业网络"):
        draw(pool, ["财务", "工业网络"], "s")
    for places, seed in (([], "s"), ([""], ""), ([""] * 51, "s")):
        with pytest.raises(Invalid):
            draw(pool, places, seed)


FIELDS = ("a", "b", "c")
POOLS = st.lists(st.sets(st.sampled_from(FIELDS)), max_size=7)


@given(POOLS, st.lists(st.sampled_from((*FIELDS, "")), min_size=1, max_size=4), st.text(min_size=1))
def test_places_are_filled_whenever_that_is_possible(known: list[set[str]], places: list[str], seed: str) -> None:
    pool = [Candidate(key=f"e{n}", name=f"专家{n}", fields=tuple(fields)) for n, fields in enumerate(known)]
    possible = any(
        all(wanted == "" or wanted in one.fields for wanted, one in zip(places, chosen, strict=True))
        for chosen in itertools.permutations(pool, len(places))
    )
    try:
        drawn = draw(pool, places, seed)
    except Conflict:
        assert not possible
        return
    assert possible
    assert len(set(drawn.chosen)) == len(places)
    by_key = {one.key: one for one in pool}
    assert all(
        not wanted or wanted in by_key[key].fields for wanted, key in zip(drawn.places, drawn.chosen, strict=True)
    )
    assert draw(pool[::-1], places[::-1], seed) == drawn
    assert verify(msgspec.json.decode(msgspec.json.encode(drawn), type=type(drawn)))
