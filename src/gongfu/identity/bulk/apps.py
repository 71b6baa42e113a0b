"""Django's handle on the module."""

from django.apps import AppConfig


class BulkConfig(AppConfig):
    """Batches and files."""

    name = "gongfu.identity.bulk"
    label = "bulk"
    default_auto_field = "django.db.models.BigAutoField"
