"""The load on a service: ``python -m asyncify.verify.load``, a process of its own, so that it shares no interpreter with anybody.

One line of JSON on standard input says what to ask (:class:`asyncify.verify.services.Load`), one object on standard output
what came of it. Before the load, each URL is asked one at a time, several times: an answer that is always the same is deterministic.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from typing import Any
from urllib.parse import urlsplit

import aiohttp

ALONE = 3  # times each URL is asked with nothing else in flight
KEPT = 5  # different answers to one URL that are kept
POLL = 0.02  # seconds


async def listening(url: str, timeout: float) -> float | None:
    """Seconds until the server of `url` took a connection; None where it did not within `timeout`."""
    parts = urlsplit(url)
    started = time.monotonic()
    while time.monotonic() - started < timeout:
        try:
            _, writer = await asyncio.open_connection(
                parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
            )
        except OSError:
            await asyncio.sleep(POLL)
            continue
        writer.close()
        return time.monotonic() - started
    return None


class Answers:
    """The different answers to each URL, and how often there was none."""

    def __init__(self) -> None:
        self.seen: dict[str, dict[tuple[int, str, bytes], None]] = {}
        self.errors: dict[str, int] = {}

    async def ask(self, session: aiohttp.ClientSession, url: str) -> float | None:
        """Ask once; the seconds it took, None where there was no answer."""
        started = time.monotonic()
        try:
            async with session.get(url, allow_redirects=False) as response:
                body = await response.read()
                took = time.monotonic() - started
                answer = response.status, response.headers.get("Content-Type", ""), body
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            message = f"{type(error).__name__}: {error}"
            self.errors[message] = self.errors.get(message, 0) + 1
            return None
        kept = self.seen.setdefault(url, {})
        if len(kept) < KEPT:
            kept[answer] = None
        return took


async def run(task: dict[str, Any]) -> dict[str, Any]:
    """Wait until the service listens, ask it, and say what came of it."""
    urls, clients, total = task["urls"], task["clients"], task["requests"]
    ready = await listening(urls[0], task["patience"])
    if ready is None:
        return {"ready": None}
    answers = Answers()
    timeout = aiohttp.ClientTimeout(total=task["patience"])
    connector = aiohttp.TCPConnector(limit=0, force_close=False)
    latencies: list[float] = []
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        for url in urls:
            for _ in range(ALONE):
                await answers.ask(session, url)
        left = iter(range(total))
        started = time.monotonic()

        async def client() -> None:
            for number in left:
                took = await answers.ask(session, urls[number % len(urls)])
                if took is not None:
                    latencies.append(took)

        await asyncio.gather(*[client() for _ in range(clients)])
        seconds = time.monotonic() - started
    return {
        "ready": ready,
        "seconds": seconds,
        "latencies": latencies,
        "errors": answers.errors,
        "answers": {
            url: [
                {"status": status, "type": kind, "body": base64.b64encode(body).decode("ascii")}
                for status, kind, body in sorted(kept)
            ]
            for url, kept in answers.seen.items()
        },
    }


def main() -> None:
    """Read the task, carry it out, write the outcome."""
    task = json.loads(sys.stdin.readline())
    json.dump(asyncio.run(run(task)), sys.stdout)


if __name__ == "__main__":
    main()
