"""Django's handle on the module."""

from django.apps import AppConfig


class AuthenticationConfig(AppConfig):
    """Real-name review and proofs."""

    name = "gongfu.identity.authentication"
    label = "authentication"
    default_auto_field = "django.db.models.BigAutoField"
