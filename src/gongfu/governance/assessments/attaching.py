"""Evidence: papers and links beside answers."""

from __future__ import annotations

import hashlib

from django.core.files.base import ContentFile
from django.db import transaction

from gongfu.governance.assessments import evidence, services
from gongfu.governance.assessments.models import Assessment, Evidence
from gongfu.kernel.accounts.models import User
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from gongfu.kernel.i18n import mark


def attach_file(user: User, assessment: Assessment, key: str, name: str, data: bytes) -> Evidence:
    """Keep a paper; raises :class:`Forbidden`, :class:`Conflict`, :class:`NotFound`, and :class:`Invalid` for a file
    that is too large, lies about what it is, or is one too many.
    """
    _require(user, assessment, key)
    _require_room(assessment)
    kind = evidence.kind_of(name, data)
    plain = name.replace("\\", "/").rpartition("/")[2].strip()[-120:]
    with transaction.atomic():
        made = Evidence(
            organisation=assessment.organisation,
            assessment=assessment,
            question=key,
            name="".join(letter for letter in plain if letter.isprintable()),
            media_type=kind.media_type,
            size=len(data),
            digest=hashlib.sha256(data).hexdigest(),
            created_by=user,
        )
        made.file.save(f"paper{kind.endings[0]}", ContentFile(data), save=False)
        made.save()
        audit.record(user, "attach", made, after=audit.state(made))
    return made


def attach_link(user: User, assessment: Assessment, key: str, address: str) -> Evidence:
    """Keep an address; raises as :func:`attach_file`."""
    _require(user, assessment, key)
    _require_room(assessment)
    address = evidence.link(address)
    with transaction.atomic():
        made = Evidence.objects.create(
            organisation=assessment.organisation,
            assessment=assessment,
            question=key,
            name=address[:120],
            link=address,
            created_by=user,
        )
        audit.record(user, "attach", made, after=audit.state(made))
    return made


def detach(user: User, found: Evidence) -> None:
    """Take evidence away while the assessment is open; raises :class:`Forbidden`, :class:`Conflict`."""
    _require(user, found.assessment, found.question)
    with transaction.atomic():
        audit.record(user, "detach", found, before=audit.state(found))
        stored, file = found.file.name, found.file
        found.delete()
        if stored:
            transaction.on_commit(lambda: file.storage.delete(stored))


def evidence_for(user: User, pk: int) -> Evidence:
    """The evidence with its assessment; raises :class:`NotFound` also when the assessment may not be seen."""
    found = Evidence.objects.select_related("assessment__organisation", "organisation").filter(pk=pk).first()
    if found is None or not services.assessments(user).filter(pk=found.assessment_id).exists():
        raise NotFound(mark("There is no evidence {pk}."), pk=pk)
    return found


def _require(user: User, assessment: Assessment, key: str) -> None:
    assessment.asked.find(key)
    if not services.may_answer(user, assessment):
        if not assessment.is_open:
            raise Conflict(mark("This assessment is {state}."), state=assessment.get_state_display())
        raise Forbidden(mark("You may not assess {organisation}."), organisation=assessment.organisation.name)


def _require_room(assessment: Assessment) -> None:
    if Evidence.objects.filter(assessment=assessment).count() >= evidence.MOST_FILES:
        raise Invalid(mark("At most {most} papers and links for one assessment."), most=evidence.MOST_FILES)
