"""The demo: a bundled program in several forms, a local server for it, and a comparison of all of them."""

from __future__ import annotations

from asyncify.demo.run import FORMS, ROUTES, DemoResult, lay_program, run_demo

__all__ = ["FORMS", "ROUTES", "DemoResult", "lay_program", "run_demo"]
