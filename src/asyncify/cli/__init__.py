"""The command line: one module per command; what they share is in ``app``, ``console`` and ``options``."""

from asyncify.cli.app import main

__all__ = ["main"]
