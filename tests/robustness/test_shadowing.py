"""Names that look like the library and are not, and the other way round: never a wrong rewrite.

What may be the library or something else moves only where it is asked as what it turns out to be (``aio_requests.given``).
"""

from __future__ import annotations

from pathlib import Path

import pytest
from library_cases import CASES as THE_LIBRARY
from shadowing_cases import CASES as SOMETHING_ELSE

from asyncify import api
from asyncify.config import Config
from asyncify.model import Verdict


def _cases() -> dict[str, dict[str, str]]:
    out: dict[str, dict[str, str]] = {}
    for part in (SOMETHING_ELSE + THE_LIBRARY).strip().split("=== ")[1:]:
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
    keep = sum("# NOT" in text for case in CASES.values() for text in ["".join(case.values())])
    assert len(CASES) >= 90 and keep >= 55 and len(CASES) - keep >= 30


def _marked(text: str) -> list[str]:
    return [line for line in text.splitlines() if "# NOT" in line]


@pytest.mark.parametrize("name", CASES)
def test_names(name: str, tmp_path: Path) -> None:
    for path, text in CASES[name].items():
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    preview = api.preview([tmp_path], Config(root=tmp_path))
    rewritten = {
        (site.span.path, site.span.line)
        for site in preview.scan.plan.sites
        if site.rule == "requests" and site.verdict in (Verdict.EXACT, Verdict.REVIEW)
    }
    changed = {change.path: change.after or b"" for group in preview.changes for change in group.changes}
    for path, text in CASES[name].items():
        now = iter(_marked(changed[path].decode() if path in changed else text))
        for number, line in enumerate(text.splitlines(), 1):
            if "# NOT" in line:
                assert "await aio_requests.given(" in next(now) or (path, number) not in rewritten, line
            elif "# SITE" in line:
                assert (path, number) in rewritten, line
        assert not list(now)
    if not rewritten:
        assert not preview.changes
