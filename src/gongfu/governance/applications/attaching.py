"""Papers of an application: taken in, scanned, read by whoever may, never under the name they came with."""

from __future__ import annotations

import hashlib
import shlex
import subprocess
import tempfile
from pathlib import Path

import structlog
from django.core.files.base import ContentFile
from django.db import transaction

from gongfu.governance.applications import forms, sniffing, steps
from gongfu.governance.applications.models import Application, Attachment
from gongfu.governance.applications.permissions import require_applicant
from gongfu.governance.applications.requirements import RECEIVABLE
from gongfu.kernel.accounts.models import User
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Conflict, Invalid, NotFound, Unavailable
from gongfu.kernel.i18n import mark
from gongfu.kernel.settings import settings

MOST = 30
"""Attachments of one application."""
SCAN_SECONDS = 60
log = structlog.get_logger("applications")


def attach(user: User, application: Application, paper: str, name: str, data: bytes) -> Attachment:
    """Take a file in. Raises :class:`Forbidden`, :class:`Conflict` once it is handed in, :class:`Invalid` for a file
    that is not taken, lies about its type or does not pass the scan.
    """
    require_applicant(user, application)
    name = forms.check_text(Path(name.replace("\\", "/")).name.strip() or "-", 150)
    known = {key for key, _title in application.notice.papers} | {"other"}
    if paper not in known:
        raise Invalid(mark("There is no paper {name}."), name=paper[:40])
    sort = sniffing.sort_of(data, name)
    scanned = scan(data, name)
    with transaction.atomic():
        fresh = steps.locked(application)
        _require_open(fresh)
        if fresh.attachments.count() >= MOST:
            raise Conflict(mark("At most {most} files."), most=MOST)
        digest = hashlib.sha256(data).hexdigest()
        if fresh.attachments.filter(sha256=digest, paper=paper).exists():
            raise Conflict(mark("{file} is there already."), file=name)
        made = Attachment(
            application=fresh,
            paper=paper,
            name=name,
            media_type=sort.media_type,
            size=len(data),
            sha256=digest,
            scanned=scanned,
            added_by=user,
        )
        made.file.save("-", ContentFile(data), save=False)
        kept = str(made.file.name)
        try:
            made.save()
            steps.note(user, fresh, "attached", mark("Attached a paper"), reason=f"{name} · SHA-256 {digest}")
            audit.record(user, "create", made, after=audit.state(made))
        except BaseException:
            made.file.storage.delete(kept)
            raise
    return made


def remove(user: User, application: Application, pk: int) -> None:
    """Take a paper out of a draft; what was handed in stays."""
    require_applicant(user, application)
    with transaction.atomic():
        fresh = steps.locked(application)
        _require_open(fresh)
        found = fresh.attachments.filter(pk=pk).first()
        if found is None:
            raise NotFound(mark("There is no such paper."))
        if fresh.submitted_at is not None and found.added_at <= fresh.submitted_at:
            raise Conflict(mark("What was handed in stays; add the right paper beside it."))
        audit.record(user, "delete", found, before=audit.state(found))
        steps.note(user, fresh, "removed", mark("Took a paper out"), reason=f"{found.name} · SHA-256 {found.sha256}")
        file, storage = str(found.file.name), found.file.storage
        found.delete()
        transaction.on_commit(lambda: storage.delete(file))


def _require_open(application: Application) -> None:
    if application.stage not in RECEIVABLE:
        raise Conflict(
            mark("The application was handed in: its papers cannot be changed."),
            remedy=mark("Wait until the office asks for something."),
        )


def scan(data: bytes, name: str) -> bool:
    """Whether ``data`` was scanned, by the command of ``scan_command``; False where there is none.

    Raises :class:`Invalid` when the command refuses it, :class:`Unavailable` when it does not answer: what should
    have been scanned is never taken unscanned.
    """
    command = settings().scan_command
    if not command:
        return False
    with tempfile.NamedTemporaryFile(prefix="gongfu-scan-") as file:
        file.write(data)
        file.flush()
        try:
            done = subprocess.run(
                [*shlex.split(command), file.name],
                capture_output=True,
                timeout=SCAN_SECONDS,
                check=False,
                stdin=subprocess.DEVNULL,
            )
        except (OSError, subprocess.TimeoutExpired, ValueError) as error:
            log.error("the virus scanner does not answer", error=repr(error))
            raise Unavailable(
                mark("The virus scanner does not answer: nothing can be attached now."),
                remedy=mark("Try again in some minutes, or tell whoever runs the node."),
            ) from error
    if done.returncode != 0:
        log.warning("an attachment was refused by the scanner", code=done.returncode, output=done.stdout[:200])
        raise Invalid(mark("{file} was refused by the virus scanner."), remedy=mark("Check your computer."), file=name)
    return True
