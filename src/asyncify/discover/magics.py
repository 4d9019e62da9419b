"""What IPython understands beyond Python: lines with ``%``, ``!`` and ``?``, and cells that begin with ``%%``.

Each becomes something that is Python and says which names it may use: a call of a function that nobody knows, so that a function
of the notebook which a magic command calls keeps its colour. What uses no names becomes a comment.
"""

from __future__ import annotations

import ast
import io
import keyword
import re
import tokenize
import warnings
from typing import Final

from asyncify.discover.read import NotTaken

_LINE: Final = re.compile(r"^(?P<indent>[ \t]*)(?:(?P<names>[A-Za-z_][\w ,]*)=[ \t]*)?(?P<magic>[%!?].*)$", re.S)
_HELP: Final = re.compile(r"^(?P<indent>[ \t]*)[%\w.*]+\?{1,2}[ \t]*$")
_NAME: Final = re.compile(r"[A-Za-z_]\w*")
_CALL: Final = re.compile(r"_ipython_(\d+)\b")
# Commands whose text is no Python, and cells that are none.
_WITHOUT_NAMES: Final = frozenset(
    "matplotlib pylab load_ext reload_ext autoreload pip conda env set_env config cd pwd ls mkdir who whos history lsmagic magic "
    "precision bash sh script html HTML javascript js svg latex markdown writefile file perl ruby cmd pdb xmode colors "
    "alias dhist notebook mamba uv".split()
)
_RUNS_FILES: Final = frozenset(
    "run load loadpy autoawait autocall store macro rerun recall reset reset_selective".split()
)


class Magics:
    """Replaces them, cell by cell, and puts them back."""

    def __init__(self) -> None:
        self._texts: list[str] = []

    def as_python(self, code: str) -> str:
        """The code of a cell as Python.

        Raises NotTaken where a command changes what the names of the notebook mean.
        """
        if code.lstrip().startswith("%%"):
            command, _, body = code.lstrip()[2:].partition("\n")
            return self._hidden(code, command, body)
        if _parses(code):
            return code
        lines: list[str] = []
        for line in _joined(code):
            odd = _LINE.match(line) or _HELP.match(line)
            lines.append(self._line(line) if odd and _begins_statement(lines) else line)
        python = "\n".join(lines)
        return python if _parses(python) else self._hidden(code, "", code)

    def restored(self, code: str) -> str | None:
        """The code of a cell as IPython reads it; None where an edit touched what was replaced."""
        out = []
        for line in code.split("\n"):
            found = _CALL.search(line)
            if found is None:
                out.append(line)
                continue
            text, python = self._texts[int(found[1])].split("\0")
            if line != python:
                return None
            if text.lstrip().startswith("%%") and out:
                return None
            out.append(text)
        return "\n".join(out)

    def _line(self, line: str) -> str:
        match = _LINE.match(line)
        if match is None:
            return self._kept(line, _indent(line), "", "", "")
        command, _, used = match["magic"][1:].strip().partition(" ")
        if not match["magic"].startswith("%"):
            command = used = ""
        return self._kept(line, match["indent"], (match["names"] or "").strip(), command, used)

    def _hidden(self, code: str, command: str, body: str) -> str:
        """A whole cell, as one statement that binds and uses its names."""
        command, _, options = command.strip().partition(" ")
        stored = ""
        try:
            tree = ast.parse(body)
        except (SyntaxError, ValueError):
            pass
        else:
            nodes = list(ast.walk(tree))
            names = {node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
            names |= {n.name for n in nodes if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))}
            names |= {
                (alias.asname or alias.name).partition(".")[0]
                for node in nodes
                if isinstance(node, (ast.Import, ast.ImportFrom))
                for alias in node.names
                if alias.name != "*"
            }
            stored = ", ".join(sorted(names))
        return self._kept(code, "", stored, command, f"{options}\n{body}")

    def _kept(self, text: str, indent: str, stored: str, command: str, used: str) -> str:
        number = len(self._texts)
        if command in _RUNS_FILES:
            raise NotTaken(f"is a notebook in which %{command} changes what names mean")
        if command in _WITHOUT_NAMES:
            stored, used = (stored, "") if text.lstrip()[:2] != "%%" else ("", "")
        names = set(_NAME.findall(used))
        arguments = ", ".join(sorted(name for name in names if not keyword.iskeyword(name)))
        if stored or arguments:
            python = f"{indent}{stored}{' = ' if stored else ''}_ipython_{number}({arguments})"
        else:
            python = f"{indent}{'pass  ' if indent else ''}# _ipython_{number}"
        self._texts.append(f"{text}\0{python}")
        return python


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _joined(code: str) -> list[str]:
    """The lines, commands with all lines that continue them."""
    lines: list[str] = []
    for line in code.split("\n"):
        if lines and lines[-1].endswith("\\") and lines[-1].lstrip().startswith(("!", "%")):
            lines[-1] += f"\n{line}"
        else:
            lines.append(line)
    return lines


def _begins_statement(lines: list[str]) -> bool:
    """Whether what follows these lines is neither within brackets nor within a string."""
    if lines and lines[-1].endswith("\\"):
        return False
    try:
        for _ in tokenize.generate_tokens(io.StringIO("".join(f"{line}\n" for line in lines)).readline):
            pass
    except (tokenize.TokenError, SyntaxError):
        return False
    return True


def _parses(code: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
