"""What a peer may send, and what happens to everything else."""

from __future__ import annotations

import datetime as dt
import http.server
import socket
import stat
import threading
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.test import Client
from django.utils import timezone

from gongfu.identity.filing import services, wire
from gongfu.identity.filing.models import Filing, FilingMessage
from gongfu.identity.filing.rules import Kind
from gongfu.identity.filing.wire import Outcome
from gongfu.identity.peers import jws, keys, rules
from gongfu.identity.peers import services as peers
from gongfu.identity.peers.errors import PeerUnreachable
from gongfu.identity.peers.models import Nonce, Peer
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.errors import Conflict
from gongfu.kernel.settings import settings
from gongfu.kernel.workflow import services as workflow

from .conftest import Foreign, foreign

pytestmark = pytest.mark.django_db


def test_a_message_delivered_twice_changes_nothing_and_gets_the_same_receipt(below: Foreign) -> None:
    message = below.message(Kind.SUBMIT)
    first = below.send(message)
    filing = Filing.objects.get()
    filing.state = Filing.State.ACCEPTED
    filing.save()
    assert below.send(message) == first
    assert first.outcome is Outcome.DONE
    assert Filing.objects.get().state == Filing.State.ACCEPTED
    assert FilingMessage.objects.count() == 1


def test_the_very_same_request_again_is_a_replay(below: Foreign) -> None:
    body = wire.encode(below.message(Kind.SUBMIT))
    assert below.post(body, nonce="n" * 22).status_code == 200
    again = below.post(body, nonce="n" * 22)
    assert again.status_code == 409
    assert again.json()["code"] == "replayed"
    assert Filing.objects.count() == 1


def test_a_clock_that_is_wrong_is_refused_and_both_clocks_are_named(below: Foreign) -> None:
    now = int(timezone.now().timestamp())
    answer = below.post(wire.encode(below.message(Kind.SUBMIT)), iat=now - 301)
    assert answer.status_code == 403
    assert answer.json()["code"] == "clock_skew"
    assert rules.clock(now - 301) in answer.json()["message"]
    assert f"the clock of this node says {rules.clock(now)[:15]}" in answer.json()["message"]
    assert not Filing.objects.exists()
    assert below.post(wire.encode(below.message(Kind.SUBMIT)), iat=now - 290).status_code == 200


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"key": Ed25519PrivateKey.generate()}, "does not fit"),
        ({"kid": "A" * 43}, "No node with the key"),
        ({"aud": "A" * 43}, "for another node"),
        ({"url": "/api/v1/identity/escrow/sets"}, "another address"),
        ({"nonce": "short"}, "another address"),
        ({"alg": "none"}, "cannot be read"),
    ],
)
def test_what_the_paired_key_did_not_sign_for_this_address_is_refused(
    below: Foreign, changed: dict[str, object], says: str
) -> None:
    answer = below.post(wire.encode(below.message(Kind.SUBMIT)), **changed)
    assert answer.status_code == 401
    assert says in answer.json()["message"]
    assert not Filing.objects.exists()
    assert not Nonce.objects.exists()


def test_without_a_signature_nobody_enters_not_even_an_administrator(root: User) -> None:
    client = Client()
    client.force_login(root)
    for path in (wire.PATH, "/api/v1/identity/escrow/sets", "/api/v1/identity/escrow/chunks", peers.PAIR_PATH):
        answer = client.post(path, b"{}", content_type="application/json")
        assert answer.status_code in (401, 422), path
        assert client.get(path).status_code == 405


def test_a_suspended_node_is_not_heard(below: Foreign) -> None:
    peers.suspend(below.peer)
    answer = below.post(wire.encode(below.message(Kind.SUBMIT)))
    assert answer.status_code == 401
    assert "No node with the key" in answer.json()["message"]


def test_a_node_below_may_not_decide_and_a_node_above_may_not_file(below: Foreign, above: Foreign) -> None:
    below.send(below.message(Kind.SUBMIT))
    assert below.send(below.message(Kind.ACCEPT, number="BA-1")).outcome is Outcome.REFUSED
    assert Filing.objects.get().state == Filing.State.SUBMITTED
    assert above.send(above.message(Kind.SUBMIT)).outcome is Outcome.REFUSED


def test_a_node_cannot_touch_the_filing_of_another(below: Foreign, operator: Organisation) -> None:
    below.send(below.message(Kind.SUBMIT))
    other = foreign(operator, Peer.Role.BELOW, "other")
    assert other.send(other.message(Kind.WITHDRAW, reason="mine now")).outcome is Outcome.LATE
    assert Filing.objects.get().state == Filing.State.SUBMITTED


def test_a_prefix_that_is_accepted_for_one_node_cannot_be_filed_by_another(
    below: Foreign, operator: Organisation, root: User
) -> None:
    below.send(below.message(Kind.SUBMIT))
    filing = Filing.objects.get()
    for step in ("review", "accept"):
        filing = workflow.perform(filing, step, root)
    other = foreign(operator, Peer.Role.BELOW, "other")
    receipt = other.send(other.message(Kind.SUBMIT, filing="2" * 32))
    assert receipt.outcome is Outcome.REFUSED
    assert "filed under another number" in receipt.error


def test_only_who_runs_the_node_reviews(below: Foreign, engineer: User, root: User) -> None:
    below.send(below.message(Kind.SUBMIT))
    filing = Filing.objects.get()
    assert [step.name for step in workflow.available(filing, engineer)] == []
    assert {step.name for step in workflow.available(filing, root)} == {"review", "withdraw"}


# --- carrying ---


def filed(above: Foreign, root: User, plant: Organisation) -> Filing:
    filing = services.draft(root, above.peer, plant)
    return workflow.perform(filing, "submit", root)


def test_while_the_node_above_is_away_the_message_waits_with_its_error(
    above: Foreign, root: User, operator: Organisation
) -> None:
    filing = filed(above, root, operator)
    assert services.carry_once() == 0
    message = filing.messages.get()
    above.peer.refresh_from_db()
    assert message.state == FilingMessage.State.QUEUED
    assert message.attempts == 1
    assert "http://127.0.0.1:9 does not answer" in message.trouble
    assert above.peer.next_attempt_at > timezone.now()
    assert services.carry_once() == 0  # not before the pause has passed
    assert filing.messages.get().attempts == 1
    Peer.objects.update(next_attempt_at=timezone.now() - dt.timedelta(seconds=1))
    services.carry_once()
    assert filing.messages.get().attempts == 2
    assert services.waiting() == 1


class Answering(http.server.BaseHTTPRequestHandler):
    """Answers as the test wants."""

    answer: tuple[int, dict[str, str], bytes] = (200, {}, b"")
    seen: int = 0

    def do_POST(self) -> None:
        type(self).seen += 1
        self.rfile.read(int(self.headers["Content-Length"]))
        status, headers, body = self.answer
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def impostor(above: Foreign) -> Iterator[type[Answering]]:
    """Something that listens at the address of the node above."""

    class Handler(Answering):
        pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    above.peer.url = f"http://127.0.0.1:{server.server_port}"
    above.peer.save()
    yield Handler
    server.shutdown()
    server.server_close()


def test_an_answer_that_the_pinned_key_did_not_sign_delivers_nothing(
    above: Foreign, impostor: type[Answering], root: User, operator: Organisation
) -> None:
    filing = filed(above, root, operator)
    impostor.answer = (200, {}, b'{"outcome":"done"}')
    assert services.carry_once() == 0
    assert "is not the node that was paired" in filing.messages.get().trouble


def test_a_redirect_is_not_followed(
    above: Foreign, impostor: type[Answering], root: User, operator: Organisation
) -> None:
    filing = filed(above, root, operator)
    with socket.socket() as elsewhere:
        elsewhere.bind(("127.0.0.1", 0))
        elsewhere.listen()
        elsewhere.settimeout(0.2)
        impostor.answer = (302, {"Location": f"http://127.0.0.1:{elsewhere.getsockname()[1]}/"}, b"")
        assert services.carry_once() == 0
        with pytest.raises(TimeoutError):
            elsewhere.accept()
    assert "answered 302" in filing.messages.get().trouble


def test_an_answer_to_another_request_delivers_nothing(
    above: Foreign, impostor: type[Answering], root: User, operator: Organisation
) -> None:
    filing = filed(above, root, operator)
    body = b'{"outcome":"done"}'
    header = jws.Protected(alg="EdDSA", kid=above.peer.node, aud=peers.own_node(), iat=1, nonce="o" * 22, url=wire.PATH)
    impostor.answer = (200, {jws.HEADER: jws.sign(above.key, header, body)}, body)
    assert services.carry_once() == 0
    assert "belongs to another request" in filing.messages.get().trouble


def test_a_refusal_says_its_sentences_not_its_json(
    above: Foreign, impostor: type[Answering], root: User, operator: Organisation
) -> None:
    filing = filed(above, root, operator)
    impostor.answer = (403, {}, b'{"code":"clock_skew","message":"The clock of x said y.","remedy":"Set both."}')
    services.carry_once()
    assert "answered 403: The clock of x said y. Set both." in filing.messages.get().trouble


def test_a_link_local_address_gets_no_byte(above: Foreign, monkeypatch: pytest.MonkeyPatch) -> None:
    from gongfu.identity.peers import channel

    for address in ("169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "0.0.0.0", "224.0.0.1"):
        with pytest.raises(PeerUnreachable, match="where no node may stand"):
            channel._check_address(address, "http://x")
    channel._check_address("10.0.0.1", "http://x")


def test_one_thing_is_filed_once_with_a_node(above: Foreign, root: User, operator: Organisation) -> None:
    filed(above, root, operator)
    with pytest.raises(Conflict, match="is filed with above already"):
        services.draft(root, above.peer, operator)


def test_what_the_node_above_refuses_to_take_up_comes_back_for_correction(
    above: Foreign, impostor: type[Answering], root: User, operator: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    filing = filed(above, root, operator)
    receipt = wire.encode(wire.Receipt(outcome=Outcome.REFUSED, error="conflict: taken"))
    monkeypatch.setattr(peers, "call", lambda *_: receipt)
    assert services.carry_once() == 1
    filing.refresh_from_db()
    assert filing.state == Filing.State.RETURNED
    assert filing.reason == "conflict: taken"


# --- keys and pairing ---


def test_the_key_of_the_node_is_readable_by_its_owner_only() -> None:
    keys.signing_key(settings().home)
    file = settings().home / "secrets" / keys.SIGNING
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_pairing_code_works_once_and_for_a_day_and_only_with_its_secret(root: User, operator: Organisation) -> None:
    peer, text = peers.invite(root, "below", "http://127.0.0.1:8700")
    code = rules.read_code(text)
    kept = " ".join(str(value) for value in Peer.objects.filter(pk=peer.pk).values().get().values())
    assert code.secret.hex() not in kept
    assert jws.encode64(code.secret) not in kept

    def join(secret: bytes = code.secret, url: str = "http://127.0.0.1:8700", key: Ed25519PrivateKey | None = None):  # type: ignore[no-untyped-def]
        key = key or mine
        node = jws.thumbprint(keys.public_octets(key))
        wanted = peers.PairRequest(
            invitation=code.invitation,
            proof=rules.proof(rules.digest(secret), peers.own_node(), node),
            name="below",
            url=url,
            key=jws.encode64(keys.public_octets(key)),
            exchange=jws.encode64(bytes(range(32))),
        )
        import msgspec

        return Foreign(key, peer).post(msgspec.json.encode(wanted), path=peers.PAIR_PATH, url=peers.PAIR_PATH)

    mine = Ed25519PrivateKey.generate()
    assert join(secret=bytes(32)).status_code == 403
    assert "the operator above has entered" in join(url="http://127.0.0.1:1").json()["message"]
    Peer.objects.update(invited_until=timezone.now() - dt.timedelta(seconds=1))
    assert "outdated" in join().json()["message"]
    Peer.objects.update(invited_until=timezone.now() + dt.timedelta(seconds=60))
    assert join().status_code == 200
    peer.refresh_from_db()
    assert (peer.state, peer.node) == (Peer.State.PAIRED, jws.thumbprint(keys.public_octets(mine)))
    assert join().status_code == 200  # its answer was lost: it asks again
    assert join(key=Ed25519PrivateKey.generate()).status_code == 403


# --- pages ---


def test_the_story_of_a_filing_names_every_message_and_the_queue(below: Foreign, root: User, client: Client) -> None:
    below.send(below.message(Kind.SUBMIT))
    filing = Filing.objects.get()
    filing = workflow.perform(filing, "review", root)
    workflow.perform(filing, "send_back", root, reason="A telephone number is missing.")
    client.force_login(root)
    page = client.get(f"/identity/filings/{filing.pk}/").content.decode()
    for text in (
        "Submission",
        "Review begun",
        "Return for correction",
        "A telephone number is missing.",
        "Waiting",
        "李工",
    ):
        assert text in page
    listed = client.get("/identity/filings/").content.decode()
    assert "2 messages on their way" in listed
    assert "88.118.1" in listed


def test_the_pairing_page_shows_a_code_once_and_keeps_what_was_wrong(
    root: User, engineer: User, client: Client
) -> None:
    client.force_login(engineer)
    assert client.get("/identity/peers/pair").status_code == 403
    client.force_login(root)
    assert client.get("/identity/peers/pair").status_code == 200
    made = client.post("/identity/peers/pair", {"way": "invite", "name": "below", "url": "https://below.example.com"})
    assert "gongfu-pair-" in made.content.decode()
    assert "gongfu-pair-" not in client.get("/identity/peers/").content.decode()
    wrong = client.post("/identity/peers/pair", {"way": "invite", "name": "x", "url": "ftp://below"})
    assert wrong.status_code == 422
    assert "ftp://below" in wrong.content.decode()
    assert client.post("/identity/peers/pair", {"way": "join", "code": "nonsense"}).status_code == 422


def test_peers_are_for_the_platform_administrator(below: Foreign, engineer: User, client: Client) -> None:
    client.force_login(engineer)
    assert client.get(f"/identity/peers/{below.peer.pk}/").status_code == 404
