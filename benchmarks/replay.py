"""How near are the times of a replay to those of the recording?

    python benchmarks/replay.py [--parallel 100]

A program asks a local server that answers after 5 to 400 milliseconds, one request at a time and then many at once, with requests in
threads and with aiohttp. It is recorded and played back; each request's time, as the program sees it, is laid beside
the recorded one. A replayed latency counts as faithful within 10 % or 5 ms. What the program's own threads and the machine add is
not the replay's: the last column is the same share for a second run against the real server.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from statistics import median

from asyncify.verify.measure import measure
from asyncify.verify.replay.gateway import Gateway
from asyncify.verify.server import LocalServer

HOST = "bench.test"
DELAYS = (5, 20, 50, 100, 200, 400)  # milliseconds
URLS = """
import json, sys, time
parallel, sequential = int(sys.argv[1]), int(sys.argv[2])
delays = json.loads(sys.argv[3])
url = "http://bench.test/delay/{}/{}".format
one_by_one = [url(delays[n % len(delays)], f"single-{n}") for n in range(sequential)]
at_once = [url(delays[n % len(delays)], f"many-{n}") for n in range(parallel)]
"""
PROGRAMS = {
    "requests": URLS
    + """
import requests
from concurrent.futures import ThreadPoolExecutor
def timed(address):
    started = time.monotonic()
    requests.get(address).text
    return address, time.monotonic() - started
single = [timed(address) for address in one_by_one]
with ThreadPoolExecutor(parallel) as pool:
    many = list(pool.map(timed, at_once))
print(json.dumps({"single": single, "many": many}))
""",
    "aiohttp": URLS
    + """
import asyncio, aiohttp
async def main():
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        async def timed(address):
            started = time.monotonic()
            async with session.get(address) as response:
                await response.read()
            return address, time.monotonic() - started
        single = [await timed(address) for address in one_by_one]
        many = await asyncio.gather(*map(timed, at_once))
    print(json.dumps({"single": single, "many": many}))
asyncio.run(main())
""",
}


def main() -> None:
    """Run the benchmark and print a table; exit 1 if replays are less faithful than real runs by over 10 of 100 times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parallel", type=int, default=100)
    parser.add_argument("--sequential", type=int, default=30)
    arguments = parser.parse_args()
    print("client    requests        median error  95 % below     worst  within 10 % or 5 ms  of two real runs")
    worst_share = 1.0
    with LocalServer() as server, tempfile.TemporaryDirectory() as scratch:
        for client, text in PROGRAMS.items():
            folder = Path(scratch) / client
            folder.mkdir()
            (folder / "main.py").write_text(text)
            words = [str(arguments.parallel), str(arguments.sequential), json.dumps(DELAYS)]
            for kind, (errors, again) in errors_of(server, folder, [sys.executable, "main.py", *words]).items():
                share, natural = (sum(fine for _, fine in each) / len(each) for each in (errors, again))
                worst_share = min(share - natural, worst_share)
                sizes = sorted(abs(error) for error, _ in errors)
                most = sizes[int(len(sizes) * 0.95)]
                print(
                    f"{client:9} {len(errors):4} {'at once' if kind == 'many' else 'in turn':10} {median(sizes) * 1e3:9.1f} ms "
                    f"{most * 1e3:8.1f} ms {sizes[-1] * 1e3:6.1f} ms {share:20.0%} {natural:17.0%}"
                )
    sys.exit(worst_share < -0.1)


Errors = list[tuple[float, bool]]


def errors_of(server: LocalServer, folder: Path, command: list[str]) -> dict[str, tuple[Errors, Errors]]:
    """Of each request: how much later it was answered (seconds), and whether that is near enough.

    By kind of request, first for the replay, then for a second run against the real server.
    """
    addresses = {f"{HOST}:80": server.url.removeprefix("http://")}
    times = []
    with Gateway(record=True, command=command, folder=folder, addresses=addresses) as gateway:
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
