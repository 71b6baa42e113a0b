"""Template filters of devices."""

from __future__ import annotations

from django import template
from django.utils.translation import get_language

from gongfu.network.models import library
from gongfu.platform.devices.models import Device

register = template.Library()


@register.filter
def type_name(device: Device) -> str:
    """Name of the device's type in the reader's language."""
    model = next((model for model in library.types() if model.id == device.type), None)
    return model.name.in_language(get_language() or "") if model else device.type
