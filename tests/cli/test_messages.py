"""Which texts must be translated, and what counts as translated."""

from __future__ import annotations

import pytest
from babel.messages.catalog import Catalog

from gongfu.cli import messages


def test_marked_texts_of_python_are_found_whole() -> None:
    source = """
raise Invalid(mark("The port {port} "
                   "is taken."), remedy=mark("Choose another."), port=1)
title = _("Devices")
verbose = gettext_lazy("device")
n = ngettext("%(n)s device", "%(n)s devices", n)
c = pgettext("verb", "Open")
other = translate("not a source text")
computed = mark(name)
"""
    assert set(messages.python_texts(source)) == {
        ("", "The port {port} is taken.", ""),
        ("", "Choose another.", ""),
        ("", "Devices", ""),
        ("", "device", ""),
        ("", "%(n)s device", "%(n)s devices"),
        ("verb", "Open", ""),
    }


def test_texts_of_templates_are_found_as_django_looks_them_up() -> None:
    source = """{% load i18n %}<p title='{% translate "It's on" %}'>{% translate "Open" context "verb" %}
{% blocktranslate count n=3 %}One {{ n }} device{% plural %}{{ n }} devices{% endblocktranslate %}
{% blocktranslate trimmed with a=b %}
  Long "text"
  (of {{ a }})
{% endblocktranslate %}{{ _("plain") }} gettext("not a tag")"""
    assert set(messages.template_texts(source)) == {
        ("", "It's on", ""),
        ("verb", "Open", ""),
        ("", "One %(n)s device", "%(n)s devices"),
        ("", 'Long "text" (of %(a)s)', ""),
        ("", "plain", ""),
    }


@pytest.mark.parametrize(
    ("translation", "fault"),
    [
        (None, "missing"),
        ("", "missing"),
        ("{count} 台设备", None),
        ("设备", "other fields than its source"),
        ("{number} 台设备", "other fields than its source"),
    ],
)
def test_a_translation_fills_in_the_same_fields(translation: str | None, fault: str | None) -> None:
    catalogue = Catalog(locale="zh_Hans")
    if translation is not None:
        catalogue.add("{count} devices", translation)
    found = messages.faults(catalogue, {("", "{count} devices", "")})
    assert found == ([f"{fault}: '{{count}} devices'"] if fault else [])


def test_an_uncertain_translation_does_not_count() -> None:
    catalogue = Catalog(locale="zh_Hans")
    catalogue.add("Devices", "设备", flags=["fuzzy"])
    assert messages.faults(catalogue, {("", "Devices", "")}) == ["uncertain: 'Devices'"]


def test_a_translation_of_a_text_that_is_gone_is_reported() -> None:
    catalogue = Catalog(locale="zh_Hans")
    catalogue.add("Devices", "设备")
    assert messages.faults(catalogue, set()) == ["not used any more: 'Devices'"]


def test_two_rooms_agree_on_a_text() -> None:
    here, there = Catalog(locale="zh_Hans"), Catalog(locale="zh_Hans")
    here.add("State", "状态")
    there.add("State", "省份")
    assert messages.ambiguities({"kernel": here, "identity": here}) == []
    assert messages.ambiguities({"kernel": here, "identity": there}) == [
        "'State' is translated differently in identity and kernel"
    ]
    there = Catalog(locale="zh_Hans")
    there.add("State", "省份", context="address")
    assert messages.ambiguities({"kernel": here, "identity": there}) == []


def test_every_room_is_complete() -> None:
    messages.run(check=True)
