"""Units that equipment prints behind a number, and what turns one into another. Pure.

Factors: the SI; pound, ounce and inch by the international agreement of 1959 (NIST SP 811, appendix B).
"""

from __future__ import annotations

_KINDS: tuple[dict[str, float], ...] = (
    {"ug": 1e-9, "mg": 1e-6, "g": 1e-3, "kg": 1.0, "t": 1e3, "lb": 0.45359237, "oz": 0.028349523125, "ct": 2e-4},
    {"nm": 1e-9, "um": 1e-6, "mm": 1e-3, "cm": 1e-2, "m": 1.0, "in": 0.0254},
    {"mN": 1e-3, "N": 1.0, "kN": 1e3, "MN": 1e6},
    {"Pa": 1.0, "hPa": 1e2, "kPa": 1e3, "MPa": 1e6, "mbar": 1e2, "bar": 1e5},
    {"mV": 1e-3, "V": 1.0, "kV": 1e3},
    {"uA": 1e-6, "mA": 1e-3, "A": 1.0},
    {"mL": 1e-3, "L": 1.0},
)
_SAME = {"µg": "ug", "μg": "ug", "µm": "um", "μm": "um", "µA": "uA", "μA": "uA", "lbs": "lb", '"': "in", "T": "t"}


def factor(found: str, wanted: str) -> float | None:
    """What a number in ``found`` is multiplied with to be in ``wanted``; None when nothing makes one of the other.

    Upper and lower case only matter where they tell two units apart; any unit is itself.
    """
    found, wanted = found.strip(), wanted.strip()
    if found == wanted:
        return 1.0
    for kind in _KINDS:
        source, target = _in(kind, found), _in(kind, wanted)
        if source is not None and target is not None:
            # As written in the table both are short decimals, and so should be what comes of them.
            return float(f"{source / target:.12g}")
    return 1.0 if found.lower() == wanted.lower() else None


def _in(kind: dict[str, float], unit: str) -> float | None:
    unit = _SAME.get(unit, unit)
    if unit in kind:
        return kind[unit]
    near = [factor for name, factor in kind.items() if name.lower() == unit.lower()]
    return near[0] if len(near) == 1 else None
