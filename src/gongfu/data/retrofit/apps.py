"""Django's handle on the module."""

from django.apps import AppConfig


class RetrofitConfig(AppConfig):
    """The retrofit inventory."""

    name = "gongfu.data.retrofit"
    label = "retrofit"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """A device that is connected is a machine of the inventory from then on."""
        from django.db.models.signals import post_save  # noqa: PLC0415 (models are ready only now)

        from gongfu.data.retrofit import services  # noqa: PLC0415
        from gongfu.platform.devices.models import Device  # noqa: PLC0415

        post_save.connect(services.on_device_saved, sender=Device, dispatch_uid="retrofit")
