"""Kills apply and undo and checks what is left; run by test_kill.py in a process of its own, as it forks.

``random FOLDER SEED``: 50 times, at random moments. ``every FOLDER``: before each system call that changes
something, half way through those that write. Prints one JSON object; an assertion that fails ends it with a traceback.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from write_tree import make_groups, make_tree, snapshot

from asyncify.model import FileChange, GroupChange
from asyncify.write import State, apply_changes, history, undo
from asyncify.write.journal import unborn

CHANGING = ("replace", "link", "unlink", "rename", "mkdir", "rmdir", "write", "chmod", "chown")


# The parent only tidies up: it does not wait for the disk.
child_fsync = os.fsync
os.fsync = lambda descriptor: None


def large_tree(root: Path) -> list[GroupChange]:
    """20 files: 15 changed, 3 new (two of them in new folders), 2 removed."""
    changes = []
    for number in range(17):
        path = f"pkg{number % 3}/m{number}.py"
        before = f"# {number}\r\nimport requests\n".encode() * (number * 40 + 1)
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(before)
        changes.append(FileChange(path, before, None if number > 14 else before.replace(b"requests", b"aiohttp")))
    changes += [FileChange(path, None, b"new\n" * 50) for path in ("new.py", "n/e/w.py", "n/x.py")]
    return [GroupChange("g", tuple(changes))]


def forked(action: Callable[[], object], kill_after: float | None = None) -> int:
    """Run it in a child, killed after so many seconds; its wait status."""
    child = os.fork()
    if child == 0:
        try:
            os.fsync = child_fsync
            action()
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]


def check_between(root: Path, before: dict[str, bytes | None], groups: list[GroupChange]) -> bool:
    """Each file is old or new; whether it is a mixture or work in progress."""
    now = snapshot(root)
    after = {change.path: change.after for group in groups for change in group.changes}
    states = set()
    for path, new in after.items():
        assert now.get(path) in (before.get(path), new), f"{path} is neither old nor new"
        states.add(now.get(path) == new)
    rest = {path for path in now if path not in after and path not in before}
    assert all(".asyncify-" in path or now[path] is None for path in rest), rest
    return len(states) > 1 or bool(rest)


def finish(root: Path, before: dict[str, bytes | None]) -> None:
    """Undo to the end; the tree must be the original one, to the byte, with nothing beside it."""
    if unborn(root) or unfinished(root):
        undo(root)
    assert snapshot(root) == before
    assert not list(root.rglob(".asyncify-*"))


def at_random(folder: Path, seed: int) -> dict[str, int]:
    chance = random.Random(seed)
    root = folder / "timing"
    groups = large_tree(root)
    apply_time = undo_time = float("inf")
    for _ in range(3):  # the least: a single one on a busy machine may take so long that most kills would come too late
        started = time.perf_counter()
        assert forked(lambda: apply_changes(root, groups)) == 0
        apply_time = min(apply_time, time.perf_counter() - started)
        started = time.perf_counter()
        assert forked(lambda: undo(root)) == 0
        undo_time = min(undo_time, time.perf_counter() - started)
    shutil.rmtree(root)

    seen: Counter[str] = Counter()
    root = folder / "tree"
    groups = large_tree(root)
    before = snapshot(root)
    reach = 1.1  # follows the speed of the machine: kills that come too early or too late show little
    for number in range(50):
        killed = forked(lambda: apply_changes(root, groups), chance.uniform(0, apply_time * reach)) != 0
        half_way = check_between(root, before, groups)
        reach = min(8.0, reach * 1.1) if killed and not half_way else reach if killed else max(0.5, reach * 0.8)
        seen["applies killed"] += killed
        seen["applies killed half way"] += half_way
        if number % 2 and unfinished(root):
            killed = forked(lambda: undo(root), chance.uniform(0, undo_time * 1.1)) != 0
            seen["undos killed"] += killed
            seen["undos killed half way"] += check_between(root, before, groups)
        finish(root, before)
        seen["rounds"] += 1
    return dict(seen)


def kill_at(number: int) -> None:
    """Let this process die at its n-th changing call: before it, or when half of the bytes are written."""
    count = 0

    def patched(name: str, real: Callable[..., object]) -> Callable[..., object]:
        def call(*args: Any, **more: Any) -> object:
            nonlocal count
            count += 1
            if count == number:
                if name == "write":
                    real(args[0], args[1][: len(args[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **more)

        return call

    for name in CHANGING:
        setattr(os, name, patched(name, getattr(os, name)))


def killed_at(number: int, action: Callable[[], object]) -> bool:
    """Whether a child that does this was killed at its n-th changing call: no other end but success will do."""
    status = forked(lambda: (kill_at(number), action()))
    assert status == 0 or (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL), "it raised"
    return status != 0


def unfinished(root: Path) -> bool:
    return any(run.state is not State.UNDONE for run in history(root))


def at_every_call(folder: Path) -> dict[str, int]:
    global child_fsync
    child_fsync = os.fsync  # who kills a process does not pull the plug
    seen: Counter[str] = Counter()
    root = make_tree(folder / "tree")
    groups = make_groups()
    groups = [GroupChange("g", groups[0].changes[1:] + groups[1].changes[1:])]  # one step per file
    before = snapshot(root)
    for what in ("apply", "undo"):
        for number in range(1, 500):
            if what == "apply":
                killed = killed_at(number, lambda: apply_changes(root, groups))
            else:
                apply_changes(root, groups)
                killed = killed_at(number, lambda: undo(root))
            seen[f"{what} killed"] += killed
            seen["half way"] += check_between(root, before, groups)
            if killed and unfinished(root):  # kill the undo that follows as well
                seen["second kills"] += killed_at(number % 11 + 1, lambda: undo(root))
                check_between(root, before, groups)
            finish(root, before)
            shutil.rmtree(root / ".asyncify", ignore_errors=True)
            if not killed:
                break
        else:
            raise AssertionError("never got through")
    return dict(seen)


if __name__ == "__main__":
    folder = Path(sys.argv[2])
    print(json.dumps(at_random(folder, int(sys.argv[3])) if sys.argv[1] == "random" else at_every_call(folder)))
