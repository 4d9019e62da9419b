"""pytest-asyncio: its mode where pytest keeps its configuration, itself where the tests' requirements stand."""

from __future__ import annotations

import configparser
import tomllib

import pytest

from asyncify.packaging.pytest_config import asyncio_test_changes

PYPROJECT_TABLE = b'[tool.pytest.ini_options]\nasyncio_mode = "auto"\n'


def run(files: dict[str, str], notes: list[str] | None = None) -> dict[str, str]:
    """The files that change, as they are then; a second run changes nothing."""
    before = {path: text.encode() for path, text in files.items()}
    changes = asyncio_test_changes(before, notes=notes)
    assert asyncio_test_changes({**before, **{change.path: change.after for change in changes}}) == []
    after = {change.path: change.after.decode() for change in changes}
    for path, text in after.items():
        if path.endswith(".toml"):
            tomllib.loads(text)
        elif path.endswith((".ini", ".cfg")):
            configparser.RawConfigParser().read_string(text)
    return after


MODES = {
    "pytest.ini": (
        "pytest.ini",
        "[pytest]\naddopts =\n    -ra\n\n    -q\n# end\n",
        "[pytest]\naddopts =\n    -ra\n\n    -q\nasyncio_mode = auto\n# end\n",
    ),
    "pytest.ini without spaces": ("pytest.ini", "[pytest]\naddopts=-q", "[pytest]\naddopts=-q\nasyncio_mode=auto"),
    "pytest.ini with another section behind": (
        "pytest.ini",
        "[pytest]\n[other]\nx = 1\n",
        "[pytest]\nasyncio_mode = auto\n[other]\nx = 1\n",
    ),
    "pytest.ini, empty": ("pytest.ini", "", "[pytest]\nasyncio_mode = auto\n"),
    "pytest.ini without the section": ("pytest.ini", "# none", "# none\n[pytest]\nasyncio_mode = auto\n"),
    "strict": (
        "pytest.ini",
        "[pytest]\nasyncio_mode=strict\naddopts = -q\n",
        "[pytest]\nasyncio_mode=auto\naddopts = -q\n",
    ),
    "auto": ("pytest.ini", "[pytest]\nasyncio_mode = auto\n", None),
    "in a comment only": (
        "pytest.ini",
        "[pytest]\n# asyncio_mode = auto\nx = 1\n",
        "[pytest]\n# asyncio_mode = auto\nx = 1\nasyncio_mode = auto\n",
    ),
    "no sockets": (
        "pytest.ini",
        "[pytest]\naddopts =\n    --disable-socket\n    -q\n",
        "[pytest]\naddopts =\n    --disable-socket --allow-unix-socket\n    -q\nasyncio_mode = auto\n",
    ),
    "no sockets, but what a loop needs": (
        "setup.cfg",
        "[tool:pytest]\naddopts = --allow-unix-socket --disable-socket\nasyncio_mode = auto\n",
        None,
    ),
    "no sockets, in a list": (
        "pyproject.toml",
        '[tool.pytest.ini_options]\nasyncio_mode = "auto"\naddopts = [\'--disable-socket\', "-q"]\n',
        '[tool.pytest.ini_options]\nasyncio_mode = "auto"\n'
        "addopts = ['--disable-socket', '--allow-unix-socket', \"-q\"]\n",
    ),
    "no sockets, in a string": (
        "pyproject.toml",
        '[tool.pytest.ini_options]\naddopts = "--disable-socket -q"\n',
        '[tool.pytest.ini_options]\naddopts = "--disable-socket --allow-unix-socket -q"\nasyncio_mode = "auto"\n',
    ),
    "another option of that beginning": (
        "pytest.ini",
        "[pytest]\naddopts = --disable-socket-timeouts\nasyncio_mode = auto\n",
        None,
    ),
    "strict on the command line": (
        "setup.cfg",
        "[tool:pytest]\naddopts = -q --asyncio-mode=strict -x\n",
        "[tool:pytest]\naddopts = -q --asyncio-mode=auto -x\n",
    ),
    "auto on the command line": ("tox.ini", "[pytest]\naddopts = --asyncio-mode auto\n", None),
    "tox.ini": (
        "tox.ini",
        "[pytest]\naddopts = -q\n\n[flake8]\nx = 1\n",
        "[pytest]\naddopts = -q\nasyncio_mode = auto\n\n[flake8]\nx = 1\n",
    ),
    "setup.cfg": ("setup.cfg", "[tool:pytest]\naddopts: -q\n", "[tool:pytest]\naddopts: -q\nasyncio_mode = auto\n"),
    "pyproject": (
        "pyproject.toml",
        '[tool.pytest.ini_options]\ntestpaths = [\n  "tests",\n]  # here\n\n# next\n[tool.x]\na = 1\n',
        '[tool.pytest.ini_options]\ntestpaths = [\n  "tests",\n]  # here\nasyncio_mode = "auto"\n\n# next\n[tool.x]\n'
        "a = 1\n",
    ),
    "pyproject, strict": (
        "pyproject.toml",
        "[tool.pytest.ini_options]\nasyncio_mode = 'strict' # why\n",
        '[tool.pytest.ini_options]\nasyncio_mode = "auto" # why\n',
    ),
    "pyproject, strict on the command line": (
        "pyproject.toml",
        '[tool.pytest.ini_options]\naddopts = ["--asyncio-mode=strict", "-q"]\n',
        '[tool.pytest.ini_options]\naddopts = ["--asyncio-mode=auto", "-q"]\n',
    ),
    "pyproject, empty table at the end": (
        "pyproject.toml",
        "[tool.pytest.ini_options]",
        '[tool.pytest.ini_options]\nasyncio_mode = "auto"',
    ),
    "pyproject, dotted": (
        "pyproject.toml",
        '[tool]\npytest.ini_options.addopts = "-q"\nx.y = 1\n',
        '[tool]\npytest.ini_options.addopts = "-q"\npytest.ini_options.asyncio_mode = "auto"\nx.y = 1\n',
    ),
    "pyproject, inline": (
        "pyproject.toml",
        '[tool.pytest]\nini_options = { addopts = "-q" }\n',
        '[tool.pytest]\nini_options = { addopts = "-q", asyncio_mode = "auto" }\n',
    ),
    "pyproject, native table of pytest 9": (
        "pyproject.toml",
        '[tool.pytest]\naddopts = ["-q"]\n',
        '[tool.pytest]\naddopts = ["-q"]\nasyncio_mode = "auto"\n',
    ),
    "pytest.toml": ("pytest.toml", "[pytest]\nx = 1\n", '[pytest]\nx = 1\nasyncio_mode = "auto"\n'),
    "no configuration, a pyproject": (
        "pyproject.toml",
        '[project]\nname = "x"\n',
        '[project]\nname = "x"\n\n[tool.pytest.ini_options]\nasyncio_mode = "auto"\n',
    ),
    "no configuration, no last newline": (
        "pyproject.toml",
        "[tool.x]",
        '[tool.x]\n\n[tool.pytest.ini_options]\nasyncio_mode = "auto"\n',
    ),
}


@pytest.mark.parametrize("name", MODES)
@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_the_mode(name: str, newline: str) -> None:
    path, before, after = MODES[name]
    if newline not in before.replace("\n", newline) and newline == "\r\n":
        newline = "\n"  # a text without any newline gets the usual one
    changed = run({path: before.replace("\n", newline)})
    assert changed == ({} if after is None else {path: after.replace("\n", newline)})


def test_pytests_own_precedence() -> None:
    ini = "[pytest]\naddopts = -q\n"
    files = {
        "setup.cfg": "[tool:pytest]\n",
        "tox.ini": "[pytest]\n",
        "pyproject.toml": "[tool.pytest.ini_options]\n",
        "pytest.ini": "",
    }
    for path in ("pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg"):
        assert list(run(files)) == [path]
        del files[path]
    assert list(run({"pyproject.toml": "", "tox.ini": ini})) == ["tox.ini"]
    assert list(run({"pyproject.toml": "[tool.x]\n", "tox.ini": "[tox]\n"})) == ["pyproject.toml"]


def test_a_new_file_where_there_is_no_pyproject() -> None:
    changes = asyncio_test_changes({"setup.py": b"", "tox.ini": b"[tox]\n"})
    assert [(change.path, change.before, change.after) for change in changes] == [
        ("pytest.ini", None, b"[pytest]\nasyncio_mode = auto\n")
    ]


def test_the_reason_tells_a_change_from_strict() -> None:
    for text in ("[pytest]\nasyncio_mode = strict\n", "[pytest]\naddopts = --asyncio-mode=strict\n"):
        [change] = asyncio_test_changes({"pytest.ini": text.encode()})
        assert change.reason.startswith("asyncio_mode changed from strict to auto")


PLUGIN = {
    "extras": (
        "pyproject.toml",
        '[project.optional-dependencies]\ntest = ["pytest>=8", "mock"]\ndoc = ["sphinx"]\ndev = ["pytest"]\n',
        '[project.optional-dependencies]\ntest = ["pytest>=8", "pytest-asyncio>=0.21", "mock"]\ndoc = ["sphinx"]\n'
        'dev = ["pytest", "pytest-asyncio>=0.21"]\n',
    ),
    "groups": (
        "pyproject.toml",
        '[dependency-groups]\ndev = [\n    {include-group = "test"},\n    "tox",\n]\ntest = [\n    "pytest",\n]\n',
        '[dependency-groups]\ndev = [\n    {include-group = "test"},\n    "tox",\n]\ntest = [\n    "pytest",\n'
        '    "pytest-asyncio>=0.21",\n]\n',
    ),
    "poetry": (
        "pyproject.toml",
        '[tool.poetry.group.dev.dependencies]\npytest = {version = "^8"}\nruff = "*"\n',
        '[tool.poetry.group.dev.dependencies]\npytest = {version = "^8"}\npytest-asyncio = ">=0.21"\nruff = "*"\n',
    ),
    "poetry, old": (
        "pyproject.toml",
        '[tool.poetry.dev-dependencies]\npytest = "^8"\n',
        '[tool.poetry.dev-dependencies]\npytest = "^8"\npytest-asyncio = ">=0.21"\n',
    ),
    "requirements": (
        "requirements-dev.txt",
        "-r requirements.txt\npytest==8.3\npytest-cov\n",
        "-r requirements.txt\npytest==8.3\npytest-asyncio>=0.21\npytest-cov\n",
    ),
    "requirements in their folder": (
        "requirements/test.txt",
        "pytest",
        "pytest\npytest-asyncio>=0.21",
    ),
    "tox": (
        "tox.ini",
        "[testenv]\ndeps = pytest\ncommands = pytest\n",
        "[testenv]\ndeps = pytest\n    pytest-asyncio>=0.21\ncommands = pytest\n",
    ),
    "setup.cfg": (
        "setup.cfg",
        "[options.extras_require]\ntests =\n    pytest>=7\n    mock\n",
        "[options.extras_require]\ntests =\n    pytest>=7\n    pytest-asyncio>=0.21\n    mock\n",
    ),
    "setup.py": (
        "setup.py",
        "from setuptools import setup\nsetup(extras_require={'test': ['mock', 'pytest']}, tests_require=['pytest'])\n",
        "from setuptools import setup\nsetup(extras_require={'test': ['mock', 'pytest', 'pytest-asyncio>=0.21']}, "
        "tests_require=['pytest', 'pytest-asyncio>=0.21'])\n",
    ),
    "Pipfile": (
        "Pipfile",
        '[dev-packages]\npytest="*"\n[packages]\n',
        '[dev-packages]\npytest="*"\npytest-asyncio=">=0.21"\n[packages]\n',
    ),
    "only a plugin of pytest": (
        "tox.ini",
        "[base]\ndeps =\n    six\n    pytest-cov\n",
        "[base]\ndeps =\n    six\n    pytest-cov\n    pytest-asyncio>=0.21\n",
    ),
    "no pytest": (
        "pyproject.toml",
        '[project.optional-dependencies]\ndocs = ["sphinx"]\ntesting = ["mock"]\n',
        '[project.optional-dependencies]\ndocs = ["sphinx"]\ntesting = ["mock", "pytest-asyncio>=0.21"]\n',
    ),
    "there already": ("requirements-test.txt", "pytest\npytest_asyncio\n", None),
}


@pytest.mark.parametrize("name", PLUGIN)
def test_the_plugin(name: str) -> None:
    path, before, after = PLUGIN[name]
    changed = run({"pytest.ini": "[pytest]\nasyncio_mode = auto\n", path: before})
    assert changed == ({} if after is None else {path: after})


def test_what_has_to_be_done_by_hand_is_noted() -> None:
    notes: list[str] = []
    run({"pyproject.toml": '[project]\nname = "x"\n'}, notes)
    assert notes == ["no file lists the requirements of the tests: pytest-asyncio>=0.21 is needed to run them"]
    for text, expected in (
        ("pytest>=4,<6.0.0\n", True),
        ("pytest<7.0\n", True),
        ("pytest==6.2.5\n", True),
        ("pytest<7.1\n", False),
        ("pytest==7.4\n", False),
        ("pytest>=6,!=8.1.*\n", False),
        ("pytest; python_version<'3'\n", False),
    ):
        notes = []
        run({"requirements-test.txt": text}, notes)
        assert any("too old" in note for note in notes) is expected, (text, notes)
    notes = []
    assert run({"pyproject.toml": "[tool\n"}, notes) == {}
    assert any("no valid TOML" in note for note in notes)
