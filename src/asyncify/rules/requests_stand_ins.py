"""Sessions of requests, and the module itself, that stand where a caller outside may pass another."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from asyncify.index.values import External
from asyncify.rules.base import Claim, object_node
from asyncify.rules.facts import Facts
from asyncify.rules.outside_callers import Stand, claims, made
from asyncify.rules.requests_names import OF_OTHERS, SESSION, SESSIONS


def findings(facts: Facts) -> Iterator[Claim]:
    """A claim for each parameter that may bring a session from outside, which goes with the sessions that take its place."""
    wanted = "a session of the added module, in place of one of requests"
    yield from claims(facts, "requests", _stands(facts), wanted, "aio_requests.Session")
    for session in OF_OTHERS:
        stands = [stand for instance in facts.instances if instance.type == session for stand in made(facts, instance)]
        short = session.rpartition(".")[2]
        wanted = f"an object of aio_requests.awaited({short}), in place of a {short}"
        yield from claims(facts, "requests", stands, wanted)


def _stands(facts: Facts) -> Iterator[Stand]:
    for instance in facts.instances:
        if instance.type == SESSION:
            yield from made(facts, instance)
    for name, places in facts.objects.items():
        info = facts.project.classes.get(name)
        if info is not None and info.external_bases & SESSIONS:
            for path, node in places:
                yield object_node(info.span), path, node
    for path, node in facts.places_of("requests"):
        read = isinstance(facts.parent(path, node), ast.Attribute)
        if isinstance(node, ast.Name) and not read and facts.values(path, node) == {External("requests")}:
            yield object_node(facts.span(path, node)), path, node
