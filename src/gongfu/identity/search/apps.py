"""Django's handle on the module."""

from django.apps import AppConfig


class SearchConfig(AppConfig):
    """Search over identifiers."""

    name = "gongfu.identity.search"
    label = "identity_search"
    default_auto_field = "django.db.models.BigAutoField"
