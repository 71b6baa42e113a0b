"""The custom robot of a DingTalk group (钉钉自定义机器人), secured by signature (加签).

Source: open.dingtalk.com, 自定义机器人接入, 自定义机器人安全设置: ``sign`` is the Base64 of HmacSHA256, with the secret as
its key, over ``timestamp`` in milliseconds, a newline and the secret; both go into the query. At most 20 messages a
minute.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from urllib.parse import urlencode

import msgspec

from gongfu.data.alarms.outlets.letter import Letter, Reply, Request, Target, cut

ADDRESS = "https://oapi.dingtalk.com/robot/send"
TOKEN_IN_QUERY = "access_token"  # noqa: S105 - the name of a parameter
_MOST = 18_000


class _Answer(msgspec.Struct):
    errcode: int = -1
    errmsg: str = ""


def sign(secret: str, milliseconds: int) -> str:
    """Signature for the query."""
    digest = hmac.new(secret.encode(), f"{milliseconds}\n{secret}".encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def request(letter: Letter, target: Target, now: float) -> Request:
    """``now`` in seconds since 1970."""
    query = {TOKEN_IN_QUERY: target.token}
    if target.secret:
        milliseconds = int(now * 1000)
        query |= {"timestamp": str(milliseconds), "sign": sign(target.secret, milliseconds)}
    text = "\n".join([f"### {letter.title}", *(f"- {line}" for line in letter.lines), letter.url])
    body = {"msgtype": "markdown", "markdown": {"title": letter.title, "text": cut(text, _MOST)}}
    return Request(f"{target.address}?{urlencode(query)}", msgspec.json.encode(body))


def problem(reply: Reply) -> str:
    """Why it was not taken, empty when it was."""
    try:
        answer = msgspec.json.decode(reply.body, type=_Answer)
    except msgspec.DecodeError:
        return f"HTTP {reply.status}"
    return "" if answer.errcode == 0 else f"{answer.errcode} {answer.errmsg}"[:200]
