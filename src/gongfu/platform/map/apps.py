"""Django's handle on the module."""

from django.apps import AppConfig


class MapConfig(AppConfig):
    """The network map."""

    name = "gongfu.platform.map"
    label = "network_map"
    default_auto_field = "django.db.models.BigAutoField"
