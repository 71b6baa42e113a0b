"""The start page, processes, search, what needs me, and the frame around every page."""

from __future__ import annotations

import re
import time
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from gongfu.console import navigation, plant
from gongfu.data.telemetry import overview
from gongfu.data.telemetry.overview import Happened, Pulse
from gongfu.data.telemetry.services import StoredEvent
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.rules import Role
from gongfu.kernel.supervisor.status import Condition, ProcessStatus, State
from gongfu.platform.devices.models import Device

from .conftest import PASSWORD, World, signed_in

PAGES = ("/", "/me/", "/me/needs/", "/me/second-factor/", "/search/", "/about/", "/administration/processes/")


def test_home_stays_and_says_since_when_it_does_not_know(world: World) -> None:
    page = signed_in(world.engineer).get("/")
    assert page.status_code == 200
    assert page.text.count("未知") >= 4
    assert "一号循环泵" in page.text


def test_home_shows_what_the_rooms_report(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    event = StoredEvent(
        org=world.pumps.pk, device=world.pump.pk, time=1_760_000_000_000_000, kind="offline", detail="<b>"
    )
    monkeypatch.setattr(overview, "pulse", lambda *_, **__: Pulse(123_456.0, [1.0, 2.0]))
    monkeypatch.setattr(overview, "happened", lambda *_, **__: Happened({"offline": 3, "online": 4}, [event]))
    monkeypatch.setattr(overview, "total", lambda *_, **__: 41.25)
    monkeypatch.setattr(plant, "resolutions", lambda: 7)
    client = signed_in(world.engineer)
    page = client.get("/").text
    assert "12.3 万" in page
    assert "&lt;b&gt;" in page
    figures = client.get("/figures.json").json()
    assert (
        figures["text"] | {"online": "1", "total": "1", "events": "7", "look": "3", "resolutions": "7"}
        == figures["text"]
    )
    assert figures["state"][f"device-{world.pump.pk}"] == ["online", "在线"]
    assert figures["spark"]["pulse"] == ["1", "2"]


@pytest.fixture
def store_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview, "pulse", lambda *_, **__: Pulse(0.0, []))
    monkeypatch.setattr(overview, "happened", lambda *_, **__: Happened({}, []))


@pytest.mark.usefixtures("store_answers")
def test_a_figure_asked_for_a_moment_ago_is_not_asked_for_again_and_never_shown_to_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[int]] = []

    def total(orgs: list[int], *_: object, **__: object) -> float:
        asked.append(list(orgs))
        return 41.25 if world.pumps.pk in orgs else 0.5

    monkeypatch.setattr(overview, "total", total)
    for user, power in ((world.engineer, "41.2"), (world.viewer, "41.2"), (world.rival, "0.5")):
        assert signed_in(user).get("/figures.json").json()["text"]["power"] == power
    assert asked == [[world.pumps.pk], [world.presses.pk]]


@pytest.mark.usefixtures("store_answers")
def test_a_figure_grown_old_is_shown_once_more_while_it_is_renewed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    powers = iter([1.0, 2.0, 3.0])
    monkeypatch.setattr(overview, "total", lambda *_, **__: next(powers))
    client, clock = signed_in(world.engineer), [1000.0]
    monkeypatch.setattr(plant, "time", SimpleNamespace(monotonic=lambda: clock[0]))

    def shown() -> str:
        found: str = client.get("/figures.json").json()["text"]["power"]
        plant._ask.submit(lambda: None).result()
        while any(figure.renewal and not figure.renewal.done() for figure in plant._figures.values()):
            time.sleep(0.001)
        return found

    assert shown() == "1.0"
    clock[0] += 3
    assert shown() == "1.0"
    assert shown() == "2.0"
    clock[0] += 60
    assert shown() == "3.0"


def test_another_organisations_machines_are_not_on_the_page(world: World) -> None:
    client = signed_in(world.rival)
    assert "一号循环泵" not in client.get("/").text
    assert client.get("/figures.json").json()["text"]["total"] == "0"
    assert client.get("/search/?q=循环").text.count("一号循环泵") == 0


@pytest.mark.parametrize("page", [*PAGES, "/figures.json", "/search/?q=泵", "/sign-in/"])
def test_no_page_asks_the_database_more_than_15_questions(world: World, page: str) -> None:
    client = signed_in(world.engineer)
    client.get(page)
    with CaptureQueriesContext(connection) as questions:
        client.get(page)
    assert len(questions) <= 15, [question["sql"] for question in questions]


def test_search_finds_devices_by_name_key_and_identifier_and_pages(world: World) -> None:
    client = signed_in(world.engineer)

    def names(text: str) -> list[str]:
        results: list[dict[str, str]] = client.get(
            "/search/", {"q": text}, headers={"Accept": "application/json"}
        ).json()["results"]
        return [result["name"] for result in results]

    assert world.pump.identifier is None or names(world.pump.identifier) == ["一号循环泵"]
    assert names("PUMP-01") == ["一号循环泵"]
    assert names("循环") == ["一号循环泵"]
    assert "设备" in names("设备")
    assert names("%") == []
    assert names("\0' OR 1=1 --") == []


def test_a_configuration_that_cannot_work_needs_an_engineer_not_a_viewer(world: World) -> None:
    Device.objects.filter(pk=world.pump.pk).update(connection="refused")
    assert '<span class="count">1</span>' in signed_in(world.engineer).get("/me/needs/count/").text
    assert signed_in(world.viewer).get("/me/needs/count/").text.strip() == ""
    assert "?connection=refused" in signed_in(world.engineer).get("/me/needs/").text
    assert "?connection=refused" not in signed_in(world.viewer).get("/me/needs/").text


def test_processes_show_state_restarts_and_what_is_missing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    status = ProcessStatus(
        name="gateway",
        pid=4711,
        state=State.UNREADY,
        since=1_760_000_000.0,
        restarts=2,
        last_exit="SIGKILL",
        memory_bytes=140_000_000,
        cpu_percent=3.25,
        port=8605,
        conditions={"bus": Condition(ok=False, detail="disconnected"), "drivers": Condition(ok=True)},
    )
    monkeypatch.setattr(plant, "fetch", lambda *_, **__: [status])
    page = signed_in(world.engineer).get("/administration/processes/").text
    for part in ("gateway", "4711", "SIGKILL", "140", "8605", "bus: disconnected", "state-failing"):
        assert part in page
    assert "drivers" not in page


def test_processes_page_stays_without_a_supervisor(world: World) -> None:
    page = signed_in(world.engineer).get("/administration/processes/")
    assert page.status_code == 200
    assert "监管进程没有应答" in page.text


@pytest.mark.parametrize("page", [*PAGES, "/nowhere/", "/platform/devices/", "/platform/devices/new"])
def test_pages_obey_the_content_security_policy(world: World, page: str) -> None:
    answer = signed_in(world.engineer).get(page)
    text = answer.text
    assert not re.search(r"\sstyle=|\son\w+=\"|javascript:", text)
    scripts = re.findall(r"<script\b[^>]*>", text)
    assert all(" src=" in script or 'type="application/json"' in script for script in scripts)
    assert not re.search(r"(?:src|href|action)=\"(?:https?:)?//", text)
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'self'" in policy


@pytest.mark.parametrize("page", [*PAGES, "/sign-in/", "/platform/devices/", "/platform/devices/new"])
def test_every_control_has_a_name(world: World, page: str) -> None:
    client = Client() if page == "/sign-in/" else signed_in(world.engineer)
    text = client.get(page).text
    labels = set(re.findall(r'<label[^>]* for="([^"]+)"', text))
    inside = "".join(re.findall(r"<label\b.*?</label>", text, re.DOTALL))
    for control in re.findall(r"<(?:input|select|textarea)\b[^>]*>", text):
        if 'type="hidden"' in control or " hidden" in control or control in inside:
            continue
        name = re.search(r' id="([^"]+)"', control)
        assert "aria-label" in control or (name and name[1] in labels), control


def test_an_address_that_leads_nowhere_says_what_to_do_and_a_code(world: World) -> None:
    answer = signed_in(world.engineer).get("/nowhere/")
    assert answer.status_code == 404
    assert answer.headers["X-Request-ID"] in answer.text
    assert "<copy-text" in answer.text


def test_the_navigation_has_the_rooms_in_their_order_and_marks_where_one_is(world: World) -> None:
    rooms = navigation.rooms(world.engineer, f"/platform/devices/{world.pump.pk}/")
    order = [room.name for room in rooms]
    assert order == [name for name in navigation.ROOMS if name in order]
    current = [item.label for room in rooms for item in room.items if item.current]
    assert len(current) == 1
    assert all(1 <= len(room.items) <= 7 for room in rooms)


def test_pages_that_belong_together_stand_beside_each_other_under_one_entry(world: World) -> None:
    page = signed_in(world.engineer).get("/identity/path/").text
    beside = re.search(r'<nav class="tabs beside".*?</nav>', page, re.DOTALL)
    assert beside is not None
    assert re.findall(r'href="([^"]+)"', beside[0]) == ["/identity/look-up", "/identity/path/"]
    assert "解析路径" in signed_in(world.engineer).get("/search/?q=解析路径").text


def test_a_viewer_is_not_shown_what_only_administrators_may_open(world: World) -> None:
    names: dict[str, Any] = {
        user.username: {item.url for room in navigation.rooms(user, "/") for item in room.items}
        for user in (world.viewer, world.rival)
    }
    assert names["viewer"] < names["rival"]


def test_the_chosen_organisation_limits_the_home_page(world: World) -> None:
    inspector = accounts.create_user("inspector", PASSWORD, roles={world.pumps.parent: Role.ENGINEER}, language="en")
    client = signed_in(inspector)
    assert client.get("/figures.json").json()["text"]["total"] == "1"
    client.post("/me/organisation", {"organisation": world.presses.pk})
    assert client.get("/figures.json").json()["text"]["total"] == "0"
    client.post("/me/organisation", {"organisation": ""})
    assert client.get("/figures.json").json()["text"]["total"] == "1"
