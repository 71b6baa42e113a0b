"""File, return, correct, accept, withdraw: between two running nodes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from two_nodes import BEGIN, Node, pair

pytestmark = pytest.mark.node


@pytest.fixture(scope="module")
def pair_of_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, Node]]:
    tmp_path = tmp_path_factory.mktemp("nodes")
    (tmp_path / "top").mkdir()
    (tmp_path / "below").mkdir()
    with Node(tmp_path / "top", "top", "88.1") as top, Node(tmp_path / "below", "below", "88.118") as below:
        pair(top, below)
        yield top, below


def test_a_filing_goes_up_comes_back_is_corrected_accepted_and_withdrawn(pair_of_nodes: tuple[Node, Node]) -> None:
    top, below = pair_of_nodes
    [peer] = below.get("/identity/peers")["items"]
    assert (peer["role"], peer["state"], peer["name"]) == ("above", "paired", "top")
    prefix = next(item for item in below.get("/identity/prefixes")["items"] if item["name"] == "88.118.1")
    new = {"peer": peer["id"], "organisation": prefix["organisation"], "prefix": prefix["id"], "contact": "李工"}
    mine = below.post("/identity/filings", new)
    assert mine["state"] == "draft"
    below.post(f"/identity/filings/{mine['id']}/submit")

    theirs = top.wait("submitted", name="88.118.1", contact="李工", version=1)
    at_top = f"/identity/filings/{theirs['id']}"
    top.post(f"{at_top}/review")
    below.wait("under_review")
    top.post(f"{at_top}/send_back", {"reason": "A telephone number is missing."})
    below.wait("returned", reason="A telephone number is missing.")

    below._ask("PATCH", f"/identity/filings/{mine['id']}", b'{"phone": "021-5555"}')
    below.post(f"/identity/filings/{mine['id']}/correct")
    top.wait("corrected", version=2, phone="021-5555")

    top.post(f"{at_top}/review")
    below.wait("under_review")
    below.stop()  # the node below is away when the decision falls
    number = top.post(f"{at_top}/accept")["number"]
    assert number.startswith("BA-88.1-")
    assert number.endswith("-000001")
    below.start()
    below.wait("accepted", number=number)

    below.post(f"/identity/filings/{mine['id']}/withdraw", {"reason": "The plant was closed."})
    top.wait("withdrawn", reason="The plant was closed.")


_REGISTER = """
import django; django.setup()
from gongfu.identity.handle.names import Handle
from gongfu.identity.handle.wire import Value
from gongfu.identity.registry import services
from gongfu.identity.registry.records import Record
values = (Value(1, "URL", b"https://example.com/"),)
handles = [Handle("88.118.1", "Part-%d" % number) for number in range({first}, {last})]
services.store().put_many([Record(handle, values, 1, {version}) for handle in handles])
services.store().delete(Handle("88.118.1", "Part-3"))
"""
_SOON = """
import django; django.setup()
from gongfu.identity.escrow import services
from gongfu.identity.escrow.models import EscrowPlan
services.soon(EscrowPlan.objects.get())
"""
_DUMP = """
import django; django.setup()
from gongfu.identity.registry import records, services
store = services.store()
for prefix in store.populated():
    for record in store.scan(prefix, limit=10**6):
        print(record.handle.key.decode(), records.encode(record).hex())
print(store.prefixes())
"""


def test_a_lost_node_is_restored_from_what_the_node_above_keeps(
    pair_of_nodes: tuple[Node, Node], tmp_path: Path
) -> None:
    top, below = pair_of_nodes
    below.python(_REGISTER.format(version=1, first=0, last=2000))
    code = "from gongfu.identity.escrow import services as escrow\nprint(escrow.begin(user, services.above().get())[1])"
    recovery = below.python(BEGIN + code)
    top.wait_for("/identity/escrow-sets", lambda found: [one["state"] for one in found] == ["stored"])
    below.python(_REGISTER.format(version=2, first=1500, last=2500))
    below.python(_SOON)
    found = top.wait_for("/identity/escrow-sets", lambda found: [one["state"] for one in found] == ["stored"] * 2)
    assert sorted(one["kind"] for one in found) == ["increment", "snapshot"]
    [series] = (top.home / "escrow-kept").glob("*/*")
    assert not [file for file in series.rglob("*") if file.is_file() and b"example.com" in file.read_bytes()]

    new = Node(tmp_path / "new", "below", "88.118")
    new.home.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "gongfu.cli", "escrow", "restore", str(series)],
        env=new.environment,
        input=f"{recovery}\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "2499 identifiers are restored" in done.stdout
    assert new.python(_DUMP) == below.python(_DUMP)
    assert json.loads(next(series.glob("000001/manifest.json")).read_bytes())["records"] == 1000
