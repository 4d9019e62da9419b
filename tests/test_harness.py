"""Sabotage of the harness: given a wrong result it must object, given a right one it must not."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import pytest
from harness import laws
from harness.check import check_runs
from harness.fixture import Expected, Fixture
from harness.laws import Broken
from harness.run import start_process

if TYPE_CHECKING:
    from pathlib import Path

    from harness.start import Zygote

    from asyncify.verify.server import LocalServer

BEFORE = """\
import os

import requests

BASE_URL = os.environ["BASE_URL"]


def fetch(number):
    return requests.get(f"{BASE_URL}/delay/60/{number}", headers={"X-Number": str(number)}).text


def note(text):
    with open("notes.txt", "a") as notes:
        notes.write(text)
    return requests.post(f"{BASE_URL}/post", data={"text": text}).status_code


def main():
    for number in range(2):
        print(number, fetch(number))
    note("done")


main()
"""
AFTER = """\
import asyncio
import os

import requests

BASE_URL = os.environ["BASE_URL"]


async def fetch(number):
    url = f"{BASE_URL}/delay/60/{number}"
    return (await asyncio.to_thread(requests.get, url, headers={"X-Number": str(number)})).text


async def note(text):
    with open("notes.txt", "a") as notes:
        notes.write(text)
    return (await asyncio.to_thread(requests.post, f"{BASE_URL}/post", data={"text": text})).status_code


async def main():
    for number in range(2):
        print(number, await fetch(number))
    await note("done")


asyncio.run(main())
"""
LOOP = "    for number in range(2):\n        print(number, await fetch(number))\n"
GATHERED = "    for number, text in enumerate(await asyncio.gather(fetch(0), fetch(1))):\n        print(number, text)\n"
SABOTAGE = {
    "a dropped await of a value": ("await fetch(number)", "fetch(number)", "never awaited"),
    "a dropped await of a statement": ("    await note(", "    note(", "never awaited"),
    "swapped order": ("in range(2)", "in (1, 0)", "stdout differs"),
    "swapped order of requests": (
        LOOP,
        "    texts = {n: await fetch(n) for n in (1, 0)}\n    for n in range(2):\n        print(n, texts[n])\n",
        "order of the requests",
    ),
    "an extra request": ('    await note("done")', '    await note("done")\n    await fetch(9)', "requests differ"),
    "a missing request": ("data={", "params={", "requests differ"),
    "another header": ('"X-Number": str(number)', '"X-Number": "0"', "requests differ"),
    "a missing header": (', headers={"X-Number": str(number)}', "", "requests differ"),
    "another path": ("/delay/60/{number}", "/delay/60//{number}", "requests differ"),
    "parallel where it was sequential": (LOOP, GATHERED, "in flight"),
    "a blocking request": ("(await asyncio.to_thread(requests.get, url,", "(requests.get(url,", "socket.connect"),
    "a blocking sleep": (
        '    await note("done")',
        '    __import__("time").sleep(0.01)\n    await note("done")',
        "sleep",
    ),
    "a slow callback": (
        '    await note("done")',
        "    sum(range(20_000_000))\n    await note('done')",
        "s of CPU in one callback",
    ),
    "an error in a forgotten task": (
        '    await note("done")',
        "    asyncio.create_task(fail())\n    await note('done')\n\n\nasync def fail():\n    raise KeyError",
        "never retrieved",
    ),
    "an unclosed session": (
        '    await note("done")',
        "    import aiohttp\n    aiohttp.ClientSession()\n    await note('done')",
        "Unclosed",
    ),
    "another exit code": ("asyncio.run(main())", "asyncio.run(main())\nraise SystemExit(3)", "exit code 3, was 0"),
    "another file": ('"notes.txt"', '"note.txt"', "files written"),
    "other text in a file": ("notes.write(text)", "notes.write(text * 2)", "files written"),
}


def program(text: str) -> dict[str, bytes]:
    """One file as a tree."""
    return {"main.py": text.encode()}


def fixture() -> Fixture:
    """What is declared of the program above."""
    return Fixture(name="sabotage", title="hand-written", expected=Expected.MIGRATE, in_flight=1)


def test_a_right_result_passes(fixture_server: LocalServer) -> None:
    check_runs(fixture(), program(BEFORE), program(AFTER), fixture_server)


@pytest.mark.parametrize("what", SABOTAGE)
def test_a_wrong_result_is_seen(what: str, fixture_server: LocalServer, zygote: Zygote) -> None:
    old, new, message = SABOTAGE[what]
    assert old in AFTER
    with pytest.raises(Broken, match=message):
        check_runs(fixture(), program(BEFORE), program(AFTER.replace(old, new)), fixture_server, zygote)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"exit": 1}, "declared 1"),
        ({"requests": 4}, "declared 4"),
        ({"requests": 0}, "declared 0"),
        ({"in_flight": 2}, "expected 2"),
        ({"env": {"BASE_URL": "http://127.0.0.1:9"}}, "exit code"),
    ],
)
def test_a_fixture_that_shows_nothing_is_seen(
    change: dict[str, object], message: str, fixture_server: LocalServer
) -> None:
    wrong = Fixture(name="sabotage", title="hand-written", expected=Expected.MIGRATE, **change)  # type: ignore[arg-type]
    with pytest.raises(Broken, match=message):
        check_runs(wrong, program(BEFORE), program(AFTER), fixture_server)


OLD = b"import os  # one\r\n\r\n\r\ndef f(x):  # two\r\n    return g(x)\r\n"


@pytest.mark.parametrize(
    ("law", "new"),
    [
        (laws.comments_survive, OLD.replace(b"  # two", b"")),
        (laws.comments_survive, OLD.replace(b"# two", b"# too")),
        (laws.layout_survives, OLD.replace(b"\r\n", b"\n")),
        (laws.layout_survives, b"\xef\xbb\xbf" + OLD),
        (laws.layout_survives, OLD.rstrip()),
        (laws.layout_survives, b"# -*- coding: latin-1 -*-\r\n" + OLD),
        (laws.nothing_blocks_statically, b"import time\r\nasync def f():\r\n    time.sleep(1)\r\n"),
        (laws.nothing_blocks_statically, b"from requests import get as g\r\nasync def f(x):\r\n    return g(x)\r\n"),
    ],
)
def test_a_wrong_tree_is_seen(law: object, new: bytes) -> None:
    assert callable(law)
    law({"a.py": OLD}, {"a.py": OLD})
    with pytest.raises(Broken):
        law({"a.py": OLD}, {"a.py": new})


def test_a_line_that_no_edit_covers_is_seen() -> None:
    new = {"a.py": OLD.replace(b"g(x)", b"await g(x)")}
    laws.only_planned_lines({"a.py": OLD}, new, {"a.py": {5}})
    for planned in ({"a.py": {4}}, {"b.py": {5}}, {}):
        with pytest.raises(Broken, match=r"a\.py:5"):
            laws.only_planned_lines({"a.py": OLD}, new, planned)


def test_text_that_does_not_compile_is_seen() -> None:
    with pytest.raises(Broken, match="does not compile"):
        laws.compiles({"a.py": b"def f():\n    await g()\n"}, {"a.py"})


ENDINGS = {
    "plain": "print('end', end='')",
    "number": "import sys; sys.exit(257)",
    "text": "import sys; sys.exit('why')",
    "error": "raise KeyError('key')",
    "interrupt": "raise KeyboardInterrupt",
    "at exit": "import atexit; atexit.register(print, 'second'); atexit.register(print, 'first')",
    "thread": "import threading, time; threading.Thread(target=lambda: (time.sleep(0.05), print('late'))).start()",
    "daemon": "import threading, time; threading.Thread(target=time.sleep, args=(50,), daemon=True).start()",
    "last words": "class Last:\n    def __del__(self): print('gone')\nlast = Last()",
    "cycle": "class Last:\n    def __del__(self): print('gone')\nlast = Last()\nlast.own = last",
    "left open": "import aiohttp, asyncio\nasync def main():\n    global left\n    left = aiohttp.ClientSession()\nasyncio.run(main())",
    "never awaited": "async def job(): pass\nleft = job()",
    "loop": "import asyncio; asyncio.set_event_loop(asyncio.new_event_loop())",
    "no output": "import sys; sys.stdout.close()",
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_fork_ends_as_a_process_does(ending: str, zygote: Zygote, tmp_path: Path) -> None:
    """Exit code, output, and the kinds of warnings and errors on stderr."""
    (tmp_path / "main.py").write_text(ENDINGS[ending], encoding="utf-8")
    environment = {"PYTHONDEVMODE": "1", "PYTHONWARNINGS": "default", "HARNESS_GUARD": str(tmp_path / "log")}
    command = [sys.executable, "main.py"]
    seen = [start(command, tmp_path, environment) for start in (start_process, zygote)]
    assert [(code, out, _kinds(err)) for code, out, err in seen[:1]] == [(c, o, _kinds(e)) for c, o, e in seen[1:]]


def _kinds(stderr: bytes) -> list[str]:
    return sorted(set(re.findall(r"\w+(?:Error|Warning|Interrupt)\b|Unclosed \w+|never awaited|why", stderr.decode())))
