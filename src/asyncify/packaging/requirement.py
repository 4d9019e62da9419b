"""A requirement as people write it: the little of PEP 508 that is needed to find one and to write another beside it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

_REQUIREMENT = re.compile(
    r"\s*(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?P<extras>\[[^\]]*\])?(?P<rest>.*)", re.DOTALL
)
_REST = re.compile(r"\s*(?:$|[<>=!~@;(]|[ \t]#|[ \t]--)")
_SPACED = re.compile(r"[\w\])]\s+(?:[<>=!~]=?|===)\s+\d")
_ADJACENT_SPACE = re.compile(r"[\w\])]\s+(?:[<>=!~]=?|===)\d")
_PARENTHESES = re.compile(r"\s*\([^)]*\)")
_OPTIONS = re.compile(r"\s(?:#|--).*", re.DOTALL)
_OPERATOR = re.compile(r"\s*([<>=!~]=+|[<>])\s*")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement. ``specifier`` is what stands between name and marker, ``marker`` has no semicolon."""

    name: str
    extras: str = ""
    specifier: str = ""
    marker: str = ""

    @property
    def key(self) -> str:
        """The name by which two spellings of it are the same."""
        return normalise(self.name)

    def like(self, model: str) -> str:
        """This requirement as text, with the spaces and parentheses that the requirement `model` is written with."""
        specifier = self.specifier.strip()
        behind_name = model[len(model) - len(model.lstrip(" \t") or model) :]
        behind_name = re.sub(r"^[\w.-]+\s*(?:\[[^\]]*\])?", "", behind_name)
        if specifier and _PARENTHESES.match(behind_name):
            specifier = f" ({specifier})"
        elif _SPACED.search(model):
            specifier = _OPERATOR.sub(r" \1 ", specifier).rstrip()
        elif _ADJACENT_SPACE.search(model):
            specifier = f" {specifier}"
        if not self.marker:
            return f"{self.name}{self.extras}{specifier}"
        separator = "; "
        if ";" in model:
            before, _, after = model.partition(";")
            separator = " ;" if before != before.rstrip() else ";"
            separator += " " if after[:1].isspace() else ""
        return f"{self.name}{self.extras}{specifier}{separator}{self.marker}"

    def under(self, marker: str) -> Requirement:
        """The same, needed only where `marker` holds (if it has no marker of its own)."""
        return self if self.marker or not marker else replace(self, marker=marker)


def normalise(name: str) -> str:
    """A project's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def parse(text: str) -> Requirement | None:
    """The requirement that `text` is, without a comment or pip's options behind it; None if it is none."""
    match = _REQUIREMENT.fullmatch(text)
    if match is None or not _REST.match(match["rest"]):
        return None
    rest = _OPTIONS.sub("", match["rest"])
    specifier, _, marker = rest.partition(";")
    return Requirement(match["name"], match["extras"] or "", specifier.strip(), marker.strip())


def name_of(text: str) -> str:
    """The normalised name of the requirement `text`, or ``""`` if it is none."""
    requirement = parse(text)
    return requirement.key if requirement else ""
