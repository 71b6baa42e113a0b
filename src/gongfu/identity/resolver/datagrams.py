"""Many datagrams with one system call, where the system has it (Linux: recvmmsg and sendmmsg), else one by one.

Two system calls for each packet cost more than looking up an identifier. Buffers and the kernel's structures are laid
out once; a call fills up to 64 of them.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import socket
import struct
import sys
from collections.abc import Callable
from typing import Protocol, TypeAlias

from gongfu.identity.handle.codes import MAX_PACKET
from gongfu.identity.resolver.limiting import free

Peer: TypeAlias = tuple[str, int] | tuple[str, int, int, int]
SLOTS = 64
"""Datagrams in a call."""
SLOT = 576
"""Octets of a slot: a packet, and enough to see that one is too long."""
_NAME = 28  # octets of a struct sockaddr_in6
_WAIT_FOR_ONE = 0x10000
_LOOPBACK = 127
_HEADER = struct.Struct("@PI4xPQPQi4xI4x")
"""struct mmsghdr: name, its length, vector, its length, control, its length, flags, octets received."""
_VECTOR = struct.Struct("@PQ")


class Datagrams(Protocol):
    """Receives a round of datagrams and sends the answers to it."""

    def receive(self) -> int:
        """Waits for datagrams; how many came, 0 when none did for a while. Raises :class:`OSError`."""
        ...

    def packet(self, number: int) -> bytes:
        """A datagram of this round; longer than a packet may be if it was too long."""
        ...

    def peer(self, number: int) -> Peer:
        """Who sent it."""
        ...

    def network(self, number: int) -> bytes:
        """The sender's network: 3 octets (IPv4, /24) or 7 (IPv6, /56)."""
        ...

    def local(self, number: int) -> bool:
        """Whether this computer sent it to itself."""
        ...

    def answer(self, number: int, octets: bytes) -> None:
        """Has ``octets``, at most a packet, sent to whoever sent it."""
        ...

    def flush(self) -> None:
        """Sends the answers of this round; what cannot be delivered is dropped."""
        ...


class Singly:
    """One system call for each."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._packet = b""
        self._peer: Peer = ("", 0)
        self._answer = b""

    def receive(self) -> int:
        """0 or 1."""
        try:
            self._packet, self._peer = self._sock.recvfrom(MAX_PACKET + 1)
        except BlockingIOError:
            return 0
        return 1

    def packet(self, number: int) -> bytes:
        """The one."""
        return self._packet

    def peer(self, number: int) -> Peer:
        """Its sender."""
        return self._peer

    def network(self, number: int) -> bytes:
        """As :class:`Datagrams` says."""
        host = self._peer[0].partition("%")[0]
        if ":" not in host:
            return socket.inet_aton(host)[:3]
        return _network6(socket.inet_pton(socket.AF_INET6, host))

    def local(self, number: int) -> bool:
        """As :class:`Datagrams` says."""
        return free(self.network(number))

    def answer(self, number: int, octets: bytes) -> None:
        """Kept until :meth:`flush`."""
        self._answer = octets

    def flush(self) -> None:
        """Sends it."""
        if self._answer:
            with contextlib.suppress(OSError):
                self._sock.sendto(self._answer, self._peer)
            self._answer = b""


class Together:
    """Up to 64 in a call."""

    def __init__(self, sock: socket.socket, receive: _Receive, send: _Send) -> None:
        self._receive, self._send = receive, send
        self._six = sock.family == socket.AF_INET6
        self._names, names = _memory(SLOTS * _NAME)
        self._in, came = _memory(SLOTS * SLOT)
        self._out, goes = _memory(SLOTS * SLOT)
        vectors_in, at_in = _memory(SLOTS * _VECTOR.size)
        vectors_out, at_out = _memory(SLOTS * _VECTOR.size)
        received, self._received = _memory(SLOTS * _HEADER.size)
        answered, self._answered = _memory(SLOTS * _HEADER.size)
        for slot in range(SLOTS):
            name = names + slot * _NAME, (28 if self._six else 16)
            _VECTOR.pack_into(vectors_in, slot * 16, came + slot * SLOT, SLOT)
            _VECTOR.pack_into(vectors_out, slot * 16, goes + slot * SLOT, 0)
            _HEADER.pack_into(received, slot * 64, *name, at_in + slot * 16, 1, 0, 0, 0, 0)
            _HEADER.pack_into(answered, slot * 64, *name, at_out + slot * 16, 1, 0, 0, 0, 0)
        self._vectors = vectors_in  # the kernel knows where they lie; they have to stay there
        self._sizes = received.cast("I")
        self._senders = [names + slot * _NAME for slot in range(SLOTS)]
        self._lengths = vectors_out.cast("Q")
        self._targets = answered.cast("Q")
        self._ready = 0
        self._descriptor = sock.fileno()

    def receive(self) -> int:
        """As :class:`Datagrams` says."""
        count = self._receive(self._descriptor, self._received, SLOTS, _WAIT_FOR_ONE, None)
        if count < 0:
            code = ctypes.get_errno()
            if code in (errno.EAGAIN, errno.EINTR):
                return 0
            raise OSError(code, errno.errorcode.get(code, str(code)))
        return count

    def packet(self, number: int) -> bytes:
        """As :class:`Datagrams` says."""
        at = number * SLOT
        return self._in[at : at + self._sizes[number * 16 + 14]].tobytes()

    def peer(self, number: int) -> Peer:
        """As :class:`Datagrams` says."""
        at = number * _NAME
        port = int.from_bytes(self._names[at + 2 : at + 4])
        if not self._six:
            return socket.inet_ntop(socket.AF_INET, self._names[at + 4 : at + 8]), port
        host = socket.inet_ntop(socket.AF_INET6, self._names[at + 8 : at + 24])
        (scope,) = struct.unpack_from("@I", self._names, at + 24)
        return host, port, 0, scope

    def network(self, number: int) -> bytes:
        """As :class:`Datagrams` says."""
        at = number * _NAME
        if not self._six:
            return self._names[at + 4 : at + 7].tobytes()
        return _network6(self._names[at + 8 : at + 24].tobytes())

    def local(self, number: int) -> bool:
        """As :class:`Datagrams` says."""
        return free(self.network(number)) if self._six else self._names[number * _NAME + 4] == _LOOPBACK

    def answer(self, number: int, octets: bytes) -> None:
        """As :class:`Datagrams` says."""
        slot = self._ready
        at = slot * SLOT
        size = len(octets)
        self._out[at : at + size] = octets
        self._lengths[slot * 2 + 1] = size
        self._targets[slot * 8] = self._senders[number]
        self._ready = slot + 1
        if self._ready == SLOTS:
            self.flush()

    def flush(self) -> None:
        """As :class:`Datagrams` says."""
        done, self._ready, ready = 0, 0, self._ready
        while done < ready:
            count = self._send(self._descriptor, self._answered + done * _HEADER.size, ready - done, 0)
            if count < 0 and ctypes.get_errno() == errno.EINTR:
                continue
            done += max(1, count)  # the first of them cannot be delivered: nobody to tell


def datagrams(sock: socket.socket) -> Datagrams:
    """The quicker of both for ``sock``."""
    calls = _calls()
    return Together(sock, *calls) if calls else Singly(sock)


_Receive: TypeAlias = Callable[[int, int, int, int, None], int]
_Send: TypeAlias = Callable[[int, int, int, int], int]


def _calls() -> tuple[_Receive, _Send] | None:
    """The C library's recvmmsg and sendmmsg, where structures are laid out as on 64-bit Linux."""
    if not sys.platform.startswith("linux") or _HEADER.size != 64 or ctypes.sizeof(ctypes.c_void_p) != 8:
        return None
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL(None, use_errno=True)
        receive, send = library.recvmmsg, library.sendmmsg
        receive.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p]
        send.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int]
        receive.restype = send.restype = ctypes.c_int
        return receive, send
    return None


def _memory(size: int) -> tuple[memoryview, int]:
    """Octets that stay in their place, and where that is."""
    octets = (ctypes.c_char * size)()
    return memoryview(octets).cast("B"), ctypes.addressof(octets)


def _network6(address: bytes) -> bytes:
    return address[12:15] if address.startswith(bytes(10) + b"\xff\xff") else address[:7]
