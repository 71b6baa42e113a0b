"""Alarm rules as a stage of ``gongfu streams``."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
import structlog
from prometheus_client import Counter, Gauge

from gongfu.data.alarms import bank, rules, state
from gongfu.data.alarms.evaluate import Evaluator
from gongfu.data.alarms.rules import RuleConfig, Transition
from gongfu.data.streams.stage import Batch, Output
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
        series, orgs, times, values = batch.series, batch.orgs, batch.times, batch.values
        bad = batch.qualities >= Quality.BAD
        if batch.texts:
            words = [text for _, text in batch.texts]
            series = np.concatenate([series, np.array([text.series for text in words], np.int64)])
            orgs = np.concatenate([orgs, np.array([org for org, _ in batch.texts], np.int64)])
            times = np.concatenate([times, np.array([text.time for text in words], np.int64)])
            values = np.concatenate([values, np.array([rules.text_code(text.text) for text in words])])
            bad = np.concatenate([bad, np.array([text.quality >= Quality.BAD for text in words], np.bool_)])
        return self._outputs(self._evaluator.take(series, orgs, times, values, bad, clock))

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
        state.read(data, evaluator.bank, evaluator.state, evaluator.series, clock)

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
