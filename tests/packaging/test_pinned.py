"""Which libraries a project holds at old versions, as its files say."""

from __future__ import annotations

import pytest

from asyncify.packaging.pinned import held_before

FIRST = {"responses": (0, 19), "mock": (4,)}

HELD = {
    "an exact pin": ("requirements.txt", "responses==0.12.0\n"),
    "an exact pin with a comment": ("requirements-dev.txt", "mock == 3.0.5  # the last one for Python 2\n"),
    "below": ("requirements.txt", "mock<4\n"),
    "at most": ("requirements.txt", "mock>=1,<=3.0\n"),
    "compatible": ("requirements.txt", "responses~=0.12.1\n"),
    "wild": ("requirements.txt", "responses==0.18.*\n"),
    "setup.py": ("setup.py", "from setuptools import setup\nsetup(name='x', tests_require=['mock==2.0.0'])\n"),
    "pyproject": ("pyproject.toml", '[project]\nname = "x"\ndependencies = ["responses<0.19"]\n'),
}
FREE = {
    "no version": ("requirements.txt", "responses\nmock\n"),
    "a lower bound": ("requirements.txt", "responses>=0.9\nmock>=1.0,!=2.0\n"),
    "a later pin": ("requirements.txt", "responses==0.25.3\nmock==4.0.0\n"),
    "the very version": ("requirements.txt", "responses==0.19\nmock<=4\n"),
    "below a later one": ("requirements.txt", "responses<0.20\nmock<4.1\n"),
    "compatible with later ones": ("requirements.txt", "responses~=0.12\n"),
    "wild and later": ("requirements.txt", "responses==0.*\nmock==4.*\n"),
    "another library": ("requirements.txt", "mock-open==1.0\nresponses-server==0.1\n"),
    "for another Python": ("requirements.txt", "mock==2.0.0; python_version < '3'\n"),
    "in a comment": ("requirements.txt", "# mock==2.0.0\n"),
}


@pytest.mark.parametrize(("path", "text"), HELD.values(), ids=HELD)
def test_held(path: str, text: str) -> None:
    assert len(held_before({path: text.encode()}, FIRST)) == 1


@pytest.mark.parametrize(("path", "text"), FREE.values(), ids=FREE)
def test_free(path: str, text: str) -> None:
    assert held_before({path: text.encode()}, FIRST) == frozenset()
