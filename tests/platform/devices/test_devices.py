"""Devices as people, programs and gateways meet them."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from gongfu.identity.registry import services as registry
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.rules import Role
from gongfu.kernel.audit.models import AuditEntry
from gongfu.kernel.errors import Invalid, NotFound
from gongfu.network.gateway.config import DeviceState, Status
from gongfu.platform.devices import changes, services, sync
from gongfu.platform.devices.errors import KeyTaken
from gongfu.platform.devices.models import Device, Outbox, Place, Tag
from gongfu.platform.devices.services import DeviceDraft, TagDraft

pytestmark = pytest.mark.django_db

PUMP = DeviceDraft(
    key="PUMP-0001",
    name="一号循环泵",
    name_en="Circulation pump 1",
    type="centrifugal-pump",
    driver="modbus",
    place=(("一厂", "Works 1"), ("动力车间", "Utilities"), ("循环水站", "")),
    options={"host": "127.0.0.1", "port": 15020, "unit": 3},
    tags=[TagDraft(key="flow", address="holding:0:float32"), TagDraft(key="own", address="coil:1", kind="boolean")],
)


@pytest.fixture
def plants() -> tuple[Organisation, Organisation]:
    accounts.create_organisation("operator", "平台运营方")
    both = accounts.create_organisation("hengrui", "恒锐"), accounts.create_organisation("huasu", "华塑")
    for plant in both:
        registry.allot_prefix("test", plant)
    return both


@pytest.fixture
def engineer(plants: tuple[Organisation, Organisation]) -> User:
    return accounts.create_user("li", "correct-horse-9", roles={plants[0]: Role.ENGINEER})


@pytest.fixture
def pump(engineer: User, plants: tuple[Organisation, Organisation]) -> Device:
    return services.create_device(engineer, plants[0], PUMP)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_a_new_device_has_tags_place_identifier_and_an_audit_entry(pump: Device) -> None:
    flow = pump.tags.get(key="flow")
    assert (flow.name, flow.unit, flow.address) == ("流量", "m³/h", "holding:0:float32")
    assert pump.tags.get(key="own").kind == "boolean"
    assert pump.place is not None
    assert pump.place.path == "一厂 / 动力车间 / 循环水站"
    assert pump.identifier is not None
    assert pump.identifier.endswith("/PUMP-0001")
    assert AuditEntry.objects.filter(action="create", object_id=str(pump.pk)).exists()


def test_the_same_key_twice_in_one_organisation_is_refused(pump: Device, engineer: User) -> None:
    with pytest.raises(KeyTaken, match="PUMP-0001"):
        services.create_device(engineer, pump.organisation, PUMP)


def test_two_organisations_may_use_the_same_key(
    pump: Device, engineer: User, plants: tuple[Organisation, Organisation]
) -> None:
    assert services.create_device(engineer, plants[1], PUMP).pk != pump.pk


@pytest.mark.parametrize("key", ["", "a b", "泵", "-a", "a/b", "a" * 65, "a\x00", "a\n"])
def test_a_key_that_cannot_stand_in_an_identifier_is_refused(
    key: str, engineer: User, plants: tuple[Organisation, Organisation]
) -> None:
    with pytest.raises(Invalid):
        services.create_device(engineer, plants[0], DeviceDraft(key=key, name="x", type="excavator", driver="mqtt"))


def test_a_type_nobody_knows_is_refused_with_the_known_ones(
    engineer: User, plants: tuple[Organisation, Organisation]
) -> None:
    with pytest.raises(NotFound, match="excavator"):
        services.create_device(engineer, plants[0], DeviceDraft(key="a", name="x", type="spaceship", driver="mqtt"))


def test_the_gateway_gets_the_configuration_and_later_the_withdrawal(pump: Device, engineer: User) -> None:
    pending = sync.take_pending()
    assert [(item.gateway, item.device) for item in pending] == [("local", pump.pk)]
    config = pending[0].config
    assert config is not None
    assert config.options["unit"] == 3
    assert {tag.series for tag in config.tags} == set(pump.tags.values_list("pk", flat=True))
    sync.forget(pending[0].rows)
    assert sync.take_pending() == []

    number = pump.pk
    changes.remove_device(pump, engineer)
    assert [(item.device, item.config) for item in sync.take_pending()] == [(number, None)]


def test_states_from_the_gateway_reach_the_record_and_unknown_devices_are_passed_over(pump: Device) -> None:
    bad = DeviceState(device=pump.pk, status=Status.OFFLINE, since=1_790_000_000_000_000, problem="x" * 900)
    unknown = DeviceState(device=999_999, status=Status.ONLINE, since=0)
    sync.write_states({("local", pump.pk): bad, ("local", 999_999): unknown})
    pump.refresh_from_db()
    assert pump.connection == "offline"
    assert pump.connection_since is not None
    assert len(pump.problem) == 500


def test_a_gateway_is_heard_about_its_own_devices_only(pump: Device) -> None:
    sync.write_states({("elsewhere", pump.pk): DeviceState(device=pump.pk, status=Status.ONLINE, since=1)})
    pump.refresh_from_db()
    assert pump.connection == "unknown"


@pytest.mark.parametrize(
    "path",
    [
        "/platform/devices/{pk}/",
        "/platform/devices/{pk}/edit",
        "/platform/devices/{pk}/delete",
        "/api/v1/platform/devices/{pk}",
    ],
)
def test_another_organisations_device_is_not_found(
    path: str, pump: Device, plants: tuple[Organisation, Organisation]
) -> None:
    stranger = accounts.create_user("wang", "correct-horse-9", roles={plants[1]: Role.ADMIN})
    assert signed_in(stranger).get(path.format(pk=pump.pk)).status_code == 404
    with pytest.raises(NotFound):
        services.device_for(stranger, pump.pk)
    assert services.tags_for(stranger, devices=[pump.pk], tags=pump.tags.values_list("pk", flat=True)) == []


def test_lists_exports_and_the_api_show_only_ones_own(pump: Device, plants: tuple[Organisation, Organisation]) -> None:
    stranger = signed_in(accounts.create_user("wang", "correct-horse-9", roles={plants[1]: Role.ADMIN}))
    for path in ("/platform/devices/", "/platform/tags/", "/platform/places/", "/platform/devices/export.csv"):
        answer = stranger.get(path)
        assert answer.status_code == 200
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]
        assert "PUMP-0001" not in body.decode("utf-8-sig")
        assert "循环" not in body.decode("utf-8-sig")
    assert stranger.get("/api/v1/platform/devices").json()["total"] == 0


def _form(organisation: Organisation, **changed: Any) -> dict[str, Any]:
    return {
        "organisation": organisation.pk,
        "key": "CNC-0009",
        "name": "九号加工中心",
        "type": "cnc-machining-centre",
        "gateway": "local",
        "driver": "modbus",
        "opt-host": "127.0.0.1",
        "opt-port": "15020",
        "interval": "1",
        **changed,
    }


def test_an_engineer_adds_a_device_in_the_console(engineer: User, plants: tuple[Organisation, Organisation]) -> None:
    client = signed_in(engineer)
    assert client.get("/platform/devices/new").status_code == 200
    assert client.get("/platform/devices/new?driver=modbus").status_code == 200
    rows = {"tag-id": ["a", "b"], "tag-key": ["speed", "on"], "tag-name": ["转速", ""], "tag-kind": ["", "boolean"]}
    answer = client.post("/platform/devices/new", _form(plants[0], **rows, **{"tag-address": ["holding:0", "coil:1"]}))
    assert answer.status_code == 302, answer.content.decode()
    device = Device.objects.get(key="CNC-0009")
    assert [(tag.key, tag.name, tag.kind) for tag in device.tags.all()] == [
        ("speed", "转速", "number"),
        ("on", "on", "boolean"),
    ]
    assert Outbox.objects.filter(device=device.pk).exists()
    assert client.get(f"/platform/devices/{device.pk}/").status_code == 200
    for tab in ("tags", "nameplate", "history", "configuration"):
        assert client.get(f"/platform/devices/{device.pk}/?tab={tab}").status_code == 200


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("key", "a b"),
        ("type", "spaceship"),
        ("driver", "telepathy"),
        ("opt-port", "many"),
        ("opt-port", "70000"),
        ("opt-unit", "900"),
        ("interval", "-1"),
        ("interval", "nan"),
    ],
)
def test_a_wrong_entry_is_refused_beside_the_field_and_nothing_is_lost(
    field: str, value: str, engineer: User, plants: tuple[Organisation, Organisation]
) -> None:
    answer = signed_in(engineer).post("/platform/devices/new", _form(plants[0], **{field: value}))
    assert answer.status_code == 422
    if field != "driver":  # there is no form of a driver that is none
        assert "九号加工中心" in answer.content.decode()
        assert 'class="invalid-feedback' in answer.content.decode()
    assert not Device.objects.exists()


@pytest.mark.parametrize("options", ["not json", "[1]", '{"nonsense": 1}'])
def test_a_program_that_sends_wrong_options_is_told(
    options: str, engineer: User, plants: tuple[Organisation, Organisation]
) -> None:
    body = {"organisation": plants[0].pk, "key": "A", "name": "A", "type": "excavator", "driver": "modbus"}
    answer = signed_in(engineer).post(
        "/api/v1/platform/devices", {**body, "options": options}, content_type="application/json"
    )
    assert answer.status_code == 422
    assert not Device.objects.exists()


def test_a_tag_of_someone_elses_device_cannot_be_made(pump: Device, plants: tuple[Organisation, Organisation]) -> None:
    stranger = signed_in(accounts.create_user("wang", "correct-horse-9", roles={plants[1]: Role.ADMIN}))
    before = Tag.objects.count()
    stranger.post(
        "/platform/tags/new",
        {
            "device": pump.pk,
            "key": "x",
            "name": "x",
            "kind": "number",
            "decimals": 1,
            "position": 0,
            "scale": 1,
            "offset": 0,
        },
    )
    assert Tag.objects.count() == before


def test_a_place_cannot_be_part_of_itself(pump: Device, engineer: User) -> None:
    site = Place.objects.get(path="一厂")
    site.parent = pump.place
    with pytest.raises(Invalid):
        changes.save_place(site, engineer, False)


def test_renaming_a_site_renames_the_path_of_everything_in_it(pump: Device, engineer: User) -> None:
    site = Place.objects.get(path="一厂")
    site.name = "总厂"
    changes.save_place(site, engineer, False)
    pump.refresh_from_db()
    assert pump.place is not None
    assert pump.place.path == "总厂 / 动力车间 / 循环水站"
    assert pump.place.path_en == "Works 1 / Utilities / 循环水站"


def test_the_overview_counts_by_connection_and_enterprise(pump: Device, engineer: User) -> None:
    Device.objects.update(connection="online")
    overview = services.overview(engineer)
    assert (overview.total, overview.online, overview.offline) == (1, 1, 0)
    assert overview.by_organisation == [(pump.organisation, 1, 1)]


def test_a_password_of_a_driver_reaches_the_gateway_and_nobody_else(
    engineer: User, plants: tuple[Organisation, Organisation]
) -> None:
    client = signed_in(engineer)
    secret = "tulip-79"
    opc = {"driver": "opcua", "opt-endpoint": "opc.tcp://127.0.0.1:4840/", "opt-username": "li"}
    answer = client.post("/platform/devices/new", _form(plants[0], **opc, **{"opt-password": secret}))
    assert answer.status_code == 302, answer.content.decode()
    device = Device.objects.get(key="CNC-0009")
    config = services.configuration(device)
    assert config is not None
    assert config.options["password"] == secret
    for path in (f"/platform/devices/{device.pk}/?tab={tab}" for tab in ("details", "tags", "changes")):
        assert secret not in client.get(path).content.decode()
    assert secret not in client.get(f"/platform/devices/{device.pk}/edit").content.decode()
    assert secret not in client.get(f"/api/v1/platform/devices/{device.pk}").content.decode()
    assert secret not in " ".join(f"{entry.before} {entry.after}" for entry in AuditEntry.objects.all())

    moved = opc | {"opt-endpoint": "opc.tcp://127.0.0.1:4841/", "opt-password": ""}
    client.post(f"/platform/devices/{device.pk}/edit", _form(plants[0], **moved))
    device.refresh_from_db()
    config = services.configuration(device)
    assert config is not None
    assert (config.options["password"], config.options["endpoint"]) == (secret, "opc.tcp://127.0.0.1:4841/")
