"""Discovery in console and API: who may, what is asked of the gateway, what is kept and shown, who sees it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from django.test import Client

from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.rules import Role
from gongfu.kernel.audit.models import AuditEntry
from gongfu.kernel.errors import NotFound, Unavailable, packed
from gongfu.network.discovery.shapes import Finding as Told
from gongfu.network.discovery.shapes import Progress
from gongfu.network.drivers.contract import Identity, Point
from gongfu.network.gateway.asking import Answer, Failed, Halt, Look, Question, Scan, Scanned
from gongfu.platform.devices import applying, desk
from gongfu.platform.discovery import proposals
from gongfu.platform.discovery.models import Finding, ScanPermit
from gongfu.platform.discovery.models import Scan as Kept
from tests.platform.devices.plants import but, enterprise, person

pytestmark = pytest.mark.django_db
PUMP = [
    Point(address=f"ns=2;s=pump.{name}", name=name, kind="number", unit=unit)
    for name, unit in (("flow", "m³/h"), ("head", "m"), ("speed", "r/min"), ("bearing_temperature", "°C"))
]
FORM = {"targets": "192.168.1.0/24", "probe": ["modbus", "s7"], "browse": "1"}


def meter(address: str = "192.168.1.7", **more: Any) -> Told:
    found = Told(
        address=address,
        port=502,
        probe="modbus",
        protocol="Modbus TCP",
        driver="modbus",
        options={"host": address},
        identity=Identity(vendor="Acme", product="Meter 9", serial_number="4711"),
    )
    return msgspec.structs.replace(found, **more)


class Gateway:
    """Plays the gateway: remembers what it was asked, and has found ``findings``."""

    def __init__(self) -> None:
        self.asked: list[Question] = []
        self.findings: list[Told] = []
        self.state = "running"
        self.failure: Exception | None = None

    def ask(self, gateway: str, question: Question) -> Answer:
        self.asked.append(question)
        if isinstance(self.failure, Unavailable):
            raise self.failure
        if self.failure is not None:
            return Failed(problem=packed(self.failure), code="x")
        assert isinstance(question, Scan | Look | Halt)
        if isinstance(question, Halt):
            self.state = "stopped"
        since = 0 if isinstance(question, Scan) else question.since
        told = self.findings[since : since + 2]
        plain = {"state": self.state, "tried": len(self.findings), "total": 508}
        progress = msgspec.convert(plain, Progress)
        more = since + len(told) < len(self.findings)
        return Scanned(progress=msgspec.structs.replace(progress, findings=told, more=more))


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Gateway:
    made = Gateway()
    monkeypatch.setattr(desk, "ask", made.ask)
    return made


@pytest.fixture
def plant() -> Organisation:
    made = enterprise("hengrui", "恒锐")
    ScanPermit.objects.create(organisation=made, enabled=True, networks="192.168.1.0/24\n10.0.0.0/8")
    return made


@pytest.fixture
def li(plant: Organisation) -> User:
    return person("li", plant)


def signed_in(user: User) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(user)
    user.language = "en"
    user.save()
    return client


def started(user: User, **changed: Any) -> Kept:
    answer = signed_in(user).post("/platform/discovery/", FORM | changed)
    assert answer.status_code == 302, answer.content.decode()
    return Kept.objects.latest("pk")


def page(user: User, scan: Kept, **headers: str) -> str:
    answer = signed_in(user).get(f"/platform/discovery/{scan.pk}/", headers=headers)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_scan_shows_progress_then_what_it_found_and_how_it_differs(gateway: Gateway, li: User) -> None:
    scan = started(li)
    begun = gateway.asked[0]
    assert isinstance(begun, Scan)
    assert [wish.probe for wish in begun.order.wishes] == ["modbus", "s7"]
    assert 'hx-trigger="every 2s"' in page(li, scan)
    gateway.findings = [meter(), meter("192.168.1.8"), meter("192.168.1.9")]
    assert "3 devices answered" in page(li, scan)
    gateway.state = "done"
    shown = page(li, scan, hx_target="scan")
    assert "<html" not in shown
    assert "hx-trigger" not in shown
    assert "Meter 9" in shown
    assert f"from=finding-{Finding.objects.latest('pk').pk}" in shown
    gateway.findings = [
        meter(),
        meter("192.168.1.8", identity=Identity(vendor="Acme", product="Meter 9", serial_number="4712")),
        meter("192.168.1.10"),
    ]
    again = started(li)
    shown = page(li, again)
    news = dict(again.findings.values_list("address", "news"))
    assert news == {"192.168.1.7": "known", "192.168.1.8": "changed", "192.168.1.10": "new"}
    assert "192.168.1.9:502" in shown.split("Gone since the last scan")[1]


def test_who_scanned_what_and_what_was_found_is_in_the_audit_log(gateway: Gateway, li: User) -> None:
    scan = started(li)
    gateway.findings, gateway.state = [meter()], "done"
    page(li, scan)
    page(li, scan)
    begun, ended = AuditEntry.objects.filter(object_type="discovery.scan").order_by("sequence")
    assert (begun.actor, begun.action, ended.action) == ("li", "scan", "scan_ended")
    assert json.loads(begun.after)["targets"] == "192.168.1.0/24"
    assert json.loads(begun.after)["protocols"] == "modbus, s7"
    assert "192.168.1.7:502 Meter 9" in json.loads(ended.after)["findings"]
    assert (begun.organisation_id, ended.organisation_id) == (scan.organisation_id, scan.organisation_id)


def test_nobody_scans_before_an_administrator_permits_it(gateway: Gateway) -> None:
    other = enterprise("other", "别家")
    wang = person("wang", other)
    client = signed_in(wang)
    assert 'id="not-permitted"' in client.get("/platform/discovery/").content.decode()
    assert client.post("/platform/discovery/", FORM).status_code == 403
    ScanPermit.objects.create(organisation=other, enabled=False, networks="192.168.1.0/24")
    assert client.post("/platform/discovery/", FORM).status_code == 403
    assert gateway.asked == []


@pytest.mark.parametrize("targets", ["192.168.2.0/24", "8.8.8.8", "127.0.0.1", "10.0.0.1 192.168.2.1"])
def test_addresses_outside_the_permit_are_refused(gateway: Gateway, li: User, targets: str) -> None:
    answer = signed_in(li).post("/platform/discovery/", FORM | {"targets": targets})
    assert answer.status_code == 403
    assert "may not be scanned" in answer.content.decode()
    assert gateway.asked == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"targets": ""},
        {"targets": "press"},
        {"targets": "10.0.0.0/8"},
        {"probe": []},
        {"probe": ["telnet"]},
        {"ports": "modbus"},
        {"ports": "modbus 70000"},
        {"ports": "opcua 4841"},
        {"ports": "modbus 1 2 3 4 5"},
    ],
)
def test_a_wrong_form_keeps_what_was_entered_and_says_what_is_wrong(
    gateway: Gateway, li: User, wrong: dict[str, Any]
) -> None:
    answer = signed_in(li).post("/platform/discovery/", FORM | wrong)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.content.decode()
    assert gateway.asked == []


def test_other_ports_are_asked_for_by_protocol(gateway: Gateway, li: User) -> None:
    started(li, ports="modbus 1502 1503, s7:1102")
    begun = gateway.asked[0]
    assert isinstance(begun, Scan)
    assert {wish.probe: wish.ports for wish in begun.order.wishes} == {"modbus": [1502, 1503], "s7": [1102]}


def test_operators_and_other_organisations_neither_scan_nor_see(
    gateway: Gateway, li: User, plant: Organisation
) -> None:
    gateway.findings, gateway.state = [meter()], "done"
    scan = started(li)
    page(li, scan)
    finding = Finding.objects.get()
    stranger = signed_in(person("wang", enterprise("other", "别家")))
    for address in (
        f"/platform/discovery/{scan.pk}/",
        f"/platform/devices/new?from=finding-{finding.pk}",
        f"/platform/findings/{finding.pk}/",
        f"/api/v1/platform/discovery-scans/{scan.pk}",
    ):
        assert stranger.get(address).status_code == 404, address
    assert stranger.post(f"/platform/discovery/{scan.pk}/stop").status_code == 404
    assert "Meter 9" not in stranger.get("/platform/findings/").content.decode()
    operator = signed_in(person("zhao", plant, Role.OPERATOR))
    assert operator.post("/platform/discovery/", FORM).status_code == 403
    assert operator.post(f"/platform/discovery/{scan.pk}/stop").status_code == 403
    assert operator.get(f"/platform/discovery/{scan.pk}/").status_code == 200


def test_engineers_do_not_write_their_own_permit(li: User) -> None:
    permit = ScanPermit.objects.get()
    client = signed_in(li)
    assert client.get("/platform/scan-permits/").status_code == 200
    answer = client.post(f"/platform/scan-permits/{permit.pk}/edit", {"networks": "0.0.0.0/0", "enabled": "on"})
    assert answer.status_code in (403, 404)
    permit.refresh_from_db()
    assert permit.networks == "192.168.1.0/24\n10.0.0.0/8"


def test_set_up_leads_to_the_form_filled_in_with_what_was_found(gateway: Gateway, li: User) -> None:
    pump = meter(
        probe="opcua",
        driver="opcua",
        options={"endpoint": "opc.tcp://192.168.1.7:4840/"},
        identity=Identity(vendor="KSB", product="Centrifugal pump", serial_number="88"),
        points=PUMP,
    )
    gateway.findings, gateway.state = [pump], "done"
    page(li, started(li))
    finding = Finding.objects.get()
    assert finding.proposals[0][0] == "centrifugal-pump"
    shown = signed_in(li).get(f"/platform/devices/new?from=finding-{finding.pk}").content.decode()
    assert "opc.tcp://192.168.1.7:4840/" in shown
    assert 'value="centrifugal-pump" selected' in shown
    for text in ('value="KSB"', 'value="88"', "ns=2;s=pump.flow", "ns=2;s=pump.speed"):
        assert text in shown, text


def test_what_is_configured_already_leads_to_the_device(gateway: Gateway, li: User, plant: Organisation) -> None:
    done = applying.put(li, plant, but(options={"host": "192.168.1.7"}))
    assert done.device is not None
    gateway.findings, gateway.state = [meter(), meter("192.168.1.8")], "done"
    shown = page(li, started(li))
    assert f"/platform/devices/{done.device.pk}/" in shown
    assert shown.count("from=finding-") == 1


def test_a_broker_is_told_of_and_cannot_be_set_up(gateway: Gateway, li: User) -> None:
    gateway.findings, gateway.state = [meter(probe="mqtt-broker", driver="", protocol="MQTT", options={})], "done"
    assert "from=finding-" not in page(li, started(li))
    assert signed_in(li).get(f"/platform/devices/new?from=finding-{Finding.objects.get().pk}").status_code == 409


def test_a_gateway_that_refuses_or_is_away_is_named_as_the_reason(gateway: Gateway, li: User) -> None:
    gateway.failure = NotFound("The gateway does not know this scan.")
    assert "does not know this scan" in page(li, started(li))
    gateway.failure = Unavailable("The gateway is not running.")
    scan = started(li)
    assert scan.state == Kept.State.FAILED
    assert "not running" in page(li, scan)


def test_a_running_scan_outlives_a_moment_without_its_gateway(gateway: Gateway, li: User) -> None:
    scan = started(li)
    gateway.failure = Unavailable("away")
    assert 'hx-trigger="every 2s"' in page(li, scan)
    gateway.failure = None
    gateway.findings = [meter()]
    assert "1 device answered" in page(li, scan)


def test_one_scan_at_a_time_and_it_can_be_stopped(gateway: Gateway, li: User) -> None:
    scan = started(li)
    assert signed_in(li).post("/platform/discovery/", FORM).status_code == 409
    gateway.findings = [meter()]
    signed_in(li).post(f"/platform/discovery/{scan.pk}/stop")
    scan.refresh_from_db()
    assert (scan.state, scan.found) == (Kept.State.STOPPED, 1)
    assert AuditEntry.objects.filter(action="scan_stopped", actor="li").count() == 1


def test_programs_scan_by_the_api(gateway: Gateway, li: User, plant: Organisation) -> None:
    client = signed_in(li)
    wanted = {"organisation": plant.pk, "targets": "192.168.1.7", "protocols": ["modbus"], "rate": 5}
    begun = client.post("/api/v1/platform/discovery-scans", wanted, content_type="application/json")
    assert begun.status_code == 200, begun.content
    gateway.findings, gateway.state = [meter()], "done"
    told = client.get(f"/api/v1/platform/discovery-scans/{begun.json()['id']}").json()
    assert told["state"] == "done"
    assert [(one["address"], one["product"], one["news"]) for one in told["findings"]] == [
        ("192.168.1.7", "Meter 9", "new")
    ]
    other = enterprise("other", "别家")
    refused = client.post(
        "/api/v1/platform/discovery-scans", wanted | {"organisation": other.pk}, content_type="application/json"
    )
    assert refused.status_code == 404
    assert client.get("/api/v1/platform/findings").json()["total"] == 1


def test_a_name_alone_is_never_a_sure_proposal() -> None:
    found = proposals.propose(Identity(product="Centrifugal pump"), [])
    assert found[0].type == "centrifugal-pump"
    assert found[0].score <= 0.5
    assert proposals.propose(Identity(product="6ES7 315"), []) == []
