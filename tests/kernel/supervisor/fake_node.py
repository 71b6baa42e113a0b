"""A supervisor over fake children: ``fake_node.py PORT NAME=PORT:behaviour+behaviour …``"""

import json
import os
import sys
from pathlib import Path

from gongfu.kernel.errors import GongfuError
from gongfu.kernel.settings import load
from gongfu.kernel.supervisor import main, ports
from gongfu.kernel.supervisor.plan import Plan

child = str(Path(__file__).with_name("fake_child.py"))
settings = load({**os.environ, "GONGFU_SUPERVISOR_PORT": sys.argv[1]})
os.chdir(settings.home)
plans = []
for word in sys.argv[2:]:
    name, _, rest = word.partition("=")
    port, _, behaviour = rest.partition(":")
    plans.append(
        Plan(
            name=name,
            command=(sys.executable, "-S", child, port, *filter(None, behaviour.split("+"))),
            health=f"http://127.0.0.1:{port}/readyz",
            port=int(port),
            reload_on=settings.home / "watched" if name == "nats-server" else None,
            after_preparation=name == "web",
        )
    )
ports.needed = lambda _: [ports.Port("supervisor_port", "127.0.0.1", settings.supervisor_port)]
preparation = os.environ.get(
    "FAKE_PREPARATION", "import sys; sys.stdout.write('password'); sys.stderr.write('preparing\\n')"
)


def announce(printed: bytes, statuses: list[main.ProcessStatus]) -> None:
    print(json.dumps({"printed": printed.decode(), "states": {s.name: s.state for s in statuses}}), flush=True)


try:
    node = main.Node(plans=plans, preparation=(sys.executable, "-S", "-c", preparation), announce=announce)
    sys.exit(main.run(settings, node))
except GongfuError as error:
    print(error.text(), file=sys.stderr)
    sys.exit(error.exit_code)
