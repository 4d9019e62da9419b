"""What the kernel knows of a TCP connection: when something came, however late this process got round to looking.

A server that opens a hundred connections at once looks at the last one tens of milliseconds after it came. Latencies are counted
from when a request came, not from when it was read. Where the kernel tells nothing (not Linux), all ages are 0.

Source: ``struct tcp_info`` of linux/tcp.h; its ages are in milliseconds and count ticks of the kernel's clock (1 to 10 ms).
"""

from __future__ import annotations

import socket
import struct
from typing import NamedTuple, Protocol

TICK = 0.004  # seconds, of the usual kernels; an age is taken to be one less, so that no answer comes early
_INFO = struct.Struct("8x24I")  # the counters of 32 bits that follow the first 8 bytes
_LAST_DATA_SENT, _LAST_DATA_RECEIVED, _ROUND_TRIP = 9, 11, 15


class Socket(Protocol):
    """A socket, or what stands for it in a transport of asyncio."""

    def getsockopt(self, level: int, optname: int, buflen: int) -> bytes:
        """As :meth:`socket.socket.getsockopt`."""


class Ages(NamedTuple):
    """Seconds since data was last sent (or the connection was opened) and received; the round trip, None where unknown."""

    sent: float = 0.0
    received: float = 0.0
    round_trip: float | None = None


def ages(connection: Socket | None) -> Ages:
    """What the kernel says of a connection now."""
    option = getattr(socket, "TCP_INFO", None)
    if connection is None or option is None:
        return Ages()
    try:
        info = connection.getsockopt(socket.IPPROTO_TCP, option, _INFO.size)
        counters = _INFO.unpack(info)
    except (OSError, struct.error):  # it has gone; another system's structure
        return Ages()
    return Ages(_age(counters[_LAST_DATA_SENT]), _age(counters[_LAST_DATA_RECEIVED]), counters[_ROUND_TRIP] / 1_000_000)


def _age(milliseconds: int) -> float:
    return max(0.0, milliseconds / 1000 - TICK)
