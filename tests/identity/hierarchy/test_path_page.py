"""The path of a resolution as people and programs see it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from gongfu.identity.handle.errors import BadHandle
from gongfu.identity.handle.wire import Value
from gongfu.identity.hierarchy import drawing, services
from gongfu.identity.recursion import failures
from gongfu.identity.recursion.paths import Path
from gongfu.identity.recursion.trace import Hop, Problem, Purpose, Trace
from gongfu.identity.registry.services import Prefix
from gongfu.kernel.accounts.models import User
from gongfu.kernel.errors import Unavailable
from gongfu.kernel.i18n import mark

pytestmark = pytest.mark.django_db
SignedIn = Callable[..., Client]
HOPS = (
    Hop("0.NA/88.118", Purpose.PREFIX, "192.0.2.1:2641", code=1, took_ms=4.25),
    Hop("0.NA/88.118.1", Purpose.PREFIX, "192.0.2.2:2641", "88.118", code=1, cached=True),
    Hop("88.118.1/CNC-01", Purpose.IDENTIFIER, "192.0.2.3:2641", "88.118.1", code=1, took_ms=12.4),
)
FOUND = Path(
    Trace("88.118.1/CNC-01", 1, 16.65, HOPS, resolver="192.0.2.9:3641"), (Value(1, "URL", b"http://<a>.test/"),)
)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Path | Exception]:
    known: dict[str, Path | Exception] = {"88.118.1/CNC-01": FOUND}

    def path(handle: str, _settings: object) -> Path:
        found = known.get(handle, BadHandle(mark("The identifier is empty.")))
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(services.paths, "path", path)
    return known


@pytest.mark.parametrize(("language", "said"), [("en", "Who serves the prefix"), ("zh-hans", "谁为该前缀服务")])
def test_the_path_is_drawn_with_the_time_at_each_hop(
    answers: object, li: User, signed_in: SignedIn, language: str, said: str
) -> None:
    page = signed_in(li, language).get("/identity/path/?handle=88.118.1/CNC-01").content.decode()
    assert '<svg class="hierarchy-path"' in page
    for text in ("192.0.2.1:2641", "192.0.2.3:2641", "4.25 ms", "12 ms", "16.65 ms"[:2], said):
        assert text in page
    assert page.count('class="hierarchy-asked"') == 2
    assert page.count('class="hierarchy-cached"') == 1
    assert "http://&lt;a&gt;.test/" in page
    assert "<script" not in page.split("<svg", 1)[1].split("</svg>")[0]
    assert "style=" not in page.split('<svg class="hierarchy-path"', 1)[1].split("</svg>")[0]


def test_a_failure_is_told_with_the_hop_it_is_about(
    answers: dict[str, Path | Exception], li: User, signed_in: SignedIn
) -> None:
    hops = (*HOPS[:2], Hop("88.118.1/X", Purpose.IDENTIFIER, "192.0.2.3:2641", "88.118.1", problem=Problem.SILENT))
    error = failures.failure(Problem.SILENT, hops, "88.118.1/X", "192.0.2.3:2641", "88.118.1")
    answers["88.118.1/X"] = Path(Trace("88.118.1/X", 3, 20.0, hops), (), error)
    page = signed_in(li).get("/identity/path/?handle=88.118.1/X").content.decode()
    assert "Not reached" in page
    assert "192.0.2.3:2641, asked for 88.118.1/X, does not answer" in page
    assert 'class="hierarchy-failed"' in page
    answers["88.118.1/Y"] = Unavailable(mark("The resolver at {server} does not answer: {reason}."), server=1, reason=2)
    assert (
        "The resolver at 1 does not answer" in signed_in(li).get("/identity/path/?handle=88.118.1/Y").content.decode()
    )


def test_an_old_answer_is_marked(answers: dict[str, Path | Exception], li: User, signed_in: SignedIn) -> None:
    hop = Hop("88.118.1/OLD", Purpose.IDENTIFIER, "192.0.2.3:2641", "88.118.1", code=1, stale=True)
    answers["88.118.1/OLD"] = Path(Trace("88.118.1/OLD", 1, 1.0, (hop,), stale=True), FOUND.values)
    page = signed_in(li).get("/identity/path/?handle=88.118.1/OLD").content.decode()
    assert "old answer" in page
    assert 'class="hierarchy-stale"' in page


def test_programs_get_the_path_as_json(answers: object, li: User, signed_in: SignedIn) -> None:
    answer = signed_in(li).get("/api/v1/identity/trace/88.118.1/CNC-01").json()
    assert answer["resolver"] == "192.0.2.9:3641"
    assert [hop["took_ms"] for hop in answer["hops"]] == [4.25, 0.0, 12.4]
    assert answer["hops"][1]["cached"] is True
    assert answer["values"][0]["type"] == "URL"


def test_nobody_follows_paths_without_signing_in(answers: object, prefix: Prefix) -> None:
    assert Client().get("/identity/path/?handle=88.118.1/CNC-01").status_code == 302
    assert Client().get("/api/v1/identity/trace/88.118.1/CNC-01").status_code == 401


def test_one_person_follows_thirty_paths_a_minute(answers: object, li: User, root: User, signed_in: SignedIn) -> None:
    client = signed_in(li)
    for _ in range(services.PER_MINUTE):
        assert client.get("/api/v1/identity/trace/88.118.1/CNC-01").status_code == 200
    assert client.get("/api/v1/identity/trace/88.118.1/CNC-01").status_code == 429
    assert client.get("/identity/path/?handle=88.118.1/CNC-01").status_code == 429
    assert signed_in(root).get("/api/v1/identity/trace/88.118.1/CNC-01").status_code == 200


@pytest.mark.parametrize("handle", ["", "no-slash", "88.118.1/%00", "8" * 400])
def test_what_is_no_identifier_is_refused_beside_the_field(
    answers: object, li: User, signed_in: SignedIn, handle: str
) -> None:
    assert signed_in(li).get(f"/identity/path/?handle={handle}").status_code in (200, 422)


def test_the_page_is_in_the_menu_and_on_the_page_of_an_identifier(li: User, signed_in: SignedIn) -> None:
    page = signed_in(li).get("/identity/path/").content.decode()
    assert 'href="/identity/path/"' in page


def test_a_drawing_of_many_long_names_stays_a_drawing() -> None:
    hops = tuple(
        Hop(f"88.118.1/{'x' * 250}", Purpose.ALIAS, f"[2001:db8:1234:5678:9abc:def0:1234:{n}]:2641", "88." + "1" * 40)
        for n in range(12)
    )
    drawn = drawing.draw(Trace("h", 1, 1.0, hops), "Recursive node", "88")
    assert len(drawn.columns) == 13
    assert len(drawn.arrows) == 12
    assert all(len(arrow.asked) <= 34 for arrow in drawn.arrows)
    assert drawing.draw(Trace("h", 1, 1.0, ()), "here", "88").width == 320
