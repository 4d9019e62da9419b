"""A project that an earlier run moved in part: what runs coroutines to their end there cannot be done on an event loop."""

from __future__ import annotations

from pathlib import Path

from asyncify import api
from asyncify.config import Config
from asyncify.support import emit

FETCH = """
import aio_requests
import aio_support
import requests

async def fetch(url):
    return (await aio_requests.get(url)).text
"""


def _preview(folder: Path, program: str) -> api.Preview:
    (folder / "aio_support.py").write_text(emit("aio_support", ["run_sync", "as_sync"]), encoding="utf-8")
    (folder / "main.py").write_text(FETCH + program, encoding="utf-8")
    preview = api.preview([folder], Config(root=folder, cache=False))
    assert not any(problem.fatal for problems in preview.problems.values() for problem in problems)
    return preview


def test_a_function_that_runs_coroutines_itself_keeps_its_callers(tmp_path: Path) -> None:
    program = """
def main():
    print(aio_support.run_sync(fetch("http://a.test/")), requests.get("http://b.test/").text)

main()
"""
    preview = _preview(tmp_path, program)
    assert not preview.scan.plan.groups
    assert {refusal.code for refusal in preview.scan.plan.refusals} == {"no-counterpart"}


def test_below_a_coroutine_it_goes_through_a_thread(tmp_path: Path) -> None:
    program = """
def first(urls):
    return list(map(aio_support.as_sync(fetch), urls))

def main():
    print(first(["http://a.test/"]), requests.get("http://b.test/").text)

main()
"""
    (change,) = _preview(tmp_path, program).changes
    after = {file.path: file.after for file in change.changes}["main.py"]
    assert after is not None
    assert b"await asyncio.to_thread(first" in after
