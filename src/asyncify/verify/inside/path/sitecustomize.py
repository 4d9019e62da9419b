"""Imported by Python at its start, before the program (see the module :mod:`site`)."""

import os
import sys

# os.path: importing pathlib would take a part of the program's time.
_HERE = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120


def _chain() -> None:
    """Run the ``sitecustomize`` that this one hides, if there is one."""
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec

    path = [entry for entry in sys.path if os.path.abspath(entry or ".") != _HERE]  # noqa: PTH100
    spec = PathFinder.find_spec("sitecustomize", path)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(module_from_spec(spec))


if "ASYNCIFY_REDIRECT" in os.environ:
    __import__("asyncify_inside_redirect").start()
if "ASYNCIFY_WATCH_LOOP" in os.environ:
    __import__("asyncify_inside_watch").start()
_chain()
