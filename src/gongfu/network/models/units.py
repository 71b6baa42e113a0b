"""Units that models use: how people write them, what converts into what, and their codes in UCUM and UN/CEFACT.

UCUM is the Unified Code for Units of Measure; the common codes are those of UN/CEFACT Recommendation 20, which
OPC UA uses (OPC 10000-8 §5.6.3). A code is left empty where the recommendation has none that is certain.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple


class Unit(NamedTuple):
    """A unit: value in the dimension's own unit = value × factor + offset."""

    display: str
    dimension: str
    factor: float = 1.0
    offset: float = 0.0
    ucum: str = ""
    cefact: str = ""


_PI = math.pi
_TABLE: Final = (
    Unit("%", "ratio", 0.01, 0, "%", "P1"),
    Unit("‰", "ratio", 0.001, 0, "[ppth]"),
    Unit("ppm", "ratio", 1e-6, 0, "[ppm]", "59"),
    Unit("ppb", "ratio", 1e-9, 0, "[ppb]", "61"),
    Unit("%RH", "humidity", 1, 0, "%"),
    Unit("%LEL", "explosive limit"),
    Unit("%vol", "volume share", 1, 0, "%"),
    Unit("s", "time", 1, 0, "s", "SEC"),
    Unit("ms", "time", 1e-3, 0, "ms", "C26"),
    Unit("μs", "time", 1e-6, 0, "us", "B98"),
    Unit("min", "time", 60, 0, "min", "MIN"),
    Unit("h", "time", 3600, 0, "h", "HUR"),
    Unit("d", "time", 86400, 0, "d", "DAY"),
    Unit("m", "length", 1, 0, "m", "MTR"),
    Unit("km", "length", 1000, 0, "km", "KMT"),
    Unit("cm", "length", 0.01, 0, "cm", "CMT"),
    Unit("mm", "length", 1e-3, 0, "mm", "MMT"),
    Unit("μm", "length", 1e-6, 0, "um", "4H"),
    Unit("nm", "length", 1e-9, 0, "nm", "C45"),
    Unit("m²", "area", 1, 0, "m2", "MTK"),
    Unit("hm²", "area", 1e4, 0, "har", "HAR"),
    Unit("m³", "volume", 1, 0, "m3", "MTQ"),
    Unit("L", "volume", 1e-3, 0, "L", "LTR"),
    Unit("mL", "volume", 1e-6, 0, "mL", "MLT"),
    Unit("cm³", "volume", 1e-6, 0, "cm3", "CMQ"),
    Unit("kg", "mass", 1, 0, "kg", "KGM"),
    Unit("g", "mass", 1e-3, 0, "g", "GRM"),
    Unit("mg", "mass", 1e-6, 0, "mg", "MGM"),
    Unit("t", "mass", 1000, 0, "t", "TNE"),
    Unit("m/s", "speed", 1, 0, "m/s", "MTS"),
    Unit("mm/s", "speed", 1e-3, 0, "mm/s", "C16"),
    Unit("m/min", "speed", 1 / 60, 0, "m/min", "2X"),
    Unit("mm/min", "speed", 1e-3 / 60, 0, "mm/min", "H81"),
    Unit("m/h", "speed", 1 / 3600, 0, "m/h", "M60"),
    Unit("km/h", "speed", 1 / 3.6, 0, "km/h", "KMH"),
    Unit("mm/h", "speed", 1e-3 / 3600, 0, "mm/h", "H67"),
    Unit("nm/min", "speed", 1e-9 / 60, 0, "nm/min"),
    Unit("μm/min", "speed", 1e-6 / 60, 0, "um/min"),
    Unit("m/s²", "acceleration", 1, 0, "m/s2", "MSK"),
    Unit("gₙ", "acceleration", 9.80665, 0, "[g]", "K40"),
    Unit("mm/m", "slope", 1e-3, 0, "mm/m"),
    Unit("r/min", "rotation", 1 / 60, 0, "{rev}/min", "RPM"),
    Unit("Hz", "frequency", 1, 0, "Hz", "HTZ"),
    Unit("kHz", "frequency", 1e3, 0, "kHz", "KHZ"),
    Unit("MHz", "frequency", 1e6, 0, "MHz", "MHZ"),
    Unit("°", "angle", _PI / 180, 0, "deg", "DD"),
    Unit("rad", "angle", 1, 0, "rad", "C81"),
    Unit("°/s", "angular speed", _PI / 180, 0, "deg/s", "E96"),
    Unit("°C", "temperature", 1, 273.15, "Cel", "CEL"),
    Unit("K", "temperature", 1, 0, "K", "KEL"),
    Unit("°F", "temperature", 5 / 9, 459.67 * 5 / 9, "[degF]", "FAH"),
    Unit("°C/min", "temperature rate", 1 / 60, 0, "Cel/min"),
    Unit("Pa", "pressure", 1, 0, "Pa", "PAL"),
    Unit("hPa", "pressure", 100, 0, "hPa", "A97"),
    Unit("kPa", "pressure", 1e3, 0, "kPa", "KPA"),
    Unit("MPa", "pressure", 1e6, 0, "MPa", "MPA"),
    Unit("bar", "pressure", 1e5, 0, "bar", "BAR"),
    Unit("mbar", "pressure", 100, 0, "mbar", "MBR"),
    Unit("psi", "pressure", 6894.757293168, 0, "[psi]", "PS"),
    Unit("N", "force", 1, 0, "N", "NEW"),
    Unit("kN", "force", 1e3, 0, "kN", "B47"),
    Unit("MN", "force", 1e6, 0, "MN", "B73"),
    Unit("N·m", "torque", 1, 0, "N.m", "NU"),
    Unit("kN·m", "torque", 1e3, 0, "kN.m", "B48"),
    Unit("W", "power", 1, 0, "W", "WTT"),
    Unit("kW", "power", 1e3, 0, "kW", "KWT"),
    Unit("MW", "power", 1e6, 0, "MW", "MAW"),
    Unit("kvar", "reactive power", 1e3, 0, "kvar", "KVR"),
    Unit("kVA", "apparent power", 1e3, 0, "kV.A", "KVA"),
    Unit("kWh", "energy", 3.6e6, 0, "kW.h", "KWH"),
    Unit("MWh", "energy", 3.6e9, 0, "MW.h", "MWH"),
    Unit("Wh", "energy", 3600, 0, "W.h", "WHR"),
    Unit("J", "energy", 1, 0, "J", "JOU"),
    Unit("MJ", "energy", 1e6, 0, "MJ", "3B"),
    Unit("GJ", "energy", 1e9, 0, "GJ", "GV"),
    Unit("kvarh", "reactive energy", 3.6e6, 0, "kvar.h", "K3"),
    Unit("V", "voltage", 1, 0, "V", "VLT"),
    Unit("mV", "voltage", 1e-3, 0, "mV", "2Z"),
    Unit("kV", "voltage", 1e3, 0, "kV", "KVT"),
    Unit("A", "current", 1, 0, "A", "AMP"),
    Unit("mA", "current", 1e-3, 0, "mA", "4K"),
    Unit("kA", "current", 1e3, 0, "kA", "B22"),
    Unit("Ah", "charge", 3600, 0, "A.h", "AMH"),
    Unit("Ω", "resistance", 1, 0, "Ohm", "OHM"),
    Unit("mΩ", "resistance", 1e-3, 0, "mOhm", "E45"),
    Unit("MΩ", "resistance", 1e6, 0, "MOhm", "B75"),
    Unit("kA/cm²", "current density", 1e7, 0, "kA/cm2"),
    Unit("A/dm²", "current density", 100, 0, "A/dm2"),
    Unit("m³/h", "volume flow", 1 / 3600, 0, "m3/h", "MQH"),
    Unit("m³/min", "volume flow", 1 / 60, 0, "m3/min", "G53"),
    Unit("m³/s", "volume flow", 1, 0, "m3/s", "MQS"),
    Unit("L/min", "volume flow", 1e-3 / 60, 0, "L/min", "L2"),
    Unit("L/h", "volume flow", 1e-3 / 3600, 0, "L/h", "E32"),
    Unit("L/s", "volume flow", 1e-3, 0, "L/s", "G51"),
    Unit("mL/min", "volume flow", 1e-6 / 60, 0, "mL/min", "41"),
    Unit("Nm³/h", "normal volume flow", 1 / 3600),
    Unit("Nm³", "normal volume"),
    Unit("sccm", "normal volume flow", 1e-6 / 60),
    Unit("slm", "normal volume flow", 1e-3 / 60),
    Unit("kg/h", "mass flow", 1 / 3600, 0, "kg/h", "E93"),
    Unit("kg/s", "mass flow", 1, 0, "kg/s", "KGS"),
    Unit("kg/min", "mass flow", 1 / 60, 0, "kg/min", "F31"),
    Unit("g/min", "mass flow", 1e-3 / 60, 0, "g/min", "F28"),
    Unit("t/h", "mass flow", 1000 / 3600, 0, "t/h", "4W"),
    Unit("g/cm³", "density", 1000, 0, "g/cm3", "23"),
    Unit("kg/m³", "density", 1, 0, "kg/m3", "KMQ"),
    Unit("g/L", "density", 1, 0, "g/L", "GL"),
    Unit("mg/L", "density", 1e-3, 0, "mg/L", "M1"),
    Unit("mg/m³", "density", 1e-6, 0, "mg/m3", "GP"),
    Unit("μg/m³", "density", 1e-9, 0, "ug/m3", "GQ"),
    Unit("mPa·s", "viscosity", 1e-3, 0, "mPa.s", "C24"),
    Unit("Pa·s", "viscosity", 1, 0, "Pa.s", "C65"),
    Unit("mm²/s", "kinematic viscosity", 1e-6, 0, "mm2/s", "C17"),
    Unit("pH", "acidity", 1, 0, "[pH]", "Q30"),
    Unit("mS/cm", "conductivity", 0.1, 0, "mS/cm", "H61"),
    Unit("μS/cm", "conductivity", 1e-4, 0, "uS/cm", "G42"),
    Unit("NTU", "turbidity"),
    Unit("dB(A)", "sound level", 1, 0, "dB[A]"),
    Unit("dB", "level", 1, 0, "dB", "2N"),
    Unit("dBm", "signal level", 1, 0, "dB[mW]"),
    Unit("lx", "illuminance", 1, 0, "lx", "LUX"),
    Unit("W/m²", "irradiance", 1, 0, "W/m2", "D54"),
    Unit("μmol/(m²·s)", "photon flux", 1, 0, "umol/m2/s"),
    Unit("mT", "magnetic flux density", 1e-3, 0, "mT", "C29"),
    Unit("mJ/cm²", "dose", 10, 0, "mJ/cm2"),
    Unit("kW/(m³/min)", "specific power", 6e4, 0, "kW/(m3/min)"),
    Unit("kWh/t", "specific energy", 3600, 0, "kW.h/t"),
    Unit("kWh/Nm³", "specific energy of gas"),
    Unit("L/100km", "fuel consumption", 1e-8, 0, "L/(100.km)"),
    Unit("g/m²", "grammage", 1e-3, 0, "g/m2", "GM"),
    Unit("kg/hm²", "grammage", 1e-4, 0, "kg/har"),
    Unit("L/hm²", "application rate", 1e-7, 0, "L/har"),
    Unit("hm²/h", "area rate", 1e4 / 3600, 0, "har/h"),
    Unit("m²/h", "area rate", 1 / 3600, 0, "m2/h"),
    Unit("N/mm", "line force", 1e3, 0, "N/mm"),
    Unit("MΩ·cm", "resistivity", 1e4, 0, "MOhm.cm"),
    Unit("W/g", "specific thermal power", 1e3, 0, "W/g"),
    Unit("rlu", "light units"),
    Unit("1/min", "rate", 1 / 60, 0, "/min", "C94"),
    Unit("1/h", "rate", 1 / 3600, 0, "/h", "H10"),
    Unit("1/s", "rate", 1, 0, "/s", "C97"),
    Unit("CFU/m³", "germs in air"),
    Unit("pcs/m³", "particles in air"),
    Unit("t/d", "mass flow", 1000 / 86400, 0, "t/d"),
    Unit("μmol/mol", "ratio", 1e-6, 0, "umol/mol"),
    Unit("kJ/kg", "specific enthalpy", 1e3, 0, "kJ/kg", "B42"),
    Unit("MJ/m³", "calorific value", 1e6, 0, "MJ/m3", "JM"),
    Unit("N/m²", "pressure", 1, 0, "N/m2"),
    Unit("cN", "force", 0.01, 0, "cN"),
    Unit("cN/tex", "tenacity", 1, 0, "cN/tex"),
    Unit("tex", "linear density", 1, 0, "tex", "D34"),
)
UNITS: Final = {unit.display: unit for unit in _TABLE}
"""By the way we write it."""
_SPELLINGS: Final = {
    **{"℃": "°C", "degc": "°C", "deg c": "°C", "摄氏度": "°C", "celsius": "°C", "c": "°C", "℉": "°F", "degf": "°F"},
    **{"rpm": "r/min", "转/分": "r/min", "rev/min": "r/min", "min-1": "r/min", "min⁻¹": "r/min"},
    **{"m3/h": "m³/h", "m^3/h": "m³/h", "cbm/h": "m³/h", "m3/min": "m³/min", "m3": "m³", "立方米": "m³", "方": "m³"},
    **{"l": "L", "lpm": "L/min", "l/min": "L/min", "l/h": "L/h", "升": "L", "ml": "mL", "ml/min": "mL/min"},
    **{"deg": "°", "度/秒": "°/s", "deg/s": "°/s", "um": "μm", "µm": "μm", "微米": "μm", "毫米": "mm", "米": "m"},
    **{"千瓦": "kW", "千瓦时": "kWh", "度": "kWh", "kw.h": "kWh", "kw·h": "kWh", "伏": "V", "安": "A", "安培": "A"},
    **{"兆帕": "MPa", "千帕": "kPa", "帕": "Pa", "巴": "bar", "barg": "bar", "bar(g)": "bar", "bara": "bar"},
    **{"秒": "s", "sec": "s", "分": "min", "分钟": "min", "小时": "h", "hr": "h", "hour": "h", "hours": "h", "天": "d"},
    **{"n.m": "N·m", "n·m": "N·m", "n*m": "N·m", "牛米": "N·m", "千牛": "kN", "吨": "t", "公斤": "kg"},
    **{"pct": "%", "percent": "%", "％": "%", "rh": "%RH", "% rh": "%RH", "ohm": "Ω", "mg/m3": "mg/m³"},
    **{"ug/m3": "μg/m³", "µg/m³": "μg/m³", "us/cm": "μS/cm", "µs/cm": "μS/cm", "w/m2": "W/m²", "lux": "lx"},
    **{"m/s2": "m/s²", "m/s^2": "m/s²", "g/cm3": "g/cm³", "kg/m3": "kg/m³", "nm3/h": "Nm³/h", "件/min": "1/min", "次/min": "1/min", "件/h": "1/h"},
    **{"mm2/s": "mm²/s", "cst": "mm²/s", "us": "μs", "µs": "μs", "kw/(m3/min)": "kW/(m³/min)", "赫兹": "Hz"},
}
_FOLDED: Final = {display.casefold(): display for display in reversed(UNITS)}


def canonical(text: str) -> str:
    """The way we write a unit that somebody spelt otherwise, ``rpm`` → ``r/min``; unknown ones as they are."""
    plain = text.strip()
    if plain in UNITS:
        return plain
    folded = plain.casefold()
    return _SPELLINGS.get(plain) or _SPELLINGS.get(folded) or _FOLDED.get(folded) or plain


def known(text: str) -> Unit | None:
    """The unit, however it is spelt; None for one nobody knows."""
    return UNITS.get(canonical(text))


def conversion(source: str, target: str) -> tuple[float, float] | None:
    """``(scale, offset)`` with target value = source value × scale + offset; None when they are not of one kind."""
    here, there = known(source), known(target)
    if here is None or there is None:
        return (1.0, 0.0) if canonical(source) == canonical(target) else None
    if here.dimension != there.dimension:
        return None
    return here.factor / there.factor, (here.offset - there.offset) / there.factor
