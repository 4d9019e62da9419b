"""The process behind :class:`~asyncify.verify.replay.gateway.Gateway`: ``python -m asyncify.verify.replay.serve``.

One line of JSON says what to do (:class:`~asyncify.verify.replay.settings.Settings`), one line of JSON answers how clients reach it; then it obeys
commands as the local server does: one line of JSON in, any number of lines out, an empty line at their end. It ends with its
standard input.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import socket
import sys
import threading
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from asyncify.errors import AsyncifyError
from asyncify.verify.replay import isolate
from asyncify.verify.replay.authority import Authority
from asyncify.verify.replay.cassette import load, save
from asyncify.verify.replay.exchange import DEFAULT_PORTS, Cassette
from asyncify.verify.replay.names import ADDRESS, NameServer
from asyncify.verify.replay.player import Player
from asyncify.verify.replay.redact import redact
from asyncify.verify.replay.settings import Ready, Settings
from asyncify.verify.replay.taper import Taper, Upstream
from asyncify.verify.replay.wire import Listener, SeenEntry
from asyncify.verify.server import SeenRequest

PORTS = (80, 443, 3000, 5000, 8000, 8008, 8080, 8443, 8888)
"""Where servers on other hosts listen; those of the cassette and the given ones come on top."""


class Process:
    """The state of the process: a gate behind a listener; first perhaps a :class:`Taper`, then a :class:`Player`."""

    def __init__(self, settings: Settings, cassette: Cassette) -> None:
        self.settings = settings
        self.log: list[SeenEntry] = []
        self.authority = Authority()
        self._ignored = tuple(re.compile(pattern, re.MULTILINE) for pattern in settings.ignored)
        self.gate: Taper | Player
        if settings.record:
            self.gate = Taper(Upstream(settings.addresses, settings.authority))
        else:
            self.gate = Player(cassette, self._ignored)
        self.listener = Listener(self, self.log, self.authority)

    # A gate in front of the gate, so that one can take the place of the other.

    def serve(self, connection: Any, request: Any) -> None:
        self.gate.serve(connection, request)

    def complain(self, message: str) -> None:
        self.gate.complain(message)

    def lost(self, connection: Any) -> None:
        self.gate.lost(connection)

    async def known(self, host: str) -> bool:
        """Whether a host of that name exists, now or in the recording."""
        if isinstance(self.gate, Taper):
            return await self.gate.exists(host)
        return host not in self.gate.matcher.cassette.unknown_hosts

    def obey(self, command: dict[str, Any]) -> Iterable[str]:
        """Carry out one command; the lines to answer."""
        match command:
            case {"do": "reset"}:
                self.log.clear()
                self.gate.reset()
            case {"do": "press"} if isinstance(self.gate, Player):
                self.gate.press()
            case {"do": "log"}:
                return [_as_json(entry.seen()) for entry in self.log]
            case {"do": "problems"}:
                return [json.dumps(each) for each in self._problems()]
            case {"do": "unused"}:
                unused = self.gate.matcher.unused() if isinstance(self.gate, Player) else ()
                return [json.dumps(f"{each.method} {each.url}") for each in unused]
            case {"do": "finish", "path": path, "redact": bool(redacting)} if isinstance(self.gate, Taper):
                taped = self.gate.cassette()
                cassette = redact(taped) if redacting else taped
                if path:
                    save(cassette, Path(path))
                self.gate = Player(cassette, self._ignored)
                changed = sum(a != b for a, b in zip(taped.exchanges, cassette.exchanges, strict=True))
                return [json.dumps({"exchanges": len(taped.exchanges), "redacted": changed})]
            case unknown:
                raise ValueError(f"unknown command {unknown!r}")
        return []

    def _problems(self) -> list[str]:
        unmatched = [str(each) for each in self.gate.unmatched] if isinstance(self.gate, Player) else []
        return [*unmatched, *self.gate.complaints]


def _as_json(seen: SeenRequest) -> str:
    return json.dumps(
        {
            "method": seen.method,
            "target": seen.target,
            "headers": seen.headers,
            "body": base64.b64encode(seen.body).decode("ascii"),
            "started": seen.started,
            "ended": seen.ended,
            "status": seen.status,
            "connection": seen.connection,
        }
    )


def places(settings: Settings, cassette: Cassette) -> list[isolate.Place]:
    """Where the isolated network listens: the usual ports, at all addresses where no local server would."""
    wanted = [isolate.Place("", 80), isolate.Place("", 443)]
    wanted += [isolate.Place(ADDRESS, port) for port in PORTS[2:]]
    for host, port in _asked(settings, cassette):
        if port not in PORTS[:2]:
            wanted.append(isolate.Place(isolate.usable_address(host), port))
    return list(dict.fromkeys(wanted))


def _asked(settings: Settings, cassette: Cassette) -> list[tuple[str, int]]:
    """Host and port of all recorded requests, and those given; host is empty for any."""
    found: dict[tuple[str, int], None] = {}
    for text in settings.ports:
        host, _, port = text.rpartition(":")
        found[host, int(port)] = None
    for each in cassette.exchanges:
        url = urlsplit(each.request.url)
        found[url.hostname or "", url.port or DEFAULT_PORTS.get(url.scheme, 80)] = None
    return list(found)


def redirected(settings: Settings, cassette: Cassette) -> tuple[str, ...]:
    """The local addresses (``127.0.0.1:8000``) that are ours without a network of our own; all others are the program's."""
    return tuple(
        f"{'127.0.0.1' if host == 'localhost' else host}:{port}"
        for host, port in _asked(settings, cassette)
        if host == "localhost" or host.startswith("127.")
    )


async def run(process: Process, sockets: list[socket.socket], names: socket.socket | None, ready: Ready) -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    process.listener.listen(sockets)
    if names is not None:
        await loop.create_datagram_endpoint(lambda: NameServer(process.known), sock=names)
    stop = asyncio.Event()
    print(json.dumps(asdict(ready)), flush=True)
    threading.Thread(target=_listen, args=(loop, process, stop), daemon=True).start()
    await stop.wait()


def _listen(loop: asyncio.AbstractEventLoop, process: Process, stop: asyncio.Event) -> None:
    """Read commands in a thread (pipes cannot be awaited everywhere), obey them on the loop."""

    async def obey(command: dict[str, Any]) -> list[str]:
        try:
            return list(process.obey(command))
        except AsyncifyError as error:
            return [json.dumps({"error": error.message})]

    for line in sys.stdin:
        answer = asyncio.run_coroutine_threadsafe(obey(json.loads(line)), loop).result()
        sys.stdout.write("".join(f"{row}\n" for row in answer) + "\n")
        sys.stdout.flush()
    loop.call_soon_threadsafe(stop.set)


def main() -> None:
    """Read the settings, make the network where it can be, serve."""
    data: dict[str, Any] = json.loads(sys.stdin.readline())
    lists = {name: tuple(value) for name, value in data.items() if isinstance(value, list)}
    settings = Settings(**{**data, **lists})
    cassette = Cassette()
    if settings.cassette:
        try:
            cassette = load(Path(settings.cassette))
        except AsyncifyError as error:
            print(json.dumps({"error": error.message}), flush=True)
            return
    process = Process(settings, cassette)
    scratch = Path(settings.scratch)
    authority = scratch / "authority.pem"
    process.authority.write(authority)
    network: isolate.Network | None = None
    reason = ""
    if settings.isolate:
        try:
            # The child that is forked here keeps the network; so far this process has one thread.
            network = isolate.create(places(settings, cassette), settings.bundles, authority, scratch)
        except isolate.NoNamespace as error:
            reason = str(error)
    outside = socket.create_server(("127.0.0.1", 0), backlog=4096)
    outside.setblocking(False)
    ready = Ready(
        outside.getsockname()[1],
        str(authority),
        redirected(settings, cassette),
        cassette.unknown_hosts,
        network.owner if network else None,
        network.user if network else False,
        reason,
    )
    listeners = [outside, *(network.listeners if network else ())]
    asyncio.run(run(process, listeners, network.names if network else None, ready))


if __name__ == "__main__":
    main()
