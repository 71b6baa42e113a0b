"""The API as a program uses it, and whatever a hostile one sends."""

from __future__ import annotations

import json
from typing import Any

import hypothesis
import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.test import Client
from hypothesis import HealthCheck
from sample.models import Line, Machine
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts import tokens
from gongfu.kernel.audit.models import AuditEntry

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
URL = "/api/v1/sample/machines"


@pytest.fixture
def program(world: Any) -> Client:
    _token, text = tokens.create(world.engineer, "test", read_only=False)
    return Client(headers={"Authorization": f"Bearer {text}", "Accept-Language": "en"})


def send(program: Client, method: str, url: str, data: object) -> Any:
    return program.generic(method, url, json.dumps(data), content_type="application/json")


def test_create_change_and_delete_are_those_of_the_pages(program: Client, world: Any) -> None:
    line = Line.objects.create(name="L", organisation=world.pumps)
    made = send(program, "POST", URL, {"name": "泵", "kind": "pump", "line": line.pk, "options": {"a": [1]}})
    assert made.status_code == 201, made.text
    body = made.json()
    assert (body["line"], body["organisation"], body["state"], body["options"]) == (
        line.pk,
        world.pumps.pk,
        "draft",
        {"a": [1]},
    )
    one = f"{URL}/{body['id']}"
    changed = send(program, "PATCH", one, {"power": 2.5})
    assert (changed.json()["power"], changed.json()["name"], changed.json()["options"]) == (2.5, "泵", {"a": [1]})
    assert send(program, "PATCH", one, {"line": None}).json()["line"] is None
    assert program.get(one).json()["name"] == "泵"
    assert send(program, "POST", f"{one}/double", {}).json()["slots"] == 2
    assert send(program, "POST", f"{one}/retire", {"reason": "old"}).json()["state"] == "retired"
    assert program.delete(one).status_code == 204
    assert program.get(one).status_code == 404
    actions = list(AuditEntry.objects.filter(object_type="sample.machine").values_list("action", flat=True))
    assert actions == ["delete", "retire", "double", "change", "change", "create"]


def test_a_refusal_names_the_fields_in_the_callers_language(program: Client, world: Any) -> None:
    Machine.objects.create(name="taken", kind="pump", organisation=world.pumps)
    answer = send(program, "POST", URL, {"name": "taken", "kind": "pump", "slots": 1})
    assert answer.status_code == 422
    assert set(answer.json()) == {"code", "message", "remedy", "values"}
    assert set(answer.json()["values"]["fields"]) == {"name"}
    assert answer.json()["message"].startswith("These fields cannot be used")


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"name": "x", "kind": "tank"}, "kind"),
        ({"name": "x\0", "kind": "pump"}, "name"),
        ({"name": "\ud800", "kind": "pump"}, "name"),
        ({"name": "x", "kind": "pump", "state": "active"}, "state"),
        ({"name": "x", "kind": "pump", "organisation": 1}, "organisation"),
        ({"name": "x", "kind": "pump", "id": 7}, "id"),
        ({"name": "x", "kind": "pump", "power": "NaN"}, "power"),
        ({"name": "x", "kind": "pump", "line": 2**63}, "line"),
        ({"name": "x", "kind": "pump", "slots": 1.5}, "slots"),
        ({"name": "x", "kind": "pump", "options": {"a": "\0"}}, "options"),
        ({"name": "x", "kind": "pump", "options": {"\ud800": 1}}, "options"),
        ({"name": None, "kind": "pump"}, "name"),
        ([], ""),
        ("text", ""),
        (None, ""),
    ],
)
def test_a_body_that_does_not_fit_is_422(program: Client, data: object, field: str) -> None:
    answer = send(program, "POST", URL, data)
    assert answer.status_code == 422, answer.text
    assert any(field in name for name in answer.json()["values"]["fields"])
    assert not Machine.objects.exists()


@pytest.mark.parametrize("body", ["", "{", b"\xff\xfe", "[" * 100_000, '{"name": 1e999}', "nul"])
def test_a_body_that_is_no_json_is_a_clear_refusal(program: Client, body: str | bytes) -> None:
    answer = program.generic("POST", URL, body, content_type="application/json")
    assert answer.status_code in (400, 422)
    assert answer.json()["code"] in ("unreadable", "invalid")


def test_a_session_needs_its_csrf_token(world: Any) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(world.engineer)
    answer = browser.post("/api/v1/sample/lines", {"name": "L"}, "application/json")
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_pages_of_the_list(program: Client, world: Any) -> None:
    Machine.objects.bulk_create(
        Machine(name=f"m{number:04}", kind="pump", organisation=world.pumps) for number in range(1200)
    )
    first = program.get(URL + "?page_size=500").json()
    assert (len(first["items"]), first["total"], first["pages"]) == (500, 1200, 3)
    assert len(program.get(URL + "?page_size=500&page=3").json()["items"]) == 200
    assert program.get(URL + "?page_size=501").status_code == 422
    assert program.get(URL + "?page=4&page_size=500").status_code == 404


def test_the_documentation_needs_no_other_host(world: Any) -> None:
    browser = Client()
    browser.force_login(world.viewer)
    page = browser.get("/api/v1/docs")
    assert page.status_code == 200
    assert "https://" not in page.text
    assert Client().get("/api/v1/docs").status_code == 302
    assert Client().get("/api/v1/openapi.json").status_code == 200


def test_unknown_addresses_and_methods_answer_json(program: Client) -> None:
    missing = program.get("/api/v1/nothing/here")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    wrong = program.put(URL)
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")


@pytest.mark.django_db(transaction=True)
def test_the_schema_keeps_its_word_under_fuzzing() -> None:
    plant = accounts.create_organisation("plant", "工厂")
    user = accounts.create_user("root", None, is_superuser=True)
    for number in range(3):
        Machine.objects.create(name=f"m{number}", kind="pump", organisation=plant)
    _token, text = tokens.create(user, "fuzz", read_only=False)
    headers = {"Authorization": f"Bearer {text}"}
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", WSGIHandler()).include(
        path_regex="^/api/v1/sample/"
    )
    tried = 0
    for operation in schema.get_all_operations():
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            strategy = operation.ok().as_strategy(generation_mode=mode)

            @hypothesis.settings(max_examples=3, deadline=None, database=None, suppress_health_check=list(HealthCheck))
            @hypothesis.given(case=strategy)
            def call(case: Any) -> None:
                nonlocal tried
                tried += 1
                case.call_and_validate(headers=headers, checks=CHECKS)

            call()
    assert tried > 30
