"""Computed tags as people meet them: keys become series, wrong ones are told, streams and the device learn of them."""

from __future__ import annotations

import datetime as dt

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from django.test import Client
from django.utils import timezone

from gongfu.data.computed import binding, services
from gongfu.data.computed.models import ComputedOutbox, ComputedTag
from gongfu.data.computed.rules import ComputedConfig
from gongfu.data.computed.stage import ComputedStage
from gongfu.data.streams.stage import Batch
from gongfu.data.telemetry import services as telemetry
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.rules import Role
from gongfu.kernel.errors import Forbidden, Invalid, NotFound
from gongfu.kernel.readings import decode
from gongfu.platform.devices.models import Device, Tag
from gongfu.platform.devices.services import DeviceDraft, TagDraft, configuration, create_device
from tests.platform.devices.plants import enterprise, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> Organisation:
    return enterprise("works", "一厂")


@pytest.fixture
def engineer(owner: Organisation) -> User:
    return person("li", owner)


def press(owner: Organisation, key: str, place: str = "冲压车间") -> Device:
    draft = DeviceDraft(
        key=key,
        name=key,
        type="mechanical-press",
        driver="modbus",
        place=(("一厂", ""), (place, "")),
        options={"host": "127.0.0.1", "port": 1502},
        tags=[
            TagDraft(key="power", name="功率", unit="kW", address="holding:0:float32"),
            TagDraft(key="recipe", name="配方", kind="text", address="holding:2:string:8"),
        ],
    )
    return create_device("test", owner, draft)


def computed(device: Device, expression: str, key: str = "sum", **more: object) -> ComputedTag:
    return ComputedTag(
        organisation=device.organisation, device=device, key=key, name="总功率", expression=expression, **more
    )


def series(device: Device, key: str = "power") -> int:
    return Tag.objects.get(device=device, key=key).pk


def test_keys_become_series(owner: Organisation) -> None:
    one, two = press(owner, "P-1"), press(owner, "P-2", "装配车间")
    press(enterprise("other", "二厂"), "P-3")
    config = binding.bound(computed(one, '(power if recipe == "run" else 0) + {P-2.power} + {sum power}'))
    groups = [given.series for given in config.inputs.values() if given.together == "sum"]
    assert {given.series for name, given in config.inputs.items() if name in ("power", "recipe")} == {
        (series(one),),
        (series(one, "recipe"),),
    }
    assert groups == [(series(one), series(two))]  # of its own organisation only
    at_place = binding.bound(computed(one, "{mean power @一厂 / 装配车间} + {max power #mechanical-press}"))
    assert {given.series for given in at_place.inputs.values()} == {(series(two),), (series(one), series(two))}


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("{P-9.power} * 2", "no tag power at a device P-9"),
        ("{OTHER.power} * 2", "no tag power at a device OTHER"),
        ("{power} * 2", "names no tag"),
        ("{P-1.power * 2", "brace is open"),
        ("{sum power @火星}", "No device there"),
        ("pressure + 1", "'pressure' is none of the inputs"),
        ("{P-1.recipe} + 1", "{P-1.recipe}"),
    ],
)
def test_what_names_nothing_is_told_as_it_was_written(owner: Organisation, expression: str, said: str) -> None:
    device = press(owner, "P-1")
    press(enterprise("other", "二厂"), "OTHER")
    with pytest.raises(Invalid) as caught:
        binding.bound(computed(device, expression))
    assert said in str(caught.value)


def test_a_tag_does_not_follow_from_itself_through_others(owner: Organisation, engineer: User) -> None:
    device = press(owner, "P-1")
    services.prepare(engineer, computed(device, "power * 2", "double"))
    services.prepare(engineer, computed(device, "{P-1.double} + 1", "more"))
    first = ComputedTag.objects.get(key="double")
    first.expression = "power + {P-1.more}"
    with pytest.raises(Invalid, match="would follow from itself"):
        services.prepare(engineer, first)


def test_the_device_gets_the_tag_streams_the_rule_and_the_gateway_nothing(owner: Organisation, engineer: User) -> None:
    device = press(owner, "P-1")
    ComputedOutbox.objects.all().delete()
    services.prepare(engineer, computed(device, "power * 1000", unit="W"))
    tag = Tag.objects.get(device=device, key="sum")
    told = configuration(device)
    assert (tag.unit, tag.name) == ("W", "总功率")
    assert told is not None
    assert tag.pk not in {one.series for one in told.tags}
    ((rows, org, pk, config),) = binding.take_pending()
    assert isinstance(config, ComputedConfig)
    assert (org, config.series, config.device) == (owner.pk, tag.pk, device.pk)
    binding.forget(rows)

    stage = ComputedStage()
    stage.configure({f"{org}.{pk}": msgspec.json.encode(config)}, 0)
    (output,) = [*stage.take(_batch(owner.pk, series(device), [1.0, 2.0]), 0), *stage.tick(0)]
    message = decode(output.data)
    assert (message.org, message.device, message.series.tolist()) == (owner.pk, device.pk, [tag.pk])
    assert message.values.tolist() == [1000.0]
    assert stage.take(_batch(owner.pk + 1, series(device), [5.0]), 0) == []  # another organisation's reading

    resumed = ComputedStage()
    resumed.configure({f"{org}.{pk}": msgspec.json.encode(config)}, 0)
    resumed.restore(stage.state(0), 0)
    (rest,) = resumed.tick(10_000_000)
    assert decode(rest.data).values.tolist() == [2000.0]

    services.remove(engineer, ComputedTag.objects.get())
    assert not Tag.objects.filter(device=device, key="sum").exists()
    assert [config for *_, config in binding.take_pending()][-1] is None


def _batch(org: int, number: int, values: list[float]) -> Batch:
    count = len(values)
    return Batch(
        np.full(count, org, np.int64),
        np.full(count, number, np.int64),
        np.arange(1, count + 1, dtype=np.int64) * 1_000_000_000_000,
        np.array(values),
        np.zeros(count, np.uint8),
        [],
    )


def test_a_rule_that_cannot_be_computed_any_more_says_why(owner: Organisation, engineer: User) -> None:
    one, two = press(owner, "P-1"), press(owner, "P-2")
    services.prepare(engineer, computed(one, "{P-2.power} + power"))
    two.delete()
    binding.on_changed(None, ComputedTag.objects.get())
    assert binding.take_pending()[-1][3] is None
    assert "P-2" in ComputedTag.objects.get().problem


def test_only_those_who_may_change_the_device_may(owner: Organisation) -> None:
    device = press(owner, "P-1")
    with pytest.raises(Forbidden):
        services.prepare(person("wang", owner, Role.OPERATOR), computed(device, "power"))
    stranger = person("zhao", enterprise("other", "二厂"))
    mine = ComputedTag(
        organisation=stranger.memberships.get().organisation, device=device, key="x", name="x", expression="power"
    )
    with pytest.raises(NotFound):
        services.prepare(stranger, mine)


@pytest.fixture
def history(monkeypatch: pytest.MonkeyPatch) -> None:
    def export(orgs: list[int], asked: list[int], start: dt.datetime, end: dt.datetime, **_: object) -> pa.Table:
        begin, until = (int(at.timestamp() * 1e6) for at in (start, end))
        times = np.arange(begin - begin % 60_000_000 + 60_000_000, until, 60_000_000)
        count = len(times)
        columns = {
            "ts": pa.array(times, pa.int64()),
            "series": [asked[0]] * count,
            "value": np.full(count, 2.0),
            "quality": [0] * count,
        }
        return pa.table(columns)

    def texts(*_args: object, **_more: object) -> pa.Table:
        return pa.table({"t": pa.array([], pa.int64()), "series": [], "x": [], "q": []})

    monkeypatch.setattr(telemetry, "export", export)
    monkeypatch.setattr(telemetry, "export_texts", texts)


@pytest.mark.usefixtures("history")
def test_an_expression_is_tried_before_it_is_saved(owner: Organisation, engineer: User) -> None:
    device = press(owner, "P-1")
    end = timezone.now()
    found = services.trial(computed(device, 'total(power, "h")'), end - dt.timedelta(days=1), end)
    assert found.readings == pytest.approx(1440, abs=5)
    assert found.points[-1][1] == pytest.approx(48.0, abs=0.3)  # 2 kW for a day

    browser = Client()
    browser.force_login(engineer)
    form = {
        "organisation": owner.pk,
        "device": device.pk,
        "key": "energy",
        "name": "电量",
        "kind": "number",
        "decimals": 2,
        "expression": 'total(power, "h")',
        "every": 0,
        "gap": 300,
        "days": 1,
    }
    page = browser.post("/data/computed/try/", form).content.decode()
    assert "<polyline" in page
    assert "没有名为" in browser.post("/data/computed/try/", form | {"expression": "foo(power)"}).content.decode()
    saved = browser.post("/data/computed/new", form)
    assert saved.status_code == 302, saved.content.decode()[:2000]
    assert Tag.objects.filter(device=device, key="energy").exists()
    stranger = Client()
    stranger.force_login(person("zhao", enterprise("other", "二厂")))
    assert stranger.get(f"/data/computed/{ComputedTag.objects.get().pk}/").status_code == 404
    assert stranger.post(f"/data/computed/{ComputedTag.objects.get().pk}/recompute/").status_code == 404
