"""The quick walks see what those of the standard library see, in the same order."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from asyncify.index.syntax import MARKS, children, walk

EVERYTHING = '''
from __future__ import annotations
import a.b as c
type_ = lambda x, /, y=1, *z, k: (yield x)
async def f(a, *, b: int = 2, **c) -> None:
    """Text."""
    async with a as (d, e), b:
        await g(*a, **c)
    async for i in a if b else c:
        del i[1:2], i.j
    return [x async for x in a if x if not x]
@d(1)
class K(L, metaclass=M):
    global n
    x: int = -1
    try:
        assert x < 1 <= 2, f"{x!r:>{y}}"
    except* (A, B) as e:
        raise C from e
    else:
        x |= y and z
    finally:
        while (w := {1: 2, **q}):
            break
match a:
    case {"k": [1, *rest], **more} | K(1, p=None) | (2 as t) if t:
        nonlocal_ = {x: y for x, y in {1, 2}}
    case _:
        pass
'''


@pytest.mark.parametrize("source", [EVERYTHING, Path(ast.__file__).read_text(encoding="utf-8")])
def test_walks_as_ast_does(source: str) -> None:
    tree = ast.parse(source)
    assert list(walk(tree)) == [node for node in ast.walk(tree) if not isinstance(node, MARKS)]
    for node in ast.walk(tree):
        assert list(children(node)) == [child for child in ast.iter_child_nodes(node) if not isinstance(child, MARKS)]
