"""The only door to commands: ask for one, agree to one, write it, read it back.

A command is checked twice: when it is asked for, against what never changes (kind and limits), and directly before it
is written, against the machine as it is then: online, not stale, interlocks, the largest step. Both values come from
the device itself in that moment, not from memory. Then the gateway gets a ticket for exactly this write.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import time
from collections.abc import Collection, Sequence
from functools import partial

import structlog
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from gongfu.kernel.accounts.models import User
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Conflict, GongfuError, Invalid, NotFound, Unavailable, packed
from gongfu.kernel.i18n import mark
from gongfu.kernel.readings import Quality
from gongfu.network.drivers import registry
from gongfu.network.drivers.registry import Capability
from gongfu.network.gateway import asking, tickets
from gongfu.network.gateway.asking import Failed, Read, Seen, Write
from gongfu.network.gateway.config import TagConfig
from gongfu.network.models import library
from gongfu.platform.commands import rules
from gongfu.platform.commands.models import Command, Setpoint
from gongfu.platform.commands.rules import Interlock, State, Value
from gongfu.platform.devices import gateways
from gongfu.platform.devices.desk import ask
from gongfu.platform.devices.models import Device, Tag

AGREE_WITHIN = dt.timedelta(minutes=15)
"""How long a second person has; what was wanted then need not be right any more."""
_LOST_AFTER = dt.timedelta(seconds=90)
_LOOK_AGAIN = 0.3
_BEGIN_WITHIN = 10.0
"""Seconds after which no further value of one request of a program is sent: it will not be waiting any more."""

log = structlog.get_logger("web")


def prepare(setpoint: Setpoint) -> None:
    """Check and save a set-point; raises :class:`Invalid`."""
    tag = setpoint.tag
    setpoint.device = tag.device
    setpoint.organisation = tag.organisation
    driver = registry.manifest(tag.device.driver)
    if Capability.WRITE not in driver.capabilities:
        raise Invalid(
            mark("{driver} cannot write to devices."),
            remedy=mark("Choose a tag of another device."),
            driver=driver.protocol,
        )
    if tag.kind == Tag.Kind.ARRAY:
        raise Invalid(
            mark("{tag} is an array, which is not written."),
            remedy=mark("Choose a number, text or on/off tag."),
            tag=tag,
        )
    bounds = setpoint.bounds
    if bounds.low is not None and bounds.high is not None and bounds.low > bounds.high:
        raise Invalid(mark("The lowest value {low} is above the highest {high}."), low=bounds.low, high=bounds.high)
    if tag.kind == Tag.Kind.NUMBER and (bounds.low is None or bounds.high is None):
        raise Invalid(
            mark("The set-point of {tag} needs a lowest and a highest value."),
            remedy=mark("Enter what the machine may be given at most."),
            tag=tag,
        )
    interlocks = rules.parse_interlocks(setpoint.interlocks)
    known = set(tag.device.tags.values_list("key", flat=True))
    for interlock in interlocks:
        if interlock.tag not in known:
            raise Invalid(
                mark("{device} has no tag {key}."),
                remedy=mark("Use the key of one of its tags."),
                device=tag.device,
                key=interlock.tag,
            )
    setpoint.interlocks = "\n".join(map(str, interlocks))
    setpoint.save()


def from_model(user: User | str, device: Device) -> int:
    """Set-points for the tags that the device's information model calls writable; returns how many are new.

    Tags that have one already are left alone, and so are those with an interlock over a tag that the device lacks: what
    keeps people safe is not left out. Raises :class:`Invalid`.
    """
    model = next((model for model in library.types() if model.id == device.type), None)
    made = 0
    for tag in device.tags.filter(setpoint=None):
        of_type = model.tag(tag.key) if model else None
        if of_type is None or not of_type.writable:
            continue
        known = set(device.tags.values_list("key", flat=True))
        conditions = [one for text in of_type.interlocks for one in rules.parse_interlocks(text)]
        if any(one.tag not in known for one in conditions):
            continue
        setpoint = Setpoint(
            tag=tag,
            low=of_type.low,
            high=of_type.high,
            second_person=of_type.second_person,
            interlocks="\n".join(map(str, conditions)),
        )
        with transaction.atomic():
            prepare(setpoint)
            audit.record(user, "create", setpoint, after=audit.state(setpoint))
        made += 1
    return made


def last_confirmed(devices: Collection[int]) -> dict[int, dt.datetime]:
    """When a command to each of ``devices`` was last confirmed; others are absent."""
    confirmed = Command.objects.filter(state=State.CONFIRMED.value, settled_at__isnull=False).order_by()
    found = confirmed.values_list("device").annotate(at=Max("settled_at"))
    wanted = set(devices)
    return {device: at for device, at in found if device in wanted}


def request(command: Command) -> None:
    """Save a new command; it is written after this transaction, or waits for a second person.

    Raises :class:`Invalid` for a value that can never be right, :class:`Conflict` when another one is on its way.
    """
    setpoint = command.setpoint
    if setpoint is None:
        raise Invalid(mark("The command names no set-point."))
    tag = setpoint.tag
    if not command.reason.strip():
        raise Invalid(mark("A command needs a reason."), remedy=mark("Say why in a sentence."))
    value, device = _fit(command, setpoint)
    command.organisation = setpoint.organisation
    command.device = device
    command.tag_name, command.unit, command.value = str(tag), tag.unit, rules.said(value)
    command.valid_until = timezone.now() + AGREE_WITHIN
    command.state = State.PROPOSED.value if setpoint.second_person else State.SENDING.value
    if not setpoint.second_person:
        _begin(command)
    command.save()
    if not setpoint.second_person:
        transaction.on_commit(partial(carry_out, command.pk))


def _fit(command: Command, setpoint: Setpoint) -> tuple[Value, Device]:
    """The value, and the device it is for; raises what no machine need be asked about."""
    value = rules.parse_value(setpoint.tag.kind, command.value)
    bounds = setpoint.bounds
    rules.check(value, rules.Bounds(bounds.kind, bounds.low, bounds.high), None)
    device = Device.objects.get(pk=setpoint.device_id)
    if device.life != Device.Life.IN_SERVICE:
        raise Conflict(mark("{device} is not in service."), remedy=mark("Put it into service first."), device=device)
    return value, device


def set_for_client(organisation: int, values: Sequence[tuple[int, Value]], by: str) -> tuple[int, str]:
    """Write values, by series, for a program that may write in the name of an organisation: all or none.

    Returns how many were written, and the packed problem of the next one, if any. The rules are those of
    :func:`request`. Several values are looked at before the first is sent, as if each were to be written now: limits,
    steps and interlocks against the machine, a second person, another command on its way. A device that fails in the
    middle leaves those before it written, as does one whose interlocks the values before it have closed.
    Raises :class:`NotFound` for a tag that has no set-point, and what else keeps the first from being written.
    """
    asked = [_command_of_client(organisation, series, value, by) for series, value in values]
    if len({command.setpoint_id for command in asked}) < len(asked):
        raise Invalid(mark("One request names a set-point twice."), remedy=mark("Send one value for each."))
    until = time.monotonic() + _BEGIN_WITHIN
    if len(asked) > 1:
        try:
            for command in asked:
                _foresee(command)
        except _GatewayFailed as failed:
            return 0, failed.problem
    for written, command in enumerate(asked):
        if written and time.monotonic() > until:
            return written, packed(Unavailable(mark("The values before it took too long: it was not sent.")))
        try:
            with transaction.atomic():
                request(command)
                audit.record(by, "create", command, after=audit.state(command))
        except GongfuError as error:
            if not written:
                raise
            return written, packed(error, 1000)
        command.refresh_from_db()
        if command.state == State.PROPOSED.value:
            return written, packed(Conflict(mark("A second person must agree before it is written.")))
        if command.state != State.CONFIRMED.value:
            return written, command.problem or f"unavailable: {command.state}"
    return len(asked), ""


def _command_of_client(organisation: int, series: int, value: Value, by: str) -> Command:
    setpoint = Setpoint.objects.filter(tag_id=series, organisation_id=organisation).first()
    if setpoint is None:
        raise NotFound(
            mark("This tag has no set-point: it may not be written."), remedy=mark("Add one in the console first.")
        )
    text = rules.said(bool(value) if setpoint.tag.kind == Tag.Kind.BOOLEAN else value)
    return Command(setpoint=setpoint, value=text, reason=by)


def _foresee(command: Command) -> None:
    """Raise what would be said if ``command`` were asked for and written now, without doing either."""
    setpoint = command.setpoint
    assert setpoint is not None
    _fit(command, setpoint)
    if setpoint.second_person:
        raise Conflict(mark("A second person must agree before it is written."))
    _alone(setpoint)
    _examine(command, setpoint)


def on_agreed(sender: object, command: Command, **_: object) -> None:
    """A second person agreed: write it after this transaction. Raises :class:`Conflict`."""
    del sender
    _begin(command)
    transaction.on_commit(partial(carry_out, command.pk))


def settle() -> None:
    """Commands that nobody can be working at any more are settled: too old to agree to, or lost on their way."""
    now = timezone.now()
    Command.objects.filter(state=State.PROPOSED.value, valid_until__lt=now).update(
        state=State.EXPIRED.value, settled_at=now
    )
    Command.objects.filter(state=State.SENDING.value, sent_at__lt=now - _LOST_AFTER).update(
        state=State.UNKNOWN.value,
        settled_at=now,
        problem=packed(
            Unavailable(
                mark("Gongfu was interrupted while it wrote; whether the value arrived is not known."),
                remedy=mark("Look at the machine, then write it again if need be."),
            )
        ),
    )


def _begin(command: Command) -> None:
    settle()
    command.sent_at = timezone.now()
    if command.valid_until < command.sent_at:
        raise Conflict(mark("{command} was asked for too long ago."), remedy=mark("Ask for it anew."), command=command)
    _alone(command.setpoint, command)


def _alone(setpoint: Setpoint | None, command: Command | None = None) -> None:
    """Raise :class:`Conflict` when another value than that of ``command`` is on its way."""
    under_way = Command.objects.filter(setpoint=setpoint, state=State.SENDING.value)
    if command is not None:
        under_way = under_way.exclude(pk=command.pk)
    if under_way.exists():
        raise Conflict(
            mark("Another value for {setpoint} is on its way."),
            remedy=mark("Wait some seconds and look what became of it."),
            setpoint=setpoint,
        )


def carry_out(pk: int) -> None:
    """Write the command with this key and read it back; what happens is noted on it, nothing is raised."""
    command = Command.objects.select_related("setpoint__tag__device__organisation").get(pk=pk)
    try:
        state, problem = _write(command)
    except _GatewayFailed as failed:
        state, problem = State.REFUSED, failed.problem
    except GongfuError as error:
        state, problem = State.REFUSED, packed(error, 1000)
    except Exception as error:
        log.exception("a command failed", command=pk)
        state, problem = State.UNKNOWN, packed(error, 1000)
    with transaction.atomic():
        fresh = Command.objects.select_for_update().get(pk=pk)
        if fresh.state != State.SENDING.value:  # it took so long that it was given up meanwhile
            return
        before = audit.state(fresh)
        fresh.state = state.value
        fresh.before, fresh.read_back = command.before, command.read_back
        fresh.problem = problem
        fresh.settled_at = timezone.now()
        fresh.save()
        audit.record("gateway", "settle", fresh, before=before, after=audit.state(fresh))


class _GatewayFailed(Exception):
    """The gateway could not answer a question; ``problem`` is its error, packed."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


def _write(command: Command) -> tuple[State, str]:
    """How it ended, and the packed problem. Raises while nothing was written yet: then it is refused."""
    setpoint = command.setpoint
    if setpoint is None:
        raise Conflict(mark("The set-point was removed meanwhile."))
    device, tag = setpoint.device, setpoint.tag
    wanted = _examine(command, setpoint)
    raw = rules.raw(wanted, tag.scale, tag.offset)
    target = _config(tag, setpoint.address or tag.address)
    ticket = tickets.issue(gateways.signing(device.gateway), device.pk, target.address, raw)
    try:
        answer = ask(
            device.gateway, Write(device=device.pk, tag=target, value=raw, ticket=ticket, within=setpoint.within)
        )
    except Unavailable as error:  # it may have been written all the same
        return State.UNKNOWN, packed(error, 1000)
    if isinstance(answer, Failed):
        return State.FAILED, answer.problem[:1000]
    return _confirm(command, setpoint, wanted)


def _examine(command: Command, setpoint: Setpoint) -> Value:
    """The value to write; raises what the machine, as it is now, has against it."""
    device, tag = setpoint.device, setpoint.tag
    if device.connection != Device.Connection.ONLINE:
        raise Conflict(
            mark("{device} is not online."), remedy=mark("Wait until its gateway reaches it."), device=device
        )
    wanted = rules.parse_value(tag.kind, command.value)
    interlocks = rules.parse_interlocks(setpoint.interlocks)
    values = _read(setpoint, interlocks)
    now = values[tag.key]
    command.before = "" if now is None else rules.said(now)
    rules.require(interlocks, values)
    rules.check(wanted, setpoint.bounds, now)
    return wanted


def _confirm(command: Command, setpoint: Setpoint, wanted: Value) -> tuple[State, str]:
    tag = setpoint.tag
    tolerance = setpoint.tolerance
    if tolerance is None:
        tolerance = abs(tag.scale) / 2 if tag.scale != 1 else 0.0
    until = time.monotonic() + setpoint.within
    read: Value | None = None
    while True:
        with contextlib.suppress(GongfuError, _GatewayFailed):
            read = _read(setpoint, [])[tag.key]
        command.read_back = "" if read is None else rules.said(read)
        if rules.arrived(wanted, read, tolerance):
            return State.CONFIRMED, ""
        if time.monotonic() > until:
            break
        time.sleep(_LOOK_AGAIN)
    if read is None:
        error: GongfuError = Unavailable(
            mark("It was written, but {tag} cannot be read back."), remedy=mark("Look at the machine."), tag=tag
        )
    else:
        error = Conflict(
            mark("It was written, but {tag} is {read} and not {wanted} after {seconds} s."),
            remedy=mark("Look whether the machine takes it over later, or refuses it."),
            tag=tag,
            read=rules.said(read),
            wanted=rules.said(wanted),
            seconds=f"{setpoint.within:g}",
        )
    return State.UNCONFIRMED, packed(error, 1000)


def _read(setpoint: Setpoint, interlocks: list[Interlock]) -> dict[str, Value | None]:
    """The values of the set-point's tag and of those of the interlocks now, by key; None for what is not good."""
    keys = {setpoint.tag.key, *(interlock.tag for interlock in interlocks)}
    tags = list(setpoint.device.tags.filter(key__in=keys))
    device = setpoint.device
    answer = ask(
        device.gateway,
        Read(device=device.pk, tags=[_config(tag, tag.address) for tag in tags], within=setpoint.within),
    )
    if isinstance(answer, Failed):
        raise _GatewayFailed(answer.problem[:1000])
    if not isinstance(answer, Seen):
        raise Unavailable(mark("The gateway of {device} did not answer what it was asked."), device=device)
    values: dict[str, Value | None] = dict.fromkeys(keys)
    for tag, seen in zip(tags, answer.values, strict=True):
        if seen.quality is Quality.GOOD:
            values[tag.key] = _value(tag, seen)
    return values


def _value(tag: Tag, seen: asking.Value) -> Value | None:
    if tag.kind == Tag.Kind.TEXT:
        return seen.text
    if tag.kind == Tag.Kind.BOOLEAN:
        return None if seen.value is None else bool(seen.value)
    return seen.value


def _config(tag: Tag, address: str) -> TagConfig:
    return TagConfig(
        series=tag.pk,
        name=tag.key,
        address=address,
        kind=tag.kind,
        scale=tag.scale,
        offset=tag.offset,
        low=tag.low,
        high=tag.high,
    )
