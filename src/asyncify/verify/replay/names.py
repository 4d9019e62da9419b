"""A name server with one answer (RFC 1035): every host has the address :data:`ADDRESS`."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import cast

ADDRESS = "198.18.0.1"
"""The address of all hosts, from the range for benchmarks (RFC 2544): no real host has it."""

A, NXDOMAIN = 1, 3
_HEADER = struct.Struct("!HHHHHH")
_RESPONSE = 0x8580  # a response, authoritative, recursion desired and available

Known = Callable[[str], Awaitable[bool]]
"""Whether a host of that name exists."""


def question(query: bytes) -> tuple[str, int, bytes]:
    """The name and type asked for, and the bytes of the question. Raises :class:`ValueError` for anything else."""
    labels = []
    at = _HEADER.size
    try:
        while length := query[at]:
            if length > 63:
                raise ValueError("a compressed question")
            labels.append(query[at + 1 : at + 1 + length].decode("ascii"))
            at += 1 + length
        (kind,) = struct.unpack_from("!H", query, at + 1)
    except (IndexError, struct.error, UnicodeDecodeError):
        raise ValueError("no question") from None
    return ".".join(labels), kind, query[_HEADER.size : at + 5]


def answer(query: bytes, *, known: bool) -> bytes:
    """The answer to a query: :data:`ADDRESS` for its IPv4 address, nothing for other types, or no such name."""
    name, kind, asked = question(query)
    (number,) = struct.unpack_from("!H", query)
    address = "127.0.0.1" if name.lower() == "localhost" else ADDRESS
    record = b"\xc0\x0c" + struct.pack("!HHIH", A, 1, 0, 4) + socket.inet_aton(address) if kind == A and known else b""
    return _HEADER.pack(number, _RESPONSE | (0 if known else NXDOMAIN), 1, bool(record), 0, 0) + asked + record


class NameServer(asyncio.DatagramProtocol):
    """Answers queries that arrive on a datagram socket."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._transport: asyncio.DatagramTransport | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)  # asyncio's own class is none until 3.12

    def datagram_received(self, data: bytes, address: tuple[str | object, int]) -> None:
        task = asyncio.ensure_future(self._answer(data, address))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, data: bytes, address: tuple[str | object, int]) -> None:
        try:
            name, _, _ = question(data)
        except ValueError:
            return
        known = await self._known(name)
        if self._transport is not None:
            self._transport.sendto(answer(data, known=known), address)
