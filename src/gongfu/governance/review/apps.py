"""Django's handle on the module."""

from django.apps import AppConfig


class ReviewConfig(AppConfig):
    """Expert review."""

    name = "gongfu.governance.review"
    label = "review"
    default_auto_field = "django.db.models.BigAutoField"
