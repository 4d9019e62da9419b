"""What a migrated project's packaging and test configuration files need, as pure functions on their bytes.

Every edit is a splice by offset, so that nothing else in a file can change, and every edited file is read back before
the edit counts. What cannot be edited with certainty is left alone and told in a note.
"""

from __future__ import annotations

from asyncify.packaging.edits import ConfigChange
from asyncify.packaging.places import discover_config
from asyncify.packaging.pytest_config import asyncio_test_changes
from asyncify.packaging.requirements import requirement_changes

__all__ = ["ConfigChange", "asyncio_test_changes", "discover_config", "requirement_changes"]
