"""Progress is for terminals, and for work that takes a while."""

from __future__ import annotations

import io
import time

import pytest
from rich.console import Console

import asyncify.cli.console as module
from asyncify.cli.console import Output, TerminalProgress


def _work(seconds: float, patience: float, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(module, "PATIENCE", patience)
    console = Console(file=io.StringIO(), force_terminal=True, width=80, color_system=None)
    bar = TerminalProgress(console)
    bar.stage("reading [red]\x1b[31m", 10)
    bar.advance(3)
    time.sleep(seconds)
    bar.stage("indexing")
    bar.close()
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_short_work_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _work(0, 30, monkeypatch) == ""


def test_long_work_shows_its_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = _work(0.4, 0.05, monkeypatch)
    assert r"reading [red]\x1b[31m" in shown
    assert "3/10" in shown


def test_nothing_is_shown_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.01)
    with Output().progress() as bar:
        bar.stage("reading", 2)
        time.sleep(0.1)
        bar.advance()
    assert capsys.readouterr() == ("", "")
