"""Printable labels a second, as PDF, with a QR code or Data Matrix.

    gongfu bench labels --json

One process writes A4 sheets of 24 labels whose codes hold the address of a public page (44 characters). Baseline:
segno making the same QR codes and drawing nothing; what is left of the time is layout, text and PDF.
"""

from __future__ import annotations

import io
import time

import psutil
import segno
from harness import Result, result

from gongfu.identity.carriers import sheet
from gongfu.identity.carriers.labels import Label, Symbol
from gongfu.identity.carriers.layouts import layout


def run(quick: bool) -> Result:
    """Measure 1,000 labels of each kind; ``quick`` 100."""
    started = time.perf_counter()
    count = 100 if quick else 1000
    labels = [_label(number) for number in range(count)]
    metrics: dict[str, float] = {}
    for symbol in Symbol:
        file = io.BytesIO()
        began = time.perf_counter()
        sheet.write(file, labels, layout("a4-70x37"), symbol)
        metrics[f"{symbol.value}_per_s"] = round(count / (time.perf_counter() - began), 1)
        metrics[f"{symbol.value}_bytes_per_label"] = round(len(file.getvalue()) / count, 1)
    metrics["resident_mb"] = round(psutil.Process().memory_info().rss / 2**20, 1)
    began = time.perf_counter()
    for label in labels:
        segno.make(label.data, error="m", micro=False)
    bare = round(count / (time.perf_counter() - began), 1)
    return result("labels", metrics, {"segno_alone_per_s": bare}, started)


def _label(number: int) -> Label:
    handle = f"88.118.1/CNC-{number:05}"
    return Label(handle, "五轴加工中心", "恒锐机床集团有限公司", f"https://node.example/id/{handle}")
