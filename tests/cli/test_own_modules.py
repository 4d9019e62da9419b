"""A project that has a module with the name of one that asyncify adds keeps it."""

from __future__ import annotations

from pathlib import Path

import pytest

from asyncify.api import preview, without_objections
from asyncify.config import Config

PROGRAM = """\
import requests

import aio_http


def load(url):
    return requests.get(url).text


def main():
    print(load("http://localhost:1/"), aio_http.VALUE)


if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize(("text", "codes"), [("VALUE = 1\n", ["module-taken"]), (None, [])])
def test_a_module_of_the_project_is_not_replaced(text: str | None, codes: list[str], tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(PROGRAM.replace("aio_http", "aio_http" if text else "math"), encoding="utf-8")
    if text is not None:
        (tmp_path / "aio_http.py").write_text(text, encoding="utf-8")
    seen = preview([tmp_path], Config(root=tmp_path, cache=False))
    left, held = without_objections(seen, [group.id for group in seen.scan.plan.groups])
    assert seen.scan.plan.groups
    assert sorted({p.code for found in held.values() for p in found if p.code == "module-taken"}) == codes
    assert any(file.path == "aio_http.py" for each in left.changes for file in each.changes) is (text is None)
