"""A small MTConnect agent for demonstration and tests: buffer, probe, current, sample with streaming, restart."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs
from xml.sax.saxutils import escape, quoteattr

from gongfu.kernel import ops
from gongfu.kernel.readings import Quality

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BOUNDARY = "gongfu-part"
_COUNT = 100


@dataclass(frozen=True)
class Point:
    """A data item. ``type`` as in a probe (SPINDLE_SPEED); the stream's element is named after it."""

    id: str
    category: str = "SAMPLE"
    type: str = "POSITION"
    value: str = "UNAVAILABLE"
    units: str = ""
    name: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    """More attributes of the data item, such as subType or representation."""


@dataclass(frozen=True)
class _Observation:
    sequence: int
    point: Point
    xml: str
    level: str
    code: str


class MTConnectSimulator:
    """``async with MTConnectSimulator(host, port, points) as agent: agent.put("Xpos", "12.5")``. Port 0: a free one."""

    def __init__(
        self, host: str, port: int, points: Sequence[Point], *, size: int = 1000, streaming: bool = True
    ) -> None:
        self.host = host
        self.port = port
        self.name, self.uuid = "VMC-3Axis", "000-1234"
        self.instance = 1_700_000_000
        self.requests: list[str] = []
        """Path and query of each request."""
        self._points = {point.id: point for point in points}
        self._size = size
        self._streaming = streaming
        self._stack = contextlib.AsyncExitStack()
        self._stopping = False
        self._open: set[asyncio.Task[object] | None] = set()
        self._fault: bytes | None = None
        self._delay = 0.0
        self._next = 1
        self._buffer: deque[_Observation] = deque(maxlen=size)
        self._newest: dict[str, dict[str, _Observation]] = {}
        self._begin()

    @property
    def url(self) -> str:
        """Address of the agent."""
        return f"http://{self.host}:{self.port}"

    async def __aenter__(self) -> Self:
        sock = ops.listen(self.host, self.port, "simulator_port")
        self.port = int(sock.getsockname()[1])

        async def answer(scope: ops.Scope, receive: ops.Receive, send: ops.Send) -> None:
            await self._answer(scope, send)

        await self._stack.enter_async_context(ops.serve(answer, sock, drain=1))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping = True
        await self.break_streams()
        await self._stack.aclose()

    def put(self, name: str, value: str, time: int | None = None, code: str = "", qualifier: str = "") -> int:
        """An observation, returned by its number. Of a condition, ``value`` is ``Fault: text``; time in µs UTC."""
        point = self._points[name]
        at = datetime.now(UTC) if time is None else _EPOCH + timedelta(microseconds=time)
        level, _, text = value.partition(": ") if point.category == "CONDITION" else ("", "", value)
        level = "Unavailable" if level == "UNAVAILABLE" else level
        attributes = {
            "dataItemId": point.id,
            "timestamp": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "sequence": str(self._next),
        }
        if level:
            attributes |= {"type": point.type}
        attributes |= {"nativeCode": code} if code else {}
        attributes |= {"qualifier": qualifier} if qualifier else {}
        element = level or "".join(part.capitalize() for part in point.type.split("_"))
        words = "".join(f" {key}={quoteattr(word)}" for key, word in attributes.items())
        body = text if text.startswith("<Entry") else escape(text)
        made = _Observation(self._next, point, f"<{element}{words}>{body}</{element}>", level, code)
        self._next += 1
        self._buffer.append(made)
        active = self._newest.setdefault(point.id, {})
        if level in ("", "Unavailable") or not code:
            active.clear()
        elif "" in active and active[""].level in ("Normal", "Unavailable"):
            active.pop("")
        if level == "Normal" and code:
            active.pop(code, None)
            code = code if active else ""  # the last one that ends leaves everything normal
        if not (level == "Normal" and code):
            active[code] = made
        return made.sequence

    async def write(self, name: str, value: float | bool | str | None, time: int, quality: Quality) -> None:
        """As the other simulators have it."""
        self.put(name, "UNAVAILABLE" if value is None or quality is Quality.BAD else str(value), time)

    async def restart(self) -> None:
        """The agent dies and comes back: another instance, numbers from 1, nothing in its buffer but the present."""
        self.instance += 1
        self._begin()
        await self.break_streams()

    async def break_streams(self) -> None:
        """Cut every stream that is open."""
        for task in list(self._open):
            if task is not None:
                task.cancel()

    def answer_with(self, body: bytes | None) -> None:
        """From now on every answer is ``body``; None ends it."""
        self._fault = body

    def set_delay(self, seconds: float) -> None:
        """Answer every request this much later."""
        self._delay = seconds

    def remove(self, name: str) -> None:
        """The data item is gone, as after a change of the device."""
        del self._points[name]
        self._newest.pop(name, None)

    def _begin(self) -> None:
        self._next = 1
        self._buffer.clear()
        self._newest.clear()
        for point in self._points.values():
            self.put(point.id, point.value)

    async def _answer(self, scope: ops.Scope, send: ops.Send) -> None:
        if scope["type"] != "http":
            return
        query = {key: words[-1] for key, words in parse_qs(scope["query_string"].decode()).items()}
        self.requests.append(scope["path"] + ("?" + scope["query_string"].decode() if query else ""))
        await asyncio.sleep(self._delay)
        if self._fault is not None:
            await ops.respond(send, 200, self._fault, "text/xml")
            return
        *device, question = scope["path"].strip("/").split("/")
        if device and device[0] not in (self.name, self.uuid):
            await ops.respond(send, 404, self._error("NO_DEVICE", "Could not find the device"), "text/xml")
        elif question == "probe":
            await ops.respond(send, 200, self._probe(), "text/xml")
        elif question == "current":
            at = int(query.get("at", self._next - 1))
            inside = self._first <= at < self._next
            await ops.respond(
                send, 200 if inside else 404, self._current(at) if inside else self._outside(), "text/xml"
            )
        elif question == "sample":
            await self._sample(query, send)
        else:
            await ops.respond(send, 404, self._error("INVALID_REQUEST", question), "text/xml")

    async def _sample(self, query: dict[str, str], send: ops.Send) -> None:
        start, count = int(query.get("from", self._first)), int(query.get("count", _COUNT))
        if not self._first <= start <= self._next or count > self._size:
            await ops.respond(send, 404, self._outside(), "text/xml")
            return
        if "interval" not in query or not self._streaming:
            await ops.respond(send, 200, self._part(start, count)[0], "text/xml")
            return
        kind = f"multipart/x-mixed-replace;boundary={_BOUNDARY}".encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
        task = asyncio.current_task()
        self._open.add(task)
        try:
            while not self._stopping:
                start = await self._send_part(start, count, send)
                await self._pause(start, int(query["interval"]) / 1000, int(query.get("heartbeat", 10_000)) / 1000)
        except asyncio.CancelledError:
            return  # the connection breaks in the middle
        finally:
            self._open.discard(task)

    async def _send_part(self, start: int, count: int, send: ops.Send) -> int:
        body, start = self._part(start, count) if start >= self._first else (self._outside(), start)
        head = f"--{_BOUNDARY}\r\nContent-type: text/xml\r\nContent-length: {len(body)}\r\n\r\n".encode()
        await send({"type": "http.response.body", "body": head + body + b"\r\n", "more_body": True})
        return start

    async def _pause(self, start: int, interval: float, heartbeat: float) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + heartbeat
        await asyncio.sleep(interval)
        while start == self._next and loop.time() < until and not self._stopping:  # noqa: ASYNC110
            await asyncio.sleep(0.005)

    @property
    def _first(self) -> int:
        return self._buffer[0].sequence if self._buffer else self._next

    def _part(self, start: int, count: int) -> tuple[bytes, int]:
        found = [one for one in self._buffer if one.sequence >= start][:count]
        following = found[-1].sequence + 1 if found else self._next
        return self._streams(found, following), following

    def _current(self, at: int) -> bytes:
        newest = {name: dict(active) for name, active in self._newest.items()}
        if at != self._next - 1:  # good enough for what is not active several times over
            newest = {}
            for one in self._buffer:
                if one.sequence <= at:
                    newest[one.point.id] = {"": one}
        return self._streams([one for active in newest.values() for one in active.values()], self._next)

    def _streams(self, found: Sequence[_Observation], following: int) -> bytes:
        groups = {"SAMPLE": "Samples", "EVENT": "Events", "CONDITION": "Condition"}
        parts = [
            f"<{element}>{''.join(one.xml for one in found if one.point.category == category)}</{element}>"
            for category, element in groups.items()
            if any(one.point.category == category for one in found)
        ]
        inner = (
            f'<DeviceStream name="{self.name}" uuid="{self.uuid}">'
            f'<ComponentStream component="Device" name="{self.name}" componentId="d1">{"".join(parts)}'
            "</ComponentStream></DeviceStream>"
        )
        numbers = (
            f' nextSequence="{following}" firstSequence="{self._first}" lastSequence="{self._next - 1}"'
            f' bufferSize="{self._size}"'
        )
        return self._document("Streams", numbers, f"<Streams>{inner}</Streams>")

    def _probe(self) -> bytes:
        items = "".join(
            "<DataItem"
            + "".join(
                f" {key}={quoteattr(word)}"
                for key, word in (
                    ("category", point.category),
                    ("id", point.id),
                    ("type", point.type),
                    ("name", point.name),
                    ("units", point.units),
                    *point.attributes.items(),
                )
                if word
            )
            + "/>"
            for point in self._points.values()
        )
        device = (
            f'<Device id="d1" name="{self.name}" uuid="{self.uuid}">'
            '<Description manufacturer="Gongfu" model="VMC-3" serialNumber="42">Three axes</Description>'
            '<Components><Axes id="ax" name="axes"><Components><Linear id="x" name="X"><DataItems>'
            f"{items}</DataItems></Linear></Components></Axes></Components></Device>"
        )
        return self._document("Devices", f' bufferSize="{self._size}"', f"<Devices>{device}</Devices>")

    def _outside(self) -> bytes:
        return self._error("OUT_OF_RANGE", f"'from' must be between {self._first} and {self._next}")

    def _error(self, code: str, text: str) -> bytes:
        inner = f'<Errors><Error errorCode="{code}">{escape(text)}</Error></Errors>'
        return self._document("Error", f' bufferSize="{self._size}"', inner)

    def _document(self, kind: str, numbers: str, inner: str) -> bytes:
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return (
            f'<?xml version="1.0" encoding="UTF-8"?><MTConnect{kind} xmlns="urn:mtconnect.org:MTConnect{kind}:1.7">'
            f'<Header creationTime="{at}" sender="simulator" instanceId="{self.instance}" version="1.7.0"{numbers}/>'
            f"{inner}</MTConnect{kind}>"
        ).encode()
