"""What has to be refused, and says why."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import threading
import zipfile
from decimal import Decimal

import msgspec
import pytest
from django.db import connections
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from gongfu.governance.applications import attaching, clock, forms, paying, services, sniffing
from gongfu.governance.applications.models import Application, Notice, Step
from gongfu.governance.applications.records import Attachment
from gongfu.governance.applications.sniffing import sort_of
from gongfu.kernel.accounts.models import User
from gongfu.kernel.accounts.rules import Role
from gongfu.kernel.errors import Conflict, Forbidden, GongfuError, Invalid, NotFound, Unavailable
from gongfu.kernel.settings import Settings, settings
from gongfu.kernel.workdays.rules import CHINA
from tests.governance.applications.world import (
    PDF,
    World,
    answers,
    approved,
    drafted,
    ended,
    handed_in,
    person,
    published,
    reviewed,
    signed_in,
    world,
)

pytestmark = pytest.mark.django_db


def at_moment(monkeypatch: pytest.MonkeyPatch, moment: dt.datetime) -> None:
    """As if it were ``moment``."""
    monkeypatch.setattr(timezone, "now", lambda: moment)


# who decides
@pytest.mark.django_db(transaction=True)
def test_of_two_people_deciding_at_once_the_second_is_told_what_the_first_did() -> None:
    at = world()
    made = handed_in(at)
    told: list[str] = []
    ready = threading.Barrier(2)

    def decide(user: User, name: str) -> None:
        try:
            ready.wait(30)
            services.take(user, made, name, version=made.version, reason="材料不全")
            told.append("done")
        except Conflict as error:
            told.append(error.text("en"))
        finally:
            connections.close_all()

    people = [threading.Thread(target=decide, args=pair) for pair in ((at.li, "refuse"), (at.wang, "forward"))]
    for one in people:
        one.start()
    for one in people:
        one.join(60)
    assert sorted(told)[1] == "done"
    assert sorted(told)[0].startswith("Somebody else has changed this application meanwhile: ")
    assert Step.objects.filter(name__in=("refuse", "forward")).count() == 1


def test_an_official_does_not_decide_about_his_own_firm() -> None:
    at = world()
    both = person("both", at.office)
    both.memberships.create(organisation=at.plants[0], role=Role.VIEWER.value)
    made = handed_in(at)
    both = User.objects.get(pk=both.pk)
    with pytest.raises(Forbidden, match="nobody decides about an application of his own firm"):
        services.take(both, made, "forward")
    with pytest.raises(Invalid, match="cannot act for the office"):
        services.delegate(at.li, made, both)
    deng = at.expert
    deng.memberships.create(organisation=at.plants[0], role=Role.VIEWER.value)
    made = services.take(at.li, made, "forward")
    with pytest.raises(Forbidden, match="his own firm"):
        services.give_opinion(User.objects.get(pk=deng.pk), made.opinions.get(), "agrees", "")


def test_who_checked_first_does_not_decide_last() -> None:
    at = world()
    made = handed_in(at)
    ended(published(at, made))
    made = services.take(at.li, made, "unopposed")
    part = paying.Part(Decimal(300_000), clock.today())
    with pytest.raises(Forbidden, match="needs a second official"):
        paying.approve(at.li, made, Decimal(300_000), [part], document="纪要3号")
    with pytest.raises(Conflict, match=r"300000\.00 yuan are due"):
        paying.approve(
            at.wang, made, Decimal(300_001), [paying.Part(Decimal(300_001), clock.today())], document="纪要3号"
        )
    assert paying.approve(at.wang, made, Decimal(300_000), [part], document="纪要3号").state == "approved"


# time
def test_the_window_closes_at_midnight_in_china_to_the_microsecond(monkeypatch: pytest.MonkeyPatch) -> None:
    at = world(plants=2)
    first, second = drafted(at, 0), drafted(at, 1)
    Notice.objects.update(opens_on=dt.date(2026, 9, 1), closes_on=dt.date(2026, 9, 30))
    last = dt.datetime(2026, 9, 30, 23, 59, 59, 999_999, CHINA)
    at_moment(monkeypatch, last)
    assert services.hand_in(at.people[0], first).state == "submitted"
    at_moment(monkeypatch, last + dt.timedelta(microseconds=1))
    with pytest.raises(Conflict, match="to 2026-09-30 24:00"):
        services.hand_in(at.people[1], second)
    assert Application.objects.get(pk=second.pk).answers["matter"] == "设备互联平台"


def test_what_is_missing_is_asked_for_once_and_holidays_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    at = world()
    made = handed_in(at)
    at_moment(monkeypatch, dt.datetime(2026, 9, 30, 16, 30, tzinfo=CHINA))
    made = services.take(at.li, made, "return", reason="请补充合同")
    # 国庆 1–7 October, make-up day 10 October: the fifth working day is the 13th.
    assert made.deadline == dt.datetime(2026, 10, 13, 23, 59, 59, 999_999, CHINA)
    at_moment(monkeypatch, made.deadline)
    made = services.hand_in(at.people[0], made)
    with pytest.raises(Conflict, match="asked for once already"):
        services.take(at.li, made, "return", reason="还缺发票")
    assert made.applied_on == Application.objects.get().applied_on


def test_what_is_not_completed_in_time_lapses(monkeypatch: pytest.MonkeyPatch) -> None:
    at = world()
    made = services.take(at.li, handed_in(at), "return", reason="请补充合同")
    with pytest.raises(Conflict, match="still has time"):
        services.take(at.li, made, "lapse")
    assert made.deadline is not None
    at_moment(monkeypatch, made.deadline + dt.timedelta(microseconds=1))
    with pytest.raises(Conflict, match="The time for this ended"):
        services.hand_in(at.people[0], made)
    assert services.take(at.li, made, "lapse").state == "withdrawn"


# files
def packed(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("执照.pdf", b"MZ\x90\x00 this program", "is none of these"),
        ("执照.pdf", b"\x89PNG\r\n\x1a\n....", "is in truth PNG"),
        ("合同.docx", packed("[Content_Types].xml", "xl/workbook.xml"), "is in truth XLSX"),
        ("合同.docx", packed("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"), "holds macros"),
        ("合同.docx", b"PK\x03\x04 broken", "is damaged"),
        ("页.html", b"<html><script>", "is none of these"),
        ("空.pdf", b"", "is empty"),
        ("大.pdf", b"%PDF-" + b" " * sniffing.MOST_BYTES, "is larger than 20 MB"),
    ],
)
def test_a_file_that_lies_about_its_type_is_refused(name: str, data: bytes, why: str) -> None:
    with pytest.raises(Invalid, match=why):
        sort_of(data, name)


@given(st.binary(max_size=300), st.sampled_from(["a.pdf", "a.docx", "a", "", "a.ofd"]))
def test_no_file_breaks_the_sniffer(data: bytes, name: str) -> None:
    for start in (b"", b"PK\x03\x04", b"%PDF-"):
        with contextlib.suppress(Invalid):
            assert sort_of(start + data, name) in sniffing.SORTS


def test_a_paper_is_scanned_by_the_command_of_the_node(monkeypatch: pytest.MonkeyPatch) -> None:
    at = world()
    made = services.begin(at.people[0], at.notice, "2.1", at.plants[0])
    chosen = {"command": "grep -qv EICAR"}

    def known() -> Settings:
        return msgspec.structs.replace(settings(), scan_command=chosen["command"])

    monkeypatch.setattr(attaching, "settings", known)
    paper = attaching.attach(at.people[0], made, "p1", "好.pdf", PDF)
    assert paper.scanned
    chosen["command"] = "false"
    with pytest.raises(Invalid, match="refused by the virus scanner"):
        attaching.attach(at.people[0], made, "p1", "坏.pdf", PDF + b"EICAR")
    chosen["command"] = "no-such-scanner-here"
    with pytest.raises(Unavailable):
        attaching.attach(at.people[0], made, "p1", "坏.pdf", PDF + b"x")
    chosen["command"] = ""
    assert not attaching.attach(at.people[0], made, "other", "未.pdf", PDF).scanned
    assert Attachment.objects.count() == 2
    assert "执照" not in paper.file.name
    page = signed_in(at.people[0]).get(f"/governance/applications/{made.pk}/form/").content.decode()
    assert "not scanned for viruses" in page


# other people's
def test_what_belongs_to_another_applicant_is_not_found() -> None:
    at = world(plants=2)
    made = handed_in(at)
    paper = made.attachments.get()
    stranger = signed_in(at.people[1])
    own = signed_in(at.people[0])
    for path in (
        f"/governance/applications/{made.pk}/",
        f"/governance/applications/{made.pk}/form/",
        f"/governance/applications/{made.pk}/papers/{paper.pk}",
        f"/governance/applications/{made.pk}/archive.zip",
        f"/governance/applications/{made.pk}/story.pdf",
        f"/governance/applications/{made.pk}/receipt.pdf",
    ):
        assert stranger.get(path).status_code == 404, path
    for what in ("withdraw", "forward", "approve", "account", "delegate", "opinion"):
        sent = stranger.post(f"/governance/applications/{made.pk}/act/{what}", {"version": made.version, "reason": "x"})
        assert sent.status_code == 404, what
    assert stranger.post(f"/governance/applications/{made.pk}/attach", {}).status_code == 404
    got = own.get(f"/governance/applications/{made.pk}/papers/{paper.pk}")
    assert b"".join(got.streaming_content) == PDF
    assert got["Content-Disposition"].startswith("attachment")
    other = drafted(at, 1)
    assert own.get(f"/governance/applications/{other.pk}/").status_code == 404
    assert signed_in(at.li).get(f"/governance/applications/{other.pk}/").status_code == 404  # a draft is its owner's
    assert own.get(f"/governance/applications/{made.pk}/papers/{other.attachments.get().pk}").status_code == 404
    assert f"/governance/applications/{other.pk}/" not in own.get("/governance/applications/").content.decode()


def test_a_department_sees_what_it_was_asked_about_and_decides_nothing() -> None:
    at = world(plants=2)
    first, second = handed_in(at, 0), handed_in(at, 1)
    services.take(at.li, first, "forward")
    deng = signed_in(at.expert)
    assert deng.get(f"/governance/applications/{first.pk}/").status_code == 200
    assert deng.get(f"/governance/applications/{second.pk}/").status_code == 404
    first.refresh_from_db()
    refused = deng.post(
        f"/governance/applications/{first.pk}/act/refuse", {"version": first.version, "reason": "不同意"}
    )
    assert refused.status_code == 403
    assert Application.objects.get(pk=first.pk).state == "joint"


# sums and texts
@pytest.mark.parametrize("basis", ["-5", "1e99", "NaN", "999999999999999", "十万", "1.234", "∞", "=1+1", "0x10"])
def test_negative_and_absurd_sums_are_refused_beside_their_field(basis: str) -> None:
    at = world()
    made = drafted(at, basis=basis)
    with pytest.raises(Invalid) as refused:
        services.hand_in(at.people[0], made)
    fields = refused.value.values["fields"]
    assert isinstance(fields, dict)
    assert list(fields) == ["basis"]
    page = signed_in(at.people[0]).post(
        f"/governance/applications/{made.pk}/form/",
        {**answers(at.plants[0], basis=basis), "version": made.version, "fact": made.facts, "do": "submit"},
    )
    assert page.status_code == 422
    assert 'id="e-basis"' in page.content.decode()
    assert Application.objects.get().answers["basis"] == basis


def test_names_of_gb_18030_go_through_form_page_and_paper() -> None:
    at = world()
    at.plants[0].name = "上海㼆𬬭钢制品厂"
    at.plants[0].save()
    made = handed_in(at, matter="𬬭合金产线改造")
    assert (made.name, made.matter) == ("上海㼆𬬭钢制品厂", "𬬭合金产线改造")
    li = signed_in(at.li)
    assert "上海㼆𬬭钢制品厂" in li.get(f"/governance/applications/{made.pk}/").content.decode()
    assert li.get(f"/governance/applications/{made.pk}/story.docx").status_code == 200
    assert li.get(f"/governance/applications/{made.pk}/receipt.pdf").status_code == 200


def test_a_text_that_no_database_keeps_is_refused_and_the_draft_stays() -> None:
    at = world()
    made = drafted(at, matter="a\0b", summary="零宽\u200b字")
    with pytest.raises(Invalid) as refused:
        services.hand_in(at.people[0], made)
    assert set(refused.value.values["fields"]) == {"matter", "summary"}  # type: ignore[call-overload]


@given(st.text(max_size=40))
def test_no_text_breaks_the_reading_of_money_invoices_and_accounts(text: str) -> None:
    for read in (forms.money, forms.account, forms.invoices, lambda one: forms.check_text(one, 20)):
        with contextlib.suppress(GongfuError):
            read(text)


def test_a_sheet_of_applications_holds_no_formula() -> None:
    at = world()
    handed_in(at, matter="=HYPERLINK(1)+平台")
    rows = signed_in(at.li).get("/governance/applications/export.csv").content.decode("utf-8-sig")
    assert "'=HYPERLINK" in rows


# money
def test_another_account_after_the_approval_takes_two_officials_before_anything_is_paid() -> None:
    at = world()
    made = approved(at, handed_in(at), "300000")
    part = made.instalments.get()
    change = paying.change_account(at.people[0], made, made.name, "工行", "6222021001116245702", "开户行变更")
    with pytest.raises(Conflict, match="waits to be confirmed"):
        paying.pay(at.zhou, made, part.pk, paid_on=clock.today(), document="青财〔2026〕7号")
    paying.decide_account(at.li, made, change.pk, accept=True)
    with pytest.raises(Forbidden, match="second person"):
        paying.decide_account(at.li, made, change.pk, accept=True)
    with pytest.raises(Conflict, match="waits to be confirmed"):
        paying.pay(at.zhou, made, part.pk, paid_on=clock.today(), document="青财〔2026〕7号")
    paying.decide_account(at.wang, made, change.pk, accept=True)
    paid = paying.pay(at.zhou, made, part.pk, paid_on=clock.today(), document="青财〔2026〕7号")
    assert paid.payee.endswith("6222021001116245702")
    with pytest.raises(Invalid, match="to the applicant only"):
        paying.change_account(at.people[0], made, "别家公司", "工行", "6222021001116245702", "开户行变更")


def test_the_same_instalment_is_not_paid_twice_and_money_comes_back() -> None:
    at = world()
    made = approved(at, handed_in(at), "300000")
    part = made.instalments.get()
    paying.pay(at.zhou, made, part.pk, paid_on=clock.today(), document="青财〔2026〕7号")
    with pytest.raises(Conflict, match="was paid on"):
        paying.pay(at.wang, made, part.pk, paid_on=clock.today(), document="青财〔2026〕8号")
    with pytest.raises(Invalid, match="cannot be claimed back"):
        paying.recover(at.li, made, Decimal(300_001), reason="虚假材料", document="青科委函〔2026〕2号")
    made = paying.recover(at.li, made, Decimal(100_000), reason="虚假材料", document="青科委函〔2026〕2号")
    made = paying.came_back(at.li, made, Decimal(40_000), paid_on=clock.today(), document="回单1")
    assert (made.state, made.recovering) == ("recovering", Decimal(60_000))
    made = paying.came_back(at.li, made, Decimal(60_000), paid_on=clock.today(), document="回单2")
    assert made.state == "closed"
    assert made.beneficiary is not None
    assert sum(one.amount for one in made.beneficiary.entries.all()) == Decimal(200_000)


def test_what_the_enterprise_had_before_is_taken_off() -> None:
    at = world(plants=1)
    made = approved(at, handed_in(at), "300000")
    paying.pay(at.zhou, made, made.instalments.get().pk, paid_on=clock.today(), document="青财〔2026〕7号")
    services.take(at.li, made, "close")
    with pytest.raises(Conflict, match="for this matter already"):
        handed_in(at)
    again = handed_in(at, matter="设备互联平台二期")
    assert again.number != made.number


# steps
def test_a_step_is_never_changed_and_an_older_page_is_told() -> None:
    at = world()
    made = handed_in(at)
    with pytest.raises(Conflict):
        made.steps.all().delete()
    with pytest.raises(Conflict):
        made.steps.update(reason="")
    first = made.steps.first()
    assert first is not None
    with pytest.raises(Conflict):
        first.save()
    services.delegate(at.li, made, at.wang, made.version)
    li = signed_in(at.li)
    refused = li.post(
        f"/governance/applications/{made.pk}/act/refuse", {"version": made.version, "reason": "材料不全，不予支持"}
    )
    assert refused.status_code == 409
    page = refused.content.decode()
    assert "Somebody else has changed this application meanwhile" in page
    assert "材料不全，不予支持" in page  # nothing typed is lost
    assert Application.objects.get().state == "submitted"


def test_refusal_appeal_and_another_official() -> None:
    at = world()
    made = services.take(at.li, handed_in(at), "refuse", reason="不在支持范围")
    made = services.take(at.people[0], made, "appeal", reason="属于平台建设")
    with pytest.raises(Forbidden, match="second official"):
        services.take(at.li, made, "reopen", reason="重新审核")
    made = services.take(at.wang, made, "reopen", reason="理由成立，重新审核")
    assert made.state == "submitted"
    made = services.take(at.li, made, "refuse", reason="仍不符合")
    with pytest.raises(Conflict, match="appeal already"):
        services.take(at.people[0], made, "appeal", reason="再次申诉")


def test_back_withdraw_and_strangers() -> None:
    at = world(plants=2)
    made = reviewed(at, handed_in(at))
    made = services.take(at.li, made, "back", reason="补充评审意见")
    assert made.state == "review"
    with pytest.raises(Invalid, match="needs a reason"):
        services.take(at.people[0], made, "withdraw")
    with pytest.raises((Forbidden, NotFound)):
        services.take(at.people[1], made, "withdraw", reason="x")
    made = services.take(at.people[0], made, "withdraw", reason="项目终止")
    assert made.ended
    with pytest.raises(Conflict, match="is not possible"):
        services.take(at.li, made, "refuse", reason="x")


def test_a_number_of_a_receipt_never_comes_twice() -> None:
    at: World = world(plants=3)
    numbers = [handed_in(at, number).number for number in range(3)]
    assert len(set(numbers)) == 3
    assert all(one.endswith(f"-{place:04d}") for place, one in enumerate(numbers, 1))
