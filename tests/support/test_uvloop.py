"""Migrated programs on uvloop: the modules that asyncify adds need no loop of a certain kind."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from harness.check import observe
from harness.fixture import load
from harness.run import run_program

if TYPE_CHECKING:
    from pathlib import Path

    from harness.start import Zygote

    from asyncify.verify.server import LocalServer

if sys.platform == "win32":
    pytest.skip("uvloop is not made for Windows", allow_module_level=True)
pytest.importorskip("uvloop")

POLICY = b"""import asyncio
import warnings

import uvloop

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
assert isinstance(asyncio.get_event_loop_policy().new_event_loop(), uvloop.Loop)
"""
PROGRAMS = (
    "thread_map futures_session urlopen_pool thread_condition_timeout thread_join_timeout thread_rlock_nested "
    "thread_timer queue_daemon_workers queue_get_timeout gevent_kill gevent_timeouts"
).split()


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_migrated_program_does_the_same_on_uvloop(
    name: str, tmp_path: Path, fixture_server: LocalServer, zygote: Zygote
) -> None:
    fixture = load(name)
    after = observe(fixture).after
    asyncio_run = run_program(fixture, after, tmp_path / "asyncio", fixture_server, quiet=False, start=zygote)
    main = {**after, "main.py": POLICY + after["main.py"].replace(b"from __future__ import annotations\n", b"")}
    uvloop_run = run_program(fixture, main, tmp_path / "uvloop", fixture_server, quiet=False, start=zygote)
    assert (uvloop_run.exit, uvloop_run.stdout) == (asyncio_run.exit, asyncio_run.stdout), uvloop_run.stderr
    assert bool(uvloop_run.stderr) == bool(asyncio_run.stderr), uvloop_run.stderr
