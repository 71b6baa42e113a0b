"""Notices, the form, the desk and the story in the console."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from gongfu.governance.applications import services
from gongfu.governance.applications.models import Application
from gongfu.kernel.accounts.rules import Role
from tests.governance.applications.world import (
    answers,
    approved,
    drafted,
    handed_in,
    person,
    published,
    signed_in,
    world,
)

pytestmark = pytest.mark.django_db
Limit = Callable[[int], AbstractContextManager[object]]


def test_every_page_opens_for_those_it_is_for() -> None:
    at = world(plants=2)
    made, draft = handed_in(at), drafted(at, 1)
    li, zhao, nobody = signed_in(at.li), signed_in(at.people[0]), Client()
    for client in (li, zhao, nobody):
        assert client.get("/governance/notices/").status_code == 200
        assert client.get(f"/governance/notices/{at.notice.pk}/").status_code == 200
        assert client.get("/governance/publications/").status_code == 200
    assert li.get("/governance/notices/new/").status_code == 200
    for client, path in (
        (li, "/governance/desk/"),
        (li, f"/governance/applications/{made.pk}/"),
        (zhao, f"/governance/applications/{made.pk}/"),
        (zhao, "/governance/apply/"),
        (zhao, "/governance/applications/"),
        (signed_in(at.people[1]), f"/governance/applications/{draft.pk}/form/"),
    ):
        assert client.get(path).status_code == 200, path
    publication = published(at, made)
    assert nobody.get(f"/governance/publications/{publication.pk}/").status_code == 200
    assert li.get(f"/governance/notices/{at.notice.pk}/publish-results/").status_code == 200


def test_pages_of_every_stage_open() -> None:
    at = world()
    made = handed_in(at)
    li = signed_in(at.li)
    assert li.get(f"/governance/applications/{made.pk}/").status_code == 200
    made = approved(at, made, "300000")
    page = li.get(f"/governance/applications/{made.pk}/").content.decode()
    assert "Enter the payment" in page
    assert services.application_for(at.people[0], made.pk)


def test_opening_and_keeping_a_form_ask_the_database_few_questions(django_assert_max_num_queries: Limit) -> None:
    """A thousand people fill in forms at once: every question of a saving is asked fifty times a second."""
    at = world()
    made = services.begin(at.people[0], at.notice, "3.1", at.plants[0])
    zhao, address = signed_in(at.people[0]), f"/governance/applications/{made.pk}"
    form = {"version": made.version, "window": "one", **answers(at.plants[0])}
    for text in ("first", "second"):  # the first one also fills what the process keeps
        with django_assert_max_num_queries(13):  # who it is: 3, the shell: 2
            assert zhao.get(f"{address}/form/").status_code == 200
        with django_assert_max_num_queries(9):  # who it is: 3, the transaction: 2
            assert "Saved at" in zhao.post(f"{address}/save", form | {"summary": text}).text
    with django_assert_max_num_queries(5):
        assert zhao.get("/about/").status_code == 200


def test_a_form_of_others_is_not_found_and_one_that_may_only_be_read_is_refused() -> None:
    at = world(plants=2)
    made = services.begin(at.people[0], at.notice, "3.1", at.plants[0])
    viewer = person("viewer", at.plants[0], Role.VIEWER)
    for user, status in ((at.people[1], 404), (at.li, 404), (viewer, 403)):
        client = signed_in(user)
        assert client.get(f"/governance/applications/{made.pk}/form/").status_code == status
        kept = client.post(f"/governance/applications/{made.pk}/save", {"version": made.version, "bank": "another"})
        assert kept.status_code == status
    assert "bank" not in Application.objects.get(pk=made.pk).answers


def test_the_form_keeps_itself_and_tells_another_window_from_its_own_later_savings() -> None:
    at = world()
    made = services.begin(at.people[0], at.notice, "3.1", at.plants[0])
    zhao = signed_in(at.people[0])
    page = zhao.get(f"/governance/applications/{made.pk}/form/").content.decode()
    assert at.plants[0].credit_code in page  # filled in from the registration
    assert "经评审公示通过" not in page
    save = f"/governance/applications/{made.pk}/save"
    kept = zhao.post(save, {"version": made.version, "window": "one", "basis": "12000", "year": "2026"})
    assert "Saved at" in kept.content.decode()
    again = zhao.post(save, {"version": made.version, "window": "one", "basis": "12000", "matter": "上云"})
    assert "Saved at" in again.content.decode()
    other = zhao.post(save, {"version": made.version, "window": "two", "basis": "1"})
    assert "Somebody else has changed this application meanwhile" in other.content.decode()
    assert Application.objects.get().answers["basis"] == "12000"
    lied = zhao.post(
        f"/governance/applications/{made.pk}/attach",
        {"paper": "p1", "file": SimpleUploadedFile("执照.pdf", b"MZ not a pdf")},
        headers={"hx-request": "true"},
    )
    assert "is none of these" in lied.content.decode()
