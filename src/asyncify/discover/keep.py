"""Comments by which the user keeps code as it is."""

from __future__ import annotations

import io
import re
import tokenize
from typing import Final

_KEEP: Final = re.compile(r"#\s*asyncify:\s*keep\b")


def kept_lines(text: str) -> frozenset[int]:
    """The lines (from 1) that a comment ``# asyncify: keep`` covers.

    Within or behind a statement (its header, for a compound one) it covers all lines of that, on a line of
    its own those of the next statement; decorators take the ``def`` or ``class`` below them along.
    """
    if "asyncify:" not in text:
        return frozenset()
    kept: set[int] = set()
    first = 0  # first line of the logical line being read, 0 between two
    marked = decorated = False
    try:
        for token in tokenize.generate_tokens(io.StringIO(text, newline=None).readline):
            if token.type == tokenize.COMMENT:
                if _KEEP.search(token.string):
                    marked = True
                    kept.add(token.start[0])
            elif token.type == tokenize.NEWLINE:
                if marked:
                    kept.update(range(first, token.start[0] + 1))
                if not decorated:
                    marked = False
                first = 0
            elif first == 0 and token.type not in (tokenize.NL, tokenize.INDENT, tokenize.DEDENT):
                first = token.start[0]
                decorated = token.string == "@"
    except (tokenize.TokenError, SyntaxError):  # does not parse, so nothing will be changed in it
        lines = io.StringIO(text, newline=None)
        return frozenset(number for number, line in enumerate(lines, 1) if _KEEP.search(line))
    return frozenset(kept)
