"""Names that look like the library and are not, and the other way round: never a wrong rewrite."""

from __future__ import annotations

from pathlib import Path

import pytest
from shadowing_cases import CASES as TEXT

from asyncify import api
from asyncify.config import Config
from asyncify.model import Verdict


def _cases() -> dict[str, dict[str, str]]:
    out: dict[str, dict[str, str]] = {}
    for part in TEXT.strip().split("=== ")[1:]:
        name, _, body = part.partition("\n")
        first, *rest = body.split("## ")
        files = {"main.py": first}
        for other in rest:
            path, _, text = other.partition("\n")
            files[path.strip()] = text
        assert name not in out
        out[name] = files
    return out


CASES = _cases()


def test_there_are_enough_of_both() -> None:
    keep = sum("# NOT" in case["main.py"] for case in CASES.values())
    assert len(CASES) >= 60 and keep >= 30 and len(CASES) - keep >= 20


@pytest.mark.parametrize("name", CASES)
def test_names(name: str, tmp_path: Path) -> None:
    for path, text in CASES[name].items():
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    preview = api.preview([tmp_path], Config(root=tmp_path))
    rewritten = {
        site.span.line
        for site in preview.scan.plan.sites
        if site.span.path == "main.py" and site.rule == "requests" and site.verdict in (Verdict.EXACT, Verdict.REVIEW)
    }
    lines = CASES[name]["main.py"].splitlines()
    for number, line in enumerate(lines, 1):
        if "# NOT" in line:
            assert number not in rewritten, line
        elif "# SITE" in line:
            assert number in rewritten, line
    if not rewritten:
        assert not preview.changes
