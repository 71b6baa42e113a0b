"""Wrong secrets make one wait, over every door that takes one, and nobody else."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import pytest

from gongfu.identity.handle.wire import Reference
from gongfu.identity.resolver.errors import AuthenticationFailed, TooManyFailures
from gongfu.identity.resolver.http import throttle
from gongfu.identity.resolver.http.throttle import ALLOWED, FROM_ADDRESS, LONGEST, MOST, REMEMBERED, Throttle
from gongfu.kernel.i18n import mark

from .conftest import Node

LI, WANG = Reference("0.NA/88.118.1", 300), Reference("0.NA/88.118.2", 300)
HERE, THERE = "192.0.2.1", "192.0.2.2"


class Clock:
    """A time that stands still."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watched(clock: Clock) -> Throttle:
    return Throttle(clock)


def wrong(watched: Throttle, peer: str, who: Reference, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(AuthenticationFailed), watched.attempt(peer, who):
            raise AuthenticationFailed(mark("The proof is malformed."))


def right(watched: Throttle, peer: str, who: Reference) -> None:
    with watched.attempt(peer, who):
        pass


def waiting(watched: Throttle, peer: str, who: Reference) -> int:
    """Seconds one is told to wait; 0 when one may try."""
    try:
        with watched.attempt(peer, who):
            raise AuthenticationFailed(mark("The proof is malformed."))
    except TooManyFailures as error:
        return int(str(error.values["seconds"]))
    except AuthenticationFailed:
        return 0


def test_after_some_failures_one_waits_twice_as_long_each_time(watched: Throttle, clock: Clock) -> None:
    wrong(watched, HERE, LI, ALLOWED)
    waits = []
    for _ in range(9):
        waits.append(waiting(watched, HERE, LI))
        clock.now += waits[-1]
        wrong(watched, HERE, LI)
    assert waits == [1, 2, 4, 8, 16, 32, LONGEST, LONGEST, LONGEST]
    assert waiting(watched, THERE, LI) == LONGEST, "from wherever one guesses"
    right(watched, HERE, WANG)
    clock.now += REMEMBERED + 1
    wrong(watched, HERE, LI, ALLOWED - 1)
    right(watched, HERE, LI)


def test_the_right_secret_is_not_looked_at_while_one_waits_and_clears_the_count(
    watched: Throttle, clock: Clock
) -> None:
    wrong(watched, HERE, LI, ALLOWED)
    with pytest.raises(TooManyFailures):
        right(watched, HERE, LI)
    clock.now += 1
    right(watched, HERE, LI)
    wrong(watched, HERE, LI, ALLOWED - 1)
    right(watched, HERE, LI)


def test_who_tries_many_names_from_one_address_waits_too(watched: Throttle) -> None:
    for number in range(FROM_ADDRESS):
        wrong(watched, HERE, Reference(f"0.NA/88.120.{number}", 300))
    assert waiting(watched, HERE, WANG) == 1
    assert waiting(watched, THERE, WANG) == 0
    for number in range(FROM_ADDRESS):
        wrong(watched, f"2001:db8:1:2::{number:x}", Reference(f"0.NA/88.119.{number}", 300))
    assert waiting(watched, "2001:db8:1:2:ffff::1", WANG) == 1, "one network"
    assert waiting(watched, "2001:db8:1:3::1", WANG) == 0


def test_nobody_is_locked_out_where_he_signs_in_because_others_fail_in_his_name(watched: Throttle) -> None:
    right(watched, HERE, LI)
    wrong(watched, THERE, LI, ALLOWED)
    assert waiting(watched, THERE, LI) == 1
    right(watched, HERE, LI)
    for number in range(FROM_ADDRESS):
        wrong(watched, HERE, Reference(f"0.NA/88.119.{number}", 300))
    right(watched, HERE, LI)
    with pytest.raises(TooManyFailures):
        right(watched, HERE, WANG)


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_this_computer_is_told_apart_by_administrator_only(watched: Throttle, peer: str) -> None:
    for number in range(FROM_ADDRESS + 5):
        wrong(watched, peer, Reference(f"0.NA/88.119.{number}", 300))
    assert waiting(watched, peer, Reference("0.NA/88.119.999", 300)) == 0
    wrong(watched, peer, WANG, ALLOWED)
    assert waiting(watched, peer, WANG) == 1


def test_a_flood_of_names_and_addresses_takes_bounded_memory(
    watched: Throttle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "MOST", 50)
    for number in range(200):
        wrong(watched, f"10.0.{number // 250}.{number % 250}", Reference(f"0.NA/88.118.{number}", 300))
        right(watched, f"10.1.{number // 250}.{number % 250}", Reference(f"0.NA/88.119.{number}", 300))
    assert len(watched._failures) == len(watched._known) == 50
    assert MOST >= 50


# --- over the doors ---


def basic(user: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user.replace(':', '%3A')}:{secret}".encode()).decode()}


def ask(node: Node, method: str, path: str, headers: dict[str, str], body: str = "") -> tuple[int, str]:
    connection = node.connection()
    connection.request(method, path, body or None, headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, answer.headers.get("Retry-After", "")


_DOORS = ("basic", "search", "sessions", "verifications", "token")


def guesses(node: Node, door: str) -> Iterator[tuple[int, str]]:
    """Wrong secrets of an administrator that no other test uses, over ``door``."""
    user = f"30{_DOORS.index(door)}:0.NA/88.118.7"
    for _ in range(ALLOWED + 1):
        match door:
            case "basic":
                yield ask(node, "GET", "/api/handles/88.118.1/A", basic(user, "guess"))
            case "search":
                yield ask(node, "GET", "/hrls/handles/?URL=x", basic(user, "guess"))
            case "sessions":
                yield ask(node, "POST", "/api/sessions/", basic(user, "guess"))
            case "verifications":
                asked = "nonce=AAAA&cnonce=AAAA&alg=SHA256&signature=AAAA"
                yield ask(node, "GET", f"/api/verifications/{user}?{asked}", {})
            case "token":
                login = json.dumps({"username": user, "password": "guess"})
                yield ask(node, "POST", "/identity/token", {"Content-Type": "application/json"}, login)


@pytest.mark.parametrize("door", _DOORS)
def test_guessing_over_any_door_ends_with_429_and_says_when_to_come_back(node: Node, door: str) -> None:
    *before, (status, after) = guesses(node, door)
    assert all(first != 429 for first, _ in before)
    assert status == 429
    assert 1 <= int(after) <= LONGEST
    assert ask(node, "GET", "/api/handles/88.118.1/A", {})[0] in (200, 404), "questions are answered"
