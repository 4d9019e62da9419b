"""Configuration files under change: each edit is read back before it counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from asyncify.packaging.found import ROOT_FILES, is_requirements_file
from asyncify.packaging.listing import Keys, Listing
from asyncify.packaging.places import listings
from asyncify.packaging.requirement import Requirement
from asyncify.packaging.text import Decoded, Splice, Unsupported, apply, decode

_EMPTY = Decoded("", "utf-8", b"")


@dataclass(frozen=True)
class ConfigChange:
    """One configuration file before and after. ``before`` is None for a new file; ``reason`` is one line."""

    path: str
    before: bytes | None
    after: bytes
    reason: str


class Workspace:
    """The files of one call: texts as they stand now, the reasons for what changed, notes for what could not."""

    def __init__(self, files: Mapping[str, bytes], notes: list[str] | None) -> None:
        self._before = files
        self._decoded: dict[str, Decoded] = {}
        self._texts: dict[str, str] = {}
        self._reasons: dict[str, list[str]] = {}
        self._notes = notes if notes is not None else []
        self._cache: dict[str, tuple[str, list[Listing], str]] = {}
        for path in sorted(files, key=_main_first):
            try:
                self._decoded[path] = decode(files[path])
            except Unsupported as error:
                self.note(f"{path} is left as it is: {error}")
                continue
            self._texts[path] = self._decoded[path].text

    @property
    def paths(self) -> list[str]:
        """The files that can be read, the project's main declaration first."""
        return list(self._texts)

    def text(self, path: str) -> str | None:
        """The text of a file as it stands now, None if there is none that can be read."""
        return self._texts.get(path)

    def exists(self, path: str) -> bool:
        """Whether the project has that file, readable or not."""
        return path in self._before

    def note(self, message: str) -> None:
        """Tell the user what has to be done by hand; each message once."""
        if message not in self._notes:
            self._notes.append(message)

    def listings(self, path: str) -> list[Listing]:
        """The lists of a file as it stands now; none if it cannot be edited (see :meth:`obstacle`)."""
        return self._read(path)[0]

    def obstacle(self, path: str) -> str:
        """Why a file cannot be edited, or ``""``."""
        return self._read(path)[1]

    def _read(self, path: str) -> tuple[list[Listing], str]:
        text = self._texts[path]
        cached = self._cache.get(path)
        if cached is None or cached[0] != text:
            try:
                cached = (text, listings(path, text), "")
            except Unsupported as error:
                cached = (text, [], str(error))
            self._cache[path] = cached
        return cached[1], cached[2]

    def add(self, path: str, listing: Listing, requirement: Requirement, anchor: str) -> bool:
        """Add `requirement` to a list, unless it is there. Whether the list has it now."""
        if listing.named(requirement.key):
            return True
        beside = f" beside {anchor}" if listing.named(anchor) else ""
        place = f" in {listing.where}" if listing.where else ""
        written = f"{requirement.name}{requirement.extras}{requirement.specifier}"
        try:
            splices = listing.add(self._texts[path], requirement, anchor)
            self._edit_list(path, splices, Counter({(listing.where, requirement.key): 1}), Counter())
        except Unsupported as error:
            self.note(f"{path}: {written} has to be added by hand{place}: {error}")
            return False
        self.reason(path, f"{written} added{beside}{place}")
        return True

    def remove(self, path: str, listing: Listing, index: int) -> bool:
        """Remove one entry of a list. Whether it is gone."""
        name = listing.entries[index].name
        place = f" from {listing.where}" if listing.where else ""
        try:
            splices = listing.remove(self._texts[path], index)
            self._edit_list(path, splices, Counter(), Counter({(listing.where, name): 1}))
        except Unsupported as error:
            self.note(f"{path}: {name} has to be removed by hand{place}: {error}")
            return False
        self.reason(path, f"{name} removed{place}")
        return True

    def _edit_list(
        self, path: str, splices: list[Splice], more: Counter[tuple[str, str]], less: Counter[tuple[str, str]]
    ) -> None:
        """Make an edit if the file then lists exactly `more` and no longer `less`; else raise Unsupported."""
        before = self._texts[path]
        after = apply(before, splices)
        expected = _contents(self.listings(path))
        expected.update(more)
        expected.subtract(less)
        try:
            found = _contents(listings(path, after))
        except Unsupported as error:
            raise Unsupported(f"its layout is not one that can be edited ({error})") from error
        if +found != +expected:
            raise Unsupported("its layout is not one that can be edited")
        self._texts[path] = after

    def replace(self, path: str, text: str, reason: str) -> None:
        """Set the whole text of a file, or create it. The caller has read it back."""
        self._decoded.setdefault(path, _EMPTY)
        self._texts[path] = text
        self.reason(path, reason)

    def reason(self, path: str, text: str) -> None:
        """Say why a file changed."""
        self._reasons.setdefault(path, []).append(text)

    def changes(self) -> list[ConfigChange]:
        """The files that differ now, by path."""
        found: list[ConfigChange] = []
        for path in sorted(self._texts):
            before = self._before.get(path)
            after = self._decoded[path].encode(self._texts[path])
            if before != after:
                found.append(ConfigChange(path, before, after, "; ".join(self._reasons.get(path, ()))))
        return found


def _contents(found: Iterable[Listing]) -> Counter[tuple[str, str]]:
    """What lists say: each named entry by the place where it stands, each other one by its text."""
    return Counter((listing.where, entry.name or entry.text) for listing in found for entry in listing.entries)


def is_optional(listing: Listing, name: str) -> bool:
    """Whether the list declares `name` as an optional extra (Poetry)."""
    return isinstance(listing, Keys) and any(index in listing.optional for index in listing.named(name))


def _main_first(path: str) -> tuple[int, int, str]:
    if path in ROOT_FILES:
        return (0, ROOT_FILES.index(path), path)
    if not is_requirements_file(path):
        return (2, 0, path)
    main = ("requirements.in", "requirements.txt", "requirements/base.in", "requirements/base.txt")
    return (1, main.index(path) if path in main else len(main), path)
