"""Django's handle on the module."""

from django.apps import AppConfig


class ComputedConfig(AppConfig):
    """Computed tags."""

    name = "gongfu.data.computed"
    label = "computed"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """What is computed follows the devices it is computed from."""
        from django.db.models.signals import post_delete, post_save  # noqa: PLC0415 (models are ready only now)

        from gongfu.data.computed import binding  # noqa: PLC0415
        from gongfu.platform.devices.models import Outbox  # noqa: PLC0415

        post_save.connect(binding.on_device_told, sender=Outbox, dispatch_uid="computed tags of devices")
        for signal in (post_save, post_delete):
            signal.connect(
                binding.on_changed, sender="computed.ComputedTag", dispatch_uid=f"computed tags {id(signal)}"
            )
