"""Django's handle on the module."""

from django.apps import AppConfig


class TelemetryConfig(AppConfig):
    """Addresses of telemetry in the console; no tables of its own."""

    name = "gongfu.data.telemetry"
    label = "telemetry"

    def ready(self) -> None:
        """Whoever proposes models and checks conformance learns from here how tags behave."""
        from gongfu.data.telemetry import observing  # noqa: PLC0415 (only where Django is set up)
        from gongfu.platform.modelling import observing as asked  # noqa: PLC0415

        asked.use(observing.observe)
