"""Units that one asks in: 18500 W finds what was registered as 18.5 kW. Pure.

Exact factors of SI units with prefixes, and of those used beside SI (BIPM, The International System of Units, 9th
edition, tables 7 and 8). What is not here is found in its own unit only.
"""

from __future__ import annotations

from decimal import Decimal

_KINDS: tuple[dict[str, str], ...] = (
    {"μm": "0.000001", "um": "0.000001", "mm": "0.001", "cm": "0.01", "m": "1", "km": "1000"},
    {"mg": "0.000001", "g": "0.001", "kg": "1", "t": "1000"},
    {"ms": "0.001", "s": "1", "min": "60", "h": "3600", "d": "86400"},
    {"mm²": "0.000001", "cm²": "0.0001", "m²": "1", "m2": "1"},
    {"mL": "0.000001", "L": "0.001", "m³": "1", "m3": "1"},
    {"mA": "0.001", "A": "1", "kA": "1000"},
    {"mV": "0.001", "V": "1", "kV": "1000"},
    {"W": "1", "kW": "1000", "MW": "1000000"},
    {"VA": "1", "kVA": "1000", "MVA": "1000000"},
    {"J": "1", "kJ": "1000", "MJ": "1000000", "Wh": "3600", "kWh": "3600000", "MWh": "3600000000"},
    {"Pa": "1", "kPa": "1000", "bar": "100000", "MPa": "1000000"},
    {"N": "1", "kN": "1000"},
    {"Hz": "1", "kHz": "1000", "MHz": "1000000", "GHz": "1000000000"},
    {"Ω": "1", "kΩ": "1000", "MΩ": "1000000"},
)


def converted(number: Decimal, unit: str, into: str) -> Decimal | None:
    """``number`` of ``unit`` in the unit ``into``; None when nobody here knows how."""
    if unit == into:
        return number
    kind = next((kind for kind in _KINDS if unit in kind and into in kind), None)
    return None if kind is None else number * Decimal(kind[unit]) / Decimal(kind[into])
