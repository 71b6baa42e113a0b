"""Django's handle on the module."""

from django.apps import AppConfig


class EscrowConfig(AppConfig):
    """Data escrow."""

    name = "gongfu.identity.escrow"
    label = "escrow"
    default_auto_field = "django.db.models.BigAutoField"
