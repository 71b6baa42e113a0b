"""Documents, calculator, ledger and what-if as officials and enterprises meet them."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from openpyxl import load_workbook

from gongfu.governance.support import services
from gongfu.governance.support.models import Beneficiary, LedgerEntry, SchemeVersion
from gongfu.governance.support.services import Draft
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.rules import Role
from gongfu.kernel.pages import xlsx
from tests.governance.support.office import DAY, asked, authority, code, had, official, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:Workbook contains no default style")]

_ALL = "&".join(
    f"fact={one}"
    for one in (
        *("legal_person", "operates_here", "registered_here", "taxed_here"),
        *("in_operation", "good_credit", "fits_direction", "capable"),
    )
)
_CLOUD = "clause=3.1&fact-3.1=small_or_medium&fact-3.1=core_on_platform&year-3.1=2023&matter-3.1=cloud"


@pytest.fixture
def office() -> Organisation:
    return authority()


@pytest.fixture
def li(office: Organisation) -> User:
    return official("li", office)


@pytest.fixture
def wang(office: Organisation) -> User:
    return official("wang", office)


@pytest.fixture
def plant() -> Organisation:
    return Organisation.objects.create(code="hengrui", name="恒锐", credit_code=code(1))


@pytest.fixture
def zhao(plant: Organisation) -> User:
    return official("zhao", plant)


@pytest.fixture
def enterprise(li: User, office: Organisation, plant: Organisation) -> Beneficiary:
    return services.enterprise_called(li, office, "恒锐机械", code(1))


def upload(name: str, data: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data)


# documents
def test_a_document_shows_every_clause_in_its_own_words_beside_the_rule(zhao: User) -> None:
    page = signed_in(zhao).get("/governance/support/documents/qingpu-2022/").content.decode()
    assert "年度发生费用不超过 5000 元(含 5000 元)的，全额补贴" in page
    assert "¥20,000.00" in page
    assert "The cap holds for the whole sum." in page
    assert "The cap holds for what lies above the last threshold alone." in page
    assert signed_in(zhao).get("/governance/support/documents/none-1/").status_code == 404


def test_the_room_governance_leads_to_the_documents(zhao: User) -> None:
    page = signed_in(zhao).get("/governance/support/").content.decode()
    assert "青浦" in page or "Qingpu" in page
    assert "/governance/support/what-if/" not in page


# calculator
@pytest.mark.parametrize(
    ("fees", "due"), [("5000", "5,000.00"), ("12000", "8,500.00"), ("1.2万", "8,500.00"), ("50,000", "20,000.00")]
)
def test_the_calculator_says_what_cloud_fees_bring(zhao: User, fees: str, due: str) -> None:
    address = f"/governance/support/try/?document=qingpu&on=2024-06-01&{_ALL}&{_CLOUD}&basis-3.1={fees}"
    page = signed_in(zhao).get(address).content.decode()
    assert f"Due altogether</span> <b>¥{due}" in page or f"<b>¥{due}</b>" in page
    assert LedgerEntry.objects.count() == Beneficiary.objects.count() == 0


def test_an_unticked_condition_is_named_in_its_own_words_and_what_it_would_bring(zhao: User) -> None:
    address = f"/governance/support/try/?document=qingpu&on=2024-06-01&{_ALL}&clause=3.1&basis-3.1=12000&year-3.1=2023"
    page = signed_in(zhao).get(address).content.decode()
    assert "Not fulfilled or not shown: is a small or medium enterprise." in page
    assert "With what is missing the clause would give up to 8,500 yuan." in page
    chinese = signed_in(zhao).get(address, headers={"accept-language": "zh-hans"})
    assert chinese.status_code == 200


def test_of_two_clauses_for_one_matter_the_higher_counts_on_the_page(zhao: User) -> None:
    both = "clause=2.1&clause=2.2&fact-2.1=enterprise_platform&fact-2.1=reviewed_and_published"
    both += "&fact-2.2=industry_platform&fact-2.2=reviewed_and_published&basis-2.1=5000000&basis-2.2=5000000"
    page = signed_in(zhao).get(f"/governance/support/try/?document=qingpu&on=2024-06-01&{_ALL}&{both}")
    assert "¥1,000,000.00</b>" in page.content.decode()
    assert "就高不就低" in page.content.decode()


def test_what_the_ledger_holds_is_taken_off(li: User, zhao: User, enterprise: Beneficiary) -> None:
    had(li, enterprise, "200000", matter="平台")
    claim = "clause=2.1&fact-2.1=enterprise_platform&fact-2.1=reviewed_and_published&basis-2.1=5000000&matter-2.1=平台"
    for user in (li, zhao):
        address = f"/governance/support/try/?document=qingpu&on=2024-06-01&enterprise={enterprise.pk}&{_ALL}&{claim}"
        page = signed_in(user).get(address).content.decode()
        assert "¥300,000.00</b>" in page
        assert "200,000 yuan have been had for this matter" in page


@pytest.mark.parametrize("absurd", ["-5", "NaN", "1e40", "Infinity", "many", "9" * 60])
def test_an_absurd_sum_is_refused_with_a_reason_and_the_form_keeps_it(zhao: User, absurd: str) -> None:
    address = f"/governance/support/try/?document=qingpu&on=2024-06-01&{_ALL}&{_CLOUD}&basis-3.1={absurd}"
    found = signed_in(zhao).get(address)
    assert found.status_code == 422
    assert f'value="{absurd}"' in found.content.decode()


@pytest.mark.parametrize("query", ["on=yesterday", "document=none", "document=a-b", "enterprise=999", "enterprise=x"])
def test_a_wrong_address_of_the_calculator_says_so(zhao: User, query: str) -> None:
    assert signed_in(zhao).get(f"/governance/support/try/?{query}").status_code in (404, 422)


def test_programs_ask_the_same(zhao: User) -> None:
    facts = sorted(asked("3.1").facts)
    body = {
        "on": "2024-06-01",
        "claims": [{"document": "qingpu", "clause": "3.1", "basis": "12000", "year": 2023, "facts": facts}],
    }
    found = signed_in(zhao).post("/api/v1/governance/support/try", body, content_type="application/json")
    assert found.status_code == 200, found.content
    assert found.json()["due"] in ("8500.00", "8500", 8500.0)
    assert any(line["cite"] == "青浦附件2 二(三)1" for line in found.json()["results"][0]["lines"])


# tenants
def test_an_enterprise_sees_its_own_ledger_and_no_other(
    li: User, zhao: User, office: Organisation, enterprise: Beneficiary
) -> None:
    other = services.enterprise_called(li, office, "华塑", code(2))
    had(li, enterprise, "1000", matter="mine-of-hengrui")
    had(li, other, "2000", matter="of-huasu")
    own, foreign = (LedgerEntry.objects.get(enterprise=one) for one in (enterprise, other))
    client = signed_in(zhao)
    page = client.get("/governance/ledger/").content.decode()
    assert "mine-of-hengrui" in page
    assert "of-huasu" not in page
    assert client.get(f"/governance/ledger/{own.pk}/").status_code == 200
    assert client.get(f"/governance/ledger/{foreign.pk}/").status_code == 404
    assert client.get(f"/governance/beneficiaries/{other.pk}/").status_code == 404
    assert client.get(f"/governance/support/try/?enterprise={other.pk}").status_code == 404
    assert "of-huasu" not in client.get("/governance/ledger/export.csv").content.decode()


def test_an_enterprise_changes_nothing(zhao: User, enterprise: Beneficiary, li: User) -> None:
    had(li, enterprise, "1000")
    entry = LedgerEntry.objects.get()
    client = signed_in(zhao)
    assert client.get("/governance/support/enter/").status_code == 403
    assert client.get("/governance/support/import/").status_code == 403
    assert client.get("/governance/support/what-if/").status_code == 403
    assert client.post(f"/governance/ledger/{entry.pk}/correct", {"reason": "x"}).status_code == 403
    assert LedgerEntry.objects.count() == 1


def test_an_official_of_another_district_sees_nothing(li: User, enterprise: Beneficiary) -> None:
    had(li, enterprise, "1000", matter="of-qingpu")
    stranger = signed_in(official("sun", authority("songjiang", "松江")))
    assert "of-qingpu" not in stranger.get("/governance/ledger/").content.decode()
    assert stranger.get(f"/governance/ledger/{LedgerEntry.objects.get().pk}/").status_code == 404


def test_a_viewer_of_the_office_reads_and_does_not_write(
    office: Organisation, li: User, enterprise: Beneficiary
) -> None:
    had(li, enterprise, "1000", matter="seen")
    client = signed_in(official("qian", office, Role.VIEWER))
    assert "seen" in client.get("/governance/ledger/").content.decode()
    assert client.get("/governance/support/enter/").status_code == 403


# entering, importing, correcting
def test_a_payment_is_entered_by_hand_and_corrected_by_another_entry(li: User) -> None:
    client = signed_in(li)
    given = {
        "name": "恒锐机械",
        "credit_code": code(1),
        "matter": "平台",
        "clause": "qingpu/2.1",
        "kind": "paid",
        "amount": "30万",
        "paid_on": "2024-06-01",
        "document": "〔2024〕1号",
        "basis": "1000000",
        "year": "",
    }
    done = client.post("/governance/support/enter/", given)
    assert done.status_code == 302, done.content.decode()
    entry = LedgerEntry.objects.get()
    assert client.get(done["Location"]).status_code == 200
    assert client.post(f"/governance/ledger/{entry.pk}/correct", {"reason": "输错金额"}).status_code == 302
    assert [one.amount for one in LedgerEntry.objects.order_by("pk")] == [300_000, -300_000]
    assert client.post(f"/governance/ledger/{entry.pk}/correct", {"reason": "again"}).status_code == 409


_WRONG: list[dict[str, str]] = [
    {"credit_code": "91310118MA1J00001X"},
    {"amount": "-5"},
    {"amount": "0.001"},
    {"amount": "1e30"},
    {"amount": ""},
    {"paid_on": "2999-01-01"},
    {"paid_on": ""},
    {"clause": "qingpu/9.9"},
    {"kind": "reversal"},
    {"year": "abc"},
    {"matter": ""},
]


def test_a_wrong_entry_is_refused_and_what_was_typed_stays(li: User) -> None:
    client = signed_in(li)
    given = {
        "name": "恒锐机械",
        "credit_code": code(1),
        "matter": "平台",
        "clause": "qingpu/2.1",
        "kind": "paid",
        "amount": "300000",
        "paid_on": "2024-06-01",
    }
    for wrong in _WRONG:
        found = client.post("/governance/support/enter/", given | wrong)
        assert found.status_code in (404, 422), wrong
        assert "恒锐机械" in found.content.decode(), wrong
    assert LedgerEntry.objects.count() == 0


_HEADS = [
    "企业名称",
    "统一社会信用代码",
    "事项",
    "政策",
    "条款",
    "费用年度",
    "类别",
    "金额（元）",
    "日期",
    "文号",
    "计算基数",
]
_ROW = ["恒锐", code(1), "上云", "qingpu", "3.1", 2023, "拨付", 8500, "2024-06-30", "〔2024〕1号", 12000]


def test_a_sheet_enters_whole_and_only_once(li: User) -> None:
    rare = ["𠮷野𬭎机械", code(2), "平台㐂", "qingpu", "2.1", "", "拨付", "300000.50", "2024/6/1", "〔2024〕2号", ""]
    client = signed_in(li)
    data = xlsx.to_xlsx("x", _HEADS, [_ROW, rare])
    page = client.post("/governance/support/import/", {"file": upload("p.xlsx", data)})
    assert page.status_code == 200, page.content.decode()
    assert {one.enterprise.name for one in LedgerEntry.objects.all()} == {"恒锐", "𠮷野𬭎机械"}
    again = client.post("/governance/support/import/", {"file": upload("p.xlsx", data)})
    assert "2 were in the ledger already" in again.content.decode()
    assert LedgerEntry.objects.count() == 2


def test_a_sheet_in_gb_18030_keeps_rare_characters(li: User) -> None:
    text = io.StringIO()
    csv.writer(text).writerows([_HEADS, ["𠮷野㐂鎻𬭎", *_ROW[1:]]])
    data = text.getvalue().encode("gb18030")
    assert signed_in(li).post("/governance/support/import/", {"file": upload("p.csv", data)}).status_code == 200
    assert LedgerEntry.objects.get().enterprise.name == "𠮷野㐂鎻𬭎"


def test_one_wrong_row_and_nothing_is_entered(li: User) -> None:
    wrong = [
        ["恒锐", "91310118MA1J00001X", *_ROW[2:]],
        [*_ROW[:7], "-8500", *_ROW[8:]],
        [*_ROW[:4], "9.9", *_ROW[5:]],
        [*_ROW[:8], "31.6.2024", *_ROW[9:]],
    ]
    page = signed_in(li).post(
        "/governance/support/import/", {"file": upload("p.xlsx", xlsx.to_xlsx("x", _HEADS, [_ROW, *wrong]))}
    )
    text = page.content.decode()
    assert page.status_code == 422
    assert "check character of this credit code" in text
    assert "has no clause" in text
    assert "is no date" in text
    assert LedgerEntry.objects.count() == Beneficiary.objects.count() == 0


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04broken", b"\xff\xfe\x00", "甲,乙\n1,2".encode(), b"\x00" * 100])
def test_what_is_no_sheet_is_refused(li: User, data: bytes) -> None:
    for page in ("import", "what-if"):
        found = signed_in(li).post(
            f"/governance/support/{page}/", {"file": upload("p.xlsx", data), "scheme": "qingpu-2022"}
        )
        assert found.status_code in (404, 422), page


def test_an_exported_ledger_runs_no_formula(li: User, office: Organisation) -> None:
    enterprise = services.enterprise_called(li, office, "=HYPERLINK(1)", code(3))
    services.enter(li, enterprise, Draft("@SUM(A1)", Decimal(10), DAY, document="+1"))
    client = signed_in(li)
    for row in csv.reader(io.StringIO(client.get("/governance/ledger/export.csv").content.decode("utf-8-sig"))):
        assert not any(cell.startswith(("=", "+", "@")) for cell in row)
    book = load_workbook(io.BytesIO(client.get("/governance/ledger/export.xlsx").content))
    assert {cell.data_type for row in book.worksheets[0].iter_rows() for cell in row} <= {"s", "n", "inlineStr", "d"}
    assert 10 in next(book.worksheets[0].iter_rows(min_row=2, values_only=True))  # a number, that can be summed


# what-if
def test_the_what_if_says_cost_and_who_gains(li: User) -> None:
    heads = ["企业名称", "事项", "条款", "费用年度", "计算基数", "已享受（元）", "符合条件"]
    rows = [[f"企业{number}", "上云", "3.1", 2023, 50_000, 0, "是"] for number in range(10)]
    rows.append(["不合格", "上云", "3.1", 2023, 50_000, 0, "否"])
    given = {
        "scheme": "qingpu-2022",
        "3.1:cap": "25000",
        "do": "weigh",
        "file": upload("c.xlsx", xlsx.to_xlsx("x", heads, rows)),
    }
    page = signed_in(li).post("/governance/support/what-if/", given).content.decode()
    assert "+¥50,000.00" in page
    assert "¥200,000.00" in page
    assert "¥250,000.00" in page
    assert "11 claims of 11 enterprises" in page
    assert '<span class="figure-value">10</span>' in page


def test_the_what_if_takes_the_ledger(li: User, enterprise: Beneficiary) -> None:
    draft = Draft("云", Decimal(8500), DAY, scheme="qingpu", clause="3.1", year=2023)
    services.enter(li, enterprise, draft)
    services.enter(li, enterprise, replace(draft, year=2022, basis=Decimal(12000)))
    given = {"scheme": "qingpu-2022", "3.1:rate.1": "100", "do": "weigh"}
    page = signed_in(li).post("/governance/support/what-if/", given).content.decode()
    assert "1 payments without their basis are left out" in page
    assert "+¥3,500.00" in page


@pytest.mark.parametrize("wrong", [{"3.1:cap": "-5"}, {"3.1:rate.1": "500"}, {"3.1:cap": "x"}, {"3.1:over.1": "1e40"}])
def test_figures_that_make_no_sense_are_refused(li: User, wrong: dict[str, str]) -> None:
    found = signed_in(li).post("/governance/support/what-if/", {"scheme": "qingpu-2022", "do": "weigh", **wrong})
    assert found.status_code == 422


def test_a_draft_is_kept_and_comes_into_force_only_by_a_second_person(li: User, wang: User) -> None:
    given = {
        "scheme": "qingpu-2022",
        "do": "draft",
        "3.1:cap": "30000",
        "version": "2099",
        "begins_on": "2099-01-01",
        "ends_on": "2099-12-31",
        "reason": "预算增加",
    }
    client = signed_in(li)
    done = client.post("/governance/support/what-if/", given)
    assert done.status_code == 302, done.content.decode()
    version = SchemeVersion.objects.get()
    assert version.changes == {"3.1": {"cap": "30000"}}
    page = client.get(done["Location"]).content.decode()
    assert "20,000" in page
    assert "30,000" in page
    body = {"pk": version.pk, "next": "/"}
    client.post("/governance/versions/do/propose", body)
    client.post("/governance/versions/do/force", body)
    version.refresh_from_db()
    assert version.state == SchemeVersion.State.PROPOSED
    signed_in(wang).post("/governance/versions/do/force", body)
    version.refresh_from_db()
    assert version.state == SchemeVersion.State.IN_FORCE
    page = client.get("/governance/support/documents/qingpu-2099/").content.decode()
    assert "30,000" in page


def test_templates_can_be_sent_back(li: User) -> None:
    client = signed_in(li)
    data = client.get("/governance/support/template-payments.xlsx").content
    assert client.post("/governance/support/import/", {"file": upload("p.xlsx", data)}).status_code == 200
    assert client.get("/governance/support/template-none.xlsx").status_code == 404


def test_an_enterprise_is_added_with_a_code_that_fits_and_once(li: User, office: Organisation) -> None:
    client = signed_in(li)
    given = {"organisation": office.pk, "name": "华塑", "credit_code": code(7), "kind": "enterprise", "member": ""}
    wrong = given | {"credit_code": "91310118MA1J00001X"}
    assert client.post("/governance/beneficiaries/new", wrong).status_code in (200, 422)
    assert Beneficiary.objects.count() == 0
    assert client.post("/governance/beneficiaries/new", given).status_code == 302
    assert client.post("/governance/beneficiaries/new", given).status_code in (200, 422)
    assert Beneficiary.objects.count() == 1
