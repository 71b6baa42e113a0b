"""An application as an archive: printed papers, the files that came with it, every step as data, and a list of digests.

What only the office may read is left out for everybody else. Names inside the archive are ours, so that nothing in them
leads out of the folder it is unpacked to.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import zipfile
from collections.abc import Callable
from typing import IO

from gongfu.governance.applications import papers
from gongfu.governance.applications.models import AccountChange, Application
from gongfu.governance.applications.records import Step, masked_account
from gongfu.governance.documents.services import Kind, as_file
from gongfu.kernel.errors import Conflict
from gongfu.kernel.i18n import mark

_SPOOL = 8_000_000
"""Bytes kept in memory before a file is used."""


def write(application: Application, *, internal: bool) -> IO[bytes]:
    """The archive, at its beginning; whoever gets it closes it. Raises :class:`Conflict` when a file is damaged."""
    target = tempfile.SpooledTemporaryFile(max_size=_SPOOL)  # noqa: SIM115  # the reader closes it
    digests: list[str] = []
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:

        def put(name: str, data: bytes) -> None:
            archive.writestr(name, data)
            digests.append(f"{hashlib.sha256(data).hexdigest()}  {name}")

        _print(application, put, internal=internal)
        put("application.json", _json(_application(application, internal=internal)))
        every = application.steps.all() if internal else application.steps.filter(internal=False)
        put("steps.json", _json([_step(one) for one in every]))
        put("payments.json", _json(_payments(application)))
        if internal:
            put("opinions.json", _json(_opinions(application)))
            put("objections.json", _json(_objections(application)))
            put("accounts.json", _json(_accounts(application)))
        for number, file in enumerate(application.attachments.all(), 1):
            with file.file.open("rb") as opened:
                data = opened.read()
            if hashlib.sha256(data).hexdigest() != file.sha256:
                raise Conflict(
                    mark("{file} on this node is not the file that was attached."),
                    remedy=mark("Restore it from a backup, and tell whoever runs the node."),
                    file=file.name,
                )
            put(f"files/{number:02d}-{safe(file.name)}", data)
        archive.writestr("SHA256SUMS", "\n".join([*digests, ""]))
    target.seek(0)
    return target


def _print(application: Application, put: Callable[[str, bytes], None], *, internal: bool) -> None:
    kinds: tuple[Kind, ...] = ("pdf", "docx")
    for kind in kinds:
        put(f"story.{kind}", as_file(papers.story(application, internal=internal), kind).data)
    if application.submitted_at is not None:
        put("receipt.pdf", as_file(papers.receipt(application), "pdf").data)
    if application.steps.filter(name__in=("approve", "refuse", "uphold", "revoke")).exists():
        put("decision.pdf", as_file(papers.decision(application), "pdf").data)
    if application.publication is not None:
        put("public-notice.pdf", as_file(papers.public_notice(application.publication), "pdf").data)


def safe(name: str) -> str:
    """A file's name without anything that systems of files treat specially."""
    plain = re.sub(r'[\x00-\x1f<>:"/\\|?*]', "_", name).strip(" .")
    return plain[-100:] or "file"


def _json(data: object) -> bytes:
    return json.dumps(data, ensure_ascii=False, indent=2, default=str).encode()


def _application(one: Application, *, internal: bool) -> dict[str, object]:
    names = ("number", "name", "credit_code", "kind", "clause", "matter", "year", "basis", "state", "submitted_at")
    found: dict[str, object] = {name: getattr(one, name) for name in names}
    found |= {"notice": one.notice.number, "title": one.notice.title, "family": one.notice.family}
    found |= {"facts": one.facts, "proposed": one.proposed, "approved": one.approved, "known": one.known}
    account = one.account if internal else masked_account(one.account)
    return found | {"account_holder": one.account_holder, "bank": one.bank, "account": account}


def _step(one: Step) -> dict[str, object]:
    names = ("at", "actor_name", "actor_for", "name", "source", "target", "deadline", "reason", "document")
    return {name: getattr(one, name) for name in names}


def _payments(one: Application) -> list[dict[str, object]]:
    names = ("position", "amount", "due_on", "after", "reached_on", "paid_on", "document", "entry_id")
    return [{name: getattr(part, name) for name in names} for part in one.instalments.all()]


def _opinions(one: Application) -> list[dict[str, object]]:
    found = one.opinions.select_related("organisation", "given_by")
    return [
        {
            "department": str(each.organisation),
            "stage": each.stage,
            "verdict": each.verdict,
            "text": each.text,
            "given_at": each.given_at,
            "given_by": str(each.given_by or ""),
        }
        for each in found
    ]


def _objections(one: Application) -> list[dict[str, object]]:
    names = ("number", "name", "contact", "text", "at", "answer", "upheld", "answered_at")
    return [{name: getattr(each, name) for name in names} for each in one.objections.all()]


def _accounts(one: Application) -> list[dict[str, object]]:
    names = ("account_holder", "bank", "account", "reason", "asked_at", "checked_at", "decided_at", "accepted")
    return [{name: getattr(each, name) for name in names} for each in AccountChange.objects.filter(application=one)]
