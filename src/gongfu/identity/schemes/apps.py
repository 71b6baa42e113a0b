"""Django's handle on the module."""

from django.apps import AppConfig


class SchemesConfig(AppConfig):
    """Codes of other schemes."""

    name = "gongfu.identity.schemes"
    label = "schemes"
    default_auto_field = "django.db.models.BigAutoField"
