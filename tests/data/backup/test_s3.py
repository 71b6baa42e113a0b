"""Backups behind an S3 address: signatures, large objects, failures on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import stand_in
from stand_in import Service

from gongfu.data.backup.targets.s3 import S3
from gongfu.data.backup.targets.signing import Credentials, sign
from gongfu.kernel.errors import Conflict, Forbidden, GongfuError, Invalid, NotFound, Unavailable


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as one:
        yield one


def target(
    service: Service, *, secret: str = stand_in.SECRET, bucket: str = stand_in.BUCKET, timeout: float = 10
) -> S3:
    credentials = Credentials(stand_in.ACCESS, secret, stand_in.REGION)
    return S3(service.endpoint, bucket, "node a/备份", credentials, part=1000, pause=0.001, timeout=timeout)


def test_signature_of_the_published_example() -> None:
    # AWS, "Authenticating Requests: Using the Authorization Header", example GET Object.
    credentials = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1")
    signed = sign(
        credentials,
        "GET",
        "/test.txt",
        {},
        {"host": "examplebucket.s3.amazonaws.com", "range": "bytes=0-9"},
        b"",
        datetime(2013, 5, 24, tzinfo=UTC),
    )
    assert signed["authorization"].endswith(
        "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    )


def test_objects_come_back_whole_in_pieces_and_in_lists(service: Service) -> None:
    one = target(service)
    for n in range(8):
        one.put(f"packs/{n:02d}/a b+c~é", bytes([n]) * 10)
    assert one.get("packs/03/a b+c~é") == b"\x03" * 10
    assert one.get("packs/03/a b+c~é", 2, 3) == b"\x03" * 3
    assert [name for name, _ in one.names("packs/")] == [f"packs/{n:02d}/a b+c~é" for n in range(8)]
    assert list(one.names("index/")) == []
    one.delete("packs/03/a b+c~é")
    one.delete("packs/03/a b+c~é")
    with pytest.raises(NotFound):
        one.get("packs/03/a b+c~é")
    assert service.store.bad_signatures == 0
    one.close()


def test_large_objects_go_in_parts(service: Service) -> None:
    one, octets = target(service), bytes(range(256)) * 20
    one.put("snapshots/1.body", octets)
    assert one.get("snapshots/1.body") == octets
    assert service.store.uploads == {}
    assert sum("PUT" in line for line in service.store.requests) == 6
    one.close()


@pytest.mark.parametrize("status", [500, 503, 429])
def test_what_fails_for_a_while_is_tried_again(service: Service, status: int) -> None:
    seen: Counter[str] = Counter()

    def fail(method: str, key: str) -> int | None:
        seen[method] += 1
        return status if seen[method] <= 3 else None

    service.store.fail = fail
    one = target(service)
    one.put("a", b"1")
    one.put("b", b"2" * 5000)
    assert (one.get("a"), len(one.get("b"))) == (b"1", 5000)
    one.close()


def test_what_fails_for_good_says_what_to_do(service: Service) -> None:
    service.store.fail = lambda method, key: 500
    one = target(service)
    with pytest.raises(Unavailable, match="500 InternalError"):
        one.put("a", b"1")
    one.close()


def test_a_service_that_hangs_is_given_up(service: Service) -> None:
    service.store.delay = lambda method, key: 0.5
    one = target(service, timeout=0.05)
    with pytest.raises(Unavailable, match="does not answer"):
        one.get("a")
    one.close()


def test_an_answer_lost_on_the_way_is_no_conflict(service: Service) -> None:
    lost = iter([500])
    service.store.after = lambda method, key: next(lost, None)
    one = target(service)
    one.put("mark", b"mine", new=True)
    assert one.get("mark") == b"mine"
    with pytest.raises(Conflict):
        one.put("mark", b"theirs", new=True)
    assert one.get("mark") == b"mine"
    one.close()


@pytest.mark.parametrize(
    ("secret", "bucket", "expected"),
    [("wrong", stand_in.BUCKET, Forbidden), (stand_in.SECRET, "elsewhere", Invalid)],
)
def test_wrong_keys_and_wrong_buckets_are_named(
    service: Service, secret: str, bucket: str, expected: type[GongfuError]
) -> None:
    one = target(service, secret=secret, bucket=bucket)
    with pytest.raises(expected) as caught:
        one.put("a", b"1")
    assert caught.value.remedy
    one.close()
