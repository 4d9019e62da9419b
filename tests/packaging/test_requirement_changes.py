"""Requirements added and dropped: tables of texts before and after, per file format."""

from __future__ import annotations

import ast
import configparser
import tomllib
from textwrap import dedent

import pytest

from asyncify.packaging.requirements import requirement_changes

ADD = ["aiohttp>=3.11"]


def run(path: str, before: str, add: list[str], drop: list[str], **more: str) -> str:
    """The text of `path` after the change; what is not asked for again, a second time, changes nothing."""
    files = {path: dedent(before).encode(), **{name: text.encode() for name, text in more.items()}}
    changes = {change.path: change for change in requirement_changes(files, add, drop)}
    after = {**files, **{name: change.after for name, change in changes.items()}}
    assert requirement_changes(after, add, drop) == []
    text = after[path].decode()
    if path.endswith(".toml") or path == "Pipfile":
        tomllib.loads(text)
    elif path.endswith(".py"):
        ast.parse(text)
    elif path.endswith((".cfg", ".ini")):
        configparser.RawConfigParser().read_string(text)
    return text


PYPROJECT = {
    "one a line": (
        """
        [project]
        dependencies = [
            "requests>=2",  # the web
            "click",
        ]
        """,
        """
        [project]
        dependencies = [
            "requests>=2",  # the web
            "aiohttp>=3.11",
            "click",
        ]
        """,
        """
        [project]
        dependencies = [
            "aiohttp>=3.11",
            "click",
        ]
        """,
    ),
    "last without a comma": (
        """
        [project]
        dependencies = [
          'tqdm',
          'requests'   # last
        ]
        """,
        """
        [project]
        dependencies = [
          'tqdm',
          'requests',   # last
          'aiohttp>=3.11'
        ]
        """,
        """
        [project]
        dependencies = [
          'tqdm',
          'aiohttp>=3.11'
        ]
        """,
    ),
    "on one line": (
        """
        [project]
        dependencies = ["six", "requests", "click"] # all
        """,
        """
        [project]
        dependencies = ["six", "requests", "aiohttp>=3.11", "click"] # all
        """,
        """
        [project]
        dependencies = ["six", "aiohttp>=3.11", "click"] # all
        """,
    ),
    "alone": (
        '[project]\ndependencies = ["requests"]',
        '[project]\ndependencies = ["requests", "aiohttp>=3.11"]',
        '[project]\ndependencies = ["aiohttp>=3.11"]',
    ),
    "bracket behind the last": (
        '[project]\ndependencies = ["six",\n                "requests"]\n',
        '[project]\ndependencies = ["six",\n                "requests",\n                "aiohttp>=3.11"]\n',
        '[project]\ndependencies = ["six",\n                "aiohttp>=3.11"]\n',
    ),
    "commas lead": (
        '[project]\ndependencies = [\n    "six"\n  , "requests"\n  , "click"\n]\n',
        '[project]\ndependencies = [\n    "six"\n  , "requests", "aiohttp>=3.11"\n  , "click"\n]\n',
        None,
    ),
    "in alphabetical order": (
        """
        [project]
        dependencies = [
            "attrs",
            "click",
            "requests",
        ]
        """,
        """
        [project]
        dependencies = [
            "aiohttp>=3.11",
            "attrs",
            "click",
            "requests",
        ]
        """,
        """
        [project]
        dependencies = [
            "aiohttp>=3.11",
            "attrs",
            "click",
        ]
        """,
    ),
    "no comment is parted from its entry": (
        """
        [project]
        dependencies = [
            # for data classes
            "attrs",
            "click",
            "requests",
        ]
        """,
        """
        [project]
        dependencies = [
            # for data classes
            "attrs",
            "click",
            "requests",
            "aiohttp>=3.11",
        ]
        """,
        None,
    ),
    "spaces and marker as beside it": (
        """
        [project]
        dependencies = [
            "requests >= 2 ; sys_platform != 'emscripten'",
        ]
        """,
        """
        [project]
        dependencies = [
            "requests >= 2 ; sys_platform != 'emscripten'",
            "aiohttp >= 3.11 ; sys_platform != 'emscripten'",
        ]
        """,
        None,
    ),
    "two markers, no marker": (
        """
        [project]
        dependencies = [
            "requests<2.28; python_version<'3.8'",
            "requests>=2.28; python_version>='3.8'",
        ]
        """,
        """
        [project]
        dependencies = [
            "requests<2.28; python_version<'3.8'",
            "requests>=2.28; python_version>='3.8'",
            "aiohttp>=3.11",
        ]
        """,
        '\n[project]\ndependencies = [\n    "aiohttp>=3.11",\n]\n',
    ),
    "parentheses of poetry 2": (
        '[project]\ndependencies = [\n    "requests (>=2.32,<3)"\n]\n',
        '[project]\ndependencies = [\n    "requests (>=2.32,<3)",\n    "aiohttp (>=3.11)"\n]\n',
        '[project]\ndependencies = [\n    "aiohttp (>=3.11)"\n]\n',
    ),
    "extras of it, but not their tests": (
        """
        [project]
        dependencies = ["six"]
        [project.optional-dependencies]
        http = ["requests[socks]"]
        web = ["Requests", "flask"]
        test = ["pytest", "requests"]
        """,
        """
        [project]
        dependencies = ["six"]
        [project.optional-dependencies]
        http = ["requests[socks]", "aiohttp>=3.11"]
        web = ["Requests", "aiohttp>=3.11", "flask"]
        test = ["pytest", "requests"]
        """,
        None,
    ),
    "only in a group for tests": (
        '[dependency-groups]\ntest = ["pytest", {include-group = "x"}, "requests"]\nx = []\n',
        '[dependency-groups]\ntest = ["pytest", {include-group = "x"}, "requests", "aiohttp>=3.11"]\nx = []\n',
        None,
    ),
    "dotted keys and strings that look like lists": (
        'project.dependencies = ["requests"]\nnote = """\ndependencies = ["requests"]\n"""\n',
        'project.dependencies = ["requests", "aiohttp>=3.11"]\nnote = """\ndependencies = ["requests"]\n"""\n',
        None,
    ),
    "an inline table": (
        'project = { name = "x", dependencies = ["requests"] }\n',
        'project = { name = "x", dependencies = ["requests", "aiohttp>=3.11"] }\n',
        None,
    ),
    "not declared: the main list": (
        '[project]\nname = "x"\ndependencies = []\n[dependency-groups]\ndev = ["pytest"]\n',
        '[project]\nname = "x"\ndependencies = ["aiohttp>=3.11"]\n[dependency-groups]\ndev = ["pytest"]\n',
        None,
    ),
    "an empty list on several lines": (
        "[project]\ndependencies = [\n    # none yet\n]\n",
        '[project]\ndependencies = [\n    # none yet\n    "aiohttp>=3.11",\n]\n',
        None,
    ),
    "no list at all: a new one": (
        '[project]\nname = "x"\n\n# what follows\n[project.scripts]\nx = "x:main"\n',
        '[project]\nname = "x"\ndependencies = ["aiohttp>=3.11"]\n\n# what follows\n[project.scripts]\nx = "x:main"\n',
        None,
    ),
    "flit": (
        '[tool.flit.metadata]\nmodule = "x"\nrequires = [\n    "requests >=2.6",\n]\n',
        '[tool.flit.metadata]\nmodule = "x"\nrequires = [\n    "requests >=2.6",\n    "aiohttp >=3.11",\n]\n',
        '[tool.flit.metadata]\nmodule = "x"\nrequires = [\n    "aiohttp >=3.11",\n]\n',
    ),
    "poetry": (
        """
        [tool.poetry.dependencies]
        python = "^3.11"
        requests = "^2.28" # http

        [tool.poetry.group.test.dependencies]
        pytest = "*"
        """,
        """
        [tool.poetry.dependencies]
        python = "^3.11"
        requests = "^2.28" # http
        aiohttp = ">=3.11"

        [tool.poetry.group.test.dependencies]
        pytest = "*"
        """,
        """
        [tool.poetry.dependencies]
        python = "^3.11"
        aiohttp = ">=3.11"

        [tool.poetry.group.test.dependencies]
        pytest = "*"
        """,
    ),
    "poetry, optional": (
        """
        [tool.poetry.dependencies]
        python="^3.11"
        requests={version="^2.28", optional=true, markers="python_version < '4'"}
        [tool.poetry.extras]
        http=["requests"]
        """,
        """
        [tool.poetry.dependencies]
        python="^3.11"
        requests={version="^2.28", optional=true, markers="python_version < '4'"}
        aiohttp={ version = ">=3.11", optional = true, markers = "python_version < '4'" }
        [tool.poetry.extras]
        http=["requests", "aiohttp"]
        """,
        """
        [tool.poetry.dependencies]
        python="^3.11"
        aiohttp={ version = ">=3.11", optional = true, markers = "python_version < '4'" }
        [tool.poetry.extras]
        http=["aiohttp"]
        """,
    ),
    "pdm": (
        '[tool.pdm.dev-dependencies]\ntest = [\n    "requests~=2.0",\n]\n',
        '[tool.pdm.dev-dependencies]\ntest = [\n    "requests~=2.0",\n    "aiohttp>=3.11",\n]\n',
        None,
    ),
    "hatch environments": (
        '[project]\ndynamic = ["dependencies"]\n[tool.hatch.envs.default]\ndependencies = [\n  "requests",\n]\n',
        '[project]\ndynamic = ["dependencies"]\n[tool.hatch.envs.default]\ndependencies = [\n  "requests",\n'
        '  "aiohttp>=3.11",\n]\n',
        None,
    ),
    "there already": (
        '[project]\ndependencies = ["requests", "AioHTTP>=3"]\n',
        '[project]\ndependencies = ["requests", "AioHTTP>=3"]\n',
        '[project]\ndependencies = ["AioHTTP>=3"]\n',
    ),
    "another project of that prefix": (
        '[project]\ndependencies = ["requests-mock", "requests_oauthlib"]\n',
        '[project]\ndependencies = ["requests-mock", "requests_oauthlib", "aiohttp>=3.11"]\n',
        None,
    ),
}


@pytest.mark.parametrize("name", PYPROJECT)
def test_pyproject(name: str) -> None:
    before, added, replaced = PYPROJECT[name]
    assert run("pyproject.toml", before, ADD, []) == dedent(added)
    if replaced is not None:
        assert run("pyproject.toml", before, ADD, ["requests"]) == dedent(replaced)


OTHERS = {
    "requirements": (
        "requirements.txt",
        "# http\nrequests==2.31  # pinned\nclick\n",
        "# http\nrequests==2.31  # pinned\naiohttp>=3.11\nclick\n",
        "# http\naiohttp>=3.11\nclick\n",
    ),
    "requirements, no last newline": (
        "requirements.txt",
        "click\nrequests",
        "click\nrequests\naiohttp>=3.11",
        "click\naiohttp>=3.11",
    ),
    "requirements with continued lines, options and URLs": (
        "requirements/base.txt",
        "-c constraints.txt\n--index-url simple\n-r more.txt\nrequests[socks] \\\n  >=2\nx @ git+https://h/x.git\n-e .\n",
        "-c constraints.txt\n--index-url simple\n-r more.txt\nrequests[socks] \\\n  >=2\naiohttp >=3.11\n"
        "x @ git+https://h/x.git\n-e .\n",
        "-c constraints.txt\n--index-url simple\n-r more.txt\naiohttp >=3.11\nx @ git+https://h/x.git\n-e .\n",
    ),
    "requirements in order": ("requirements.in", "a\nb\nrequests\n", "a\naiohttp>=3.11\nb\nrequests\n", None),
    "requirements with a marker": (
        "requirements.txt",
        'requests>=2;python_version>"3"\n',
        'requests>=2;python_version>"3"\naiohttp>=3.11;python_version>"3"\n',
        'aiohttp>=3.11;python_version>"3"\n',
    ),
    "requirements without requests": ("requirements.txt", "flask\n", "flask\naiohttp>=3.11\n", None),
    "requirements, empty": ("requirements.txt", "", "aiohttp>=3.11\n", None),
    "development requirements that stand alone": (
        "requirements-dev.txt",
        "pytest\nrequests\n",
        "pytest\nrequests\naiohttp>=3.11\n",
        None,
    ),
    "setup.cfg": (
        "setup.cfg",
        "[metadata]\nname = x\n[options]\ninstall_requires =\n    six\n    # http\n    requests>=2\n\npackages = find:\n",
        "[metadata]\nname = x\n[options]\ninstall_requires =\n    six\n    # http\n    requests>=2\n    aiohttp>=3.11\n\n"
        "packages = find:\n",
        "[metadata]\nname = x\n[options]\ninstall_requires =\n    six\n    # http\n    aiohttp>=3.11\n\npackages = find:\n",
    ),
    "setup.cfg on the key's line": (
        "setup.cfg",
        "[options]\ninstall_requires = requests\nzip_safe = no\n",
        "[options]\ninstall_requires = requests\n    aiohttp>=3.11\nzip_safe = no\n",
        "[options]\ninstall_requires =\n    aiohttp>=3.11\nzip_safe = no\n",
    ),
    "setup.cfg with semicolons": (
        "setup.cfg",
        "[options]\ninstall_requires = six; requests; click\n",
        "[options]\ninstall_requires = six; requests; aiohttp>=3.11; click\n",
        "[options]\ninstall_requires = six; aiohttp>=3.11; click\n",
    ),
    "setup.cfg extras": (
        "setup.cfg",
        "[options.extras_require]\nhttp =\n\trequests\ndocs =\n\trequests\n",
        "[options.extras_require]\nhttp =\n\trequests\n\taiohttp>=3.11\ndocs =\n\trequests\n",
        None,
    ),
    "setup.py": (
        "setup.py",
        "from setuptools import setup\nsetup(name='ä', install_requires=[\n        'requests>=2',  # ä\n        'six'\n])\n",
        "from setuptools import setup\nsetup(name='ä', install_requires=[\n        'requests>=2',  # ä\n"
        "        'aiohttp>=3.11',\n        'six'\n])\n",
        "from setuptools import setup\nsetup(name='ä', install_requires=[\n        'aiohttp>=3.11',\n        'six'\n])\n",
    ),
    "setup.py through a name": (
        "setup.py",
        "import setuptools\nREQUIRES = ['é', u'requests']\nsetuptools.setup(install_requires=REQUIRES)\n",
        "import setuptools\nREQUIRES = ['é', u'requests', 'aiohttp>=3.11']\nsetuptools.setup(install_requires=REQUIRES)\n",
        None,
    ),
    "Pipfile": (
        "Pipfile",
        '[packages]\nrequests = "*"\n"ruamel.yaml" = "*"\n\n[dev-packages]\npytest = "*"\n',
        '[packages]\nrequests = "*"\naiohttp = ">=3.11"\n"ruamel.yaml" = "*"\n\n[dev-packages]\npytest = "*"\n',
        '[packages]\naiohttp = ">=3.11"\n"ruamel.yaml" = "*"\n\n[dev-packages]\npytest = "*"\n',
    ),
    "tox.ini": (
        "tox.ini",
        "[testenv]\ndeps =\n    py311: requests>=2\n    six\n",
        "[testenv]\ndeps =\n    py311: requests>=2\n    py311: aiohttp>=3.11\n    six\n",
        None,
    ),
}


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_other_formats(name: str, newline: str) -> None:
    path, before, added, replaced = (text.replace("\n", newline) if text else text for text in OTHERS[name])
    assert path is not None
    assert before is not None
    assert run(path, before, ADD, []) == (added if before or newline == "\n" else "aiohttp>=3.11\n")
    if replaced is not None:
        assert run(path, before, ADD, ["requests"]) == replaced
