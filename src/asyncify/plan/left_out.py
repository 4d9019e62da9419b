"""Groups that are not offered: those that only change a test suite, and those that the native profile cannot do."""

from __future__ import annotations

import ast
from collections.abc import Collection

from asyncify.colour.colouring import Colouring
from asyncify.colour.structure import is_main_guard
from asyncify.model import Reason, Refusal
from asyncify.rules.base import Claim, RefusalCode, Role
from asyncify.rules.facts import Facts

NOT_NATIVE = RefusalCode(
    "not-native",
    "The native profile cannot do this.",
    "Use --http auto or --http compat, which keep requests for what aiohttp does differently.",
)
ONLY_TESTS = RefusalCode(
    "only-tests",
    "Only tests make this request: nothing of the program would change.",
    "Nothing needs to be done; a test may block.",
)


def leave_out(colouring: Colouring, claims: list[Claim], code: RefusalCode, message: str, why: str = "") -> None:
    """Refuse what the claims would move, with this message."""
    for claim in claims:
        if claim.role is not Role.PART:
            reason = Reason(why or message, claim.span)
            colouring.disabled[claim.node] = Refusal(code.code, claim.span, message, code.remedy, reason)


def only_tests(facts: Facts, paths: Collection[str]) -> bool:
    """Whether these files belong to a test suite: some have tests, their hooks or fixtures of their own, and none is a
    program."""
    if not all(facts.in_test(path) for path in paths):
        return False
    own = (info.name.rpartition(".")[2] for info in facts.project.functions.values() if info.path in paths)
    named = any(name.startswith("test") or name in ("setUp", "tearDown", "setUpClass", "tearDownClass") for name in own)
    if not named and not any(path.rpartition("/")[2] == "conftest.py" for path in paths):
        return False
    guards = (statement for path in paths for statement in facts.nodes(path, ast.If) if is_main_guard(statement))
    return all("unittest.main(" in ast.unparse(guard) or "pytest.main(" in ast.unparse(guard) for guard in guards)
