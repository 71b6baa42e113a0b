"""An office with a pool of experts who can sign in, and a panel."""

from __future__ import annotations

from decimal import Decimal

from gongfu.governance.review import services
from gongfu.governance.review.drawing import Party
from gongfu.governance.review.models import Assignment, Expert, Panel
from gongfu.governance.review.scoring import Criterion
from gongfu.governance.review.services import PanelDraft
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.rules import Role

CRITERIA = (
    Criterion(key="plan", title="方案", title_en="Plan", weight=Decimal(60)),
    Criterion(key="effect", title="成效", title_en="Effect", weight=Decimal(40), most=Decimal(10)),
)
HENGRUI = Party(name="恒锐机械有限公司", legal="赵恒", phones=("021-59731234",))
GOOD, FAIR, BAD = {"plan": "90", "effect": "9"}, {"plan": "80", "effect": "8"}, {"plan": "40", "effect": "4"}


def authority(code: str = "qingpu", name: str = "青浦区科委") -> Organisation:
    return accounts.create_organisation(code, name, kind=Organisation.Kind.AUTHORITY)


def official(name: str, office: Organisation, role: Role = Role.ENGINEER) -> User:
    return accounts.create_user(name, None, roles={office: role}, language="en")


def expert(office: Organisation, number: int, fields: str = "工业网络", **known: str) -> Expert:
    user = accounts.create_user(f"{office.code}-expert{number}", None, language="en")
    return Expert.objects.create(
        organisation=office,
        key=f"e{number:03}",
        name=known.pop("name", f"专家{number}"),
        fields=fields,
        user=user,
        **known,
    )


def draft(subject: str = "applications:1", places: tuple[str, ...] = ("", ""), **known: object) -> PanelDraft:
    return PanelDraft(
        subject=subject,
        title="数控车间联网改造",
        extract=[("建设内容", "42 台机床联网，建设边缘网关"), ("总投资", "240 万元")],
        parties=[HENGRUI],
        criteria=CRITERIA,
        places=places,
        **known,  # type: ignore[arg-type]
    )


def panel(li: User, office: Organisation, count: int = 2, **known: object) -> Panel:
    """Opened and drawn."""
    opened = services.open_panel(li, office, draft(places=("",) * count, **known))
    services.draw(li, opened)
    return opened


def seats(of: Panel) -> list[Assignment]:
    return list(of.assignments.sitting().select_related("expert__user", "panel__organisation").order_by("letter"))
