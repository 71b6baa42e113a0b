"""Organisations, roles, what they let people see, and signing in."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.test import Client, RequestFactory
from django.utils import timezone

from gongfu.kernel.accounts import permissions, services, signin, tokens
from gongfu.kernel.accounts.errors import SignInRefused, TooManyAttempts
from gongfu.kernel.accounts.models import Membership, Organisation, SignInThrottle, User
from gongfu.kernel.accounts.rules import Role
from gongfu.kernel.errors import Conflict, Invalid, NotFound
from gongfu.kernel.settings import settings

PASSWORD = "correct-horse-battery"


def test_a_membership_shows_the_organisation_and_those_below(world: Any) -> None:
    assert set(services.organisation_ids(world.engineer)) == {world.pumps.pk}
    assert set(services.organisation_ids(world.inspector)) == {world.operator.pk, world.pumps.pk, world.presses.pk}
    assert set(services.organisation_ids(world.root)) == set(services.organisation_ids(world.inspector))


def test_a_code_that_begins_like_another_is_not_below_it(world: Any) -> None:
    other = services.create_organisation("pumps-2", "二厂", parent=world.operator)
    assert other.pk not in services.organisation_ids(world.engineer)


def test_a_role_above_reads_but_does_not_change(world: Any) -> None:
    assert permissions.is_member.test(world.inspector, world.pumps)
    assert not permissions.can_edit.test(world.inspector, world.pumps)
    assert permissions.can_edit.test(world.inspector, world.operator)
    assert permissions.can_edit.test(world.engineer, world.pumps)
    assert not permissions.can_edit.test(world.viewer, world.pumps)
    assert not permissions.is_member.test(world.rival, world.pumps)
    assert permissions.can_edit.test(world.root, world.pumps)


def test_an_inactive_administrator_may_nothing(world: Any) -> None:
    world.rival.is_active = False
    assert not permissions.can_administer.test(world.rival, world.presses)
    assert not permissions.is_member.test(world.rival, world.presses)


def test_moving_an_organisation_moves_what_is_below(world: Any) -> None:
    hall = services.create_organisation("hall", "车间", kind="department", parent=world.pumps)
    world.pumps.parent = world.presses
    world.pumps.save()
    hall.refresh_from_db()
    assert hall.path == "operator/presses/pumps/hall/"


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("code", {"code": "Großbuchstaben", "name": "x"}),
        ("code", {"code": "trailing\n", "name": "x"}),
        ("credit_code", {"code": "x", "name": "x", "credit_code": "9144030071526726XH"}),
        ("name", {"code": "x", "name": ""}),
        ("kind", {"code": "x", "name": "x", "kind": "circus"}),
    ],
)
def test_a_bad_organisation_is_refused_by_field(db: None, field: str, values: dict[str, str]) -> None:
    with pytest.raises(Invalid) as caught:
        services.create_organisation(**values)
    assert caught.value.values["field"] == field


def test_a_code_or_user_name_is_taken_once(world: Any) -> None:
    with pytest.raises(Conflict):
        services.create_organisation("pumps", "又一个")
    with pytest.raises(Conflict):
        services.create_user("Engineer", None)


def test_a_weak_password_is_refused(db: None) -> None:
    with pytest.raises(Invalid, match="weak"):
        services.create_user("somebody", "12345")


def test_the_first_run_makes_one_administrator_once(db: None) -> None:
    first = services.first_run(settings())
    assert first is not None
    assert signin.check(RequestFactory().post("/"), first.username, first.password).is_superuser
    assert services.first_run(settings()) is None
    assert Organisation.objects.get().kind == "operator"


def test_wrong_passwords_make_one_wait_even_for_the_right_one(world: Any) -> None:
    request = RequestFactory().post("/")
    for _ in range(signin.FREE_FAILURES):
        with pytest.raises(SignInRefused):
            signin.check(request, "engineer", "wrong")
    with pytest.raises(TooManyAttempts) as caught:
        signin.check(request, "engineer", PASSWORD)
    assert 0 < int(str(caught.value.values["seconds"])) <= 30
    assert signin.check(request, "viewer", PASSWORD) == world.viewer
    SignInThrottle.objects.update(last_at=timezone.now() - dt.timedelta(minutes=1))
    assert signin.check(request, "ENGINEER", PASSWORD) == world.engineer


def test_trying_many_names_from_one_address_makes_it_wait(world: Any) -> None:
    request = RequestFactory().post("/")
    for number in range(signin.FREE_FAILURES_ADDRESS):
        with pytest.raises(SignInRefused):
            signin.check(request, f"user{number}", "wrong")
    with pytest.raises(TooManyAttempts):
        signin.check(request, "engineer", PASSWORD)


def test_hostile_credentials_are_only_wrong(world: Any) -> None:
    request = RequestFactory().post("/")
    for name in ("a\0b", "x" * 10_000, "' OR 1=1 --", "\ud800", ""):
        with pytest.raises((SignInRefused, TooManyAttempts)):
            signin.check(request, name, "p" * 100_000)


def test_the_active_organisation_is_one_that_is_visible(world: Any) -> None:
    client = Client()
    client.force_login(world.engineer)
    assert client.post("/me/organisation", {"organisation": world.pumps.pk}).status_code == 302
    for bad in (world.presses.pk, "9" * 18, "abc", "-1"):
        assert client.post("/me/organisation", {"organisation": bad}).status_code == 404, bad


def test_switching_narrows_lists_but_links_still_work(world: Any) -> None:
    client = Client()
    client.force_login(world.inspector)
    client.post("/me/organisation", {"organisation": world.pumps.pk})
    page = client.get("/accounts/organisations/")
    assert f"/accounts/organisations/{world.pumps.pk}/" in page.text
    assert f"/accounts/organisations/{world.presses.pk}/" not in page.text
    assert client.get(f"/accounts/organisations/{world.presses.pk}/").status_code == 200


def test_a_token_acts_as_its_user_until_it_is_revoked(world: Any) -> None:
    token, text = tokens.create(world.engineer, "script")
    headers = {"Authorization": f"Bearer {text}"}
    client = Client()
    assert client.get("/api/v1/sample/machines", headers=headers).status_code == 200
    refused = client.post("/api/v1/sample/lines", {"name": "L"}, "application/json", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    token.refresh_from_db()
    assert token.used_at is not None
    assert text not in token.digest
    browser = Client()
    browser.force_login(world.rival)
    assert browser.post(f"/me/tokens/{token.pk}/revoke").status_code == 404
    browser.force_login(world.engineer)
    assert browser.post(f"/me/tokens/{token.pk}/revoke").status_code == 302
    assert client.get("/api/v1/sample/machines", headers=headers).status_code == 401


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer gongfu_x", "Basic YTpi", "Bearer \udcff", "x" * 5000])
def test_a_wrong_token_is_nobody(world: Any, header: str) -> None:
    answer = Client().get("/api/v1/sample/machines", headers={"Authorization": header, "Accept-Language": "en"})
    assert answer.status_code == 401
    assert answer.json()["code"] == "sign_in_needed"


def test_an_expired_token_and_that_of_a_locked_user_are_worthless(world: Any) -> None:
    token, text = tokens.create(world.engineer, "script", days=1)
    assert tokens.find(text) is not None
    token.expires_at = timezone.now()
    token.save()
    assert tokens.find(text) is None
    _token, text = tokens.create(world.viewer, "script")
    User.objects.filter(pk=world.viewer.pk).update(is_active=False)
    assert tokens.find(text) is None


def test_the_token_page_shows_a_new_token_once(world: Any) -> None:
    client = Client()
    client.force_login(world.engineer)
    made = client.post("/me/tokens/", {"name": "script", "days": "30", "may_write": "on"})
    assert tokens.PREFIX in made.text
    assert tokens.PREFIX not in client.get("/me/tokens/").text
    assert client.post("/me/tokens/", {"name": "", "days": "30"}).status_code == 422


def test_an_administrator_makes_a_user_of_its_own_plant_only(world: Any) -> None:
    client = Client()
    client.force_login(world.rival)
    made = client.post("/accounts/users/new", {"username": "newcomer", "display_name": "新人", "is_active": "on"})
    assert made.status_code == 302
    newcomer = User.objects.get(username="newcomer")
    assert [m.organisation for m in newcomer.memberships_cached] == [world.presses]
    assert not newcomer.has_usable_password()
    page = client.post("/accounts/users/do/password", {"pk": newcomer.pk}, follow=True)
    assert "new password of newcomer is" in page.text or "newcomer" in page.text
    newcomer.refresh_from_db()
    assert newcomer.has_usable_password()


def test_nobody_takes_over_an_account_that_also_works_elsewhere(world: Any) -> None:
    Membership.objects.create(user=world.engineer, organisation=world.presses, role=Role.VIEWER.value)
    assert not permissions.manages_user.test(world.rival, world.engineer)
    assert not permissions.manages_user.test(world.rival, world.root)
    client = Client()
    client.force_login(world.rival)
    before = User.objects.get(pk=world.engineer.pk).password
    client.post("/accounts/users/do/password", {"pk": world.engineer.pk})
    assert User.objects.get(pk=world.engineer.pk).password == before


def test_an_administrator_grants_roles_only_at_home(world: Any) -> None:
    client = Client()
    client.force_login(world.rival)
    own = {"user": world.rival.pk, "organisation": world.presses.pk, "role": "auditor"}
    assert client.post("/accounts/roles/new", own).status_code == 302
    for organisation in (world.pumps, world.operator):
        foreign = own | {"organisation": organisation.pk}
        assert client.post("/accounts/roles/new", foreign).status_code in (403, 422)
    assert not Membership.objects.filter(user=world.rival).exclude(organisation=world.presses).exists()


def test_unknown_organisation_is_not_found(world: Any) -> None:
    request = RequestFactory().get("/")
    request.user, request.session = world.engineer, {}  # type: ignore[assignment]
    with pytest.raises(NotFound):
        services.switch_organisation(request, world.presses.pk)
