"""The ledger and the door that the application procedure will use."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from decimal import Decimal

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gongfu.governance.support import figures, services, sheet, versions
from gongfu.governance.support.models import Beneficiary, LedgerEntry, SchemeVersion
from gongfu.governance.support.rules import Claim, Entry, settle
from gongfu.governance.support.schemes import built_in, changed
from gongfu.governance.support.services import Draft
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.audit.models import AuditEntry
from gongfu.kernel.errors import Conflict, Forbidden, GongfuError, Invalid, NotFound
from gongfu.kernel.pages import xlsx
from tests.governance.support.office import DAY, GENERAL, QINGPU, asked, authority, code, had, official

database = pytest.mark.django_db


@pytest.fixture
def office(db: None) -> Organisation:
    return authority()


@pytest.fixture
def li(office: Organisation) -> User:
    return official("li", office)


@pytest.fixture
def wang(office: Organisation) -> User:
    return official("wang", office)


@pytest.fixture
def enterprise(li: User, office: Organisation) -> Beneficiary:
    return services.enterprise_called(li, office, "恒锐机械", code(1))


def due(enterprise: Beneficiary, *claims: services.Asked, on: dt.date = DAY) -> list[Decimal]:
    return [one.due for one in services.settle_for(enterprise, claims, on)]


@database
def test_a_payment_is_what_is_due_and_the_rest_later(li: User, enterprise: Beneficiary) -> None:
    claim = asked("2.1", "1000000")
    services.record_payment(li, enterprise, claim, Decimal(200_000), DAY, paid_on=DAY, document="1号")
    assert due(enterprise, claim) == [Decimal(100_000)]
    services.record_payment(li, enterprise, claim, Decimal(100_000), DAY, paid_on=DAY, document="2号")
    with pytest.raises(Conflict, match="0 yuan are due"):
        services.record_payment(li, enterprise, claim, Decimal("0.01"), DAY, paid_on=DAY, document="3号")
    assert AuditEntry.objects.filter(object_type="support.ledgerentry", action="create").count() == 2


@database
def test_a_yearly_clause_is_paid_year_by_year_and_three_years_long(li: User, enterprise: Beneficiary) -> None:
    for year in (2021, 2022, 2023):
        claim = asked("3.1", "12000", matter="cloud", year=year)
        services.record_payment(li, enterprise, claim, Decimal(8500), DAY, paid_on=DAY, document=str(year))
    assert due(enterprise, asked("3.1", "12000", matter="cloud", year=2024)) == [Decimal(0)]


@database
def test_money_of_another_level_is_made_up_to_the_highest(li: User, enterprise: Beneficiary) -> None:
    services.enter(li, enterprise, Draft("m", Decimal(120_000), DAY, LedgerEntry.Kind.OTHER, remark="市级"))
    assert due(enterprise, asked("2.1", "1000000")) == [Decimal(180_000)]


@database
def test_what_is_clawed_back_can_be_had_again_and_never_more_than_was_paid(li: User, enterprise: Beneficiary) -> None:
    had(li, enterprise, "300000")
    back = Draft("m", Decimal(300_000), DAY, LedgerEntry.Kind.CLAW_BACK, "qingpu", "2.1", remark="未通过验收")
    services.claw_back(li, enterprise, back)
    assert due(enterprise, asked("2.1", "1000000")) == [Decimal(300_000)]
    with pytest.raises(Conflict, match=r"has brought 0\.00"):
        services.claw_back(li, enterprise, back)


@database
def test_a_correction_says_why_and_nothing_is_erased(li: User, enterprise: Beneficiary) -> None:
    had(li, enterprise, "300000")
    entry = LedgerEntry.objects.get()
    with pytest.raises(Invalid, match="why"):
        services.correct(li, entry, "  ")
    right = Draft("m", Decimal(30_000), DAY, scheme="qingpu", clause="2.1")
    services.correct(li, entry, "多写一个零", right)
    assert [one.amount for one in LedgerEntry.objects.order_by("pk")] == [300_000, -300_000, 30_000]
    for change in (entry.save, entry.delete, LedgerEntry.objects.all().delete):
        with pytest.raises(Conflict, match="never changed"):
            change()
    with pytest.raises(Conflict, match="never changed"):
        LedgerEntry.objects.update(amount=1)
    with pytest.raises(Conflict, match="corrected already"):
        services.correct(li, entry, "again")


@database
def test_only_officials_of_the_office_write(office: Organisation, enterprise: Beneficiary, li: User) -> None:
    plant = Organisation.objects.create(code="plant", name="厂")
    for stranger in (official("zhao", plant), official("sun", authority("songjiang", "松江"))):
        for attempt in (
            lambda who=stranger: had(who, enterprise, "1"),
            lambda who=stranger: services.enterprise_called(who, office, "新", code(9)),
            lambda who=stranger: services.record_payment(
                who, enterprise, asked("2.1", "1000"), Decimal(1), DAY, paid_on=DAY, document=""
            ),
        ):
            with pytest.raises(Forbidden):
                attempt()
    assert LedgerEntry.objects.count() == 0


@database
def test_an_enterprise_is_one_code_with_one_name_and_finds_its_organisation(li: User, office: Organisation) -> None:
    plant = Organisation.objects.create(code="plant", name="厂", credit_code=code(5))
    made = services.enterprise_called(li, office, "厂", code(5).lower())
    assert made.member == plant
    assert services.enterprise_called(li, office, "", code(5)) == made
    with pytest.raises(Conflict, match="in the ledger, not"):
        services.enterprise_called(li, office, "另一家", code(5))
    wrong = code(5)[:17] + ("A" if code(5)[17] != "A" else "B")
    for bad in (wrong, "", "x" * 18, code(5) + "1"):
        with pytest.raises(Invalid, match="credit code"):
            services.enterprise_called(li, office, "x", bad)


@database
def test_an_unknown_document_or_day_is_said(enterprise: Beneficiary) -> None:
    with pytest.raises(NotFound):
        services.settle_for(enterprise, [asked("2.1")], dt.date(2031, 1, 1))
    with pytest.raises(NotFound):
        services.settle_for(enterprise, [asked("2.1").__class__("none", "1", "m")], DAY)


def _at_once(*calls: Callable[[], object]) -> list[str]:
    """Names of what each call raised, or "done"."""
    said: list[str] = []
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> None:
        try:
            start.wait(60)
            call()
            said.append("done")
        except GongfuError as error:
            said.append(type(error).__name__)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return sorted(said)


@pytest.mark.django_db(transaction=True)
def test_two_people_pay_put_into_force_and_correct_at_once_and_one_of_them_is_told() -> None:
    office = authority()
    li, wang, zhou = (official(name, office) for name in ("li", "wang", "zhou"))
    enterprise = services.enterprise_called(li, office, "恒锐机械", code(1))
    claim = asked("2.1", "1000000")

    def pay(who: User) -> Callable[[], object]:
        return lambda: services.record_payment(
            who, enterprise, claim, Decimal(300_000), DAY, paid_on=DAY, document="1号"
        )

    assert _at_once(pay(li), pay(wang)) == ["Conflict", "done"]
    (entry,) = LedgerEntry.objects.all()
    assert _at_once(*(lambda who=who: services.correct(who, entry, "错") for who in (li, wang))) == ["Conflict", "done"]
    version = _draft(li, office)
    versions.propose(li, version)
    found = _at_once(*(lambda who=who: versions.put_into_force(who, version) for who in (wang, zhou)))
    assert found == ["Conflict", "done"]
    assert sum(one.amount for one in LedgerEntry.objects.all()) == 0


def _draft(user: User, office: Organisation, cap: str = "30000", version: str = "2099") -> SchemeVersion:
    return versions.draft(
        user,
        office,
        QINGPU,
        {"3.1": {"cap": cap}},
        version=version,
        begins_on=dt.date(2099, 1, 1),
        ends_on=dt.date(2099, 12, 31),
        reason="预算增加",
    )


@database
def test_a_draft_judges_nobody_until_a_second_person_agrees(
    li: User, wang: User, office: Organisation, enterprise: Beneficiary
) -> None:
    version = _draft(li, office)
    claim, day = asked("3.1", "60000", year=2099), dt.date(2099, 6, 1)
    with pytest.raises(NotFound):
        services.settle_for(enterprise, [claim], day)
    with pytest.raises(Conflict):
        versions.put_into_force(wang, version)
    versions.propose(li, version)
    with pytest.raises(Forbidden, match="made or proposed"):
        versions.put_into_force(li, version)
    versions.put_into_force(wang, version)
    assert due(enterprise, claim, on=day) == [Decimal(30_000)]
    assert due(enterprise, asked("3.1", "60000", year=2023), on=DAY) == [Decimal(20_000)]
    versions.withdraw(wang, version)
    with pytest.raises(NotFound):
        services.settle_for(enterprise, [claim], day)


@database
def test_a_version_never_reaches_back_and_belongs_to_its_office(li: User, wang: User, office: Organisation) -> None:
    early = versions.draft(
        li,
        office,
        QINGPU,
        {"3.1": {"cap": "1"}},
        version="early",
        begins_on=dt.date(2023, 1, 1),
        ends_on=dt.date(2023, 12, 31),
        reason="x",
    )
    versions.propose(li, early)
    with pytest.raises(Conflict, match="has passed"):
        versions.put_into_force(wang, early)
    later = _draft(li, office)
    versions.propose(li, later)
    versions.put_into_force(wang, later)
    assert "2099" not in {one.version for one in versions.schemes_of(authority("songjiang", "松江"))}
    with pytest.raises(Conflict, match="already"):
        _draft(li, office)
    with pytest.raises(Invalid, match="Nothing is different"):
        versions.draft(li, office, QINGPU, {}, version="n", begins_on=DAY, ends_on=DAY, reason="x")


# what is pure
@given(st.data())
def test_a_form_with_the_figures_as_they_are_changes_nothing_and_with_others_changes_them(data: st.DataObject) -> None:
    scheme = data.draw(st.sampled_from(built_in()))
    clause = data.draw(st.sampled_from(scheme.clause))
    shown = {one.name: one.shown for one in figures.figures(clause)}
    assert figures.change_of(clause, shown) == {}
    name = data.draw(st.sampled_from(sorted(shown)))
    other = data.draw(st.integers(1, 100))
    changes = figures.change_of(clause, shown | {name: str(other)})
    try:
        after = changed(scheme, changes)
    except Invalid:
        return  # bands that would not rise, years beyond what there is
    found = {one.name: one.value for one in figures.figures(after.find(clause.key))}
    assert found[name] == other
    assert bool(changes) == bool(figures.differences(scheme, after))


@given(st.binary(max_size=300), st.sampled_from([sheet.payments, sheet.claims]))
def test_any_bytes_are_read_or_refused(data: bytes, read: Callable[[bytes, str], object]) -> None:
    for candidate in (data, b"PK\x03\x04" + data):
        try:
            read(candidate, "x")
        except Invalid:
            continue


@pytest.mark.filterwarnings("ignore:Workbook contains no default style")
@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.lists(
        st.lists(
            st.one_of(st.text(max_size=20), st.floats(), st.integers(-(10**20), 10**20)), min_size=12, max_size=12
        ),
        max_size=5,
    )
)
def test_any_cell_is_read_or_told(rows: list[list[str | int | float]]) -> None:
    heads = [spelt[0] for spelt in sheet.PAYMENTS.values()]
    found, faults = sheet.payments(xlsx.to_xlsx("x", heads, rows), "x")
    assert all(one.amount > 0 for one in found)
    assert all(one.problem.text("zh-hans") for one in faults)


yuan = st.decimals(0, 5_000_000, places=2)


@given(
    st.lists(st.tuples(st.sampled_from(QINGPU.clause), yuan, st.sampled_from("ab")), min_size=1, max_size=5),
    st.lists(st.tuples(st.sampled_from([2023, 2024]), yuan), max_size=3),
)
def test_read_strictly_an_enterprise_gets_the_highest_of_a_year(
    claimed: list[tuple[object, Decimal, str]], paid: list[tuple[int, Decimal]]
) -> None:
    strict = changed(QINGPU, {"": {"highest_reading": "enterprise"}})
    ledger = [Entry("e", "before", "x", "y", 0, amount, dt.date(year, 3, 1)) for year, amount in paid]
    claims = []
    for clause, basis, matter in claimed:
        facts = GENERAL | {one.key for one in clause.condition}  # type: ignore[attr-defined]
        key, applicant = clause.key, clause.applicants[0]  # type: ignore[attr-defined]
        claims.append(("q", Claim("e", matter, key, DAY, basis, facts, 2023, applicant)))
    results = settle({"q": strict}, claims, ledger)
    this_year = sum((amount for year, amount in paid if year == DAY.year), Decimal(0))
    total = sum((one.due for one in results), Decimal(0))
    assert sum(one.due > 0 for one in results) <= 1
    if not any(one.clause.matches for one in results):
        assert total == max(Decimal(0), max(one.entitled for one in results) - this_year)


def test_a_reading_that_is_none_is_refused() -> None:
    for wrong in ({"highest_reading": "nobody"}, {"title": "x"}):
        with pytest.raises(Invalid):
            changed(QINGPU, {"": wrong})
    everybody = changed(QINGPU, {"": {"general_reading": "everybody"}})
    facts = frozenset(one.key for one in QINGPU.find("3.3").condition)
    claim = Claim("e", "m", "3.3", DAY, facts=facts, applicant="university")
    assert settle({"q": QINGPU}, [("q", claim)], [])[0].due == 2_000_000
    assert settle({"q": everybody}, [("q", claim)], [])[0].due == 0


@database
def test_a_payment_bears_the_version_of_the_day_it_was_applied_for(
    li: User, wang: User, office: Organisation, enterprise: Beneficiary
) -> None:
    version = _draft(li, office)
    versions.propose(li, version)
    versions.put_into_force(wang, version)
    claim, day = asked("3.1", "60000", year=2099), dt.date(2099, 6, 1)
    entry = services.record_payment(li, enterprise, claim, Decimal(30_000), day, paid_on=DAY, document="1号")
    assert (entry.version, entry.year) == ("2099", 2099)
