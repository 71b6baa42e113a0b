"""Models as engineers, reviewers and programs meet them: the library, drafts, proposals, bindings, conformance."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import msgspec
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from gongfu.identity.registry import services as registry
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.rules import Role
from gongfu.kernel.audit.models import AuditEntry
from gongfu.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from gongfu.kernel.workflow import services as workflow
from gongfu.network.models import library, shipped
from gongfu.network.models.exporting import opcua
from gongfu.network.models.types import DeviceType
from gongfu.platform.devices import services as devices
from gongfu.platform.devices.models import Device, Tag
from gongfu.platform.devices.services import DeviceDraft, TagDraft
from gongfu.platform.modelling import observing, services, shelf
from gongfu.platform.modelling.models import Binding, InformationModel
from gongfu.platform.modelling.observing import Observed

pytestmark = pytest.mark.django_db

PUMP = DeviceDraft(
    key="P-7",
    name="七号循环泵",
    name_en="Circulation pump 7",
    type="generic-replay",
    driver="modbus",
    options={"host": "127.0.0.1", "port": 15020, "unit": 3},
    tags=[
        TagDraft(key="FT101", name="流量", unit="m3/h", address="holding:0:float32"),
        TagDraft(key="HD102", name="扬程", unit="m", address="holding:2:float32"),
        TagDraft(key="VIB", name="振动", unit="mm/s", address="holding:4:float32"),
        TagDraft(key="TE1", name="轴承温度", unit="℃", address="holding:6:float32"),
        TagDraft(key="PWR", name="有功功率", unit="W", address="holding:8:float32"),
        TagDraft(key="STS", name="运行状态", address="holding:10:uint16"),
    ],
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
def manager(plants: tuple[Organisation, Organisation]) -> User:
    return accounts.create_user("wang", "correct-horse-9", roles={plants[0]: Role.ADMIN})


@pytest.fixture
def stranger(plants: tuple[Organisation, Organisation]) -> User:
    return accounts.create_user("zhao", "correct-horse-9", roles={plants[1]: Role.ADMIN})


@pytest.fixture
def pump(engineer: User, plants: tuple[Organisation, Organisation]) -> Device:
    return devices.create_device(engineer, plants[0], PUMP)


@pytest.fixture
def behaviour() -> Iterator[dict[str, Observed]]:
    """What telemetry would say, by key of the tag."""
    seen: dict[str, Observed] = {}

    def observe(organisation: int, tags: Collection[int]) -> Mapping[int, Observed]:
        keys = dict(Tag.objects.filter(pk__in=tags).values_list("pk", "key"))
        return {pk: seen[key] for pk, key in keys.items() if key in seen}

    before = list(observing._observers)
    observing.use(observe)
    yield seen
    observing._observers[:] = before


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def published(code: str) -> InformationModel:
    return InformationModel.objects.get(organisation=None, code=code, state="published")


def test_the_library_stands_in_the_database_and_is_not_put_there_twice() -> None:
    assert InformationModel.objects.filter(organisation=None).count() == len(library.types()) - 1  # not the replay
    assert shelf.sync_library() == 0
    assert published("chiller").spec == library.type_by_id("chiller")


def test_a_newer_version_of_the_library_supersedes_the_older_and_both_stay(engineer: User) -> None:
    old = published("chiller")
    old.version, old.number = "0.9.0", 9 * 10**6
    old.save()
    assert shelf.sync_library() == 1
    old.refresh_from_db()
    assert (old.state, published("chiller").version) == ("superseded", "1.0.0")
    page = signed_in(engineer).get(f"/network/models/{published('chiller').pk}/?tab=versions").content.decode()
    assert "0.9.0" in page


@pytest.mark.parametrize(("wanted", "found"), [("空压机", "screw-air-compressor"), ("GB/T 32224", "heat-meter")])
def test_models_are_found_by_name_and_by_standard(engineer: User, wanted: str, found: str) -> None:
    page = signed_in(engineer).get("/network/models/", {"q": wanted}).content.decode()
    assert found in page
    assert "wood-dryer" not in page


def test_every_page_of_a_model_answers_in_both_languages(engineer: User) -> None:
    client = signed_in(engineer)
    model = published("hydraulic-press")
    for tab in ("tags", "behaviour", "mappings", "versions", "devices", "details", "changes"):
        for language in ("zh-hans", "en"):
            answer = client.get(f"/network/models/{model.pk}/?tab={tab}", headers={"accept-language": language})
            assert answer.status_code == 200, tab


@pytest.mark.parametrize("kind", list(services.EXPORTS))
def test_a_model_is_offered_as_files_for_other_systems(engineer: User, kind: str) -> None:
    model = published("steam-boiler")
    answer = signed_in(engineer).get(f"/network/models/{model.pk}/export/{kind}")
    assert answer.status_code == 200
    assert "steam-boiler-1.0.0" in answer["Content-Disposition"]
    assert "锅炉" in answer.content.decode()


def test_an_own_model_goes_from_draft_through_review_to_published(
    engineer: User, manager: User, plants: tuple[Organisation, Organisation]
) -> None:
    client = signed_in(engineer)
    client.post(f"/network/models/{published('gear-pump').pk}/draft")
    draft = InformationModel.objects.get(organisation=plants[0], code="gear-pump")
    spec = draft.spec
    text = msgspec.json.encode(msgspec.structs.replace(spec, name=spec.name.__class__("本厂齿轮泵", "Our gear pump")))
    assert client.post(f"/network/models/{draft.pk}/content", {"content": text.decode()}).status_code == 302
    workflow.perform(draft, "submit", engineer)
    with pytest.raises(Forbidden):
        workflow.perform(draft, "publish", engineer)
    done = workflow.perform(draft, "publish", manager)
    assert isinstance(done, InformationModel)
    assert (done.state, done.name) == ("published", "本厂齿轮泵")
    with pytest.raises(Conflict, match="no draft"):
        services.write_content(engineer, done, text.decode())
    assert client.get(f"/network/models/{draft.pk}/content").status_code == 409
    assert client.get(f"/network/models/{draft.pk}/edit").status_code == 403


def test_a_breaking_change_under_a_small_version_is_not_published(
    engineer: User, manager: User, plants: tuple[Organisation, Organisation]
) -> None:
    first = services.draft_from(engineer, plants[0], library.type_by_id("gear-pump"))
    workflow.perform(workflow.perform(first, "submit", engineer), "publish", manager)
    second = services.draft_from(engineer, plants[0], library.type_by_id("gear-pump"))
    assert second.version == "1.1.0"
    spec = second.spec
    broken = msgspec.structs.replace(spec, tags=[tag for tag in spec.tags if tag.key != "flow"])
    services.write_content(engineer, second, msgspec.json.encode(broken).decode())
    with pytest.raises(Invalid, match=r"version 2\.0\.0 or higher"):
        workflow.perform(second, "submit", engineer)
    services.write_content(
        engineer, second, msgspec.json.encode(msgspec.structs.replace(broken, version="2.0.0")).decode()
    )
    workflow.perform(workflow.perform(second, "submit", engineer), "publish", manager)
    first.refresh_from_db()
    assert first.state == "superseded"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"tags": 3}', '{"id":"x","version":"1","name":{"zh":"a"}}'])
def test_a_draft_that_cannot_be_read_is_refused_and_nothing_is_lost(
    engineer: User, plants: tuple[Organisation, Organisation], content: str
) -> None:
    draft = services.draft_from(engineer, plants[0], library.type_by_id("gear-pump"))
    answer = signed_in(engineer).post(f"/network/models/{draft.pk}/content", {"content": content})
    assert answer.status_code == 422
    draft.refresh_from_db()
    assert draft.spec.tag("flow") is not None


def test_another_organisations_model_is_not_found(
    engineer: User, stranger: User, plants: tuple[Organisation, Organisation]
) -> None:
    draft = services.draft_from(engineer, plants[0], library.type_by_id("gear-pump"))
    client = signed_in(stranger)
    for page in ("", "content", "export/json"):
        assert client.get(f"/network/models/{draft.pk}/{page}").status_code == 404, page
    with pytest.raises(Forbidden):
        services.draft_from(stranger, plants[0], library.type_by_id("gear-pump"))
    assert client.post(f"/network/models/{draft.pk}/draft").status_code == 404


def test_a_nodeset_becomes_drafts(engineer: User, plants: tuple[Organisation, Organisation]) -> None:
    client = signed_in(engineer)
    content = opcua.write(library.type_by_id("process-scale"), "2026-01-01T00:00:00Z")

    def file() -> SimpleUploadedFile:
        return SimpleUploadedFile("scale.xml", content)

    assert "Industrial scale" in client.post("/network/models/import", {"files": [file()]}).content.decode()
    made = client.post("/network/models/import", {"files": [file()], "type": ["process-scale"]})
    assert made.status_code == 302, made.content.decode()
    draft = InformationModel.objects.get(organisation=plants[0])
    assert draft.origin == "nodeset"
    assert {"gross_weight", "net_weight"} <= {tag.key for tag in draft.spec.tags}
    bad = client.post("/network/models/import", {"files": [SimpleUploadedFile("bad.xml", b"<html/>")]})
    assert bad.status_code == 422
    assert "bad.xml" in bad.content.decode()


def test_a_standard_nodeset_of_the_build_becomes_drafts_without_uploading_any(
    engineer: User, plants: tuple[Organisation, Organisation], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    base = tmp_path / "base.xml"
    base.write_bytes(opcua.write(library.type_by_id("process-scale"), "2026-01-01T00:00:00Z"))
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    client = signed_in(engineer)
    [offered] = shipped.models()
    assert offered.file in client.get("/network/models/import").content.decode()
    page = client.post("/network/models/import", {"shipped": "base.xml"}).content.decode()
    assert "Industrial scale" in page
    assert client.post("/network/models/import", {"shipped": "base.xml", "type": ["process-scale"]}).status_code == 302
    assert InformationModel.objects.get(organisation=plants[0]).origin == "nodeset"
    assert client.post("/network/models/import", {"shipped": "../../secret"}).status_code == 422


def test_the_right_model_is_proposed_first_with_a_reason_for_each_tag(engineer: User, pump: Device) -> None:
    (model, proposal), *_others = services.propose(engineer, pump)
    assert model.code == "centrifugal-pump"
    pairs = {pair.model_tag: pair for pair in proposal.pairs}
    assert pairs["flow"].device_tag == "FT101"
    assert {"name", "unit"} <= set(pairs["flow"].reasons)
    assert "unit_converts" in pairs["power"].reasons
    page = signed_in(engineer).get(f"/network/bind/{pump.pk}")
    assert "离心泵" in page.content.decode()


def test_a_confirmed_binding_shows_how_well_the_device_keeps_it(
    engineer: User, pump: Device, behaviour: dict[str, Observed]
) -> None:
    behaviour |= {
        "FT101": Observed(age=1, lowest=0, highest=80),
        "PWR": Observed(age=1, lowest=900, highest=18500),
        "VIB": Observed(age=90000, lowest=0, highest=99),
        "STS": Observed(age=1, lowest=0, highest=7, values=[0, 1, 7]),
    }
    client = signed_in(engineer)
    model = published("centrifugal-pump")
    assert client.get(f"/network/bind/{pump.pk}?model={model.pk}").status_code == 200
    chosen = {"tag.flow": "FT101", "tag.power": "PWR", "tag.vibration": "VIB", "tag.state": "STS"}
    answer = client.post(f"/network/bind/{pump.pk}", {"model": model.pk, **chosen, "tag.head": ""})
    assert answer.status_code == 302
    binding = Binding.objects.get(device=pump)
    found = {(finding.tag, finding.code) for finding in services.report_of(binding).findings}
    assert {("power", "unit_converts"), ("vibration", "stale"), ("vibration", "range")} <= found
    assert ("state", "state_unknown") in found
    assert 0 < binding.percent < 100
    assert AuditEntry.objects.filter(action="bind").exists()
    page = client.get(f"/platform/devices/{pump.pk}/?tab=model").content.decode()
    assert "7" in page
    assert "离心泵" in page
    assert client.get(f"/network/conformance/{binding.pk}/").status_code == 200
    assert client.get("/network/conformance/").status_code == 200
    assert services.model_of(pump) == model.spec

    behaviour["STS"] = Observed(age=1, lowest=0, highest=1, values=[0, 1])
    client.post("/network/conformance/do/check", {"pk": binding.pk})
    services.check(binding)
    assert ("state", "state_unknown") not in {(f.tag, f.code) for f in services.report_of(binding).findings}


@pytest.mark.parametrize("pairs", [{"flow": "NOPE"}, {"nope": "FT101"}, {"flow": "FT101", "head": "FT101"}])
def test_pairs_that_make_no_sense_are_refused(engineer: User, pump: Device, pairs: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        services.bind(engineer, pump, published("centrifugal-pump"), pairs)


def test_another_organisations_device_is_neither_proposed_for_nor_bound(stranger: User, pump: Device) -> None:
    client = signed_in(stranger)
    assert client.get(f"/network/bind/{pump.pk}").status_code == 404
    assert client.post(f"/network/bind/{pump.pk}", {"model": "1"}).status_code == 404
    assert client.get(f"/api/v1/platform/device-models/{pump.pk}/proposals").status_code == 404
    with pytest.raises(NotFound):
        services.bound_for(stranger, pump.pk)
    with pytest.raises(Forbidden):
        services.bind(stranger, pump, published("centrifugal-pump"), {})


def test_programs_propose_bind_and_read_the_report(engineer: User, pump: Device) -> None:
    client = signed_in(engineer)
    base = f"/api/v1/platform/device-models/{pump.pk}"
    assert client.get(base).status_code == 404
    first = client.get(f"{base}/proposals").json()[0]
    bound = client.put(base, json.dumps({"model": first["model"]}), content_type="application/json")
    assert bound.status_code == 200, bound.content
    report = client.get(base).json()
    assert report["code"] == "centrifugal-pump"
    assert {finding["code"] for finding in report["findings"]} >= {"never"}
    exported = client.get(f"/api/v1/platform/models/{first['model']}/json")
    assert msgspec.json.decode(exported.content, type=DeviceType).id == "centrifugal-pump"
    assert client.get("/api/v1/network/models?q=GB 19577").json()["total"] == 1


def test_a_model_that_is_only_a_draft_cannot_be_bound(
    engineer: User, pump: Device, plants: tuple[Organisation, Organisation]
) -> None:
    draft = services.draft_from(engineer, plants[0], library.type_by_id("gear-pump"))
    with pytest.raises(Conflict):
        services.bind(engineer, pump, draft, {})
