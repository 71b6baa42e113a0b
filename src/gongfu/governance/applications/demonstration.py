"""A notice of the demonstration district and applications in several stages; enterprises and papers are invented.

Two officials, a person of a department and one of each enterprise acted, none of whom can sign in.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db import transaction

from gongfu.governance.applications import attaching, clock, forms, paying, publishing, reviewing, services, sums
from gongfu.governance.applications.models import Application, Notice, Publication
from gongfu.governance.applications.paying import Part
from gongfu.governance.applications.services import NoticeDraft
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.rules import Role, credit_code_check_digit

_TITLE = "工业互联网创新发展专项支持申报通知（演示）"
_FIRMS = (
    ("demo-hengyuan", "恒远精密铸造有限公司", "Hengyuan Precision Casting"),
    ("demo-lanqiao", "蓝桥包装机械有限公司", "Lanqiao Packaging Machinery"),
    ("demo-xinrui", "鑫锐电子科技有限公司", "Xinrui Electronics"),
    ("demo-yunfan", "云帆纺织有限公司", "Yunfan Textile"),
)
_PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
)


@dataclass(frozen=True)
class _People:
    """Who acts."""

    first: User
    second: User
    department: User


def seed(office: Organisation, today: dt.date | None = None) -> None:
    """Enter them for ``office`` unless they are there."""
    if Notice.objects.filter(organisation=office, title=_TITLE).exists():
        return
    with transaction.atomic():
        _seed(office, today or clock.today())


def _seed(office: Organisation, today: dt.date) -> None:
    department = Organisation.objects.filter(parent=office, kind=Organisation.Kind.DEPARTMENT).first()
    people = _People(
        _person("demo-official-1", "演示经办人", office),
        _person("demo-official-2", "演示审批人", office),
        _person("demo-department", "演示会审人", department or office),
    )
    notice = services.keep_notice(
        people.first,
        office,
        NoticeDraft(
            number=f"示工办〔{today.year}〕8号",
            title=_TITLE,
            text="为推进工业互联网创新发展，现组织开展专项支持申报工作。请符合条件的企业在规定时间内在线申报。\n"
            "本通知及所列企业、金额均为演示数据。",
            family="qingpu",
            clauses=["2.1", "3.1", "1.1"],
            opens_on=today - dt.timedelta(days=10),
            closes_on=today + dt.timedelta(days=20),
            papers=[("p1", "加盖公章的申请表"), ("p2", "合同及发票复印件")],
            audience="在本区实际经营、注册和纳税的法人企业",
            departments=[department] if department else [],
            deliberates="示范区产业发展协调推进办公室",
            contact="王老师 021-5973 0000（演示）",
        ),
    )
    notice = services.publish_notice(people.first, notice)
    made = [_handed_in(notice, number, firm, office) for number, firm in enumerate(_FIRMS)]
    paid, published, returned, _waiting = made
    _reviewed(people, paid)
    _reviewed(people, published)
    publication = publishing.publish(people.first, notice, "第一批拟支持项目公示（演示）", "", [paid.pk])
    Publication.objects.filter(pk=publication.pk).update(
        begins_on=today - dt.timedelta(days=9), ends_on=today - dt.timedelta(days=1)
    )
    paid = services.take(people.first, _again(paid), "unopposed")
    parts = [Part(Decimal(150_000), today), Part(Decimal(90_000), today + dt.timedelta(days=90), after="平台上线运行")]
    paid = paying.approve(people.second, paid, Decimal(240_000), parts, document="示产推办纪要〔2026〕3号")
    first = paid.instalments.order_by("position").first()
    if first is not None:
        paying.pay(people.first, paid, first.pk, paid_on=today, document="示财〔2026〕17号")
    publishing.publish(people.first, notice, "第二批拟支持项目公示（演示）", "", [published.pk])
    services.take(people.first, returned, "return", reason="请补充设备采购合同和发票。")
    for one in (people.first, people.second, people.department):
        one.is_active = False
        one.save()


def _person(name: str, label: str, organisation: Organisation) -> User:
    return accounts.create_user(name, None, display_name=label, roles={organisation: Role.ENGINEER})


def _handed_in(notice: Notice, number: int, firm: Sequence[str], office: Organisation) -> Application:
    code, name, english = firm
    body = f"91310118MA1D{number:05d}"
    organisation = accounts.create_organisation(
        code, name, name_en=english, parent=office.parent, credit_code=body + credit_code_check_digit(body)
    )
    user = _person(f"{code}-user", "演示申报人", organisation)
    clause = ("2.1", "2.1", "2.1", "3.1")[number]
    made = services.begin(user, notice, clause, organisation)
    for key, title in notice.papers:
        attaching.attach(user, made, key, f"{title}.pdf", _PDF + f"% {code} {key}\n".encode())
    scheme = sums.scheme_of(notice)
    facts = [one.key for one in forms.conditions(scheme, scheme.find(clause))]
    answers = {
        "contact_name": "陈经理",
        "contact_phone": f"021-597300{number:02d}",
        "matter": ("铸造车间设备互联与工艺优化平台", "包装线协同制造平台", "SMT 产线数据平台", "年度上云费用")[number],
        "year": str(notice.opens_on.year - 1),
        "basis": ("80万", "168万", "120万", "12000")[number],
        "summary": "打通设备、排产与质量数据，实现内部互联互通（演示）。",
        "bank": "示范农商银行",
        "account": f"3100123456789{number:04d}",
    }
    services.save_draft(user, made, answers, facts, None)
    done = services.hand_in(user, _again(made))
    user.is_active = False
    user.save()
    return done


def _reviewed(people: _People, application: Application) -> None:
    application = services.take(people.first, application, "forward")
    for opinion in application.opinions.all():
        services.give_opinion(people.department, opinion, "agrees", "")
    application = services.take(people.first, application, "agree")
    reviewing.record_result(people.first, application, "三位专家平均 86 分，建议支持（演示）。")
    application = services.take(people.first, application, "reviewed")
    services.take(people.first, application, "consulted", reason="相关部门无不同意见（演示）")


def _again(application: Application) -> Application:
    return Application.objects.get(pk=application.pk)
