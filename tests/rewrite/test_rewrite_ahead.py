"""Loops whose requests are sent ahead: the shape of the new header, and what cannot be."""

import pytest
from marks import PATH, WHY, find

from asyncify.errors import InternalError
from asyncify.model import FetchAhead, ReplaceExpr
from asyncify.rewrite import rewrite_file


def rewritten(source, loop, call, *more, lets=()):
    """The source with the requests of the loop sent ahead."""
    named = tuple((name, find(source, text)) for name, text in lets)
    edit = FetchAhead(find(source, loop), WHY, find(source, call), "answer", 3, named)
    return rewrite_file(PATH, source.encode(), [edit, *more]).decode()


def test_a_for_statement_keeps_its_body():
    source = (
        "async def f(us):\n    for u in us:  # all\n        print(u)\n        r = get(u).text  # one\n    return r\n"
    )
    assert rewritten(source, "for u in...).text", "get(u)") == (
        "async def f(us):\n    for u, answer in aio_support.ahead(3, ((u, get(u)) for u in us)):  # all\n"
        "        print(u)\n        r = (await answer).text  # one\n    return r\n"
    )


@pytest.mark.parametrize(
    ("loop", "expected"),
    [
        ("[get(u) for u in us]", "[await answer for u, answer in aio_support.ahead(3, ((u, get(u)) for u in us))]"),
        (
            "{get(u) for u in us if u if not u.x}",
            "{await answer for u, answer in aio_support.ahead(3, ((u, get(u)) for u in us if u if (not u.x)))}",
        ),
        (
            "{k: get(u)[0] for (k, u) in us.items()}",
            "{k: (await answer)[0] for (k, u), answer in aio_support.ahead(3, (((k, u), get(u)) for k, u in us.items()))}",
        ),
    ],
)
def test_comprehensions(loop, expected):
    source = f"async def f(us):\n    return {loop}\n"
    assert rewritten(source, loop, "get(u)") == f"async def f(us):\n    return {expected}\n"


def test_variables_that_the_call_needs_and_other_edits():
    source = "async def f(us):\n    for u in a or us:\n        url = B + u\n        r = requests.get(url)\n"
    loop = "for u in a or us:\n        url = B + u\n        r = requests.get(url)"
    inner = ReplaceExpr(find(source, "requests.get"), "aio_http.get", WHY)
    assert rewritten(source, loop, "requests.get(url)", inner, lets=[("url", "B + u")]) == (
        "async def f(us):\n    for u, answer in aio_support.ahead(3, ((u, aio_http.get(url)) for u in (a or us) for url in [B + u])):\n"
        "        url = B + u\n        r = await answer\n"
    )


def test_the_place_must_be_a_loop_and_a_call():
    source = "async def f(us):\n    while us:\n        get(us.pop())\n    return sum(get(u) for u in us)\n"
    with pytest.raises(InternalError):
        rewritten(source, "while us:\n        get(us.pop())", "get(us.pop())")
    with pytest.raises(InternalError):
        rewritten(source, "(get(u) for u in us)", "get(u)")
