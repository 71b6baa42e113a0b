"""Real-name review and proofs, as enterprises, reviewers, visitors and programs see them."""

from __future__ import annotations

import datetime as dt
import stat
import time
from pathlib import Path

import msgspec
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from plants import Plants, signed_in

from gongfu.identity.authentication import jws, proof, services
from gongfu.identity.authentication.keyring import Keyring
from gongfu.identity.authentication.models import Verification
from gongfu.identity.handle.codes import Permission
from gongfu.identity.handle.names import parse
from gongfu.identity.handle.wire import Value
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import IdentifierStore
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import User
from gongfu.kernel.accounts.rules import Role
from gongfu.kernel.audit.models import AuditEntry

pytestmark = pytest.mark.django_db

CODE = "91310000MA1FL4F18P"
PDF = b"%PDF-1.7\n1 0 obj\n"
HANDLE = "88.118.1/CNC-01"


@pytest.fixture(autouse=True)
def ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keyring:
    made = Keyring(tmp_path / "proof")
    monkeypatch.setattr(services, "keyring", lambda: made)
    return made


@pytest.fixture
def boss(plants: Plants) -> User:
    return accounts.create_user("boss", "correct-horse-9", roles={plants[0]: Role.ADMIN}, language="en")


@pytest.fixture
def reviewer(plants: Plants) -> User:
    from gongfu.kernel.accounts.models import Organisation

    operator = Organisation.objects.get(code="operator")
    for plant in plants:
        plant.parent = operator
        plant.save()
    return accounts.create_user("reviewer", "correct-horse-9", roles={operator: Role.ADMIN}, language="en")


@pytest.fixture
def pump(own_store: IdentifierStore, plants: Plants) -> str:
    hidden = Value(100, "NOTE", b"secret", permissions=Permission.ADMIN_READ)
    own_store.put(Record(parse(HANDLE), (Value(2, "NAME", "一号循环泵".encode()), hidden), 5, 5))
    return HANDLE


def code() -> str:
    from gongfu.kernel.accounts.rules import credit_code_check_digit

    return CODE[:17] + credit_code_check_digit(CODE[:17])


def apply(client: Client, plants: Plants, *, file: bytes = PDF, status: int = 302, **changes: str) -> str:
    form = {
        "organisation": str(plants[0].pk),
        "legal_name": "恒锐泵业有限公司",
        "credit_code": code().lower(),
        "representative": "李雷",
    }
    upload = SimpleUploadedFile("licence.pdf", file)
    answer = client.post("/identity/verifications/new", form | changes | {"licence": upload})
    assert answer.status_code == status, answer.text
    return answer.text


def step(client: Client, name: str, reason: str = "") -> int:
    key = Verification.objects.latest("pk").pk
    return client.post(f"/identity/verifications/{key}/step/{name}", {"reason": reason}).status_code


# --- review ---


def test_an_enterprise_is_reviewed_and_shown_as_verified(plants: Plants, boss: User, reviewer: User, pump: str) -> None:
    applicant, desk = signed_in(boss), signed_in(reviewer)
    apply(applicant, plants)
    assert step(desk, "accept") == 409
    assert step(applicant, "submit") == 302
    assert step(applicant, "accept") == 403  # nobody reviews his own
    assert services.verified(plants[0]) is None
    assert step(desk, "send_back", "看不清") == 302
    made = Verification.objects.get()
    assert (made.state, made.reason) == ("returned", "看不清")
    assert step(applicant, "submit") == 302
    assert step(desk, "accept") == 302
    found = services.verified(plants[0])
    assert found is not None
    assert (found.name, found.credit_code) == ("恒锐泵业有限公司", code())
    page = Client(headers={"cookie": "gongfu_language=en"}).get(f"/id/{pump}").text
    assert "Real name verified" in page
    assert code() in page
    assert "Real name verified" in desk.get(f"/accounts/organisations/{plants[0].pk}/?tab=verification").text
    assert step(desk, "revoke", "注销") == 302
    assert services.verified(plants[0]) is None


def test_a_review_ends_after_a_year(plants: Plants, boss: User, reviewer: User) -> None:
    apply(signed_in(boss), plants)
    step(signed_in(boss), "submit")
    step(signed_in(reviewer), "accept")
    made = Verification.objects.get()
    assert made.valid_until == timezone.localdate() + dt.timedelta(days=365)
    Verification.objects.update(valid_until=timezone.localdate() - dt.timedelta(days=1))
    assert services.verified(plants[0]) is None
    assert services.expire() == 1
    assert services.expire() == 0
    assert Verification.objects.get().state == "expired"
    apply(signed_in(boss), plants)


def test_one_application_at_a_time_and_none_is_changed_in_review(plants: Plants, boss: User) -> None:
    client = signed_in(boss)
    apply(client, plants)
    assert "open already" in apply(client, plants, status=422)
    step(client, "submit")
    key = Verification.objects.get().pk
    form = {"organisation": plants[0].pk, "legal_name": "x", "credit_code": code(), "representative": "y"}
    assert client.post(f"/identity/verifications/{key}/edit", form).status_code == 422
    assert Verification.objects.get().legal_name == "恒锐泵业有限公司"


@pytest.mark.parametrize(
    ("changes", "file", "says"),
    [
        ({"credit_code": CODE[:17] + "0"}, PDF, "check character"),
        ({}, b"MZ\x90\x00 not a licence", "neither PDF nor PNG nor JPEG"),
        ({}, PDF + b"x" * (10 * 2**20), "more than 10 megabytes"),
        ({}, b"", "empty"),
    ],
)
def test_an_application_that_cannot_be_right_is_refused(
    plants: Plants, boss: User, changes: dict[str, str], file: bytes, says: str
) -> None:
    assert says in apply(signed_in(boss), plants, file=file, status=422, **changes)
    assert not Verification.objects.exists()


def test_only_reviewers_open_a_licence_and_each_look_is_recorded(
    plants: Plants, boss: User, reviewer: User, wang: User
) -> None:
    apply(signed_in(boss), plants)
    made = Verification.objects.get()
    address = f"/identity/verifications/{made.pk}/licence"
    answer = signed_in(reviewer).get(address)
    assert b"".join(answer.streaming_content) == PDF  # type: ignore[attr-defined]
    assert answer.headers["Content-Type"] == "application/pdf"
    assert "attachment" in answer.headers["Content-Disposition"]
    assert AuditEntry.objects.filter(action="open-licence").count() == 1
    assert signed_in(boss).get(address).status_code == 403
    assert signed_in(wang).get(address).status_code == 404
    assert signed_in(wang).get(f"/identity/verifications/{made.pk}/").status_code == 404
    assert Client().get(address).status_code == 302
    kept = Path(made.licence.path)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert "static" not in kept.parts
    assert address in signed_in(reviewer).get(f"/identity/verifications/{made.pk}/").text
    assert address not in signed_in(boss).get(f"/identity/verifications/{made.pk}/").text


# --- proofs ---


def proven(handle: str = HANDLE) -> str:
    answer = Client().get(f"/api/v1/identity/proof/{handle}")
    assert answer.status_code == 200
    return str(answer.json()["proof"])


def page_of(text: str) -> str:
    answer = Client(headers={"cookie": "gongfu_language=en"}).get("/verify", {"proof": text})
    assert answer.status_code == 200
    return answer.text


def worth(text: str) -> str:
    told = Client().post("/api/v1/identity/verify", msgspec.json.encode({"proof": text}), "application/json").json()
    return str(told["worth"] or told["code"])


def test_a_phone_checks_a_proof_without_signing_in(pump: str) -> None:
    text = proven("88.118.1/cnc-01")
    page = page_of(f" {text[:40]}\n{text[40:]} ")
    assert "The proof holds." in page
    assert HANDLE in page
    assert "恒锐" in page
    public = Client(headers={"cookie": "gongfu_language=en"}).get(f"/id/{pump}").text
    assert "/verify?proof=ey" in public
    assert worth(text) == "holds"
    assert "secret" not in str(jws.unverified(text))


def test_a_program_checks_it_offline_with_the_published_keys(pump: str) -> None:
    answer = Client().get("/.well-known/gongfu-keys.json")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    published = msgspec.json.decode(answer.content, type=jws.KeySet)
    import base64

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    keys = {
        key.kid: Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(key.x + "=")) for key in published.keys
    }
    statement = proof.decode(jws.verify(proven(), keys, kind=proof.KIND))
    assert (statement.sub, statement.holder.name, statement.holder.verified) == (HANDLE, "恒锐", False)


def test_what_a_proof_is_worth_changes_with_the_identifier_and_the_time(
    pump: str, own_store: IdentifierStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = proven()
    own_store.put(Record(parse(HANDLE), (Value(2, "NAME", "换了".encode()),), 5, 6))
    assert worth(text) == "changed"
    assert "was changed after" in page_of(text)
    own_store.delete(parse(HANDLE))
    assert worth(text) == "gone"
    assert Client().get(f"/api/v1/identity/proof/{HANDLE}").status_code == 404
    own_store.put(Record(parse(HANDLE), (Value(2, "NAME", "一号循环泵".encode()),), 5, 5))
    assert worth(text) == "holds"  # who may not be read does not count
    now = time.time()
    monkeypatch.setattr(services.time, "time", lambda: now + 31 * 86_400)
    assert worth(text) == "expired"
    monkeypatch.setattr(services.time, "time", lambda: now - 86_400)
    assert worth(text) == "early"


def test_forged_foreign_and_senseless_proofs_are_told_apart(pump: str, tmp_path: Path) -> None:
    text = proven()
    head, _, signature = text.split(".")
    statement = msgspec.structs.replace(proof.decode(jws.unverified(text)), sub="88.118.1/FAKE")
    forged = f"{head}.{jws.encode(msgspec.json.encode(statement))}.{signature}"
    assert worth(forged) == "forged_proof"
    assert "nothing confirms that" in page_of(forged)
    foreign = jws.sign(msgspec.json.encode(statement), Keyring(tmp_path / "other").current(), kind=proof.KIND)
    assert worth(foreign) == "foreign_proof"
    for senseless in ("x", "a.b.c", "<script>", "=" * 9000):
        assert "These characters are no proof" in page_of(senseless)


def test_the_key_is_changed_and_old_proofs_still_hold(pump: str, root: User, li: User, ring: Keyring) -> None:
    text = proven()
    assert signed_in(li).post("/verify/rotate").status_code == 403
    assert signed_in(root).post("/verify/rotate").status_code == 302
    assert len(ring.public()) == 2
    assert worth(text) == "holds"
    assert proven().split(".")[0] != text.split(".")[0]
    assert AuditEntry.objects.filter(action="rotate-proof-key").exists()


def test_a_verified_holder_is_named_in_the_proof(pump: str, plants: Plants, boss: User, reviewer: User) -> None:
    apply(signed_in(boss), plants)
    step(signed_in(boss), "submit")
    step(signed_in(reviewer), "accept")
    text = proven()
    assert proof.decode(jws.unverified(text)).holder == proof.Holder("恒锐泵业有限公司", True, code())
    step(signed_in(reviewer), "revoke", "注销")
    assert "not verified now" in page_of(text)
