"""The words of an information model: device type, tag, state, nameplate field. No I/O.

A type says what a machine of its kind tells, in which unit and range, and how its states are called;
a device of the type adds only where each value is found (driver, address).
"""

from __future__ import annotations

from typing import Literal

import msgspec

Kind = Literal["number", "boolean", "text"]
Role = Literal["", "state", "count", "power", "energy", "runtime", "fuel", "position", "condition", "program"]
Category = Literal["off", "idle", "setup", "running", "fault"]


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


class StateType(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One value of the tag with role ``state``, a whole number on every protocol."""

    code: int
    key: str
    name: Text
    category: Category
    """What it means across all types, so that a plant can be counted and coloured."""


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
    nameplate: list[NameplateField] = []
    tags: list[TagType] = []
    states: list[StateType] = []

    def tag(self, key: str) -> TagType | None:
        """The tag with that key."""
        return next((tag for tag in self.tags if tag.key == key), None)

    def state(self, code: float) -> StateType | None:
        """The state with that code."""
        return next((state for state in self.states if state.code == code), None)
