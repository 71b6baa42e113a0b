"""The part of the drill's load that speaks for people: registers identifiers and writes records, one by one.

A process of its own: ``python -m gongfu.data.backup.drill.writing enter|write|count``. ``write`` prints a line for each
thing once it is durable: kind, name, nanoseconds since 1970. ``count`` reads names from standard input and prints those
that are missing.
"""

from __future__ import annotations

import os
import sys
import time

import django

from gongfu.data.backup.drill.node import CODE, DEVICES

PREFIX = "88.118.99999"
_PATIENCE_S = 30.0


def enter() -> None:
    """An organisation with devices; prints its number and those of the series."""
    from gongfu.kernel import nats_server  # noqa: PLC0415 (needs django.setup)
    from gongfu.kernel.accounts import services as accounts  # noqa: PLC0415
    from gongfu.kernel.accounts.models import Organisation  # noqa: PLC0415
    from gongfu.kernel.settings import settings  # noqa: PLC0415
    from gongfu.platform.devices import services  # noqa: PLC0415
    from gongfu.platform.devices.models import Device  # noqa: PLC0415
    from gongfu.platform.devices.services import DeviceDraft, TagDraft  # noqa: PLC0415

    owner = accounts.create_organisation(CODE, "演练公司", name_en="Drill")
    nats_server.write_users(settings().home, Organisation.objects.values_list("code", flat=True))
    numbers = [owner.pk]
    for n in range(DEVICES):
        draft = DeviceDraft(
            key=f"D{n}",
            name=f"D{n}",
            type="generic-replay",
            driver="mqtt",
            options={"time": "/ts", "time_unit": "us"},
            tags=[TagDraft(key="v", address="/v")],
        )
        numbers.append(services.create_device("drill", owner, draft).tags.get().pk)
    # What a device says before the gateway knows it is nobody's: the load begins when all are known.
    unknown = Device.objects.filter(organisation=owner, connection=Device.Connection.UNKNOWN)
    deadline = time.monotonic() + _PATIENCE_S
    while unknown.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    sys.stdout.write(" ".join(map(str, numbers)) + "\n")


def write() -> None:
    """Until somebody ends it."""
    from gongfu.identity.handle.names import parse  # noqa: PLC0415
    from gongfu.identity.handle.wire import Value  # noqa: PLC0415
    from gongfu.identity.registry.records import Record  # noqa: PLC0415
    from gongfu.identity.registry.store import open_store  # noqa: PLC0415
    from gongfu.kernel.accounts.models import Organisation  # noqa: PLC0415
    from gongfu.kernel.settings import settings  # noqa: PLC0415
    from gongfu.platform.devices.models import Place  # noqa: PLC0415

    store, owner = open_store(settings().home), Organisation.objects.get(code=CODE)
    store.home(PREFIX)
    n = 0
    while True:
        n += 1
        now = int(time.time())
        name = f"{PREFIX}/N{n}"
        store.put(Record(parse(name), (Value(1, "URL", b"https://example.com"),), registered=now, modified=now))
        _tell("identifier", name)
        Place.objects.create(organisation=owner, name=f"P{n}", path=f"P{n}")
        _tell("record", f"P{n}")
        time.sleep(0.01)


def count() -> None:
    """Names on standard input that are not there, one a line."""
    from gongfu.identity.handle.names import parse  # noqa: PLC0415
    from gongfu.identity.registry.store import open_store  # noqa: PLC0415
    from gongfu.kernel.settings import settings  # noqa: PLC0415
    from gongfu.platform.devices.models import Place  # noqa: PLC0415

    store = open_store(settings().home)
    places = set(Place.objects.values_list("name", flat=True))
    for line in sys.stdin:
        kind, name = line.split()
        there = name in places if kind == "record" else store.get(parse(name)) is not None
        if not there:
            sys.stdout.write(f"{kind} {name}\n")


def _tell(kind: str, name: str) -> None:
    sys.stdout.write(f"{kind} {name} {time.time_ns()}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gongfu.console.django_settings")
    django.setup()
    {"enter": enter, "write": write, "count": count}[sys.argv[1]]()
