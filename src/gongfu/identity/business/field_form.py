"""The form of one field of a template."""

from __future__ import annotations

from typing import Self

import msgspec
from django import forms
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from gongfu.identity.business import fields
from gongfu.identity.business.fields import Choice, Field
from gongfu.identity.business.pattern import MAX_PATTERN
from gongfu.kernel.errors import Invalid
from gongfu.network.models.types import Text

TYPES = [
    ("text", _("Text")),
    ("number", _("Number")),
    ("integer", _("Whole number")),
    ("boolean", _("Yes or no")),
    ("date", _("Date")),
    ("datetime", _("Date and time")),
    ("url", _("Web address")),
    ("identifier", _("Reference to an identifier")),
    ("choice", _("Enumeration")),
]
GRANTS = [("public", _("Everybody")), ("partner", _("Partners")), ("owner", _("Only the owner"))]


class FieldForm(forms.Form):
    """What people say of a field; :attr:`field` is the result."""

    instead_of = forms.CharField(max_length=63, required=False, widget=forms.HiddenInput)
    key = forms.SlugField(
        label=_("Field key"), max_length=63, help_text=_("Lower-case letters, digits and underscores.")
    )
    zh = forms.CharField(label=_("Chinese name"), max_length=80)
    en = forms.CharField(label=_("English name"), max_length=80)
    type = forms.ChoiceField(label=_("Type"), choices=TYPES)
    unit = forms.CharField(label=_("Unit"), max_length=20, required=False)
    required = forms.BooleanField(label=_("Required"), required=False)
    grant = forms.ChoiceField(label=_("Who may read it"), choices=GRANTS)
    pattern = forms.CharField(
        label=_("Pattern"),
        max_length=MAX_PATTERN,
        required=False,
        help_text=_("For texts: characters, classes and repetitions, as [A-Z]{2}[0-9]{6}."),
    )
    low = forms.FloatField(label=_("Least value"), required=False)
    high = forms.FloatField(label=_("Greatest value"), required=False)
    choices = forms.CharField(
        label=_("Choices"),
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("One a line: value, Chinese, English, separated by |."),
    )
    index = forms.IntegerField(
        label=_("Index in the handle"),
        min_value=fields.FIRST_INDEX,
        max_value=fields.LAST_INDEX,
        required=False,
        help_text=_("Empty for the next free one."),
    )
    example = forms.CharField(label=_("Example"), max_length=200, required=False)

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        for field in self.fields.values():
            select = isinstance(field.widget, forms.Select)
            checkbox = isinstance(field.widget, forms.CheckboxInput)
            field.widget.attrs["class"] = (
                "form-check-input" if checkbox else "form-select" if select else "form-control"
            )

    @classmethod
    def of(cls, field: Field | None) -> Self:
        """The form filled with ``field``, or empty."""
        if field is None:
            return cls()
        initial = msgspec.structs.asdict(field) | {
            "instead_of": field.key,
            "zh": field.name.zh,
            "en": field.name.en,
            "choices": "\n".join(f"{choice.value}|{choice.zh}|{choice.en}" for choice in field.choices),
        }
        return cls(initial=initial)

    def clean_choices(self) -> tuple[Choice, ...]:
        """Lines as choices; names may be left out."""
        found = []
        for line in self.cleaned_data["choices"].splitlines():
            value, zh, en, *_rest = [part.strip() for part in f"{line}||".split("|")]
            if value:
                found.append(Choice(value, zh or value, en or zh or value))
        return tuple(found)

    def clean(self) -> None:
        """The rules of a field, in the reader's language."""
        if self.errors:
            return
        try:
            fields.check_field(self.field)
        except Invalid as error:
            self.add_error(None, error.text(get_language()))

    @property
    def field(self) -> Field:
        """The field as entered; the form is valid."""
        given = self.cleaned_data
        return Field(
            key=given["key"],
            name=Text(given["zh"], given["en"]),
            type=given["type"],
            unit=given["unit"],
            required=given["required"],
            grant=given["grant"],
            pattern=given["pattern"],
            low=given["low"],
            high=given["high"],
            choices=given["choices"],
            index=given["index"] or 0,
            example=given["example"],
        )
