"""How near are the times of a replay to those of the recording?

    python benchmarks/replay.py [--parallel 100] [--clients requests,aiohttp,httpx,urllib,curl]

A program asks a server that answers after 5 to 400 milliseconds, over plain connections and TLS, one request at a time and then many at
once. It is recorded and played back, and asks the real server without anything between. Each request's time is laid beside the recorded one
(latency, and opening the connection where it had to be opened) and counts as faithful within 10 % or 5 ms: as the program sees it, in the replay
and before the real server, and as the replay server saw it, from when the kernel had the request to when it was given the answer. What the
program's own threads add is not the replay's: it is in the first two, not in the third.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import trustme
from aiohttp import web

from asyncify.verify.measure import measure
from asyncify.verify.replay.cassette import load
from asyncify.verify.replay.exchange import DEFAULT_PORTS
from asyncify.verify.replay.gateway import TRUST, Gateway

HOST = "bench.test"
DELAYS = (5, 20, 50, 100, 200, 400)  # milliseconds
URLS = """
import json, sys, time
parallel, sequential = int(sys.argv[2]), int(sys.argv[3])
delays = json.loads(sys.argv[4])
url = (sys.argv[1] + "/delay/{}/{}").format
one_by_one = [url(delays[n % len(delays)], f"single-{n}") for n in range(sequential)]
at_once = [url(delays[n % len(delays)], f"many-{n}") for n in range(parallel)]
"""
IN_THREADS = """
from concurrent.futures import ThreadPoolExecutor
def timed(address):
    started = time.monotonic()
    ask(address)
    return address, time.monotonic() - started
single = [timed(address) for address in one_by_one]
with ThreadPoolExecutor(parallel) as pool:
    many = list(pool.map(timed, at_once))
print(json.dumps({"single": single, "many": many}))
"""
IN_TASKS = """
import asyncio
async def main():
    async with client() as session:
        async def timed(address):
            started = time.monotonic()
            await ask(session, address)
            return address, time.monotonic() - started
        single = [await timed(address) for address in one_by_one]
        many = await asyncio.gather(*map(timed, at_once))
    print(json.dumps({"single": single, "many": many}))
asyncio.run(main())
"""
PROGRAMS = {
    "requests": URLS + "import requests\ndef ask(address): requests.get(address).text\n" + IN_THREADS,
    "urllib": URLS + "import urllib.request\ndef ask(address): urllib.request.urlopen(address).read()\n" + IN_THREADS,
    "aiohttp": URLS
    + """
import aiohttp
def client(): return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
async def ask(session, address):
    async with session.get(address) as response:
        await response.read()
"""
    + IN_TASKS,
    "httpx": URLS
    + """
import httpx
def client(): return httpx.AsyncClient(timeout=None, limits=httpx.Limits(max_connections=None))
async def ask(session, address): (await session.get(address)).text
"""
    + IN_TASKS,
    "curl": URLS
    + """
import subprocess
def curl(addresses, *options):
    command = ["curl", "-s", *options, "-w", "%{url_effective} %{time_total}\\\\n"]
    for address in addresses:
        command += ["-o", "/dev/null", address]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\\n")[:-1]
    return [(address, float(seconds)) for address, seconds in map(str.split, lines)]
print(json.dumps({"single": curl(one_by_one), "many": curl(at_once, "--parallel", "--parallel-max", str(parallel))}))
""",
}


def main() -> None:
    """Run the benchmark and print a table; exit 1 if replays are less faithful than real runs by over 10 of 100 times.

    Less faithful as the program sees it.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parallel", type=int, default=100)
    parser.add_argument("--sequential", type=int, default=30)
    parser.add_argument("--clients", default=",".join(PROGRAMS))
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        asyncio.run(serve(arguments.serve))
    print(
        f"{'within 10 % or 5 ms of the recording:':>63} {'replay':>7} {'real':>6} {'server':>7}   median error of the server"
    )
    worst_share = 1.0
    with tempfile.TemporaryDirectory() as scratch, origin(Path(scratch)) as origins:
        for client in arguments.clients.split(","):
            if client == "curl" and shutil.which("curl") is None:
                continue
            for scheme in ("http", "https"):
                folder = Path(scratch, f"{client}-{scheme}")
                folder.mkdir()
                (folder / "main.py").write_text(PROGRAMS[client])
                for kind, found in times_of(origins, scheme, folder, arguments.parallel, arguments.sequential).items():
                    replay, real, server = (share(kinds) for kinds in (found.replayed, found.real, found.served))
                    worst_share = min(replay - real, worst_share)
                    error = median(abs(seconds - recorded) for recorded, seconds in found.served)
                    print(
                        f"{client:9} {scheme:6} {len(found.real):4} {'at once' if kind == 'many' else 'in turn':10}"
                        f"{replay:37.0%} {real:6.0%} {server:7.0%} {error * 1e3:10.1f} ms",
                        flush=True,
                    )
    sys.exit(worst_share < -0.1)


Times = list[tuple[float, float]]
"""The recorded time and another, of each request, in seconds."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was recorded beside what was seen: by the program in the replay and before the real server, by the replay server."""

    replayed: Times
    real: Times
    served: Times


def share(times: Times) -> float:
    """How many are within 10 % or 5 ms."""
    return sum(abs(seconds - recorded) <= max(0.1 * recorded, 0.005) for recorded, seconds in times) / len(times)


async def serve(folder: Path) -> None:
    """The real server, plain and with TLS, until it is ended; its authority and its ports are written into `folder`."""

    async def delay(request: web.Request) -> web.Response:
        await asyncio.sleep(int(request.match_info["ms"]) / 1000)
        return web.Response(text=request.match_info["name"])

    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "origin.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST, "localhost").configure_cert(context)
    app = web.Application()
    app.router.add_get("/delay/{ms}/{name}", delay)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    for one in (None, context):
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=one, backlog=1024).start()
    print(json.dumps([address[1] for address in runner.addresses]), flush=True)
    await asyncio.Event().wait()


@contextmanager
def origin(folder: Path) -> Iterator[dict[str, int]]:
    """The ports where the real server listens, by scheme."""
    process = subprocess.Popen([sys.executable, __file__, "--serve", str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield dict(zip(("http", "https"), json.loads(process.stdout.readline()), strict=True))
    finally:
        process.kill()
        process.wait()


def times_of(origins: dict[str, int], scheme: str, folder: Path, parallel: int, sequential: int) -> dict[str, Found]:
    """Record a program, play it back, and let it ask the real server; by kind of request."""
    authority = folder.parent / "origin.pem"
    tape = folder / "tape.yaml"
    addresses = {f"{HOST}:{port}": f"127.0.0.1:{origins[name]}" for name, port in DEFAULT_PORTS.items()}

    def run(base: str, where: Gateway | None) -> dict[str, dict[str, float]]:
        command = [sys.executable, "main.py", base, str(parallel), str(sequential), json.dumps(DELAYS)]
        environment = where.environment if where else dict.fromkeys(TRUST, str(authority))
        done = measure(command, folder, folder / "run", env=environment, enter=where.enter if where else None)
        if done.exit_code != 0:
            sys.exit(done.stderr.decode())
        return {
            kind: {urlsplit(url).path: took for url, took in rows} for kind, rows in json.loads(done.stdout).items()
        }

    with Gateway(
        record=True, command=[sys.executable], folder=folder, addresses=addresses, authority=authority
    ) as gateway:
        run(f"{scheme}://{HOST}", gateway)
        gateway.finish(tape)
        gateway.reset()
        replayed = run(f"{scheme}://{HOST}", gateway)
        served = {
            urlsplit(seen.target).path: (seen.ended or seen.started) - seen.started
            for seen in gateway.traffic().requests
        }
    real = run(f"{scheme}://localhost:{origins[scheme]}", None)
    recorded = {urlsplit(each.request.url).path: each for each in load(tape).exchanges}

    def found(kind: str) -> Found:
        seen = {path: recorded[path].latency + (recorded[path].connect or 0.0) for path in real[kind]}
        return Found(
            [(seen[path], replayed[kind][path]) for path in seen],
            [(seen[path], real[kind][path]) for path in seen],
            [(recorded[path].latency, served[path]) for path in seen],
        )

    return {kind: found(kind) for kind in real}


if __name__ == "__main__":
    main()
