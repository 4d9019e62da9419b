"""Which support modules the edits of a plan need, and where they go."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import get_args

from asyncify.index.project import SourceFile
from asyncify.index.testing import is_test
from asyncify.model import AddFile, AddImport, Edit, FetchAhead, Reason, Span
from asyncify.rules.requests_names import VERBS
from asyncify.rules.support import support_path
from asyncify.support import Module, emit, helpers_in

_HTTP = frozenset({"aio_requests", "aio_http"})
_USE = re.compile(rf"(?<!\.)\b({'|'.join(get_args(Module))})\.(\w+)")


def support_files(edits: Iterable[Edit], sources: Mapping[str, SourceFile]) -> list[AddFile]:
    """The support modules that these edits import, each with the helpers in use by them and by the module there is."""
    edits = list(edits)
    wanted: dict[tuple[str, Module], set[str]] = defaultdict(set)
    reasons: dict[tuple[str, Module], Reason] = {}
    homes = {source.package: source for source in sources.values() if source.package}
    imported = {(e.span.path, e.name): homes[e.module] for e in edits if isinstance(e, AddImport) and e.module in homes}
    either = {(e.span.path, e.name) for e in edits if isinstance(e, AddImport) and e.or_beside}
    beside: dict[Module, set[str]] = defaultdict(set)  # what a file may look for in a module of the root
    for edit in edits:
        for module, name in _helpers_of(edit):
            if (edit.span.path, module) in either:
                beside[module].add(name)
            source = imported.get((edit.span.path, module), sources[edit.span.path])
            key = (support_path(source, module), module)
            wanted[key].add(name)
            reasons.setdefault(key, edit.reason)
    for (path, module), names in wanted.items():
        if path == f"{module}.py":
            names |= beside[module]
    out = []
    for (path, module), names in sorted(wanted.items()):
        if path in sources:
            names |= helpers_in(module, sources[path].text)
        text = emit(module, names)
        if path not in sources or sources[path].text != text:
            out.append(AddFile(Span(path, 0, 0, 0, 0), reasons[(path, module)], text))
    return out


def shared_with_tests(edits: Iterable[Edit], sources: Mapping[str, SourceFile]) -> tuple[Edit, ...]:
    """The same edits, but tests outside of the package that they test import its module of HTTP, not one of their own.

    So a session that a test gives to the package is one of the package's.
    """
    edits = tuple(edits)
    packages = {
        (edit.module, edit.name)
        for edit in edits
        if isinstance(edit, AddImport) and edit.name in _HTTP and not is_test(edit.span.path)
    }
    out: list[Edit] = []
    for edit in edits:
        if isinstance(edit, AddImport) and is_test(edit.span.path) and _HTTP & {edit.module, edit.name}:
            module = edit.module if edit.name is None else edit.name
            text = sources[edit.span.path].text
            tested = [
                p for p, name in packages if name == module and re.search(rf"^\s*(?:from|import)\s+{p}\b", text, re.M)
            ]
            if len(tested) == 1:
                edit = replace(edit, module=tested[0], name=module)
        out.append(edit)
    return tuple(out)


def _helpers_of(edit: Edit) -> list[tuple[Module, str]]:
    """The helpers of support modules that one edit brings into a file."""
    if isinstance(edit, FetchAhead):
        return [("aio_support", "ahead")]
    text = getattr(edit, "template", "") or getattr(edit, "call", "") or f"{getattr(edit, 'runner', '')}("
    for module in get_args(Module):
        if text == module:  # a function is fetched from it by a computed name
            return [(module, verb) for verb in VERBS]
    found = ((match[1], match[2]) for match in _USE.finditer(text))
    return [(module, name) for first, name in found for module in get_args(Module) if module == first]
