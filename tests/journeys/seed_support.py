"""People for the journey of an application, and the demonstration district that every page of governance shows."""

from __future__ import annotations

import os

from gongfu.governance.applications import demonstration as applications
from gongfu.governance.applications import services as applying
from gongfu.governance.applications.models import Notice
from gongfu.governance.assessments import demonstration as assessments
from gongfu.governance.assessments.models import Assessment
from gongfu.governance.indicators import demonstration as plan_demonstration
from gongfu.governance.indicators import services as indicators
from gongfu.governance.indicators.models import Indicator
from gongfu.governance.review import demonstration as review
from gongfu.governance.review.models import Expert
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.rules import Role, credit_code_check_digit

PLANTS = (("support-a", "东昌精密机械有限公司"), ("support-b", "盈港塑业有限公司"), ("support-c", "淀山湖电子有限公司"))


def seed_demonstration(operator: Organisation, enterprise: Organisation) -> None:
    """The district with a plan, applications, assessments and a panel; its experts can sign in."""
    plan_demonstration.seed(operator)
    district = Organisation.objects.get(code=plan_demonstration.OFFICE)
    assessments.seed(enterprise)
    applications.seed(district)
    review.seed(district, enterprise)
    Assessment.objects.filter(organisation__code="demo-firm-9").update(state=Assessment.State.SUBMITTED)
    for user in User.objects.filter(username__startswith="reviewer"):
        user.set_password(os.environ["JOURNEY_PASSWORD"])
        user.language = "zh-hans"
        user.save()
    admin, notice = User.objects.get(username="admin"), Notice.objects.earliest("pk")
    applying.begin(admin, notice, "2.1", enterprise)


def seed(operator: Organisation) -> None:
    """Enter them below ``operator``; everybody signs in with the journey's password."""
    office = accounts.create_organisation(
        "journey-office", "测试区科委", kind=Organisation.Kind.AUTHORITY, parent=operator
    )
    department = accounts.create_organisation(
        "journey-finance", "测试区财政局", kind=Organisation.Kind.DEPARTMENT, parent=office
    )
    for name, label in (("official-li", "李科长"), ("official-wang", "王主任")):
        _person(name, label, office)
    _person("finance-deng", "邓老师", department)
    for number in range(2):
        user = _person(f"expert-{number}", f"专家{number}", None)
        Expert.objects.create(
            organisation=office, key=f"journey{number}", name=f"专家{number}", fields="工业网络", user=user
        )
    for number, (code, name) in enumerate(PLANTS):
        body = f"91310118MA1JR{number:04d}"
        plant = accounts.create_organisation(
            code, name, parent=operator, credit_code=body + credit_code_check_digit(body)
        )
        _person(f"plant-{number}", f"申报人{number}", plant)
    plan = indicators.adopt("journey", office, "qingpu-2021", years_later=4)
    plan.indicators.filter(target="A6").update(source=Indicator.Source.MEASURED, measure="projects_supported")


def _person(name: str, label: str, organisation: Organisation | None) -> User:
    roles = {organisation: Role.ENGINEER} if organisation else {}
    password = os.environ["JOURNEY_PASSWORD"]
    return accounts.create_user(name, password, display_name=label, roles=roles, language="zh-hans")
