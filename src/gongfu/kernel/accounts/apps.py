"""Django's entry to this module."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """Organisations and users."""

    name = "gongfu.kernel.accounts"
    verbose_name = _("Organisations and users")

    def ready(self) -> None:
        """The bus admits the devices of every organisation."""
        from gongfu.kernel.accounts import bus_users  # noqa: PLC0415 - models exist only now

        bus_users.follow()
