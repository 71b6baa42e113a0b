"""The options of an OPC UA device, as in manifest.toml."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import BadConfiguration
from gongfu.network.drivers.opcua.address import Deadband, parse_deadband
from gongfu.network.drivers.options import read_options
from gongfu.network.gateway.config import DeviceConfig

PolicyName = Literal[
    "auto",
    "None",
    "Basic256Sha256",
    "Aes128_Sha256_RsaOaep",
    "Aes256_Sha256_RsaPss",
    "Basic256",
    "Basic128Rsa15",
]


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options as in manifest.toml; what each means stands there and in the README."""

    endpoint: str
    policy: PolicyName = "auto"
    mode: Literal["auto", "SignAndEncrypt", "Sign"] = "auto"
    fingerprint: str = ""
    trust: Literal["accepted", "first-use"] = "accepted"
    verify: Literal["all", "fingerprint"] = "all"
    username: str = ""
    password: str = ""
    user_certificate: str = ""
    user_key: str = ""
    timeout: Annotated[float, Meta(ge=0.1, le=60)] = 3.0
    heartbeat: Annotated[float, Meta(ge=0, le=3600)] = 3.0
    queue: Annotated[int, Meta(ge=1, le=100_000)] = 1000
    deadband: str = ""
    history: Annotated[float, Meta(ge=0, le=2_678_400)] = 0.0

    @property
    def fingerprints(self) -> frozenset[str]:
        """The SHA-256 fingerprints a person has confirmed: 64 lower-case hexadecimal digits each."""
        return frozenset(part.replace(":", "").lower() for part in self.fingerprint.replace(",", " ").split())

    @property
    def width(self) -> Deadband:
        """The dead-band of tags that do not set their own."""
        return parse_deadband(self.deadband)


def read(device: DeviceConfig) -> Options:
    """The options of ``device``; raises :class:`BadConfiguration`."""
    options = read_options(device, Options)
    parse_deadband(options.deadband)
    for fingerprint in options.fingerprints:
        if len(fingerprint) != 64 or not set(fingerprint) <= set("0123456789abcdef"):
            raise BadConfiguration(
                mark("{fingerprint} is not a SHA-256 fingerprint."),
                remedy=mark("Write 64 hexadecimal digits, with or without colons."),
                fingerprint=fingerprint[:100],
            )
    if bool(options.user_certificate) != bool(options.user_key):
        raise BadConfiguration(
            mark("A user certificate of {device} lacks its key, or a key its certificate."),
            remedy=mark("Fill in both user_certificate and user_key."),
            device=device.name,
        )
    return options
