"""MQTT topics against NATS subjects, as nats-server 2.15 spells them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gongfu.network.drivers.contract import BadConfiguration
from gongfu.network.gateway.topics import check_filter, matches, subject, topic


@pytest.mark.parametrize(
    ("mqtt", "nats"),
    [  # examples of README-MQTT.md and TestMQTTTopicAndSubjectConversion of nats-server
        ("/", "/./"),
        ("/foo", "/.foo"),
        ("foo/", "foo./"),
        ("foo/bar", "foo.bar"),
        ("/foo/bar", "/.foo.bar"),
        ("foo//bar", "foo./.bar"),
        ("foo///bar", "foo././.bar"),
        ("a.b/c", "a//b.c"),
        ("spBv1.0/acme/NDATA/edge", "spBv1//0.acme.NDATA.edge"),
        ("gongfu/acme/压力机/x", "gongfu.acme.压力机.x"),
    ],
)
def test_subjects_are_read_back_as_the_topics_they_were(mqtt: str, nats: str) -> None:
    assert topic(nats) == mqtt


def test_commands_go_to_the_subject_of_their_topic() -> None:
    assert subject("spBv1.0/acme/NCMD/edge.1") == "spBv1//0.acme.NCMD.edge//1"


_levels = st.lists(st.text("abc.压-_", min_size=1, max_size=5), min_size=1, max_size=5)


@settings(max_examples=200, deadline=None)
@given(_levels)
def test_topic_and_subject_are_inverse(levels: list[str]) -> None:
    assert topic(subject("/".join(levels))) == "/".join(levels)


@pytest.mark.parametrize(
    ("wanted", "sent", "heard"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/b/c", False),
        ("a/+/c", "a/b/c", True),
        ("a/+", "a/b/c", False),
        ("a/#", "a/b/c", True),
        ("a/#", "a", True),
        ("a/+/#", "a", False),
        ("a/b/c", "a/b", False),
        ("gongfu/acme/#", "gongfu/acme2/x", False),
    ],
)
def test_filters_select_as_mqtt_says(wanted: str, sent: str, heard: bool) -> None:
    assert matches(wanted, sent) is heard


@pytest.mark.parametrize(
    "wanted",
    [
        "gongfu/rival/press/#",
        "gongfu/acme",
        "gongfu/acmeX/a",
        "gongfu/+/press",
        "#",
        "gongfu/acme/#/x",
        "gongfu/acme/a#",
        "gongfu/acme/a b",
        "gongfu/acme/a\n",
        "",
    ],
)
def test_a_filter_outside_the_organisation_or_malformed_is_refused(wanted: str) -> None:
    with pytest.raises(BadConfiguration):
        check_filter(wanted, "gongfu/acme")


def test_an_organisation_code_with_a_wildcard_opens_nothing() -> None:
    with pytest.raises(BadConfiguration):
        check_filter("gongfu/+/x", "gongfu/+")
