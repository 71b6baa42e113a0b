"""Applications for real-name review (企业实名核验)."""

from __future__ import annotations

import secrets
from typing import ClassVar

from django.core.exceptions import ValidationError
from django.core.files.storage import FileSystemStorage
from django.db import models
from django.utils.translation import gettext_lazy as _

from gongfu.identity.authentication.workflow import VerificationWorkflow
from gongfu.kernel.accounts import rules
from gongfu.kernel.accounts.models import OwnedModel
from gongfu.kernel.settings import settings


def licences() -> FileSystemStorage:
    """Where licences lie: below home, outside what the console serves, readable by the node's user only."""
    folder = settings().path("files", "licences")
    return FileSystemStorage(
        location=folder, base_url=None, file_permissions_mode=0o600, directory_permissions_mode=0o700
    )


def _name(_instance: models.Model, filename: str) -> str:
    return f"{secrets.token_hex(16)}.{filename.rpartition('.')[2].lower()[:4]}"


def _check_credit_code(value: str) -> None:
    if not rules.is_credit_code(value):
        raise ValidationError(
            _("%(value)s is not a unified social credit code: its check character does not fit."),
            params={"value": value},
        )


class Verification(OwnedModel, VerificationWorkflow):
    """One application. GB 32100-2015 says what a credit code is."""

    legal_name = models.CharField(_("name on the licence"), max_length=120)
    credit_code = models.CharField(
        _("unified social credit code"), max_length=18, validators=[_check_credit_code], help_text=_("18 characters.")
    )
    representative = models.CharField(_("legal representative"), max_length=60)
    licence = models.FileField(
        _("business licence"),
        storage=licences,
        upload_to=_name,
        max_length=100,
        help_text=_("PDF, PNG or JPEG, at most 10 MB. Only reviewers can open it."),
    )

    class Meta:
        verbose_name = _("real-name review")
        verbose_name_plural = _("Real-name reviews")
        ordering = ("-created_at",)
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["organisation", "state"], name="verification_of_organisation")
        ]

    def __str__(self) -> str:
        return self.legal_name
