"""Django's handle on the module."""

from django.apps import AppConfig


class IndicatorsConfig(AppConfig):
    """Plans, their indicators, what was reported and signed."""

    name = "gongfu.governance.indicators"
    label = "indicators"
    default_auto_field = "django.db.models.BigAutoField"
