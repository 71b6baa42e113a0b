"""Django's handle on the module."""

from django.apps import AppConfig


class AssessmentsConfig(AppConfig):
    """Self-assessment and diagnosis."""

    name = "gongfu.governance.assessments"
    label = "assessments"
    default_auto_field = "django.db.models.BigAutoField"
