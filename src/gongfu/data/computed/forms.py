"""The form of a computed tag: wrong expressions are told beside the expression."""

from __future__ import annotations

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from gongfu.data.computed import binding
from gongfu.data.computed.models import ComputedTag
from gongfu.kernel.errors import Invalid
from gongfu.platform.devices.models import Tag
from gongfu.platform.devices.rules import COMPUTED


class ComputedForm(forms.ModelForm[ComputedTag]):
    """A computed tag that can be computed."""

    def __init__(self, *args: object, **more: object) -> None:
        super().__init__(*args, **more)  # type: ignore[arg-type]
        if "expression" in self.fields:
            self.fields["expression"].widget.attrs |= {"rows": 3, "spellcheck": "false", "class": "form-control mono"}

    def clean(self) -> dict[str, object]:
        """Errors beside what is wrong."""
        cleaned = super().clean() or {}
        device = cleaned.get("device")
        if device is None or "expression" not in cleaned:
            return cleaned
        if device.organisation_id != getattr(cleaned.get("organisation"), "pk", None):
            raise ValidationError({"device": _("This device belongs to another organisation.")})
        taken = Tag.objects.filter(device=device, key=cleaned.get("key", "")).exclude(address=COMPUTED)
        if taken.exists():
            raise ValidationError({"key": _("The device has another tag of this key.")})
        given = {name: value for name, value in cleaned.items() if value is not None}
        computed = ComputedTag(pk=self.instance.pk, **given)
        try:
            binding.bound(computed)
            binding.check_cycle(computed)
        except Invalid as error:
            raise ValidationError({"expression": error.text(get_language())}) from error
        return cleaned
