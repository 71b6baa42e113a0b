"""Labels as they come out of the printer: rendered, decoded, measured."""

from __future__ import annotations

import contextlib
import io
import os
import threading

import numpy as np
import pypdfium2
import pytest
import zxingcpp
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from gongfu.identity.carriers import services, sheet
from gongfu.identity.carriers.labels import Content, Label, Symbol
from gongfu.identity.carriers.layouts import LAYOUTS, layout
from gongfu.identity.handle.wire import Value
from gongfu.identity.registry import services as registry
from gongfu.identity.schemes.models import SchemeBinding
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.errors import Invalid, NotFound, Unavailable
from gongfu.kernel.settings import settings
from gongfu.kernel.tasks import worker
from gongfu.kernel.tasks.models import Job
from gongfu.kernel.tasks.services import folder

Plants = tuple[Organisation, Organisation]


def printed(file: bytes, dots_per_inch: int = 300) -> list[np.ndarray]:
    """Every page as grey pixels."""
    with pypdfium2.PdfDocument(file) as document:
        return [page.render(scale=dots_per_inch / 72, grayscale=True).to_numpy().squeeze() for page in document]


def texts(file: bytes) -> list[str]:
    with pypdfium2.PdfDocument(file) as document:
        return [page.get_textpage().get_text_bounded() for page in document]


def codes(pixels: np.ndarray) -> list[str]:
    return [found.text for found in zxingcpp.read_barcodes(np.ascontiguousarray(pixels))]


def made(labels: list[Label], chosen: str, symbol: Symbol, first: int = 0) -> bytes:
    file = io.BytesIO()
    assert sheet.write(file, labels, layout(chosen), symbol, first=first) == len(labels)
    return file.getvalue()


def label(number: int = 1, data: str = "") -> Label:
    handle = f"88.118.1/CNC-{number:04}"
    return Label(handle, "五轴加工中心", "恒锐机床集团有限公司", data or f"http://127.0.0.1:8600/id/{handle}")


# --- the sheet ---


@pytest.mark.parametrize("symbol", list(Symbol))
@pytest.mark.parametrize("chosen", [found.key for found in LAYOUTS])
def test_every_code_of_every_layout_is_read_back_from_the_printed_page(chosen: str, symbol: Symbol) -> None:
    labels = [label(number) for number in range(layout(chosen).each + 1)]
    file = made(labels, chosen, symbol)
    pages = printed(file)
    assert len(pages) == 2
    read = [code for page in pages for code in codes(page)]
    assert sorted(read) == sorted(item.data for item in labels)


def test_name_identifier_and_enterprise_stand_on_the_label_in_chinese() -> None:
    [text] = texts(made([label()], "a4-70x37", Symbol.QR))
    for part in ("五轴加工中心", "88.118.1/CNC-0001", "恒锐机床集团有限公司"):
        assert part in text.replace("\r\n", "")


def test_each_label_stays_inside_its_place() -> None:
    for chosen in LAYOUTS:
        [page] = printed(made([label()] * chosen.each, chosen.key, Symbol.QR), 72)
        dark = page < 128
        scale = 72 / 25.4
        for place in range(chosen.each):
            left, top = chosen.corner(place)
            right, bottom = left + chosen.label[0], top + chosen.label[1]
            assert right <= chosen.page[0] + 0.01
            assert bottom <= chosen.page[1] + 0.01
            margin = chosen.padding - 0.5
            inside = dark[
                int((top + margin) * scale) : int((bottom - margin) * scale) + 1,
                int((left + margin) * scale) : int((right - margin) * scale) + 1,
            ]
            assert inside.any()
            dark[
                int((top + margin) * scale) : int((bottom - margin) * scale) + 1,
                int((left + margin) * scale) : int((right - margin) * scale) + 1,
            ] = False
        assert not dark.any(), chosen.key


def test_a_sheet_that_was_begun_is_used_up_first() -> None:
    pages = printed(made([label(number) for number in range(3)], "a4-70x37", Symbol.QR, first=22))
    assert [len(codes(page)) for page in pages] == [2, 1]
    assert not (pages[0][: int(250 / 25.4 * 300)] < 128).any()
    with pytest.raises(Invalid):
        made([label()], "a4-70x37", Symbol.QR, first=24)


def test_the_longest_identifier_still_fits_or_is_refused_by_name() -> None:
    long = Label("88.118.1/" + "X" * 246, "名" * 80, "企" * 80, "88.118.1/" + "X" * 246)
    for chosen in LAYOUTS:
        [page] = printed(made([long], chosen.key, Symbol.DATA_MATRIX))
        assert codes(page) == [long.data]
    with pytest.raises(Invalid, match="too fine"):
        made([label(data="https://node.example/id/" + "%E6%95%B0" * 120)], "60x40", Symbol.QR)
    with pytest.raises(Invalid, match="do not fit"):
        made([label(data="x" * 3000)], "60x40", Symbol.QR)


def test_a_font_that_cannot_be_used_is_named() -> None:
    with pytest.raises(Unavailable, match=r"nothing\.ttf"):
        sheet.write(io.BytesIO(), [label()], layout("60x40"), Symbol.QR, font="/nowhere/nothing.ttf")


# --- whose labels ---


def order(chosen: str = "a4-70x37", **more: object) -> services.Order:
    return services.Order(layout(chosen), **more)  # type: ignore[arg-type]


def test_a_label_holds_the_public_page_and_nothing_secret(li: User, pumps: list[str]) -> None:
    file = io.BytesIO()
    services.write(li, order(handles=pumps[:2]), file)
    [page] = printed(file.getvalue())
    assert sorted(codes(page)) == [f"{settings().url}/id/{handle}" for handle in pumps[:2]]
    [text] = texts(file.getvalue())
    assert "一号循环泵" in text
    assert "内部" not in text


@pytest.mark.parametrize(
    ("symbol", "data"),
    [(Symbol.QR, "{url}/01/09506000134352/21/A%2F1"), (Symbol.DATA_MATRIX, "(01)09506000134352(21)A/1")],
)
def test_a_bound_gs1_key_is_printed_as_gs1_wants_it(
    li: User, plants: Plants, pumps: list[str], symbol: Symbol, data: str
) -> None:
    SchemeBinding.objects.create(
        organisation=plants[0], scheme="gs1", kind="GTIN", code="01/09506000134352/21/A%2F1", handle=pumps[0]
    )
    file = io.BytesIO()
    services.write(li, order(handles=[pumps[0]], symbol=symbol, content=Content.GS1), file)
    assert codes(printed(file.getvalue())[0]) == [data.format(url=settings().url)]
    with pytest.raises(Invalid, match="No GS1 key is bound"):
        services.write(li, order(handles=[pumps[1]], content=Content.GS1), io.BytesIO())


def test_another_organisations_identifiers_are_not_found(wang: User, pumps: list[str]) -> None:
    for asked in (order(handles=[pumps[0]]), order(prefix="88.118.1")):
        with pytest.raises(NotFound):
            services.write(wang, asked, io.BytesIO())


# --- pages ---


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def sent(**more: object) -> dict[str, object]:
    return {"layout": "a4-70x37", "symbol": "qr", "content": "page", "first": 0, "handles": ""} | more


def test_the_form_is_filled_from_an_identifiers_page_and_from_the_list(li: User, pumps: list[str]) -> None:
    client = signed_in(li)
    detail = client.get(f"/identity/identifiers/{pumps[0]}").content.decode()
    assert f"/identity/labels?handle={pumps[0].replace('/', '%2F')}" in detail
    listed = client.get("/identity/identifiers/?prefix=88.118.1&q=PUMP").content.decode()
    assert "/identity/labels?prefix=88.118.1&amp;q=PUMP" in listed
    assert f'name="handle" value="{pumps[0]}"' in listed
    form = client.get(f"/identity/labels?handle={pumps[0]}&handle={pumps[1]}&prefix=88.118.1").content.decode()
    for text in (pumps[0], pumps[1], 'value="88.118.1"', "70 × 37"):
        assert text in form


def test_up_to_a_hundred_labels_come_at_once(li: User, pumps: list[str]) -> None:
    answer = signed_in(li).post("/identity/labels", sent(handles="\n".join(pumps[:30])))
    assert answer.headers["Content-Type"] == "application/pdf"
    assert len(printed(b"".join(answer), 72)) == 2  # type: ignore[arg-type]


def test_an_imported_list_is_printed(li: User, pumps: list[str]) -> None:
    file = io.BytesIO(f"\ufeff标识,名称\r\n{pumps[3]},泵\r\n\r\n{pumps[4]};x\r\n{pumps[3]}\r\n".encode())
    file.name = "list.csv"
    answer = signed_in(li).post("/identity/labels", sent(file=file))
    [page] = printed(b"".join(answer))  # type: ignore[arg-type]
    assert sorted(codes(page)) == [f"{settings().url}/id/{handle}" for handle in pumps[3:5]]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({}, "nothing to print"),
        ({"handles": "88.118.1/NOBODY"}, "There is no identifier"),
        ({"handles": "88.118.1/PUMP-001\nrubbish"}, "rubbish is no identifier"),
        ({"under": "88.118.2"}, "There is no prefix"),
        ({"handles": "88.118.1/PUMP-001", "first": 24}, "cannot be left free"),
        ({"handles": "88.118.1/PUMP-001", "layout": "a5"}, "a5"),
        ({"handles": "88.118.1/PUMP-001", "first": -1}, "greater than or equal"),
    ],
)
def test_what_cannot_be_printed_is_said_and_nothing_is_lost(
    li: User, pumps: list[str], changed: dict[str, object], why: str
) -> None:
    answer = signed_in(li).post("/identity/labels", sent(**changed))
    assert answer.status_code in (404, 422)
    page = answer.content.decode()
    assert why in page
    assert str(changed.get("handles", "")).partition("\n")[0] in page


@given(st.text(max_size=100))
def test_no_import_breaks_the_reader(text: str) -> None:
    with contextlib.suppress(Invalid):
        assert all("/" in handle for handle in services.handles_in(text))


def test_a_file_that_is_no_text_is_refused(li: User, pumps: list[str]) -> None:
    file = io.BytesIO(b"\xff\xfe\x00\x01")
    file.name = "list.xlsx"
    answer = signed_in(li).post("/identity/labels", sent(file=file))
    assert "not text in UTF-8" in answer.content.decode()


def test_more_than_a_hundred_labels_are_a_job_with_a_file(li: User, pumps: list[str], transactional_db: None) -> None:
    client = signed_in(li)
    answer = client.post("/identity/labels", sent(under="88.118.1"))
    job = Job.objects.get()
    assert answer.headers["Location"] == f"/tasks/jobs/{job.pk}/"
    while worker.step(f"test/{os.getpid()}/{threading.get_ident()}"):
        pass
    job.refresh_from_db()
    assert (job.state, job.error) == (Job.State.DONE, "")
    file = (folder(job) / job.result).read_bytes()
    assert len(printed(file, 36)) == -(-250 // 24)
    download = client.get(f"/tasks/jobs/{job.pk}/file")
    assert b"".join(download) == file  # type: ignore[arg-type]
    download.close()


def test_more_than_a_file_holds_is_refused(li: User, plants: Plants, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MOST", 3)
    for number in range(5):
        registry.register(li, f"88.118.1/N{number}", [Value(2, "NAME", b"x")])
    answer = signed_in(li).post("/identity/labels", sent(under="88.118.1"))
    assert "at most 3 labels" in answer.content.decode()


def test_the_api_prints_at_once_or_as_a_job(li: User, pumps: list[str]) -> None:
    client = signed_in(li)
    one = client.post("/api/v1/identity/labels", {"handles": [pumps[0]]}, content_type="application/json")
    assert one.headers["Content-Type"] == "application/pdf"
    assert codes(printed(one.content)[0]) == [f"{settings().url}/id/{pumps[0]}"]
    many = client.post("/api/v1/identity/labels", {"prefix": "88.118.1"}, content_type="application/json")
    assert many.status_code == 202
    assert many.json()["labels"] == 250
    for wrong in ({}, {"layout": "a5", "handles": [pumps[0]]}, {"symbol": "ean"}, {"first": -1}):
        assert client.post("/api/v1/identity/labels", wrong, content_type="application/json").status_code == 422
    assert Client().post("/api/v1/identity/labels", {}, content_type="application/json").status_code == 401
