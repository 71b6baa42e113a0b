"""Django's entry to this module."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PagesConfig(AppConfig):
    """Generic pages."""

    name = "gongfu.kernel.pages"
    verbose_name = _("Pages")
