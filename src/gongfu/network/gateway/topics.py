"""MQTT topics and the NATS subjects they become. Pure.

``/`` separates levels as ``.`` does in NATS; ``.`` inside a level becomes ``//``, an empty level ``/``
(nats-server, ``server/README-MQTT.md``).
"""

from __future__ import annotations

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import BadConfiguration

_TO_SUBJECT = str.maketrans({"/": ".", ".": "//"})


def topic(subject: str) -> str:
    """The MQTT topic that became NATS ``subject``."""
    out: list[str] = []
    position, size = 0, len(subject)
    while position < size:
        here = subject[position]
        after = subject[position + 1 : position + 2]
        if here == "/" and after in (".", "/"):
            out.append("/" if after == "." else ".")
            position += 1
        elif here == ".":
            out.append("/")
        elif here != "/":  # a lone slash at the end stands for an empty last level
            out.append(here)
        position += 1
    return "".join(out)


def subject(of_topic: str) -> str:
    """The NATS subject of an MQTT topic without empty levels, wildcards or white space."""
    return of_topic.translate(_TO_SUBJECT)


def matches(topic_filter: str, of_topic: str) -> bool:
    """Whether the filter selects the topic (MQTT 3.1.1 §4.7)."""
    wanted, levels = topic_filter.split("/"), of_topic.split("/")
    for position, level in enumerate(wanted):
        if level == "#":
            return True
        if position >= len(levels) or level not in ("+", levels[position]):
            return False
    return len(levels) == len(wanted)


def check_filter(topic_filter: str, root: str) -> str:
    """``topic_filter`` itself when it is well formed and lies below ``root``; else :class:`BadConfiguration`."""
    levels = topic_filter.split("/")
    well_formed = (
        topic_filter.startswith(f"{root}/")
        and not set(root) & {"+", "#"}
        and all(("+" not in level and "#" not in level) or level in ("+", "#") for level in levels)
        and "#" not in levels[:-1]
        and not any(character.isspace() or not character.isprintable() for character in topic_filter)
        and len(topic_filter) <= 1024
    )
    if not well_formed:
        raise BadConfiguration(
            mark("The topic {topic} cannot be used."),
            remedy=mark("Use a topic filter below {root}/, without spaces."),
            topic=repr(topic_filter)[:200],
            root=root,
        )
    return topic_filter
