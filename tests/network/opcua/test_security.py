"""Connections that are signed and encrypted, users, and whom the gateway believes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from asyncua import ua
from asyncua.common.utils import ServiceError
from cryptography.hazmat.primitives import serialization

from gongfu.kernel.errors import packed
from gongfu.network.drivers.contract import BadConfiguration, DeviceUnavailable
from gongfu.network.drivers.opcua import client, driver, options
from gongfu.network.drivers.opcua.certificates import self_signed
from gongfu.network.drivers.opcua.own_certificate import own_certificate
from gongfu.network.drivers.opcua.simulator import SERVER_URI, OpcuaSimulator, Point, Protection
from gongfu.network.drivers.opcua.trust import CertificateRefused
from gongfu.network.gateway.config import DeviceConfig, TagConfig

pytestmark = pytest.mark.asyncio(loop_scope="module")

TAG = TagConfig(series=1, name="x", address="ns=2;s=D.x")
POINTS = [Point("D", "D.x", 1.5)]
STRONGEST = ua.SecurityPolicyType.Aes256Sha256RsaPss_SignAndEncrypt


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plant(protection: Protection) -> AsyncIterator[OpcuaSimulator]:
    """A server with every policy, for anybody."""
    async with OpcuaSimulator("127.0.0.1", 0, POINTS, protection=protection) as running:
        yield running


def device(plant: OpcuaSimulator, org: int = 1, **wanted: object) -> DeviceConfig:
    return DeviceConfig(
        device=1,
        org=org,
        org_code="acme",
        name="cnc",
        driver="opcua",
        options={"endpoint": plant.endpoint, "timeout": 5.0, **wanted},  # type: ignore[dict-item]
        interval=0.1,
        tags=[TAG],
    )


async def read(config: DeviceConfig) -> object:
    async with driver.open_session(config) as session:
        return (await session.read(config.tags))[0].value


async def used(config: DeviceConfig) -> tuple[str, str]:
    """Policy and mode of the channel that the driver opens."""
    async with client.open_client(config, options.read(config)) as opened:
        policy = opened.security_policy
        return policy.URI.rpartition("#")[2], policy.Mode.name


@pytest.mark.parametrize(
    ("policy", "mode"),
    [
        ("Basic256Sha256", "Sign"),
        ("Basic256Sha256", "SignAndEncrypt"),
        ("Aes128_Sha256_RsaOaep", "Sign"),
        ("Aes128_Sha256_RsaOaep", "SignAndEncrypt"),
        ("Aes256_Sha256_RsaPss", "Sign"),
        ("Aes256_Sha256_RsaPss", "SignAndEncrypt"),
        ("Basic256", "SignAndEncrypt"),
        ("Basic128Rsa15", "SignAndEncrypt"),
    ],
)
async def test_every_policy_in_use_reads_a_value(plant, protection, policy, mode) -> None:
    config = device(plant, policy=policy, mode=mode, fingerprint=protection.fingerprint)
    assert await used(config) == (policy, mode)
    assert await read(config) == 1.5


async def test_auto_takes_the_strongest_and_never_a_broken_one(plant, protection) -> None:
    config = device(plant, fingerprint=protection.fingerprint)
    assert await used(config) == ("Aes256_Sha256_RsaPss", "SignAndEncrypt")
    config = device(plant, fingerprint=protection.fingerprint, mode="Sign")
    assert await used(config) == ("Aes256_Sha256_RsaPss", "Sign")


async def test_none_is_used_where_it_is_asked_for(plant) -> None:
    assert await used(device(plant, policy="None")) == ("None", "None_")


async def test_a_known_server_that_offers_no_security_any_more_is_refused(protection) -> None:
    async with OpcuaSimulator("127.0.0.1", 0, POINTS) as bare:
        assert await used(device(bare)) == ("None", "None_")
        with pytest.raises(DeviceUnavailable, match="offers no security that the options allow, but: None"):
            await read(device(bare, fingerprint=protection.fingerprint))


async def test_an_unknown_certificate_is_named_and_trusted_by_its_fingerprint(plant, protection, recorder) -> None:
    with pytest.raises(CertificateRefused) as refusal:
        await driver.run(device(plant), recorder)
    assert protection.fingerprint in str(refusal.value)
    assert "fingerprint" in refusal.value.remedy
    assert "\x1e" in packed(refusal.value)  # short enough for a device's state in every language
    shown = str(refusal.value.values["fingerprint"])
    colons = ":".join(shown[i : i + 2] for i in range(0, 64, 2)).upper()
    assert await read(device(plant, fingerprint=f"{'0' * 64} {colons}")) == 1.5
    assert recorder.times_online == 0


async def test_a_certificate_in_the_folder_trusted_is_believed(plant, protection, home: Path) -> None:
    file = home / "opcua" / "trusted" / "plant.pem"
    file.parent.mkdir(parents=True, exist_ok=True)
    (file.parent / "notes.txt").write_text("no certificate")
    file.write_bytes(protection.certificate.public_bytes(serialization.Encoding.PEM))
    try:
        assert await read(device(plant)) == 1.5
    finally:
        file.unlink()


async def test_first_use_is_a_choice_holds_for_one_organisation_and_notices_a_change(plant, protection) -> None:
    with pytest.raises(CertificateRefused, match="Unknown certificate"):
        await read(device(plant, org=7))
    assert await read(device(plant, org=7, trust="first-use")) == 1.5
    assert await read(device(plant, org=7, trust="first-use")) == 1.5
    with pytest.raises(CertificateRefused, match="Unknown certificate"):
        await read(device(plant, org=8))
    renewed = self_signed(protection.key, "renewed", SERVER_URI, ["127.0.0.1"], days=10)
    port = plant.port
    await plant.__aexit__(None, None, None)
    try:
        changed = replace(protection, certificate=renewed)
        async with OpcuaSimulator("127.0.0.1", port, POINTS, protection=changed):
            with pytest.raises(CertificateRefused, match="has changed") as refusal:
                await read(device(plant, org=7, trust="first-use"))
        assert changed.fingerprint in str(refusal.value)
    finally:
        await plant.__aenter__()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("expired", "expired on 2020-04-10"),
        ("not yet", "is valid from"),
        ("host", "is for plant.example"),
        ("uri", "another application"),
    ],
)
async def test_a_wrong_certificate_is_refused_unless_a_person_says_otherwise(protection, fault, message) -> None:
    certificates = {
        "expired": (SERVER_URI, ["127.0.0.1"], datetime(2020, 1, 1, tzinfo=UTC)),
        "not yet": (SERVER_URI, ["127.0.0.1"], datetime(2090, 1, 1, tzinfo=UTC)),
        "host": (SERVER_URI, ["plant.example"], None),
        "uri": ("urn:somebody:else", ["127.0.0.1"], None),
    }
    uri, hosts, begins = certificates[fault]
    wrong = replace(
        protection,
        certificate=self_signed(protection.key, "wrong", uri, hosts, days=100, begins=begins),
        policies=(STRONGEST,),
    )
    async with OpcuaSimulator("127.0.0.1", 0, POINTS, protection=wrong) as plant:
        with pytest.raises(CertificateRefused, match=message) as refusal:
            await read(device(plant, fingerprint=wrong.fingerprint))
        assert wrong.fingerprint in str(refusal.value)
        assert await read(device(plant, fingerprint=wrong.fingerprint, verify="fingerprint")) == 1.5


async def test_a_server_that_does_not_trust_the_gateway_says_which_certificate_to_trust(
    plant, protection, home
) -> None:
    async def nobody(_certificate: object, _application: object) -> None:
        raise ServiceError(ua.StatusCodes.BadCertificateUntrusted)

    plant.server.iserver.certificate_validator = nobody
    try:
        with pytest.raises(DeviceUnavailable, match="refuses this gateway's certificate") as refusal:
            await read(device(plant, fingerprint=protection.fingerprint))
    finally:
        plant.server.iserver.certificate_validator = None
    assert own_certificate(home, "local").fingerprint in str(refusal.value)


async def test_the_server_sees_the_application_of_the_gateways_certificate(plant, protection, home) -> None:
    seen: list[str] = []

    async def look(_certificate: object, application: ua.ApplicationDescription) -> None:
        seen.append(application.ApplicationUri)

    plant.server.iserver.certificate_validator = look
    try:
        await read(device(plant, fingerprint=protection.fingerprint))
    finally:
        plant.server.iserver.certificate_validator = None
    assert seen == [own_certificate(home, "local").uri]


async def test_a_list_of_endpoints_that_hides_the_strong_ones_is_noticed(plant, protection, monkeypatch) -> None:
    honest = client.GatewayClient.connect_and_get_server_endpoints

    async def forged(self: client.GatewayClient) -> list[ua.EndpointDescription]:
        return [it for it in await honest(self) if it.SecurityPolicyUri.endswith("#Basic256Sha256")]

    monkeypatch.setattr(client.GatewayClient, "connect_and_get_server_endpoints", forged)
    with pytest.raises(DeviceUnavailable, match="hidden"):
        await read(device(plant, fingerprint=protection.fingerprint))


async def test_keys_of_a_channel_are_renewed_without_losing_a_value(
    plant, protection, recorder, running, monkeypatch
) -> None:
    monkeypatch.setattr(client, "CHANNEL", 1200)
    config = device(plant, fingerprint=protection.fingerprint, heartbeat=0)
    async with running(driver, config, recorder):
        await recorder.until(lambda: recorder.batches)
        for i in range(1, 31):
            await plant.write("D.x", i, 1_700_000_000_000_000 + i)
            await recorder.until(lambda i=i: recorder.last()[1].value == i, seconds=10)
    assert [sample.value for sample in recorder.of(1)[1:]] == [float(i) for i in range(1, 31)]
    assert recorder.times_online == 1
    await plant.write("D.x", 1.5)


async def test_users_by_password_and_by_certificate(protection, home) -> None:
    user = self_signed(protection.key, "user", "urn:user", [], days=10)
    pem = user.public_bytes(serialization.Encoding.PEM).decode()
    key = protection.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    passwords: list[bytes] = []
    async with OpcuaSimulator(
        "127.0.0.1", 0, POINTS, username="gateway", password="right", user_certificates=[user], protection=protection
    ) as plant:
        honest = plant.server.iserver.decrypt_user_token

        def listen(session: object, token: ua.UserNameIdentityToken) -> tuple[str, str]:
            passwords.append(bytes(token.Password))
            return honest(session, token)  # type: ignore[no-any-return]

        plant.server.iserver.decrypt_user_token = listen
        known = {"fingerprint": protection.fingerprint}
        for mode in ("Sign", "SignAndEncrypt"):
            assert await read(device(plant, username="gateway", password="right", mode=mode, **known)) == 1.5
        # Without a channel's encryption the password is encrypted by itself, and only for a server that is known.
        assert await read(device(plant, username="gateway", password="right", policy="None", **known)) == 1.5
        assert b"right" not in passwords[0]
        assert b"right" not in passwords[2]
        with pytest.raises(CertificateRefused, match="Unknown certificate"):
            await read(device(plant, username="gateway", password="right", policy="None"))
        with pytest.raises(BadConfiguration, match="refuses this user"):
            await read(device(plant, username="gateway", password="wrong", **known))
        with pytest.raises(BadConfiguration, match="refuses this user"):
            await read(device(plant, **known))
        in_one_line = pem.replace("\n", " ")  # as a form sends it
        assert await read(device(plant, user_certificate=in_one_line, user_key=key, **known)) == 1.5
        stranger = self_signed(protection.key, "other", "urn:user", [], days=10)
        other = stranger.public_bytes(serialization.Encoding.PEM).decode()
        with pytest.raises(BadConfiguration, match="refuses this user"):
            await read(device(plant, user_certificate=other, user_key=key, **known))
        with pytest.raises(BadConfiguration, match="cannot be used: not PEM"):
            await read(device(plant, user_certificate="rubbish", user_key=key, **known))


async def test_a_password_is_never_sent_in_plain_text_unasked(home) -> None:
    async with OpcuaSimulator("127.0.0.1", 0, POINTS, username="gateway", password="right") as plant:
        with pytest.raises(DeviceUnavailable, match="wants the password in plain text"):
            await read(device(plant, username="gateway", password="right"))
        assert await read(device(plant, username="gateway", password="right", policy="None")) == 1.5


@pytest.mark.parametrize("fingerprint", ["12", "g" * 64, "00" * 20])
async def test_what_is_no_fingerprint_is_refused(fingerprint) -> None:
    config = DeviceConfig(
        device=1, org=1, org_code="a", name="n", driver="opcua",
        options={"endpoint": "opc.tcp://127.0.0.1:1/", "fingerprint": fingerprint},
    )  # fmt: skip
    with pytest.raises(BadConfiguration, match="is not a SHA-256 fingerprint"):
        await read(config)
