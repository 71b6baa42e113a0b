"""Jobs of the sample."""

from __future__ import annotations

import time

from gongfu.kernel.errors import Conflict
from gongfu.kernel.i18n import mark
from gongfu.kernel.tasks.services import Progress, job


@job()
def write_report(progress: Progress, *, text: str) -> None:
    for percent in range(0, 100, 10):
        progress.report(percent, f"{percent} of 100")
    progress.result_file("report.txt").write_text(text)


@job()
def refuse(progress: Progress) -> None:
    raise Conflict(mark("There is nothing to do for {name}."), name="泵")


@job()
def crash(progress: Progress) -> None:
    raise ZeroDivisionError


@job(attempts=3)
def take_long(progress: Progress) -> None:
    for percent in range(100):
        progress.report(percent)
        time.sleep(0.1)
