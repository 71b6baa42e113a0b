"""The page that sets a device up, part by part, with a gateway that answers as told."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from django.http import HttpResponse
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.rules import Role
from gongfu.kernel.errors import Unavailable, packed
from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import DeviceUnavailable, Identity, Point
from gongfu.network.gateway.asking import Answer, Browse, Browsed, Failed, Question, Reached, Read, Seen, Trial, Value
from gongfu.network.gateway.config import DeviceConfig
from gongfu.platform.devices import applying, connection, desk, rows
from gongfu.platform.devices.document import TagDocument, model_of
from gongfu.platform.devices.models import Approval, Device, Version
from gongfu.platform.devices.proposal import Candidate, propose
from tests.platform.devices.plants import PRESS, but, enterprise, person

pytestmark = pytest.mark.django_db
OPC = {"driver": "opcua", "opt-endpoint": "opc.tcp://127.0.0.1:4840/"}
PUMP = model_of("centrifugal-pump")


@pytest.fixture
def plant() -> Organisation:
    return enterprise("hengrui", "恒锐")


@pytest.fixture
def li(plant: Organisation) -> User:
    return person("li", plant)


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Gateway:
    made = Gateway()
    monkeypatch.setattr(desk, "ask", made.ask)
    return made


class Gateway:
    """Answers what it was told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answer: Answer | Exception = Reached(seconds=0.012)
        self.asked: list[Question] = []

    def ask(self, gateway: str, question: Question) -> Answer:
        self.asked.append(question)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    @property
    def device(self) -> DeviceConfig:
        """What the last question was about."""
        device = self.asked[-1].device
        assert isinstance(device, DeviceConfig)
        return device


def signed_in(user: User, language: str = "en") -> Client:
    client = Client(headers={"accept-language": language})
    client.force_login(user)
    user.language = language
    user.save()
    return client


def post(user: User, part: str, data: dict[str, Any]) -> HttpResponse:
    return signed_in(user).post(f"/platform/devices/try/{part}", data)


def test_every_driver_is_a_card_and_has_a_form_with_its_defaults(li: User) -> None:
    client = signed_in(li)
    cards = client.get("/platform/devices/new").content.decode()
    for driver in ("modbus", "mqtt", "opcua", "s7", "sparkplug"):
        assert f"?driver={driver}" in cards
        assert client.get(f"/platform/devices/new?driver={driver}").status_code == 200
    form = client.get("/platform/devices/new?driver=modbus").content.decode()
    assert re.search(r'id="opt-port"[^>]*placeholder="502"[^>]*min="1"[^>]*max="65535"', form)
    assert 'value="MODBUS-1"' in form
    assert form.count("<textarea") == 1  # of the pasted list: options have fields of their own


def test_a_password_field_is_one_and_never_shows_what_is_kept(li: User, plant: Organisation) -> None:
    opc = but(driver="opcua", options={"endpoint": "opc.tcp://127.0.0.1:4840/"})
    device = applying.put(li, plant, opc, secrets={"password": "tulip-79"}).device
    assert device is not None
    page = signed_in(li).get(f"/platform/devices/{device.pk}/edit").content.decode()
    assert "tulip-79" not in page
    assert re.search(r'type="password" id="opt-password"[^>]*value=""[^>]*placeholder="set; leave empty', page)


def test_a_connection_that_works_says_who_how_fast_and_offers_to_look_inside(li: User, gateway: Gateway) -> None:
    gateway.answer = Reached(seconds=0.0123, identity=Identity(vendor="Acme <b>", serial_number="4711"))
    said = post(li, "test", {**OPC, "opt-password": "tulip-79"}).content.decode()
    assert "Connected in 12 ms" in said
    assert "Acme &lt;b&gt;" in said
    assert "4711" in said
    assert isinstance(gateway.asked[0], Trial)
    assert gateway.device.options == {"endpoint": "opc.tcp://127.0.0.1:4840/", "password": "tulip-79"}
    assert gateway.device.org_code == "hengrui"
    assert "tulip-79" not in said


def test_what_is_wrong_with_a_connection_is_said_in_the_readers_language(li: User, gateway: Gateway) -> None:
    error = DeviceUnavailable("The device did not answer within {seconds} s.", seconds="7.5")
    gateway.answer = Failed(problem=packed(error), code="unavailable")
    client = signed_in(li, "zh-hans")
    data = {"driver": "modbus", "opt-host": "10.0.0.9"}
    said = client.post("/platform/devices/try/test", data).content.decode()
    assert "7.5" in said
    assert "did not answer" not in said
    gateway.answer = Unavailable("The gateway {gateway} is not running.", gateway="local")
    assert "local" in post(li, "test", data).content.decode()
    assert "needs the option" in post(li, "test", {"driver": "s7"}).content.decode()
    assert len(gateway.asked) == 2  # a connection that cannot be is not tried


def test_a_fed_device_that_is_silent_gets_advice(li: User, gateway: Gateway) -> None:
    gateway.answer = Reached(seconds=3.0)
    assert "Nothing was heard" in post(li, "test", {"driver": "mqtt"}).content.decode()
    gateway.answer = Reached(seconds=3.0, messages=2, topics=["gongfu/hengrui/x"])
    said = post(li, "test", {"driver": "mqtt"}).content.decode()
    assert "2 messages heard" in said
    assert "gongfu/hengrui/x" in said


def test_editing_tries_with_the_password_that_is_kept_unless_a_new_one_is_typed(
    li: User, plant: Organisation, gateway: Gateway
) -> None:
    opc = but(driver="opcua", options={"endpoint": "opc.tcp://127.0.0.1:4840/"})
    device = applying.put(li, plant, opc, secrets={"password": "tulip-79"}).device
    assert device is not None
    post(li, "test", {**OPC, "device": device.pk})
    assert gateway.device.options["password"] == "tulip-79"
    post(li, "test", {**OPC, "device": device.pk, "opt-password": "rose-80"})
    assert gateway.device.options["password"] == "rose-80"


def test_the_tree_opens_level_by_level_and_ticks_what_is_picked(li: User, gateway: Gateway) -> None:
    gateway.answer = Browsed(
        points=[
            Point(address="ns=2;s=A", name="A", folder=True),
            Point(address="ns=2;s=B", name="B<", kind="number", unit="bar"),
        ],
        cut=True,
    )
    said = post(li, "browse", {**OPC, "tag-id": "0" * 12, "tag-address": "ns=2;s=B", "parent": "x"}).content.decode()
    assert isinstance(gateway.asked[0], Browse)
    assert gateway.asked[0].parent == "x"
    assert "toggle once" in said
    assert "checked disabled" in said
    assert "B&lt;" in said
    assert "There is more" in said


def test_ticked_points_become_rows_with_the_meaning_of_the_model_once(li: User) -> None:
    point = Point(address="ns=2;s=Flow", name="Flow", kind="number")
    data = {**OPC, "type": "centrifugal-pump", "point": [msgspec.json.encode(point).decode(), "nonsense"]}
    said = signed_in(li).post("/platform/devices/try/rows?add=ticked", data).content.decode()
    assert said.count('name="tag-id"') == 1
    assert 'name="tag-key" value="flow"' in said
    assert 'name="tag-unit" value="m³/h"' in said
    again = signed_in(li).post(
        "/platform/devices/try/rows?add=ticked", {**data, "tag-id": "0" * 12, "tag-address": "ns=2;s=Flow"}
    )
    assert again.content.decode().count('name="tag-id"') == 1


def test_values_are_shown_for_each_row_with_their_quality(li: User, gateway: Gateway) -> None:
    gateway.answer = Seen(
        seconds=0.1,
        values=[
            Value(raw=215, value=21.5, time=1),
            Value(raw=None, quality=Quality.BAD, problem=packed(DeviceUnavailable("There is no address x."))),
        ],
    )
    ids = ["a" * 12, "b" * 12, "c" * 12]
    data = {
        "driver": "modbus",
        "opt-host": "h",
        "tag-id": ids,
        "tag-key": ["a", "b", "c"],
        "tag-address": ["holding:0", "x", ""],
        "tag-scale": ["0.1", "", ""],
        "tag-decimals": ["1", "", ""],
    }
    said = post(li, "values", data).content.decode()
    assert re.search(rf'id="v-{ids[0]}"[^>]*state-good"[^>]*>21\.5<', said)
    assert re.search(rf'id="v-{ids[1]}"[^>]*state-bad" title="There is no address x\.', said)
    assert ids[2] not in said
    question = gateway.asked[0]
    assert isinstance(question, Read)
    assert [tag.address for tag in question.tags] == ["holding:0", "x"]
    assert post(li, "values", {"driver": "modbus", "opt-host": "h"}).status_code == 204


@pytest.mark.parametrize("part", ["test", "browse", "rows", "values"])
def test_viewers_and_strangers_ask_nothing(part: str, li: User, plant: Organisation, gateway: Gateway) -> None:
    device = applying.put(li, plant, PRESS).device
    assert device is not None
    viewer = person("zhao", plant, Role.VIEWER)
    stranger = person("qian", enterprise("huasu", "华塑"))
    assert post(viewer, part, OPC).status_code == 403
    assert post(viewer, part, {**OPC, "device": device.pk}).status_code == 403
    assert post(stranger, part, {**OPC, "device": device.pk}).status_code == 404
    assert post(stranger, part, {**OPC, "organisation": plant.pk}).status_code == 403
    assert signed_in(stranger).get(f"/platform/devices/{device.pk}/edit").status_code == 404
    assert signed_in(viewer).get(f"/platform/devices/{device.pk}/edit").status_code == 403
    assert signed_in(viewer).get("/platform/devices/new").status_code == 403
    assert gateway.asked == []


def _saved(user: User, device: Device, **changed: Any) -> HttpResponse:
    tags = list(device.tags.all())
    data: dict[str, Any] = {
        "driver": device.driver,
        "name": device.name,
        "type": device.type,
        "interval": "1",
        "opt-host": "127.0.0.1",
        "opt-port": "1502",
        "tag-id": [f"{n:012x}" for n in range(len(tags))],
        "tag-key": [tag.key for tag in tags],
        "tag-name": [tag.name for tag in tags],
        "tag-address": [tag.address for tag in tags],
    }
    return signed_in(user).post(f"/platform/devices/{device.pk}/edit", {**data, **changed})


def test_editing_makes_a_version_with_the_reason_and_keeps_the_series(li: User, plant: Organisation) -> None:
    device = applying.put(li, plant, PRESS).device
    assert device is not None
    series = list(device.tags.values_list("pk", flat=True))
    answer = _saved(li, device, why="moved", **{"opt-port": "1503", "tag-deadband": ["", "2"]})
    assert answer.status_code == 302, answer.content.decode()
    device.refresh_from_db()
    assert device.options["port"] == 1503
    assert list(device.tags.values_list("pk", flat=True)) == series
    assert Version.objects.get(number=2).why == "moved"


def test_two_who_edit_at_once_do_not_overwrite_each_other(li: User, plant: Organisation) -> None:
    device = applying.put(li, plant, PRESS).device
    assert device is not None
    applying.put(li, plant, but(interval=7.0))
    answer = _saved(li, device, expected="1", name="mine")
    assert answer.status_code == 422
    assert "Somebody else changed" in answer.content.decode()
    assert "mine" in answer.content.decode()


def test_a_wrong_row_is_marked_and_nothing_is_lost(li: User, plant: Organisation) -> None:
    device = applying.put(li, plant, PRESS).device
    assert device is not None
    answer = _saved(li, device, **{"tag-scale": ["fast", "1"], "tag-unit": ["kept", ""]})
    assert answer.status_code == 422
    said = answer.content.decode()
    assert "fast is no number." in said
    assert 'value="kept"' in said
    answer = _saved(li, device, **{"tag-key": ["same", "same"]})
    assert "is there twice" in answer.content.decode()


def test_where_a_second_person_must_agree_the_page_proposes_and_that_person_approves(
    li: User, plant: Organisation
) -> None:
    device = applying.put(li, plant, PRESS).device
    assert device is not None
    Approval.objects.create(organisation=plant)
    answer = _saved(li, device, interval="5")
    proposal = Version.objects.get(state=Version.State.PROPOSED)
    assert answer.headers["Location"] == f"/platform/configurations/{proposal.pk}/"
    wang = person("wang", plant)
    page = signed_in(wang).get(f"/platform/configurations/{proposal.pk}/").content.decode()
    assert "Sampling interval" in page
    assert "/do/approve" in page
    assert "/do/approve" not in signed_in(li).get(f"/platform/configurations/{proposal.pk}/").content.decode()
    signed_in(wang).post("/platform/configurations/do/approve", {"pk": proposal.pk})
    device.refresh_from_db()
    assert device.interval == 5.0


def test_versions_of_others_are_not_found(li: User, plant: Organisation) -> None:
    version = applying.put(li, plant, PRESS).version
    assert version is not None
    assert version.device is not None
    stranger = signed_in(person("qian", enterprise("huasu", "华塑")))
    for path in (f"configurations/{version.pk}/", f"devices/{version.device.pk}/file.toml"):
        assert stranger.get(f"/platform/{path}").status_code == 404
    assert stranger.get("/platform/sheets/export.toml").content.decode().count("[[devices]]") == 0


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("holding:0\n\nholding:2", [{"address": "holding:0"}, {"address": "holding:2"}]),
        ("flow\tholding:0\tm³/h\t流量\t0.1", [
            {"key": "flow", "address": "holding:0", "unit": "m³/h", "name": "流量", "scale": "0.1"}]),
        ("地址,名称,单位\nDB1.DBW0,温度,°C", [{"address": "DB1.DBW0", "name": "温度", "unit": "°C"}]),
        ("", []),
    ],
)  # fmt: skip
def test_a_pasted_list(text: str, found: list[dict[str, str]]) -> None:
    assert rows.pasted(text) == found


def test_rows_get_keys_of_their_own() -> None:
    added = rows.add([], [{"address": "holding:0"}, {"address": "holding/0"}, {"name": "转速", "address": "x"}], None)
    assert [row.key for row in added] == ["holding_0", "holding_0_2", "tag"]


def test_another_model_gives_other_meanings_and_keeps_what_it_does_not_know() -> None:
    assert PUMP is not None
    there = rows.add([], [{"address": "a", "name": "Flow"}, {"address": "b", "name": "Own"}], None)
    again = rows.again(there, PUMP)
    assert [(row.key, row.unit, row.address) for row in again] == [("flow", "m³/h", "a"), ("own", "", "b")]


def test_points_are_matched_by_key_and_by_names_in_both_languages_each_key_once() -> None:
    assert PUMP is not None
    candidates = [
        Candidate(address="ns=2;s=x", name="流量"),
        Candidate(address="Pump/FLOW", name=""),
        Candidate(address="z", name="nothing"),
    ]
    assert propose(PUMP, candidates) == ["flow", "", ""]


@given(st.dictionaries(st.sampled_from([f"opt-{n}" for n in ("host", "port", "unit", "timeout", "x")]), st.text()))
def test_no_form_of_a_connection_is_so_wrong_that_it_is_not_told(sent: dict[str, str]) -> None:
    found = connection.read("modbus", sent)
    connection.fields("modbus", found.options, sent=sent, errors=found.errors)


@given(st.lists(st.dictionaries(st.sampled_from(rows.FIELDS), st.text(max_size=20)), max_size=5))
def test_no_row_is_so_wrong_that_it_is_not_told(cells: list[dict[str, str]]) -> None:
    made = [rows.Row(id="0" * 12, cells=row) for row in cells]
    tags, told = rows.documents(made)
    assert len(told) == len(made)
    assert all(isinstance(tag, TagDocument) for tag in tags)


def test_points_with_like_names_are_matched_and_unlike_ones_are_left_alone() -> None:
    assert PUMP is not None
    found = propose(
        PUMP,
        [Candidate(address="1", name="outlet pressure PV", unit="kPa"), Candidate(address="2", name="Paint colour")],
    )
    assert found[1] == ""
    assert found[0] == "" or "pressure" in found[0]
