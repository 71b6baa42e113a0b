"""What this node knows of a prefix or an enterprise, as it is filed."""

from __future__ import annotations

from gongfu.identity.filing import wire
from gongfu.identity.registry import services as registry
from gongfu.identity.registry.models import Prefix
from gongfu.kernel.accounts.models import Organisation
from gongfu.kernel.settings import settings


def subject(organisation: Organisation, prefix: Prefix | None, contact: str, phone: str, remark: str) -> wire.Subject:
    """The prefix when there is one, else the enterprise with all its prefixes."""
    if prefix is None:
        held = Prefix.objects.filter(organisation=organisation).order_by("name").values_list("name", flat=True)
        return wire.EnterpriseSubject(
            code=organisation.code,
            organisation=organisation.name,
            organisation_en=organisation.name_en,
            kind=organisation.kind,
            credit_code=organisation.credit_code,
            prefixes=list(held[:1000]),
            contact=contact,
            phone=phone,
            remark=remark,
        )
    return wire.PrefixSubject(
        prefix=prefix.name,
        level=prefix.kind,
        state=prefix.state,
        organisation=organisation.name,
        credit_code=organisation.credit_code,
        resolver=f"{settings().host}:{settings().handle_port}",
        registered=registry.count(prefix.name),
        contact=contact,
        phone=phone,
        remark=remark,
    )
