"""Django's handle on the module."""

from django.apps import AppConfig


class TelemetryConfig(AppConfig):
    """Addresses of telemetry in the console; no tables of its own."""

    name = "gongfu.data.telemetry"
    label = "telemetry"
