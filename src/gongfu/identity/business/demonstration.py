"""What the demonstration plant adds here: contracts of its enterprises, templates, one application in review.

The enterprises are invented, and so are their codes and people; each code has a check character that fits.
"""

from __future__ import annotations

from gongfu.identity.business import services, templating
from gongfu.identity.business.models import Application, Contract, Template
from gongfu.identity.business.services import Enterprise, Granted
from gongfu.identity.registry import services as registry
from gongfu.kernel.accounts.models import Organisation

_FEE = "演示,免费"
_ENTERPRISES = {
    "hengrui": (
        Enterprise("恒锐精密机械有限公司", "91310118MA1GFHR01N", "C34", "310118", "李工", "021-59730001"),
        Granted(10_000, 200_000, 1, _FEE),
    ),
    "huasu": (
        Enterprise("华塑新材料有限公司", "91310118MA1GFHU025", "C29", "310118", "王工", "021-59730002"),
        Granted(5_000, 100_000, 1, _FEE),
    ),
    "changqing": (
        Enterprise("长青工程装备有限公司", "91310118MA1GFCQ033", "C35", "310118", "赵工", "021-59730003"),
        Granted(20_000, 500_000, 2, _FEE),
    ),
}
_TEMPLATES = ("machinery", "component", "vehicle", "logistics-unit")


def seed(actor: str, operator: Organisation) -> None:
    """Enter what is missing; what people changed stays."""
    if not Template.objects.filter(organisation=operator).exists():
        for code in _TEMPLATES:
            templating.publish(actor, templating.import_starter(actor, operator, code))
    for code, (enterprise, terms) in _ENTERPRISES.items():
        organisation = Organisation.objects.filter(code=code).first()
        prefix = registry.prefix_of(organisation) if organisation else None
        if prefix and not Contract.objects.filter(prefix__name=prefix).exists():
            services.open_contract(actor, prefix, enterprise, terms)
    applicant = Organisation.objects.filter(code="huasu").first()
    if applicant and not Application.objects.exists():
        services.apply(
            actor,
            applicant,
            _ENTERPRISES["huasu"][0],
            "汽车保险杠等注塑件的一物一码,供主机厂追溯批次与材料。",
            Granted(1_000_000, 50_000, 3),
            submit=True,
        )
