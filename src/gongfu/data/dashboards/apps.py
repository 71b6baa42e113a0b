"""Django's handle on the module."""

from django.apps import AppConfig


class DashboardsConfig(AppConfig):
    """Dashboards, walls and reports."""

    name = "gongfu.data.dashboards"
    label = "dashboards"
    default_auto_field = "django.db.models.BigAutoField"
