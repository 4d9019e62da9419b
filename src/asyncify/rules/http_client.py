"""Connections of `http.client` are awaited: they write and read what they always did, asyncio carries it.

## What it rewrites

- `http.client.HTTPConnection(...)` and `HTTPSConnection(...)` become `aio_urllib.HTTPConnection(...)` and so on, from the module that the rule
  urllib_request describes. `request`, `getresponse`, `connect`, `endheaders` and `send` are awaited; `putrequest`, `putheader` and `close` stay.
- Responses are read as those of `urlopen`: `read`, `readline` … are awaited, loops over one become `async for`.

A connection moves as a whole, with all functions that use it. Requests follow each other on one connection as before, and it connects
anew where it did.

## What it refuses

- A connection or response that reaches code asyncify does not see, tunnels (`set_tunnel`), and classes derived from a connection.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from asyncify.index.catalogue import Catalogue, Signature
from asyncify.index.project import CallSite
from asyncify.rules.awaited_responses import FILE_LIKE, RESPONSE, uses
from asyncify.rules.base import Claim, Finding, RefusalCode, Role, Rule, site_node
from asyncify.rules.blocking import stays
from asyncify.rules.facts import Facts
from asyncify.rules.objects import Family, Kind, waiting_calls

_WAITS = frozenset(["request", "getresponse", "connect", "endheaders", "send"])
_PLAIN = frozenset(["putrequest", "putheader", "close", "host", "port", "timeout", "set_debuglevel"])
KINDS = {
    f"http.client.{name}": Kind(
        f"http.client.{name}", f"aio_urllib.{name}", _WAITS, _PLAIN, entered=True
    )  # by closing()
    for name in ("HTTPConnection", "HTTPSConnection")
}

CONNECTION_ESCAPES = RefusalCode(
    "connection-escapes",
    "The connection, or a response that comes over it, reaches code that asyncify does not see.",
    "Read the response where it is received, and pass on the data.",
)


def match(facts: Facts) -> Iterator[Finding]:
    """All findings about connections."""
    family = Family(facts, "http_client", KINDS, CONNECTION_ESCAPES, frozenset({"contextlib.closing"}), "the server")
    family.examine()
    calls = {call.span: call for kind in KINDS for call in facts.calls_by_external.get(f"{kind}.getresponse", ())}
    nodes = {span: site_node(span) for span in calls}
    reading: list[Claim] = []
    for span, call in calls.items():
        for use in uses(facts, FILE_LIKE, span, nodes, "http_client"):
            if isinstance(use, str):
                family.keep(family.receivers(call, "getresponse"), family.refuse(span, f"{use[0].upper()}{use[1:]}."))
            else:
                reading.append(use)
    for finding in waiting_calls(family, lambda node, method, nodes: False):
        if isinstance(finding, CallSite):
            yield stays(finding, sorted(finding.externals)[0])
        else:
            yield replace(finding, role=Role.ROOT)
    yield from reading
    yield from family.findings()


def _signatures() -> Iterator[tuple[str, Signature]]:
    for kind in KINDS:
        yield kind, Signature(returns=kind)
        yield f"{kind}.getresponse", Signature(returns=RESPONSE)
        for method in ("request", "connect", "endheaders", "send", "putrequest", "putheader", "close"):
            yield f"{kind}.{method}", Signature(returns="builtins.None")


RULE = Rule(
    id="http_client",
    title="http.client → asyncio",
    doc=__doc__,
    catalogue=Catalogue(signatures=dict(_signatures()), modules=frozenset({"HTTPConnection", "HTTPSConnection"})),
    match=match,
    starts={"http.client": ("HTTPConnection", "HTTPSConnection")},
    refusals=(CONNECTION_ESCAPES,),
)
