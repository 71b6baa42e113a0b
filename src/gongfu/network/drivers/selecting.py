"""Addresses of values in JSON messages that somebody else designed. Pure, bounded, never surprised.

    [topic >] path [| filter]…

| part | meaning |
|---|---|
| `/spindle/speed`, `spindle.speed` | a path; in a JSON pointer ``~1`` is /, ``~0`` is ~ (RFC 6901), ``~2`` is [ |
| `/axes/0/load`, `/axes/[-1]/load` | an element by its number, from the end when it is negative |
| `/items/[name=temp]/v` | the first object of the array in which ``name`` is ``temp``; several: ``[name=temp,ch=2]`` |
| `temp > /v`, `temp/+ >` | only in messages on topics that end so |
| `\\| number`, `\\| number comma` | the first number in a text, ``1,234.5 mm``; with decimal comma ``1.234,5`` |
| `\\| map on=1 off=0 *=2` | a text, number or boolean becomes another; ``*`` is any other |
| `\\| time /ts` | where the source time of this value stands |
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import msgspec

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import BadConfiguration, Refusal

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
Scalar = bool | int | float | str

LONGEST = 1000
"""Characters of an address."""
_TEXT_LIMIT = 1000
_PIPE = re.compile(r'\s+\|\s+(?=(?:[^"]*"[^"]*")*[^"]*$)')
_TOPIC = re.compile(r"([^\s\[>|#=]+)\s+>(?:\s+(.*))?", re.DOTALL)
_INDEX = re.compile(r"\[(-?[0-9]{1,6})\]", re.ASCII)
_PAIR = r'([^=,"\]\[]+)=("[^"]*"|[^,"\]\[]*)'
_WHERE = re.compile(rf"\[{_PAIR}(?:,{_PAIR})*\]")
_PAIRS = re.compile(rf"{_PAIR}(?:,|\]|$)")
_MAPPED = re.compile(r'(?:\s|^)("[^"]*"|[^\s="]+)=("[^"]*"|[^\s="]*)(?=\s|$)')
_NUMBER = re.compile(r"[-+\u2212]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?")


class Missing(msgspec.Struct, frozen=True):
    """Stands for a path that leads nowhere."""


MISSING = Missing()


class Index(msgspec.Struct, frozen=True):
    """The element with this number."""

    number: int


class Where(msgspec.Struct, frozen=True):
    """The object in which each key has this value, as text."""

    pairs: tuple[tuple[str, str], ...]

    def fits(self, element: Json, around: Json = None) -> bool:
        """Whether it is ``element``; keys that it lacks are looked for in ``around``."""
        if not isinstance(element, dict):
            return False
        outer = around if isinstance(around, dict) else element
        return all(_text(element.get(key, outer.get(key, MISSING))) == value for key, value in self.pairs)


Step = str | Index | Where


class Selector(msgspec.Struct, frozen=True, kw_only=True):
    """An address, understood."""

    topic: tuple[str, ...] = ()
    """Last levels of the topic; empty for any."""
    steps: tuple[Step, ...] = ()
    """Empty: the message itself."""
    time: tuple[Step, ...] = ()
    filters: tuple[Number | Mapped, ...] = ()

    def hears(self, topic: str) -> bool:
        """Whether messages on ``topic`` are meant."""
        if not self.topic:
            return True
        levels = topic.split("/")[-len(self.topic) :]
        return len(levels) == len(self.topic) and all(
            wanted in ("+", level) for wanted, level in zip(self.topic, levels, strict=True)
        )

    def value(self, found: Json) -> Scalar | None:
        """What the filters make of what the path led to; None when it is no value."""
        for one in self.filters:
            found = one.apply(found)
        return found if isinstance(found, bool | int | float | str) else None


class Number(msgspec.Struct, frozen=True):
    """The first number in a text."""

    comma: bool = False

    def apply(self, found: Json) -> Json:
        """A number; None when there is none."""
        if not isinstance(found, str):
            return found
        text = found[:_TEXT_LIMIT]
        if self.comma:
            text = re.sub(r"(?<=[0-9])\.(?=[0-9]{3})", "", text).replace(",", ".")
        else:
            text = re.sub(r"(?<=[0-9]),(?=[0-9]{3})", "", text)
        match = _NUMBER.search(text)
        if match is None:
            return None
        number = float(match[0].replace("\u2212", "-"))
        return number if math.isfinite(number) else None


class Mapped(msgspec.Struct, frozen=True):
    """Texts that stand for something else."""

    words: dict[str, float | str]

    def apply(self, found: Json) -> Json:
        """What it stands for; None when nobody said."""
        return self.words.get(_text(found), self.words.get("*")) if not isinstance(found, list | dict) else None

    def back(self, value: Scalar) -> Scalar:
        """What stands for ``value``; raises :class:`Refusal`."""
        for word, meant in self.words.items():
            if word != "*" and meant == value:
                return _scalar(word)
        raise Refusal(
            mark("{value} cannot be written: the address maps nothing to it."),
            remedy=mark("Write one of: {values}."),
            value=repr(value)[:60],
            values=", ".join(str(meant) for meant in self.words.values())[:200],
        )


def selector(address: str) -> Selector:
    """Read an address; raises :class:`BadConfiguration`."""
    if len(address) > LONGEST:
        raise _bad(address, mark("It is too long."))
    head, *filters = _PIPE.split(address.strip())
    topic: tuple[str, ...] = ()
    if match := _TOPIC.fullmatch(head):
        topic, head = tuple(match[1].split("/")), match[2] or ""
    made: list[Number | Mapped] = []
    time: tuple[Step, ...] = ()
    for text in filters:
        name, _, rest = text.strip().partition(" ")
        rest = rest.strip()
        if name == "number" and rest in ("", "comma"):
            made.append(Number(rest == "comma"))
        elif name == "map" and not _MAPPED.sub("", rest).strip() and rest:
            made.append(Mapped({_bare(word): _meaning(meant) for word, meant in _MAPPED.findall(rest)}))
        elif name == "time" and rest:
            time = path(rest)
        else:
            raise _bad(address, mark("Behind | stands number, number comma, map a=1 b=0, or time and a path."))
    steps = path(head) if head.strip("/. ") else ()
    return Selector(topic=topic, steps=steps, time=time, filters=tuple(made))


def path(address: str) -> tuple[Step, ...]:
    """The steps of a path: a JSON pointer when it begins with a slash, else dotted."""
    if address.startswith("/"):
        return tuple(_step(part) for part in address[1:].split("/"))
    return tuple(address.split(".")) if address else ()


def conditions(text: str) -> Where:
    """What stands in brackets, ``dev=press,kind=data``; raises :class:`BadConfiguration`."""
    if not _WHERE.fullmatch(f"[{text}]"):
        raise _bad(text, mark("Conditions are written key=value, divided by commas."))
    return Where(tuple((key.strip(), _bare(value)) for key, value in _PAIRS.findall(f"{text}]")))


def find(document: Json, steps: Sequence[Step]) -> Json | Missing:
    """What the steps lead to."""
    here: Json = document
    for step in steps:
        if isinstance(step, str):
            if isinstance(here, dict):
                if step not in here:
                    return MISSING
                here = here[step]
            elif (
                isinstance(here, list)
                and step.isdecimal()
                and step.isascii()
                and len(step) < 7
                and int(step) < len(here)
            ):
                here = here[int(step)]
            else:
                return MISSING
        elif isinstance(step, Index):
            if not isinstance(here, list) or not -len(here) <= step.number < len(here):
                return MISSING
            here = here[step.number]
        elif isinstance(here, list):
            fitting = next((element for element in here if step.fits(element)), None)
            if fitting is None:
                return MISSING
            here = fitting
        elif not step.fits(here):
            return MISSING
    return here


def written_to(address: str, value: Scalar) -> tuple[str, Scalar]:
    """The path in ``address``, and what stands for ``value`` there; raises :class:`Refusal`."""
    known = selector(address)
    for one in reversed(known.filters):
        if isinstance(one, Mapped):
            value = one.back(value)
    head = _PIPE.split(address.strip())[0]
    match = _TOPIC.fullmatch(head)
    return (match[2] or "" if match else head), value


def _step(part: str) -> Step:
    if index := _INDEX.fullmatch(part):
        return Index(int(index[1]))
    if _WHERE.fullmatch(part):
        return conditions(_plain(part[1:-1]))
    return _plain(part)


def escaped(key: str) -> str:
    """``key`` as a step of a JSON pointer."""
    step = key.replace("~", "~0").replace("/", "~1")
    return f"~2{step[1:]}" if step.startswith("[") else step


def _plain(step: str) -> str:
    return step.replace("~2", "[").replace("~1", "/").replace("~0", "~")


def _text(value: Json | Missing) -> str:
    if isinstance(value, str):
        return value
    if value is True or value is False:
        return "true" if value else "false"
    if value is None:
        return "null"
    return str(value) if isinstance(value, int | float) else "\0"


def _bare(word: str) -> str:
    return word[1:-1] if word.startswith('"') and len(word) > 1 else word.strip()


def _meaning(word: str) -> float | str:
    if not word.startswith('"'):
        try:
            number = float(word)
        except ValueError:
            return word
        if math.isfinite(number):
            return number
    return _bare(word)


def _scalar(word: str) -> Scalar:
    """Back to what JSON had: a boolean or number that reads as one."""
    if word in ("true", "false"):
        return word == "true"
    meant = _meaning(word)
    return meant if isinstance(meant, float) else word


def _bad(address: str, why: str) -> BadConfiguration:
    return BadConfiguration(mark("{address} is no address in a message."), remedy=why, address=repr(address[:100]))
