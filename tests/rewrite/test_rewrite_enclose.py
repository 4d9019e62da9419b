"""Statements moved into a coroutine, synchronous faces, generators that become lists."""

import ast
from textwrap import dedent

import pytest
from marks import PATH, WHY, find, node_span

from asyncify.errors import InternalError
from asyncify.model import Await, Facade, ListInstead, MakeAsync, Rename, WrapStatements
from asyncify.rewrite import rewrite_file


def rewritten(source, *edits):
    after = rewrite_file(PATH, source.encode(), edits).decode()
    ast.parse(after)
    return after


def wrap(source, first, last, names=()):
    start, end = find(source, first), find(source, last)
    span = type(start)(PATH, start.line, start.column, end.end_line, end.end_column)
    return WrapStatements(span, start, end, WHY, "main", "asyncio.run(main())", names)


def test_top_level_statements_become_a_coroutine_that_is_run():
    source = dedent(
        """\
        import asyncio

        base = "x"
        # first
        a = get(1)

        print(a)
        print("end")
        """
    )
    after = rewritten(source, Await(find(source, "get(1)"), WHY), wrap(source, "a = get(1)", "print(a)", ("a",)))
    assert after == dedent(
        """\
        import asyncio

        base = "x"


        async def main():
            global a
            # first
            a = await get(1)

            print(a)


        asyncio.run(main())
        print("end")
        """
    )


def test_the_body_of_a_guard_is_moved_inside_the_guard():
    source = 'if __name__ == "__main__":\n    for n in range(3):\n        print(get(n))\n'
    after = rewritten(
        source, Await(find(source, "get(n)"), WHY), wrap(source, "for n...print(get(n))", "for n...print(get(n))")
    )
    assert after == dedent(
        """\
        if __name__ == "__main__":
            async def main():
                for n in range(3):
                    print(await get(n))

            asyncio.run(main())
        """
    )


def test_statements_of_two_blocks_are_not_moved():
    source = "if a:\n    one()\ntwo()\n"
    with pytest.raises(InternalError, match="one block"):
        rewritten(source, wrap(source, "one()", "two()"))


def test_a_console_script_keeps_a_synchronous_face():
    source = "@command\ndef main(a, *rest, b=1, **more) -> int:\n    return work(a)\n"
    span = node_span(source, ast.parse(source).body[0])
    after = rewritten(
        source, MakeAsync(span, WHY), Facade(span, WHY, "main_async"), Await(find(source, "work(a)"), WHY)
    )
    assert after == dedent(
        """\
        @command
        def main(a, *rest, b=1, **more) -> int:
            return asyncio.run(main_async(a, *rest, b=b, **more))


        async def main_async(a, *rest, b=1, **more) -> int:
            return await work(a)
        """
    )


def faced(source, *edits, **options):
    """`source`, whose first function (or first method of its first class) is split."""
    first = ast.parse(source).body[0]
    function = first.body[0] if isinstance(first, ast.ClassDef) else first
    span = node_span(source, function)
    return rewritten(source, MakeAsync(span, WHY), Facade(span, WHY, f"{function.name}_async", **options), *edits)


def test_the_face_of_a_method_keeps_head_and_docstring():
    source = dedent(
        """\
        class A:
            # Why it is there.
            @classmethod
            def make(
                cls,  # not an object
                x,
                /,
                y: int = 1,
            ) -> A:  # an A
                '''Makes one.

                At length.
                '''
                # And how.
                return cls(x, y)

            other = make
        """
    )
    after = faced(source, runner="aio_support.run_sync", owner="cls", bound=True, decorators=("classmethod",))
    assert after == dedent(
        """\
        class A:
            # Why it is there.
            @classmethod
            def make(
                cls,  # not an object
                x,
                /,
                y: int = 1,
            ) -> A:  # an A
                '''Makes one.

                At length.
                '''
                return aio_support.run_sync(cls.make_async(x, y))

            @classmethod
            async def make_async(cls, x, /, y: int = 1) -> A:
                \"\"\"The coroutine behind `make`.\"\"\"
                # And how.
                return cls(x, y)

            other = make
        """
    )


def test_a_function_on_one_line_is_split():
    source = "def f(x): return x\n"
    after = faced(source)
    assert after == "def f(x):\n    return asyncio.run(f_async(x))\n\n\nasync def f_async(x):\n    return x\n"


def test_a_docstring_that_is_all_stays_on_both_sides():
    source = "def f():\n    '''Nothing yet.'''\n"
    assert faced(source).count("Nothing yet.") == 2


def test_a_generator_expression_becomes_a_list():
    source = "total = sum(get(n) for n in range(3) if n)\n"
    generator = ast.parse(source).body[0].value.args[0]
    after = rewritten(source, ListInstead(node_span(source, generator), WHY), Await(find(source, "get(n)"), WHY))
    assert after == "total = sum([await get(n) for n in range(3) if n])\n"


@pytest.mark.parametrize(
    "head",
    [
        "a, b=1,  # one\n    *, k,  # two\n",
        "a,  # one\n    /,\n",
        "a,  # one\n    *rest,\n",
        "a=(1,\n        2),  # one\n    **more,\n",
        "  # all\n    a: int\n    = 1  # one\n    ,\n",
        "a, /, b,  # one\n    *rest: str, k: int = 2, **more: int  # two\n",
    ],
)
def test_comments_among_parameters_stay_in_one_place(head):
    source = f"def f({head}):\n    return 1\n"
    after = faced(source)
    assert after.count("#") == source.count("#")
    face, behind = ast.parse(after).body
    assert ast.dump(face.args) == ast.dump(behind.args) == ast.dump(ast.parse(source).body[0].args)


def test_what_makes_an_object_follows_its_former_init():
    source = dedent(
        """\
        class A:
            def __init__(this, x: int, /, *rest, key=None, **more) -> None:  # how
                \"\"\"Begins.\"\"\"
                this.x = ask(x)

            def other(self): pass
        """
    )
    function = ast.parse(source).body[0].body[0]
    span = node_span(source, function)
    edits = MakeAsync(span, WHY), Rename(span, WHY, "_async_init", "create", "A"), Await(find(source, "ask(x)"), WHY)
    assert rewritten(source, *edits) == dedent(
        """\
        class A:
            async def _async_init(this, x: int, /, *rest, key=None, **more) -> None:  # how
                \"\"\"Begins.\"\"\"
                this.x = await ask(x)

            @classmethod
            async def create(cls, x: int, /, *rest, key=None, **more) -> "A":
                this = cls.__new__(cls)
                await this._async_init(x, *rest, key=key, **more)
                return this

            def other(self): pass
        """
    )
