"""The door of dashboards: opened, saved with their versions, shared; pictures."""

from __future__ import annotations

from typing import Final

from django.db import transaction
from rules.predicates import Predicate

from gongfu.data.dashboards import rules
from gongfu.data.dashboards.models import Dashboard, DashboardVersion, Picture
from gongfu.data.dashboards.rules import Document
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.permissions import can_edit, can_operate
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from gongfu.kernel.i18n import mark
from gongfu.network.map import images

KEPT: Final = 50
"""Versions of a dashboard that are kept."""
MOST_PICTURES: Final = 500
"""Pictures of one organisation."""


class Outdated(Conflict):
    """Somebody else saved the dashboard meanwhile."""

    code = "outdated"


def _may_change(user: User, board: object = None) -> bool:
    if isinstance(board, Dashboard) and board.created_by_id == user.pk:
        return bool(can_operate.test(user, board))
    if isinstance(board, Dashboard) and board.share == Dashboard.Share.PRIVATE and not user.is_superuser:
        return False
    return bool(can_edit.test(user, board)) if board is not None else bool(can_operate.test(user, None))


may_change = Predicate(_may_change, name="may_change_dashboard")
"""Whoever made it, as long as they work there; and the engineers of its organisation."""


def board_for(user: User, pk: int) -> Dashboard:
    """The dashboard; raises :class:`NotFound` also when it is not shared with ``user``."""
    found = Dashboard.objects.visible_to(user).select_related("organisation", "created_by").filter(pk=pk).first()
    if found is None:
        raise NotFound(mark("There is no dashboard {pk}."), pk=pk)
    return found


def board_by_key(user: User, key: str) -> Dashboard:
    """The dashboard whose link ends with ``key``, for colleagues; raises :class:`NotFound`."""
    shared = Dashboard.objects.filter(
        key=key,
        share=Dashboard.Share.LINK,
        organisation__in=Organisation.objects.visible_to(user).values("pk"),
    )
    found = (shared | Dashboard.objects.visible_to(user).filter(key=key)).select_related("organisation").first()
    if found is None:
        raise NotFound(mark("This link leads to no dashboard."), remedy=mark("Ask whoever sent it to share it again."))
    return found


def starred(user: User, scope: Organisation | None = None) -> list[Dashboard]:
    """Dashboards for the start page."""
    found = Dashboard.objects.visible_to(user).filter(starred=True).select_related("organisation")
    if scope is not None:
        found = found.filter(organisation__path__startswith=scope.path)
    return list(found.order_by("organisation__path", "folder", "name")[:12])


def number(user: User, scope: Organisation) -> int:
    """How many dashboards of ``scope`` and below ``user`` may see."""
    return Dashboard.objects.visible_to(user).filter(organisation__path__startswith=scope.path).count()


def document_of(board: Dashboard) -> Document:
    """What is stored; an old document that is no longer understood is an empty one."""
    try:
        return rules.parse(board.document)
    except Invalid:
        return Document()


def create(user: User | None, board: Dashboard, document: Document | None = None) -> Dashboard:
    """Store a new dashboard with its first version."""
    board.document = rules.packed(rules.checked(document or Document()))
    board.created_by = user
    with transaction.atomic():
        board.save()
        DashboardVersion.objects.create(dashboard=board, number=board.version, document=board.document, author=user)
    return board


def save(user: User, board: Dashboard, version: int, document: Document) -> Dashboard:
    """Store ``document`` as the version after ``version``.

    Raises :class:`Outdated` when somebody saved since, :class:`Forbidden`, :class:`Invalid`.
    """
    require_change(user, board)
    stored = rules.packed(rules.checked(document))
    with transaction.atomic():
        fresh = Dashboard.objects.select_for_update(of=("self",)).get(pk=board.pk)
        if fresh.version != version:
            last = fresh.versions.select_related("author").first()
            raise Outdated(
                mark("{who} saved this dashboard meanwhile."),
                remedy=mark("Load the newer version, or save yours over it: both can be brought back."),
                who=last.author if last and last.author else "–",
            )
        if fresh.document == stored:
            return fresh
        fresh.document, fresh.version = stored, version + 1
        fresh.save(update_fields=["document", "version", "updated_at"])
        DashboardVersion.objects.create(dashboard=fresh, number=fresh.version, document=stored, author=user)
        old = fresh.versions.values_list("pk", flat=True)[KEPT:]
        DashboardVersion.objects.filter(pk__in=list(old)).delete()
        audit.record(user, "change", fresh, before={"version": version}, after={"version": fresh.version})
    return fresh


def restore(user: User, board: Dashboard, number: int) -> Dashboard:
    """Save version ``number`` again as the newest one."""
    found = board.versions.filter(number=number).first()
    if found is None:
        raise NotFound(mark("There is no version {number}."), number=number)
    current = Dashboard.objects.values_list("version", flat=True).get(pk=board.pk)
    return save(user, board, current, rules.parse(found.document))


def require_change(user: User, board: Dashboard) -> None:
    """Raise :class:`Forbidden` unless ``user`` may change it."""
    if not may_change.test(user, board):
        raise Forbidden(
            mark("You may not change this dashboard."), remedy=mark("Make a copy of your own and change that.")
        )


def put_picture(user: User, organisation: Organisation, name: str, data: bytes) -> Picture:
    """Keep a picture for dashboards of ``organisation``; raises :class:`Forbidden`, :class:`Invalid`."""
    if not can_operate.test(user, organisation):
        raise Forbidden(mark("You may not change dashboards of {organisation}."), organisation=organisation)
    if Picture.objects.filter(organisation=organisation).count() >= MOST_PICTURES:
        raise Invalid(mark("There are {most} pictures already."), most=MOST_PICTURES)
    found = images.checked(data)
    return Picture.objects.create(
        organisation=organisation,
        created_by=user,
        name=name[:80] or "–",
        media=found.media,
        width=found.width,
        height=found.height,
        data=found.data,
    )


def picture_for(user: User, pk: int) -> Picture:
    """A picture of a visible organisation; raises :class:`NotFound`."""
    found = Picture.objects.visible_to(user).filter(pk=pk).first()
    if found is None:
        raise NotFound(mark("There is no picture {pk}."), pk=pk)
    return found
