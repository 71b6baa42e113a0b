"""Who acts for the applicant and who for the office; nobody for the office in his own firm's case."""

from __future__ import annotations

from rules.predicates import Predicate

from gongfu.governance.applications.models import Application, Notice, Publication, direct
from gongfu.governance.support.permissions import keeps_ledger, offices_of
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.accounts.rules import is_within
from gongfu.kernel.errors import Forbidden, NotFound
from gongfu.kernel.i18n import mark


def own_firm(user: User, application: Application) -> bool:
    """Whether ``user`` belongs to the applicant itself, or to a part of it."""
    return any(is_within(one.path, application.organisation.path) for one in direct(user))


def _acts(user: User, thing: object = None) -> bool:
    if isinstance(thing, Application):
        return keeps_ledger.test(user, thing.office) and not own_firm(user, thing)
    if isinstance(thing, Notice | Publication):
        return keeps_ledger.test(user, thing.organisation)
    return keeps_ledger.test(user, thing)


def _applies(user: User, thing: object = None) -> bool:
    return can_edit.test(user, thing)


acts_for_office = Predicate(_acts, name="acts_for_office")
"""An official of the office, and not one of the applicant's own people."""
acts_for_applicant = Predicate(_applies, name="acts_for_applicant")
"""An administrator or engineer of the applicant."""


def require_official(user: User, thing: Application | Notice | Publication) -> None:
    """Raise :class:`Forbidden` for who may not act for the office in this case, :class:`NotFound` for strangers."""
    if acts_for_office.test(user, thing):
        return
    if isinstance(thing, Application):
        if not Application.objects.visible_to(user).filter(pk=thing.pk).exists():
            raise NotFound(mark("There is no such application."))
        if own_firm(user, thing) and keeps_ledger.test(user, thing.office):
            raise Forbidden(
                mark("You belong to {applicant}: nobody decides about an application of his own firm."),
                remedy=mark("Let a colleague do it."),
                applicant=thing.organisation,
            )
    raise Forbidden(
        mark("Only officials of the office may do this."),
        remedy=mark("Ask an administrator of the authority for the role of an engineer."),
    )


def require_applicant(user: User, application: Application) -> None:
    """Raise :class:`Forbidden` for who may not act for the applicant."""
    if not acts_for_applicant.test(user, application):
        raise Forbidden(
            mark("You may not apply for {organisation}."),
            remedy=mark("Ask an administrator of the organisation for the role it needs."),
            organisation=application.organisation,
        )


def may_apply_for(user: User) -> list[Organisation]:
    """Organisations for which ``user`` may apply."""
    if user.is_superuser:
        return list(Organisation.objects.filter(kind__in=("enterprise", "supplier")))
    held = {one.organisation for one in user.memberships_cached if can_edit.test(user, one.organisation)}
    return sorted((one for one in held if one.kind in ("enterprise", "supplier")), key=lambda one: one.path)


def office_of(user: User, asked: str = "") -> Organisation:
    """The office ``user`` works for; the one asked for when it is one of several. Raises :class:`Forbidden`."""
    offices = offices_of(user)
    if not offices:
        raise Forbidden(
            mark("Only officials of the office may do this."),
            remedy=mark("Ask an administrator of the authority for the role of an engineer."),
        )
    return next((one for one in offices if str(one.pk) == asked), offices[0])
