"""Django's handle on the module."""

from django.apps import AppConfig


class ApplicationsConfig(AppConfig):
    """Notices, applications, and their procedure."""

    name = "gongfu.governance.applications"
    label = "applications"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Listen to what experts decide."""
        from gongfu.governance.applications import panels  # noqa: F401, PLC0415
