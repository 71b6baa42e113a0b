"""How a machine becomes an edge node: by a token that works once, and whom the bus lets in."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.rules import Role
from gongfu.kernel.audit.models import AuditEntry
from gongfu.kernel.workflow import services as workflow
from gongfu.network.edge import contract
from gongfu.platform.devices import gateways
from gongfu.platform.edges import joining, rules
from gongfu.platform.edges.models import Edge, JoinToken
from tests.platform.devices.plants import enterprise, person
from tests.platform.edges.machines import edge_of, joined, knock, signed_in, with_a_leaf_port


@pytest.fixture
def plant(db: None) -> Organisation:
    return enterprise("hengrui", "恒锐")


@pytest.fixture
def li(plant: Organisation) -> User:
    return person("li", plant)


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    with_a_leaf_port(monkeypatch, tmp_path)
    return tmp_path


def users(home: Path) -> str:
    file = home / "bus" / "users.conf"
    return file.read_text() if file.exists() else ""


@pytest.mark.django_db(transaction=True)
def test_one_command_makes_a_machine_an_edge_node(li: User, plant: Organisation, home: Path) -> None:
    edge = edge_of(plant)
    page = signed_in(li).post(f"/platform/edges/{edge.pk}/join").content.decode()
    token = page.split("--token ")[1].split("<")[0].strip()
    assert f"gongfu edge join http://testserver --token {token}" in page
    assert token not in signed_in(li).get(f"/platform/edges/{edge.pk}/join").content.decode()
    answer = knock(token)
    assert answer.status_code == 200
    told = json.loads(answer.content)
    assert (told["edge"], told["org_code"], told["leaf"]["url"]) == ("hall-1", "hengrui", "nats://testserver:8610")
    assert told["leaf"]["password"] in users(home)
    assert "no-store" in answer["Cache-Control"]
    edge.refresh_from_db()
    assert (edge.state, edge.host, edge.generation) == ("offline", "box-7", 1)
    part = signed_in(li).get(f"/platform/edges/{edge.pk}/joining").content.decode()
    assert "It has joined" in part
    log = "".join(entry.after + entry.before for entry in AuditEntry.objects.all())
    assert token not in log
    assert rules.digest(token) not in log
    assert told["leaf"]["password"] not in log
    assert {"invite", "join"} <= set(AuditEntry.objects.values_list("action", flat=True))


@pytest.mark.django_db
def test_wrong_used_and_expired_tokens_hear_the_same(li: User, plant: Organisation) -> None:
    edge, other = edge_of(plant), edge_of(plant, "hall-2")
    _, used = joining.invite(li, edge)
    assert knock(used).status_code == 200
    _, late = joining.invite(li, other)
    JoinToken.objects.filter(edge=other).update(expires_at=timezone.now())
    answers = [knock(token) for token in ("edge_wrong", used, late)]
    assert {answer.status_code for answer in answers} == {403}
    assert len({answer.content for answer in answers}) == 1
    assert b"hengrui" not in answers[0].content
    assert "恒锐" not in answers[0].content.decode()


@pytest.mark.django_db
def test_a_new_command_makes_the_one_before_worthless(li: User, plant: Organisation) -> None:
    edge = edge_of(plant)
    _, first = joining.invite(li, edge)
    _, second = joining.invite(li, edge)
    assert knock(first).status_code == 403
    assert knock(second).status_code == 200


@pytest.mark.django_db
def test_guessing_is_slowed_down_for_the_address_that_guesses(li: User, plant: Organisation) -> None:
    for _ in range(joining.FREE_FAILURES):
        assert knock("edge_guess").status_code == 403
    _, right = joining.invite(li, edge_of(plant))
    assert knock(right).status_code == 429
    assert knock(right, Client(REMOTE_ADDR="192.0.2.9")).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("body", [b"", b"{}", b"[1", b'{"token": 5, "name": "x", "version": "1"}', b"x" * 5000])
def test_a_body_that_is_no_request_is_refused_and_costs_no_token(body: bytes, li: User, plant: Organisation) -> None:
    _, text = joining.invite(li, edge_of(plant))
    answer = Client().post("/api/v1/platform/edges/join", body, content_type="application/json")
    assert answer.status_code == 422
    assert text.encode() not in answer.content
    assert JoinToken.objects.get().is_open


@pytest.mark.django_db(transaction=True)
def test_of_two_machines_with_one_token_one_joins(li: User, plant: Organisation) -> None:
    edge = edge_of(plant)
    _, text = joining.invite(li, edge)
    begin, found = threading.Barrier(2), []

    def race() -> None:
        begin.wait(30)
        try:
            found.append(knock(text).status_code)
        finally:
            connection.close()

    racers = [threading.Thread(target=race) for _ in range(2)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join(60)
    assert sorted(found) == [200, 403]
    edge.refresh_from_db()
    assert edge.generation == 1


@pytest.mark.django_db(transaction=True)
def test_a_suspended_edge_is_locked_out_at_once_and_comes_back_with_other_keys(
    li: User, plant: Organisation, home: Path
) -> None:
    edge = edge_of(plant)
    before = joined(li, edge)
    assert "edge.hall-1" in users(home)
    workflow.perform(edge, "suspend", li, reason="stolen")
    assert "edge.hall-1" not in users(home)
    assert knock("edge_x").status_code == 403
    edge.refresh_from_db()
    workflow.perform(edge, "readmit", li)
    edge.refresh_from_db()
    after = joined(li, edge)
    assert after.leaf.password != before.leaf.password
    assert after.tickets != before.tickets
    assert after.leaf.password in users(home)
    assert gateways.signing("hall-1") == after.tickets.encode()


@pytest.mark.django_db
def test_who_may_not_edit_cannot_invite_and_strangers_find_nothing(li: User, plant: Organisation) -> None:
    edge = edge_of(plant)
    operator = signed_in(person("zhao", plant, Role.OPERATOR))
    assert operator.post(f"/platform/edges/{edge.pk}/join").status_code == 403
    stranger = signed_in(person("wang", enterprise("other", "别家"), Role.ADMIN))
    for address in ("", "join", "joining", "edit", "?tab=orders"):
        assert stranger.get(f"/platform/edges/{edge.pk}/{address}").status_code == 404, address
    for address in ("join", "restart", "upgrade", "forward", "logs", "assign"):
        assert stranger.post(f"/platform/edges/{edge.pk}/{address}").status_code == 404, address
    for address in ("", "/invite", "/restart", "/upgrade", "/logs", "/forward"):
        method = stranger.get if not address else stranger.post
        body = {"order": "newest"} if address == "/forward" else {}
        answer = method(f"/api/v1/platform/edges/{edge.pk}{address}", body, content_type="application/json")
        assert answer.status_code == 404, address
    assert stranger.get("/api/v1/platform/edges").json()["total"] == 0
    assert not JoinToken.objects.exists()


@pytest.mark.django_db
def test_a_node_that_does_not_listen_for_edges_says_what_to_set(
    li: User, plant: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    edge = edge_of(plant)
    page = signed_in(li).get(f"/platform/edges/{edge.pk}/join").content.decode()
    assert "GONGFU_LEAF_PORT" in page
    assert 'id="invite"' not in page
    assert signed_in(li).post(f"/platform/edges/{edge.pk}/join").status_code == 409


@pytest.mark.django_db
@pytest.mark.parametrize("code", ["local", "Hall", "-x", "a.b", "gongfu", "x" * 41, "a b", "edge_1"])
def test_a_code_that_cannot_be_a_gateways_name_is_refused(code: str, li: User, plant: Organisation) -> None:
    data = {"organisation": plant.pk, "name": "网关", "code": code}
    answer = signed_in(li).post("/platform/edges/new", data)
    assert answer.status_code == 422
    assert not Edge.objects.exists()


@pytest.mark.django_db
def test_a_code_is_proposed_and_one_that_others_use_as_a_gateway_is_taken(li: User, plant: Organisation) -> None:
    form = signed_in(li).get("/platform/edges/new").content.decode()
    assert 'value="hengrui-edge-1"' in form
    other = enterprise("other", "别家")
    edge_of(other, "hall-9")
    data = {"organisation": plant.pk, "name": "网关", "code": "hall-9"}
    answer = signed_in(li).post("/platform/edges/new", data).content.decode()
    assert "other" not in answer.replace("another", "")
    assert Edge.objects.count() == 1
    contract.check_code("hall-9", "local")
