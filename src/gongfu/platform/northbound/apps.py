"""Django's handle on the module."""

from django.apps import AppConfig


class NorthboundConfig(AppConfig):
    """Offers of organisations to other programs."""

    name = "gongfu.platform.northbound"
    label = "northbound"
    default_auto_field = "django.db.models.BigAutoField"
