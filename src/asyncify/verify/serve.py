"""The process of the local server: ``python -m asyncify.verify.serve --routes MODULE:FUNCTION …``.

It prints one line with its address, then answers commands: one line of JSON on standard input, any number of
lines on standard output, ended by an empty line. It ends when standard input ends, so it never outlives the
process that started it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import pkgutil
import sys
import threading
from typing import Any

from aiohttp import web

from asyncify.verify.recorder import RECORDER, Recorder, record

HOST = "127.0.0.1"


def application(routes: list[str], latency: float) -> web.Application:
    """The application with all the routes that the functions named by `routes` add to it."""
    app = web.Application(middlewares=[record], client_max_size=256 * 1024 * 1024)
    app[RECORDER] = Recorder(latency)
    for name in routes:
        pkgutil.resolve_name(name)(app)
    return app


def obey(recorder: Recorder, command: dict[str, Any]) -> list[str]:
    """Carry out one command; the lines to answer."""
    match command["do"]:
        case "reset":
            recorder.reset()
            if command.get("latency") is not None:
                recorder.latency = float(command["latency"])
            return []
        case "log":
            return [entry.as_json() for entry in recorder.entries]
        case unknown:
            raise ValueError(f"unknown command {unknown!r}")


def _listen(loop: asyncio.AbstractEventLoop, recorder: Recorder, stop: asyncio.Event) -> None:
    """Read commands in a thread (pipes cannot be awaited everywhere), obey them on the loop."""

    async def run(command: dict[str, Any]) -> list[str]:
        return obey(recorder, command)

    for line in sys.stdin:
        answer = asyncio.run_coroutine_threadsafe(run(json.loads(line)), loop).result()
        sys.stdout.write("".join(f"{row}\n" for row in answer) + "\n")
        sys.stdout.flush()
    loop.call_soon_threadsafe(stop.set)


async def serve(routes: list[str], latency: float, port: int) -> None:
    """Serve until standard input ends."""
    app = application(routes, latency)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, HOST, port, backlog=4096)
    await site.start()
    stop = asyncio.Event()
    host, bound = runner.addresses[0][:2]
    print(json.dumps({"url": f"http://{host}:{bound}"}), flush=True)
    loop = asyncio.get_running_loop()
    threading.Thread(target=_listen, args=(loop, app[RECORDER], stop), daemon=True).start()
    await stop.wait()
    await runner.cleanup()


def main() -> None:
    """Parse the arguments and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--routes", action="append", default=[], metavar="MODULE:FUNCTION")
    parser.add_argument("--latency", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.routes, arguments.latency, arguments.port))


if __name__ == "__main__":
    main()
