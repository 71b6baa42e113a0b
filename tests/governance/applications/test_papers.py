"""Printed papers, the archive, signals, the demonstration."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from decimal import Decimal

import pytest
from django.test import Client
from openpyxl import load_workbook

from gongfu.console import needs
from gongfu.governance.applications import demonstration, paying, services, signalling, sums
from gongfu.governance.applications.models import Application, Instalment
from gongfu.governance.support.models import LedgerEntry
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation
from tests.governance.applications.world import (
    ACCOUNT,
    PDF,
    approved,
    clock,
    handed_in,
    published,
    signed_in,
    world,
)

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:Workbook contains no default style")]


def unpacked(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_an_application_can_be_taken_away_as_an_archive() -> None:
    at = world()
    made = approved(at, handed_in(at, matter="平台/../../etc"), "300000")
    office = unpacked(
        b"".join(signed_in(at.li).get(f"/governance/applications/{made.pk}/archive.zip").streaming_content)
    )
    assert {"story.pdf", "story.docx", "receipt.pdf", "decision.pdf", "public-notice.pdf"} <= set(office)
    assert office["files/01-执照.pdf"] == PDF
    sums_file = dict(reversed(line.split("  ")) for line in office["SHA256SUMS"].decode().splitlines())
    assert set(sums_file) == set(office) - {"SHA256SUMS"}
    assert all(hashlib.sha256(office[name]).hexdigest() == digest for name, digest in sums_file.items())
    told = [one["name"] for one in json.loads(office["steps.json"])]
    assert "opinion" in told
    assert told[-1] == "approve"
    own = unpacked(
        b"".join(signed_in(at.people[0]).get(f"/governance/applications/{made.pk}/archive.zip").streaming_content)
    )
    assert not {"opinions.json", "objections.json", "accounts.json"} & set(own)
    assert "opinion" not in [one["name"] for one in json.loads(own["steps.json"])]
    assert ACCOUNT not in own["application.json"].decode()


def test_papers_are_printed_for_those_they_are_for() -> None:
    at = world()
    made = handed_in(at)
    publication = published(at, made)
    nobody, li = Client(), signed_in(at.li)
    for path in (
        f"/governance/notices/{at.notice.pk}/notice.pdf",
        f"/governance/notices/{at.notice.pk}/notice.docx",
        f"/governance/publications/{publication.pk}/notice.pdf",
    ):
        assert nobody.get(path).content[:4] in (b"%PDF", b"PK\x03\x04"), path
    assert nobody.get(f"/governance/applications/{made.pk}/receipt.pdf").status_code == 302
    assert li.get(f"/governance/applications/{made.pk}/story.pdf").content.startswith(b"%PDF")
    assert li.get(f"/governance/applications/{made.pk}/story.exe").status_code == 404


def test_what_can_be_paid_now_stands_on_a_list() -> None:
    at = world()
    made = approved(at, handed_in(at), "200000", "100000")
    last = made.instalments.order_by("position").last()
    assert last is not None
    Instalment.objects.filter(pk=last.pk).update(after="平台上线")
    li = signed_in(at.li)
    sheet = load_workbook(io.BytesIO(li.get("/governance/payments.xlsx").content)).worksheets[0]
    rows = list(sheet.iter_rows(values_only=True))
    assert [row[7] for row in rows[1:]] == [200000]
    paying.reach(at.li, made, last.pk, "上线证明")
    assert len(paying.payable(at.office)) == 2
    assert li.get("/governance/payments.pdf").content.startswith(b"%PDF")
    assert signed_in(at.people[0]).get("/governance/payments.xlsx").status_code == 403


def test_one_account_one_invoice_and_pieces_are_told_to_officials_only() -> None:
    at = world(plants=2)
    first = handed_in(at, 0, matter="智能产线一期", basis="100万", invoices="04512345; 华东自动化; 12000; 2026-03-01")
    handed_in(at, 0, matter="智能产线二期", basis="100万")
    second = handed_in(at, 1, invoices="04512345; 华东自动化; 12000; 2026-03-01")
    kinds = {one.kind.value for one, _others in signalling.concerning(first)}
    assert {"same_account", "same_invoice", "split_project"} <= kinds
    page = signed_in(at.li).get(f"/governance/applications/{first.pk}/").content.decode()
    assert "2 applicants name one bank account" in page
    assert second.number in page
    assert (
        "To look at twice" not in signed_in(at.people[0]).get(f"/governance/applications/{first.pk}/").content.decode()
    )


@pytest.mark.parametrize(("clause", "basis"), [("2.1", "1666666.67"), ("3.1", "35000.00"), ("3.2", "2300000.00")])
def test_pieces_are_looked_for_below_the_basis_that_reaches_the_cap(clause: str, basis: str) -> None:
    at = world()
    assert signalling.full_basis(sums.scheme_of(at.notice).find(clause)) == Decimal(basis)


def test_the_demonstration_has_applications_in_several_stages() -> None:
    operator = accounts.create_organisation("operator", "运营方", kind=Organisation.Kind.OPERATOR)
    district = accounts.create_organisation("district", "示范区", kind=Organisation.Kind.AUTHORITY, parent=operator)
    demonstration.seed(district)
    demonstration.seed(district)
    assert sorted(Application.objects.values_list("state", flat=True)) == [
        "approved",
        "public",
        "returned",
        "submitted",
    ]
    assert LedgerEntry.objects.get().amount == Decimal(150_000)
    admin = accounts.create_user("root", "correct-horse-9", is_superuser=True, language="en")
    assert signed_in(admin).get("/governance/desk/").status_code == 200


def test_what_waits_for_somebody_is_counted() -> None:
    at = world()
    made = services.take(at.li, handed_in(at), "return", reason="请补充合同")
    assert [one.url for one in needs.needs(at.people[0])] == ["/governance/apply/"]
    made = services.take(at.li, services.hand_in(at.people[0], made), "forward")
    assert [one.url for one in needs.needs(at.expert)] == ["/governance/desk/"]
    Application.objects.filter(pk=made.pk).update(deadline=clock.end_of(clock.today()))
    assert [one.url for one in needs.needs(at.li)] == ["/governance/desk/"]
