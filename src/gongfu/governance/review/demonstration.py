"""A pool of experts and a panel of the demonstration district; names and projects are invented."""

from __future__ import annotations

from decimal import Decimal

from django.db import transaction

from gongfu.governance.review import judging, services
from gongfu.governance.review.drawing import Party
from gongfu.governance.review.models import Expert, Panel
from gongfu.governance.review.scoring import Criterion
from gongfu.governance.review.services import PanelDraft
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.rules import Role

_EXPERTS = (
    ("沈建国", "工业网络、工业互联网平台", "教授级高级工程师", "上海某工业自动化研究院", ""),
    ("陆文静", "智能制造、工业软件", "教授", "某理工大学", ""),
    ("顾志远", "信息安全", "高级工程师", "某信息安全测评中心", ""),
    ("徐慧", "财务、投资", "注册会计师", "某会计师事务所", ""),
    ("钱立群", "标识解析、工业软件", "高级工程师", "某工业互联网研究所", ""),
    ("周敏", "智能制造、精密加工", "高级工程师", "恒锐精密制造有限公司", "曾任职于申报企业的同行"),
    ("吴俊", "工业网络、边缘计算", "副教授", "某交通大学", ""),
    ("郑海燕", "财务、绩效评价", "高级会计师", "某咨询有限公司", ""),
)
CRITERIA = (
    Criterion(
        key="plan",
        title="方案先进性与可行性",
        title_en="Plan: advanced and feasible",
        weight=Decimal(35),
        help="目标清楚，技术路线成熟或有可靠验证，进度与人员相称。",
    ),
    Criterion(
        key="integration",
        title="集成与互联互通程度",
        title_en="Integration and connection",
        weight=Decimal(25),
        help="青浦附件2 二(一)1：从单项应用向综合集成跨越，内部互联互通、高效协同。",
    ),
    Criterion(
        key="investment",
        title="投资真实性与合理性",
        title_en="Investment: real and reasonable",
        weight=Decimal(20),
        least=Decimal(50),
        help="预算与合同、票据一致，单价合理。",
    ),
    Criterion(key="effect", title="成效与示范作用", title_en="Effect and example", weight=Decimal(20)),
)
_ROWS = [
    ("项目类别", "企业级工业互联网平台（青浦附件2 二(一)1）"),
    ("建设内容", "将两个车间 46 台机床与检测设备接入边缘网关，建设生产执行、设备健康与能耗三个应用，与 ERP 互通。"),
    ("总投资", "240 万元，其中硬件 96 万元，软件与实施 144 万元"),
    ("进度", "已完成网络改造与 38 台设备联网，其余于下季度完成"),
    ("预期成效", "设备综合效率由 61% 提高到 72%，单位能耗下降 8%，在制品库存下降 15%"),
]


def seed(office: Organisation, applicant: Organisation) -> None:
    """Enter them for ``office`` below which ``applicant`` applies, unless there are experts."""
    if Expert.objects.filter(organisation=office).exists():
        return
    with transaction.atomic():
        official = _person("reviewing", "评审承办人", {office: Role.ENGINEER})
        for number, (name, fields, title, employer, remark) in enumerate(_EXPERTS, start=1):
            Expert.objects.create(
                organisation=office,
                key=f"demo{number:02}",
                name=name,
                fields=fields,
                title=title,
                employer=employer,
                declared="恒锐精密制造有限公司" if number == 3 else "",
                remark=remark,
                user=_person(f"reviewer{number}", name, {}),
            )
        party = Party(name=applicant.name, code=applicant.credit_code)
        panel = services.open_panel(
            official,
            office,
            PanelDraft(
                subject="demonstration:1",
                number="示评〔2026〕1号",
                title="离散制造车间联网与综合集成项目",
                extract=_ROWS,
                parties=[party, Party(name="恒锐精密制造有限公司")],
                criteria=CRITERIA,
                places=("工业网络", "财务", ""),
            ),
        )
        services.draw(official, panel, seed="演示抽取", reason="第一次抽取")
        _judged(panel)


def _judged(panel: Panel) -> None:
    first = panel.assignments.select_related("expert__user", "panel__organisation").order_by("letter")[0]
    user = first.expert.user
    if user is not None:
        judging.accept(user, first)
        marks = {"plan": "82", "integration": "78", "investment": "75", "effect": "80"}
        judging.submit(user, first, marks, "技术路线成熟，设备联网比例高；建议补充能耗基线。")


def _person(username: str, name: str, roles: dict[Organisation, Role]) -> User:
    found = User.objects.filter(username=username).first()
    return found or accounts.create_user(username, None, display_name=name, roles=roles)
