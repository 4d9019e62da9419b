"""Jupyter notebooks as Python: the code cells as one module in order, and back into the notebook byte for byte.

A line of the Python text stands, where the notebook has one line of JSON for each line of code (as Jupyter writes them), on the
line that it has in the file, so places in reports are places in the file. The format is that of nbformat 4
(https://nbformat.readthedocs.io/en/latest/format_description.html).
"""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass
from typing import Any, Final

from asyncify.discover.magics import Magics
from asyncify.discover.read import NotTaken
from asyncify.errors import InputError

SUFFIX: Final = ".ipynb"
MAX_NOTEBOOK: Final = 50_000_000
"""Larger notebooks (their outputs count) are left out."""
_MARK: Final = re.compile(r"^# <cell (\d+)>$")
_COMMANDS: Final = re.compile(r"\s*|(?:(?:# )?_ipython_\d+.*\n?)+|.+ = _ipython_\d+\(.*\)")
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_DECODER: Final = json.JSONDecoder(strict=False)


@dataclass(frozen=True, slots=True)
class _Value:
    """A JSON value and where it stands in the text; members and items are values again."""

    value: Any
    start: int
    end: int

    def get(self, name: str) -> _Value | None:
        """The member of that name, if it is an object that has one."""
        found = self.value.get(name) if isinstance(self.value, dict) else None
        return found if isinstance(found, _Value) else None


@dataclass(frozen=True, slots=True)
class _Cell:
    """A code cell: its source in the JSON text, and its code."""

    source: _Value
    code: str
    parts: tuple[_Value, ...] | None  # the lines, where the source is a list of strings


def as_python(data: bytes) -> bytes:
    """The code cells of a notebook as a Python module, in UTF-8.

    Raises NotTaken for what is no notebook of Python, or one whose code runs other files in the same names.
    """
    text = _decoded(data)
    lines: list[str] = []
    magics = Magics()
    for number, cell in enumerate(_cells(text)):
        first = text.count("\n", 0, cell.parts[0].start) if cell.parts else 0
        lines += [""] * (first - len(lines) - 1)
        lines.append(f"# <cell {number}>")
        lines += magics.as_python(cell.code).split("\n")
    return ("\n".join(lines) + "\n").encode()


def with_code(data: bytes, code: bytes) -> bytes:
    """The notebook `data` with the cells of `code`, which is what :func:`as_python` gave for it, edited.

    Raises InputError where an edit cannot be told to belong to a cell.
    """
    text = _decoded(data)
    cells = list(_cells(text))
    magics = Magics()
    before = [magics.as_python(cell.code) for cell in cells]
    after = _moved_on(before, _split(code.decode(), len(cells)))
    pieces, position = [], 0
    for cell, old, new in zip(cells, before, after, strict=True):
        if new != old.rstrip("\n"):
            kept = old[len(old.rstrip("\n")) :]
            restored = magics.restored(_without_padding(new, old) + kept)
            if restored is None:
                raise InputError("a cell with a magic command would have to change")
            pieces += [text[position : cell.source.start], _source(text, cell, restored)]
            position = cell.source.end
    result = "".join([*pieces, text[position:]])
    return data[:3] * data.startswith(b"\xef\xbb\xbf") + result.encode()


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotTaken(f"cannot be decoded: {error}") from error


def _split(code: str, count: int) -> list[str]:
    """The code of each cell, between the marks."""
    cells: list[list[str]] = []
    for line in code.split("\n"):
        mark = _MARK.match(line)
        if mark is not None:
            if int(mark[1]) != len(cells):
                raise InputError("the edited code has its cells in another order")
            cells.append([])
        elif cells:
            cells[-1].append(line)
        elif line:
            raise InputError("an edit stands before the first cell")
    if len(cells) != count:
        raise InputError("the edited code has not the cells of the notebook")
    return ["\n".join(lines).rstrip("\n") for lines in cells]


def _moved_on(before: list[str], after: list[str]) -> list[str]:
    """The cells of an edited notebook; what was added behind one without Python stands before the next one's code."""
    out, carried = [], ""
    for old, new in zip(before, after, strict=True):
        old = old.rstrip("\n")
        if _COMMANDS.fullmatch(old):
            if not new.startswith(old):
                raise InputError("a cell with a magic command would have to change")
            added = new.removeprefix(old).strip()
            carried += f"{added}\n\n" if added else ""
            out.append(old)
        else:
            out.append(carried + new)
            carried = ""
    if carried:
        raise InputError("an edit stands behind the last cell")
    return out


def _without_padding(new: str, old: str) -> str:
    """The code of an edited cell without the blank lines that stood between it and the next one."""
    longest = max(map(len, re.findall(r"\n{2,}", old)), default=2)
    new = re.sub(rf"\n{{{longest + 1},}}", "\n" * longest, new)
    return new if old.startswith("\n") else new.lstrip("\n")


def _cells(text: str) -> list[_Cell]:
    """The code cells, in order."""
    try:
        notebook, end = _value(text, _SPACE.match(text).end())  # type: ignore[union-attr]
    except (ValueError, IndexError, RecursionError, TypeError) as error:
        raise NotTaken(f"is no JSON: {error}") from error
    if text[end:].strip():
        raise NotTaken("is no JSON: something follows its end")
    form, cells = notebook.get("nbformat"), notebook.get("cells")
    if form is None or form.value != 4 or cells is None or not isinstance(cells.value, list):
        raise NotTaken("is no notebook of format 4")
    language = _language(notebook)
    if language != "python":
        raise NotTaken(f"is a notebook of {language}")
    found = []
    for cell in cells.value:
        kind, source = cell.get("cell_type"), cell.get("source")
        if kind is None or kind.value != "code" or source is None:
            continue
        if isinstance(source.value, str):
            found.append(_Cell(source, source.value, None))
        elif isinstance(source.value, list) and all(isinstance(part.value, str) for part in source.value):
            code = "".join(part.value for part in source.value)
            whole = [part.value for part in source.value] == code.splitlines(keepends=True)
            found.append(_Cell(source, code, tuple(source.value) if whole else None))
        else:
            raise NotTaken("has a cell without text")
    if any("\r" in cell.code or _MARK.search(cell.code) for cell in found):
        raise NotTaken("has cells with other line ends")
    return found


def _language(notebook: _Value) -> str:
    """What the metadata say that the code is written in; python where they do not say it."""
    metadata = notebook.get("metadata")
    for holder, name in (("language_info", "name"), ("kernelspec", "language")):
        about = metadata.get(holder) if metadata is not None else None
        found = about.get(name) if about is not None else None
        if found is not None and isinstance(found.value, str):
            return str(found.value).lower()
    return "python"


def _value(text: str, start: int) -> tuple[_Value, int]:
    """The JSON value at a position, and the position behind it."""
    if text[start] not in "[{":
        scalar, end = _DECODER.raw_decode(text, start)
        return _Value(scalar, start, end), end
    closing = "]" if text[start] == "[" else "}"
    items: list[_Value] = []
    members: dict[str, _Value] = {}
    position = _after_space(text, start + 1)
    while text[position] != closing:
        if items or members:
            position = _after(text, position, ",")
        if closing == "]":
            item, position = _value(text, position)
            items.append(item)
        else:
            if text[position] != '"':
                raise ValueError(f"no name at position {position}")
            name, position = _DECODER.raw_decode(text, position)
            members[name], position = _value(text, _after(text, _after_space(text, position), ":"))
        position = _after_space(text, position)
    return _Value(items if closing == "]" else members, start, position + 1), position + 1


def _after_space(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found is not None else position


def _after(text: str, position: int, sign: str) -> int:
    if text[position] != sign:
        raise ValueError(f"no {sign!r} at position {position}")
    return _after_space(text, position + 1)


def _source(text: str, cell: _Cell, code: str) -> str:
    """The JSON of a cell's new code, in the layout of the old one; lines that stay are taken as they are."""
    escapes = text.isascii() and re.search(r"(?<!\\)(?:\\\\)*\\u(?!00[01])", text) is not None

    def quoted(value: str) -> str:
        return json.dumps(value, ensure_ascii=escapes)

    if isinstance(cell.source.value, str):
        return quoted(code)
    if not cell.parts:
        return f"[{', '.join(map(quoted, code.splitlines(keepends=True)))}]"
    first, last = cell.parts[0], cell.parts[-1]
    lead, tail = text[cell.source.start : first.start], text[last.end : cell.source.end]
    between = (
        text[first.end : cell.parts[1].start]
        if len(cell.parts) > 1
        else f",{lead[1:]}"
        if lead[1:]
        else ", "
        if '", "' in text
        else ","
    )
    old, new = [part.value for part in cell.parts], code.splitlines(keepends=True)
    lines: list[str] = []
    for kind, start, end, new_start, new_end in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            lines += [text[part.start : part.end] for part in cell.parts[start:end]]
        else:
            lines += map(quoted, new[new_start:new_end])
    return lead + between.join(lines) + tail
