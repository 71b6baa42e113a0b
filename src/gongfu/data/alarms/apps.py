"""Django's handle on the module."""

from django.apps import AppConfig


class AlarmsConfig(AppConfig):
    """Alarm rules, alarms, and who is told."""

    name = "gongfu.data.alarms"
    label = "alarms"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Rules follow their devices; whoever sets a device up may have the alarms of its model with it."""
        from django.db.models.signals import post_delete, post_save  # noqa: PLC0415 (models are ready only now)

        from gongfu.data.alarms import binding, making  # noqa: PLC0415
        from gongfu.platform.devices import beside  # noqa: PLC0415
        from gongfu.platform.devices.models import Outbox  # noqa: PLC0415

        post_save.connect(binding.on_device_told, sender=Outbox, dispatch_uid="alarms of devices")
        for signal in (post_save, post_delete):
            signal.connect(binding.on_rule_changed, sender="alarms.AlarmRule", dispatch_uid=f"alarm rules {id(signal)}")
        beside.offer(making.BESIDE)
