"""Django's handle on the module."""

from django.apps import AppConfig


class BusinessConfig(AppConfig):
    """Business management of a secondary node."""

    name = "gongfu.identity.business"
    label = "business"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Identifiers that follow a template are shown by it, and partners see what was granted to them."""
        from gongfu.identity.business import reading  # noqa: PLC0415 (models are ready only now)
        from gongfu.identity.registry import readers  # noqa: PLC0415

        readers.use(reading.TemplateReader())
