"""What blocks an event loop is found while the program runs, with its place and the rule that is about it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from asyncify.verify.behaviour import Aspect
from asyncify.verify.blockages import Blockage, Frame, appeared, blockages, watching
from asyncify.verify.compare import verify
from asyncify.verify.measure import measure

HEAD = "import asyncio, threading, time, socket, subprocess, sys, queue\nfrom concurrent.futures import ThreadPoolExecutor\n"
BLOCKING = {
    "sleep": (
        "def helper():\n    time.sleep(0.1)\nasync def main():\n    helper()\n",
        "time.sleep",
        "helper",
        "time_sleep",
    ),
    "sleep in a loop": (
        "async def main():\n    for _ in range(30):\n        time.sleep(0.002)\n",
        "time.sleep",
        "main",
        "time_sleep",
    ),
    "queue": (
        "q = queue.Queue()\nasync def main():\n    try: q.get(timeout=0.4)\n    except queue.Empty: pass\n",
        "",
        "main",
        "queues",
    ),
    "event": ("async def main():\n    threading.Event().wait(0.4)\n", "", "main", "thread_locks"),
    "result": (
        "async def main():\n    with ThreadPoolExecutor(1) as pool:\n        pool.submit(time.sleep, 0.4).result()\n",
        "",
        "main",
        "thread_pool",
    ),
    "process": (
        "async def main():\n    subprocess.run([sys.executable, '-c', ''])\n",
        "subprocess.Popen",
        "main",
        "blocking",
    ),
    "callback": (
        "def back():\n    time.sleep(0.1)\nasync def main():\n    asyncio.get_running_loop().call_soon(back)\n    await asyncio.sleep(0.2)\n",
        "time.sleep",
        "back",
        "time_sleep",
    ),
}
FINE = {
    "awaited": "async def main():\n    await asyncio.sleep(0.2)\n",
    "in a thread": "async def main():\n    await asyncio.to_thread(time.sleep, 0.2)\n",
    "before the loop": "time.sleep(0.2)\nasync def main(): pass\n",
    "computing": "async def main():\n    end = time.process_time() + 0.2\n    while time.process_time() < end: pass\n",
    "process": "async def main():\n    await (await asyncio.create_subprocess_exec(sys.executable, '-c', '')).wait()\n",
    "name": "async def main():\n    await asyncio.get_running_loop().getaddrinfo('localhost', 80)\n",
    "connection": "async def main():\n    server = await asyncio.start_server(lambda r, w: w.close(), '127.0.0.1', 0)\n"
    "    await asyncio.open_connection(*server.sockets[0].getsockname())\n",
    "nothing asked of it": "async def main(): time.sleep(0)\n",
}


def watched(text: str, folder: Path) -> tuple[Blockage, ...]:
    work = folder / "work"
    work.mkdir()
    (work / "main.py").write_text(HEAD + text + "asyncio.run(main())\n")
    run = measure([sys.executable, "main.py"], work, folder / "run", env=watching(folder / "noted"))
    assert run.exit_code == 0, run.stderr.decode()
    return blockages(folder / "noted", work)


@pytest.mark.parametrize("name", BLOCKING)
def test_what_blocks_is_named(name: str, tmp_path: Path) -> None:
    text, call, function, rule = BLOCKING[name]
    (found,) = watched(text, tmp_path)
    assert (found.call, found.place.function, found.rule) == (call, function, rule)
    assert found.place.path == "main.py" and found.seconds > 0.01
    assert f"main.py:{found.place.line} in {function}" in str(found) and f"rule {rule}" in str(found)


@pytest.mark.parametrize("name", FINE)
def test_what_does_not_block_is_not(name: str, tmp_path: Path) -> None:
    assert watched(FINE[name], tmp_path) == ()


def test_requests_on_the_loop_are_a_matter_of_the_rule_for_requests(tmp_path: Path) -> None:
    server = "from http.server import HTTPServer, BaseHTTPRequestHandler\nclass H(BaseHTTPRequestHandler):\n"
    server += "    def do_GET(self):\n        time.sleep(0.2); self.send_response(204); self.end_headers()\n"
    server += "s = HTTPServer(('127.0.0.1', 0), H)\nthreading.Thread(target=s.serve_forever, daemon=True).start()\n"
    text = server + "import requests\nasync def main():\n    requests.get(f'http://127.0.0.1:{s.server_port}/')\n"
    (found,) = watched(text, tmp_path)
    assert (found.place.function, found.rule) == ("main", "requests")


def test_verify_fails_on_what_blocks_now_and_did_not_before(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    for folder, text in (
        (before, "def main(): time.sleep(0.1)\nmain()\n"),
        (after, "async def main(): time.sleep(0.1)\nasyncio.run(main())\n"),
    ):
        folder.mkdir()
        (folder / "main.py").write_text(HEAD + text)
    result = verify(before, after, [sys.executable, "main.py"], runs=1)
    (difference,) = result.behaviour.differences
    assert difference.aspect is Aspect.LOOP
    assert difference.message.startswith("time.sleep blocks the event loop at main.py:3 in main")
    assert "    main.py:3 in main\n" in difference.diff
    again = verify(after, after, [sys.executable, "main.py"], runs=1)
    assert again.behaviour.same and again.after.blockages


def test_the_place_is_the_program_and_not_its_support() -> None:
    stack = (
        Frame("main.py", 3, "main", True),
        Frame("aio_support.py", 90, "run", True),
        Frame("/lib/python3.11/threading.py", 7, "wait", False),
    )
    found = Blockage("", 1.0, 1, stack)
    assert found.place == stack[0]
    assert Blockage("", 1.0, 1, stack[1:]).place == stack[1]
    moved = Blockage("", 1.0, 1, (Frame("main.py", 9, "main", True), *stack[1:]))
    assert appeared([found], [moved]) == ()
    assert appeared([], [moved]) == (moved,)


def test_rules_that_are_named_exist() -> None:
    from asyncify.verify.blockages import _RULES

    pages = Path(__file__).parents[2] / "docs" / "rules"
    for rule in {"time_sleep", "blocking", *(rule for _, rule in _RULES)}:
        assert (pages / f"{rule}.md").is_file()
