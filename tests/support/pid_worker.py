"""Stands for a web process of several: says who it is to whoever connects."""

from __future__ import annotations

import os
import socket

from gongfu.kernel.settings import Settings


def answer_with_own_pid(_settings: Settings, sockets: list[socket.socket], _number: int) -> None:
    """Accept, say it, close, for ever."""
    while True:
        connection, _address = sockets[0].accept()
        connection.sendall(str(os.getpid()).encode())
        connection.close()
