"""Notebooks as Python and back: what no edit touches stays byte for byte, in whatever layout the JSON is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from asyncify import api
from asyncify.config import Config
from asyncify.discover.notebook import as_python, with_code
from asyncify.discover.read import NotTaken
from asyncify.errors import InputError

CELLS = [
    "%matplotlib inline\n!ls \\\n  -l\nimport requests",
    "files = !ls\nvalue = (7\n% 4)\ntext = '''\n%time\n'''\nif files:\n    %cd ..\nrequests.get?",
    "",
    "%%time\nanswer = requests.get(url)\nprint('é ✓')",
    "this is no Python: fetch(it)",
    "answer = requests.get(url)\n",
    "answer.json();",
]


def notebook(cells: list[str], split: bool = True, **options: Any) -> bytes:
    made = [
        {
            "cell_type": "code",
            "execution_count": None,
            "metadata": {},
            "outputs": [{"text": ["source", '"cells": [ ']}],
            "source": code.splitlines(keepends=True) if split else code,
        }
        for code in cells
    ]
    made.insert(1, {"cell_type": "markdown", "metadata": {}, "source": ["requests.get(url)"]})
    content = {"cells": made, "metadata": {"language_info": {"name": "python"}}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(content, **options).encode()


LAYOUTS: list[dict[str, Any]] = [
    {"indent": 1, "ensure_ascii": False},
    {"indent": 4},
    {"separators": (",", ":")},
    {"split": False, "indent": 1},
    {"split": False, "ensure_ascii": False, "separators": (" , ", " : ")},
]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_unchanged_code_is_the_same_notebook(layout: dict[str, Any]) -> None:
    data = notebook(CELLS, **layout)
    assert with_code(data, as_python(data)) == data
    marked = b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n")
    assert with_code(marked, as_python(marked)) == marked


@pytest.mark.parametrize("layout", LAYOUTS)
def test_only_the_cell_with_the_edit_changes(layout: dict[str, Any]) -> None:
    data = notebook(CELLS, **layout)
    code = as_python(data).decode()
    edited = code.replace("\nanswer = requests.get(url)", "\nprint('ü')\nanswer = await aio.get(url)")
    assert edited != code
    cells = [*CELLS]
    cells[5] = "print('ü')\nanswer = await aio.get(url)\n"
    assert with_code(data, edited.encode()) == notebook(cells, **layout)


def test_lines_are_those_of_the_file() -> None:
    data = notebook(["a = 1", "b = 2\n\nc = 3"], indent=2)
    lines, python = data.decode().split("\n"), as_python(data).decode().split("\n")
    for statement in ("a = 1", "b = 2", "c = 3"):
        assert statement in lines[python.index(statement)]


def test_commands_say_which_names_they_use() -> None:
    code = as_python(notebook(CELLS)).decode()
    assert "_ipython_" not in code.partition("import requests")[0].replace(
        "# _ipython_", ""
    )  # (a command of the shell)
    assert "value = (7\n% 4)" in code
    assert "text = '''\n%time\n'''" in code
    assert "answer = _ipython_" in code
    hidden = next(line for line in code.split("\n") if "fetch" in line)
    assert hidden.startswith("_ipython_")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b'{"cells": [], "nbformat": 4} x',
        b'{"worksheets": [], "nbformat": 3}',
        b"[1, 2]",
        b"\xff",
        b'{"cells": [}',
        b'{"cells": [{"cell_type": "code", "source": [1]}], "nbformat": 4}',
        b'{"cells": [], "metadata": {"kernelspec": {"language": "R"}}, "nbformat": 4}',
        notebook(["%run other.py"]),
        notebook(["%load other.py"]),
        notebook(["a = 1\r\nb = 2"]),
    ],
)
def test_what_is_no_notebook_of_python_is_not_taken(data: bytes) -> None:
    with pytest.raises(NotTaken):
        as_python(data)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# <cell 2>\n", ""),
        ("# <cell 2>", "# <cell 3>"),
        ("# <cell 0>", "import os\n# <cell 0>"),
        ("answer = _ipython_", "answer = await _ipython_"),
        ("# <cell 3>", "# <cell 3>\nimport os"),
    ],
)
def test_an_edit_outside_of_the_code_is_an_error(old: str, new: str) -> None:
    data = notebook(CELLS)
    code = as_python(data).decode()
    assert old in code
    with pytest.raises(InputError):
        with_code(data, code.replace(old, new).encode())


def test_applied_and_undone(tmp_path: Path) -> None:
    data = notebook(["import requests\nurl = 'http://localhost'", "requests.get(url).json()"], indent=1)
    (tmp_path / "a b.ipynb").write_bytes(data)
    config = Config(root=tmp_path, cache=False)
    api.apply(api.preview([tmp_path], config))
    changed = (tmp_path / "a b.ipynb").read_bytes()
    assert b'"(await aio_http.get(url)).json()"' in changed
    assert not api.scan([tmp_path], config).plan.groups
    api.undo(tmp_path)
    assert (tmp_path / "a b.ipynb").read_bytes() == data


def test_an_import_goes_to_the_next_cell_of_python(tmp_path: Path) -> None:
    cells = ["%%bash\nls", "!true", "def fetch():\n    import requests\n    return requests.get('http://x')", "fetch()"]
    (tmp_path / "a.ipynb").write_bytes(notebook(cells, indent=1))
    (group,) = api.preview([tmp_path], Config(root=tmp_path, cache=False)).changes
    (change,) = (change for change in group.changes if change.path == "a.ipynb")
    after = [cell["source"] for cell in json.loads(change.after or b"")["cells"] if cell["cell_type"] == "code"]
    assert ["".join(lines) for lines in after] == [
        *cells[:2],
        "import aio_http\n\nasync def fetch():\n    return await aio_http.get('http://x')",
        "await fetch()",
    ]
