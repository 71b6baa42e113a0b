"""Organisations in the console and the API: the first resource there is."""

from __future__ import annotations

from typing import Any

from django.test import Client


def client_of(user: object) -> Client:
    client = Client()
    client.force_login(user)  # type: ignore[arg-type]
    return client


def test_a_member_sees_its_own_organisation_and_not_its_neighbour(world: Any) -> None:
    client = client_of(world.engineer)
    page = client.get("/accounts/organisations/")
    assert page.status_code == 200
    assert "Pump works" in page.text
    assert "压机公司" not in page.text
    assert client.get(f"/accounts/organisations/{world.presses.pk}/").status_code == 404
    assert client.get(f"/accounts/organisations/{world.pumps.pk}/").status_code == 200


def test_the_administrator_creates_one_and_it_is_recorded(world: Any) -> None:
    client = client_of(world.root)
    assert client.get("/accounts/organisations/new").status_code == 200
    bad = client.post("/accounts/organisations/new", {"name": "新厂", "code": "Bad Code", "kind": "enterprise"})
    assert bad.status_code == 422
    assert "新厂" in bad.text
    good = client.post("/accounts/organisations/new", {"name": "新厂", "code": "new", "kind": "enterprise"})
    assert good.status_code == 302
    page = client.get(good.headers["Location"] + "?tab=changes")
    assert "create" in page.text


def test_the_api_lists_the_same(world: Any) -> None:
    client = client_of(world.engineer)
    assert Client().get("/api/v1/accounts/organisations").status_code == 401
    answer = client.get("/api/v1/accounts/organisations?kind=enterprise")
    assert answer.status_code == 200, answer.text
    assert [item["code"] for item in answer.json()["items"]] == ["pumps"]
    unknown = client.get("/api/v1/accounts/organisations?colour=red")
    assert unknown.status_code == 422
    assert unknown.json()["code"] == "invalid"
