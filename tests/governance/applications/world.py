"""A district's office with three officials, a department, enterprises with a person each, and a notice."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from django.test import Client

from gongfu.governance.applications import attaching, clock, forms, paying, publishing, reviewing, services, sums
from gongfu.governance.applications.models import Application, Notice, Publication
from gongfu.governance.applications.paying import Part
from gongfu.governance.applications.services import NoticeDraft
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.rules import Role, credit_code_check_digit

PDF = b"%PDF-1.7\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"
ACCOUNT = "31001234567890123456"


def code(number: int) -> str:
    """A credit code whose check character fits."""
    body = f"91310118MA1J{number:05d}"
    return body + credit_code_check_digit(body)


def person(name: str, organisation: Organisation, role: Role = Role.ENGINEER) -> User:
    return accounts.create_user(name, "correct-horse-9", roles={organisation: role}, language="en")


@dataclass
class World:
    """Who there is."""

    office: Organisation
    department: Organisation
    li: User
    wang: User
    zhou: User
    expert: User
    """Of the department."""
    notice: Notice
    plants: list[Organisation] = field(default_factory=list)
    people: list[User] = field(default_factory=list)


def world(*, clauses: Sequence[str] = ("2.1", "3.1", "1.1"), plants: int = 1, **changes: object) -> World:
    """Everybody, and a notice that is open from yesterday for a month."""
    office = accounts.create_organisation("kewei", "青浦区科委", kind=Organisation.Kind.AUTHORITY)
    department = accounts.create_organisation("jingwei", "区经委", kind=Organisation.Kind.DEPARTMENT)
    officials = [person(name, office) for name in ("li", "wang", "zhou")]
    today = clock.today()
    draft = NoticeDraft(
        number="青科委〔2026〕18号",
        title="2026年度工业互联网专项支持申报通知",
        text="请符合条件的企业申报。",
        family="qingpu",
        clauses=list(clauses),
        opens_on=today - dt.timedelta(days=1),
        closes_on=today + dt.timedelta(days=30),
        papers=[("p1", "营业执照复印件")],
        departments=[department],
        deliberates="青浦区产业发展协调推进办公室",
    )
    notice = services.keep_notice(officials[0], office, replace(draft, **changes))  # type: ignore[arg-type]
    notice = services.publish_notice(officials[0], notice)
    made = World(office, department, *officials, person("deng", department), notice)
    for number in range(plants):
        plant = accounts.create_organisation(f"plant{number}", f"恒锐{number}机械有限公司", credit_code=code(number))
        made.plants.append(plant)
        made.people.append(person(f"zhao{number}", plant))
    return made


def answers(plant: Organisation, **changes: str) -> dict[str, str]:
    """A form of which everything is right."""
    return {
        "name": plant.name,
        "credit_code": plant.credit_code,
        "contact_name": "赵工",
        "contact_phone": "021-59731234",
        "matter": "设备互联平台",
        "year": "2026",
        "basis": "100万",
        "summary": "车间设备联网与排产协同。",
        "account_holder": plant.name,
        "bank": "青浦农商银行城区支行",
        "account": ACCOUNT,
    } | changes


def drafted(at: World, number: int = 0, clause: str = "2.1", **changes: str) -> Application:
    """A draft that is complete."""
    user, plant = at.people[number], at.plants[number]
    made = services.begin(user, at.notice, clause, plant)
    scheme = sums.scheme_of(at.notice)
    keys = [one.key for one in forms.conditions(scheme, scheme.find(clause))]
    attaching.attach(user, made, "p1", "执照.pdf", PDF)
    return services.save_draft(user, made, answers(plant, **changes), keys, None)


def handed_in(at: World, number: int = 0, clause: str = "2.1", **changes: str) -> Application:
    return services.hand_in(at.people[number], drafted(at, number, clause, **changes))


def reviewed(at: World, made: Application) -> Application:
    """Through first check, departments and experts, up to the consultation."""
    made = services.take(at.li, made, "forward")
    for opinion in made.opinions.all():
        services.give_opinion(at.expert, opinion, "agrees", "")
    made = services.take(at.li, made, "agree")
    reviewing.record_result(at.li, made, "86分，建议支持")
    return services.take(at.li, made, "reviewed")


def published(at: World, *made: Application) -> Publication:
    """On public notice together."""
    for one in made:
        services.take(at.li, reviewed(at, one), "consulted", reason="区发改委、区财政局无意见")
    return publishing.publish(at.li, at.notice, "拟支持项目公示", "", [one.pk for one in made])


def ended(publication: Publication) -> None:
    """As if its last day had passed."""
    Publication.objects.filter(pk=publication.pk).update(ends_on=clock.today() - dt.timedelta(days=1))


def approved(at: World, made: Application, *amounts: str) -> Application:
    """Through public notice and deliberation."""
    ended(published(at, made))
    made = services.take(at.li, made, "unopposed")
    parts = [Part(Decimal(one), clock.today()) for one in amounts]
    return paying.approve(at.wang, made, sum((one.amount for one in parts), Decimal(0)), parts, document="纪要3号")


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client
