"""Django's handle on the module."""

from django.apps import AppConfig


class DiscoveryConfig(AppConfig):
    """Scans and what they found."""

    name = "gongfu.platform.discovery"
    label = "discovery"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """The page that sets a device up can be filled in from what was found."""
        from gongfu.platform.devices import prefilling  # noqa: PLC0415
        from gongfu.platform.discovery import services  # noqa: PLC0415 (models are ready only now)

        prefilling.use("finding", services.prefill)
