"""Django's entry to this module."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TasksConfig(AppConfig):
    """Background work."""

    name = "gongfu.kernel.tasks"
    verbose_name = _("Background work")
