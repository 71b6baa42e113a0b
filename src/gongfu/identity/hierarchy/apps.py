"""Django's handle on the module."""

from django.apps import AppConfig


class HierarchyConfig(AppConfig):
    """Pages of the hierarchy; no models."""

    name = "gongfu.identity.hierarchy"
    label = "hierarchy"
