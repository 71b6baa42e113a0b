"""Create, change and delete with permission and audit, in one transaction. Pages and API both come through here."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from django.db import models, router, transaction
from django.db.models.deletion import Collector, ProtectedError, RestrictedError
from django.http import HttpRequest
from django.utils.text import capfirst
from rules.predicates import Predicate

from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation, OwnedModel, User
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Conflict, Forbidden, NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.pages.resource import Action, Resource


@dataclass(frozen=True)
class Consequences:
    """What deleting something takes along, by name and number; ``blockers`` forbid it."""

    deleted: list[tuple[str, int]]
    blockers: list[models.Model]


def require(predicate: Predicate, user: User, thing: object, resource: Resource[models.Model]) -> None:
    """Raise :class:`Forbidden` unless ``predicate`` holds."""
    if not predicate.test(user, thing):
        raise Forbidden(
            mark("You may not do this with {what}."),
            remedy=mark("Ask an administrator of the organisation for the role it needs."),
            what=resource.label,
        )


def find(resource: Resource[models.Model], user: User, key: int) -> models.Model:
    """The thing with this key; raises :class:`NotFound` when there is none or it is not visible to ``user``."""
    found = resource.visible_to(user).filter(pk=key).first()
    if found is None or not resource.permissions.view.test(user, found):
        raise NotFound(
            mark("There is no {what} {key}."), remedy=mark("Look in the list."), what=resource.label, key=key
        )
    return found


def blank(resource: Resource[models.Model], request: HttpRequest) -> models.Model:
    """An empty one that belongs to the organisation the user works for."""
    instance = resource.model()
    user = accounts.user_of(request)
    if isinstance(instance, OwnedModel):
        active = accounts.active_organisation(request)
        candidates = [active] if active else [m.organisation for m in user.memberships_cached]
        owner = next((c for c in candidates if resource.permissions.add.test(user, c)), None)
        if owner is None and user.is_superuser:
            owner = Organisation.objects.first()
        if owner is not None:
            instance.organisation = owner
    return instance


def store(
    resource: Resource[models.Model], instance: models.Model, request: HttpRequest, before: audit.State | None
) -> None:
    """Store a new (``before`` is ``None``) or changed instance and its audit entry; raises :class:`Forbidden`."""
    user = accounts.user_of(request)
    new = before is None
    require(resource.permissions.add if new else resource.permissions.change, user, instance, resource)
    with transaction.atomic():
        if new and isinstance(instance, OwnedModel):
            instance.created_by = user
        if resource.save:
            resource.save(instance, user, new)
        else:
            instance.save()
        audit.record(
            user, "create" if new else "change", instance, before=before, after=audit.state(instance), request=request
        )


def remove(resource: Resource[models.Model], instance: models.Model, request: HttpRequest) -> None:
    """Delete ``instance`` and record it; raises :class:`Forbidden`, or :class:`Conflict` when something needs it."""
    user = accounts.user_of(request)
    require(resource.permissions.delete, user, instance, resource)
    try:
        with transaction.atomic():
            audit.record(user, "delete", instance, before=audit.state(instance), request=request)
            if resource.remove:
                resource.remove(instance, user)
            else:
                instance.delete()
    except (ProtectedError, RestrictedError) as error:
        raise _in_use(instance, error) from error


def perform(
    resource: Resource[models.Model], action: Action[models.Model], instance: models.Model, request: HttpRequest
) -> str:
    """Do ``action`` to ``instance`` and record it; returns what to tell the user, if anything."""
    user = accounts.user_of(request)
    require(action.may, user, instance, resource)
    with transaction.atomic():
        before = audit.state(instance)
        said = action.perform(user, instance)
        if action.audit:
            audit.record(
                user,
                action.name,
                instance,
                before=before,
                after=audit.state(instance) if instance.pk else {},
                request=request,
            )
    return str(said or "")


def consequences(instance: models.Model) -> Consequences:
    """What deleting ``instance`` would do, without doing it."""
    collector = Collector(using=router.db_for_write(type(instance)), origin=instance)
    try:
        collector.collect([instance])
    except (ProtectedError, RestrictedError) as error:
        return Consequences([], _blockers(error))
    counts: Counter[str] = Counter()
    for model, things in collector.data.items():
        counts[_many(model)] += len(things)
    for queryset in collector.fast_deletes:
        number = queryset.count()
        if number:
            counts[_many(queryset.model)] += number
    return Consequences(list(counts.items()), [])


def _many(model: type[models.Model]) -> str:
    return str(capfirst(str(model._meta.verbose_name_plural)))


def _blockers(error: ProtectedError | RestrictedError) -> list[models.Model]:
    things = error.protected_objects if isinstance(error, ProtectedError) else error.restricted_objects
    return sorted(things, key=str)[:20]


def _in_use(instance: models.Model, error: ProtectedError | RestrictedError) -> Conflict:
    names = ", ".join(str(thing) for thing in _blockers(error)[:5])
    return Conflict(
        mark("{what} cannot be deleted: it is used by {names}."),
        remedy=mark("Delete or change those first."),
        what=str(instance),
        names=names,
    )
