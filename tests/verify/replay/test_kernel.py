"""What the kernel tells of when something came, and that a busy process answers at the right time all the same."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator

import pytest

from asyncify.verify.replay.kernel import Ages, ages

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
TICK = 0.015  # seconds; one of the slowest kernel clock, and the one that is taken off


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A client's socket, and a server's that nobody has accepted yet."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        yield client, listener


@linux
def test_when_it_was_opened_and_when_data_came(pair: tuple[socket.socket, socket.socket]) -> None:
    client, listener = pair
    opened = time.monotonic()
    time.sleep(0.05)
    sent = time.monotonic()
    client.send(b"request")
    time.sleep(0.03)
    accepted, _ = listener.accept()
    with accepted:
        now = time.monotonic()
        found = ages(accepted)
    assert found.sent == pytest.approx(now - opened, abs=TICK)
    assert found.received == pytest.approx(now - sent, abs=TICK)
    assert found.round_trip is not None and 0 <= found.round_trip < 0.01


@linux
def test_what_just_came_has_no_age(pair: tuple[socket.socket, socket.socket]) -> None:
    client, listener = pair
    accepted, _ = listener.accept()
    with accepted:
        client.send(b"request")
        assert ages(accepted).received == 0.0


def test_nothing_is_told_of_what_is_no_connection_and_elsewhere(
    pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ages(None) == Ages(0.0, 0.0, None)
    closed = socket.socket()
    closed.close()
    assert ages(closed) == Ages(0.0, 0.0, None)
    monkeypatch.delattr(socket, "TCP_INFO", raising=False)
    assert ages(pair[0]) == Ages(0.0, 0.0, None)
