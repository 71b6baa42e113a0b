"""Looking up a code on a phone, binding one, scanning it, printing a label."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

import pytest

from .conftest import Visit, Visitor
from .test_every_page import check

pytestmark = pytest.mark.journey
GTIN = "09506000134352"


def scanned(visitor: Visit, path: str) -> tuple[int, str]:
    """What a phone that is not signed in is answered: status and where it is led."""
    connection = http.client.HTTPConnection(urlsplit(visitor.node.url).netloc, timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, answer.headers.get("Location", "")


@pytest.mark.parametrize(("size", "language", "theme"), [("phone", "zh-hans", "light"), ("desktop", "en", "dark")])
def test_a_code_is_looked_up_bound_and_scanned(visit: Visitor, size: str, language: str, theme: str) -> None:
    visitor = visit(size, language, theme)
    page = visitor.page
    batch = f"{size}/1"
    visitor.open("/identity/look-up")
    assert check(visitor, "look-up") == []
    page.fill("#code", f"(01){GTIN}(10){batch}")
    page.click(".code-form button")
    page.wait_for_selector("#found .facts")
    visitor.photograph("look-up")
    assert check(visitor, "look-up-found") == []
    assert f"01/{GTIN}/10/{size}%2F1" in page.inner_text("#found")

    visitor.open("/identity/look-up?code=9506000134353")
    visitor.photograph("look-up-wrong")
    assert page.locator("#found .note-error").count() == 1
    assert check(visitor, "look-up-wrong") == []

    visitor.open("/identity/bindings/new")
    assert check(visitor, "bound-code-new") == []
    page.fill("#id_code", f"(01){GTIN}(10){batch}")
    page.click(".form-end button")
    page.wait_for_url("**/identity/bindings/*/")
    assert check(visitor, "bound-code") == []
    visitor.open("/identity/code-links/new")
    page.fill("#id_href", "https://maker.example/batch")
    page.fill("#id_title", "产品信息")
    page.check("#id_is_default")
    page.select_option("#id_binding", label=f"01/{GTIN}/10/{size}%2F1")
    page.click(".form-end button")
    page.wait_for_url("**/identity/code-links/*/")
    # The slash inside the batch number must survive the web server.
    assert scanned(visitor, f"/01/{GTIN}/10/{size}%2F1/21/7") == (307, "https://maker.example/batch")
    assert scanned(visitor, f"/01/{GTIN}/10/{size}/1") == (400, "")
    assert scanned(visitor, "/01/09506000134353")[0] == 400

    for name, path in {"labels": "/identity/labels", "bound-codes": "/identity/bindings/"}.items():
        visitor.open(path)
        visitor.photograph(name)
        assert check(visitor, name) == []
