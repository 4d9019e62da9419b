"""Requests through requests, `aio_requests` (compat) and `aio_http` (native): how many are the same, and which are not.

    python benchmarks/compare_http.py [--short]

A case is a call, or several on one session, against a server that answers byte for byte (`tests/support/raw_server.py`). Compared are the
requests on the wire (method, target, headers, body) and everything a program can see of the response or the exception. Native is compared
where it claims to know the call. Streamed bodies are compared piece by piece. ``--short`` takes every seventh case. The exit code is 1 where anything differs.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from support import test_aio_http as native
from support import test_aio_http_stream as streamed
from support import test_http_equal as compat
from support.raw_server import ANSWERS, RawServer

from asyncify.support import aio_http, aio_requests

OPTIONS: list[dict[str, Any]] = [{"data": {"a": "1"}}, {"json": [1]}]


def cases() -> list[compat.Case]:
    """All cases, each once."""
    found = [*compat.CASES, *native.CASES]
    for path in sorted(ANSWERS):
        found += [compat.one("POST", path, **options) for options in OPTIONS if path not in ("/silent", "/stall")]
    return list({case.name: case for case in found}.values())


def compare(ours: Callable[[compat.Case], Any], plain: Callable[[compat.Case], Any], case: compat.Case) -> bool:
    """Whether one side does what requests does."""
    with mock.patch("urllib3.filepost.choose_boundary", lambda: "boundary"):
        return bool(plain(case) == ours(case))


def compare_streams(side: str, module: Any, step: int, server: RawServer) -> bool:
    """Whether all streamed bodies come in the same pieces and end in the same errors; prints the numbers."""
    cases = streamed.CASES[::step]
    different = [
        f"{path} {method} {options}"
        for path, method, options in cases
        if streamed.by_requests(server.url + path, method, options)
        != asyncio.run(streamed.by_aiohttp(server.url + path, method, options, module))
    ]
    print(f"{side} streamed: {len(cases)} cases, {len(cases) - len(different)} the same")
    for name in different:
        print(f"  differs: {name}")
    return not different


def main() -> int:
    """Print the numbers; the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--short", action="store_true")
    step = 7 if parser.parse_args().short else 1
    chosen = cases()[::step]
    failed = False
    with RawServer() as server:
        sides: dict[str, tuple[list[compat.Case], Callable[[Any], Any], Callable[[Any], Any]]] = {
            "compat": (
                chosen,
                lambda case: asyncio.run(compat.with_aiohttp(case, server)),
                lambda case: compat.with_requests(case, server),
            ),
            "native": (
                [case for case in chosen if native.known(case) or case.session is native.with_headers],
                lambda case: asyncio.run(native.with_aiohttp(case, server)),
                lambda case: native.with_requests(case, server),
            ),
        }
        for side, (compared, ours, plain) in sides.items():
            different = [case.name for case in compared if not compare(ours, plain, case)]
            share = 1 - len(different) / len(compared)
            print(f"{side}: {len(compared)} cases, {len(compared) - len(different)} the same ({share:.1%})")
            for name in different:
                print(f"  differs: {name}")
            failed |= bool(different)
        for side, module in (("compat", aio_requests), ("native", aio_http)):
            failed |= not compare_streams(side, module, step, server)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
