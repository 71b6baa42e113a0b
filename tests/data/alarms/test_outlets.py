"""Each way of telling people, against a stand-in that checks what arrives as the real one would."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.data.alarms.outlets import kinds, posting
from gongfu.data.alarms.outlets.letter import Letter, Request, Target, cut
from gongfu.kernel.errors import Forbidden, GongfuError, Invalid, Unavailable
from gongfu.kernel.settings import Settings

LETTER = Letter("[紧急] 流量过高", ("循环泵 P-1 · 91", "第二行"), "http://node/data/alarms/1/", ({"id": 1},))
SECRET = "SEC-not-for-logs"  # noqa: S105
HERE = Settings(home=Path("/nowhere"), outlet_networks=["127.0.0.0/8"])


@dataclass
class StandIn:
    """What a robot's server would be."""

    judge: Callable[[str, dict[str, str], bytes], tuple[int, bytes]]
    got: list[bytes] = field(default_factory=list)
    port: int = 0


@contextmanager
def standing_in(judge: Callable[[str, dict[str, str], bytes], tuple[int, bytes]]) -> Iterator[StandIn]:
    made = StandIn(judge)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, answer = made.judge(self.path, dict(self.headers), body)
            made.got.append(body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        made.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()


def dingtalk(path: str, _headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
    """As its documentation says: Base64 of HmacSHA256(secret, timestamp + newline + secret), within an hour."""
    query = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
    wanted = hmac.new(SECRET.encode(), f"{query['timestamp']}\n{SECRET}".encode(), hashlib.sha256).digest()
    good = base64.b64decode(query["sign"]) == wanted and abs(int(query["timestamp"]) / 1000 - time.time()) < 3600
    sent = json.loads(body)
    good = good and query["access_token"] == "tok" and sent["markdown"]["title"] == LETTER.title
    return 200, b'{"errcode":0,"errmsg":"ok"}' if good else b'{"errcode":310000,"errmsg":"sign not match"}'


def feishu(path: str, _headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
    sent = json.loads(body)
    key = f"{sent['timestamp']}\n{SECRET}".encode()
    good = sent["sign"] == base64.b64encode(hmac.new(key, digestmod=hashlib.sha256).digest()).decode()
    good = good and path == "/open-apis/bot/v2/hook/tok" and LETTER.lines[0] in sent["content"]["text"]
    return 200, b'{"code":0,"msg":"success"}' if good else b'{"code":19021,"msg":"sign match fail"}'


def wecom(path: str, _headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
    good = path == "/cgi-bin/webhook/send?key=tok" and LETTER.title in json.loads(body)["markdown"]["content"]
    return 200, b'{"errcode":0}' if good else b'{"errcode":93000,"errmsg":"invalid webhook url tok"}'


def webhook(_path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
    seen = {name.lower(): value for name, value in headers.items()}
    text = seen["x-gongfu-timestamp"].encode() + b"." + body
    good = seen["x-gongfu-signature"] == "sha256=" + hmac.new(SECRET.encode(), text, hashlib.sha256).hexdigest()
    good = good and seen["authorization"] == "Bearer tok" and json.loads(body)["alarms"] == [{"id": 1}]
    return (204 if good else 401), b""


ROBOTS = {
    "dingtalk": (dingtalk, "/robot/send"),
    "feishu": (feishu, "/open-apis/bot/v2/hook"),
    "wecom": (wecom, "/cgi-bin/webhook/send"),
    "webhook": (webhook, "/hook"),
}


@pytest.mark.parametrize("kind", ROBOTS)
def test_a_robot_takes_what_is_signed_as_it_asks(kind: str) -> None:
    judge, path = ROBOTS[kind]
    with standing_in(judge) as robot:
        address = f"http://127.0.0.1:{robot.port}{path}"
        kinds.send(kind, LETTER, Target(address, "tok", SECRET), HERE, time.time())
        assert len(robot.got) == 1


@pytest.mark.parametrize("kind", ROBOTS)
def test_what_a_robot_refuses_is_told_without_secrets(kind: str) -> None:
    judge, path = ROBOTS[kind]
    with standing_in(judge) as robot, pytest.raises(Unavailable) as refused:
        address = f"http://127.0.0.1:{robot.port}{path}"
        kinds.send(kind, LETTER, Target(address, "tok2" if kind == "wecom" else "tok", "wrong-secret"), HERE, time.time())
    for secret in ("wrong-secret", "tok2"):
        assert secret not in str(refused.value)
        assert secret not in repr(Target("x", secret, secret))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "10.1.2.3", "192.168.0.1", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433"]
)
def test_an_outlet_cannot_reach_into_the_network_of_the_node(host: str) -> None:
    with pytest.raises((Forbidden, Unavailable, Invalid)):
        posting.post(Request(f"http://{host}:9/x", b"{}"), [])


def test_a_private_address_may_be_allowed_and_a_redirect_is_not_followed() -> None:
    with standing_in(lambda *_: (302, b"")) as robot:
        request = Request(f"http://127.0.0.1:{robot.port}/", b"{}")
        assert posting.post(request, ["127.0.0.1/32"]).status == 302
        with pytest.raises(Forbidden):
            posting.post(request, ["10.0.0.0/8"])


@pytest.mark.parametrize(
    ("kind", "pasted", "address", "token"),
    [
        ("dingtalk", "https://oapi.dingtalk.com/robot/send?access_token=abc", "https://oapi.dingtalk.com/robot/send", "abc"),
        ("wecom", "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=k-1", "https://qyapi.weixin.qq.com/cgi-bin/webhook/send", "k-1"),
        ("feishu", "https://open.feishu.cn/open-apis/bot/v2/hook/t-1", "https://open.feishu.cn/open-apis/bot/v2/hook", "t-1"),
        ("webhook", "https://example.com/a?b=c", "https://example.com/a?b=c", ""),
        ("email", "a@example.com，b@example.com", "a@example.com, b@example.com", ""),
    ],
)
def test_a_pasted_address_gives_its_token_away_once(kind: str, pasted: str, address: str, token: str) -> None:
    assert kinds.split(kind, pasted) == (address, token)


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_a_clear_error(text: str) -> None:
    for kind in ("webhook", "dingtalk", "wecom", "feishu", "email"):
        try:
            kinds.split(kind, text)
        except GongfuError:
            continue


@given(st.text(max_size=200), st.integers(10, 100))
def test_a_message_is_cut_between_characters(text: str, most: int) -> None:
    assert len(cut(text, most).encode()) <= most


class _Mail(socketserver.StreamRequestHandler):
    """As much of SMTP (RFC 5321) as a message needs."""

    letters: list[bytes] = []

    def handle(self) -> None:
        self.wfile.write(b"220 stand-in\r\n")
        while line := self.rfile.readline():
            word = line[:4].upper()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                body = b""
                while (part := self.rfile.readline()) != b".\r\n":
                    body += part
                self.letters.append(body)
            self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")
            if word == b"QUIT":
                return


def test_an_e_mail_arrives_and_a_title_forges_no_header() -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), _Mail) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            url = f"smtp://127.0.0.1:{server.server_address[1]}"
            node = msgspec.structs.replace(HERE, smtp_url=url, smtp_from="gongfu@example.com")
            letter = Letter("流量\nBcc: thief@example.com", LETTER.lines)
            kinds.send("email", letter, Target("a@example.com, b@example.com"), node, 0)
        finally:
            server.shutdown()
            thread.join()
    (letter_,) = _Mail.letters
    heads = letter_.split(b"\r\n\r\n")[0]
    assert b"To: a@example.com, b@example.com" in heads
    assert not any(line.startswith(b"Bcc") for line in heads.split(b"\r\n"))


def test_without_a_mail_server_the_remedy_is_named() -> None:
    with pytest.raises(Unavailable, match="smtp_url"):
        kinds.send("email", LETTER, Target("a@example.com"), HERE, 0)


def test_a_name_that_does_not_resolve_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, unquote("unknown"))

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    with pytest.raises(Unavailable):
        posting.post(Request("https://robot.example/x", b"{}"), [])
