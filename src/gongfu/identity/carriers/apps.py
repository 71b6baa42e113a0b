"""Django's handle on the module."""

from django.apps import AppConfig


class CarriersConfig(AppConfig):
    """Labels."""

    name = "gongfu.identity.carriers"
    label = "carriers"
