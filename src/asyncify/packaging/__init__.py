"""What a migrated project's packaging and test configuration files need, as pure functions on their bytes.

Every edit is a splice by offset, so that nothing else in a file can change, and every edited file is read back before
the edit counts. What cannot be edited with certainty is left alone and told in a note.

The package itself imports nothing: what scans a project only needs :mod:`asyncify.packaging.found`.
"""
