"""Which configuration files a project has. Imports nothing that reads them: a scan only looks whether they are there."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

#: The files of the root that matter, in the order in which they are the project's main declaration.
ROOT_FILES = ("pyproject.toml", "setup.cfg", "setup.py", "Pipfile", "tox.ini")
PYTEST_FILES = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini")
_LARGEST = 4_000_000  # bytes; what is larger was not written by hand


def is_requirements_file(path: str) -> bool:
    """Whether `path` is a pip requirements file (constraints are none)."""
    pure = PurePosixPath(path)
    if "constraint" in pure.name.lower() or pure.suffix not in (".txt", ".in"):
        return False
    if len(pure.parts) == 1:
        return "requirements" in pure.name.lower()
    return len(pure.parts) == 2 and pure.parts[0] == "requirements"


def discover_config(root: Path) -> dict[str, bytes]:
    """The packaging and test configuration files of the project at `root`: path (with ``/``) to bytes.

    Looks at the root and at ``requirements/`` only. Symbolic links and what cannot be read are left out.
    """
    names = [*ROOT_FILES, *PYTEST_FILES]
    for folder in ("", "requirements"):
        try:
            inside = sorted(entry.name for entry in (root / folder).iterdir())
        except OSError:
            continue
        paths = [f"{folder}/{name}" if folder else name for name in inside]
        names.extend(path for path in paths if is_requirements_file(path))
    found: dict[str, bytes] = {}
    for name in names:
        path = root / name
        try:
            if path.is_file() and not path.is_symlink() and path.stat().st_size <= _LARGEST:
                found[name] = path.read_bytes()
        except OSError:
            continue
    return found
