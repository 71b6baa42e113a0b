"""Django's handle on the module."""

from django.apps import AppConfig


class NorthboundConfig(AppConfig):
    """Offers of organisations to other programs."""

    name = "gongfu.platform.northbound"
    label = "northbound"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Whoever sets the first device of an organisation up may have it served at once."""
        from gongfu.platform.devices import beside  # noqa: PLC0415 (models are ready only now)
        from gongfu.platform.northbound import first_offer  # noqa: PLC0415

        beside.offer(first_offer.BESIDE)
