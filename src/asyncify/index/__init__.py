"""The index: names, values, calls of a whole project, from ``ast`` alone. Nothing is imported or executed.

:func:`asyncify.index.build.build` makes one; :class:`asyncify.index.project.Project` says what it answers.
"""
