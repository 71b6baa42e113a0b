"""Django's handle on the module."""

from django.apps import AppConfig


class CommandsConfig(AppConfig):
    """Set-points and the commands that write them."""

    name = "gongfu.platform.commands"
    label = "commands"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """What a second person has agreed to is written once that is committed."""
        from gongfu.platform.commands import models, services  # noqa: PLC0415 (models are ready only now)

        models.agreed.connect(services.on_agreed)
