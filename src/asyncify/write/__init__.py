"""Writing the result: atomic per file, all or nothing, journalled, undoable.

The journal lies in ``.asyncify/journal/<run>/`` below the root of the tree: every version of every file that a run
touches, named by its SHA-256, and a manifest. Both are on disk before the first file of the tree changes, so a
run that was cut short at any moment can be undone. No version control is used or needed.
"""

from __future__ import annotations

from asyncify.write.apply import WriteResult, apply_changes
from asyncify.write.journal import Run, State, before_snapshot, find_root, history, last_groups
from asyncify.write.undo import UndoResult, undo

__all__ = [
    "Run",
    "State",
    "UndoResult",
    "WriteResult",
    "apply_changes",
    "before_snapshot",
    "find_root",
    "history",
    "last_groups",
    "undo",
]
