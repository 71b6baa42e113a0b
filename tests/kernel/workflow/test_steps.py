"""Steps from state to state: who may, when, and that it is written down."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from sample.models import Machine

from gongfu.kernel.audit.models import AuditEntry
from gongfu.kernel.errors import Conflict, Forbidden, GongfuError, Invalid, NotFound
from gongfu.kernel.workflow import services


@pytest.fixture
def machine(world: Any) -> Machine:
    return Machine.objects.create(name="泵", kind="pump", organisation=world.pumps)


def names(machine: Machine, user: Any) -> list[str]:
    return [step.name for step in services.available(machine, user)]


def test_what_is_possible_depends_on_state_and_person(world: Any, machine: Machine) -> None:
    assert names(machine, world.engineer) == ["activate", "retire"]
    assert names(machine, world.viewer) == []
    assert names(machine, world.rival) == []
    active = services.perform(machine, "activate", world.engineer)
    assert names(active, world.engineer) == ["retire"]  # type: ignore[arg-type]


def test_a_step_is_recorded_with_its_reason(world: Any, machine: Machine) -> None:
    services.perform(machine, "retire", world.engineer, reason="worn out")
    machine.refresh_from_db()
    assert (machine.state, machine.notes) == ("retired", "worn out")
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.reason) == ("retire", "worn out")
    assert ("state", "draft", "retired") in entry.difference


@pytest.mark.parametrize(
    ("name", "who", "reason", "error"),
    [
        ("retire", "engineer", "  ", Invalid),
        ("retire", "viewer", "because", Forbidden),
        ("retire", "rival", "because", Forbidden),
        ("explode", "engineer", "because", NotFound),
        ("save", "engineer", "because", NotFound),
    ],
)
def test_what_is_not_possible_changes_nothing(
    world: Any, machine: Machine, name: str, who: str, reason: str, error: type[GongfuError]
) -> None:
    with pytest.raises(error):
        services.perform(machine, name, getattr(world, who), reason=reason)
    machine.refresh_from_db()
    assert machine.state == "draft"
    assert not AuditEntry.objects.exists()


def test_a_page_opened_before_somebody_else_acted_is_told(world: Any, machine: Machine) -> None:
    services.perform(machine, "retire", world.engineer, reason="first")
    with pytest.raises(Conflict, match="is Retired now"):
        services.perform(machine, "activate", world.engineer)


def test_the_page_asks_for_the_reason_and_the_api_too(world: Any, machine: Machine) -> None:
    client = Client()
    client.force_login(world.engineer)
    page = client.get(f"/sample/machines/{machine.pk}/")
    assert f'href="/sample/machines/{machine.pk}/step/retire"' in page.text
    url = f"/sample/machines/{machine.pk}/step/retire"
    assert client.get(url).status_code == 200
    assert client.post(url, {"reason": ""}).status_code == 422
    assert client.post(url, {"reason": "worn out"}).status_code == 302
    answer = client.post(f"/api/v1/sample/machines/{machine.pk}/retire", {"reason": "x"}, "application/json")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


@pytest.mark.django_db(transaction=True)
def test_of_eight_at_once_exactly_one_takes_the_step() -> None:
    from gongfu.kernel.accounts import services as accounts

    plant = accounts.create_organisation("plant", "工厂")
    root = accounts.create_user("root", None, is_superuser=True)
    machine = Machine.objects.create(name="泵", kind="pump", organisation=plant)
    outcomes: list[str] = []

    def act() -> None:
        try:
            services.perform(machine, "activate", root)
            outcomes.append("done")
        except Conflict:
            outcomes.append("conflict")
        finally:
            connection.close()

    threads = [threading.Thread(target=act) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["conflict"] * 7 + ["done"]
    assert AuditEntry.objects.count() == 1
