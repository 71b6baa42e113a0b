"""The inventory, the rates and “make it useful” as people meet them."""

from __future__ import annotations

import datetime as dt
import io

import numpy as np
import pyarrow as pa
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from openpyxl import load_workbook

from gongfu.data.retrofit import demonstration, making, periodic, services
from gongfu.data.retrofit.models import Machine, Standing
from gongfu.data.telemetry.services import LastValue
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.rules import Role
from gongfu.kernel.audit.models import AuditEntry
from gongfu.kernel.errors import Unavailable
from gongfu.network.models import library
from gongfu.network.retrofit import recipes
from gongfu.platform.devices.models import Device, Outbox, Version
from gongfu.platform.devices.services import DeviceDraft, TagDraft, configuration, create_device
from tests.platform.devices.plants import enterprise, person

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:Workbook contains no default style")]

LATHE = DeviceDraft(
    key="CL-1",
    name="老车床",
    type="cnc-machining-centre",
    driver="modbus",
    place=(("一厂", "Works 1"), ("机加车间", "Machining")),
    options={"host": "127.0.0.1", "port": 1502},
    tags=[
        TagDraft(key="current", name="电流", unit="A", address="holding:0:float32"),
        TagDraft(key="pulse", name="脉冲", address="holding:2:uint16"),
        TagDraft(key="red", name="红灯", address="coil:0", kind="boolean"),
        TagDraft(key="green", name="绿灯", address="coil:1", kind="boolean"),
    ],
)


class Store:
    """What the telemetry store would answer."""

    def __init__(self) -> None:
        self.last: dict[int, LastValue] = {}
        self.readings: dict[int, np.ndarray] = {}
        self.away = False

    def last_values(self, orgs: object, series: list[int]) -> dict[int, LastValue]:
        if self.away:
            raise Unavailable("The store does not answer.")
        return {one: self.last[one] for one in series if one in self.last}

    def export(self, orgs: object, series: list[int], start: dt.datetime, end: dt.datetime) -> pa.Table:
        begin = int(start.timestamp() * 1e6)
        tables = []
        for one in series:
            values = self.readings.get(one, np.array([]))
            times = begin + np.arange(len(values)) * 1_000_000
            tables.append(
                pa.table(
                    {
                        "series": pa.array([one] * len(values), pa.uint32()),
                        "ts": pa.array(times, pa.timestamp("us", "UTC")),
                        "value": pa.array(values, pa.float64()),
                        "quality": pa.array([0] * len(values), pa.uint8()),
                    }
                )
            )
        return pa.concat_tables(tables)

    def tell(self, device: Device, key: str, ago: dt.timedelta = dt.timedelta(minutes=1)) -> None:
        at = timezone.now() - ago
        series = device.tags.get(key=key).pk
        self.last[series] = LastValue(series, int(at.timestamp() * 1e6), 1.0, "", 0)
        Device.objects.filter(pk=device.pk).update(last_reading_at=at)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    one = Store()
    monkeypatch.setattr("gongfu.data.telemetry.services.last_values", one.last_values)
    monkeypatch.setattr("gongfu.data.telemetry.services.export", one.export)
    return one


@pytest.fixture
def plant() -> Organisation:
    return enterprise("hengrui", "恒锐")


@pytest.fixture
def rival() -> Organisation:
    return enterprise("huasu", "华塑")


@pytest.fixture
def engineer(plant: Organisation) -> User:
    return person("li", plant)


@pytest.fixture
def lathe(plant: Organisation) -> Device:
    return create_device("test", plant, LATHE)


def signed_in(user: User) -> Client:
    User.objects.filter(pk=user.pk).update(language="en")
    client = Client()
    client.force_login(user)
    return client


def machine(plant: Organisation, number: str, **values: object) -> Machine:
    made = Machine(organisation=plant, number=number, name=f"机床 {number}", **values)
    services.prepare(made)
    return made


# inventory and rates
def test_a_new_device_is_a_machine_of_the_inventory_and_takes_the_place_of_the_one_that_waited(
    plant: Organisation, lathe: Device
) -> None:
    assert lathe.machine.number == "CL-1"
    waiting = machine(plant, "CL-2", plan="planned", cost=700)
    device = create_device(
        "test", plant, DeviceDraft(key="CL-2", name="另一台", type="cnc-lathe", driver="modbus", options={"host": "h"})
    )
    waiting.refresh_from_db()
    assert (waiting.device, waiting.plan) == (device, "done")
    assert Machine.objects.filter(organisation=plant).count() == 2


def test_an_instrument_is_no_machine_of_the_rate(plant: Organisation) -> None:
    meter = create_device(
        "test", plant, DeviceDraft(key="EM-1", name="电表", type="energy-meter", driver="modbus", options={"host": "h"})
    )
    assert meter.machine.counts is False


def test_the_connection_rate_follows_what_really_came(
    engineer: User, plant: Organisation, lathe: Device, store: Store
) -> None:
    machine(plant, "OLD-1", interfaces="stack_light")
    assert services.assess(engineer).rates.connection_rate == 0.0
    store.tell(lathe, "current")
    assert services.assess(engineer).rates.connection_rate == 50.0
    store.tell(lathe, "current", dt.timedelta(days=31))
    assert services.assess(engineer).rates.connection_rate == 0.0


def test_a_retired_device_leaves_the_rate_and_a_taken_number_keeps_no_device_out(
    engineer: User, plant: Organisation, lathe: Device, store: Store
) -> None:
    other = DeviceDraft(key="CL-9", name="另一台", type="cnc-lathe", driver="modbus", options={"host": "h"})
    Machine.objects.filter(device=lathe).update(number="CL-9")
    assert create_device("test", plant, other).machine.number != "CL-9"
    assert services.assess(engineer).rates.machines == 2
    Device.objects.filter(pk=lathe.pk).update(life=Device.Life.RETIRED)
    assert services.assess(engineer).rates.machines == 1


def test_the_page_says_the_rate_what_is_missing_and_the_cheapest_step(
    engineer: User, plant: Organisation, lathe: Device, store: Store
) -> None:
    machine(plant, "OLD-1", interfaces="stack_light,motor")
    store.tell(lathe, "current")
    page = signed_in(engineer).get("/platform/retrofit/").content.decode()
    assert "50.0 %" in page
    assert "Read its stack light" in page
    assert "Derive state and count by a recipe from the tag (脉冲)" in page
    narrowed = signed_in(engineer).get("/platform/retrofit/?level=0").content.decode()
    assert "机床 OLD-1" in narrowed
    assert "Derive state" not in narrowed


def test_without_the_store_the_page_stands_and_says_what_it_does_not_know(
    engineer: User, plant: Organisation, lathe: Device, store: Store
) -> None:
    store.away = True
    lathe.tags.filter(key="current").update(role="power")
    answer = signed_in(engineer).get("/platform/retrofit/")
    assert answer.status_code == 200
    assert "The store does not answer." in answer.content.decode()
    assert periodic.tick() == 0  # half of the truth is not noted


def test_another_enterprise_sees_nothing_of_it(
    plant: Organisation, rival: Organisation, lathe: Device, store: Store
) -> None:
    machine(plant, "OLD-1")
    client = signed_in(person("wang", rival))
    assert "OLD-1" not in client.get("/platform/retrofit/").content.decode()
    assert "OLD-1" not in client.get("/platform/retrofit/export.csv").content.decode()
    assert client.get(f"/platform/devices/{lathe.pk}/useful").status_code == 404
    assert client.get(f"/platform/machines/{lathe.machine.pk}/").status_code == 404
    assert client.get("/api/v1/data/retrofit/rates").json()["machines"] == 0


def test_each_month_is_noted_once_and_stays_as_it_was(
    engineer: User, plant: Organisation, lathe: Device, store: Store
) -> None:
    store.tell(lathe, "current")
    october = dt.datetime(2026, 10, 31, 12, tzinfo=dt.UTC)
    Device.objects.update(last_reading_at=october)
    assert services.take_standings(october) == 1
    assert services.take_standings(october) == 1
    services.take_standings(october + dt.timedelta(days=90))
    months = services.trend(engineer)
    assert [(month.isoformat(), one.connection_rate) for month, one in months] == [
        ("2026-10-01", 100.0),
        ("2027-01-01", 0.0),
    ]
    assert Standing.objects.count() == 2
    assert periodic.tick() == 0 or Standing.objects.count() == 3


def test_the_api_tells_rates_and_months(engineer: User, plant: Organisation, lathe: Device, store: Store) -> None:
    store.tell(lathe, "current")
    services.take_standings()
    told = signed_in(engineer).get("/api/v1/data/retrofit/rates").json()
    assert (told["connection_rate"], told["days"], len(told["months"])) == (100.0, 30, 1)
    assert signed_in(engineer).get("/api/v1/platform/machines").json()["total"] == 1


# spreadsheet
def sent(client: Client, text: str) -> HttpResponse:
    return client.post("/platform/retrofit/import", {"file": SimpleUploadedFile("m.csv", text.encode())})  # type: ignore[return-value]


def test_a_sheet_of_machines_comes_in_and_out_again(engineer: User, plant: Organisation, store: Store) -> None:
    client = signed_in(engineer)
    heads = "编号,名称,位置,制造年份,接口,改造状态,费用"
    sheet = f'{heads}\nM1,车床,一厂 / 机加车间,1998,"三色灯,电机",已计划,1200\n#X,样例,,,,,\n'
    assert sent(client, sheet).status_code == 200
    made = Machine.objects.get(number="M1")
    assert made.place is not None
    assert (made.interfaces, made.plan, str(made.cost), made.place.path) == (
        "stack_light,motor",
        "planned",
        "1200.00",
        "一厂 / 机加车间",
    )
    assert AuditEntry.objects.filter(action="create", object_id=str(made.pk)).exists()
    assert "1 were as they are" in sent(client, sheet).content.decode()
    book = load_workbook(io.BytesIO(client.get("/platform/retrofit/export.xlsx").content))
    rows = list(book.worksheets[0].values)
    assert "M1" in rows[1]
    again = sent(client, client.get("/platform/retrofit/export.csv").content.decode("utf-8-sig"))
    assert "1 were as they are" in again.content.decode()


def test_a_sheet_with_a_wrong_cell_changes_nothing_and_names_it(engineer: User, store: Store) -> None:
    answer = sent(
        signed_in(engineer), "number,name,year,interfaces\nM1,车床,98x,\nM2,铣床,1999,telepathy\nM1,again,,\n"
    )
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "98x" in page
    assert "telepathy" in page
    assert "twice" in page
    assert not Machine.objects.filter(number="M2").exists()


def test_a_viewer_may_look_and_not_import(plant: Organisation, store: Store) -> None:
    client = signed_in(person("zhao", plant, Role.VIEWER))
    assert client.get("/platform/retrofit/").status_code == 200
    assert sent(client, "number,name\nM1,x\n").status_code == 403


def test_the_demonstration_has_machines_that_nobody_connected(
    plant: Organisation, engineer: User, store: Store
) -> None:
    demonstration.seed(plant)
    demonstration.seed(plant)
    assert services.assess(engineer).rates.machines == 5


# make it useful
def press(seconds: int = 7200) -> np.ndarray:
    rng = np.random.default_rng(1)
    current = np.where(np.arange(seconds) < 2400, rng.normal(0.05, 0.02, seconds), rng.normal(12, 1, seconds))
    current[5000:5600] = rng.normal(3, 0.1, 600)
    return current


def test_a_clamp_becomes_a_state_by_a_preview_and_a_click(engineer: User, lathe: Device, store: Store) -> None:
    store.readings[lathe.tags.get(key="current").pk] = press()
    client = signed_in(engineer)
    page = client.get(f"/platform/devices/{lathe.pk}/useful?kind=level&input=current")
    assert page.status_code == 200
    text = page.content.decode()
    assert "band-running" in text
    assert "band-idle" in text
    Outbox.objects.all().delete()
    answer = client.post(f"/platform/devices/{lathe.pk}/useful", {"recipe": page.context["address"], "why": "clamp"})
    assert answer.status_code == 302
    state = lathe.tags.get(role="state")
    assert recipes.is_derived(state.address)
    assert Outbox.objects.filter(device=lathe.pk).exists()
    assert Version.objects.filter(device=lathe, why="clamp").exists()
    config = configuration(Device.objects.get(pk=lathe.pk))
    assert config is not None
    assert [tag.name for tag in config.tags if recipes.is_derived(tag.address)] == [state.key, "level_confidence"]


def test_made_again_the_derived_tags_keep_their_series(engineer: User, lathe: Device, store: Store) -> None:
    store.readings[lathe.tags.get(key="pulse").pk] = np.arange(3600) // 10
    for debounce in (0.05, 0.5):
        wish = making.Wish(kind="pulse", inputs={"input": "pulse"}, debounce=debounce)
        found = making.preview(lathe, wish)
        assert found.told.count == 359
        making.create(engineer, lathe, found.recipe, "")
    derived = [tag for tag in lathe.tags.all() if recipes.is_derived(tag.address)]
    assert len(derived) == 5
    assert len({tag.pk for tag in derived}) == 5
    assert all("debounce=0.5" in tag.address for tag in derived)


def test_a_stack_light_is_previewed(engineer: User, lathe: Device, store: Store) -> None:
    store.readings[lathe.tags.get(key="green").pk] = np.r_[np.ones(1800), np.zeros(1800)]
    store.readings[lathe.tags.get(key="red").pk] = np.r_[np.zeros(1800), np.ones(1800)]
    page = (
        signed_in(engineer).get(f"/platform/devices/{lathe.pk}/useful?kind=lamps&red=red&green=green").content.decode()
    )
    assert "band-fault" in page
    assert "band-running" in page


@pytest.mark.parametrize(
    "query",
    [
        "kind=level&input=current",
        "kind=level&input=nothing",
        "kind=level",
        "kind=pulse&input=pulse&modulus=x",
        "kind=lamps",
    ],
)
def test_what_cannot_be_previewed_says_why(engineer: User, lathe: Device, store: Store, query: str) -> None:
    answer = signed_in(engineer).get(f"/platform/devices/{lathe.pk}/useful?{query}")
    assert 400 <= answer.status_code < 500
    assert "note-error" in answer.content.decode()


def test_states_are_told_in_the_codes_of_the_machines_type(lathe: Device, store: Store) -> None:
    assert len(making.codes_of(None)) == 5
    store.readings[lathe.tags.get(key="pulse").pk] = np.arange(3600) // 10
    found = making.preview(lathe, making.Wish(kind="pulse", inputs={"input": "pulse"}))
    model = next(one for one in library.types() if one.id == lathe.type)
    code = recipes.code(found.recipe, recipes.State.RUNNING)
    assert next(one.category for one in model.states if one.code == code) == "running"


def test_who_may_not_edit_may_not_make_it_useful(plant: Organisation, lathe: Device, store: Store) -> None:
    client = signed_in(person("zhao", plant, Role.VIEWER))
    assert client.get(f"/platform/devices/{lathe.pk}/useful").status_code == 403


def test_a_recipe_over_tags_the_device_does_not_have_is_refused(engineer: User, lathe: Device, store: Store) -> None:
    address = recipes.write(recipes.Pulse(input="somewhere"), recipes.Output.COUNT)
    answer = signed_in(engineer).post(f"/platform/devices/{lathe.pk}/useful", {"recipe": address})
    assert answer.status_code in (400, 422)
    assert not lathe.tags.filter(address=address).exists()


def test_the_device_page_leads_there(engineer: User, lathe: Device, store: Store) -> None:
    page = signed_in(engineer).get(f"/platform/devices/{lathe.pk}/?tab=useful").content.decode()
    assert f"/platform/devices/{lathe.pk}/useful" in page
