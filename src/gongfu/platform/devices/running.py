"""Imports in the background: a file is looked at, then applied when somebody says so."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import msgspec
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.errors import Conflict, NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.tasks import services as tasks
from gongfu.platform.devices import importing
from gongfu.platform.devices.importing import Report
from gongfu.platform.devices.models import Import

KEPT = dt.timedelta(days=7)
"""How long a file lies here."""
_FILE = "file"


def upload(user: User, organisation: Organisation, file: UploadedFile[bytes], why: str) -> Import:
    """Keep the file and begin to look at it."""
    for old in Import.objects.filter(created_at__lt=timezone.now() - KEPT):
        shutil.rmtree(_folder(old), ignore_errors=True)
    with transaction.atomic():
        name = Path(file.name or "file").name.replace("\0", "")[-200:]
        made = Import.objects.create(organisation=organisation, created_by=user, file_name=name, why=why[:500])
        _folder(made).mkdir(parents=True, exist_ok=True)
        with (_folder(made) / _FILE).open("wb") as out:
            for chunk in file.chunks():
                out.write(chunk)
        made.job = tasks.start(
            look, _("Look at %(file)s") % {"file": name}, user=user, organisation=organisation, import_id=made.pk
        )
        made.save(update_fields=["job"])
    return made


def start(user: User, made: Import) -> None:
    """Apply it; raises :class:`Conflict` when it was not looked at, or something in it is wrong."""
    with transaction.atomic():
        locked = Import.objects.select_for_update(of=("self",)).get(pk=made.pk)
        if locked.state != Import.State.CHECKED or report_of(locked).faults:
            raise Conflict(mark("This file cannot be applied now."), remedy=mark("Correct it and upload it again."))
        locked.state = Import.State.APPLYING
        locked.job = tasks.start(
            apply,
            _("Apply %(file)s") % {"file": locked.file_name},
            user=user,
            organisation=locked.organisation,
            import_id=locked.pk,
            user_id=user.pk,
        )
        locked.save()


def import_for(user: User, pk: int) -> Import:
    """The import, or :class:`NotFound` also when it is another organisation's."""
    found = Import.objects.visible_to(user).select_related("organisation", "job").filter(pk=pk).first()
    if found is None:
        raise NotFound(mark("There is no import {pk}."), pk=pk)
    return found


def report_of(made: Import) -> Report:
    """What looking at it, or applying it, found."""
    return msgspec.convert(made.report, Report)


@tasks.job(attempts=3)
def look(progress: tasks.Progress, import_id: int) -> None:
    """Find out what the file would do."""
    made = Import.objects.select_related("created_by").get(pk=import_id)
    assert made.created_by is not None
    report = importing.look(made.created_by, _data(made), made.file_name, progress.report)
    _finish(made, report, Import.State.CHECKED)


@tasks.job(attempts=3)
def apply(progress: tasks.Progress, import_id: int, user_id: int) -> None:
    """Do it, as the user who said so; devices done before an interruption do not differ any more."""
    made = Import.objects.get(pk=import_id)
    user = User.objects.get(pk=user_id)
    report = importing.apply(user, _data(made), made.file_name, made.why, progress.report)
    _finish(made, report, Import.State.FAILED if report.faults else Import.State.DONE)


def _finish(made: Import, report: Report, state: Import.State) -> None:
    made.report = msgspec.to_builtins(report)
    made.state = state
    made.save()


def _data(made: Import) -> bytes:
    path = _folder(made) / _FILE
    if not path.is_file():
        raise NotFound(mark("The file is no longer here."), remedy=mark("Upload it again."))
    return path.read_bytes()


def _folder(made: Import) -> Path:
    return Path(settings.MEDIA_ROOT) / "devices" / str(made.pk)
