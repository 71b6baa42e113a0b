"""AWS Signature Version 4 for S3. Pure.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

ALGORITHM: Final = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who asks, and where."""

    access_key: str
    secret_key: str
    region: str
    service: str = "s3"


def encoded_path(path: str) -> str:
    """``path`` as it is signed and sent: every octet but unreserved ones and slashes in percent form."""
    return quote(path, safe="/-._~")


def encoded_query(query: Mapping[str, str]) -> str:
    """Parameters as they are signed and sent, in order."""
    pairs = sorted((quote(name, safe="-._~"), quote(value, safe="-._~")) for name, value in query.items())
    return "&".join(f"{name}={value}" for name, value in pairs)


def sign(
    credentials: Credentials,
    method: str,
    path: str,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    payload: bytes,
    now: datetime,
) -> dict[str, str]:
    """All headers to send: ``headers`` (``host`` among them), date, hash of ``payload`` and ``authorization``."""
    return sign_hashed(credentials, method, path, query, headers, hashlib.sha256(payload).hexdigest(), now)


def sign_hashed(
    credentials: Credentials,
    method: str,
    path: str,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    payload_hash: str,
    now: datetime,
) -> dict[str, str]:
    """:func:`sign` for a payload of which the SHA-256 is known."""
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{stamp[:8]}/{credentials.region}/{credentials.service}/aws4_request"
    signed = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
    signed |= {"x-amz-date": stamp, "x-amz-content-sha256": payload_hash}
    names = ";".join(sorted(signed))
    canonical = "\n".join(
        (
            method,
            encoded_path(path),
            encoded_query(query),
            *(f"{name}:{signed[name]}" for name in sorted(signed)),
            "",
            names,
            payload_hash,
        )
    )
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"AWS4{credentials.secret_key}".encode()
    for part in (stamp[:8], credentials.region, credentials.service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, f"{ALGORITHM}\n{stamp}\n{scope}\n{hashed}".encode(), hashlib.sha256).hexdigest()
    authorization = (
        f"{ALGORITHM} Credential={credentials.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return {**signed, "authorization": authorization}
