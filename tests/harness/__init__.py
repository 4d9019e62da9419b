"""The one helper behind every fixture: what a migration must satisfy, checked on whole programs that run.

A fixture is a folder ``tests/fixtures/<name>/``::

    fixture.toml     its title, what is expected, how to run it (see :mod:`harness.fixture`)
    before/          a small runnable program
    after/           golden: the files that the migration changes or adds, without the support modules
    plan.txt         golden: one line per group, site, refusal and added file (a support module with its helpers)

``python -m tests.harness --update NAME …`` writes the goldens; they are meant to be read before they are committed.

Modules: :mod:`~harness.fixture` (folders as values), :mod:`~harness.engine` (asyncify as one function),
:mod:`~harness.run` (programs against the local server), :mod:`~harness.start` (started as forks), :mod:`~harness.laws` (what must hold),
:mod:`~harness.check` (one fixture through all of it). Nothing is imported here, because the server's process
loads :mod:`~harness.routes` only.
"""
