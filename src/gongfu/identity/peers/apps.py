"""Django's handle on the module."""

from django.apps import AppConfig


class PeersConfig(AppConfig):
    """Nodes above and below."""

    name = "gongfu.identity.peers"
    label = "peers"
    default_auto_field = "django.db.models.BigAutoField"
