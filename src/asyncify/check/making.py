"""Classes whose objects are made by a coroutine function: nobody may make one without it.

Such a class has no ``__init__``, and an asynchronous class method that takes an object from ``cls.__new__`` and awaits what
``__init__`` did before. ``Class()`` would give an object without its attributes.
"""

from __future__ import annotations

import ast

from asyncify.check.infer import Evaluator
from asyncify.check.tree import Class, last_name


def factory(node: ast.AST) -> ast.AsyncFunctionDef | None:
    """The asynchronous class method by which the objects of a class are made, where its own body has one."""
    for statement in node.body if isinstance(node, ast.ClassDef) else ():
        if isinstance(statement, ast.AsyncFunctionDef) and _is_class_method(statement):
            parts = list(ast.walk(statement))
            allocates = any(isinstance(part, ast.Attribute) and part.attr == "__new__" for part in parts)
            if allocates and any(isinstance(part, ast.Await) for part in parts):
                return statement
    return None


def needed_factory(evaluator: Evaluator, cls: Class) -> str | None:
    """The name of the method by which objects of `cls` must be made; None where its ``__init__`` does it."""
    for owner in evaluator.mro(cls):
        found = factory(owner.node)
        if found is not None:
            return found.name
        if any(isinstance(part, ast.FunctionDef) and part.name == "__init__" for part in owner.node.body):
            return None
    return None


def _is_class_method(function: ast.AsyncFunctionDef) -> bool:
    return any(last_name(decorator) == "classmethod" for decorator in function.decorator_list)
