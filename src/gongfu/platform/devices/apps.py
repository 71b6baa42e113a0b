"""Django's handle on the module."""

from django.apps import AppConfig


class DevicesConfig(AppConfig):
    """Places, devices and tags."""

    name = "gongfu.platform.devices"
    label = "devices"
    default_auto_field = "django.db.models.BigAutoField"
