"""``python -m tests.typecheck [NAME …]``: mypy over fixtures before and after, and what it says only of the migrated text.

``mypy --strict`` with ``unused-awaitable`` and ``truthy-bool`` sees a coroutine that nobody awaits, one whose truth is asked, and one
that goes where a value was expected. Errors that the program had before are its own, and so are missing annotations.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import get_args

from harness.fixture import Fixture, load, names, write_tree
from mypy import api

from asyncify.support import Module, emit

_OPTIONS = (
    *("--strict", "--enable-error-code=unused-awaitable", "--enable-error-code=truthy-bool", "--no-error-summary"),
    *("--ignore-missing-imports", "--explicit-package-bases", "--hide-error-context", "--no-color-output"),
    f"--python-version={sys.version_info.major}.{sys.version_info.minor}",
)
_LINE = re.compile(r"^(?P<path>[^:]+):\d+: error: (?P<text>.*?)(?:  \[(?P<code>[\w-]+)\])?$", re.M)
_ADDED = re.compile(r"^adds +(\S+) (.*)$", re.M)  # support modules: goldens only name what is in them
# An error that the program had before may name the new type, module or method.
_RENAMED = (
    (re.compile(r"Coroutine\[Any, Any, ([^][]*)\]"), r"\1"),
    (re.compile(r'^(Function|"\w+" of "\w+") (does not return a value)'), r"\2"),
    (re.compile(r'"aio_(requests|http)"'), '"requests"'),
    (re.compile(r'"asyncSetUp"'), '"setUp"'),
    (re.compile(r'"asyncTearDown"'), '"tearDown"'),
)
# What mypy says of text without annotations, of libraries without types, and of comments that are not needed any more.
_OWN = frozenset({"no-untyped-def", "no-untyped-call", "no-any-return", "import-untyped", "type-arg", "unused-ignore"})


def new_errors(fixture: Fixture, cache: Path) -> list[str]:
    """What mypy objects to in the migrated fixture and did not object to before; `cache` is shared between calls."""
    before = _errors({path: data for path, data in fixture.before().items() if path.endswith(".py")}, cache)
    after = {path: data for path, data in {**fixture.before(), **fixture.golden()}.items() if path.endswith(".py")}
    for path, helpers in _ADDED.findall(fixture.golden_plan or ""):
        module = next(name for name in get_args(Module) if path.endswith(f"{name}.py"))
        after[path] = emit(module, helpers.split()).encode()
    return sorted((_errors(after, cache) - before).elements())


def _errors(files: dict[str, bytes], cache: Path) -> Counter[str]:
    with tempfile.TemporaryDirectory() as folder:
        write_tree(Path(folder), files)
        out, problems, _ = api.run([*_OPTIONS, f"--cache-dir={cache}", folder])
    assert not problems, problems
    found: Counter[str] = Counter()
    for match in _LINE.finditer(out):
        if match["code"] not in _OWN:
            path = Path(match["path"])
            name = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name
            text = match["text"]
            for pattern, name_before in _RENAMED:
                text = pattern.sub(name_before, text)
            found[f"{name}: {text} [{match['code']}]"] += 1
    return found


def main(chosen: list[str]) -> int:
    """Print what is new, fixture by fixture; the number of fixtures with something new, at most 1."""
    worse = 0
    with tempfile.TemporaryDirectory() as cache:
        for name in chosen or names():
            fixture = load(name)
            if fixture.golden():
                errors = new_errors(fixture, Path(cache))
                worse += bool(errors)
                print("\n   ".join([f"{'NEW' if errors else 'ok':4} {name}", *errors]), flush=True)
    print(f"{worse} with something new", file=sys.stderr)
    return min(worse, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
