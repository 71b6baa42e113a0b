"""Django's handle on the module."""

from django.apps import AppConfig


class FilingConfig(AppConfig):
    """Filings with the node above and from nodes below."""

    name = "gongfu.identity.filing"
    label = "filing"
    default_auto_field = "django.db.models.BigAutoField"
