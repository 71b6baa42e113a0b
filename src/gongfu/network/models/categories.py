"""What kinds of machines there are, in the order people look for them."""

from __future__ import annotations

from typing import Final

from gongfu.network.models.types import Text

CATEGORIES: Final[dict[str, Text]] = {
    "instruments": Text("仪器仪表", "Instruments"),
    "meters": Text("计量表计", "Meters"),
    "machining": Text("金属加工", "Machining"),
    "forming": Text("压力成形与焊接", "Forming and joining"),
    "robots": Text("机器人", "Robots"),
    "moulding": Text("塑料橡胶", "Plastics and rubber"),
    "casting": Text("铸造与热处理", "Casting and heat treatment"),
    "fluid": Text("泵阀与流体", "Pumps, valves and fluids"),
    "drives": Text("电机与传动", "Motors and drives"),
    "logistics": Text("起重、物流与仓储", "Cranes, logistics and storage"),
    "utilities": Text("动力与暖通", "Utilities and HVAC"),
    "power": Text("电力与新能源", "Power and renewable energy"),
    "process": Text("流程装备", "Process equipment"),
    "electronics": Text("电子、半导体与电池", "Electronics, semiconductors and batteries"),
    "light": Text("轻工、食品与包装", "Light industry, food and packaging"),
    "mining": Text("矿山与工程机械", "Mining and construction"),
    "agriculture": Text("农业机械与设施", "Agriculture"),
    "laboratory": Text("实验室与检测", "Laboratory and inspection"),
    "environment": Text("环境与安全", "Environment and safety"),
    "general": Text("通用", "General"),
}
"""Key, which is the folder of the library, and name."""
