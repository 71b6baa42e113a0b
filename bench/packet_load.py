"""A UDP load generator that is not the bottleneck: packets and kernel structures are made before the clock starts.

    python bench/packet_load.py --port 2641 --packets FILE --seconds 3 [--rate 60000] [--check handle|dns|echo|none]

``FILE`` holds packets, each behind its length (u16); they are sent over and over, 64 with one system call. Without a
rate at most ``WINDOW`` questions are under way and the next are sent as answers come; with one, questions leave on time
whether answers come or not, and latency counts from when a question should have left. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import numpy as np

WINDOW = 512
_TOGETHER = 64
_SLOT = 1024
_ANSWERED = {
    "handle": (24, bytes.fromhex("00000001")),
    "dns": (2, b"\x84\x00"),
    "echo": (12, bytes(4)),
    "none": (0, b""),
}
"""Where a right answer says so; ``echo`` is a question that came back, ``none`` looks at nothing."""
_NUMBERED = {"handle": (slice(8, 12), ">u4"), "dns": (slice(0, 2), ">u2"), "echo": (slice(8, 12), ">u4")}
_DONTWAIT = 0x40
_WAIT_FOR_ONE = 0x10000
_HEADER = struct.Struct("@PI4xPQPQi4xI4x")


class Load(msgspec.Struct, frozen=True):
    """What a generator saw."""

    per_s: float
    """Right answers a second."""
    sent: int
    right: int
    wrong: int
    p50_ms: float
    p99_ms: float
    busy: float
    """Processor time of the generator for a second: near 1.0 it may have been the bottleneck."""


def write(path: Path, packets: Iterable[bytes]) -> None:
    """The file that ``--packets`` names."""
    path.write_bytes(b"".join(len(packet).to_bytes(2) + packet for packet in packets))


def measure(port: int, packets: Path, seconds: float, *, rate: float = 0, check: str = "handle") -> Load:
    """Run a generator in a process of its own."""
    command = [sys.executable, __file__, "--port", port, "--packets", packets, "--seconds", seconds]
    command += ["--rate", rate, "--check", check]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    return msgspec.json.decode(done.stdout, type=Load)


@contextlib.contextmanager
def echo() -> Iterator[int]:
    """The port of a bare echo in a process of its own: recvmmsg, sendmmsg, nothing between."""
    child = subprocess.Popen([sys.executable, __file__, "--echo"], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    try:
        yield int(child.stdout.readline())
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


class _Packets:
    """mmsghdr structures over memory of their own."""

    def __init__(self, slots: int, names: int = 0, slot: int = _SLOT) -> None:
        self.octets = np.zeros((slots, slot), np.uint8)
        self.vectors = np.zeros((slots, 2), np.uint64)
        self.headers = np.zeros((slots, 16), np.uint32)
        base, vectors = self.octets.ctypes.data, self.vectors.ctypes.data
        raw = memoryview(self.headers).cast("B")
        for number in range(slots):
            name = (names + number * 32, 28) if names else (0, 0)
            _HEADER.pack_into(raw, number * 64, *name, vectors + number * 16, 1, 0, 0, 0, 0)
        self.vectors[:, 0] = base + np.arange(slots, dtype=np.uint64) * np.uint64(slot)
        self.vectors[:, 1] = slot
        self.at = self.headers.ctypes.data

    @property
    def sizes(self) -> np.ndarray:
        """Octets received in each slot."""
        return self.headers[:, 14]


class _Generator:
    def __init__(self, port: int, packets: list[bytes], check: str) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._send, self._receive = libc.sendmmsg, libc.recvmmsg
        for call in (self._send, self._receive):
            call.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p]
        count = len(packets) // _TOGETHER * _TOGETHER
        self._out = _Packets(count, slot=max(map(len, packets)))
        for slot, packet in enumerate(packets[:count]):
            self._out.octets[slot, : len(packet)] = np.frombuffer(packet, np.uint8)
            self._out.vectors[slot, 1] = len(packet)
        self._count = count
        self._in = _Packets(_TOGETHER)
        self._left = np.zeros(count)  # when a packet left, by its number
        at, self._expected = _ANSWERED[check]
        self._answer = slice(at, at + len(self._expected))
        self._number, self._form = _NUMBERED.get(check, (None, ""))
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.connect(("127.0.0.1", port))
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 * 2**20)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", 0, 50_000))
        self._descriptor = self.sock.fileno()
        self._next = 0
        self.sent = self.right = self.wrong = 0
        self.latencies: list[np.ndarray] = []

    def send(self, number: int, when: float) -> None:
        """The next packets, at most 64 and not beyond the end of the list."""
        start = self._next
        number = min(number, self._count - start)
        done = self._send(self._descriptor, self._out.at + start * 64, number, 0, None)
        self._left[start : start + number] = when
        self.sent += max(0, done)
        self._next = (start + max(0, done)) % self._count

    def receive(self, flags: int) -> int:
        """Takes answers and looks at each."""
        count = self._receive(self._descriptor, self._in.at, _TOGETHER, flags, None)
        if count <= 0:
            return 0
        octets = self._in.octets[:count]
        if self._expected:
            right = int((octets[:, self._answer].tobytes()).count(self._expected)) if count else 0
            right = min(right, count)
        else:
            right = count
        self.right += right
        self.wrong += count - right
        if self._number is not None:
            numbers = np.ascontiguousarray(octets[:, self._number]).view(self._form)[:, 0].astype(np.int64)
            numbers %= self._count
            left = self._left[numbers]
            if self._form == ">u2":  # an id of DNS stands for every 65,536th question: the last of them is meant
                for further in range(0x1_0000, self._count, 0x1_0000):
                    left = np.maximum(left, self._left[(numbers + further) % self._count])
            self.latencies.append(time.perf_counter() - left)
        return count

    def flat_out(self, seconds: float) -> None:
        """As fast as answers come."""
        until = time.perf_counter() + seconds
        under_way = 0
        while (now := time.perf_counter()) < until:
            while under_way <= WINDOW - _TOGETHER:
                self.send(_TOGETHER, now)
                under_way += _TOGETHER
            got = self.receive(_WAIT_FOR_ONE)
            under_way = max(0, under_way - got) if got else 0  # nothing for 50 ms: those are lost

    def paced(self, seconds: float, rate: float) -> None:
        """``rate`` questions a second, at most 16 together."""
        begin = time.perf_counter()
        due = 0
        while (now := time.perf_counter()) < begin + seconds:
            behind = int((now - begin) * rate) - due
            if behind >= 8 or (behind and not self.receive(_DONTWAIT)):
                number = min(behind, 16)
                self.send(number, begin + (due + number) / rate)
                due += number
            else:
                self.receive(_DONTWAIT)
        end = time.perf_counter() + 0.2
        while time.perf_counter() < end:
            self.receive(_DONTWAIT)


def _run(port: int, packets: Path, seconds: float, rate: float, check: str) -> None:
    octets = packets.read_bytes()
    found, at = [], 0
    while at < len(octets):
        size = int.from_bytes(octets[at : at + 2])
        found.append(octets[at + 2 : at + 2 + size])
        at += 2 + size
    generator = _Generator(port, found, check)
    generator.flat_out(0.3)  # both sides are warm then
    time.sleep(0.1)
    while generator.receive(_DONTWAIT):
        pass
    generator.sent = generator.right = generator.wrong = 0
    generator.latencies.clear()
    began, used = time.perf_counter(), time.process_time()
    if rate:
        generator.paced(seconds, rate)
    else:
        generator.flat_out(seconds)
    took, busy = time.perf_counter() - began, time.process_time() - used
    times = np.concatenate(generator.latencies) * 1e3 if generator.latencies else np.zeros(1)
    print(
        json.dumps(
            {
                "per_s": generator.right / (seconds if rate else took),
                "sent": generator.sent,
                "right": generator.right,
                "wrong": generator.wrong,
                "p50_ms": float(np.percentile(times, 50)),
                "p99_ms": float(np.percentile(times, 99)),
                "busy": busy / took,
            }
        )
    )


def _echo() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    names = np.zeros((_TOGETHER, 32), np.uint8)
    packets = _Packets(_TOGETHER, names.ctypes.data)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 2**20)
        sock.bind(("127.0.0.1", 0))
        print(sock.getsockname()[1], flush=True)
        at = ctypes.c_void_p(packets.at)
        parent = os.getppid()
        while os.getppid() == parent:
            count = libc.recvmmsg(sock.fileno(), at, _TOGETHER, _WAIT_FOR_ONE, None)
            packets.vectors[:count, 1] = packets.sizes[:count]
            libc.sendmmsg(sock.fileno(), at, count, 0)
            packets.vectors[:count, 1] = _SLOT


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--echo", action="store_true")
    parser.add_argument("--port", type=int)
    parser.add_argument("--packets", type=Path)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rate", type=float, default=0)
    parser.add_argument("--check", choices=list(_ANSWERED), default="handle")
    given = parser.parse_args()
    if given.echo:
        _echo()
    else:
        _run(given.port, given.packets, given.seconds, given.rate, given.check)


if __name__ == "__main__":
    main()
