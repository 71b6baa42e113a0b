"""Django's handle on the module."""

from django.apps import AppConfig


class SupportConfig(AppConfig):
    """Support rules and the ledger."""

    name = "gongfu.governance.support"
    label = "support"
    default_auto_field = "django.db.models.BigAutoField"
