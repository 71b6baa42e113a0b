"""Notices, the form, the desk and the story in the console."""

from __future__ import annotations

import pytest
from django.test import Client

from gongfu.governance.applications import services
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
