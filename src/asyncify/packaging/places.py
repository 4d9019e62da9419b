"""How the requirement lists of each file are read."""

from __future__ import annotations

from asyncify.packaging.found import is_requirements_file
from asyncify.packaging.listing import Listing
from asyncify.packaging.pyproject import listings as pyproject_listings
from asyncify.packaging.pyproject import pipfile_listings
from asyncify.packaging.setup_files import (
    requirements_listings,
    setup_cfg_listings,
    setup_py_listings,
    tox_listings,
)


def listings(path: str, text: str) -> list[Listing]:
    """The requirement lists of one file; none for a file that holds none. Raises Unsupported with the reason."""
    if path == "pyproject.toml":
        return pyproject_listings(text)
    if path == "Pipfile":
        return pipfile_listings(text)
    if path == "setup.cfg":
        return setup_cfg_listings(text)
    if path == "tox.ini":
        return tox_listings(text)
    if path == "setup.py":
        return setup_py_listings(text)
    return requirements_listings(path, text) if is_requirements_file(path) else []
