"""Where things stand in an INI text (``setup.cfg``, ``tox.ini``, ``pytest.ini``)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_HEADER = re.compile(r"\[(?P<name>[^\]\n]+)\]")
_KEY = re.compile(r"(?P<key>[^\s#;\[=:][^=:\n]*?)(?P<delimiter>[ \t]*[=:][ \t]*)(?P<value>[^\r\n]*)")
_LINE = re.compile(r"(?P<body>[^\r\n]*)(?P<newline>\r?\n|$)")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a value that says something: its span without white space at either end."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Option:
    """A key with its lines (no comments, no blank ones). ``end`` is where the text of the last of them ends."""

    section: str
    key: str
    start: int
    end: int
    delimiter: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A header: where it starts and where the text of its line ends."""

    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Document:
    """The sections and options of a text, in order."""

    text: str
    sections: tuple[Section, ...]
    options: tuple[Option, ...]

    def section(self, name: str) -> Section | None:
        """The section with that name."""
        return next((section for section in self.sections if section.name == name), None)

    def option(self, section: str, key: str) -> Option | None:
        """The option `key` of a section."""
        return next((option for option in self.options if (option.section, option.key) == (section, key)), None)


def scan(text: str) -> Document:
    """Read an INI text; lines that are neither are passed over."""
    sections: list[Section] = []
    options: list[Option] = []
    position = 0
    while position < len(text):
        match = _LINE.match(text, position)
        assert match is not None  # the pattern matches every line
        body = match["body"]
        end = position + len(body.rstrip())
        header, key = _HEADER.match(body), _KEY.match(body)
        stripped = body.strip()
        if not stripped or stripped[0] in "#;":
            pass
        elif body[0] in " \t":
            if options and sections and options[-1].section == sections[-1].name:
                options[-1] = _continued(options[-1], Line(end - len(stripped), end))
        elif header is not None:
            sections.append(Section(header["name"], position, end))
        elif key is not None and sections:
            value = key["value"].strip()
            lines = (Line(end - len(value), end),) if value else ()
            name = key["key"].strip()
            options.append(Option(sections[-1].name, name, position, end, key["delimiter"], lines))
        position = match.end()
    return Document(text, tuple(sections), tuple(options))


def _continued(option: Option, line: Line) -> Option:
    lines = (*option.lines, line)
    return Option(option.section, option.key, option.start, line.end, option.delimiter, lines)
