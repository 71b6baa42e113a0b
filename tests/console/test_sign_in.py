"""Signing in, and what one sets for oneself."""

from __future__ import annotations

import time

import pytest
from django.test import Client
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from gongfu.kernel.accounts.models import User
from gongfu.kernel.audit.models import AuditEntry

from .conftest import PASSWORD, World, signed_in


def code_of(user: User, *, confirmed: bool, later: int = 0) -> str:
    """What the authenticator app would show, ``later`` steps of 30 s from now."""
    device = TOTPDevice.objects.get(user=user, confirmed=confirmed)
    totp = TOTP(device.bin_key, device.step, device.t0, device.digits)
    totp.time = time.time() + 30 * later
    return f"{totp.token():06d}"


def turn_on(client: Client, user: User) -> list[str]:
    """Set up the second factor; returns the recovery codes."""
    client.get("/me/second-factor/")
    answer = client.post("/me/second-factor/", {"code": code_of(user, confirmed=False)})
    assert answer.status_code == 200
    codes: list[str] = answer.context["codes"]
    assert len(codes) == 10
    return codes


def test_the_right_password_leads_where_one_wanted_to_go(world: World) -> None:
    answer = Client().post("/sign-in/", {"username": "Engineer", "password": PASSWORD, "next": "/about/"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/about/")


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "\\\\evil"])
def test_signing_in_never_leads_to_another_site(world: World, target: str) -> None:
    answer = Client().post("/sign-in/", {"username": "engineer", "password": PASSWORD, "next": target})
    assert answer.headers["Location"] == "/"


def test_a_wrong_password_is_refused_without_saying_what_was_wrong(world: World) -> None:
    known = Client().post("/sign-in/", {"username": "engineer", "password": "wrong"})
    unknown = Client().post("/sign-in/", {"username": "nobody-here", "password": "wrong"})
    assert known.status_code == unknown.status_code == 401
    assert known.context["error"] == unknown.context["error"]
    assert 'value="engineer"' in known.text


def test_after_many_wrong_passwords_even_the_right_one_has_to_wait(world: World) -> None:
    client = Client()
    for _ in range(5):
        client.post("/sign-in/", {"username": "engineer", "password": "wrong"})
    answer = client.post("/sign-in/", {"username": "engineer", "password": PASSWORD})
    assert answer.status_code == 429
    assert 'role="alert"' in answer.text


def test_the_password_alone_does_not_sign_in_once_the_second_factor_is_on(world: World) -> None:
    turn_on(signed_in(world.engineer), world.engineer)
    client = Client()
    answer = client.post("/sign-in/", {"username": "engineer", "password": PASSWORD, "next": "/about/"})
    assert answer.headers["Location"] == "/sign-in/second-factor/"
    assert client.get("/about/").status_code == 302
    wrong = client.post("/sign-in/second-factor/", {"code": "000000"})
    assert wrong.status_code == 401
    TOTPDevice.objects.update(throttling_failure_count=0)  # the second it makes one wait is tested by django-otp
    right = client.post("/sign-in/second-factor/", {"code": code_of(world.engineer, confirmed=True, later=1)})
    assert right.headers["Location"] == "/about/"
    assert client.get("/about/").status_code == 200


def test_a_recovery_code_works_once(world: World) -> None:
    recovery = turn_on(signed_in(world.engineer), world.engineer)[0]
    for expected in (302, 401):
        client = Client()
        client.post("/sign-in/", {"username": "engineer", "password": PASSWORD})
        assert client.post("/sign-in/second-factor/", {"code": f" {recovery.upper()} "}).status_code == expected


def test_the_second_step_is_not_reached_without_the_first(world: World) -> None:
    turn_on(signed_in(world.engineer), world.engineer)
    client = Client()
    answer = client.post("/sign-in/second-factor/", {"code": code_of(world.engineer, confirmed=True, later=1)})
    assert answer.headers["Location"] == "/sign-in/"
    assert client.get("/").status_code == 302


def test_turning_the_second_factor_off_asks_for_the_password_and_is_written_down(world: World) -> None:
    client = signed_in(world.engineer)
    turn_on(client, world.engineer)
    assert client.post("/me/second-factor/change", {"password": "wrong", "do": "remove"}).status_code == 422
    assert TOTPDevice.objects.filter(user=world.engineer).exists()
    client.post("/me/second-factor/change", {"password": PASSWORD, "do": "remove"})
    assert not TOTPDevice.objects.filter(user=world.engineer).exists()
    assert AuditEntry.objects.filter(action="second_factor_off").exists()


def test_a_new_password_ends_other_sessions_but_not_this_one(world: World) -> None:
    here, elsewhere = signed_in(world.engineer), signed_in(world.engineer)
    new = "a-quite-different-horse"
    answer = here.post("/me/password", {"old": PASSWORD, "new": new, "again": new})
    assert answer.status_code == 302
    assert here.get("/about/").status_code == 200
    assert elsewhere.get("/about/").status_code == 302


@pytest.mark.parametrize(
    ("old", "new", "again", "field"),
    [
        ("wrong", "long-enough-words", "long-enough-words", "old_errors"),
        (PASSWORD, "long-enough-words", "other-words-there", "again_errors"),
        (PASSWORD, "short", "short", "new_errors"),
    ],
)
def test_a_password_is_not_changed_and_the_field_says_why(
    world: World, old: str, new: str, again: str, field: str
) -> None:
    answer = signed_in(world.engineer).post("/me/password", {"old": old, "new": new, "again": again})
    assert answer.status_code == 422
    assert answer.context[field]
    world.engineer.refresh_from_db()
    assert world.engineer.check_password(PASSWORD)


def test_language_and_theme_are_remembered_for_the_person_and_the_browser(world: World) -> None:
    client = signed_in(world.engineer)
    answer = client.post("/me/language", {"language": "en", "next": "/about/"})
    assert answer.headers["Location"] == "/about/"
    client.post("/me/theme", {"theme": "dark"})
    page = client.get("/about/").text
    assert '<html lang="en"' in page
    assert 'data-bs-theme="dark"' in page
    client.post("/sign-out/")
    assert '<html lang="en"' in client.get("/sign-in/").text


def test_an_impossible_language_or_theme_is_refused(world: World) -> None:
    client = signed_in(world.engineer)
    assert client.post("/me/language", {"language": "<script>"}).status_code == 422
    assert client.post("/me/theme", {"theme": "pink"}).status_code == 422


def test_signing_out_ends_the_session(world: World) -> None:
    client = signed_in(world.engineer)
    assert client.get("/sign-out/").status_code == 405
    client.post("/sign-out/")
    assert client.get("/").status_code == 302
