"""Notices, the form, the desk and the story in the console."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from gongfu.governance.applications import services
from gongfu.governance.applications.models import Application
from tests.governance.applications.world import approved, drafted, handed_in, published, signed_in, world

pytestmark = pytest.mark.django_db


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
