"""Which support modules the edits of a plan need, and where they go."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import get_args

from asyncify.index.project import SourceFile
from asyncify.model import AddFile, Edit, Reason, Span
from asyncify.rules.support import support_path
from asyncify.support import Module, emit, helpers_in

_USE = re.compile(r"(?<!\.)\b(aio_support|aio_requests|aio_http)\.(\w+)")


def support_files(edits: Iterable[Edit], sources: Mapping[str, SourceFile]) -> list[AddFile]:
    """The support modules that these edits import, each with the helpers in use by them and by the module there is."""
    wanted: dict[tuple[str, Module], set[str]] = defaultdict(set)
    reasons: dict[tuple[str, Module], Reason] = {}
    for edit in edits:
        for module, name in _helpers_of(edit):
            key = (support_path(sources[edit.span.path], module), module)
            wanted[key].add(name)
            reasons.setdefault(key, edit.reason)
    out = []
    for (path, module), names in sorted(wanted.items()):
        if path in sources:
            names |= helpers_in(module, sources[path].text)
        text = emit(module, names)
        if path not in sources or sources[path].text != text:
            out.append(AddFile(Span(path, 0, 0, 0, 0), reasons[(path, module)], text))
    return out


def _helpers_of(edit: Edit) -> list[tuple[Module, str]]:
    """The helpers of support modules that one edit brings into a file."""
    text = getattr(edit, "template", "") or getattr(edit, "call", "")
    found = ((match[1], match[2]) for match in _USE.finditer(text))
    return [(module, name) for first, name in found for module in get_args(Module) if module == first]
