"""The custom robot of a Feishu or Lark group (飞书自定义机器人), secured by signature.

Source: open.feishu.cn, 自定义机器人使用指南: ``sign`` is the Base64 of HmacSHA256 over nothing, with ``timestamp`` in
seconds, a newline and the secret as its key; both go into the body. 100 messages a minute, 20 kB each.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

import msgspec

from gongfu.data.alarms.outlets.letter import Letter, Reply, Request, Target, cut

ADDRESS = "https://open.feishu.cn/open-apis/bot/v2/hook"
TOKEN_IN_QUERY = ""
_MOST = 18_000


class _Answer(msgspec.Struct):
    code: int = 0
    msg: str = ""


def sign(secret: str, seconds: int) -> str:
    """Signature for the body."""
    return base64.b64encode(hmac.new(f"{seconds}\n{secret}".encode(), b"", hashlib.sha256).digest()).decode()


def request(letter: Letter, target: Target, now: float) -> Request:
    """``now`` in seconds since 1970."""
    text = "\n".join([letter.title, *letter.lines, letter.url])
    body: dict[str, object] = {"msg_type": "text", "content": {"text": cut(text, _MOST)}}
    if target.secret:
        body |= {"timestamp": str(int(now)), "sign": sign(target.secret, int(now))}
    return Request(f"{target.address.rstrip('/')}/{target.token}", msgspec.json.encode(body))


def problem(reply: Reply) -> str:
    """Why it was not taken, empty when it was."""
    try:
        answer = msgspec.json.decode(reply.body, type=_Answer)
    except msgspec.DecodeError:
        return f"HTTP {reply.status}"
    if reply.status != 200 or answer.code != 0:
        return f"{answer.code or reply.status} {answer.msg}"[:200]
    return ""
