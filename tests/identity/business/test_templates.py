"""Templates from draft to identifier, and who reads what."""

from __future__ import annotations

import datetime as dt

import pytest

from gongfu.identity.business import daily, fields, services, templating
from gongfu.identity.business.errors import NoTemplate, Published, WrongFields
from gongfu.identity.business.fields import Field
from gongfu.identity.business.models import Contract, Grant, Template
from gongfu.identity.handle.wire import Value
from gongfu.identity.registry import services as registry
from gongfu.identity.registry.errors import NoIdentifier, NoPrefix, QuotaSpent
from gongfu.identity.registry.models import Prefix
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.errors import Conflict, Forbidden, Invalid
from gongfu.kernel.workflow import services as workflow
from gongfu.network.models.types import Text

from .conftest import Day

pytestmark = pytest.mark.django_db
HANDLE = "88.118.1/VMC-007"


@pytest.fixture
def machine(contract: Contract, machinery: Template, li: User, given: dict[str, str]) -> str:
    services.register(li, HANDLE, machinery.reference, given)
    return HANDLE


def types(user: User | None, handle: str) -> set[str]:
    record = registry.resolve_local(handle)
    assert record is not None
    return {value.type for value in registry.visible_values(user, record)}


def test_an_identifier_registered_with_a_template_names_it_and_keeps_its_fields(
    machine: str, machinery: Template
) -> None:
    record = registry.resolve_local(machine)
    assert record is not None
    assert record.text("TEMPLATE") == "operator/machinery@1"
    assert (record.text("model"), record.text("rated_power")) == ("VMC-850", "18.5")
    assert (record.text("NAME"), record.text("OWNER")) == ("立式加工中心", "恒锐")
    assert {value.type for value in record.public} >= {"product_name", "model", "URL"}
    assert not {"warranty_until", "batch_cost"} & {value.type for value in record.public}, "not for everybody"
    assert {value.index: value.type for value in record.values}[1001] == "model"


def test_wrong_fields_are_all_named_and_nothing_is_registered(
    contract: Contract, machinery: Template, li: User, given: dict[str, str]
) -> None:
    del given["model"]
    with pytest.raises(WrongFields) as refused:
        services.register(li, HANDLE, machinery.reference, given | {"rated_power": "much"})
    assert set(refused.value.values["fields"]) == {"model", "rated_power"}  # type: ignore[call-overload]
    assert registry.resolve_local(HANDLE) is None


def test_registration_with_a_template_keeps_to_the_quota_and_to_ones_own_prefix(
    contract: Contract, machinery: Template, li: User, wang: User, given: dict[str, str]
) -> None:
    with pytest.raises(NoPrefix):
        services.register(wang, HANDLE, machinery.reference, given)
    for number in range(10):
        services.register(li, f"88.118.1/{number}", machinery.reference, given)
    with pytest.raises(QuotaSpent):
        services.register(li, "88.118.1/11", machinery.reference, given)


@pytest.mark.parametrize("reference", ["operator/machinery@2", "operator/nothing@1", "machinery", "", "x/y@z"])
def test_a_template_that_is_not_there_is_not_found(
    contract: Contract, machinery: Template, li: User, given: dict[str, str], reference: str
) -> None:
    with pytest.raises(NoTemplate):
        services.register(li, HANDLE, reference, given)


def test_a_published_version_cannot_be_changed_and_the_next_one_is_a_copy(machinery: Template, root: User) -> None:
    extra = Field(key="colour", name=Text("颜色", "Colour"))
    with pytest.raises(Published):
        templating.change_fields(root, machinery, [*machinery.spec.fields, extra])
    machinery.name = "别的"
    with pytest.raises(Published):
        templating.store(machinery)
    machinery.refresh_from_db()
    second = templating.next_version(root, machinery)
    assert (second.version, second.state, second.spec.fields) == (2, "draft", machinery.spec.fields)
    assert templating.next_version(root, machinery) == second, "the open draft, not a third"
    changed = templating.change_fields(root, second, [*second.spec.fields, extra])
    assert changed.spec.fields[-1].index == 1000 + len(machinery.spec.fields)
    [difference] = fields.differences(machinery.spec.fields, changed.spec.fields)
    assert (difference.kind, difference.field.key) == ("added", "colour")


def test_nothing_is_registered_with_a_draft_or_a_retired_version(
    contract: Contract, machinery: Template, root: User, li: User, given: dict[str, str]
) -> None:
    draft = templating.next_version(root, machinery)
    with pytest.raises(NoTemplate):
        services.register(li, HANDLE, draft.reference, given)
    workflow.perform(machinery, "retire", root, reason="由第二版代替")
    with pytest.raises(Conflict, match="operator/machinery@1"):
        services.register(li, HANDLE, machinery.reference, given)


def test_an_empty_template_cannot_be_published(operator: Organisation, root: User) -> None:
    empty = Template(organisation=operator, code="empty", name="空", name_en="Empty", industry="C34")
    templating.store(empty)
    with pytest.raises(Invalid, match="0 fields"):
        workflow.perform(empty, "publish", root)


def test_an_enterprise_makes_templates_of_its_own_that_no_other_sees(
    hengrui: Organisation, li: User, wang: User, machinery: Template
) -> None:
    own = templating.import_starter(li, hengrui, "component")
    templating.publish(li, own)
    assert services.template(li, "hengrui/component@1") == own
    with pytest.raises(NoTemplate):
        services.template(wang, "hengrui/component@1")
    assert services.template(wang, "operator/machinery@1") == machinery, "the operator's are for all"
    with pytest.raises(Forbidden):
        templating.next_version(li, machinery)
    with pytest.raises(Conflict, match="already"):
        templating.import_starter(li, hengrui, "component")


def test_an_exported_template_can_be_imported_as_the_next_version(
    machinery: Template, root: User, operator: Organisation
) -> None:
    again = templating.import_spec(root, operator, fields.decode(fields.encode(machinery.spec)))
    assert (again.version, again.spec.fields) == (2, machinery.spec.fields)
    with pytest.raises(Conflict, match="draft"):
        templating.import_spec(root, operator, machinery.spec)


def test_fields_are_moved_and_replaced_in_their_place(machinery: Template) -> None:
    keys = [field.key for field in machinery.spec.fields]
    moved = templating.moved(machinery.spec.fields, keys[1], -1)
    assert [field.key for field in moved][:2] == [keys[1], keys[0]]
    assert templating.moved(machinery.spec.fields, keys[0], -1) == list(machinery.spec.fields)
    renamed = Field(key="designation", name=Text("名称", "Name"))
    placed = templating.placed(machinery.spec.fields, renamed, keys[0])
    assert [field.key for field in placed][:2] == ["designation", keys[1]]
    with pytest.raises(Invalid, match="key"):
        templating.placed(machinery.spec.fields, Field(key=keys[1], name=Text("名称", "Name")), keys[0])


# --- who reads what ---


def test_the_owner_sees_all_fields_others_only_the_public_ones(machine: str, li: User, wang: User, root: User) -> None:
    assert {"warranty_until", "batch_cost"} <= types(li, machine)
    assert {"warranty_until", "batch_cost"} <= types(root, machine)
    for reader in (wang, None):
        assert "model" in types(reader, machine)
        assert not {"warranty_until", "batch_cost"} & types(reader, machine)


def test_a_partner_sees_partner_fields_while_the_grant_lasts_and_never_the_owners(
    machine: str, li: User, wang: User, day: Day
) -> None:
    with pytest.raises(NoIdentifier):
        registry.identifier_for(wang, machine)
    grant = Grant(prefix=Prefix.objects.get(name="88.118.1"), partner="huasu", valid_until=dt.date(2026, 11, 30))
    services.store_grant(grant, li)
    assert grant.organisation.code == "hengrui"
    record, _prefix = registry.identifier_for(wang, machine)
    assert str(record.handle) == machine
    assert "warranty_until" in types(wang, machine)
    assert "batch_cost" not in types(wang, machine)
    with pytest.raises(NoPrefix):
        registry.remove(wang, machine)
    day.today = dt.date(2026, 12, 1)
    assert "warranty_until" not in types(wang, machine)
    with pytest.raises(NoIdentifier):
        registry.identifier_for(wang, machine)


def test_nobody_grants_what_is_not_his(contract: Contract, wang: User, li: User) -> None:
    prefix = Prefix.objects.get(name="88.118.1")
    with pytest.raises(Forbidden):
        services.store_grant(Grant(prefix=prefix, partner="huasu"), wang)
    with pytest.raises(Invalid, match="owns"):
        services.store_grant(Grant(prefix=prefix, partner="hengrui"), li)


def test_a_draft_decides_nothing_about_who_reads(
    contract: Contract, machinery: Template, li: User, wang: User, hengrui: Organisation
) -> None:
    draft = templating.import_starter(li, hengrui, "machinery")
    secret = Value(1012, "warranty_until", b"2028-11-20", permissions=Value(1, "x", b"").permissions & ~2)
    registry.register(li, HANDLE, [Value(900, "TEMPLATE", draft.reference.encode()), secret])
    services.store_grant(Grant(prefix=Prefix.objects.get(name="88.118.1"), partner="huasu"), li)
    assert "warranty_until" not in types(wang, HANDLE)


def test_the_daily_work_does_not_touch_templates_or_grants(machine: str, day: Day) -> None:
    assert daily.run(day.today) == daily.Outcome([], [])
