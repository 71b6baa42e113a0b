"""Django's handle on the module."""

from django.apps import AppConfig


class TelemetryConfig(AppConfig):
    """Telemetry in the console, and what people decide about series."""

    name = "gongfu.data.telemetry"
    label = "telemetry"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Whoever proposes models and checks conformance learns from here how tags behave."""
        from gongfu.data.telemetry import observing  # noqa: PLC0415 (only where Django is set up)
        from gongfu.platform.modelling import observing as asked  # noqa: PLC0415

        asked.use(observing.observe)
