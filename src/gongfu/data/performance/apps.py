"""Django's handle on the module."""

from django.apps import AppConfig


class PerformanceConfig(AppConfig):
    """OEE, utilisation and energy."""

    name = "gongfu.data.performance"
    label = "performance"
    default_auto_field = "django.db.models.BigAutoField"
