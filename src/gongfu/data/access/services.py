"""The door of access: whose rows, tags by name, queries run and kept, exports and where their files are."""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
import pyarrow as pa
from django.conf import settings as django_settings
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import get_language

from gongfu.data.access import asking, rules
from gongfu.data.access.asking import Asker, Question
from gongfu.data.access.models import Asked, Export, ExportRun, SavedQuery
from gongfu.data.access.reading import Wanted
from gongfu.data.telemetry.store.limits import READER_LIMITS
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.errors import GongfuError, Invalid, NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.settings import Settings, settings
from gongfu.kernel.store import client
from gongfu.platform.devices import services as devices
from gongfu.platform.devices.services import Tag

SHOWN_ROWS: Final = 5_000
"""Rows the SQL page shows; a file may hold more."""
HISTORY: Final = 100
"""Runs kept for each person."""
MAX_TAGS: Final = 200
"""Tags of one question or export."""
_RUN: Final = re.compile(r"[A-Za-z0-9-]{8,40}")
_TAG: Final = re.compile(r"([^/\s,]{1,64})/([^/\s,]{1,64})")


class Column(msgspec.Struct, frozen=True):
    """One column of a result, with its type as ClickHouse names it."""

    name: str
    type: str


class Result(msgspec.Struct, frozen=True):
    """What a query answered; ``rows`` at most :data:`SHOWN_ROWS`, ``more`` when there were more."""

    columns: list[Column]
    rows: list[list[object]]
    more: bool
    milliseconds: int


@dataclass(frozen=True)
class Limit:
    """One limit of a query as people read it."""

    name: str
    value: int


def limits() -> list[Limit]:
    """What one query may take."""
    return [Limit(name, value) for name, value in READER_LIMITS.items()]


def asker(user: User, scope: Organisation | None = None) -> Asker:
    """``user`` for the store; with ``scope`` only the organisations below it."""
    visible = accounts.visible_organisations(user)
    if scope is not None:
        visible = visible.filter(path__startswith=scope.path)
    return Asker(user.username, list(visible.values_list("pk", flat=True)))


def wanted(user: User, ids: Sequence[int]) -> list[Wanted]:
    """The tags in the order asked; raises :class:`NotFound` for one the user may not see."""
    found = {tag.pk: tag for tag in devices.tags_for(user, tags=ids)}
    for one in ids:
        if one not in found:
            raise NotFound(mark("There is no tag {tag}."), tag=one)
    return [described(found[one]) for one in ids]


def wanted_by_name(user: User, names: Iterable[str]) -> list[Wanted]:
    """Tags named ``DEVICE/tag`` or ``DEVICE/*``; raises :class:`NotFound`, :class:`Invalid`."""
    return _named(Tag.objects.visible_to(user), names)


def wanted_of(organisation: Organisation, names: Iterable[str]) -> list[Wanted]:
    """The same among the tags of ``organisation`` and those below it: for what runs by the clock."""
    return _named(Tag.objects.filter(organisation__path__startswith=organisation.path), names)


def _named(visible: QuerySet[Tag], names: Iterable[str]) -> list[Wanted]:
    result: dict[int, Wanted] = {}
    for name in names:
        parts = _TAG.fullmatch(name.strip())
        if parts is None:
            raise Invalid(mark("{name} is not the name of a tag."), remedy=mark("Write DEVICE/tag."), name=name[:80])
        found = visible.filter(device__key=parts[1]).select_related("device")
        if parts[2] != "*":
            found = found.filter(key=parts[2])
        tags = list(found.order_by("device", "position", "pk")[: MAX_TAGS + 1])
        if not tags:
            raise NotFound(mark("There is no tag {tag}."), tag=name[:80])
        result |= {tag.pk: described(tag) for tag in tags}
    if len(result) > MAX_TAGS:
        raise Invalid(mark("{count} tags are too many for one question."), count=len(result))
    return list(result.values())


def described(tag: Tag) -> Wanted:
    """What readers need to know of ``tag``, its name in the language of the request."""
    english = (get_language() or "").startswith("en")
    return Wanted(
        series=tag.pk,
        org=tag.organisation_id,
        device=tag.device.key,
        tag=tag.key,
        name=(tag.name_en if english else "") or tag.name,
        unit=tag.unit,
        text=tag.kind == Tag.Kind.TEXT,
        array=tag.kind == Tag.Kind.ARRAY,
    )


def run(user: User, sql: str, scope: Organisation | None = None, identity: str = "") -> Result:
    """Run ``sql`` for ``user`` and remember it in the history, also when it fails.

    ``identity`` names the run for :func:`stop`. Failures as of :func:`gongfu.data.access.asking.ask`.
    """
    noted = Asked(user=user, sql=sql[:20_000])
    started = time.monotonic()
    try:
        found = _run(asker(user, scope), sql, _identity(user, identity))
        noted.rows = len(found.rows)
    except GongfuError as error:
        noted.error = str(error)[:500]
        raise
    finally:
        noted.milliseconds = int((time.monotonic() - started) * 1000)
        noted.save()
        kept = Asked.objects.filter(user=user).order_by("-at", "-pk").values_list("pk", flat=True)[:HISTORY]
        Asked.objects.filter(user=user).exclude(pk__in=list(kept)).delete()
    return found


def stop(user: User, identity: str) -> None:
    """Stop the run that ``user`` began under ``identity``; nothing when it has ended. Raises :class:`Unavailable`."""
    if name := _identity(user, identity):
        asking.stop(client(), name)


def _identity(user: User, text: str) -> str:
    """Nobody stops somebody else's run: the user is part of its name."""
    return f"u{user.pk}-{text}" if _RUN.fullmatch(text) else ""


def _run(who: Asker, sql: str, identity: str) -> Result:
    started = time.monotonic()
    # One row more than is shown tells whether there are more.
    asked = asking.question(
        who,
        sql,
        "JSONCompact",
        settings={"limit": str(SHOWN_ROWS + 1), "output_format_json_quote_64bit_integers": "1"},
        identity=identity,
    )
    if asked is None:
        return Result([], [], False, 0)
    whole = Question(asked.sql, "JSONCompact", asked.parameters, asked.settings, identity)
    body = msgspec.json.decode(asking.ask(settings(), who, whole), type=_Compact)
    columns = [Column(one.name, one.type) for one in body.meta]
    taken = int((time.monotonic() - started) * 1000)
    return Result(columns, body.data[:SHOWN_ROWS], len(body.data) > SHOWN_ROWS, taken)


class _Meta(msgspec.Struct):
    name: str
    type: str


class _Compact(msgspec.Struct):
    meta: list[_Meta]
    data: list[list[object]]


def table(who: Asker, sql: str, parameters: dict[str, str] | None = None) -> pa.RecordBatchStreamReader:
    """The result of ``sql`` as a stream of Arrow batches; failures as of :func:`.asking.ask`."""
    asked = asking.question(
        who, sql, "ArrowStream", parameters=parameters, settings={"output_format_arrow_string_as_string": "1"}
    )
    if asked is None:
        raise Invalid(mark("This statement has no result."), remedy=mark("Ask with SELECT."))
    # Bounded by max_result_bytes: the store itself holds the whole result.
    whole = Question(asked.sql, "ArrowStream", asked.parameters, asked.settings)
    return pa.ipc.open_stream(asking.ask(settings(), who, whole))


def saved_for(user: User, pk: int) -> SavedQuery:
    """The saved query, or :class:`NotFound` also when it is somebody else's and not shared."""
    found = SavedQuery.objects.visible_to(user).filter(pk=pk).first()
    if found is None:
        raise NotFound(mark("There is no saved query {pk}."), pk=pk)
    return found


def schedule(export: Export, after: dt.datetime | None = None) -> None:
    """Set when ``export`` runs next; not saved."""
    node: Settings = settings()
    export.next_at = (
        rules.next_run(
            rules.Every(export.every),
            after or timezone.now(),
            ZoneInfo(node.timezone),
            hour=export.hour,
            minute=export.minute,
            day=export.day,
        )
        if export.active
        else None
    )


def names_of(export: Export) -> list[str]:
    """The tags that ``export`` names."""
    return [part for part in re.split(r"[\s,]+", export.tags) if part]


def folder(export: Export) -> Path:
    """Where the files of ``export`` lie: below GONGFU_HOME, by the code of its organisation."""
    home = Path(django_settings.MEDIA_ROOT).parent
    return home / "exports" / export.organisation.code / str(export.pk)


def file_of(user: User, pk: int) -> Path:
    """The file of a run that ``user`` may see, or :class:`NotFound`."""
    found = ExportRun.objects.visible_to(user).select_related("export__organisation").filter(pk=pk).first()
    path = folder(found.export) / found.file if found and found.file else None
    if path is None or not path.is_file():
        raise NotFound(mark("This run has no file."), remedy=mark("Run it again; old files are removed."))
    return path
