"""A stand-in for the pipeline: the commands are tested on results whose every line is known."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner, Result

import asyncify

sys.path.append(str(Path(__file__).parents[1] / "report"))  # its samples serve here too

import report_samples as samples

from asyncify.cli.app import app
from asyncify.model import GroupChange


@dataclass
class Applied:
    groups: Sequence[str]
    changed: Sequence[str] = ("app.py",)
    created: Sequence[str] = ("aio_requests.py",)
    removed: Sequence[str] = ()


@dataclass
class FakeApi:
    """What `asyncify.api` would return; `calls` remembers what it was asked."""

    preview_result: samples.Preview = field(default_factory=samples.preview)
    why_result: Any = None
    error: BaseException | None = None
    calls: list[tuple[Any, ...]] = field(default_factory=list)

    def _called(self, *args: Any) -> None:
        self.calls.append(args)
        if self.error is not None:
            raise self.error

    def scan(self, paths: Sequence[Path], config: Any, progress: Any) -> samples.Scan:
        self._called("scan", tuple(paths), config)
        progress.stage("reading", 2)
        progress.advance(1)
        return self.preview_result.scan

    def preview(self, paths: Sequence[Path], config: Any, progress: Any) -> samples.Preview:
        self._called("preview", tuple(paths), config)
        return self.preview_result

    def rewrite(self, scan: samples.Scan, chosen: Collection[str]) -> tuple[GroupChange, ...]:
        self._called("rewrite", list(chosen))
        return tuple(change for change in self.preview_result.changes if change.group in chosen)

    def without_objections(
        self, preview: samples.Preview, groups: Collection[str]
    ) -> tuple[samples.Preview, dict[str, Any]]:
        found = {group: preview.problems.get(group, ()) for group in groups}
        return preview, {group: problems for group, problems in found.items() if any(p.fatal for p in problems)}

    def apply(self, preview: samples.Preview, groups: Collection[str] | None) -> Applied:
        self._called("apply", groups)
        ids = list(groups) if groups is not None else [g.id for g in preview.scan.plan.groups]
        return Applied(ids)

    def why(self, paths: Sequence[Path], config: Any, function: str) -> Any:
        self._called("why", tuple(paths), function)
        return self.why_result


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> FakeApi:
    fake = FakeApi()
    module = ModuleType("asyncify.api")
    for name in ("scan", "preview", "rewrite", "without_objections", "apply", "why"):
        setattr(module, name, getattr(fake, name))
    monkeypatch.setitem(sys.modules, "asyncify.api", module)
    monkeypatch.setattr(asyncify, "api", module, raising=False)
    return fake


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run `asyncify ARGS` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "ASYNCIFY_DEBUG"):
        monkeypatch.delenv(name, raising=False)

    def run(*args: str, stdin: str | None = None, **env: str) -> Result:
        return CliRunner().invoke(app, list(args), input=stdin, env=env)

    return run
