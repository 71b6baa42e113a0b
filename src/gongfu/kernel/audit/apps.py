"""Django's entry to this module."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AuditConfig(AppConfig):
    """The audit log."""

    name = "gongfu.kernel.audit"
    verbose_name = _("Audit log")

    def ready(self) -> None:
        """Record signing in and out."""
        from gongfu.kernel.audit import signals  # noqa: PLC0415  models are not loaded before this

        signals.connect()
