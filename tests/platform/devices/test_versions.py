"""Configurations have a past: versions, differences, the way back, and a second person who agrees."""

from __future__ import annotations

import pytest
from django.test import Client

from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.rules import Role
from gongfu.kernel.audit.models import AuditEntry
from gongfu.kernel.errors import Conflict, Forbidden, NotFound
from gongfu.platform.devices import applying, changes, services, sync, versions
from gongfu.platform.devices.applying import What, WrongDocument
from gongfu.platform.devices.document import Change, DeviceDocument, TagDocument, canonical, check, difference, parse
from gongfu.platform.devices.models import Approval, Device, Outbox, Version
from tests.platform.devices.plants import PRESS, but, enterprise, person, with_tag

pytestmark = pytest.mark.django_db


@pytest.fixture
def plant() -> Organisation:
    return enterprise("hengrui", "恒锐")


@pytest.fixture
def li(plant: Organisation) -> User:
    return person("li", plant)


@pytest.fixture
def wang(plant: Organisation) -> User:
    return person("wang", plant)


def put(user: User, document: DeviceDocument = PRESS, **more: object) -> applying.Outcome:
    return applying.put(user, user.memberships_cached[0].organisation, document, **more)  # type: ignore[arg-type]


def test_a_document_becomes_a_device_and_the_device_the_same_document(li: User) -> None:
    done = put(li)
    assert done.what is What.CREATED
    assert done.device is not None
    assert canonical(versions.fresh(done.device)) == canonical(PRESS)
    assert done.version is not None
    assert (done.version.number, done.version.actor) == (1, "li")
    assert put(li).what is What.UNCHANGED


def test_a_change_makes_a_version_and_keeps_the_series_of_every_tag(li: User) -> None:
    device = put(li).device
    assert device is not None
    series = dict(device.tags.values_list("key", "pk"))
    done = put(li, with_tag(1, scale=0.2), why="new transmitter")
    assert done.version is not None
    assert (done.version.number, done.version.why) == (2, "new transmitter")
    assert dict(device.tags.values_list("key", "pk")) == series
    assert versions.changes(done.version, versions.before(done.version)) == [Change("scale", "0.1", "0.2", tag="flow")]


def test_a_new_name_does_not_restart_the_device_a_new_address_does(li: User) -> None:
    put(li)
    Outbox.objects.all().delete()
    put(li, but(name="冲床"))
    assert not Outbox.objects.exists()
    put(li, with_tag(0, address="holding:9:uint16"))
    assert len(sync.take_pending()) == 1


def test_a_change_elsewhere_leaves_other_devices_alone(li: User) -> None:
    put(li)
    put(li, but(key="PRESS-2"))
    Outbox.objects.all().delete()
    put(li, but(key="PRESS-2", interval=5.0))
    assert [item.device for item in sync.take_pending()] == [Device.objects.get(key="PRESS-2").pk]


def test_changes_by_page_api_and_program_are_kept_too(li: User) -> None:
    device = put(li).device
    assert device is not None
    tag = device.tags.get(key="flow")
    tag.unit = "L/s"
    changes.save_tag(tag, li, False)
    changes.remove_tag(device.tags.get(key="speed"), li)
    draft = services.DeviceDraft(key="PRESS-1", name="x", type="centrifugal-pump", driver="mqtt")
    services.enter_device("plant", device.organisation, draft)
    told = [(version.number, version.actor) for version in device.versions.order_by("number")]
    assert told == [(1, "li"), (2, "li"), (3, "li"), (4, "plant")]


def test_a_device_from_before_versions_keeps_how_it_was(li: User) -> None:
    device = put(li).device
    assert device is not None
    Version.objects.all().delete()
    put(li, but(interval=2.0))
    first, second = device.versions.order_by("number")
    assert (first.actor, parse(first.document)) == ("—", PRESS)
    assert second.number == 2


def test_rolling_back_is_a_new_version_and_passwords_stay(li: User) -> None:
    opc = but(driver="opcua", options={"endpoint": "opc.tcp://127.0.0.1:4840/", "username": "li"})
    first = put(li, opc, secrets={"password": "tulip-79"})
    assert first.device is not None
    assert first.version is not None
    put(li, msgspec_replace_tags(opc))
    done = applying.roll_back(li, first.version)
    assert done.version is not None
    assert (done.version.number, done.version.why) == (3, "↩ v1")
    assert [tag.key for tag in parse(done.version.document).tags] == ["speed", "flow"]
    config = services.configuration(done.device) if done.device else None
    assert config is not None
    assert config.options["password"] == "tulip-79"
    everything = " ".join(Version.objects.values_list("document", flat=True))
    assert "tulip-79" not in everything
    assert '"secrets":["password"]' in everything


def msgspec_replace_tags(document: DeviceDocument) -> DeviceDocument:
    return but(document, tags=document.tags[:1])


def test_where_a_second_person_must_agree_a_change_waits_for_one(li: User, wang: User, plant: Organisation) -> None:
    put(li)
    Outbox.objects.all().delete()
    Approval.objects.create(organisation=plant)
    done = put(li, but(interval=9.0), why="slower")
    assert done.what is What.PROPOSED
    assert done.version is not None
    assert Device.objects.get().interval == 1.0
    assert not Outbox.objects.exists()
    with pytest.raises(Forbidden):
        applying.approve(li, done.version)
    applying.approve(wang, done.version)
    assert Device.objects.get().interval == 9.0
    version = Version.objects.get(pk=done.version.pk)
    assert (version.number, version.actor, version.decided_by) == (2, "li", "wang")
    with pytest.raises(Conflict):
        applying.approve(wang, version)


def test_a_proposal_that_was_overtaken_is_not_applied(li: User, wang: User, plant: Organisation) -> None:
    put(li)
    Approval.objects.create(organisation=plant)
    one, other = put(li, but(interval=9.0)).version, put(li, but(interval=8.0)).version
    assert one is not None
    assert other is not None
    applying.approve(wang, one)
    with pytest.raises(Conflict):
        applying.approve(wang, other)
    applying.turn_down(wang, other)
    assert Device.objects.get().interval == 9.0


def test_a_new_device_can_be_proposed_with_its_password(li: User, wang: User, plant: Organisation) -> None:
    Approval.objects.create(organisation=plant)
    opc = but(driver="opcua", options={"endpoint": "opc.tcp://127.0.0.1:4840/"})
    done = put(li, opc, secrets={"password": "tulip-79"})
    assert not Device.objects.exists()
    assert done.version is not None
    applying.approve(wang, done.version)
    config = services.configuration(Device.objects.get())
    assert config is not None
    assert config.options["password"] == "tulip-79"
    assert Version.objects.get().secret_options == {}
    assert "tulip-79" not in " ".join(f"{entry.before} {entry.after}" for entry in AuditEntry.objects.all())


def test_no_other_way_leads_around_the_second_person(li: User, plant: Organisation) -> None:
    device = put(li).device
    assert device is not None
    Approval.objects.create(organisation=plant)
    with pytest.raises(Conflict):
        changes.save_device(device, li, False)
    with pytest.raises(Conflict):
        changes.save_tag(device.tags.all()[0], li, False)
    with pytest.raises(Conflict):
        changes.remove_tag(device.tags.all()[0], li)
    client = Client()
    client.force_login(li)
    answer = client.patch(f"/api/v1/platform/devices/{device.pk}", {"interval": 3}, content_type="application/json")
    assert answer.status_code == 409
    assert Device.objects.get().interval == 1.0


def test_who_may_not_edit_may_not_put_and_strangers_find_nothing(li: User, plant: Organisation) -> None:
    viewer = person("zhao", plant, Role.VIEWER)
    with pytest.raises(Forbidden):
        put(viewer)
    version = put(li).version
    assert version is not None
    stranger = person("qian", enterprise("huasu", "华塑"))
    with pytest.raises(NotFound):
        versions.version_for(stranger, version.pk)
    with pytest.raises(Forbidden):
        applying.roll_back(stranger, version)


def waveform(**more: object) -> DeviceDocument:
    tag = TagDocument(key="vibration", name="振动", kind="array", address="/vib", **more)  # type: ignore[arg-type]
    return but(driver="mqtt", options={}, tags=[tag])


@pytest.mark.parametrize(
    ("document", "field", "tag"),
    [
        (but(key="a b"), "key", None),
        (but(name=" "), "name", None),
        (but(type="spaceship"), "type", None),
        (but(driver="telepathy"), "driver", None),
        (but(options={"host": "x", "port": 0}), "options", None),
        (but(driver="s7", options={}), "options", None),
        (but(interval=0.0), "interval", None),
        (but(interval=float("nan")), "interval", None),
        (but(gateway="a.b"), "gateway", None),
        (but(manufacturer="x" * 81), "manufacturer", None),
        (but(product="a\0b"), "product", None),
        (with_tag(1, key="speed"), "key", 1),
        (with_tag(0, key="转速"), "key", 0),
        (with_tag(0, name=""), "name", 0),
        (with_tag(0, scale=0.0), "scale", 0),
        (with_tag(0, scale=float("inf")), "scale", 0),
        (with_tag(0, low=5.0, high=1.0), "high", 0),
        (with_tag(0, deadband=-1.0), "deadband", 0),
        (with_tag(0, interval=0.0), "interval", 0),
        (with_tag(0, address="x" * 256), "address", 0),
        (with_tag(0, kind="array", low=None, high=None), "kind", 0),  # modbus reads none
        (waveform(low=-1.0), "low", 0),
        (waveform(high=1.0), "high", 0),
        (waveform(deadband=0.5), "deadband", 0),
        (waveform(interval=5.0), "interval", 0),
    ],
)
def test_a_document_that_cannot_be_says_where(document: DeviceDocument, field: str, tag: int | None, li: User) -> None:
    assert [(problem.field, problem.tag) for problem in check(document)] == [(field, tag)]
    with pytest.raises(WrongDocument):
        put(li, document)
    assert not Device.objects.exists()


def test_a_waveform_is_a_tag_of_a_driver_that_reads_arrays(li: User) -> None:
    device = put(li, waveform()).device
    assert device is not None
    assert (device.tags.get().kind, check(waveform())) == ("array", [])
    assert "no limits, no dead-band" in check(waveform(deadband=1.0))[0].error.text("en")
    assert "mqtt" in check(with_tag(0, kind="array", low=None, high=None))[0].error.text("en")


def test_a_difference_names_options_tags_and_order() -> None:
    after = but(options={"host": "10.0.0.9", "unit": 2}, tags=list(reversed(PRESS.tags)))
    found = {(change.tag, change.field): (change.before, change.after) for change in difference(PRESS, after)}
    assert found == {
        ("", "options.host"): ("127.0.0.1", "10.0.0.9"),
        ("", "options.port"): ("1502", ""),
        ("", "options.unit"): ("", "2"),
        ("", "order"): ("speed, flow", "flow, speed"),
    }
    gone = difference(PRESS, but(tags=PRESS.tags[:1]))
    assert gone == [Change("", "流量 holding:1:int16 m³/h", "", tag="flow")]
    assert difference(PRESS, PRESS) == []
