"""The commands on the real pipeline and a small real tree."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

APP = '''"""Titles of pages."""

import requests


def title(url):
    # one page
    return requests.get(url, timeout=5).text


def main():
    print(title("http://localhost/"))


if __name__ == "__main__":
    main()
'''
STREAM = """import requests


def read(url):
    with requests.get(url, stream=True) as response:
        return response.raw
"""


def files(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".asyncify" not in path.parts and ".git" not in path.parts
    }


@pytest.fixture
def tree(run: Any, tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "stream.py").write_text(STREAM)
    (tmp_path / "broken.py").write_text("import requests\nprint 'python 2'\n")
    return tmp_path


def test_scan_diff_apply_and_undo_agree(run: Any, tree: Path) -> None:
    original = files(tree)

    scanned: Result = run("scan", "--format", "json")
    document = json.loads(scanned.stdout)
    assert scanned.exit_code == 3  # broken.py
    assert [d["path"] for d in document["diagnostics"]] == ["broken.py"]
    site = next(s for s in document["sites"] if s["path"] == "app.py" and s["line"] == 8)
    assert (site["rule"], site["function"], site["verdict"]) == ("requests", "app.title", "exact")
    (group,) = (g for g in document["groups"] if g["id"] == site["group"])
    assert "app.py" in group["files"]

    patch = run("diff", "--plain").stdout_bytes
    report: Result = run("diff")
    assert "async def title(url):" in report.stdout
    assert files(tree) == original

    applied: Result = run("apply", ".", "--yes")
    assert applied.exit_code == 0, applied.output
    assert "stream.py:5 refused " in applied.stdout
    assert "To do by hand: no file lists the project's requirements" in applied.stdout
    migrated = files(tree)
    assert b"await" in migrated["app.py"] and b"# one page" in migrated["app.py"]
    assert {name: migrated[name] for name in ("stream.py", "broken.py")} == {
        name: original[name] for name in ("stream.py", "broken.py")
    }
    again: Result = run("apply", "--yes")
    assert (again.exit_code, "Nothing to do" in again.stdout) == (0, True)

    undone: Result = run("undo")
    assert undone.exit_code == 0
    assert files(tree) == original

    subprocess.run(["git", "apply"], input=patch, cwd=tree, check=True)
    assert files(tree) == migrated


def test_why_on_a_real_tree(run: Any, tree: Path) -> None:
    (tree / "broken.py").unlink()
    result: Result = run("why", "title")
    assert result.exit_code == 0
    assert "app.title  becomes async" in result.stdout
    assert "app.py:8" in result.stdout
    assert "app.py:12" in result.stdout
    nothing: Result = run("why", "titel")
    assert nothing.exit_code == 2
    assert "did you mean title?" in nothing.stderr


def test_html_of_a_real_tree_needs_nothing_else(run: Any, tree: Path) -> None:
    run("diff", "--html", "report.html")
    html = (tree / "report.html").read_text()
    assert "requests.get" in html.replace("</span>", "").replace('<span class="t-keyword">', "")
    assert "<script" not in html


def test_a_tree_without_sites(run: Any, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    assert "Nothing to move" in run("scan").stdout
    assert run("diff", "--plain").stdout_bytes == b""
    assert run("apply", "--yes").exit_code == 0
    assert files(tmp_path) == {"a.py": b"x = 1\n"}
    assert not (tmp_path / ".asyncify").exists()
