"""Classes: linearization, descendants, where an attribute of an object, a class or ``super()`` is found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from asyncify.index.abstract import AClass, AModule, Unit
from asyncify.index.catalogue import Catalogue
from asyncify.index.containers import Heap
from asyncify.index.elsewhere import Elsewhere
from asyncify.index.standard import may_export


class Hierarchy(Heap):
    """The project's classes and modules, and lookups in them."""

    def __init__(self, catalogue: Catalogue) -> None:
        super().__init__(catalogue)
        self.units: list[Unit] = []
        self.elsewhere = Elsewhere()
        self.by_folder: Mapping[str, Mapping[str, str]] = {}  # folder of scripts -> import name -> module name
        self.all_classes: list[AClass] = []
        self._hits: dict[tuple[AClass, str, str], list[tuple[AClass, int]]] = {}
        self._descendants: dict[AClass, list[AClass]] = {}
        self._children: dict[AClass, int] = {}  # variables that see the direct subclasses
        self._own: dict[tuple[AClass, str], int] = {}
        self._stores: dict[str, list[tuple[AClass, int]]] = {}
        self._loads: dict[str, list[tuple[AClass, bool, int]]] = {}
        self._load: dict[tuple[AClass, bool, str], int] = {}

    # --- linearization -----------------------------------------------------------------------------------------

    def add_base(self, cls: AClass, position: int, base: AClass) -> None:
        """One more base class of `cls` is known."""
        if base is cls or base in cls.bases or cls in self.linear(base):
            return
        cls.base_order.append((position, base))
        cls.base_order.sort(key=lambda pair: pair[0])
        cls.bases = [known for _, known in cls.base_order]
        base.children.append(cls)
        if base in self._children:
            self.add(self._children[base], cls)
        for affected in [cls, *self.descendants(cls)]:
            affected.mro = []
        self._descendants.clear()
        self._hits.clear()
        for name, loads in self._loads.items():
            for owner, subs, variable in loads:
                for storing, stored in self._stores.get(name, ()):
                    if self._related(owner, subs, storing):
                        self.edge(stored, variable)

    def linear(self, cls: AClass) -> list[AClass]:
        """The method resolution order; classes of an impossible hierarchy come depth first."""
        if not cls.mro:
            cls.mro = [cls]  # what a cycle sees
            sequences = [list(self.linear(base)) for base in cls.bases] + [list(cls.bases)]
            out = [cls]
            while any(sequences):
                head = next(
                    (s[0] for s in sequences if s and not any(s[0] in other[1:] for other in sequences)),
                    next(s[0] for s in sequences if s),
                )
                if head not in out:
                    out.append(head)
                for sequence in sequences:
                    if head in sequence:
                        sequence.remove(head)
            cls.mro = out
        return cls.mro

    def descendants(self, cls: AClass) -> list[AClass]:
        """All subclasses, the class itself left out."""
        found = self._descendants.get(cls)
        if found is None:
            found, stack, seen = [], list(cls.children), {cls}
            while stack:
                child = stack.pop()
                if child not in seen:
                    seen.add(child)
                    found.append(child)
                    stack.extend(child.children)
            self._descendants[cls] = found
        return found

    def watch_children(self, cls: AClass, variable: int) -> None:
        """The direct subclasses that are known, or will be, flow to the variable."""
        if cls not in self._children:
            self._children[cls] = variable
            for child in cls.children:
                self.add(variable, child)

    def external_bases(self, cls: AClass) -> list[str]:
        """External bases of the whole hierarchy, in order."""
        out: list[str] = []
        for known in self.linear(cls):
            out += [name for name in known.external if name not in out]
        return out

    def metaclasses(self, cls: AClass) -> list[AClass]:
        """Metaclasses of the project that the class has or inherits."""
        return list(dict.fromkeys(meta for known in self.linear(cls) for meta in known.metas))

    def implementers(self, protocol: AClass) -> list[AClass]:
        """Classes that have every method of a protocol; none for a protocol without methods."""
        names = [name for known in self.linear(protocol) for name in known.facts.methods if not name.startswith("__")]
        candidates = self.all_classes if names else []
        return [
            cls
            for cls in candidates
            if not cls.protocol
            and protocol not in self.linear(cls)
            and all(self.hits(cls, "exact", name) for name in names)
        ]

    # --- lookups -----------------------------------------------------------------------------------------------

    def hits(self, cls: AClass, how: str, name: str) -> list[tuple[AClass, int]]:
        """Where a class namespace of the hierarchy binds `name`.

        `how`: "exact" (this class), "subs" (it or a subclass), "super" (what comes after it).
        """
        key = (cls, how, name)
        found = self._hits.get(key)
        if found is None:
            found = []
            starts = [cls] if how == "exact" else [cls, *self.descendants(cls)]
            seen: set[AClass] = set()
            for start in starts:
                order = self.linear(start)
                if how == "super":
                    if cls not in order:
                        continue
                    order = order[order.index(cls) + 1 :]
                for owner in order:
                    variable = owner.namespace.get(name)
                    if variable:
                        if owner not in seen:
                            seen.add(owner)
                            found.append((owner, variable))
                        break
            self._hits[key] = found
        return found

    def _related(self, owner: AClass, subs: bool, storing: AClass) -> bool:
        if storing in self.linear(owner):
            return True
        if not subs:
            return False
        return owner in self.linear(storing) or any(storing in self.linear(sub) for sub in self.descendants(owner))

    def own_field(self, cls: AClass, name: str) -> int:
        """The variable for ``self.name = …`` on objects of this class."""
        variable = self._own.get((cls, name))
        if variable is None:
            variable = self._own[cls, name] = self.new()
            self._stores.setdefault(name, []).append((cls, variable))
            for owner, subs, loaded in self._loads.get(name, ()):
                if self._related(owner, subs, cls):
                    self.edge(variable, loaded)
        return variable

    def fields(self) -> Iterator[tuple[AClass, int]]:
        """Every attribute that objects of a class are given, by the class that stores it."""
        for (cls, _), variable in self._own.items():
            yield cls, variable

    def field_load(self, cls: AClass, subs: bool, name: str) -> int:
        """The variable that sees every instance attribute `name` an object of this class can have."""
        key = (cls, subs, name)
        variable = self._load.get(key)
        if variable is None:
            variable = self._load[key] = self.new()
            self._loads.setdefault(name, []).append((cls, subs, variable))
            for storing, stored in self._stores.get(name, ()):
                if self._related(cls, subs, storing):
                    self.edge(stored, variable)
        return variable

    # --- modules -----------------------------------------------------------------------------------------------

    def module(self, name: str, importer: Unit | None, absolute: bool = True) -> AModule | None:
        """The project's module of that name as seen from a file; scripts see their own folder first."""
        if absolute and importer is not None:
            siblings = self.by_folder.get(importer.folder)
            if siblings is not None:
                head, dot, tail = name.partition(".")
                if head in siblings:
                    name = siblings[head] + dot + tail
        found = self.modules.get(name)
        if found is None and name in self.elsewhere.modules:
            found = self.modules[name] = AModule(name, None, absent=True)
        return found

    def some_left_out(self) -> bool:
        """Whether the tree has files that are not indexed."""
        linked = {unit.name for unit in self.units}
        return any(path and name not in linked for name, path in self.elsewhere.modules.items())

    def export(self, unit: Unit, name: str, seen: frozenset[str] = frozenset()) -> list[int]:
        """Variables of a module's global name, through star imports."""
        facts = unit.facts
        own = facts.exports.get(name)
        found = [unit.offset + own] if own else []
        if own and (not facts.stars or facts.export_lines.get(name, 0) >= max(line for _, line, _ in facts.stars)):
            return found
        for star, _, absolute in facts.stars:
            module = self.module(star, unit, absolute)
            if module is None or module.unit is None or module.name in seen or not self.public(module.unit, name):
                continue
            found += self.export(module.unit, name, seen | {unit.name})
        return found

    def public(self, unit: Unit, name: str) -> bool:
        """Whether ``from module import *`` brings the name."""
        if unit.facts.all_names is not None:
            return name in unit.facts.all_names
        return not name.startswith("_")

    def external_stars(self, unit: Unit, name: str, seen: frozenset[str] = frozenset()) -> list[str]:
        """External modules that a module imports with a star, directly or not, and that may have brought it the name."""
        found: list[str] = []
        for star, _, absolute in unit.facts.stars:
            module = self.module(star, unit, absolute)
            if module is None:
                found += [star] if absolute and may_export(star, name) else []
            elif module.unit is not None and module.name not in seen and self.public(module.unit, name):
                found += self.external_stars(module.unit, name, seen | {unit.name})
        return found
