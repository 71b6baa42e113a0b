"""The only door to prefixes and identifiers for other modules.

Every function that takes a user sees only what that user may see; what belongs to another organisation is not found.
Records go to the identifier store, where the resolver finds them at once.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet

from gongfu.identity.handle import names
from gongfu.identity.handle.errors import BadHandle
from gongfu.identity.handle.names import Handle
from gongfu.identity.handle.site import Site
from gongfu.identity.handle.wire import Value
from gongfu.identity.registry import delegations, quota, readers
from gongfu.identity.registry.errors import NoIdentifier, NoPrefix, PrefixSuspended, PrefixTaken
from gongfu.identity.registry.models import Prefix as Prefix  # for the modules above
from gongfu.identity.registry.records import Record, decode, encode
from gongfu.identity.registry.store import IdentifierStore, open_store
from gongfu.identity.registry.values import Nameplate as Nameplate  # for the modules above
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.permissions import can_edit, is_platform_admin
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Conflict, Forbidden, Invalid
from gongfu.kernel.i18n import mark
from gongfu.kernel.settings import settings

MAX_PAGE = 500


@dataclass(frozen=True)
class Page:
    """Identifiers of one page in key order; ``after`` asks for the next one, empty when there is none."""

    records: list[Record]
    after: str


def store() -> IdentifierStore:
    """This process's identifier store."""
    return open_store(settings().home)


# --- prefixes ---


def allot_prefix(actor: User | str, organisation: Organisation, name: str = "") -> Prefix:
    """Give ``organisation`` the enterprise prefix ``name``, by default the next free number of this node.

    Raises :class:`Invalid` for a name that is none or lies under another node, :class:`PrefixTaken`.
    """
    with transaction.atomic():
        secondary = _secondary(actor)
        prefix = Prefix(organisation=organisation, name=name or _next_free(secondary))
        if isinstance(actor, User):
            prefix.created_by = actor
        place_prefix(prefix, secondary)
        audit.record(actor, "create", prefix, after=audit.state(prefix))
    return prefix


def place_prefix(prefix: Prefix, secondary: Prefix | None = None) -> None:
    """Save a new prefix in its place below its secondary one, and answer for it once this transaction commits."""
    prefix.name = names.parse_prefix(prefix.name.strip()).upper()
    if Prefix.objects.filter(name=prefix.name).exists():
        raise PrefixTaken(
            mark("The prefix {name} is allotted already."), remedy=mark("Choose another number."), name=prefix.name
        )
    if names.is_enterprise(prefix.name):
        above = names.parent(prefix.name)
        prefix.kind = Prefix.Kind.ENTERPRISE
        prefix.parent = (
            secondary if secondary and secondary.name == above else Prefix.objects.filter(name=above).first()
        )
        if prefix.parent is None and "secondary" in settings().roles:
            raise Invalid(
                mark("{name} does not lie below a prefix of this node."),
                remedy=mark("Enter the secondary prefix {above} first."),
                name=prefix.name,
                above=above,
            )
    else:
        prefix.kind = Prefix.Kind.SECONDARY
    prefix.save()
    transaction.on_commit(lambda: store().home(prefix.name))


def change_state(prefix: Prefix, state: Prefix.State) -> None:
    """Put ``prefix`` in or out of service; the resolver follows once this transaction commits."""
    if prefix.state == state:
        raise Conflict(mark("{name} is in that state already."), name=prefix.name)
    prefix.state = state
    prefix.save(update_fields=["state", "updated_at"])
    name, active = prefix.name, state == Prefix.State.ACTIVE

    def follow() -> None:
        if delegations.sites(store(), name):
            delegations.show(store(), name, active)
        elif active:
            store().home(name)
        else:
            store().unhome(name)

    transaction.on_commit(follow)


def remove_prefix(prefix: Prefix) -> None:
    """Take a prefix back; raises :class:`Conflict` while identifiers stand under it."""
    number = store().count(prefix.name)
    if number:
        raise Conflict(
            mark("{count} identifiers stand under {name}."),
            remedy=mark("Remove them first, or suspend the prefix."),
            count=number,
            name=prefix.name,
        )
    name = prefix.name
    prefix.delete()

    def forget() -> None:
        store().unhome(name)
        delegations.remove(store(), name, whole=True)

    transaction.on_commit(forget)


def delegate(actor: User | str, prefix: Prefix, there: Site, others: Sequence[Value] = ()) -> None:
    """From now on ``prefix`` is served at ``there``, and questions below it are referred there.

    ``others`` go into the prefix handle too: HS_ADMIN and keys of who administers it. Raises :class:`Forbidden`.
    """
    _may_delegate(actor, prefix)
    active, before = prefix.state == Prefix.State.ACTIVE, delegations.described(served_at(prefix.name))
    with transaction.atomic():
        audit.record(actor, "delegate", prefix, before=before, after=delegations.described((there,)))
        transaction.on_commit(
            lambda: delegations.put(store(), prefix.name, there, others, shown=active, actor=str(actor))
        )


def undelegate(actor: User | str, prefix: Prefix) -> None:
    """From now on this node serves ``prefix`` itself again; raises :class:`Forbidden`, :class:`Conflict`."""
    _may_delegate(actor, prefix)
    served = served_at(prefix.name)
    if not served:
        raise Conflict(mark("{name} is served here."), name=prefix.name)
    active = prefix.state == Prefix.State.ACTIVE

    def take() -> None:
        delegations.remove(store(), prefix.name, actor=str(actor))
        if active:
            store().home(prefix.name)

    with transaction.atomic():
        audit.record(actor, "undelegate", prefix, before=delegations.described(served))
        transaction.on_commit(take)


def served_at(prefix: str) -> tuple[Site, ...]:
    """The sites that serve ``prefix`` instead of this node; empty when it is served here."""
    return delegations.sites(store(), prefix)


def prefix_numbered(user: User, number: int) -> Prefix:
    """The prefix with that key; raises :class:`NoPrefix` also when ``user`` may not see it."""
    found = prefixes(user).filter(pk=number).first()
    if found is None:
        raise NoPrefix(mark("There is no such prefix."), remedy=mark("Choose one from the list."))
    return found


def prefix_named(user: User, name: str) -> Prefix:
    """The prefix ``name``; raises :class:`NoPrefix` also when ``user`` may not see it."""
    found = prefixes(user).filter(name=name.strip().upper()).first()
    if found is None:
        raise NoPrefix(mark("There is no prefix {name}."), remedy=mark("Choose one from the list."), name=name[:64])
    return found


def _may_delegate(actor: User | str, prefix: Prefix) -> None:
    if isinstance(actor, User) and not is_platform_admin.test(actor, prefix):
        raise Forbidden(mark("Only the operator of this node says where {name} is served."), name=prefix.name)


def prefix_of(organisation: Organisation) -> str | None:
    """The enterprise prefix under which ``organisation`` names its things; None when it has none in service."""
    return (
        Prefix.objects.filter(organisation=organisation, kind=Prefix.Kind.ENTERPRISE, state=Prefix.State.ACTIVE)
        .order_by("pk")
        .values_list("name", flat=True)
        .first()
    )


def prefixes(user: User, scope: Organisation | None = None) -> QuerySet[Prefix]:
    """Prefixes ``user`` may know of, of ``scope`` and below when it is given."""
    found = Prefix.objects.visible_to(user).select_related("organisation")
    return found.filter(organisation__path__startswith=scope.path) if scope else found


def count(prefix: str) -> int:
    """How many identifiers stand under ``prefix``."""
    return store().count(prefix)


def _secondary(actor: User | str) -> Prefix:
    name = settings().identifier_prefix
    found = Prefix.objects.filter(name=name).first()
    if found is not None:
        return found
    operator = Organisation.objects.filter(parent=None).order_by("pk").first()
    if operator is None:
        raise Invalid(mark("This node has no operator yet."), remedy=mark("Start it once with gongfu up."))
    prefix = Prefix(organisation=operator, name=name)
    place_prefix(prefix)
    audit.record(actor, "create", prefix, after=audit.state(prefix))
    return prefix


def _next_free(secondary: Prefix) -> str:
    taken = {name.rpartition(".")[2] for name in secondary.children.values_list("name", flat=True)}
    return f"{secondary.name}.{next(n for n in range(1, len(taken) + 2) if str(n) not in taken)}"


# --- identifiers ---


def register(actor: User, handle: str, values: Iterable[Value]) -> Record:
    """Register a new identifier. It is on disk when this returns; call it outside a transaction.

    Raises :class:`BadHandle`, :class:`NoPrefix`, :class:`Forbidden`, :class:`Invalid` for its values,
    :class:`PrefixSuspended`, :class:`QuotaSpent`, :class:`Conflict` when it exists.
    """
    name = names.parse(handle)
    prefix = _own(actor, name)
    quota.require_room(store(), prefix.name)
    now = _now()
    record = Record(name, tuple(values), now, now)
    encode(record)  # refuses what cannot be stored before anything is written
    with transaction.atomic():
        audit.record(actor, "register", prefix, after=_audited(record))
        store().put(record, replace=False)  # last: when this fails, the entry above is gone as well
    return record


def remove(actor: User, handle: str) -> None:
    """Remove an identifier; raises :class:`NoIdentifier`, :class:`NoPrefix`, :class:`Forbidden`."""
    name = names.parse(handle)
    prefix = _own(actor, name)
    record = store().get(name)
    if record is None:
        raise _missing(handle)
    with transaction.atomic():
        audit.record(actor, "remove", prefix, before=_audited(record))
        store().delete(name)


def resolve_local(handle: str) -> Record | None:
    """The record of ``handle`` if this node answers for it, whoever asks. Show the public only ``record.public``."""
    try:
        parsed = names.parse(handle)
        homed, _ = store().lookup(parsed.key)
    except BadHandle:
        return None
    return store().get(parsed) if homed else None


def record_under(key: bytes) -> Record | None:
    """The record stored under ``key``, whoever asks."""
    _, stored = store().lookup(key)
    return None if stored is None else decode(key, stored)


def owner_of(record: Record) -> Organisation | None:
    """The organisation whose prefix ``record`` stands under."""
    found = Prefix.objects.filter(name=record.handle.prefix.upper()).select_related("organisation").first()
    return found.organisation if found else None


def identifier_for(user: User, handle: str) -> tuple[Record, Prefix]:
    """The record with its prefix; raises :class:`NoIdentifier` also when it is another organisation's.

    Another organisation may have granted ``user`` a look: show only :func:`visible_values`.
    """
    try:
        parsed = names.parse(handle)
    except BadHandle as error:
        raise _missing(handle) from error
    prefix = prefixes(user).filter(name=parsed.prefix.upper()).first()
    if prefix is None and parsed.prefix.upper() in readers.reader().granted(user):
        prefix = Prefix.objects.select_related("organisation").filter(name=parsed.prefix.upper()).first()
    record = store().get(parsed) if prefix else None
    if record is None or prefix is None:
        raise _missing(handle)
    return record, prefix


def visible_values(user: User | None, record: Record) -> tuple[Value, ...]:
    """The values of ``record`` that ``user`` may read, or everybody (None)."""
    return readers.reader().values(record, user, owner_of(record))


def identifiers(
    user: User,
    *,
    prefix: str = "",
    search: str = "",
    after: str = "",
    limit: int = 50,
    scope: Organisation | None = None,
) -> Page:
    """A page of the identifiers ``user`` may see, in key order, all prefixes or one of them.

    ``search`` is how the suffix starts, or the whole identifier up to there. ``after`` is the last page's
    :attr:`Page.after`. Raises :class:`NoPrefix` for a prefix that is not visible, :class:`Invalid`.
    """
    if not 1 <= limit <= MAX_PAGE:
        raise Invalid(mark("A page of {size} rows is not possible."), size=limit)
    asked, slash, starting = search.strip().partition("/")
    if not slash:
        asked, starting = prefix, asked
    cursor = names.parse(after) if after else None
    found: list[Record] = []
    for name in _walk(user, asked, scope, cursor):
        behind = cursor if cursor and cursor.prefix.upper() == name else None
        found += store().scan(name, starting=starting, after=behind, limit=limit + 1 - len(found))
        if len(found) > limit:
            return Page(found[:limit], str(found[limit - 1].handle))
    return Page(found, "")


def _walk(user: User, asked: str, scope: Organisation | None, cursor: Handle | None) -> Sequence[str]:
    visible = prefixes(user, scope).values_list("name", flat=True)
    if asked:
        visible = visible.filter(name=asked.upper())
        if not visible:
            raise NoPrefix(mark("There is no prefix {name}."), remedy=mark("Choose one from the list."), name=asked)
    ordered = sorted(visible, key=lambda name: f"{name}/")
    return [name for name in ordered if not cursor or f"{name}/" >= f"{cursor.prefix.upper()}/"]


def _now() -> int:
    return int(time.time())


def own_prefix(actor: User, name: str) -> Prefix:
    """The prefix ``name`` if ``actor`` may register under it now.

    Raises :class:`NoPrefix`, :class:`Forbidden`, :class:`Conflict` while it is suspended.
    """
    prefix = prefixes(actor).filter(name=name.upper()).first()
    if prefix is None:
        raise NoPrefix(mark("There is no prefix {name}."), remedy=mark("Choose one from the list."), name=name[:64])
    if not can_edit.test(actor, prefix):
        raise Forbidden(mark("You may not register under {name}."), name=prefix.name)
    if prefix.state != Prefix.State.ACTIVE:
        remedy = mark("Ask the operator of this node why, or renew the contract.")
        raise PrefixSuspended(mark("The prefix {name} is suspended."), remedy=remedy, name=prefix.name)
    if served_at(prefix.name):
        raise Conflict(
            mark("The prefix {name} is served by another node."),
            remedy=mark("Register there."),
            name=prefix.name,
        )
    return prefix


def _own(actor: User, handle: Handle) -> Prefix:
    return own_prefix(actor, handle.prefix)


def _audited(record: Record) -> audit.State:
    return {"handle": str(record.handle)} | {f"{value.index} {value.type}": value.text for value in record.public}


def _missing(handle: str) -> NoIdentifier:
    return NoIdentifier(mark("There is no identifier {handle}."), remedy=mark("Look in the list."), handle=handle[:255])
