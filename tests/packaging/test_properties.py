"""Over generated layouts: the change means what was asked, and no line that has nothing to do with it changes."""

from __future__ import annotations

import ast
import tomllib
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asyncify.packaging import toml
from asyncify.packaging.pytest_config import asyncio_test_changes
from asyncify.packaging.requirement import name_of
from asyncify.packaging.requirements import requirement_changes

NAMES = ("requests", "click", "attrs", "zope.interface", "requests-mock", "PyYAML", "six")
SPECIFIERS = ("", ">=2", " >= 2", "~=1.4", "[extra]>=1,<3", " ; python_version > '3.8'", "==1; os_name == 'nt'")
GAPS = ("", " ", "\n", "\n    ", "  # a 'comment', with [brackets]\n  ", '\n\n  # "requests"\n\t')


@st.composite
def lists(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A list of quoted requirements as TOML and Python write it, and what it says."""
    names = draw(st.lists(st.sampled_from(NAMES), max_size=6, unique=True))
    written = [name + draw(st.sampled_from(SPECIFIERS)) for name in names]
    gap = st.sampled_from(GAPS)
    parts = [draw(gap)]
    for index, text in enumerate(written):
        quote = '"' if "'" in text else draw(st.sampled_from(("'", '"')))
        comma = "," if index < len(written) - 1 or draw(st.booleans()) else ""
        parts += [quote + text + quote, draw(gap), comma, draw(gap)]
    return "[" + "".join(parts) + "]", written


@settings(max_examples=300, deadline=None)
@given(lists(), lists(), st.booleans(), st.sampled_from(("\n", "\r\n")))
def test_arrays(main: tuple[str, list[str]], other: tuple[str, list[str]], drop: bool, newline: str) -> None:
    text = (
        f'# about "requests" = [1]\n[project]\nname = "x"\ndependencies = {main[0]} # end\n'
        f"[other]\nrequests = {other[0]}\n[project.optional-dependencies]\nsix = {other[0]}\n"
    ).replace("\n", newline)
    before = tomllib.loads(text)
    notes: list[str] = []
    dropped = ["requests"] if drop else []
    changes = requirement_changes({"pyproject.toml": text.encode()}, ["aiohttp>=3.11"], dropped, notes=notes)
    if notes:  # declined, and said so
        assert all("has to be" in note or "no file" in note for note in notes), notes
    after_text = changes[0].after.decode() if changes else text
    after = tomllib.loads(after_text)
    assert after["other"] == before["other"]
    if not notes:
        found = after["project"]["dependencies"] + after["project"]["optional-dependencies"]["six"]
        assert [name_of(item) for item in found].count("aiohttp") == 1
        if drop:
            assert "requests" not in map(name_of, found)
        kept = [item for item in found if name_of(item) not in ("aiohttp", *dropped)]
        assert kept == [item for item in main[1] + other[1] if name_of(item) not in dropped]
        assert requirement_changes({"pyproject.toml": after_text.encode()}, ["aiohttp>=3.11"], dropped) == []
    assert ("\r" in after_text.replace("\r\n", "")) is False
    assert newline == "\n" or "\n" not in after_text.replace("\r\n", "")
    if not drop:
        assert is_subsequence(text, after_text)


def is_subsequence(part: str, whole: str) -> bool:
    """Whether `whole` is `part` with something added."""
    rest = iter(whole)
    return all(character in rest for character in part)


@settings(max_examples=150, deadline=None)
@given(lists(), st.booleans())
def test_setup_py(main: tuple[str, list[str]], drop: bool) -> None:
    text = f"from setuptools import setup\n# ä 'requests'\nsetup(name='ä', install_requires={main[0]}, x='requests')\n"
    dropped = ["requests"] if drop else []
    notes: list[str] = []
    changes = requirement_changes({"setup.py": text.encode()}, ["aiohttp>=3.11"], dropped, notes=notes)
    after = changes[0].after.decode() if changes else text
    call = ast.parse(after).body[-1]
    assert isinstance(call, ast.Expr)
    assert isinstance(call.value, ast.Call)
    values = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.value.keywords}
    assert (values["name"], values["x"]) == ("ä", "requests")
    if not notes:
        kept = [item for item in values["install_requires"] if name_of(item) != "aiohttp"]
        assert kept == [item for item in main[1] if not (drop and name_of(item) == "requests")]
        assert len(kept) + 1 == len(values["install_requires"])
    if not drop:
        assert is_subsequence(text, after)


LINES = st.lists(
    st.sampled_from(
        (
            "requests",
            "requests>=2  # web",
            "click",
            "",
            "# requests",
            "-r base.txt",
            "-e .",
            "six ; os_name=='nt'",
            "  Flask",
        )
    ),
    max_size=8,
)


@settings(max_examples=200, deadline=None)
@given(LINES, st.sampled_from(("\n", "\r\n")), st.booleans(), st.booleans())
def test_requirements_files(lines: list[str], newline: str, last: bool, drop: bool) -> None:
    text = newline.join(lines) + (newline if last and lines else "")
    dropped = ["requests"] if drop else []
    [change] = requirement_changes({"requirements.txt": text.encode()}, ["aiohttp>=3.11"], dropped)
    after = change.after.decode()
    gone = [line for line in lines if drop and name_of(line.partition(" #")[0]) == "requests"]
    expected = Counter(text.splitlines()) - Counter(gone)
    assert Counter(after.splitlines()) - expected == Counter({"aiohttp>=3.11": 1})
    assert [line for line in after.splitlines() if line != "aiohttp>=3.11"] == [
        line for line in text.splitlines() if line not in gone
    ]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(("a = 1", "[t]", "[[u]]", "x.y = '''\n[z]\n'''", "# c", "", "b = { c = [1, 2] }")), max_size=8
    )
)
def test_the_mode_in_any_toml(lines: list[str]) -> None:
    text = "\n".join(lines)
    try:
        before = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        assert asyncio_test_changes({"pyproject.toml": text.encode()}) == []
        return
    [change] = asyncio_test_changes({"pyproject.toml": text.encode()})
    after = tomllib.loads(change.after.decode())
    assert after.pop("tool") == {"pytest": {"ini_options": {"asyncio_mode": "auto"}}}
    assert after == before
    assert change.after.decode().startswith(text)


@pytest.mark.parametrize(
    "text",
    [
        "a = \"\"\"x\\\"\"\"\"\nb = '''y''''\nc = 1979-05-27 07:32:00 # d\n",
        '"k.e" . y = [[1, 2], [{ a = "]" }, "}"],]\n[ x . "y z" ]\nq = -inf\n',
        "t = { a.b = 1, c = { d = [ '#' ] } }\nu = true\n",
    ],
)
def test_the_scanner_agrees_with_tomllib(text: str) -> None:
    document = toml.scan(text)
    assert document.pairs
    for pair in document.pairs:
        value = tomllib.loads(f"x = {text[pair.value.start : pair.value.end]}")["x"]
        assert value == document.get(*pair.path)
