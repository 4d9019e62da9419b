"""Which files and lists get a requirement, and what is left alone with a note."""

from __future__ import annotations

import pytest

from asyncify.packaging.requirements import requirement_changes

ADD = ["aiohttp>=3.11"]

LEFT_ALONE = {
    "hashes": ("requirements.txt", "requests==2 --hash=sha256:00\n", "pins hashes"),
    "compiled": ("requirements.txt", "requests==2.31\n    # via -r requirements.in\n", "is generated"),
    "computed": (
        "setup.py",
        "from setuptools import setup\nsetup(install_requires=['requests'] + extra)\n",
        "computes install_requires",
    ),
    "bound twice": (
        "setup.py",
        "from setuptools import setup\nR = ['requests']\nR = R + []\nsetup(install_requires=R)\n",
        "computes install_requires",
    ),
    "no python": ("setup.py", "print 'requests'\n", "cannot be parsed"),
    "no toml": ("pyproject.toml", "[project\nrequests", "no valid TOML"),
    "lone carriage returns": ("requirements.txt", "requests\rsix\r", "lone carriage return"),
    "poetry's inline table": ("pyproject.toml", '[tool.poetry]\ndependencies = {requests = "*"}\n', "aiohttp>=3.11"),
    "nothing to edit": ("tox.ini", "[tox]\n", "aiohttp>=3.11"),
}


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_what_cannot_be_edited_is_left_and_noted(name: str) -> None:
    path, text, expected = LEFT_ALONE[name]
    notes: list[str] = []
    assert requirement_changes({path: text.encode()}, ADD, ["requests"], notes=notes) == []
    assert any(expected in note for note in notes), notes


def test_constraints_are_no_requirements() -> None:
    assert requirement_changes({"requirements/constraints.txt": b"requests==2\n"}, ADD, ["requests"]) == []


def test_every_file_that_declares_it_and_no_other() -> None:
    files = {
        "pyproject.toml": b'[project]\ndependencies = ["requests"]\n',
        "requirements.txt": b"requests\n",
        "requirements-dev.txt": b"-r requirements.txt\npytest\nrequests\n",
        "requirements-docs.txt": b"sphinx\n",
        "setup.cfg": b"[options]\ninstall_requires = six\n",
    }
    changed = [change.path for change in requirement_changes(files, ADD, [])]
    assert changed == ["pyproject.toml", "requirements.txt"]


def test_a_computed_list_is_no_matter_if_it_is_read_from_a_file_that_changed() -> None:
    setup = b"from setuptools import setup\nsetup(install_requires=open('requirements.txt').read().split())\n"
    notes: list[str] = []
    changes = requirement_changes({"setup.py": setup, "requirements.txt": b"requests\n"}, ADD, [], notes=notes)
    assert [change.path for change in changes] == ["requirements.txt"]
    assert notes == []


def test_encodings_and_byte_order_marks_stay() -> None:
    text = "# ü\r\nrequests\r\n"
    for bom, encoding in ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"", "latin-1")):
        before = bom + text.encode(encoding)
        [change] = requirement_changes({"requirements.txt": before}, ADD, [])
        assert change.before == before
        assert change.after == bom + (text + "aiohttp>=3.11\r\n").encode(encoding)


def test_several_requirements_and_their_reasons() -> None:
    files = {"requirements.txt": b"requests\n"}
    [change] = requirement_changes(files, ["aiohttp>=3.11", "aiofiles"], ["requests"])
    assert change.after == b"aiohttp>=3.11\naiofiles\n"
    assert change.reason == "aiofiles added beside requests; aiohttp>=3.11 added beside requests; requests removed"


def test_no_requirement_is_an_error() -> None:
    with pytest.raises(ValueError, match="no requirement"):
        requirement_changes({}, ["-r other.txt"], [])
