"""The words of an information model: device type, tag, state, alarm, method, nameplate field, mapping. No I/O.

A type says what a machine of its kind tells, in which unit and range, and how its states are called;
a device of the type adds only where each value is found (driver, address).
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

Kind = Literal["number", "boolean", "text", "array"]
Role = Literal["", "state", "count", "power", "energy", "runtime", "fuel", "position", "condition", "program"]
Category = Literal["off", "idle", "setup", "running", "fault"]
Severity = Literal["info", "warning", "critical"]
Operator = Literal["<", "<=", "=", "!=", ">=", ">"]
_CONDITION = re.compile(r"([a-z][a-z0-9_]{0,62}) (<|<=|=|!=|>=|>) (true|false|-?\d+(?:\.\d+)?)")


class Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A name in both languages of the console."""

    zh: str
    en: str

    def in_language(self, code: str) -> str:
        """The name for a language code such as ``zh-hans`` or ``en``."""
        return self.en if code.lower().startswith("en") else self.zh


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where a value deserves attention (warn) or action (alarm), in the tag's unit; None: no limit."""

    alarm_low: float | None = None
    warn_low: float | None = None
    warn_high: float | None = None
    alarm_high: float | None = None


class TagType(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One quantity that every machine of the type can tell."""

    key: str
    """Lower-case ASCII, stable: it names the tag in topics, addresses and exports."""
    name: Text
    kind: Kind = "number"
    unit: str = ""
    """As people read it: r/min, °C, kW, m³/h; UCUM where UCUM is readable."""
    low: float | None = None
    high: float | None = None
    """Range of the sensor; a value outside it is stored as *uncertain*."""
    decimals: int = 1
    primary: bool = False
    """One of the two to four figures that stand for the machine."""
    role: Role = ""
    """What follows from it: ``count``, ``energy``, ``fuel`` and ``runtime`` never fall, ``state`` is coded."""
    limits: Limits = Limits()
    source: str = ""
    """The same thing in a public model, e.g. ``OPC UA Robotics: ActualPosition``."""
    required: bool = False
    """A device of the type that does not deliver it does not conform."""
    writable: bool = False
    """A set-point: people with the permission may write it, within ``low`` and ``high``."""
    interlocks: list[str] = []
    """What must hold for it to be written, all of them: ``state != 3``, see :class:`Condition`."""
    second_person: bool = False
    """Whether another person must agree to each write."""
    opcua: str = ""
    """Path of browse names from the type's node in :attr:`DeviceType.opcua`: ``Production/ActiveProgram/Name``."""
    synonyms: list[str] = []
    """Other names people give to it, in any language, for the proposal of a model."""


class StateType(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One value of the tag with role ``state``, a whole number on every protocol."""

    code: int
    key: str
    name: Text
    category: Category
    """What it means across all types, so that a plant can be counted and coloured."""


class Condition(msgspec.Struct, frozen=True):
    """What the value of a tag must be: ``guard_door = true``, ``oil_pressure >= 2.5``, ``state != 3``."""

    tag: str
    operator: Operator
    value: float | bool

    @classmethod
    def parse(cls, text: str) -> Condition:
        """The condition that ``text`` says; raises :class:`Invalid`."""
        found = _CONDITION.fullmatch(text)
        if found is None:
            raise Invalid(
                mark("{text} is no condition."),
                remedy=mark("Write a tag, one of < <= = != >= >, and a number, true or false: oil_pressure >= 2.5."),
                text=repr(text[:80]),
            )
        tag, operator, value = found.groups()
        read: float | bool = value == "true" if value in ("true", "false") else float(value)
        return cls(tag, operator, read)  # type: ignore[arg-type]

    def holds(self, value: float | bool) -> bool:
        """Whether it holds for that value of the tag."""
        match self.operator:
            case "<":
                return value < self.value
            case "<=":
                return value <= self.value
            case "=":
                return value == self.value
            case "!=":
                return value != self.value
            case ">=":
                return value >= self.value
            case ">":
                return value > self.value


class AlarmType(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Something that a machine of the type reports, or that follows from its tags, and that somebody must know.

    Limits of tags are alarms by themselves and are not listed again.
    """

    key: str
    name: Text
    severity: Severity = "warning"
    when: str = ""
    """A :class:`Condition`; empty when the machine reports it by itself."""
    remedy: Text | None = None
    """What whoever sees it should do first."""


class Argument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Something a method is told."""

    key: str
    name: Text
    kind: Literal["number", "boolean", "text"] = "number"
    unit: str = ""
    low: float | None = None
    high: float | None = None


class MethodType(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A command that machines of the type may obey, where the connection allows it."""

    key: str
    name: Text
    arguments: list[Argument] = []
    interlocks: list[str] = []
    """What must hold for it to be given, all of them, see :class:`Condition`."""
    second_person: bool = False
    """Whether another person must agree."""


class Mapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A public model or standard that the type corresponds to."""

    standard: str
    """Number, as it is cited: ``OPC 40501-1``, ``GB/T 41970-2022``."""
    title: str = ""
    covers: str = ""
    """What of the type it is about, when not all of it."""


class OpcUaType(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The type's node in a public NodeSet."""

    namespace: str
    type: str
    """Browse name of the object type."""


class NameplateField(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One line of the nameplate beside maker, model and serial number."""

    key: str
    name: Text
    unit: str = ""


class DeviceType(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One information model."""

    id: str
    version: str
    name: Text
    icon: str
    """Name of a drawing in the console; unknown names show the general machine."""
    source: str
    """Public models and standards it follows."""
    category: str = ""
    """One of :data:`gongfu.network.models.categories.CATEGORIES`; of the library, the folder the file lies in."""
    opcua: OpcUaType | None = None
    mappings: list[Mapping] = []
    nameplate: list[NameplateField] = []
    tags: list[TagType] = []
    states: list[StateType] = []
    alarms: list[AlarmType] = []
    methods: list[MethodType] = []

    def tag(self, key: str) -> TagType | None:
        """The tag with that key."""
        return next((tag for tag in self.tags if tag.key == key), None)

    def state(self, code: float) -> StateType | None:
        """The state with that code."""
        return next((state for state in self.states if state.code == code), None)
