"""The requirement lists of ``pyproject.toml`` (PEP 621, PEP 735, Poetry, Flit, Hatch, PDM, uv) and of a Pipfile."""

from __future__ import annotations

from collections.abc import Iterator

from asyncify.packaging import toml
from asyncify.packaging.listing import Bracketed, Entry, Keys, Listing, Role, role_named
from asyncify.packaging.requirement import name_of, normalise, parse

_POETRY = ("tool", "poetry")


def listings(text: str) -> list[Listing]:
    """All lists of requirements of a ``pyproject.toml``, the main ones first. Raises Unsupported if it is no TOML."""
    document = toml.scan(text)
    return [*_arrays(document), *_poetry(document), *_poetry_extras(document)]


def pipfile_listings(text: str) -> list[Listing]:
    """The lists of a Pipfile. Raises Unsupported if it is no TOML."""
    document = toml.scan(text)
    found = [
        _keys(document, ("packages",), "[packages]", Role.RUNTIME),
        _keys(document, ("dev-packages",), "[dev-packages]", Role.TEST),
    ]
    return [listing for listing in found if listing is not None]


def _arrays(document: toml.Document) -> Iterator[Listing]:
    single: tuple[tuple[tuple[str, ...], Role], ...] = (
        (("project", "dependencies"), Role.RUNTIME),
        (("tool", "flit", "metadata", "requires"), Role.RUNTIME),
        (("tool", "uv", "dev-dependencies"), Role.TEST),
    )
    tables: tuple[tuple[tuple[str, ...], Role], ...] = (
        (("project", "optional-dependencies"), Role.EXTRA),
        (("tool", "flit", "metadata", "requires-extra"), Role.EXTRA),
        (("dependency-groups",), Role.OTHER),
        (("tool", "pdm", "dev-dependencies"), Role.TEST),
    )
    for path, role in single:
        if (pair := document.find(*path)) is not None:
            yield from _array(document, pair, f"[{'.'.join(path[:-1])}] {path[-1]}", role)
    for path, role in tables:
        for pair in document.pairs_of(*path):
            yield from _array(document, pair, f"[{'.'.join(path)}] {pair.path[-1]}", role_named(pair.path[-1], role))
    for pair in document.pairs:
        if pair.path[:3] == ("tool", "hatch", "envs") and len(pair.path) == 5:
            environment, key = pair.path[3:]
            if key in ("dependencies", "extra-dependencies"):
                role = Role.TEST if environment == "default" else role_named(environment, Role.OTHER)
                yield from _array(document, pair, f"[tool.hatch.envs.{environment}] {key}", role)
        elif pair.path[:2] == ("tool", "tox") and pair.path[-1] == "deps":
            yield from _array(document, pair, f"[{'.'.join(pair.path[:-1])}] deps", Role.TEST)


def _array(document: toml.Document, pair: toml.Pair, where: str, role: Role) -> Iterator[Listing]:
    if pair.value.kind != "array":
        return
    entries: list[Entry] = []
    for item in pair.value.items:
        written = document.string(item) if item.kind == "string" else ""
        requirement = parse(written)
        entries.append(
            Entry(item.start, item.end, written, name_of(written), marker=requirement.marker if requirement else "")
        )
    if document.get(*pair.path) is None:
        return
    yield Bracketed(where, role, tuple(entries), open=pair.value.start, close=pair.value.end - 1)


def _poetry(document: toml.Document) -> Iterator[Listing]:
    tables: list[tuple[str, ...]] = [(*_POETRY, "dependencies"), (*_POETRY, "dev-dependencies")]
    for name in document.get(*_POETRY, "group") or {}:
        tables.append((*_POETRY, "group", name, "dependencies"))
    for path in tables:
        if path[-1] == "dev-dependencies":
            role = Role.TEST
        else:
            role = role_named(path[3], Role.OTHER) if len(path) > 3 else Role.RUNTIME
        listing = _keys(document, path, f"[{'.'.join(path)}]", role)
        if listing is not None:
            yield listing


def _keys(document: toml.Document, path: tuple[str, ...], where: str, role: Role) -> Keys | None:
    """The table at `path` as a list, if it is written with a header of its own and one line per requirement."""
    table = document.table(*path)
    if table is None:
        return None
    entries: list[Entry] = []
    optional: set[int] = set()
    for pair in document.pairs:
        if pair.header != path:
            continue
        if len(pair.path) != len(path) + 1:  # name.version = "…": not one line per requirement
            entries.append(Entry(pair.start, pair.value.end, "", ""))
            continue
        name = pair.path[-1]
        fields = document.get(*pair.path)
        if isinstance(fields, dict) and fields.get("optional") is True:
            optional.add(len(entries))
        marker = fields.get("markers", "") if isinstance(fields, dict) else ""
        entries.append(Entry(pair.start, pair.value.end, name, normalise(name), marker=str(marker)))
    equals = " = "
    pairs = [pair for pair in document.pairs if pair.header == path]
    if pairs:
        between = document.text[pairs[-1].key_end : pairs[-1].value.start]
        equals = "=" if between == "=" else " = "
    return Keys(where, role, tuple(entries), body=table.body, optional=frozenset(optional), equals=equals)


def _poetry_extras(document: toml.Document) -> Iterator[Listing]:
    for pair in document.pairs_of(*_POETRY, "extras"):
        for listing in _array(document, pair, f"[tool.poetry.extras] {pair.path[-1]}", Role.EXTRA):
            assert isinstance(listing, Bracketed)
            yield PoetryExtra(listing.where, listing.role, listing.entries, open=listing.open, close=listing.close)


class PoetryExtra(Bracketed):
    """Names of optional dependencies that stand with their versions in the main table."""
