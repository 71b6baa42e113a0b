"""Posts to the gateway's listener: what is promised, and what is refused with which words."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from gongfu.network.drivers.contract import BadConfiguration, DeviceUnavailable, Refusal
from gongfu.network.drivers.http import driver, ingest
from gongfu.network.drivers.surroundings import Surroundings, provide
from gongfu.network.gateway.config import DeviceConfig, Status, TagConfig
from tests.network.nats import Bus, free_ports, plane, running_bus, running_gateway

TOKEN = "0123456789abcdef"


@pytest.fixture(autouse=True)
def port() -> int:
    (number,) = free_ports(1)
    provide(Surroundings(ingest_port=number))
    return number


def device(number: int = 1, org: str = "acme", **options: object) -> DeviceConfig:
    return DeviceConfig(
        device=number,
        org=7,
        org_code=org,
        name="scale 1",
        driver="http",
        options={"mode": "push", "token": TOKEN, "time": "/ts", **options},  # type: ignore[dict-item]
        tags=[TagConfig(series=1, name="weight", address="/w")],
    )


@contextlib.asynccontextmanager
async def client(port: int, token: str = TOKEN) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"authorization": f"Bearer {token}"}
    base = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=base, headers=headers, timeout=20, trust_env=False) as made:
        for _ in range(500):
            with contextlib.suppress(httpx.ConnectError):
                await made.get("/")
                break
            await asyncio.sleep(0.01)
        yield made


def row(value: int) -> bytes:
    return b'{"ts": %d, "w": %d}' % (1_700_000_000 + value, value)


async def test_what_is_posted_is_stored_before_it_is_answered(recorder, running, port) -> None:
    async with running(driver, device(), recorder), client(port) as web:
        answer = await web.post("/acme/scale-1", content=row(1))
        assert (answer.status_code, answer.content) == (204, b"")
        assert [(s.series, s.value, s.time) for s in recorder.samples] == [(1, 1, 1_700_000_001_000_000)]
        assert (await web.post("/acme/scale-1", content=b"[%s, %s]" % (row(2), row(3)))).status_code == 204
        assert [s.value for s in recorder.samples] == [1, 2, 3]
    assert recorder.times_online >= 1


async def test_a_post_that_is_repeated_with_its_key_is_stored_once(recorder, running, port) -> None:
    async with running(driver, device(time=""), recorder), client(port) as web:
        for _ in range(3):
            answer = await web.post("/acme/scale-1", content=b'{"w": 5}', headers={"idempotency-key": "a"})
            assert answer.status_code == 204
        assert len(recorder.samples) == 1
        answer = await web.post("/acme/scale-1", content=b'{"w": 6}', headers={"idempotency-key": "a"})
        assert answer.status_code == 422
        assert (await web.post("/acme/scale-1", content=b'{"w": 5}')).status_code == 204
        assert len(recorder.samples) == 2


async def test_a_post_that_the_bus_does_not_take_is_503_and_keeps_its_time(
    recorder, running, port, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = []

    async def stuck(samples) -> None:
        times.append(samples[0].time)
        if len(times) == 1:
            await asyncio.sleep(60)

    recorder.emit_acknowledged = stuck
    async with running(driver, device(time=""), recorder), client(port) as web:
        monkeypatch.setattr(ingest, "STORE_SECONDS", 0.1)
        answer = await web.post("/acme/scale-1", content=b'{"w": 5}', headers={"idempotency-key": "a"})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert answer.json() == {
            "code": "unavailable",
            "en": "The bus does not store at the moment.",
            "zh": "总线暂时无法存储数据。",
        }
        monkeypatch.setattr(ingest, "STORE_SECONDS", 20)
        answer = await web.post("/acme/scale-1", content=b'{"w": 5}', headers={"idempotency-key": "a"})
        assert answer.status_code == 204
    assert times[0] == times[1]


async def test_too_many_posts_at_once_and_the_same_key_at_once_are_put_off(recorder, running, port) -> None:
    recorder.delay = 0.5
    async with running(driver, device(), recorder), client(port) as web:
        posts = [web.post("/acme/scale-1", content=row(n)) for n in range(12)]
        answers = await asyncio.gather(*posts)
        codes = [answer.status_code for answer in answers]
        assert set(codes) == {204, 429}
        assert codes.count(204) == len(recorder.samples)
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert refused.headers["retry-after"] == "1"
        both = [web.post("/acme/scale-1", content=row(50), headers={"idempotency-key": "k"}) for _ in range(2)]
        assert sorted([answer.status_code for answer in await asyncio.gather(*both)]) == [204, 409]


@pytest.mark.parametrize(
    ("path", "token", "content", "status"),
    [
        ("/acme/scale-1", "wrong-token-wrong-token", row(1), 401),
        ("/acme/scale-2", TOKEN, row(1), 401),
        ("/rival/scale-1", TOKEN, row(1), 401),
        ("/acme", TOKEN, row(1), 404),
        ("/acme/scale-1/x", TOKEN, row(1), 404),
        ("/acme/scale-1", TOKEN, b"{", 400),
        ("/acme/scale-1", TOKEN, b'{"w": 1}', 400),
        ("/acme/scale-1", TOKEN, b'"' + b"x" * 3000 + b'"', 413),
    ],
)
async def test_what_cannot_be_taken_is_refused_in_both_languages(
    recorder, running, port, path: str, token: str, content: bytes, status: int
) -> None:
    async with running(driver, device(max_bytes=2000), recorder), client(port, token) as web:
        answer = await web.post(path, content=content)
        assert answer.status_code == status
        words = answer.json()
        assert words["en"].isascii()
        assert not words["zh"].isascii()
        assert TOKEN not in answer.text

        async def chunks() -> AsyncIterator[bytes]:
            yield content

        assert (await web.post(path, content=chunks())).status_code == status
    assert recorder.samples == []


async def test_other_methods_are_refused(recorder, running, port) -> None:
    async with running(driver, device(), recorder), client(port) as web:
        answer = await web.get("/acme/scale-1")
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_a_post_that_stops_in_the_middle_is_given_up(
    recorder, running, port, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "BODY_SECONDS", 0.2)
    async with running(driver, device(), recorder), client(port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"POST /acme/scale-1 HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n"
            b"Authorization: Bearer %s\r\n\r\n{" % TOKEN.encode()
        )
        assert b" 408 " in await asyncio.wait_for(reader.readline(), 10)
        writer.close()


async def test_two_devices_share_the_port_and_one_that_goes_leaves_the_other(recorder, running, port) -> None:
    other = device(2, key="scale-2", token="f" * 20)
    async with running(driver, device(), recorder), client(port) as web:
        async with running(driver, other, recorder), client(port, "f" * 20) as second:
            for _ in range(500):
                answer = await second.post("/acme/scale-2", content=row(2))
                if answer.status_code != 401:
                    break
                await asyncio.sleep(0.01)
            assert answer.status_code == 204
            with pytest.raises(BadConfiguration, match="Another device is posting as acme/scale-2"):
                await driver.run(device(3, key="scale-2"), recorder)
        assert (await web.post("/acme/scale-1", content=row(1))).status_code == 204
        assert (await second_gone(port)) == 401


async def second_gone(port: int) -> int:
    async with client(port, "f" * 20) as web:
        return (await web.post("/acme/scale-2", content=row(2))).status_code


async def test_a_silent_device_is_offline_until_it_posts_again(recorder, running, port) -> None:
    async with running(driver, device(silence=0.1), recorder), client(port) as web:
        await recorder.until(lambda: recorder.silences)
        assert "No message for 0.1 s" in recorder.silences[0]
        assert (await web.post("/acme/scale-1", content=row(1))).status_code == 204
        await recorder.until(lambda: len(recorder.silences) == 2)
    assert recorder.times_online == 1


async def test_without_a_port_a_token_or_a_usable_key_a_device_is_refused(recorder, port) -> None:
    with pytest.raises(BadConfiguration, match="a token of at least 16 characters"):
        await driver.run(device(token="short"), recorder)
    with pytest.raises(BadConfiguration, match="cannot stand in an address"):
        await driver.run(device(key="a/b"), recorder)
    with pytest.raises(Refusal, match="cannot be asked"):
        async with driver.open_session(device()):
            pass
    provide(Surroundings())
    with pytest.raises(BadConfiguration, match="takes no posts"):
        await driver.run(device(), recorder)


async def test_a_port_that_is_taken_is_unavailable(recorder, port) -> None:
    server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", port)
    with pytest.raises(DeviceUnavailable, match="cannot be used"):
        await driver.run(device(), recorder)
    server.close()


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Bus]:
    with running_bus(tmp_path) as running:
        yield running


async def test_204_means_on_the_bus_with_a_bus_that_dies_in_between(bus: Bus, port) -> None:
    settings = msgspec.structs.replace(bus.settings, http_ingest_port=port)
    async with plane(settings) as node, running_gateway(settings):
        await node.desire(device())
        await node.state(1, Status.CONNECTING)
        stored = []
        async with client(port) as web:
            for number in range(20):
                if number == 10:
                    bus.kill()
                    bus.start()
                answer = await web.post("/acme/scale-1", content=row(number), headers={"idempotency-key": str(number)})
                if answer.status_code == 204:
                    stored.append((1, 1_700_000_000_000_000 + number * 1_000_000))
        assert len(stored) > 10
        rows = await node.rows(len(stored), among=set(stored))
        assert {(series, at) for series, at, *_ in rows} >= set(stored)
