"""A web service asked over a real socket: what the gateway is told when things go well, and when they do not."""

from __future__ import annotations

import asyncio
import datetime
import gzip
import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import BadConfiguration, DeviceUnavailable, Refusal
from gongfu.network.drivers.http import driver
from gongfu.network.drivers.http.simulator import HttpSimulator
from gongfu.network.gateway.config import DeviceConfig, TagConfig

SPEED = TagConfig(series=1, name="speed", address="/line/speed")
STATE = TagConfig(series=2, name="state", address="/state", kind="text")


def device(url: str, *tags: TagConfig, **options: object) -> DeviceConfig:
    return DeviceConfig(
        device=1,
        org=1,
        org_code="acme",
        name="line",
        driver="http",
        options={"url": url, "timeout": 2, **options},  # type: ignore[dict-item]
        interval=0.02,
        tags=list(tags or (SPEED, STATE)),
    )


def found(recorder, series: int = 1) -> list[tuple[int, object]]:
    return [(sample.time, sample.value) for sample in recorder.of(series)]


async def test_values_without_a_time_arrive_at_each_interval_even_when_nothing_changed(recorder, running) -> None:
    async with HttpSimulator("127.0.0.1", 0) as service:
        service.put("/v", b'{"line": {"speed": 1.5}, "state": "run"}')
        async with running(driver, device(service.url + "/v"), recorder):
            await recorder.until(lambda: len(recorder.of(1)) >= 3)
        assert found(recorder)[:3] == [(0, 1.5)] * 3
        assert found(recorder, 2)[0] == (0, "run")
        assert service.asked[2].headers["if-none-match"]  # asked conditionally, answered 304
    assert recorder.times_online == 1


async def test_rows_with_a_time_count_once_however_often_they_are_answered(recorder, running) -> None:
    rows = [b'{"ts": %d, "line": {"speed": %d}}' % (1_700_000_000 + n, n) for n in range(6)]
    options = {"rows": "/data/items", "time": "/ts"}
    async with HttpSimulator("127.0.0.1", 0) as service:
        service.etags = False
        service.put("/v", b'{"data": {"items": [%s]}}' % b",".join(rows[:4]))
        async with running(driver, device(service.url + "/v", SPEED, **options), recorder):
            await recorder.until(lambda: len(service.asked) >= 4)
            service.put("/v", b'{"data": {"items": [%s]}}' % b",".join(rows[2:]))
            await recorder.until(lambda: len(recorder.of(1)) == 6)
            asked = len(service.asked)
            await recorder.until(lambda: len(service.asked) >= asked + 3)
    assert found(recorder) == [((1_700_000_000 + n) * 1_000_000, n) for n in range(6)]


CSV = "时间;转速;名称\n2026-11-18 19:06:40;12.5;a\n2026-11-18 19:06:41;wrong;b\n\nbroken\n2026-11-18 19:06:42;;c\n"
XML = b'<?xml version="1.0"?><r xmlns="urn:x"><line unit="m"><speed>2.5</speed></line><a>1</a><a>2</a></r>'


async def test_csv_in_a_chinese_encoding_is_read_and_its_broken_row_reported(recorder, running) -> None:
    tags = [TagConfig(series=1, name="v", address="转速"), TagConfig(series=3, name="b", address="转速@名称=a")]
    options = {"format": "csv", "time": "时间", "zone": "Asia/Shanghai", "delimiter": ";", "encoding": "gbk"}
    async with HttpSimulator("127.0.0.1", 0) as service:
        service.put("/v", CSV.encode("gbk"), "text/plain")
        async with running(driver, device(service.url + "/v", *tags, **options), recorder):
            await recorder.until(lambda: recorder.batches)
    start = 1_795_000_000_000_000
    assert recorder.batches[0][0] == recorder.of(1)[0]
    assert found(recorder) == [(start, 12.5), (start + 1_000_000, None)]
    assert found(recorder, 3) == [(start, 12.5)]
    assert any("Line 4 has 1 cells" in complaint for complaint in recorder.complaints)


@pytest.mark.parametrize(
    ("body", "kind", "tags"),
    [
        (XML, "application/xml", {"/line/speed": "2.5", "/line/@unit": "m", "/a/1": "2"}),
        (b"speed = 2.5\nstate: run fast\n", "text/plain", {"speed": "2.5", "state": "run fast"}),
        (b" 17.25\n", "text/plain", {"": "17.25"}),
        (b'[{"x": 1}, {"x": 2}]', "text/html", {"x": 2}),
    ],
)
async def test_other_contents_are_read_too(body: bytes, kind: str, tags: dict[str, object]) -> None:
    asked = [TagConfig(series=n, name=a or "bare", address=a, kind="text") for n, a in enumerate(tags)]
    async with HttpSimulator("127.0.0.1", 0) as service:
        service.put("/v", body, kind)
        async with driver.open_session(device(service.url + "/v", *asked)) as session:
            assert [sample.value for sample in await session.read(asked)] == list(tags.values())


async def test_a_changed_schema_makes_that_tag_bad_and_tells_once(recorder, running) -> None:
    async with HttpSimulator("127.0.0.1", 0) as service:
        service.put("/v", b'{"line": {"speed": 1}, "state": "run"}')
        async with running(driver, device(service.url + "/v"), recorder):
            await recorder.until(lambda: recorder.of(1))
            service.put("/v", b'{"line": {"velocity": 1}, "state": "run"}')
            await recorder.until(lambda: recorder.last()[1].quality is Quality.BAD)
            seen = len(recorder.batches)
            await recorder.until(lambda: len(recorder.batches) > seen + 2)
            assert recorder.last()[2].quality is Quality.GOOD
    assert recorder.complaints == ["speed (/line/speed): the answer does not have it"]


@pytest.mark.parametrize(
    "body",
    [b"<html><body>log in", b"{", b"\xff\xfe\x00", b"", b'<!DOCTYPE a [<!ENTITY x "ha">]><r>&x;</r>', b"<a>" * 900],
)
async def test_content_that_cannot_be_read_makes_everything_bad_and_the_next_is_read(recorder, running, body) -> None:
    async with HttpSimulator("127.0.0.1", 0) as service:
        service.put("/v", body)
        async with running(driver, device(service.url + "/v"), recorder):
            await recorder.until(lambda: recorder.batches)
            assert {sample.quality for sample in recorder.batches[0]} == {Quality.BAD}
            assert recorder.complaints
            service.put("/v", b'{"line": {"speed": 1}, "state": "run"}')
            await recorder.until(lambda: recorder.last()[1].value == 1)


@pytest.mark.parametrize("status", [401, 404, 429, 500, 503])
async def test_another_status_is_unavailable_and_named(recorder, status: int) -> None:
    async with HttpSimulator("127.0.0.1", 0) as service:
        service.put("/v", b"{}", status=status)
        with pytest.raises(DeviceUnavailable, match=f"/v answers {status}") as problem:
            await driver.run(device(service.url + "/v?key=secret"), recorder)
    assert "secret" not in str(problem.value)
    assert recorder.times_online == 0


async def test_credentials_and_headers_are_sent_and_other_hosts_do_not_get_them(recorder, running) -> None:
    secrets = {"username": "u", "password": "p", "headers": "X-Key: k\nX-Other: o", "redirects": "any"}
    async with HttpSimulator("127.0.0.1", 0) as service, HttpSimulator("127.0.0.1", 0) as other:
        service.put("/v", b"", status=302).headers["location"] = "/w"
        service.put("/w", b"", status=302).headers["location"] = other.url + "/v"
        other.put("/v", b'{"line": {"speed": 1}}')
        async with running(driver, device(service.url + "/v", SPEED, **secrets), recorder):
            await recorder.until(lambda: recorder.batches)
        assert {"authorization": "Basic dTpw", "x-key": "k", "x-other": "o"}.items() <= service.asked[1].headers.items()
        assert not {"authorization", "x-key"} & other.asked[0].headers.keys()


@pytest.mark.parametrize("there", ["http://localhost:1/v", "file:///etc/passwd", "ftp://127.0.0.1/", "//[", "/v"])
async def test_detours_and_circles_are_refused(recorder, there: str) -> None:
    async with HttpSimulator("127.0.0.1", 0) as service:
        service.put("/v", b"", status=302).headers["location"] = there
        with pytest.raises(DeviceUnavailable):
            await driver.run(device(service.url + "/v"), recorder)


@pytest.mark.parametrize("url", ["", "file:///etc/passwd", "ftp://h/", "h/x", "http://u:secret@h/", "http://h:99999/"])
async def test_what_is_no_web_address_is_refused_without_showing_a_password(recorder, url: str) -> None:
    with pytest.raises(BadConfiguration) as problem:
        await driver.run(device(url), recorder)
    assert "secret" not in str(problem.value)


@pytest.mark.parametrize(
    "options",
    [{"headers": "no colon"}, {"headers": "A: \x00"}, {"ca": "x"}, {"mode": "x"}],
)
async def test_options_that_cannot_work_are_refused(recorder, options: dict[str, str]) -> None:
    with pytest.raises(BadConfiguration):
        await driver.run(device("https://127.0.0.1:1/", **options), recorder)


@pytest.mark.parametrize("packed", [False, True])
async def test_an_answer_that_is_too_long_is_cut_off_even_when_it_is_small_on_the_line(recorder, packed: bool) -> None:
    async with HttpSimulator("127.0.0.1", 0) as service:
        body = b"[" + b" " * 20_000_000 + b"]"
        page = service.put("/v", gzip.compress(body) if packed else body)
        if packed:
            page.headers["content-encoding"] = "gzip"
        with pytest.raises(DeviceUnavailable, match="longer than 100000 bytes"):
            await driver.run(device(service.url + "/v", max_bytes=100_000), recorder)


async def test_a_packed_answer_is_unpacked_and_a_truncated_one_is_unavailable(recorder, running) -> None:
    whole = gzip.compress(b'{"line": {"speed": 3}}')
    async with HttpSimulator("127.0.0.1", 0) as service:
        service.put("/v", whole).headers["content-encoding"] = "gzip"
        async with running(driver, device(service.url + "/v", SPEED), recorder):
            await recorder.until(lambda: recorder.of(1))
        service.put("/v", whole[:-9]).headers["content-encoding"] = "gzip"
        with pytest.raises(DeviceUnavailable, match="breaks off"):
            await driver.run(device(service.url + "/v", SPEED), recorder)


async def test_nobody_there_is_unavailable(recorder, closed_port) -> None:
    with pytest.raises(DeviceUnavailable, match="Nothing answers"):
        await driver.run(device(f"http://127.0.0.1:{closed_port}/"), recorder)


async def test_rubbish_from_the_network_is_unavailable(recorder, rubbish_port) -> None:
    with pytest.raises(DeviceUnavailable):
        await driver.run(device(f"http://127.0.0.1:{rubbish_port}/", timeout=0.5), recorder)


async def test_a_service_that_is_slow_is_unavailable_in_time(recorder) -> None:
    async with HttpSimulator("127.0.0.1", 0) as service:
        service.delay = 20
        with pytest.raises(DeviceUnavailable, match=r"did not answer within 0\.2 s"):
            await asyncio.wait_for(driver.run(device(service.url, timeout=0.2), recorder), 10)


async def test_a_service_that_drips_is_unavailable_in_time(recorder, serve) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.02)

    port = await serve(drip)
    with pytest.raises(DeviceUnavailable, match="did not answer within"):
        await asyncio.wait_for(driver.run(device(f"http://127.0.0.1:{port}/", timeout=0.5), recorder), 10)


async def test_a_service_that_comes_back_is_read_again(recorder, running) -> None:
    async with HttpSimulator("127.0.0.1", 0) as service:
        service.put("/v", b'{"line": {"speed": 1}}')
        task = asyncio.create_task(driver.run(device(service.url + "/v", SPEED), recorder))
        await recorder.until(lambda: recorder.batches)
    with pytest.raises(DeviceUnavailable):
        await asyncio.wait_for(task, 10)
    async with HttpSimulator("127.0.0.1", service.port) as again:
        again.put("/v", b'{"line": {"speed": 2}}')
        async with running(driver, device(again.url + "/v", SPEED), recorder):
            await recorder.until(lambda: recorder.last()[1].value == 2)


async def test_a_session_browses_reads_and_writes() -> None:
    async with HttpSimulator("127.0.0.1", 0) as service:
        service.put("/v", b'{"a/b": {"x": 1, "y": [true, null]}, "t": "3.5"}')
        service.put("/w/a%2Fb", b"")  # never asked: the server decodes the path
        service.put("/w/a/b", b"")
        config = device(
            service.url + "/v",
            write_url=service.url + "/w/{address}",
            write_method="PUT",
            write_body='{"to": "{name}", "v": {value}}',
        )
        async with driver.open_session(config) as session:
            top = await session.browse("")
            assert [(p.address, p.folder, p.kind) for p in top] == [("/a~1b", True, ""), ("/t", False, "number")]
            assert [p.address for p in await session.browse("/a~1b/y")] == ["/a~1b/y/0", "/a~1b/y/1"]
            with pytest.raises(DeviceUnavailable, match="nothing at /nowhere"):
                await session.browse("/nowhere")
            tag = TagConfig(series=1, name='n"ame', address="a/b")
            await session.write(tag, 'te"xt')
            assert (service.asked[-1].method, service.asked[-1].body) == ("PUT", b'{"to": "n\\"ame", "v": "te\\"xt"}')
            await session.write(tag, True)
            assert service.asked[-1].body.endswith(b'"v": true}')
            service.put("/w/a/b", b"above the limit", status=422)
            with pytest.raises(Refusal, match="above the limit"):
                await session.write(tag, 5)
            service.put("/w/a/b", b"", status=500)
            with pytest.raises(DeviceUnavailable):
                await session.write(tag, 5)
        async with driver.open_session(device(service.url + "/v")) as session:
            with pytest.raises(Refusal, match="no address to write to"):
                await session.write(tag, 5)


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[ssl.SSLContext, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "plant")])
    begin = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + datetime.timedelta(days=9))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "pem").write_bytes(pem + secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pem")
    return context, pem.decode()


async def test_a_certificate_must_be_trusted_by_the_system_or_by_the_option(recorder, running, certificate) -> None:
    context, pem = certificate

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 22\r\n\r\n{"line": {"speed": 5}}')

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    with pytest.raises(DeviceUnavailable, match="is not trusted"):
        await driver.run(device(url, SPEED), recorder)
    for options in ({"ca": pem}, {"verify": False}):
        before = len(recorder.batches)
        async with running(driver, device(url, SPEED, **options), recorder):
            await recorder.until(lambda: len(recorder.batches) > before)  # noqa: B023
    server.close()
