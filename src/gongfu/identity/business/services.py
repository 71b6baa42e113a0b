"""The door of business management: applications, contracts, templates, grants, and what a day brings.

Whoever applies or registers acts for his own organisations; what belongs to another one is not found. Prefixes and
identifiers themselves belong to :mod:`gongfu.identity.registry.services`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_

from django.db import transaction
from django.db.models import Count, Max, Q, QuerySet
from django.utils import timezone

from gongfu.identity.business import checking, classes, clock, rules
from gongfu.identity.business.errors import NoTemplate
from gongfu.identity.business.fields import TEMPLATE_TYPE, TemplateSpec, parse_reference
from gongfu.identity.business.models import Application, Contract, Grant
from gongfu.identity.business.models import Template as Template  # for the modules above
from gongfu.identity.handle import names
from gongfu.identity.handle.wire import Value
from gongfu.identity.registry import services as registry
from gongfu.identity.registry import values
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.services import Prefix
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.permissions import can_edit, is_platform_admin
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.settings import settings
from gongfu.kernel.workflow import services as workflow


@dataclass(frozen=True)
class Enterprise:
    """Who uses a prefix; codes as in GB 32100, GB/T 4754 and GB/T 2260."""

    name: str
    credit_code: str
    industry: str
    region: str
    contact_name: str
    contact_phone: str
    contact_email: str = ""


@dataclass(frozen=True)
class Granted:
    """Quotas (0: no limit), years and the fee in words."""

    registrations: int = 0
    daily_resolutions: int = 0
    years: int = 1
    fee_note: str = ""


# --- applications and contracts ---


def apply(
    actor: User | str,
    organisation: Organisation,
    enterprise: Enterprise,
    intended_use: str,
    terms: Granted,
    *,
    wished: str = "",
    submit: bool = False,
) -> Application:
    """A new application for a prefix, as a draft or submitted at once; raises :class:`Forbidden`, :class:`Invalid`."""
    if isinstance(actor, User) and not can_edit.test(actor, organisation):
        raise Forbidden(mark("You may not apply for {organisation}."), organisation=organisation)
    application = Application(
        organisation=organisation,
        intended_use=intended_use,
        wished=wished,
        **_facts(enterprise),
        **_terms(terms),
        years=terms.years,
    )
    with transaction.atomic():
        store_application(application, actor)
        if submit:
            application.submitted()
            application.state = Application.State.SUBMITTED
            application.save()
        audit.record(actor, "create", application, after=audit.state(application))
    return application


def store_application(application: Application, actor: User | str) -> None:
    """Save a new or changed application; raises :class:`Conflict` once it is in review."""
    if not application.editable:
        raise Conflict(
            mark("The application of {name} can no longer be changed."),
            remedy=mark("Ask the operator to return it, or withdraw it and make a new one."),
            name=application.enterprise,
        )
    if application.wished and not (application.wished.isascii() and application.wished.isalnum()):
        raise Invalid(
            mark("The number {wished} is not letters and digits."),
            remedy=mark("Leave it empty for the next free number."),
            wished=application.wished,
        )
    if application._state.adding and isinstance(actor, User):
        application.created_by = actor
    application.save()


def accept(user: User, application: Application, terms: Granted, reason: str = "") -> Application:
    """Accept on other terms than applied for; raises what :func:`gongfu.kernel.workflow.services.perform` does."""
    if not is_platform_admin.test(user, application):
        raise Forbidden(mark("Only the operator of the node decides on applications."))
    with transaction.atomic():
        changed = _terms(terms) | {"years": terms.years}
        Application.objects.filter(pk=application.pk, state=Application.State.SUBMITTED).update(**changed)
        done = workflow.perform(application, "accept", user, reason=reason)
    if not isinstance(done, Application):
        raise TypeError(type(done))
    return done


def renewal(user: User, contract: Contract) -> Application:
    """A draft that asks to renew ``contract`` on its present terms; the open one if there is one."""
    if not can_edit.test(user, contract):
        raise Forbidden(mark("You may not apply for {organisation}."), organisation=contract.organisation)
    closed = (Application.State.ALLOTTED, Application.State.REJECTED, Application.State.WITHDRAWN)
    with transaction.atomic():
        Contract.objects.select_for_update(of=("self",)).get(pk=contract.pk)
        found = contract.applications.exclude(state__in=closed).first()
        if found is not None:
            return found
        application = Application(
            organisation=contract.organisation,
            kind=Application.Kind.RENEWAL,
            contract=contract,
            intended_use=_last_use(contract),
            created_by=user,
        )
        for name in (*_FACTS.values(), "registrations", "daily_resolutions", "fee_note"):
            setattr(application, name, getattr(contract, name))
        application.save()
        audit.record(user, "create", application, after=audit.state(application))
    return application


def open_contract(
    actor: User | str, prefix_name: str, enterprise: Enterprise, terms: Granted, starts_on: dt.date | None = None
) -> Contract:
    """A contract for a prefix that was allotted without an application; raises :class:`NotFound`, :class:`Conflict`."""
    prefix = Prefix.objects.select_related("organisation").filter(name=prefix_name.upper()).first()
    if prefix is None:
        raise NotFound(mark("There is no prefix {name}."), remedy=mark("Choose one from the list."), name=prefix_name)
    if Contract.objects.filter(prefix=prefix).exists():
        raise Conflict(mark("The prefix {name} has a contract already."), name=prefix.name)
    begins = starts_on or clock.today()
    contract = Contract(
        organisation=prefix.organisation,
        prefix=prefix,
        starts_on=begins,
        ends_on=rules.last_day(begins, terms.years),
        **_facts(enterprise),
        **_terms(terms),
    )
    with transaction.atomic():
        contract.save()
        contract.write_limits()
        audit.record(actor, "create", contract, after=audit.state(contract))
    return contract


def contracts(user: User, scope: Organisation | None = None) -> QuerySet[Contract]:
    """Contracts ``user`` may know of, of ``scope`` and below when it is given."""
    found = Contract.objects.visible_to(user).select_related("prefix", "organisation")
    return found.filter(organisation__path__startswith=scope.path) if scope else found


def prefixes_in(industry: str) -> QuerySet[Contract]:
    """Keys of the prefixes of enterprises of ``industry`` (a code of GB/T 4754) or of a class of it."""
    begins = reduce(or_, (Q(industry__startswith=code) for code in classes.spellings_below(industry)))
    return Contract.objects.filter(begins).values("prefix")  # type: ignore[return-value]


def industries(user: User) -> list[str]:
    """Sections and divisions (C34) of the enterprises ``user`` may know of, in order."""
    codes = Contract.objects.visible_to(user).order_by().values_list("industry", flat=True).distinct()
    return sorted({classes.division_of(code) for code in codes})


def industries_of(prefixes: Iterable[str]) -> dict[str, str]:
    """Section and division (C34) of the enterprises that hold these prefixes."""
    held = Contract.objects.filter(prefix__name__in=list(prefixes)).values_list("prefix__name", "industry")
    return {name: classes.division_of(code) for name, code in held}


def waiting(user: User) -> QuerySet[Application]:
    """Applications that stand still until ``user`` acts: in review for the operator, returned for an enterprise."""
    if is_platform_admin.test(user, None):
        return Application.objects.filter(state=Application.State.SUBMITTED)
    own = [m.organisation_id for m in user.memberships_cached if can_edit.test(user, m.organisation)]
    return Application.objects.filter(state=Application.State.RETURNED, organisation__in=own)


def is_enterprise_member(user: User, _thing: object = None) -> bool:
    """Whether ``user`` works for an organisation that may apply: any but the operator of the node."""
    return user.is_authenticated and any(
        m.organisation.kind != Organisation.Kind.OPERATOR for m in user.memberships_cached
    )


def is_operator(user: User, _thing: object = None) -> bool:
    """Whether ``user`` works for the operator of the node, or runs it."""
    operates = any(m.organisation.kind == Organisation.Kind.OPERATOR for m in user.memberships_cached)
    return user.is_authenticated and (user.is_superuser or operates)


# --- templates ---


def template(user: User, reference: str) -> Template:
    """The template version called ``operator/machinery@2``; raises :class:`NoTemplate`."""
    parsed = parse_reference(reference)
    if parsed is not None:
        owner, code, version = parsed
        found = (
            Template.objects.visible_to(user)
            .select_related("organisation")
            .filter(organisation__code=owner, code=code, version=version)
            .first()
        )
        if found is not None:
            return found
    raise NoTemplate(
        mark("There is no template {reference}."),
        remedy=mark("Name it as operator/machinery@1; see the list of templates."),
        reference=reference[:150],
    )


def spec_of(record: Record) -> TemplateSpec | None:
    """The template that ``record`` follows; None when it names none or one that this node does not know."""
    parsed = parse_reference(record.text(TEMPLATE_TYPE))
    if parsed is None:
        return None
    owner, code, version = parsed
    found = Template.objects.filter(organisation__code=owner, code=code, version=version)
    # A draft may still change who sees what: it decides nothing.
    chosen = found.exclude(state=Template.State.DRAFT).first()
    return chosen.spec if chosen else None


def published() -> dict[str, TemplateSpec]:
    """Every template that identifiers may follow or have followed, by reference; drafts decide nothing yet."""
    found = Template.objects.exclude(state=Template.State.DRAFT).select_related("organisation")
    return {template.reference: template.spec for template in found}


def published_mark() -> tuple[object, ...]:
    """Another one whenever :func:`published` may be another one."""
    found = Template.objects.exclude(state=Template.State.DRAFT)
    return tuple(found.aggregate(Count("pk"), Max("pk"), Max("updated_at")).values())


def families(user: User) -> list[Template]:
    """The newest version of each template that identifiers ``user`` may look for can follow, by name."""
    found = Template.objects.visible_to(user).exclude(state=Template.State.DRAFT).select_related("organisation")
    newest = {(each.organisation_id, each.code): each for each in found.order_by("version")}
    return sorted(newest.values(), key=lambda each: each.name)


def values_for(user: User, handle: str, reference: str, fields: Mapping[str, str], *, now: int) -> tuple[Value, ...]:
    """Values of an identifier that follows a template.

    Raises :class:`NoTemplate`, :class:`Conflict` when it is not published, :class:`WrongFields` naming every field.
    """
    chosen = template(user, reference)
    if chosen.state != Template.State.PUBLISHED:
        raise Conflict(
            mark("Nothing can be registered with the template {template}: it is {state}."),
            remedy=mark("Use a published version."),
            template=chosen.reference,
            state=chosen.get_state_display(),
        )
    spec = chosen.spec
    given = checking.canonical(spec, fields)
    own = checking.handle_values(spec, given, chosen.reference, now=now)
    return (*_standard(handle, checking.title(spec, given), now=now), *own)


def _standard(handle: str, name: str, *, now: int) -> tuple[Value, ...]:
    """Public address, name and enterprise, as every identifier has them; raises :class:`BadHandle`."""
    parsed = names.parse(handle)
    owner = Prefix.objects.filter(name=parsed.prefix.upper()).select_related("organisation").first()
    plate = registry.Nameplate(name, "", owner.organisation.name if owner else "")
    return values.standard(parsed, plate, settings().url, now=now)


def register(actor: User, handle: str, reference: str, fields: Mapping[str, str]) -> Record:
    """Register an identifier that follows a template; on disk when this returns; call it outside a transaction.

    Raises what :func:`values_for` and :func:`gongfu.identity.registry.services.register` raise.
    """
    now = int(timezone.now().timestamp())
    return registry.register(actor, handle, values_for(actor, handle, reference, fields, now=now))


# --- grants ---


def grants_to(user: User, today: dt.date | None = None) -> QuerySet[Grant]:
    """Grants that let ``user`` read partner fields of other organisations' identifiers, on ``today``."""
    day = today or clock.today()
    codes = [membership.organisation.code for membership in user.memberships_cached]
    return (
        Grant.objects.filter(partner__in=codes)
        .exclude(valid_until__lt=day)
        .select_related("prefix", "organisation")
        .order_by("prefix__name")
    )


def shared_prefixes() -> set[str]:
    """Prefixes under which somebody was granted a look, whether it holds today or not."""
    return set(Grant.objects.values_list("prefix__name", flat=True))


def store_grant(grant: Grant, user: User) -> None:
    """Save a grant; it belongs to whom the prefix belongs to. Raises :class:`Forbidden`, :class:`Invalid`."""
    owner = grant.prefix.organisation
    if not can_edit.test(user, grant.prefix):
        raise Forbidden(mark("You may not grant a look at {prefix}."), prefix=grant.prefix.name)
    if grant.partner == owner.code:
        raise Invalid(mark("{partner} owns the prefix and reads everything anyway."), partner=grant.partner)
    grant.organisation = owner
    grant.save()


_FACTS = {
    "name": "enterprise",
    "credit_code": "credit_code",
    "industry": "industry",
    "region": "region",
    "contact_name": "contact_name",
    "contact_phone": "contact_phone",
    "contact_email": "contact_email",
}


def _facts(enterprise: Enterprise) -> dict[str, str]:
    return {column: getattr(enterprise, name) for name, column in _FACTS.items()}


def _terms(terms: Granted) -> dict[str, int | str]:
    return {
        "registrations": terms.registrations,
        "daily_resolutions": terms.daily_resolutions,
        "fee_note": terms.fee_note,
    }


def _last_use(contract: Contract) -> str:
    last = contract.applications.order_by("-pk").values_list("intended_use", flat=True).first()
    return last or ""
