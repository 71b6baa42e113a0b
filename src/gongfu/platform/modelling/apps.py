"""Django's handle on the module."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class ModellingConfig(AppConfig):
    """Information models, bindings and their conformance."""

    name = "gongfu.platform.modelling"
    label = "modelling"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """After every migration the library that comes with the programme stands in the database."""
        post_migrate.connect(_sync, sender=self, dispatch_uid="modelling-library")


def _sync(**_about: object) -> None:
    from django.db import connection  # noqa: PLC0415

    from gongfu.platform.modelling import models, shelf  # noqa: PLC0415 (models are ready only now)

    # Migrating back to the beginning ends here as well.
    if models.InformationModel._meta.db_table in connection.introspection.table_names():
        shelf.sync_library()
