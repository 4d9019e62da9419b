"""What the texts of a whole tree say, indexed or not."""

from __future__ import annotations

from collections.abc import Iterable

from asyncify.index.project import SourceFile


class Texts:
    """All Python files of a tree. The parts of a large one share it: each asks the same again."""

    def __init__(self, sources: Iterable[SourceFile]) -> None:
        self._sources = tuple(sources)
        self._spelled: dict[str, bool] = {}

    def spell(self, name: str) -> bool:
        """Whether the name stands in the text of any of them."""
        found = self._spelled.get(name)
        if found is None:
            found = self._spelled[name] = any(name in source.text for source in self._sources)
        return found

    def have_module(self, name: str) -> bool:
        """Whether one of them may be what this top-level name imports somewhere in the tree."""
        ends = (f"/{name}.py", f"/{name}/__init__.py")
        return any(f"/{source.path}".endswith(ends) for source in self._sources)
