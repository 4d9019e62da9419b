"""Peak memory and CPU of a download to a file: what is emitted beside the synchronous original and aiohttp by hand.

    python benchmarks/streaming_http.py [MEGABYTES]

Each program runs in a process of its own, the forms in turn, three times; the least CPU (user and system, the imports included) and the
least peak memory of each count. The server runs in another process.
"""

from __future__ import annotations

import compileall
import sys
import tempfile
from pathlib import Path

from native_http import measured

from asyncify.support import emit
from asyncify.verify.server import LocalServer

ROUNDS = 3
PROGRAMS = {
    "requests": """
import sys
import requests

with requests.get(sys.argv[1], stream=True) as response, open(sys.argv[2], "wb") as out:
    for piece in response.iter_content(65536):
        out.write(piece)
""",
    "by hand": """
import asyncio, sys
import aiohttp

async def main():
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(timeout=timeout) as session, session.get(sys.argv[1]) as response:
        with open(sys.argv[2], "wb") as out:
            async for piece in response.content.iter_chunked(65536):
                out.write(piece)

asyncio.run(main())
""",
    "compat": """
import asyncio, sys
import aio_requests

async def main():
    async with await aio_requests.get(sys.argv[1], stream=True) as response:
        with open(sys.argv[2], "wb") as out:
            async for piece in response.aiter_content(65536):
                out.write(piece)

asyncio.run(main())
""",
    "native": """
import asyncio, sys
import aio_http

async def main():
    with await aio_http.get(sys.argv[1], stream=True) as response, open(sys.argv[2], "wb") as out:
        async for piece in response.aiter_content(65536):
            out.write(piece)

asyncio.run(main())
""",
    "urllib": """
import shutil, sys
import urllib.request

with urllib.request.urlopen(sys.argv[1]) as response, open(sys.argv[2], "wb") as out:
    shutil.copyfileobj(response, out)
""",
    "aio_urllib": """
import asyncio, sys
import aio_urllib

async def main():
    with await aio_urllib.urlopen(sys.argv[1]) as response, open(sys.argv[2], "wb") as out:
        await aio_urllib.copyfileobj(response, out)

asyncio.run(main())
""",
}


def main() -> None:
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with tempfile.TemporaryDirectory() as name, LocalServer() as server:
        folder = Path(name)
        (folder / "aio_requests.py").write_text(emit("aio_requests", ["get"]))
        (folder / "aio_http.py").write_text(emit("aio_http", ["get"]))
        (folder / "aio_urllib.py").write_text(emit("aio_urllib", ["urlopen", "copyfileobj"]))
        programs = {title: folder / f"{title.replace(' ', '_')}_.py" for title in PROGRAMS}
        for title, path in programs.items():
            path.write_text(PROGRAMS[title])
        compileall.compile_dir(folder, quiet=1)
        runs: dict[str, list[tuple[float, float, int]]] = {title: [] for title in PROGRAMS}
        for _ in range(ROUNDS):
            for title, path in programs.items():
                target = folder / "download"
                runs[title].append(measured(path, f"{server.url}/bytes/{megabytes * 1_000_000}", str(target)))
                if target.stat().st_size != megabytes * 1_000_000:
                    raise SystemExit(f"{title} did not write everything")
        base = min(peak for _, peak, _ in runs["by hand"])
        print(f"{megabytes} MB to a file\n{'':<12}{'CPU s':>8}{'peak MiB':>10}{'ratio':>7}")
        for title, results in runs.items():
            cpu, peak = min(r[0] for r in results), min(r[1] for r in results)
            print(f"{title:<12}{cpu:>8.2f}{peak:>10.1f}{peak / base:>7.2f}")


if __name__ == "__main__":
    main()
