"""From application to revocation, as the enterprise and the operator live through it."""

from __future__ import annotations

import datetime as dt

import pytest

from gongfu.identity.business import daily, services
from gongfu.identity.business.models import Application, Contract, Notice
from gongfu.identity.business.services import Enterprise, Granted
from gongfu.identity.handle.wire import Value
from gongfu.identity.registry import services as registry
from gongfu.identity.registry.errors import PrefixSuspended, QuotaSpent
from gongfu.identity.registry.models import Prefix
from gongfu.identity.registry.store import IdentifierStore, Limits
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.audit.models import AuditEntry
from gongfu.kernel.errors import Conflict, Forbidden, Invalid
from gongfu.kernel.workflow import services as workflow

from .conftest import Commit, Day

pytestmark = pytest.mark.django_db


def url() -> list[Value]:
    return [Value(1, "URL", b"http://a.test/")]


@pytest.fixture
def application(li: User, hengrui: Organisation, enterprise: Enterprise) -> Application:
    return services.apply(li, hengrui, enterprise, "机床", Granted(100, 5000, 2), wished="77", submit=True)


def state(thing: Application | Contract) -> str:
    thing.refresh_from_db()
    return str(thing.state)


def test_an_accepted_application_allots_the_prefix_opens_the_contract_and_writes_the_limits(
    application: Application, root: User, store: IdentifierStore, commit: Commit
) -> None:
    with commit(execute=True):
        workflow.perform(application, "accept", root)
    contract = Contract.objects.get()
    assert state(application) == "allotted"
    assert contract.prefix.name == "88.118.77"
    assert (contract.starts_on, contract.ends_on) == (dt.date(2026, 11, 20), dt.date(2028, 11, 19))
    assert contract.organisation == application.organisation
    assert "88.118.77" in store.prefixes()
    assert store.limits("88.118.77") == Limits(100, 5000)
    assert AuditEntry.objects.filter(action="accept", actor="root").exists()


def test_the_operator_may_accept_on_other_terms(
    application: Application, root: User, store: IdentifierStore, commit: Commit
) -> None:
    with commit(execute=True):
        services.accept(root, application, Granted(50, 0, 1, "免费试用"), "先给一年")
    contract = Contract.objects.get()
    assert (contract.registrations, contract.ends_on, contract.fee_note) == (50, dt.date(2027, 11, 19), "免费试用")
    application.refresh_from_db()
    assert (application.remark, application.decided_by) == ("先给一年", "root")


def test_a_returned_application_is_completed_and_submitted_again(
    application: Application, li: User, root: User
) -> None:
    with pytest.raises(Invalid, match="needs a reason"):
        workflow.perform(application, "send_back", root)
    workflow.perform(application, "send_back", root, reason="请补充联系人邮箱")
    application.refresh_from_db()
    assert (application.state, application.remark, application.editable) == ("returned", "请补充联系人邮箱", True)
    application.contact_email = "li@example.com"
    services.store_application(application, li)
    workflow.perform(application, "submit", li)
    assert state(application) == "submitted"


def test_what_is_in_review_cannot_be_changed(application: Application, li: User) -> None:
    application.enterprise = "别的"
    with pytest.raises(Conflict, match="no longer be changed"):
        services.store_application(application, li)


@pytest.mark.parametrize("step", ["accept", "reject", "send_back"])
def test_an_enterprise_cannot_decide_on_its_own_application(application: Application, li: User, step: str) -> None:
    with pytest.raises(Forbidden):
        workflow.perform(application, step, li, reason="x")
    with pytest.raises(Forbidden):
        services.accept(li, application, Granted())
    assert state(application) == "submitted"


def test_a_rejected_application_ends_and_nothing_is_allotted(application: Application, root: User) -> None:
    workflow.perform(application, "reject", root, reason="信用代码与名称不符")
    assert state(application) == "rejected"
    assert not Contract.objects.exists()
    with pytest.raises(Conflict):
        workflow.perform(application, "accept", root)


def test_a_number_that_is_taken_leaves_the_application_in_review(
    application: Application, root: User, huasu: Organisation, commit: Commit
) -> None:
    with commit(execute=True):
        registry.allot_prefix("test", huasu, "88.118.77")
    with pytest.raises(Conflict, match="allotted already"):
        workflow.perform(application, "accept", root)
    assert state(application) == "submitted"


def test_nobody_applies_for_another_organisation(wang: User, hengrui: Organisation, enterprise: Enterprise) -> None:
    with pytest.raises(Forbidden):
        services.apply(wang, hengrui, enterprise, "机床", Granted())


@pytest.mark.parametrize("wished", ["7.7", "７", "a/b", "-"])
def test_a_wished_number_is_letters_and_digits(
    li: User, hengrui: Organisation, enterprise: Enterprise, wished: str
) -> None:
    with pytest.raises(Invalid, match="letters and digits"):
        services.apply(li, hengrui, enterprise, "机床", Granted(), wished=wished)


# --- quotas ---


def test_registration_beyond_the_quota_is_refused_as_604(contract: Contract, li: User) -> None:
    for number in range(10):
        registry.register(li, f"88.118.1/{number}", url())
    with pytest.raises(QuotaSpent, match=r"10 of 10") as refused:
        registry.register(li, "88.118.1/11", url())
    assert (refused.value.handle_code, refused.value.http_status) == (604, 409)
    registry.remove(li, "88.118.1/3")
    registry.register(li, "88.118.1/11", url())


def test_a_raised_quota_counts_at_once(contract: Contract, li: User, root: User, commit: Commit) -> None:
    for number in range(10):
        registry.register(li, f"88.118.1/{number}", url())
    renewal = services.renewal(li, contract)
    assert (renewal.kind, renewal.enterprise) == ("renewal", contract.enterprise)
    assert services.renewal(li, contract) == renewal, "the open one, not a second"
    workflow.perform(renewal, "submit", li)
    renewal.refresh_from_db()
    with commit(execute=True):
        services.accept(root, renewal, Granted(20, 1000, 1))
    registry.register(li, "88.118.1/11", url())
    contract.refresh_from_db()
    assert contract.ends_on == dt.date(2028, 11, 19), "a year more"


# --- suspension, end, revocation ---


def test_a_suspended_contract_is_not_resolved_and_takes_no_registration_605(
    contract: Contract, li: User, root: User, store: IdentifierStore, commit: Commit
) -> None:
    registry.register(li, "88.118.1/a", url())
    with commit(execute=True):
        workflow.perform(contract, "suspend", root, reason="欠费")
    assert "88.118.1" not in store.prefixes()
    with pytest.raises(PrefixSuspended) as refused:
        registry.register(li, "88.118.1/b", url())
    assert refused.value.handle_code == 605
    with commit(execute=True):
        workflow.perform(contract, "resume", root)
    assert "88.118.1" in store.prefixes()
    assert store.count("88.118.1") == 1, "nothing was lost"


def test_an_enterprise_cannot_resume_its_own_contract(contract: Contract, li: User, root: User) -> None:
    workflow.perform(contract, "suspend", root, reason="欠费")
    for step in ("resume", "revoke"):
        with pytest.raises(Forbidden):
            workflow.perform(contract, step, li, reason="x")


def test_what_revoking_does_to_identifiers_is_said_before(contract: Contract, li: User) -> None:
    registry.register(li, "88.118.1/a", url())
    said = workflow.find(Contract, "revoke").consequence_for(contract)
    assert "301" in said
    assert "1" in said


def test_a_revoked_contract_stays_revoked(
    contract: Contract, li: User, root: User, store: IdentifierStore, commit: Commit
) -> None:
    with commit(execute=True):
        workflow.perform(contract, "revoke", root, reason="注销")
    assert "88.118.1" not in store.prefixes()
    with pytest.raises(Conflict):
        workflow.perform(contract, "resume", root)
    renewal = services.renewal(li, contract)
    workflow.perform(renewal, "submit", li)
    with pytest.raises(Conflict, match="revoked"):
        workflow.perform(renewal, "accept", root)


def test_reminders_are_given_once_each_as_the_end_comes_near(contract: Contract) -> None:
    end = contract.ends_on
    told = []
    for left in range(70, -1, -1):
        outcome = daily.run(end - dt.timedelta(days=left))
        if outcome.reminded:
            told.append(left)
        assert daily.run(end - dt.timedelta(days=left)).reminded == [], "not twice on one day"
    assert told == [60, 30, 7, 1]
    assert Notice.objects.count() == 4


def test_a_node_that_was_off_reminds_once_not_four_times(contract: Contract) -> None:
    assert daily.run(contract.ends_on).reminded == ["88.118.1"]
    assert Notice.objects.count() == 1


def test_when_the_grace_is_over_the_prefix_is_suspended_and_a_renewal_brings_it_back(
    contract: Contract, li: User, root: User, day: Day, store: IdentifierStore, commit: Commit
) -> None:
    registry.register(li, "88.118.1/a", url())
    grace = contract.grace_ends
    with commit(execute=True):
        assert daily.run(grace).suspended == []
    assert "88.118.1" in store.prefixes()
    day.today = grace + dt.timedelta(days=1)
    with commit(execute=True):
        first = daily.run_due()
    assert first is not None
    assert first.suspended == ["88.118.1"]
    assert daily.run_due() is None, "done for today"
    assert "88.118.1" not in store.prefixes()
    contract.refresh_from_db()
    assert (contract.state, contract.lapsed) == ("suspended", True)
    entry = AuditEntry.objects.filter(action="suspend").first()
    assert entry is not None
    assert entry.actor == daily.ACTOR
    with pytest.raises(Conflict, match="ended"):
        workflow.perform(contract, "resume", root)
    renewal = services.renewal(li, contract)
    workflow.perform(renewal, "submit", li)
    renewal.refresh_from_db()
    with commit(execute=True):
        workflow.perform(renewal, "accept", root)
    contract.refresh_from_db()
    assert (contract.state, contract.lapsed) == ("active", False)
    assert contract.ends_on == dt.date(2028, 12, 19)
    assert "88.118.1" in store.prefixes()
    assert Prefix.objects.get(name="88.118.1").state == "active"


def test_what_the_operator_suspended_stays_suspended_when_it_is_renewed(
    contract: Contract, li: User, root: User, commit: Commit
) -> None:
    workflow.perform(contract, "suspend", root, reason="调查中")
    renewal = services.renewal(li, contract)
    workflow.perform(renewal, "submit", li)
    renewal.refresh_from_db()
    with commit(execute=True):
        workflow.perform(renewal, "accept", root)
    assert state(contract) == "suspended"


def test_a_prefix_has_one_contract(contract: Contract, enterprise: Enterprise) -> None:
    with pytest.raises(Conflict, match="already"):
        services.open_contract("test", "88.118.1", enterprise, Granted())
