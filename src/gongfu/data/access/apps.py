"""Django's handle on the module."""

from django.apps import AppConfig


class AccessConfig(AppConfig):
    """Ways to the data: queries, exports, ClickHouse interface."""

    name = "gongfu.data.access"
    label = "access"
    default_auto_field = "django.db.models.BigAutoField"
