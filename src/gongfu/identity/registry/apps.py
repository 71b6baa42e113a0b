"""Django's handle on the module."""

from django.apps import AppConfig


class RegistryConfig(AppConfig):
    """Prefixes and identifiers."""

    name = "gongfu.identity.registry"
    label = "registry"
    default_auto_field = "django.db.models.BigAutoField"
