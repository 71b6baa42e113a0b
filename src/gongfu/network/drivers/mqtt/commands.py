"""Commands to devices that hear JSON: topic and payload from templates. Pure.

Placeholders are ``{tag}``, ``{address}`` and ``{value}``. In a payload each becomes JSON: between quotes the escaped
text, elsewhere a whole JSON value. In a topic ``{tag}`` may be a whole level.
"""

from __future__ import annotations

import math
import re

import msgspec

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import BadConfiguration, Refusal
from gongfu.network.drivers.selecting import written_to
from gongfu.network.gateway.config import TagConfig
from gongfu.network.gateway.topics import check_filter

DEFAULT_PAYLOAD = '{"tag": "{tag}", "value": {value}}'
_LEVEL = "{tag}"
_PART = re.compile(r'\\.|"|\{(tag|address|value)\}', re.DOTALL)
_NOT_A_LEVEL = re.compile(r"[\s/+#\x00-\x1f\x7f]")


class Commands:
    """Where and how one device is told. Raises :class:`BadConfiguration`."""

    def __init__(self, topic: str, payload: str, root: str) -> None:
        heard = "/".join("+" if level == _LEVEL else level for level in topic.split("/"))
        self.filter = check_filter(heard, root)
        """Topic filter of the device's commands: what is said there is not said by the device."""
        if heard.endswith("#") or topic.count("+") or "{" in heard:
            raise BadConfiguration(
                mark("Commands cannot be sent to the topic {topic}."),
                remedy=mark("Use a topic without + and #, in which {tag} may stand for a whole level."),
                topic=repr(topic)[:200],
                tag=_LEVEL,
            )
        self._topic, self._payload = topic, payload
        try:
            msgspec.json.decode(_filled(payload, {"tag": '"', "address": "\\", "value": 1}))
        except msgspec.DecodeError as error:
            raise BadConfiguration(
                mark("The command payload {payload} is no JSON when it is filled in: {reason}."),
                remedy=mark("Use a template such as {example}."),
                payload=payload[:200],
                reason=error,
                example=DEFAULT_PAYLOAD,
            ) from None

    def make(self, tag: TagConfig, value: float | bool | str) -> tuple[str, bytes]:
        """Topic and payload of a command; raises :class:`Refusal`."""
        path, said = written_to(tag.address, value)
        if isinstance(said, float):
            if not math.isfinite(said):
                raise Refusal(mark("{value} cannot be written: JSON has no such number."), value=said)
            if said.is_integer() and abs(said) < 2**53:
                said = int(said)  # many devices read 5 but not 5.0
        if _LEVEL in self._topic and (not tag.name or _NOT_A_LEVEL.search(tag.name)):
            raise Refusal(mark("The tag {tag} cannot be a level of a topic."), tag=repr(tag.name)[:100])
        payload = _filled(self._payload, {"tag": tag.name, "address": path, "value": said})
        return self._topic.replace(_LEVEL, tag.name), payload


def _filled(template: str, values: dict[str, str | float | bool]) -> bytes:
    quoted = False

    def part(found: re.Match[str]) -> str:
        nonlocal quoted
        if found[0] == '"':
            quoted = not quoted
        if found[1] is None:
            return found[0]
        value = values[found[1]]
        json = msgspec.json.encode(value).decode()
        if not quoted:
            return json
        return json[1:-1] if isinstance(value, str) else json

    return _PART.sub(part, template).encode()
