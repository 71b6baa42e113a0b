"""Signals among applications: found however written, explained, never between strangers."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.governance.signals import names
from gongfu.governance.signals.rules import Filing, Invoice, Kind, Limits, Person, Signal, Strength, signals

DAY = dt.date(2024, 6, 1)


def filing(key: str, organisation: str = "", **known: object) -> Filing:
    return Filing(key=key, organisation=organisation or key, **known)  # type: ignore[arg-type]


def kinds(*filings: Filing, limits: Limits | None = None) -> dict[Kind, tuple[str, ...]]:
    return {one.kind: one.filings for one in signals(filings, limits)}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("上海恒锐机械（青浦）有限责任公司", "上海恒锐机械(青浦) 有限公司"),
        ("ＡＢＣ－Motor", "abc motor"),
        ("王\ue863", "王䶮"),  # GBK's private code point of U+4DAE
        ("\ue832", "\u9fb8"),
        ("\uf9d1", "六"),  # a compatibility ideograph
    ],
)
def test_names_written_otherwise_are_one(one: str, other: str) -> None:
    assert names.company(one) == names.company(other) != ""


def test_an_invoice_in_two_applications_is_told_whoever_hands_it_in() -> None:
    paper = Invoice(number="03124567", code="3100193130")
    found = kinds(filing("a", invoices=(paper,)), filing("b", invoices=(Invoice(number="０３１２ ４５６７"),)))
    assert found == {Kind.INVOICE: ("a", "b")}
    assert not kinds(
        filing("a", invoices=(paper,)), filing("b", invoices=(Invoice(number="03124567", code="3300193130"),))
    )
    assert not kinds(filing("a", invoices=(paper, paper)))
    assert kinds(filing("a", invoices=(Invoice(digest="ab"),)), filing("b", invoices=(Invoice(digest="AB"),))) == {
        Kind.FILE: ("a", "b")
    }


def test_an_altered_invoice_is_a_weak_signal_but_a_price_list_is_none() -> None:
    def paper(number: str, amount: str, day: int) -> tuple[Invoice, ...]:
        return (Invoice(number=number, seller="某云（上海）公司", amount=Decimal(amount), day=dt.date(2024, 6, day)),)

    near = signals(
        [filing("a", invoices=paper("10000001", "88123.50", 4)), filing("b", invoices=paper("10000007", "88123.50", 5))]
    )
    assert [(one.kind, one.strength) for one in near] == [(Kind.SIMILAR, Strength.WEAK)]
    assert not signals(
        [filing("a", invoices=paper("10000001", "88123", 4)), filing("b", invoices=paper("10000007", "91123", 4))]
    )
    assert not signals([filing(str(n), invoices=paper(f"1000000{n}", "5000", 4)) for n in range(9)])


def test_people_owners_accounts_addresses_and_telephones_relate_firms() -> None:
    wang = Person("王伟", "d1")
    assert Kind.PERSON in kinds(filing("a", legal=wang), filing("b", shareholders=(wang,)))
    assert not kinds(filing("a", legal=wang), filing("b", legal=Person("王伟", "d2")))
    assert kinds(filing("a", legal=wang), filing("b", legal=Person("王伟"))) == {Kind.NAMESAKE: ("a", "b")}
    owner = (
        filing("a", name="恒锐集团有限公司"),
        filing("b", name="恒锐数控", shareholders=(Person("恒锐集团有限责任公司"),)),
    )
    assert kinds(*owner) == {Kind.OWNER: ("a", "b")}
    assert kinds(filing("a", accounts=("6222 0210 0111",)), filing("b", accounts=("622202100111",))) == {
        Kind.ACCOUNT: ("a", "b")
    }
    assert not kinds(filing("a", "x", accounts=("622202100111",)), filing("b", "x", accounts=("622202100111",)))
    assert kinds(filing("a", phones=("+86 21 5973-1234",)), filing("b", phones=("（021）59731234",))) == {
        Kind.PHONE: ("a", "b")
    }
    assert not kinds(filing("a", address="上海市青浦区"), filing("b", address="上海市青浦区"))


def test_a_project_in_pieces_and_a_crowd_at_one_address_are_told() -> None:
    limits = Limits(pieces={"2.1": Decimal(1_000_000)})

    def piece(key: str, project: str, amount: int, firm: str = "f") -> Filing:
        return filing(key, firm, project=project, clause="2.1", amount=Decimal(amount))

    parts = [piece("a", "智能工厂（一期）", 600_000), piece("b", "智能工厂（二期）", 500_000)]
    assert kinds(*parts, limits=limits) == {Kind.PIECES: ("a", "b")}
    assert not kinds(parts[0], piece("b", "智能工厂（二期）", 300_000), limits=limits)
    assert not kinds(parts[0], piece("b", "视觉检测系统", 500_000), limits=limits)
    assert not kinds(parts[0], piece("b", "智能工厂（二期）", 500_000, "g"), limits=limits)
    crowd = [filing(key, address="青浦区公园路100#", window="2024-1", clause="3.1") for key in "abc"]
    assert kinds(*crowd)[Kind.CROWD] == ("a", "b", "c")
    related = [filing(key, legal=Person("李强", "z"), window="2024-1", clause="3.1") for key in "ab"]
    assert kinds(*related)[Kind.RELATED] == ("a", "b")


def test_every_sentence_is_whole_in_both_languages() -> None:
    for one in signals(_random(200, random.Random(4)), Limits(pieces={"2.1": Decimal(50_000)})):
        for language in ("en", "zh-hans"):
            assert "{" not in one.text(language)


def _random(count: int, chance: random.Random) -> list[Filing]:
    def some(*values: str) -> str:
        return chance.choice([*values, ""])

    return [
        Filing(
            key=f"k{n}",
            organisation=f"o{chance.randrange(count)}",
            name=some(*(f"公司{m}" for m in range(count))),
            legal=Person(some("王伟", "李强"), some("1", "2", "3")),
            shareholders=(Person(some(*(f"公司{m}" for m in range(count)))),),
            address=some("公园路100号", "公园路101号"),
            phones=(some("59731234", "59731235"),),
            accounts=(some("622202100111", "622202100112"),),
            project=some("智能工厂一期", "智能工厂二期"),
            clause="2.1",
            window=some("2024"),
            amount=Decimal(chance.randrange(1, 60_000)),
            invoices=tuple(
                Invoice(
                    number=some("03124567", "03124568"),
                    code=some("3100", "310011"),
                    seller="某云",
                    amount=Decimal(chance.choice((5000, 5001, 9000))),
                    day=DAY + dt.timedelta(days=chance.randrange(6)),
                    digest=some("aa", "bb"),
                )
                for _ in range(chance.randrange(3))
            ),
        )
        for n in range(count)
    ]


@given(st.integers(0, 10_000), st.integers(2, 12))
def test_the_order_of_filings_does_not_matter(seed: int, count: int) -> None:
    chance = random.Random(seed)
    filings = _random(count, chance)
    limits = Limits(pieces={"2.1": Decimal(50_000)})
    expected = signals(filings, limits)
    chance.shuffle(filings)
    assert signals(filings, limits) == expected
    known = {one.key for one in filings}
    assert all(set(one.filings) <= known and one.filings for one in expected)


@given(st.integers(0, 10_000), st.integers(1, 8))
def test_strangers_have_no_signal_between_them(seed: int, count: int) -> None:
    chance = random.Random(seed)
    ours = _random(count, chance)
    theirs = [_foreign(one) for one in _random(count, chance)]
    limits = Limits(pieces={"2.1": Decimal(50_000)})

    def alone(found: list[Signal]) -> set[Signal]:
        return set(found)

    assert alone(signals([*ours, *theirs], limits)) == alone(signals(ours, limits)) | alone(signals(theirs, limits))


def _foreign(one: Filing) -> Filing:
    """The same, with nothing in common with anybody else's."""

    def other(text: str) -> str:
        return f"甲{text}9" if text else ""

    def person(known: Person) -> Person:
        return Person(other(known.name), other(known.id))

    return msgspec.structs.replace(
        one,
        key=other(one.key),
        organisation=other(one.organisation),
        name=other(one.name),
        legal=person(one.legal) if one.legal else None,
        shareholders=tuple(map(person, one.shareholders)),
        address=other(one.address),
        phones=tuple(f"{phone}77" if phone else "" for phone in one.phones),
        accounts=tuple(map(other, one.accounts)),
        project=other(one.project),
        window=other(one.window),
        invoices=tuple(
            msgspec.structs.replace(
                paper, number=other(paper.number), seller=other(paper.seller), digest=other(paper.digest)
            )
            for paper in one.invoices
        ),
    )


@given(st.text(), st.text())
def test_any_text_has_keys(one: str, other: str) -> None:
    for key in (names.company, names.address, names.phone, names.number, names.project, names.plain):
        assert isinstance(key(one + other), str)
