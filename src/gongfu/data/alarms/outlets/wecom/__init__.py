"""The robot of a WeCom group (企业微信群机器人): whoever has the key may speak.

Source: developer.work.weixin.qq.com, 群机器人配置说明: POST to ``webhook/send?key=…``; Markdown of at most 4096 bytes;
20 messages a minute.
"""

from __future__ import annotations

from urllib.parse import urlencode

import msgspec

from gongfu.data.alarms.outlets.dingtalk import problem as problem  # the same errcode and errmsg
from gongfu.data.alarms.outlets.letter import Letter, Request, Target, cut

ADDRESS = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send"
TOKEN_IN_QUERY = "key"  # noqa: S105 - the name of a parameter
_MOST = 4096


def request(letter: Letter, target: Target, now: float) -> Request:
    """``now`` plays no part."""
    del now
    text = "\n".join([f"**{letter.title}**", *(f"> {line}" for line in letter.lines), letter.url])
    body = {"msgtype": "markdown", "markdown": {"content": cut(text, _MOST)}}
    return Request(f"{target.address}?{urlencode({TOKEN_IN_QUERY: target.token})}", msgspec.json.encode(body))
