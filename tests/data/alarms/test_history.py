"""A rule tried on stored readings before it goes live."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from django.test import Client
from django.utils import timezone

from gongfu.data.alarms import history, making, running
from gongfu.data.alarms.models import AlarmRule
from gongfu.data.telemetry import services as telemetry
from gongfu.kernel.accounts.models import Organisation
from gongfu.kernel.errors import Invalid
from gongfu.kernel.tasks.models import Job
from gongfu.platform.devices.models import Device
from tests.platform.devices.plants import enterprise, person

from .test_life import pump

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> Organisation:
    return enterprise("works", "一厂")


@pytest.fixture
def device(owner: Organisation) -> Device:
    return pump(owner)


@pytest.fixture(autouse=True)
def store(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flow is 50 each minute, and 90 for five minutes from noon UTC each day; the other tags say nothing."""

    def export(orgs: object, series: list[int], start: dt.datetime, end: dt.datetime, **_: object) -> pa.Table:
        begin, until = (int(moment.timestamp()) for moment in (start, end))
        seconds = np.arange(-(-begin // 60) * 60, until, 60)
        values = np.where((seconds % 86_400 >= 43_200) & (seconds % 86_400 < 43_500), 90.0, 50.0)
        return pa.table(
            {
                "series": pa.array([series[0]] * len(seconds), pa.uint32()),
                "ts": pa.array(seconds * 1_000_000, pa.timestamp("us", "UTC")),
                "value": values,
                "quality": pa.array([0] * len(seconds), pa.uint8()),
            }
        )

    monkeypatch.setattr(telemetry, "export", export)
    monkeypatch.setattr(
        telemetry, "count", lambda _orgs, series, start, end, **_: int((end - start).total_seconds() / 60)
    )


def rule_for(device: Device, **more: object) -> AlarmRule:
    return AlarmRule(
        organisation=device.organisation,
        device=device,
        name="流量",
        **{"tag": "flow", "kind": "high", "limit": 80.0, **more},
    )


WEEK = (dt.datetime(2026, 11, 10, tzinfo=dt.UTC), dt.datetime(2026, 11, 17, tzinfo=dt.UTC))


def test_it_says_when_it_would_have_fired(device: Device) -> None:
    heard: list[float] = []
    found = history.trial(rule_for(device), *WEEK, report=heard.append)
    assert found.count == 7
    assert [(one.start // 1000 % 86_400, one.end and (one.end - one.start) // 1000) for one in found.firings] == [
        (43_200, 300)
    ] * 7
    assert found.readings == 7 * 1440
    assert heard[-1] == pytest.approx(100)


def test_a_delay_that_is_longer_than_the_cause_silences_it(device: Device) -> None:
    assert history.trial(rule_for(device, on_delay=600.0), *WEEK).count == 0
    assert history.trial(rule_for(device, kind="no_data", window=3600.0), *WEEK).count == 0


def test_what_cannot_be_tried_says_why(device: Device) -> None:
    with pytest.raises(Invalid):
        history.trial(rule_for(device, tag="speed"), *WEEK)
    with pytest.raises(Invalid):
        history.trial(rule_for(device), WEEK[0] - dt.timedelta(days=200), WEEK[1])


def form(device: Device, **more: object) -> dict[str, object]:
    zeros = dict.fromkeys(("setpoint", "deadband", "on_delay", "off_delay", "window", "gate_value"), "0")
    rest = {"name": "流量", "priority": "2", "tag": "flow", "kind": "high", "limit": "80", "direction": "both"}
    return {**zeros, **rest, "gate_operator": "=", "organisation": device.organisation_id, "device": device.pk, **more}


def test_the_form_tells_before_anything_is_saved(device: Device) -> None:
    client = Client()
    client.force_login(person("li", device.organisation))
    page = client.post("/data/alarm-rules/try", form(device, days="7")).content.decode()
    assert "<b>7" in page
    assert "marks=" in page
    assert not AlarmRule.objects.exists()
    assert "speed" in client.post("/data/alarm-rules/try", form(device, tag="speed")).content.decode()
    stranger = Client()
    stranger.force_login(person("zhao", enterprise("other", "二厂")))
    refused = stranger.post("/data/alarm-rules/try", form(device))
    assert "<b>" not in refused.content.decode()


def test_much_history_is_a_job_that_reports(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "SHORT", 100)
    user = person("li", device.organisation)
    client = Client()
    client.force_login(user)
    assert "progress" in client.post("/data/alarm-rules/try", form(device)).content.decode()
    job = Job.objects.get()
    assert "progress" in client.get(f"/data/alarm-rules/try/{job.pk}").content.decode()
    running.work.func(job.pk, rule=running._packed(rule_for(device)), days=7)
    assert "<b>7" in client.get(f"/data/alarm-rules/try/{job.pk}").content.decode()
    stranger = Client()
    stranger.force_login(person("zhao", enterprise("other", "二厂")))
    assert stranger.get(f"/data/alarm-rules/try/{job.pk}").status_code == 404


def test_rules_of_a_model_are_tried_at_all_its_devices(device: Device, owner: Organisation) -> None:
    pump(owner, "P-2")
    (rule, *_) = [one for one in making.drafts(making.model_called("centrifugal-pump")) if one.tag == "vibration"]
    rule.organisation = owner
    assert history.trial(rule, timezone.now() - dt.timedelta(days=1), timezone.now()).devices == 2
