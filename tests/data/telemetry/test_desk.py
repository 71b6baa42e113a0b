"""What is kept of series, deletion with its proof, parked messages: each in its organisation."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import rig
from django.test import Client

from gongfu.data.telemetry import describing, desk, keeping, parking, proof, services
from gongfu.data.telemetry.models import Erasure, RetentionClass, SeriesPolicy
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import User
from gongfu.kernel.accounts.rules import Role
from gongfu.kernel.audit.models import AuditEntry
from gongfu.kernel.errors import Invalid, NotFound
from gongfu.kernel.store import StoreClient
from gongfu.kernel.tasks import worker
from gongfu.platform.devices import services as devices
from gongfu.platform.devices.models import Device
from gongfu.platform.devices.services import DeviceDraft, TagDraft

pytestmark = pytest.mark.django_db(transaction=True)
NOON = dt.datetime(2026, 10, 22, 12, tzinfo=dt.UTC)


@dataclass(frozen=True)
class World:
    pump: Device
    rivals: Device
    boss: User
    engineer: User
    store: StoreClient

    @property
    def flow(self) -> int:
        return int(self.pump.tags.get(key="flow").pk)

    def count(self, table: str = "readings") -> int:
        return int(self.store.command(f"SELECT count() FROM {table} FINAL WHERE series = {self.flow}"))


def draft(key: str) -> DeviceDraft:
    tags = [
        TagDraft(key="flow", name="流量", name_en="Flow", unit="m³/h"),
        TagDraft(key="state", name="状态"),
    ]
    return DeviceDraft(key=key, name="泵", type="centrifugal-pump", driver="modbus", tags=tags)


@pytest.fixture
def world(node: rig.Node, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    ours, theirs = accounts.create_organisation("hengrui", "恒锐"), accounts.create_organisation("huasu", "华塑")
    boss = accounts.create_user("wang", "correct-horse-9", roles={ours: Role.ADMIN}, language="en")
    engineer = accounts.create_user("li", "correct-horse-9", roles={ours: Role.ENGINEER}, language="en")
    store = StoreClient(node.settings)
    for module in (services, keeping, parking, describing):
        monkeypatch.setattr(module, "client", lambda: store)
    monkeypatch.setattr(desk, "settings", lambda: node.settings)
    pump, rivals = (devices.create_device("test", one, draft(f"PUMP-{one.code}")) for one in (ours, theirs))
    for device in (pump, rivals):
        store.command(
            f"INSERT INTO readings SELECT {device.organisation_id}, {device.tags.get(key='flow').pk},"
            f" toDateTime64('{NOON:%F %T}', 6, 'UTC') + toIntervalSecond(number), number, 0, now() FROM numbers(300)"
        )
    yield World(pump, rivals, boss, engineer, store)
    store.close()


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def form(world: World, **other: object) -> dict[str, object]:
    return {
        "tag": world.flow,
        "since": (NOON + dt.timedelta(seconds=100)).isoformat(),
        "until": (NOON + dt.timedelta(seconds=200)).isoformat(),
        "reason": "request of 2026-10-23",
        "sure": "yes",
    } | other


def test_an_administrator_deletes_a_range_and_gets_a_signed_proof(world: World) -> None:
    world.store.command(
        f"INSERT INTO latest VALUES ({world.pump.organisation_id}, {world.flow}, '2026-10-22 12:02:00', 1, '', 0, 0)"
    )
    client = signed_in(world.boss)
    assert "PUMP" not in client.get(f"/data/series/erase/?tag={world.flow}").text.split("<form")[0]
    answer = client.post("/data/series/erase/", form(world))
    assert answer.status_code == 302, answer.text
    while worker.step("test"):
        pass
    made = Erasure.objects.get()
    assert (made.state, made.problem) == ("done", "")
    assert world.count() == 200
    assert (
        world.store.command(f"SELECT count() FROM readings WHERE series = {world.rivals.tags.get(key='flow').pk}")
        == "300"
    )
    assert world.store.command(f"SELECT value FROM latest FINAL WHERE series = {world.flow}") == "299"
    told = proof.verify(client.get(f"/data/erasures/{made.pk}/proof.json").content)
    assert [(one.before, one.after) for one in told.counted if one.table == "readings"] == [(100, 0)]
    assert told.reason == "request of 2026-10-23"
    changed = json.loads(made.proof)
    changed["proof"]["reason"] = "another"
    with pytest.raises(Invalid):
        proof.verify(json.dumps(changed))
    assert {entry.action for entry in AuditEntry.objects.filter(object_type="telemetry.erasure")} == {"erase", "erased"}
    page = client.get(f"/data/erasures/{made.pk}/")
    assert page.status_code == 200


def test_nobody_else_may_delete(world: World) -> None:
    theirs = world.rivals.tags.get(key="flow").pk
    assert signed_in(world.engineer).post("/data/series/erase/", form(world)).status_code == 403
    assert signed_in(world.boss).post("/data/series/erase/", form(world, tag=theirs)).status_code == 404
    for bad in ({"reason": " "}, {"sure": ""}, {"until": "x"}, {"until": NOON.isoformat()}):
        assert signed_in(world.boss).post("/data/series/erase/", form(world, **bad)).status_code == 200
    assert not Erasure.objects.exists()
    assert world.count() == 300


def test_series_say_what_is_kept_and_the_store_learns_what_they_are(world: World) -> None:
    owner = world.pump.organisation
    month = RetentionClass.objects.create(organisation=owner, name="month", raw_days=31)
    describer = describing.Describer(world.store)
    assert describer.round() == 4
    assert describer.round() == 0
    SeriesPolicy.objects.create(
        organisation=owner, tag=world.pump.tags.get(key="flow"), sensitivity="important", retention=month
    )
    assert describer.round() == 1
    rows = world.store.query_arrow(
        "SELECT tag_key, kind, unit, model, owner, sensitivity, keep_raw, hold, length(states) AS n FROM series FINAL"
        " ORDER BY tag_key",
        orgs=[owner.pk],
    ).to_pylist()
    flow, state = rows
    assert (flow["kind"], flow["unit"], flow["sensitivity"], flow["keep_raw"]) == ("number", "m³/h", "important", 31)
    assert (state["kind"], state["n"] > 1, state["hold"]) == ("state", True, 3600)
    assert world.store.query_arrow("SELECT * FROM series", orgs=[world.rivals.organisation_id]).num_rows == 2
    world.rivals.tags.all().delete()
    assert describer.round() == 2
    page = signed_in(world.engineer).get("/data/series/?q=flow")
    assert page.status_code == 200
    assert "month" in page.text
    assert "Important data" in page.text


def test_a_parked_message_is_shown_to_its_organisation_and_can_be_sent_again(world: World, node: rig.Node) -> None:
    org = world.pump.organisation_id
    world.store.command(
        "INSERT INTO poison VALUES"
        f" ({org}, 77, 'readings', 'readings.{org}.5', 'malformed', 'broken', 3, 'abc', 'parked', 0, now(), now64(3))"
    )
    assert [one.id for one in parking.parked([org])] == ["77"]
    assert parking.parked([org + 1000]) == []
    client = signed_in(world.engineer)
    assert "Cannot be read" in client.get("/data/poison/").text
    assert client.post("/data/poison/", {"id": "77", "action": "replay"}).status_code == 302
    deadline = time.monotonic() + 30
    # The recorder cannot read it this time either, and parks it under its own number.
    while not (found := [one for one in parking.parked([org]) if one.state == "parked"]):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert found[0].head == "616263"
    assert client.post("/data/poison/", {"id": "77", "action": "drop"}).status_code == 302
    with pytest.raises(NotFound):
        parking.drop([org], "77")
    with pytest.raises(NotFound):
        parking.replay(node.settings, [org + 1000], found[0].id)
