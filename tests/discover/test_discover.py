"""What discover takes, what it leaves out and says so, and how it decodes."""

from __future__ import annotations

import itertools
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

import asyncify.discover
from asyncify.config import Config, load
from asyncify.discover import Tree, discover
from asyncify.discover.words import Words
from asyncify.errors import UsageError
from asyncify.index.project import SourceFile


def make(root: Path, *paths: str, text: str = "x = 1\n") -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def paths(tree: Tree) -> list[str]:
    return [source.path for source in tree.sources]


def said(tree: Tree) -> dict[str, str]:
    return {item.path: item.message for item in tree.diagnostics}


def scan(*given: Path, **options: tuple[str, ...]) -> Tree:
    return discover(given, replace(load(given[0]), **options))  # type: ignore[arg-type]


def test_takes_python_files_sorted(tmp_path: Path) -> None:
    make(tmp_path, "b.py", "a.py", "p/__init__.py", "p/z.py", "p/data.txt", "notes.md", "stub.pyi")
    tree = scan(tmp_path)
    assert tree.root == tmp_path
    assert paths(tree) == ["a.py", "b.py", "p/__init__.py", "p/z.py"]
    assert tree.diagnostics == ()


def test_takes_executable_python_scripts(tmp_path: Path) -> None:
    lines = {
        "env": "#!/usr/bin/env python3\n",
        "direct": "#!/usr/local/bin/python3.11 -u\n",
        "two": "#!/usr/bin/python2\n",
        "shell": "#!/bin/sh\n# python\n",
        "none": "import os\n",
        "with.suffix": "#!/usr/bin/env python3\n",
    }
    for name, line in lines.items():
        (tmp_path / name).write_text(line)
        (tmp_path / name).chmod(0o755)
    make(tmp_path, "plain", text="#!/usr/bin/env python3\n")
    assert paths(scan(tmp_path)) == ["direct", "env"]


def test_leaves_out_what_is_not_the_users_code(tmp_path: Path) -> None:
    make(
        tmp_path,
        "m.py",
        *(
            f"{folder}/x.py"
            for folder in (
                ".git", ".hg", ".venv", "venv", "node_modules", "__pycache__", ".tox", ".nox", "build", "dist",
                "a.egg-info", ".asyncify", "lib/site-packages", "env/lib",
            )
        ),
        "env/pyvenv.cfg",
        "pip/build/__init__.py",
        "pip/build/wheel.py",
    )  # fmt: skip
    assert paths(scan(tmp_path)) == ["m.py", "pip/build/__init__.py", "pip/build/wheel.py"]


def test_exclude_is_like_a_gitignore_at_the_project(tmp_path: Path) -> None:
    make(
        tmp_path, "pyproject.toml", text="[tool.asyncify]\nextend-exclude = ['/src/old', '*_pb2.py', '!keep_pb2.py']\n"
    )
    make(tmp_path, "src/old/a.py", "src/x/old/a.py", "src/a_pb2.py", "src/keep_pb2.py", "src/build/b.py")
    assert paths(scan(tmp_path)) == ["src/keep_pb2.py", "src/x/old/a.py"]
    assert paths(scan(tmp_path / "src")) == ["keep_pb2.py", "x/old/a.py"]
    assert "src/build/b.py" in paths(scan(tmp_path, exclude=("nothing",)))


def test_a_bad_pattern_is_refused(tmp_path: Path) -> None:
    make(tmp_path, "a.py")
    with pytest.raises(UsageError, match="`exclude`"):
        scan(tmp_path, exclude=("a/**/!", "!"))


def test_what_is_named_is_taken_whatever_its_name(tmp_path: Path) -> None:
    make(tmp_path, "build/a.py", "build/b.py", "tool", text="x = 1\n")
    assert paths(scan(tmp_path / "build" / "a.py")) == ["a.py"]
    assert paths(scan(tmp_path / "build")) == ["a.py", "b.py"]
    assert paths(scan(tmp_path / "tool")) == ["tool"]
    make(tmp_path, "pyproject.toml", text="[tool.asyncify]\nexclude = ['build/', 'b.py']\n")
    assert paths(scan(tmp_path)) == []
    assert paths(scan(tmp_path / "build")) == ["a.py"]
    assert paths(scan(tmp_path / "build" / "b.py")) == ["b.py"]


def test_several_paths_have_a_common_root_and_no_file_twice(tmp_path: Path) -> None:
    make(tmp_path, "p/a.py", "p/q/b.py", "r/c.py", "other.py")
    tree = scan(tmp_path / "p", tmp_path / "p" / "q" / "b.py", tmp_path / "r" / "c.py")
    assert (tree.root, paths(tree)) == (tmp_path, ["p/a.py", "p/q/b.py", "r/c.py"])


def test_relative_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "p/a.py")
    monkeypatch.chdir(tmp_path / "p")
    tree = discover([Path(".."), Path("a.py")], Config(tmp_path))
    assert (tree.root, paths(tree)) == (tmp_path, ["p/a.py"])


def test_no_such_path(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere: no such file or folder"):
        discover([tmp_path / "nowhere"], Config(tmp_path))
    with pytest.raises(UsageError):
        discover([], Config(tmp_path))


# --- Decoding -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "encoding", "text"),
    [
        (b"x = '\xc3\xa4'\r\n", "utf-8", "x = 'ä'\r\n"),
        (b"\xef\xbb\xbfx = '\xc3\xa4'\n", "utf-8-sig", "x = 'ä'\n"),
        (b"# -*- coding: latin-1 -*-\nx = '\xe4'\n", "iso-8859-1", "# -*- coding: latin-1 -*-\nx = 'ä'\n"),
        (b"#!x\r# vim: fileencoding=cp1252 :\ry = '\x80'\r", "cp1252", "#!x\r# vim: fileencoding=cp1252 :\ry = '€'\r"),
        (b"x = 1\n# coding: latin-1\n", "utf-8", "x = 1\n# coding: latin-1\n"),
        (b"", "utf-8", ""),
    ],
)  # fmt: skip
def test_decodes_as_python_does(tmp_path: Path, data: bytes, encoding: str, text: str) -> None:
    (tmp_path / "m.py").write_bytes(data)
    (source,) = scan(tmp_path).sources
    assert (source.encoding, source.text, source.data) == (encoding, text, data)
    assert source.text.encode(source.encoding) == data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"x = '\xff'\n", "cannot be decoded: 'utf-8' codec can't decode byte 0xff"),
        (b"# coding: no-such\n", "cannot be decoded: unknown encoding: no-such"),
        (b"\xef\xbb\xbf# coding: latin-1\n", "cannot be decoded: encoding problem: utf-8"),
        (b"# coding: rot13\n", "cannot be decoded:"),
        (b"# coding: utf-7\nx = '+AGE-'\n", "cannot be written back unchanged in its encoding utf-7"),
    ],
)
def test_says_what_cannot_be_decoded(tmp_path: Path, data: bytes, message: str) -> None:
    make(tmp_path, "fine.py")
    (tmp_path / "bad.py").write_bytes(data)
    tree = scan(tmp_path)
    assert paths(tree) == ["fine.py"]
    assert said(tree)["bad.py"].startswith(message)


def test_size_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asyncify.discover.read.MAX_BYTES", 10)
    (tmp_path / "ten.py").write_bytes(b"x" * 10)
    (tmp_path / "eleven.py").write_bytes(b"x" * 11)
    tree = scan(tmp_path)
    assert paths(tree) == ["ten.py"]
    assert said(tree)["eleven.py"].startswith("larger than")


# --- Odd files ----------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "folder.py").mkdir()
    make(tmp_path, "folder.py/inside.py")
    tree = scan(tmp_path)
    assert paths(tree) == ["folder.py/inside.py"]
    assert said(tree) == {"pipe.py": "not a regular file"}


def test_unreadable_files_and_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "a.py", "locked.py", "shut/b.py")  # monkeypatched: the tests may run as the superuser
    real_open, real_scandir = os.open, os.scandir

    def deny(path: object, *rest: object, **more: object) -> int:
        if str(path).endswith("locked.py"):
            raise PermissionError(13, "Permission denied", path)
        return real_open(path, *rest, **more)  # type: ignore[arg-type]

    def deny_folder(path: str) -> object:
        if path.endswith("shut"):
            raise PermissionError(13, "Permission denied", path)
        return real_scandir(path)

    monkeypatch.setattr(os, "open", deny)
    monkeypatch.setattr(os, "scandir", deny_folder)
    tree = scan(tmp_path)
    assert paths(tree) == ["a.py"]
    assert said(tree) == {
        "locked.py": "cannot be read: Permission denied",
        "shut": "folder cannot be read: Permission denied",
    }


def test_names_that_are_not_unicode(tmp_path: Path) -> None:
    try:
        with open(os.fsencode(tmp_path) + b"/\xff.py", "wb") as file:  # noqa: PTH123
            file.write(b"x = 1\n")
    except OSError:
        pytest.skip("the file system wants Unicode")
    tree = scan(tmp_path)
    assert paths(tree) == []
    assert said(tree) == {"\\xff.py": "the file name is not valid Unicode"}


def test_links(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    root = tmp_path / "root"
    make(outside, "far/a.py", "one.py")
    make(root, "pkg/m.py", "venv/lib/site-packages/x.py")
    (root / "again").symlink_to("pkg")  # read already
    (root / "pkg" / "copy.py").symlink_to("m.py")  # read already
    (root / "pkg" / "up").symlink_to("..")  # a loop
    (root / "far").symlink_to(outside / "far")
    (root / "far2").symlink_to(outside / "far")
    (root / "one.py").symlink_to(outside / "one.py")
    (root / "gone.py").symlink_to("nowhere")
    (root / "self.py").symlink_to("self.py")
    (root / "packages").symlink_to("venv/lib/site-packages")
    tree = scan(root)
    assert paths(tree) == ["far/a.py", "one.py", "pkg/m.py"]
    assert said(tree) == {
        "gone.py": "dangling symbolic link",
        "pkg/up": "symbolic link to a folder it is in: not followed",
        "self.py": "symbolic link in a loop",
    }


def test_a_root_that_is_a_link(tmp_path: Path) -> None:
    make(tmp_path, "real/a.py")
    (tmp_path / "link").symlink_to("real")
    tree = scan(tmp_path / "link")
    assert (tree.root, paths(tree)) == (tmp_path / "link", ["a.py"])


# --- Candidates ---------------------------------------------------------------------------------------------


def source(data: bytes, encoding: str = "utf-8") -> SourceFile:
    return SourceFile("m.py", data, data.decode(encoding), encoding, "m")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import requests", True),
        ("from requests.adapters import x", True),
        ("importlib.import_module('requests')", True),
        ("my_requests = 1; requests2 = requests_ = 2", False),
        ("xrequests requests", True),
        ("requests", True),
        ("", False),
        ("import time", True),
        ("datetime.timeout", False),
    ],
)
def test_words_stand_as_a_whole(text: str, found: bool) -> None:
    given = [source(text.encode()), source(f"{text}  # ß".encode())]
    assert Words(given).any_of(["requests", "time"]) == (frozenset({"m.py"}) if found else frozenset())


def test_words_in_any_encoding() -> None:
    wide = source("# coding: utf-16\nimport requests".encode("utf-16"), "utf-16")
    assert Words([wide]).spelling("requests") == {"m.py"}
    assert not Words([wide]).any_of([])


def test_what_is_no_word_stands_as_it_is() -> None:
    assert Words([source(b"load('my-tool')")]).spelling("my-tool") == {"m.py"}
    assert not Words([source(b"my(tool)")]).spelling("my-tool")


def test_words_agree_with_a_plain_regular_expression() -> None:
    folder = Path(asyncify.discover.__file__).parents[1]
    sources = scan(folder).sources
    names = frozenset({"os", "re", "ast", "asyncio", "json"})
    plain = {item.path for item in sources if re.search(rf"\b({'|'.join(names)})\b", item.text)}
    assert Words(sources).any_of(names) == plain
    assert 0 < len(plain) < len(sources)


def test_words_of_other_alphabets() -> None:
    letters = "ab_1 .\n-é\u00a0\u2014中\u0301²\x1c\x85\u2028٣"
    texts = ["".join(pair) for pair in itertools.product(letters, repeat=3)]
    sources = [replace(source(text.encode()), path=text, text=text) for text in texts]
    words = Words(sources)
    for word in ("a", "é", "中a", "a²", "_٣", "1"):
        assert words.spelling(word) == {text for text in texts if word in re.findall(r"\w+", text)}
