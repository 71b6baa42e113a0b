"""Django's handle on the module."""

from django.apps import AppConfig


class EdgesConfig(AppConfig):
    """Edge nodes."""

    name = "gongfu.platform.edges"
    label = "edges"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Devices can be given to edge nodes, and the bus lets those in that have joined."""
        from gongfu.platform.devices import gateways  # noqa: PLC0415
        from gongfu.platform.edges import assigning, joining, models  # noqa: PLC0415 (models are ready only now)

        gateways.use(assigning.Edges())
        models.revoked.connect(joining.on_revoked, sender=models.Edge, dispatch_uid="edges revoked")
