"""Deliveries: grouped, throttled, tried again, given up."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client
from django.utils import timezone

from gongfu.data.alarms import sending, telling
from gongfu.data.alarms.models import Alarm, AlarmRule, Delivery, Duty, Outlet
from gongfu.data.alarms.outlets import kinds
from gongfu.data.alarms.outlets.letter import Letter
from gongfu.kernel.accounts.models import Organisation
from gongfu.kernel.audit.models import AuditEntry
from gongfu.kernel.errors import Unavailable
from gongfu.platform.devices.models import Device
from tests.platform.devices.plants import enterprise, person

from .test_life import pump, rule_of, say

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> Organisation:
    return enterprise("works", "一厂")


@pytest.fixture
def device(owner: Organisation) -> Device:
    return pump(owner)


@pytest.fixture
def outlet(owner: Organisation) -> Outlet:
    sending._sent.clear()
    return Outlet.objects.create(
        organisation=owner, name="群", kind="webhook", address="https://example.com/x", per_minute=2
    )


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch) -> list[Letter]:
    got: list[Letter] = []
    monkeypatch.setattr(kinds, "send", lambda _kind, letter, *_: got.append(letter))
    return got


def due(rule: AlarmRule, outlet: Outlet, device: Device, count: int, **more: object) -> None:
    duty = Duty.objects.create(organisation=outlet.organisation, name="值班", outlet=outlet, lowest=4, **more)
    for number in range(count):
        alarm = Alarm.objects.create(
            organisation=outlet.organisation,
            rule=rule,
            device=device,
            series=1,
            name=f"报警 {number}",
            name_en=f"Alarm {number}",
            priority=1 + number % 4,
            state="unack",
            raised_at=timezone.now() + dt.timedelta(seconds=number),
        )
        Delivery.objects.create(outlet=outlet, alarm=alarm, duty=duty, due_at=timezone.now())


def test_a_flood_is_one_message_that_counts_the_rest(device: Device, outlet: Outlet, letters: list[Letter]) -> None:
    due(rule_of(device), outlet, device, 40)
    assert sending.send_due() == 1
    (letter,) = letters
    assert len(letter.lines) == sending.MOST_LINES + 1
    assert "30" in letter.lines[-1]
    assert "40" in letter.title
    assert "紧急" in letter.lines[0]
    assert sending.send_due() == 0
    assert Alarm.objects.filter(escalated=1).count() == 40


def test_messages_speak_the_language_of_their_outlet(device: Device, outlet: Outlet, letters: list[Letter]) -> None:
    Outlet.objects.update(language="en")
    due(rule_of(device), outlet, device, 1)
    sending.send_due()
    assert letters[0].title == "[Urgent] Alarm 0"


def test_more_than_so_many_messages_a_minute_wait(device: Device, outlet: Outlet, letters: list[Letter]) -> None:
    rule = rule_of(device)
    for _ in range(3):
        due(rule, outlet, device, 1)
        Alarm.objects.update(rule=None)
        sending.send_due()
    assert len(letters) == 2
    assert Delivery.objects.filter(done_at=None).count() == 1


def test_what_is_not_taken_is_tried_again_and_given_up(
    device: Device, outlet: Outlet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise Unavailable("The message was not taken: {reason}.", reason="HTTP 500")

    monkeypatch.setattr(kinds, "send", refuse)
    due(rule_of(device), outlet, device, 1)
    now = timezone.now()
    for _ in range(len(sending.BACK_OFF) + 1):
        sending._sent.clear()
        assert sending.send_due(now) == 1
        assert sending.send_due(now) == 0
        now += dt.timedelta(hours=1)
    delivery = Delivery.objects.get()
    assert delivery.failed
    assert "HTTP 500" in Outlet.objects.get().problem


def test_who_is_told_later_is_not_told_of_what_is_over(device: Device, outlet: Outlet, letters: list[Letter]) -> None:
    due(rule_of(device), outlet, device, 1, after=15)
    Alarm.objects.update(state="rtn_unack", active=False)
    assert sending.send_due() == 0
    assert letters == []


def test_keys_are_entered_never_shown(owner: Organisation, letters: list[Letter]) -> None:
    client = Client()
    client.force_login(person("li", owner))
    values = {
        "name": "钉钉群",
        "kind": "dingtalk",
        "organisation": owner.pk,
        "language": "zh-hans",
        "per_minute": "20",
        "address": "https://oapi.dingtalk.com/robot/send?access_token=tok-9",
        "new_secret": "SEC-9",
        "enabled": "on",
    }
    assert client.post("/data/outlets/new", values).status_code == 302
    made = Outlet.objects.get()
    assert (made.token, made.secret, made.address) == ("tok-9", "SEC-9", "https://oapi.dingtalk.com/robot/send")
    pages = [
        f"/data/outlets/{made.pk}/",
        f"/data/outlets/{made.pk}/edit",
        f"/data/outlets/{made.pk}/?tab=changes",
        "/data/outlets/",
    ]
    seen = "".join(client.get(page).content.decode() for page in pages)
    seen += "".join(f"{entry.before}{entry.after}" for entry in AuditEntry.objects.all())
    assert "tok-9" not in seen
    assert "SEC-9" not in seen
    assert (
        client.post(f"/data/outlets/{made.pk}/edit", {**values, "address": made.address, "new_secret": ""}).status_code
        == 302
    )
    made.refresh_from_db()
    assert (made.token, made.secret) == ("tok-9", "SEC-9")
    assert client.post("/data/outlets/do/test", {"pk": made.pk}).status_code == 302
    assert len(letters) == 1
    stranger = Client()
    stranger.force_login(person("zhao", enterprise("other", "二厂")))
    assert stranger.get(f"/data/outlets/{made.pk}/").status_code == 404


def test_what_was_found_late_is_told_once_together(
    device: Device, owner: Organisation, outlet: Outlet, letters: list[Letter]
) -> None:
    """Twenty alarms of a night on which nobody evaluated readings are one message, not twenty."""
    rule = rule_of(device)
    Duty.objects.create(organisation=owner, name="值班", outlet=outlet, lowest=4)
    for number in range(20):
        say(rule, device, 10 * number, True, late=True)
        say(rule, device, 10 * number + 5, False, late=True)
    journal = list(Alarm.objects.order_by("raised_at").values_list("late", "cleared_at", "raised_at"))
    assert len(journal) == 20
    assert all(late and (cleared - raised).total_seconds() == 5 for late, cleared, raised in journal)
    say(rule, device, 500, True)
    sending.send_due()
    assert len(letters) == 1  # what happens now is not kept waiting
    assert sending.send_due(timezone.now() + telling.DIGEST + dt.timedelta(seconds=1)) == 1
    assert len(letters) == 2
    assert "20" in letters[1].title
    assert "补" in letters[1].title
    client = Client()
    client.force_login(person("wang", owner))
    assert "事后补判" in client.get("/data/alarms/").content.decode()
