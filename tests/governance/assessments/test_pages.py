"""An enterprise answers, hands in and is reviewed; others see what they may."""

from __future__ import annotations

import datetime as dt
import io
from decimal import Decimal

import docx
import pypdfium2
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils.translation import override

from gongfu.governance.assessments import attaching, due, papers, questions, reading, reviewing, scoring, services
from gongfu.governance.assessments.models import Answer, Assessment, Evidence, Provider, Weighting
from gongfu.governance.assessments.scoring import Given
from gongfu.identity.registry import services as registry
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.rules import Role
from gongfu.kernel.audit.models import AuditEntry
from gongfu.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from gongfu.kernel.settings import Settings
from gongfu.kernel.settings import settings as node_settings
from gongfu.platform.devices.services import DeviceDraft, create_device
from tests.governance.support.office import authority, code, official, signed_in

pytestmark = pytest.mark.django_db
PDF = b"%PDF-1.7 contract"


@pytest.fixture
def office() -> Organisation:
    return authority()


@pytest.fixture
def li(office: Organisation) -> User:
    return official("li", office)


@pytest.fixture
def plant() -> Organisation:
    return Organisation.objects.create(code="hengrui", name="恒锐机械", credit_code=code(1))


@pytest.fixture
def zhao(plant: Organisation) -> User:
    return official("zhao", plant)


@pytest.fixture
def rival() -> Organisation:
    return Organisation.objects.create(code="rival", name="对手", credit_code=code(2))


@pytest.fixture
def spy(rival: Organisation) -> User:
    return official("spy", rival)


def good(found: questions.Questionnaire, question: questions.Question, part: Decimal = Decimal("0.75")) -> str:
    options = found.options(question)
    if options:
        return options[min(int(len(options) * part), len(options) - 1)].key
    return f"{question.zero + (question.full - question.zero) * part:f}"


def filled(user: User, owner: Organisation, family: str = "integration", part: str = "0.75") -> Assessment:
    made = services.begin(user, owner, family, "34", "small")
    asked = made.asked
    Answer.objects.filter(assessment=made).delete()
    Answer.objects.bulk_create(
        [
            Answer(
                assessment=made,
                question=one.key,
                value=scoring.check(asked, one, Given(good(asked, one, Decimal(part)))).value,
            )
            for one in asked.question
        ]
    )
    return made


def accepted(user: User, owner: Organisation, office: Organisation, reviewer: User, part: str = "0.75") -> Assessment:
    made = services.hand_in(user, filled(user, owner, part=part), office)
    return reviewing.accept(reviewer, made)


def test_an_enterprise_answers_hands_in_and_is_reviewed(
    plant: Organisation, zhao: User, office: Organisation, li: User, spy: User
) -> None:
    client, desk = signed_in(zhao), signed_in(li)
    begun = client.post(
        "/governance/assessments/begin",
        {"family": "integration", "organisation": plant.pk, "industry": "34", "size": "small"},
    )
    made = Assessment.objects.get()
    assert begun.headers["Location"] == f"/governance/assessments/{made.pk}/"
    assert made.industry == "C34"
    form = client.get(f"/governance/assessments/{made.pk}/").content.decode()
    assert "0 of 29 answered" in form
    assert "names the aspects and stages, but publishes neither weights" in form, "weights are marked as ours"

    kept = client.post(f"/governance/assessments/{made.pk}/answers/F3", {"value-F3": "72"}).content.decode()
    assert "Saved at" in kept
    assert "1 of 29 answered" in kept
    wrong = client.post(f"/governance/assessments/{made.pk}/answers/F3", {"value-F3": "172"}).content.decode()
    assert "Give a number from 0 to 100" in wrong
    assert Answer.objects.get(assessment=made, question="F3").value == "72"

    missing = client.post(f"/governance/assessments/{made.pk}/hand-in", {})
    assert missing.status_code == 422
    assert "28 answers are missing" in missing.content.decode()

    asked = made.asked
    everything = {f"there-{one.key}": "1" for one in asked.question}
    everything |= {f"value-{one.key}": good(asked, one) for one in asked.question}
    everything |= {"value-C1": "wrong", "skip-S4": "1", "reason-S4": "设备尚未联网", "note-F1": "见附件"}
    saved = client.post(f"/governance/assessments/{made.pk}/", everything)
    assert saved.status_code == 422, "one answer is wrong"
    assert Answer.objects.filter(assessment=made).exclude(value="").count() == 27, "everything else is saved"
    everything["value-C1"] = "98"
    paper = SimpleUploadedFile("规划.pdf", PDF)
    saved = client.post(f"/governance/assessments/{made.pk}/", everything | {"attach": "F1", "file-F1": paper})
    assert saved.status_code == 302
    lie = SimpleUploadedFile("x.pdf", b"<script>")
    refused = client.post(f"/governance/assessments/{made.pk}/", {"attach": "F1", "file-F1": lie})
    assert refused.status_code == 422
    assert "is not what its name says" in refused.content.decode()
    evidence = Evidence.objects.get()
    file = client.get(f"/governance/evidence/{evidence.pk}")
    assert b"".join(file.streaming_content) == PDF
    assert file.headers["X-Content-Type-Options"] == "nosniff"
    assert file.headers["Content-Disposition"].startswith("attachment")

    assert desk.get(f"/governance/assessments/{made.pk}/result/").status_code == 404, "a draft is the enterprise's own"
    client.post(f"/governance/assessments/{made.pk}/hand-in", {})
    made.refresh_from_db()
    assert (made.state, made.office) == ("submitted", office)
    assert made.total is not None
    assert client.post(f"/governance/assessments/{made.pk}/answers/F3", {"value-F3": "1"}).status_code == 409
    assert "恒锐机械" in desk.get("/governance/assessments/").content.decode()

    review = f"/governance/assessments/{made.pk}/review/"
    assert client.get(review).status_code == 403, "nobody reviews the own enterprise"
    assert "规划.pdf" in desk.get(review).content.decode()
    before = made.total
    correction = {"do": "correct", "question": "F3", "value": "10", "reason": "现场核对只有6台联网"}
    assert desk.post(review, correction | {"reason": ""}).status_code == 422
    assert desk.post(review, correction).status_code == 302
    made.refresh_from_db()
    assert made.total < before
    line = Answer.objects.get(assessment=made, question="F3")
    assert (line.stated, line.value) == ("67.5", "10")
    desk.post(review, {"do": "accept", "remark": "情况属实"})
    made.refresh_from_db()
    assert made.state == "accepted"
    page = client.get(f"/governance/assessments/{made.pk}/result/").content.decode()
    assert all(part in page for part in ("现场核对只有6台联网", "情况属实", "设备尚未联网", "<svg", "青浦附件2"))
    latest = services.latest(plant)
    assert latest is not None
    assert (latest.stage, latest.accepted) == (made.stage, True)
    for user in (spy,):
        for where in (f"{made.pk}/", f"{made.pk}/result/", f"{made.pk}/report.pdf", f"{made.pk}/review/"):
            assert signed_in(user).get(f"/governance/assessments/{where}").status_code == 404
        assert signed_in(user).get(f"/governance/evidence/{evidence.pk}").status_code == 404
    actions = set(AuditEntry.objects.filter(object_type__startswith="assessments.").values_list("action", flat=True))
    assert {"begin", "attach", "hand_in", "correct", "accept"} <= actions


def test_the_report_as_pdf_and_docx_says_stage_scores_and_steps(
    plant: Organisation, zhao: User, office: Organisation, li: User
) -> None:
    Provider.objects.create(organisation=office, name="云联科技", topic="connection")
    made = accepted(zhao, plant, office, li, "0.5")
    with override("zh-hans"):
        pdf = papers.report(made, "pdf")
        assert papers.report(made, "pdf").data == pdf.data
        word = papers.report(made, "docx")
    file = pypdfium2.PdfDocument(pdf.data)
    text = "".join(file[number].get_textpage().get_text_range() for number in range(len(file))).replace("\r\n", "")
    for part in ("恒锐机械", "一、", "基础建设", "云联科技", "青浦附件2", "没有公布", "C34"):
        assert part in text, part
    assert pdf.missing == ()
    found = docx.Document(io.BytesIO(word.data))
    assert len(found.tables) >= 2
    assert len(found.inline_shapes) == 1
    assert signed_in(zhao).get(f"/governance/assessments/{made.pk}/report.docx").content[:2] == b"PK"
    assert signed_in(zhao).get(f"/governance/assessments/{made.pk}/report.exe").status_code == 404


def test_measured_facts_are_proposed_and_count_only_when_somebody_takes_them(
    plant: Organisation, zhao: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "gongfu.governance.assessments.measured.take",
        lambda *_: {"connection_rate": Decimal("72.4"), "dashboards": Decimal(2), "oee": Decimal("61.3")},
    )
    made = services.begin(zhao, plant, "integration", "C34", "small")
    assert services.result(made).total.answered == 0
    client = signed_in(zhao)
    page = client.get(f"/governance/assessments/{made.pk}/").content.decode()
    assert "72.4 %" in page
    assert "Inventory of machines" in page
    taken = client.post(f"/governance/assessments/{made.pk}/answers/F3", {"take": "1"}).content.decode()
    assert "confirmed" in taken
    answer = Answer.objects.get(assessment=made, question="F3")
    assert (answer.value, answer.confirmed, answer.proposed_from) == ("72.4", True, "connection_rate")
    services.answer(zhao, made, "F3", Given("80"))
    assert not Answer.objects.get(assessment=made, question="F3").confirmed
    assert Answer.objects.get(assessment=made, question="J3").proposed == "board"


def test_what_this_node_measures_is_asked_of_the_enterprise_alone(plant: Organisation, zhao: User) -> None:
    from gongfu.governance.assessments import measured
    from tests.platform.devices.plants import enterprise

    other = enterprise("other", "别家")
    registry.allot_prefix("test", other)
    create_device(
        "test",
        other,
        DeviceDraft(key="PRESS-9", name="别家的压机", type="centrifugal-pump", driver="modbus", options={"host": "h"}),
    )
    now = dt.datetime.now(dt.UTC)
    found = measured.take(zhao, plant, set(measured.FACTS), now)
    assert not set(found) & {"connection_rate", "devices", "identifiers"}
    registry.allot_prefix("test", plant)
    create_device(
        "test",
        plant,
        DeviceDraft(key="PRESS-1", name="一号压机", type="centrifugal-pump", driver="modbus", options={"host": "h"}),
    )
    found = measured.take(zhao, plant, set(measured.FACTS), now)
    assert (found["devices"], found["connection_rate"]) == (1, 0)
    made = services.begin(zhao, plant, "district", "34", "small")
    assert made.answers.get(question="N3").proposed == "1"


def test_the_years_stand_beside_each_other_and_answers_are_proposed_again(
    plant: Organisation, zhao: User, office: Organisation, li: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gongfu.governance.assessments.services.today", lambda: dt.date(2026, 11, 1))
    first = accepted(zhao, plant, office, li, "0.25")
    services.weigh(li, office, "integration-2026", {"benefit": Decimal(30)}, dt.date(2026, 12, 1), "突出实效")
    monkeypatch.setattr("gongfu.governance.assessments.services.today", lambda: dt.date(2027, 3, 1))
    second = services.begin(zhao, plant, "integration", "34", "small")
    assert second.answers.get(question="F3").proposed_from == "last"
    second = services.hand_in(zhao, filled(zhao, plant, part="0.75"), office)
    assert second.weights["benefit"] == "30"
    found = reading.years(second)
    assert [one.assessment.year for one in found] == [2026, 2027]
    assert found[1].change is not None
    assert found[1].change > 0
    assert found[1].other_weights
    first.refresh_from_db()
    assert services.result(first).total.low == first.total, "an old score stays as it was"
    assert (
        "The weights were changed"
        in signed_in(zhao).get(f"/governance/assessments/{second.pk}/result/").content.decode()
    )


def test_a_later_version_replaces_the_accepted_one(
    plant: Organisation, zhao: User, office: Organisation, li: User
) -> None:
    first = accepted(zhao, plant, office, li)
    second = accepted(zhao, plant, office, li, "0.5")
    first.refresh_from_db()
    assert (first.state, second.state, second.version) == ("replaced", "accepted", 2)
    assert [one.pk for one in reading.versions_of(second)] == [second.pk, first.pk]


def test_who_may_not_is_refused(plant: Organisation, zhao: User, office: Organisation, li: User, spy: User) -> None:
    made = filled(zhao, plant)
    with pytest.raises(NotFound):
        services.assessment_for(spy, made.pk)
    for user in (spy, li, official("viewer", plant, Role.VIEWER)):
        with pytest.raises(Forbidden):
            services.answer(user, made, "F3", Given("1"))
        with pytest.raises(Forbidden):
            services.hand_in(user, made, office)
    duty = official("duty", plant, Role.OPERATOR)
    services.answer(duty, made, "F3", Given("50"))
    with pytest.raises(Forbidden):
        services.hand_in(duty, made, office)
    with pytest.raises(Invalid):
        services.hand_in(zhao, made, plant)
    made = services.hand_in(zhao, made, office)
    stranger = official("stranger", authority("other", "别区科委"))
    for user in (zhao, spy, stranger):
        with pytest.raises(Forbidden):
            reviewing.accept(user, made)
    with pytest.raises(Conflict):
        services.begin(zhao, plant, "integration", "34", "small")
    with pytest.raises(Forbidden):
        attaching.attach_link(spy, services.take_back(zhao, made), "F1", "https://a.cn/x")
    with pytest.raises(Conflict):
        reviewing.accept(li, made)
    with pytest.raises(Forbidden):
        services.weigh(zhao, office, "integration-2026", {"benefit": Decimal(1)}, services.today(), "想要高分")
    assert not Weighting.objects.exists()


def test_a_diagnostician_reviews_what_an_official_entrusts(
    plant: Organisation, zhao: User, office: Organisation, li: User, rival: Organisation, spy: User
) -> None:
    made = services.hand_in(zhao, filled(zhao, plant), office)
    where = f"/governance/assessments/{made.pk}/review/"
    expert = official("expert", Organisation.objects.create(code="institute", name="诊断机构"))
    assert signed_in(expert).get(where).status_code == 404
    for wrong in ("nobody", "zhao"):
        assert signed_in(li).post(where, {"do": "entrust", "username": wrong}).status_code == 422
    assert signed_in(li).post(where, {"do": "entrust", "username": "Expert"}).status_code == 302
    with pytest.raises(Forbidden):
        reviewing.entrust(expert, made, "spy")
    assert signed_in(expert).get(where).status_code == 200
    assert [one.pk for one in due.waiting_for(expert)] == [made.pk]
    other = services.hand_in(spy, filled(spy, rival), office)
    assert signed_in(expert).get(f"/governance/assessments/{other.pk}/review/").status_code == 404
    assert signed_in(expert).post(where, {"do": "accept"}).status_code == 302
    made.refresh_from_db()
    assert (made.state, made.reviewed_by) == ("accepted", expert)


def test_the_first_of_two_reviewers_decides(plant: Organisation, zhao: User, office: Organisation, li: User) -> None:
    made = services.hand_in(zhao, filled(zhao, plant), office)
    stale = Assessment.objects.get(pk=made.pk)
    reviewing.send_back(li, made, "请补充规划文件")
    with pytest.raises(Conflict):
        reviewing.accept(official("wang", office), stale)
    page = signed_in(zhao).get(f"/governance/assessments/{made.pk}/").content.decode()
    assert "请补充规划文件" in page


def _crowd(count: int, office: Organisation, industry: str, total: int) -> None:
    for number in range(count):
        owner = Organisation.objects.create(code=f"x{industry.lower()}{number}", name=f"密{industry}{number}")
        Assessment.objects.create(
            organisation=owner,
            questionnaire="integration-2026",
            year=2026,
            industry=industry,
            size="small",
            state="accepted",
            office=office,
            total=Decimal(total) + Decimal("1.37"),
            stage="covering",
            scores={"single": f"{total}.37"},
            submitted_at=dt.datetime(2026, 5, 1, tzinfo=dt.UTC),
        )


def test_comparison_and_overview_show_nobody(
    plant: Organisation, zhao: User, office: Organisation, li: User, spy: User
) -> None:
    made = accepted(zhao, plant, office, li)
    _crowd(4, office, "C34", 40)
    result = f"/governance/assessments/{made.pk}/result/"
    assert "Of fewer than 5 other enterprises nothing is shown" in signed_in(zhao).get(result).content.decode()
    _crowd(2, office, "C35", 80)
    found = reading.compared(made)
    assert found is not None
    assert (found.group, found.at_least, found.total) == ("size", 5, 55)
    page = signed_in(zhao).get(result).content.decode()
    assert "密C" not in page
    assert "41.37" not in page
    outside = signed_in(spy).get(f"/governance/assessments/overview/?office={office.pk}").content.decode()
    assert "密C" not in outside
    assert "C34" in outside, "five enterprises"
    assert "C35" not in outside, "only two"
    assert "≥5" in outside
    inside = signed_in(li).get("/governance/assessments/overview/").content.decode()
    assert "密C350" in inside
    api = signed_in(spy).get(f"/api/v1/governance/stages?questionnaire=integration-2026&office={office.code}").json()
    assert api["exact"] is False
    assert [row["count"] for row in api["rows"]] == [5, 5]


def test_programs_answer_and_read_the_result(plant: Organisation, zhao: User, office: Organisation) -> None:
    client = Client()
    client.force_login(zhao)
    asked = client.get("/api/v1/governance/questionnaires").json()
    assert next(one["key"] for one in asked) == "integration-2026"
    assert all(one["ours"] and one["reason"] for one in asked)
    body = {"organisation": plant.code, "family": "district", "industry": "34", "size": "micro"}
    made = client.post("/api/v1/governance/assessments", body, content_type="application/json").json()
    where = f"/api/v1/governance/assessments/{made['id']}"
    score = client.put(f"{where}/answers/N1", {"value": "45"}, content_type="application/json").json()
    assert score["low"] == "6.25"
    assert client.put(f"{where}/answers/N1", {"value": "-4"}, content_type="application/json").status_code == 422
    assert client.put(f"{where}/answers/ZZ", {"value": "4"}, content_type="application/json").status_code == 404
    result = client.get(where).json()
    assert len(result["missing"]) == 12
    assert result["lines"][0]["gain"] == "2.50"
    refused = client.post(f"{where}/hand-in", {"office": office.code}, content_type="application/json")
    assert refused.status_code == 422


def test_questionnaires_and_weights_are_shown_with_their_reason(li: User, zhao: User, office: Organisation) -> None:
    for one in questions.built_in():
        page = signed_in(zhao).get(f"/governance/questionnaires/{one.key}/").content.decode()
        assert "The weights are ours." in page
    weights = {f"weight-{one.key}": "10" for one in questions.by_key("district-2026").dimension}
    posted = weights | {"office": office.pk, "since": services.today().isoformat(), "reason": "五项并重"}
    assert signed_in(li).post("/governance/questionnaires/district-2026/weights", posted).status_code == 302
    assert "五项并重" in signed_in(li).get("/governance/questionnaires/district-2026/").content.decode()
    late = posted | {"since": "2020-01-01"}
    assert signed_in(li).post("/governance/questionnaires/district-2026/weights", late).status_code == 422


def test_the_fewest_compared_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings(home=node_settings().home, assessment_peers=1).assessment_peers == 1
    monkeypatch.setattr(
        "gongfu.governance.assessments.reading.settings",
        lambda: Settings(home=node_settings().home, assessment_peers=1),
    )
    assert reading.fewest() == 3
