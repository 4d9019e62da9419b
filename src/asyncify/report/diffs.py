"""Changes of files as diffs: as hunks to show, and as bytes to feed to ``patch -p1`` or ``git apply``."""

from __future__ import annotations

import difflib
import io
import re
import tokenize
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from asyncify.model import FileChange
from asyncify.report.text import clean


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a hunk: ``sign`` is ``" "``, ``"-"`` or ``"+"``; numbers count from 1 in the old and new file.

    ``text`` is safe for a terminal. ``changed`` are the ranges of `text` that differ from the line's counterpart.
    """

    sign: str
    old: int | None
    new: int | None
    text: str
    changed: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class FileDiff:
    """One file's difference. ``status`` is ``changed``, ``added`` or ``removed``."""

    path: str
    status: str
    hunks: tuple[tuple[Line, ...], ...]

    @property
    def added(self) -> int:
        """How many lines are new."""
        return sum(line.sign == "+" for hunk in self.hunks for line in hunk)

    @property
    def removed(self) -> int:
        """How many lines are gone."""
        return sum(line.sign == "-" for hunk in self.hunks for line in hunk)


def file_diff(change: FileChange, context: int = 3) -> FileDiff:
    """The difference of one file to look at, with `context` unchanged lines around each change."""
    before, after = _lines(change.before), _lines(change.after)
    hunks = tuple(
        _hunk(opcodes, before, after)
        for opcodes in difflib.SequenceMatcher(None, before, after, autojunk=False).get_grouped_opcodes(context)
    )
    status = "added" if change.before is None else "removed" if change.after is None else "changed"
    return FileDiff(change.path, status, hunks)


def _lines(data: bytes | None) -> list[str]:
    if not data:
        return []
    text = _decoded(data)
    lines = text.replace("\r\n", "\n").split("\n")
    if lines[-1] == "":
        lines.pop()
    return [clean(line) for line in lines]


def _decoded(data: bytes) -> str:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except SyntaxError:
        encoding = "utf-8"
    return data.decode(encoding, errors="backslashreplace")


def _hunk(
    opcodes: Sequence[tuple[str, int, int, int, int]], before: Sequence[str], after: Sequence[str]
) -> tuple[Line, ...]:
    out: list[Line] = []
    for tag, start, stop, new_start, new_stop in opcodes:
        if tag == "equal":
            out += [
                Line(" ", old + 1, new + 1, before[old])
                for old, new in zip(range(start, stop), range(new_start, new_stop), strict=True)
            ]
            continue
        marks = _marks(before[start:stop], after[new_start:new_stop])
        out += [Line("-", i + 1, None, before[i], marks[0][i - start]) for i in range(start, stop)]
        out += [Line("+", None, i + 1, after[i], marks[1][i - new_start]) for i in range(new_start, new_stop)]
    return tuple(out)


_WORDS = re.compile(r"\w+|\s+|.")
_Ranges = tuple[tuple[int, int], ...]


def _marks(old: Sequence[str], new: Sequence[str]) -> tuple[list[_Ranges], list[_Ranges]]:
    """For replaced lines, what differs within each; lines are paired only where their numbers are equal."""
    old_marks: list[_Ranges] = [()] * len(old)
    new_marks: list[_Ranges] = [()] * len(new)
    if len(old) == len(new):
        for i, (left, right) in enumerate(zip(old, new, strict=True)):
            if len(left) + len(right) > 1000:
                continue
            words, new_words = _WORDS.findall(left), _WORDS.findall(right)
            matcher = difflib.SequenceMatcher(None, words, new_words, autojunk=False)
            if matcher.ratio() < 0.5:  # two lines that have little in common: marks would be noise
                continue
            codes = [code for code in matcher.get_opcodes() if code[0] != "equal"]
            old_marks[i] = _ranges(words, [(a, b) for _, a, b, _, _ in codes])
            new_marks[i] = _ranges(new_words, [(a, b) for _, _, _, a, b in codes])
    return old_marks, new_marks


def _ranges(words: Sequence[str], runs: Iterable[tuple[int, int]]) -> _Ranges:
    """Runs of words as ranges of the line, without blanks at their ends."""
    out = []
    for first, last in runs:
        text = "".join(words[first:last])
        start = len("".join(words[:first])) + len(text) - len(text.lstrip())
        if text.strip():
            out.append((start, start + len(text.strip())))
    return tuple(out)


# --- Patches ---------------------------------------------------------------------------------------------------


def patch(changes: Iterable[FileChange], context: int = 3) -> bytes:
    """A unified diff of the changes, byte-exact, that ``git apply`` and ``patch -p1`` accept."""
    return b"".join(_file_patch(change, context) for change in changes)


def _file_patch(change: FileChange, context: int) -> bytes:
    if change.before == change.after:
        return b""
    old, new = _git_name("a/" + change.path), _git_name("b/" + change.path)
    head = b"diff --git " + old + b" " + new + b"\n"
    if change.before is None:
        head += b"new file mode 100644\n"
    elif change.after is None:
        head += b"deleted file mode 100644\n"
    before, after = _byte_lines(change.before), _byte_lines(change.after)
    body = []
    for opcodes in difflib.SequenceMatcher(None, before, after, autojunk=False).get_grouped_opcodes(context):
        first, last = opcodes[0], opcodes[-1]
        body.append(b"@@ -%s +%s @@\n" % (_range(first[1], last[2]), _range(first[3], last[4])))
        for tag, start, stop, new_start, new_stop in opcodes:
            if tag == "equal":
                body += [_patch_line(b" ", line) for line in before[start:stop]]
            else:
                body += [_patch_line(b"-", line) for line in before[start:stop]]
                body += [_patch_line(b"+", line) for line in after[new_start:new_stop]]
    if body:
        tab = b"\t" if b" " in change.path.encode(errors="surrogateescape") else b""  # patch(1) ends a name at a blank
        head += b"--- " + (b"/dev/null" if change.before is None else old + tab) + b"\n"
        head += b"+++ " + (b"/dev/null" if change.after is None else new + tab) + b"\n"
    return head + b"".join(body)


def _byte_lines(data: bytes | None) -> list[bytes]:
    lines = (data or b"").split(b"\n")
    last = lines.pop()
    return [line + b"\n" for line in lines] + ([last] if last else [])


def _patch_line(sign: bytes, line: bytes) -> bytes:
    return sign + line if line.endswith(b"\n") else sign + line + b"\n\\ No newline at end of file\n"


def _range(start: int, stop: int) -> bytes:
    length = stop - start
    first = start + 1 if length else start
    return (str(first) if length == 1 else f"{first},{length}").encode()


_C_ESCAPES = dict(zip(b'\a\b\t\n\v\f\r"\\', (b"\\" + bytes([c]) for c in b'abtnvfr"\\'), strict=True))


def _git_name(path: str) -> bytes:
    """A path as git writes it: in quotes with C escapes where it holds a control character, a quote or a backslash."""
    raw = path.encode(errors="surrogateescape")
    if not any(byte < 0x20 or byte == 0x7F or byte in b'"\\' for byte in raw):
        return raw
    return (
        b'"'
        + b"".join(
            _C_ESCAPES.get(byte) or (bytes([byte]) if 0x20 <= byte != 0x7F else b"\\%03o" % byte) for byte in raw
        )
        + b'"'
    )
