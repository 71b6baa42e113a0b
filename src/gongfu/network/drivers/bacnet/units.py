"""Engineering units of BACnet (ANSI/ASHRAE 135 clause 21, BACnetEngineeringUnits) as engineers write them."""

from __future__ import annotations

from bacpypes3.basetypes import EngineeringUnits

_SYMBOLS = {
    "milliamperes": "mA",
    "amperes": "A",
    "millivolts": "mV",
    "volts": "V",
    "kilovolts": "kV",
    "ohms": "Ω",
    "hertz": "Hz",
    "watts": "W",
    "kilowatts": "kW",
    "megawatts": "MW",
    "volt-amperes": "VA",
    "kilovolt-amperes": "kVA",
    "kilovolt-amperes-reactive": "kvar",
    "watt-hours": "Wh",
    "kilowatt-hours": "kWh",
    "megawatt-hours": "MWh",
    "joules": "J",
    "kilojoules": "kJ",
    "megajoules": "MJ",
    "degrees-celsius": "°C",
    "degrees-fahrenheit": "°F",
    "degrees-kelvin": "K",
    "percent": "%",
    "percent-relative-humidity": "%RH",
    "parts-per-million": "ppm",
    "pascals": "Pa",
    "hectopascals": "hPa",
    "kilopascals": "kPa",
    "bars": "bar",
    "pounds-force-per-square-inch": "psi",
    "cubic-meters": "m³",
    "liters": "L",
    "cubic-meters-per-second": "m³/s",
    "cubic-meters-per-hour": "m³/h",
    "cubic-feet-per-minute": "cfm",
    "liters-per-second": "L/s",
    "liters-per-minute": "L/min",
    "kilograms": "kg",
    "tons": "t",
    "kilograms-per-second": "kg/s",
    "kilojoules-per-kilogram": "kJ/kg",
    "millimeters": "mm",
    "meters": "m",
    "meters-per-second": "m/s",
    "revolutions-per-minute": "r/min",
    "degrees-angular": "°",
    "luxes": "lx",
    "seconds": "s",
    "minutes": "min",
    "hours": "h",
    "days": "d",
    "no-units": "",
    "power-factor": "",
}


def symbol(number: int) -> str:
    """``°C`` for 62; the standard's own name where there is no usual symbol, empty for a vendor's own unit."""
    name = str(EngineeringUnits(number))
    return _SYMBOLS.get(name, "" if name.isdecimal() else name.replace("-", " "))
