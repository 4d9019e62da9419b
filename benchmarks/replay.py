"""How near are the times of a replay to those of the recording?

    python benchmarks/replay.py [--parallel 100] [--clients requests,aiohttp,httpx,urllib,curl]

A program asks a server that answers after 5 to 400 milliseconds, over plain connections and TLS, one request at a time and then many at
once. It is recorded and played back; each request's time, as the program sees it, is laid beside the recorded one. A replayed latency
counts as faithful within 10 % or 5 ms. What the program's own threads and the machine add is not the replay's: the last column
is the same share for a second run against the real server.
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
from pathlib import Path
from statistics import median

import trustme
from aiohttp import web

from asyncify.verify.measure import measure
from asyncify.verify.replay.gateway import Gateway

HOST = "bench.test"
DELAYS = (5, 20, 50, 100, 200, 400)  # milliseconds
URLS = """
import json, sys, time
scheme, parallel, sequential = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
delays = json.loads(sys.argv[4])
url = (scheme + "://bench.test/delay/{}/{}").format
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
    """Run the benchmark and print a table; exit 1 if replays are less faithful than real runs by over 10 of 100 times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parallel", type=int, default=100)
    parser.add_argument("--sequential", type=int, default=30)
    parser.add_argument("--clients", default=",".join(PROGRAMS))
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        asyncio.run(serve(arguments.serve))
    print("client    over   requests        median error  95 % below     worst  within 10 % or 5 ms  of two real runs")
    worst_share = 1.0
    with tempfile.TemporaryDirectory() as scratch, origin(Path(scratch)) as addresses:
        for client in arguments.clients.split(","):
            if client == "curl" and shutil.which("curl") is None:
                continue
            for scheme in ("http", "https"):
                folder = Path(scratch, f"{client}-{scheme}")
                folder.mkdir()
                (folder / "main.py").write_text(PROGRAMS[client])
                words = [scheme, str(arguments.parallel), str(arguments.sequential), json.dumps(DELAYS)]
                command = [sys.executable, "main.py", *words]
                for kind, (errors, again) in errors_of(addresses, folder, command).items():
                    share, natural = (sum(fine for _, fine in each) / len(each) for each in (errors, again))
                    worst_share = min(share - natural, worst_share)
                    sizes = sorted(abs(error) for error, _ in errors)
                    most = sizes[int(len(sizes) * 0.95)]
                    print(
                        f"{client:9} {scheme:6} {len(errors):4} {'at once' if kind == 'many' else 'in turn':10} "
                        f"{median(sizes) * 1e3:9.1f} ms {most * 1e3:8.1f} ms {sizes[-1] * 1e3:6.1f} ms {share:20.0%} {natural:17.0%}",
                        flush=True,
                    )
    sys.exit(worst_share < -0.1)


async def serve(folder: Path) -> None:
    """The real server, plain and with TLS, until it is ended; its authority and its ports are written into `folder`."""

    async def delay(request: web.Request) -> web.Response:
        await asyncio.sleep(int(request.match_info["ms"]) / 1000)
        return web.Response(text=request.match_info["name"])

    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "origin.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(context)
    app = web.Application()
    app.router.add_get("/delay/{ms}/{name}", delay)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    for one in (None, context):
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=one, backlog=1024).start()
    print(json.dumps([address[1] for address in runner.addresses]), flush=True)
    await asyncio.Event().wait()


@contextmanager
def origin(folder: Path) -> Iterator[dict[str, str]]:
    """Where the real server listens, by the address that programs ask for."""
    process = subprocess.Popen([sys.executable, __file__, "--serve", str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        plain, secure = json.loads(process.stdout.readline())
        yield {f"{HOST}:80": f"127.0.0.1:{plain}", f"{HOST}:443": f"127.0.0.1:{secure}"}
    finally:
        process.kill()
        process.wait()


Errors = list[tuple[float, bool]]


def errors_of(addresses: dict[str, str], folder: Path, command: list[str]) -> dict[str, tuple[Errors, Errors]]:
    """Of each request: how much later it was answered (seconds), and whether that is near enough.

    By kind of request, first for the replay, then for a second run against the real server.
    """
    times = []
    authority = folder.parent / "origin.pem"
    with Gateway(record=True, command=command, folder=folder, addresses=addresses, authority=authority) as gateway:
        for number in range(3):
            run = measure(command, folder, folder / f"run{number}", env=gateway.environment, enter=gateway.enter)
            if run.exit_code != 0:
                sys.exit(run.stderr.decode())
            times.append(json.loads(run.stdout))
            if number == 1:  # of two answers to a request, the first run's comes first
                gateway.finish(None)
    recorded, again, replayed = times

    def errors(kind: str, was: dict[str, list[tuple[str, float]]], now: dict[str, list[tuple[str, float]]]) -> Errors:
        later = dict(now[kind])
        pairs = [(seconds, later[address] - seconds) for address, seconds in was[kind]]
        return [(error, abs(error) <= max(0.1 * seconds, 0.005)) for seconds, error in pairs]

    return {kind: (errors(kind, recorded, replayed), errors(kind, recorded, again)) for kind in recorded}


if __name__ == "__main__":
    main()
