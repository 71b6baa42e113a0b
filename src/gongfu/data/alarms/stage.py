"""Alarm rules as a stage of ``gongfu streams``."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
import structlog
from prometheus_client import Counter, Gauge

from gongfu.data.alarms import bank, rules, state
from gongfu.data.alarms.bank import Flags, Floats, Ints
from gongfu.data.alarms.evaluate import Evaluator
from gongfu.data.alarms.rules import RuleConfig, Transition
from gongfu.data.streams.stage import Batch, Missed, Output
from gongfu.kernel import bus
from gongfu.kernel.errors import Invalid
from gongfu.kernel.events import Event, EventKind
from gongfu.kernel.events import encoder as event_encoder
from gongfu.kernel.readings import Quality

SUBJECT: Final = "alarms"
"""``alarms.<org>.<device>``: one :class:`.rules.Transition` as JSON."""
RULES = Gauge("gongfu_alarm_rules", "Alarm rules at devices")
ACTIVE = Gauge("gongfu_alarm_active", "Alarms whose condition holds now")
TRANSITIONS = Counter("gongfu_alarm_transitions_total", "Alarms that came or went", ["what"])
UNREADABLE = Counter("gongfu_alarm_rules_unreadable_total", "Rules that cannot be evaluated")

log = structlog.get_logger(__name__)
_decoder = msgspec.json.Decoder(RuleConfig)
_encoder = msgspec.json.Encoder()


class AlarmStage:
    """A :class:`gongfu.data.streams.stage.Stage`."""

    name = "alarms"

    def __init__(self) -> None:
        self._evaluator = Evaluator(bank.build(()), 0)
        self._since = 0
        """When the state was written that was restored."""

    def configure(self, rules_: dict[str, bytes], clock: int) -> list[Output]:
        """Replace the rules; what became of nothing ends."""
        known = []
        for key, data in sorted(rules_.items()):
            try:
                rule = rules.check(_decoder.decode(data))
            except (msgspec.DecodeError, Invalid) as error:
                UNREADABLE.inc()
                log.warning("alarm rule cannot be read", key=key, reason=str(error)[:300])
                continue
            known.append(rule)
        self._evaluator = self._evaluator.reconfigured(bank.build(known), clock)
        RULES.set(len(self._evaluator.bank))
        return self._outputs(self._evaluator.dropped)

    def take(self, batch: Batch, clock: int) -> list[Output]:
        """Alarms that come and go with ``batch``."""
        return self._outputs(self._evaluator.take(*_columns(batch), clock))

    def missed(self) -> Missed | None:
        """Every series that a rule looks at."""
        if not self._since or not len(self._evaluator.bank):
            return None
        found: dict[int, list[int]] = {}
        known = self._evaluator.bank
        for one, org in zip(known.series.tolist(), known.series_org.tolist(), strict=True):
            found.setdefault(org, []).append(one)
        return Missed(self._since, found)

    def catch_up(self, batch: Batch, until: int) -> list[Output]:
        """Alarms that came and went, with the times of the readings, marked as late."""
        found = self._evaluator.take(*_columns(batch), None)
        found += self._evaluator.tick(until)
        return self._outputs([msgspec.structs.replace(one, late=True) for one in found])

    def tick(self, clock: int) -> list[Output]:
        """Delays that end, data that are missing."""
        return self._outputs(self._evaluator.tick(clock))

    def state(self, clock: int) -> bytes:
        """The evaluator's columns."""
        evaluator = self._evaluator
        return state.write(evaluator.bank, evaluator.state, evaluator.series, clock)

    def restore(self, data: bytes, clock: int) -> None:
        """Go on from :meth:`state`."""
        evaluator = self._evaluator
        self._since = state.read(data, evaluator.bank, evaluator.state, evaluator.series, clock)

    def _outputs(self, found: list[Transition]) -> list[Output]:
        outputs = []
        for one in found:
            TRANSITIONS.labels("raised" if one.active else "cleared").inc()
            outputs.append(Output(f"{SUBJECT}.{one.org}.{one.device}", _encoder.encode(one), f"alarm.{one.id}"))
            event = Event(
                org=one.org,
                device=one.device,
                time=one.time,
                kind=EventKind.ALARM_RAISED if one.active else EventKind.ALARM_CLEARED,
                detail=str(one.rule) if one.value is None else f"{one.rule} {one.value:.6g}",
            )
            outputs.append(
                Output(bus.events_subject(one.org, one.device), event_encoder.encode(event), f"event.{one.id}")
            )
        if found:
            ACTIVE.set(int(self._evaluator.state.active.sum()))
        return outputs


def _columns(batch: Batch) -> tuple[Ints, Ints, Ints, Floats, Flags]:
    """Numbers and texts together, as the evaluator takes them."""
    series, orgs, times, values = batch.series, batch.orgs, batch.times, batch.values
    bad = batch.qualities >= Quality.BAD
    if batch.texts:
        words = [text for _, text in batch.texts]
        series = np.concatenate([series, np.array([text.series for text in words], np.int64)])
        orgs = np.concatenate([orgs, np.array([org for org, _ in batch.texts], np.int64)])
        times = np.concatenate([times, np.array([text.time for text in words], np.int64)])
        values = np.concatenate([values, np.array([rules.text_code(text.text) for text in words])])
        bad = np.concatenate([bad, np.array([text.quality >= Quality.BAD for text in words], np.bool_)])
    return series, orgs, times, values, bad
