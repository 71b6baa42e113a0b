"""The console's pages and the API, for the operator, an enterprise and everybody."""

from __future__ import annotations

import datetime as dt
import io
import json
import re
import zipfile

import pytest
from django.test import Client

from gongfu.console import demonstration, needs
from gongfu.identity.business import counting, periodic, services, templating
from gongfu.identity.business import demonstration as business_demonstration
from gongfu.identity.business.models import Application, Contract, Grant, Sample, Template
from gongfu.identity.business.services import Enterprise, Granted
from gongfu.identity.handle.wire import Value
from gongfu.identity.registry import services as registry
from gongfu.identity.registry.models import Prefix
from gongfu.identity.registry.store import IdentifierStore
from gongfu.identity.resolver import usage
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.rules import Role
from gongfu.kernel.accounts.tokens import create

from .conftest import CREDIT_CODE, Commit, Day

pytestmark = pytest.mark.django_db
HANDLE = "88.118.1/VMC-007"
HTMX = {"HX-Request": "true"}


def signed_in(user: User, language: str = "en") -> Client:
    user.language = language
    user.save()
    client = Client()
    client.force_login(user)
    return client


def text(client: Client, address: str, status: int = 200) -> str:
    answer = client.get(address)
    assert answer.status_code == status, answer.content.decode()[:2000]
    return answer.content.decode()


@pytest.fixture
def application(li: User, hengrui: Organisation, enterprise: Enterprise) -> Application:
    return services.apply(li, hengrui, enterprise, "机床", Granted(100, 5000, 2), submit=True)


@pytest.fixture
def machine(contract: Contract, machinery: Template, li: User, given: dict[str, str]) -> str:
    services.register(li, HANDLE, machinery.reference, given)
    return HANDLE


def entered(hengrui: Organisation) -> dict[str, str]:
    return {
        "organisation": str(hengrui.pk),
        "enterprise": "恒锐精密机械有限公司",
        "credit_code": CREDIT_CODE,
        "industry": "C34",
        "region": "310118",
        "contact_name": "李工",
        "contact_phone": "021-59730000",
        "intended_use": "机床",
        "registrations": "100",
        "daily_resolutions": "0",
        "years": "1",
    }


# --- applications ---


def test_an_enterprise_applies_by_form_submits_and_reads_the_story(li: User, root: User, hengrui: Organisation) -> None:
    client = signed_in(li)
    assert "310118" in text(client, "/identity/applications/new"), "regions are suggested"
    answer = client.post("/identity/applications/new", entered(hengrui))
    application = Application.objects.get()
    assert answer.headers["Location"] == f"/identity/applications/{application.pk}/"
    client.post(f"/identity/applications/{application.pk}/step/submit")
    signed_in(root).post(f"/identity/applications/{application.pk}/step/send_back", {"reason": "请补充用途"})
    page = text(client, f"/identity/applications/{application.pk}/")
    for part in ("Returned for completion", "请补充用途", "Submit for review", "General machinery", "Qingpu"):
        assert part in page, part
    assert "Accept" not in page, "only the operator accepts"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("credit_code", "91310118MA1JL3XY7X"),
        ("industry", "Z9"),
        ("region", "999999"),
        ("years", "0"),
        ("wished", "7.7"),
    ],
)
def test_a_wrong_entry_is_said_beside_its_field_and_nothing_is_lost(
    li: User, hengrui: Organisation, field: str, value: str
) -> None:
    answer = signed_in(li).post("/identity/applications/new", entered(hengrui) | {field: value})
    assert answer.status_code == 422
    assert "李工" in answer.content.decode()
    assert not Application.objects.exists()


def test_the_operator_reviews_with_the_terms_at_hand_and_accepts(
    application: Application, root: User, commit: Commit
) -> None:
    client = signed_in(root)
    address = f"/identity/applications/{application.pk}/"
    page = text(client, f"{address}?tab=review")
    assert 'name="registrations" value="100"' in page
    wrong = client.post(f"{address}accept", {"registrations": "-1", "daily_resolutions": "0", "years": "1"})
    assert wrong.status_code == 422
    with commit(execute=True):
        client.post(f"{address}accept", {"registrations": "50", "daily_resolutions": "0", "years": "1"})
    contract = Contract.objects.get()
    assert contract.registrations == 50
    story = text(client, address)
    assert "Accept and allot" in story
    assert contract.prefix.name in text(client, f"/identity/contracts/{contract.pk}/")


def test_another_enterprises_application_contract_and_grant_are_not_found(
    application: Application, contract: Contract, wang: User, li: User
) -> None:
    services.store_grant(Grant(prefix=contract.prefix, partner="nobody"), li)
    client = signed_in(wang)
    for address in (
        f"/identity/applications/{application.pk}/",
        f"/identity/applications/{application.pk}/edit",
        f"/identity/contracts/{contract.pk}/",
        f"/identity/grants/{Grant.objects.get().pk}/",
        f"/api/v1/identity/applications/{application.pk}",
        f"/api/v1/identity/contracts/{contract.pk}",
    ):
        assert client.get(address).status_code == 404, address
    for address in (
        f"/identity/applications/{application.pk}/accept",
        f"/identity/applications/{application.pk}/step/withdraw",
        f"/identity/contracts/{contract.pk}/renew",
    ):
        assert client.post(address).status_code == 404, address
    for slug in ("applications", "contracts", "grants"):
        assert "恒锐" not in text(client, f"/identity/{slug}/")


def test_an_enterprise_sees_its_application_but_may_not_decide(application: Application, li: User) -> None:
    client = signed_in(li)
    assert client.post(f"/identity/applications/{application.pk}/step/accept").status_code == 403
    accept = f"/identity/applications/{application.pk}/accept"
    assert client.post(accept, {"registrations": "1", "daily_resolutions": "1", "years": "1"}).status_code == 403
    assert client.get(f"/identity/applications/{application.pk}/?tab=review").status_code == 404
    assert client.get(f"/identity/applications/{application.pk}/edit").status_code == 403, "it is in review"


def test_what_revoking_does_is_said_before_it_is_done(contract: Contract, root: User, li: User) -> None:
    registry.register(li, "88.118.1/a", [Value(1, "URL", b"http://a.test/")])
    page = text(signed_in(root), f"/identity/contracts/{contract.pk}/step/revoke")
    assert "1 identifier stands under this prefix" in page
    assert "301" in page


def test_the_operator_raises_a_quota_on_the_contracts_form(
    contract: Contract, root: User, li: User, store: IdentifierStore, commit: Commit
) -> None:
    client = signed_in(root)
    sent = {
        "starts_on": "2026-11-20",
        "ends_on": "2027-11-19",
        "registrations": "77",
        "daily_resolutions": "5",
        "enterprise": contract.enterprise,
        "credit_code": contract.credit_code,
        "industry": "C34",
        "region": "310118",
        "contact_name": "李工",
        "contact_phone": "1",
    }
    with commit(execute=True):
        answer = client.post(f"/identity/contracts/{contract.pk}/edit", sent)
    assert answer.status_code == 302, answer.content.decode()
    assert store.limits("88.118.1").registrations == 77
    assert client.post(f"/identity/contracts/{contract.pk}/edit", sent | {"ends_on": "2020-01-01"}).status_code == 422
    assert signed_in(li).get(f"/identity/contracts/{contract.pk}/edit").status_code == 403


def test_whoever_must_act_is_told(application: Application, root: User, li: User) -> None:
    assert [need.count for need in needs.needs(root)] == [1]
    assert needs.needs(li) == []
    signed_in(root).post(f"/identity/applications/{application.pk}/step/send_back", {"reason": "x"})
    assert needs.needs(root) == []
    [need] = needs.needs(User.objects.get(pk=li.pk))
    assert need.url.endswith("?state=returned")


# --- quotas ---


def test_over_quota_is_refused_in_the_api_with_a_clear_sentence(contract: Contract, li: User) -> None:
    client = signed_in(li)
    value = {"index": 1, "type": "URL", "data": "http://a.test/"}

    def register(number: int) -> tuple[int, dict[str, object]]:
        body = json.dumps({"handle": f"88.118.1/{number}", "values": [value]})
        answer = client.post("/api/v1/identity/identifiers", body, content_type="application/json")
        return answer.status_code, answer.json()

    assert {register(number)[0] for number in range(10)} == {201}
    status, body = register(11)
    assert (status, body["code"]) == (409, "registration_limit")
    assert "10 of 10" in str(body["message"])


@pytest.mark.parametrize(("number", "said"), [(7, "(70 %)"), (8, "More than 80 %"), (10, "The quota is spent")])
def test_use_is_shown_as_a_bar_with_a_warning_from_eighty_percent(
    contract: Contract, li: User, number: int, said: str
) -> None:
    for each in range(number):
        registry.register(li, f"88.118.1/{each}", [Value(1, "URL", b"x")])
    page = text(signed_in(li), "/identity/mine/")
    assert said in page
    assert f'<progress value="{number * 10}" max="100"' in page


# --- an enterprise's own page, the overview ---


def test_my_identifiers_shows_prefix_use_contract_templates_and_what_is_shared(
    machine: str, li: User, wang: User, day: Day, contract: Contract
) -> None:
    services.store_grant(Grant(prefix=contract.prefix, partner="huasu"), li)
    page = text(signed_in(li), "/identity/mine/")
    for part in ("88.118.1", "2027-11-19", "Machinery v1", "Renew or change"):
        assert part in page, part
    theirs = text(signed_in(wang), "/identity/mine/")
    assert "No prefix yet" in theirs
    assert "88.118.1" in theirs, "shared with them"
    day.today = dt.date(2027, 11, 1)
    assert "ends in 18 days" in text(signed_in(li), "/identity/mine/")
    day.today = dt.date(2027, 12, 1)
    assert "served until 2027-12-19" in text(signed_in(li), "/identity/mine/")


def test_renewing_opens_a_form_filled_with_what_is_known(contract: Contract, li: User) -> None:
    client = signed_in(li)
    answer = client.post(f"/identity/contracts/{contract.pk}/renew")
    application = Application.objects.get()
    assert answer.headers["Location"] == f"/identity/applications/{application.pk}/edit"
    assert contract.credit_code in text(client, answer.headers["Location"])


def written(store: IdentifierStore, day: Day, today: dict[str, int], total: dict[str, int], rate: float = 2.5) -> None:
    usage.write(
        store.path,
        usage.Usage(day.now().timestamp(), day.today.isoformat(), today, total, dict.fromkeys(today, rate)),
    )


def test_the_overview_says_who_is_resolved_how_often_and_what_waits(
    machine: str, application: Application, root: User, store: IdentifierStore, day: Day
) -> None:
    written(store, day, {"88.118.1": 950}, {"88.118.1": 12000})
    client = signed_in(root)
    page = text(client, "/identity/")
    for part in ("950", "2.5 a second now", "恒锐精密机械有限公司", "Applications in review", "(95 %)"):
        assert part in page, part
    part = client.get("/identity/", headers=HTMX | {"HX-Target": "overview"}).content.decode()
    assert "<html" not in part
    assert "950" in part


def test_a_resolver_that_is_silent_is_said_to_be_and_yesterday_is_not_today(
    contract: Contract, root: User, store: IdentifierStore, day: Day
) -> None:
    written(store, day, {"88.118.1": 950}, {"88.118.1": 12000})
    day.today += dt.timedelta(days=1)
    page = text(signed_in(root), "/identity/")
    assert "does not say how fast" in page
    assert "950" not in page


def test_an_enterprise_sees_only_its_own_on_the_overview(
    contract: Contract, wang: User, store: IdentifierStore, day: Day
) -> None:
    written(store, day, {"88.118.1": 950}, {})
    page = text(signed_in(wang), "/identity/")
    assert "950" not in page
    assert "恒锐" not in page


# --- reports ---


@pytest.fixture
def counted(machine: str, li: User, store: IdentifierStore, day: Day) -> None:
    written(store, day, {}, {"88.118.1": 100})
    counting.count()
    registry.register(li, "88.118.1/second", [Value(1, "URL", b"x")])
    written(store, day, {}, {"88.118.1": 130})
    counting.count()
    day.today += dt.timedelta(days=1)
    written(store, day, {}, {"88.118.1": 7})  # the resolver began anew
    counting.count()
    counting.count()


def test_what_came_since_the_last_reading_goes_into_its_hour(counted: None) -> None:
    rows = Sample.objects.order_by("hour").values_list("registrations", "resolutions")
    assert list(rows) == [(2, 130), (0, 7)]


@pytest.mark.parametrize(
    ("by", "label", "numbers"),
    [
        ("day", "2026-11-20", ("2", "130")),
        ("hour", "2026-11-20 12:00", ("2", "130")),
        ("month", "2026-11", ("2", "137")),
        ("enterprise", "恒锐精密机械有限公司 (88.118.1)", ("2", "137")),
        ("industry", "C34 General machinery", ("2", "137")),
        ("region", "Qingpu, Shanghai", ("2", "137")),
    ],
)
def test_reports_add_up_by_time_enterprise_industry_and_region(
    counted: None, root: User, by: str, label: str, numbers: tuple[str, str]
) -> None:
    client = signed_in(root)
    page = text(client, f"/identity/reports/?by={by}&from=2026-11-19&to=2026-11-21")
    row = re.search(rf"<td>{re.escape(label)}</td>(.*?)</tr>", page)
    assert row, page[-3000:]
    assert re.findall(r'data-value="(\d+)"', row.group(1)) == list(numbers)
    assert "<bar-chart" in page
    csv = client.get(f"/identity/reports/export.csv?by={by}&from=2026-11-19&to=2026-11-21").content.decode("utf-8-sig")
    assert f"{label},{numbers[0]},{numbers[1]}" in csv.replace('"', "")


def test_a_report_can_be_had_as_a_workbook_and_by_the_api(counted: None, root: User) -> None:
    client = signed_in(root)
    book = client.get("/identity/reports/export.xlsx?by=enterprise&to=2026-11-21").content
    assert "恒锐精密" in zipfile.ZipFile(io.BytesIO(book)).read("xl/worksheets/sheet1.xml").decode()
    [row] = client.get("/api/v1/identity/report?by=industry&first=2026-11-01&last=2026-11-21").json()[:1]
    assert (row["key"], row["registrations"], row["resolutions"], row["identifiers"]) == ("C34", 2, 137, 2)


def test_an_enterprise_reports_only_on_itself(counted: None, wang: User, li: User) -> None:
    assert '"130"' in text(signed_in(li), "/identity/reports/?from=2026-11-19&to=2026-11-21")
    assert '"130"' not in text(signed_in(wang), "/identity/reports/?from=2026-11-19&to=2026-11-21")
    assert '"130"' not in text(signed_in(wang), "/identity/reports/?prefix=88.118.1&from=2026-11-19&to=2026-11-21")


@pytest.mark.parametrize(
    "query", ["by=x", "from=yesterday", "from=2026-12-01&to=2026-11-01", "by=hour&from=2020-01-01"]
)
def test_a_report_that_makes_no_sense_is_refused(root: User, query: str) -> None:
    assert signed_in(root).get(f"/identity/reports/?{query}").status_code == 422


def test_hours_that_nobody_compares_any_more_are_forgotten(counted: None, day: Day) -> None:
    assert counting.forget(day.today) == 0
    assert counting.forget(day.today + dt.timedelta(days=counting.KEEP_DAYS + 3)) == 2


def test_the_worker_counts_and_does_the_daily_work_once(contract: Contract, day: Day, li: User) -> None:
    registry.register(li, "88.118.1/a", [Value(1, "URL", b"x")])
    periodic.tick()
    periodic.tick()
    assert Sample.objects.get().registrations == 1


# --- templates ---


def test_a_template_is_taken_from_the_library_designed_and_published(root: User, operator: Organisation) -> None:
    client = signed_in(root)
    assert "Logistics unit" in text(client, "/identity/templates/library")
    answer = client.post("/identity/templates/library", {"code": "component", "organisation": operator.pk})
    template = Template.objects.get()
    here = f"/identity/templates/{template.pk}/design"
    assert answer.headers["Location"] == here
    field = {"key": "colour", "zh": "颜色", "en": "Colour", "type": "text", "grant": "public", "example": "赤"}
    assert client.post(here, field | {"do": "save"}).status_code == 302
    assert "赤" in text(client, here), "in the preview of the public page"
    client.post(here, {"do": "up", "key": "colour"})
    client.post(here, {"do": "remove", "key": "supplier_price"})
    template.refresh_from_db()
    assert [made.key for made in template.spec.fields][-2:] == ["parent_product", "colour"]
    filled = text(client, f"{here}?field=colour")
    assert 'value="颜色"' in filled
    client.post(here, field | {"do": "save", "instead_of": "colour", "zh": "外观颜色"})
    template.refresh_from_db()
    changed = template.spec.field("colour")
    assert changed is not None
    assert changed.name.zh == "外观颜色"
    client.post(f"/identity/templates/{template.pk}/step/publish")
    template.refresh_from_db()
    assert template.state == "published"
    assert client.post(here, {"do": "remove", "key": "colour"}).status_code == 409


def test_with_htmx_only_the_designer_is_exchanged_and_mistakes_stay_in_the_form(
    root: User, operator: Organisation
) -> None:
    template = templating.import_starter(root, operator, "component")
    client, here = signed_in(root), f"/identity/templates/{template.pk}/design"
    part = {**HTMX, "HX-Target": "designer"}
    moved = client.post(here, {"do": "down", "key": "product_name"}, headers=part).content.decode()
    assert "<html" not in moved
    assert moved.index("part_number") < moved.index("product_name")
    wrong = {"key": "Colour!", "zh": "颜色", "en": "Colour", "type": "text", "grant": "public", "do": "save"}
    said = client.post(here, wrong, headers=part)
    assert said.status_code == 200, "htmx shows nothing of an error status"
    assert 'value="颜色"' in said.content.decode()
    slow = wrong | {"key": "colour", "pattern": "(a+)+"}
    assert "there are no groups" in client.post(here, slow, headers=part).content.decode()
    assert client.post(here, wrong).status_code == 422, "without scripts"
    assert len(Template.objects.get(pk=template.pk).spec.fields) == len(template.spec.fields), "nothing was added"


def test_an_enterprise_may_look_at_the_operators_templates_but_not_design_them(machinery: Template, li: User) -> None:
    client = signed_in(li)
    page = text(client, f"/identity/templates/{machinery.pk}/")
    assert "rated_power" in page
    assert client.post(f"/identity/templates/{machinery.pk}/next").status_code == 403
    assert client.get(f"/identity/templates/{machinery.pk}/edit").status_code == 403
    for tab in ("preview", "difference", "details", "changes"):
        text(client, f"/identity/templates/{machinery.pk}/?tab={tab}")


def test_versions_are_compared(machinery: Template, root: User) -> None:
    second = templating.next_version(root, machinery)
    fewer = [made for made in second.spec.fields if made.key != "rated_power"]
    templating.change_fields(root, second, fewer)
    page = text(signed_in(root), f"/identity/templates/{second.pk}/?tab=difference")
    assert "rated_power" in page
    assert "values may no longer fit" in page


def test_a_template_goes_out_and_comes_in_as_json(machinery: Template, li: User, hengrui: Organisation) -> None:
    client = signed_in(li)
    sent = client.get(f"/identity/templates/{machinery.pk}/template.json")
    assert "machinery-1.json" in sent.headers["Content-Disposition"]
    file = io.BytesIO(sent.content)
    file.name = "machinery-1.json"
    answer = client.post("/identity/templates/import", {"organisation": hengrui.pk, "file": file})
    assert answer.status_code == 302
    assert Template.objects.get(organisation=hengrui).spec.fields == machinery.spec.fields
    bad = io.BytesIO(b'{"code": 7}')
    bad.name = "x.json"
    assert client.post("/identity/templates/import", {"organisation": hengrui.pk, "file": bad}).status_code == 422
    assert client.post("/identity/templates/import", {"organisation": "999999", "file": bad}).status_code in (404, 422)


def test_a_draft_of_another_organisation_is_not_found(root: User, operator: Organisation, li: User) -> None:
    draft = templating.import_starter(root, operator, "component")
    client = signed_in(li)
    for rest in ("", "design", "template.json", "register"):
        assert client.get(f"/identity/templates/{draft.pk}/{rest}").status_code == 404, rest


def test_registering_by_form_names_every_wrong_field_and_keeps_the_rest(
    contract: Contract, machinery: Template, li: User, given: dict[str, str]
) -> None:
    client, here = signed_in(li), f"/identity/templates/{machinery.pk}/register"
    assert "88.118.1" in text(client, here)
    sent = given | {"prefix": "88.118.1", "suffix": "VMC-007"}
    wrong = client.post(here, sent | {"rated_power": "viel", "made_on": ""})
    assert wrong.status_code == 422
    page = wrong.content.decode()
    assert "Rated power: viel is not a number." in page
    assert "Date of manufacture is missing." in page
    assert "立式加工中心" in page
    done = client.post(here, sent)
    assert done.headers["Location"] == "/identity/identifiers/88.118.1/VMC-007"
    again = client.post(here, sent)
    assert again.status_code == 422
    assert "already registered" in again.content.decode()


# --- who reads what, in console, API and for everybody ---


def test_the_public_page_shows_public_fields_by_name_and_no_other(machine: str) -> None:
    page = Client(headers={"cookie": "gongfu_language=en"}).get(f"/id/{machine}").content.decode()
    assert "Rated power" in page
    assert "18.5 kW" in page
    for hidden in ("2028-11-20", "215000", "batch_cost"):
        assert hidden not in page
    chinese = Client().get(f"/id/{machine}").content.decode()
    assert "额定功率" in chinese


def test_a_partner_reads_partner_fields_in_console_and_api(
    machine: str, li: User, wang: User, contract: Contract
) -> None:
    theirs = signed_in(wang)
    assert theirs.get(f"/identity/identifiers/{machine}").status_code == 404
    assert theirs.get(f"/api/v1/identity/identifiers/{machine}").status_code == 404
    answer = signed_in(li).post("/identity/grants/new", {"prefix": contract.prefix.pk, "partner": "huasu"})
    assert answer.status_code == 302, answer.content.decode()
    page = text(theirs, f"/identity/identifiers/{machine}")
    body = theirs.get(f"/api/v1/identity/identifiers/{machine}").json()
    assert "2028-11-20" in page
    assert "215000" not in page
    assert "warranty_until" in {value["type"] for value in body["values"]}
    assert "batch_cost" not in {value["type"] for value in body["values"]}
    assert "215000" in text(signed_in(li), f"/identity/identifiers/{machine}")
    assert theirs.delete(f"/api/v1/identity/identifiers/{machine}").status_code == 404


# --- for programs ---


def test_a_program_registers_with_a_template(
    contract: Contract, machinery: Template, li: User, given: dict[str, str]
) -> None:
    client = signed_in(li)

    def send(fields: dict[str, str]) -> tuple[int, dict[str, object]]:
        body = json.dumps({"handle": HANDLE, "template": machinery.reference, "fields": fields})
        answer = client.post("/api/v1/identity/identifiers-by-template", body, content_type="application/json")
        return answer.status_code, answer.json()

    status, body = send(given | {"model": "★"})
    assert status == 422
    assert "model" in body["values"]["fields"]  # type: ignore[index,call-overload]
    assert send(given)[0] == 201
    found = client.get("/api/v1/identity/template/operator/machinery@1").json()
    assert found["template"]["fields"][0]["key"] == "product_name"


def test_integrators_find_templates_at_the_national_address(machinery: Template, li: User) -> None:
    _token, key = create(li, "erp")
    headers = {"Authorization": f"Bearer {key}"}
    client = Client()
    assert client.get("/snms/api/v5/template").status_code == 401
    many = client.get("/snms/api/v5/template", headers=headers).json()
    assert (many["code"], many["data"]["total"]) == (0, 1)
    one = client.get("/snms/api/v5/template/operator/machinery@1", headers=headers).json()
    assert one["data"]["template"]["code"] == "machinery"
    missing = client.get("/snms/api/v5/template/operator/nothing@1", headers=headers)
    assert (missing.status_code, missing.json()["code"]) == (404, 404)
    assert client.get("/snms/api/v5/template?page=x", headers=headers).json()["code"] == 422


# --- demonstration, languages ---


def test_the_demonstration_has_contracts_templates_and_an_application_in_review(
    operator: Organisation, commit: Commit
) -> None:
    for number, code in enumerate(("hengrui", "huasu", "changqing"), 1):
        plant = accounts.create_organisation(code, code, parent=operator)
        with commit(execute=True):
            registry.allot_prefix("test", plant, f"88.118.{number}")
    for _again in range(2):
        with commit(execute=True):
            business_demonstration.seed(demonstration.ACTOR, operator)
    assert Contract.objects.count() == 3
    assert Template.objects.filter(state="published").count() == 4
    assert Application.objects.get().state == "submitted"
    for contract in Contract.objects.all():
        contract.full_clean()
    Application.objects.get().full_clean()


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_every_page_opens_in_both_languages(
    counted: None, application: Application, contract: Contract, machinery: Template, root: User, language: str
) -> None:
    client = signed_in(root, language)
    for address in (
        "/identity/",
        "/identity/mine/",
        "/identity/applications/",
        "/identity/applications/new",
        f"/identity/applications/{application.pk}/?tab=review",
        f"/identity/applications/{application.pk}/?tab=details",
        "/identity/contracts/",
        "/identity/contracts/new",
        f"/identity/contracts/{contract.pk}/?tab=changes",
        "/identity/templates/",
        "/identity/templates/new",
        "/identity/templates/import",
        f"/identity/templates/{machinery.pk}/?tab=preview",
        "/identity/grants/new",
        "/identity/reports/?by=region",
        "/identity/contracts/export.csv",
    ):
        text(client, address)


def test_a_viewer_may_look_but_not_apply(hengrui: Organisation, contract: Contract) -> None:
    viewer = accounts.create_user("zhou", "correct-horse-9", roles={hengrui: Role.VIEWER})
    client = signed_in(viewer)
    assert "88.118.1" in text(client, "/identity/mine/")
    assert client.get("/identity/applications/new").status_code == 403
    assert client.post(f"/identity/contracts/{contract.pk}/renew").status_code == 403


def test_a_prefix_with_a_contract_cannot_be_deleted_by_mistake(contract: Contract, root: User) -> None:
    answer = signed_in(root).post(f"/identity/prefixes/{contract.prefix_id}/delete")
    assert answer.status_code == 409
    assert Prefix.objects.filter(name="88.118.1").exists()
