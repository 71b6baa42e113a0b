"""Two enterprises with machines in every state, and the administrator; run as a program of its own."""

from __future__ import annotations

import datetime as dt
import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gongfu.console.django_settings")
django.setup()

import seed_support  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.utils import timezone  # noqa: E402

from gongfu.governance.support import demonstration as support  # noqa: E402
from gongfu.identity.business import services as business  # noqa: E402
from gongfu.identity.business import templating  # noqa: E402
from gongfu.identity.business.models import Sample  # noqa: E402
from gongfu.identity.business.services import Enterprise, Granted  # noqa: E402
from gongfu.identity.registry import services as registry  # noqa: E402
from gongfu.identity.registry.models import Prefix  # noqa: E402
from gongfu.kernel.accounts import services as accounts  # noqa: E402
from gongfu.kernel.accounts.models import Organisation, User  # noqa: E402
from gongfu.kernel.settings import settings  # noqa: E402
from gongfu.network.models import library  # noqa: E402
from gongfu.platform.devices import services as devices  # noqa: E402
from gongfu.platform.devices.models import Device  # noqa: E402
from gongfu.platform.devices.services import DeviceDraft, TagDraft  # noqa: E402
from gongfu.platform.map import demonstration as network_map  # noqa: E402

ENTERPRISES = (
    ("qingpu-precision", "青浦精密机械有限公司", "Qingpu Precision Machinery"),
    ("huaxin-moulding", "华新注塑科技股份有限公司", "Huaxin Moulding Technology"),
)
PLACES = (("一车间", "Workshop 1"), ("二车间", "Workshop 2"), ("动力站", "Utilities"))
TYPES = (
    *("centrifugal-pump", "cnc-machining-centre", "energy-meter", "excavator"),
    *("injection-moulding-machine", "screw-air-compressor", "six-axis-robot"),
)
STATES = {3: "offline", 9: "refused", 12: "connecting"}


def seed() -> None:
    """Fill the empty database of ``GONGFU_HOME``."""
    call_command("migrate", interactive=False, verbosity=0)
    accounts.first_run(settings())
    admin = User.objects.get(username="admin")
    admin.set_password(os.environ["JOURNEY_PASSWORD"])
    admin.save()
    types = [library.type_by_id(name) for name in TYPES]
    operator = admin.memberships_cached[0].organisation
    number = 0
    for code, name, english in ENTERPRISES:
        owner = accounts.create_organisation(code, name, name_en=english, parent=operator)
        registry.allot_prefix("journey", owner)
        for _ in range(7):
            kind = types[number % len(types)]
            number += 1
            device = devices.create_device(
                "journey",
                owner,
                DeviceDraft(
                    key=f"{kind.id.split('-')[0]}-{number:02}",
                    name=f"{kind.name.zh} {number:02}",
                    name_en=f"{kind.name.en} {number:02}",
                    type=kind.id,
                    driver="modbus",
                    place=(("主厂区", "Main works"), PLACES[number % 3]),
                    tags=[TagDraft(key=tag.key, address=f"holding:{2 * i}:float32") for i, tag in enumerate(kind.tags)],
                ),
            )
            state = STATES.get(number, "online")
            Device.objects.filter(pk=device.pk).update(
                connection=state,
                last_reading_at=timezone.now() - dt.timedelta(seconds=2 if state == "online" else 7200),
                problem="寄存器地址超出设备范围" if state == "refused" else "",
            )

    for owner in Organisation.objects.filter(parent=operator).order_by("pk")[:1]:
        network_map.seed(owner, "local")
        support.seed(operator, owner)
        seed_support.seed_demonstration(operator, owner)
    seed_business(operator)
    seed_support.seed(operator)


def seed_business(operator: Organisation) -> None:
    """Contracts near and far from their quota, templates, an application in review, and some hours of counts."""
    for code in ("machinery", "component"):
        templating.publish("journey", templating.import_starter("journey", operator, code))
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    for number, prefix in enumerate(Prefix.objects.filter(kind="enterprise").order_by("pk")):
        owner = prefix.organisation
        facts = Enterprise(owner.name, "91310118MA1JL3XY7M", ("C34", "C29")[number % 2], "310118", "李工", "021-5973")
        business.open_contract("journey", prefix.name, facts, Granted(8 + 92 * number, 1000))
        business.apply("journey", owner, facts, "一物一码追溯", Granted(100_000, 5000, 2), submit=not number)
        Sample.objects.bulk_create(
            Sample(prefix=prefix, hour=hour - dt.timedelta(hours=h), registrations=h % 5, resolutions=300 + 41 * h % 97)
            for h in range(60)
        )


if __name__ == "__main__":
    seed()
