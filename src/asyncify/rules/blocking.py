"""Calls that wait and have no asyncio counterpart are moved off the event loop, or keep their function synchronous.

## What it rewrites

One-shot calls such as `subprocess.run(...)`, `input(...)` or `os.system(...)`, and requests of `urllib3` that read the whole body, become
`await asyncio.to_thread(subprocess.run, ...)` where their function becomes asynchronous. They do exactly what they did, in
a worker thread (verdict `bridge`). The jobs of a pool, or of threads, had a thread each: in what they run it is `aio_support.to_thread`, which
has a thread for each call that waits, where asyncio has a few for the whole program.

A property that waits is read in a thread too (`await asyncio.to_thread(getattr, item, "value")`) where its reader awaits more than that; a function that
only reads it goes through a thread as a whole.

## What it refuses

Calls of libraries that keep a connection or hand out objects which wait later (database servers, sockets, mail),
of sessions built on requests that keep what they get (requests_cache, requests_html), and pools of processes: the function around them stays
synchronous. An asynchronous function that calls it does so
through `asyncio.to_thread`. The same goes for functions that run an event loop of their own to its end.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping

from asyncify.index.catalogue import Catalogue, Invoke, Signature
from asyncify.index.elsewhere import ABSENT
from asyncify.index.project import CallSite, Kind
from asyncify.index.values import External
from asyncify.model import AddImport, Await, Edit, Reason, Refusal, ReplaceExpr, Span, Verdict
from asyncify.rules.base import Block, Claim, Finding, RefusalCode, Role, Rule, site_node
from asyncify.rules.facts import Facts
from asyncify.rules.support import import_of

ONE_SHOT = frozenset(
    [
        "subprocess.run",
        "subprocess.call",
        "subprocess.check_call",
        "subprocess.check_output",
        "subprocess.getoutput",
        "subprocess.getstatusoutput",
        "os.system",
        "os.wait",
        "os.waitpid",
        "builtins.input",
        "getpass.getpass",
        "urllib3.request",
        "socket.gethostbyname",
        "socket.getaddrinfo",
        "socket.gethostbyaddr",
        "shutil.copytree",
        "shutil.rmtree",
        "shutil.make_archive",
    ]
)
_ASKING = frozenset(["builtins.input", "getpass.getpass"])
STATEFUL = frozenset(
    [
        "socket.create_connection",
        "socket.socket",
        "smtplib.SMTP",
        "smtplib.SMTP_SSL",
        "ftplib.FTP",
        "ftplib.FTP_TLS",
        "imaplib.IMAP4",
        "imaplib.IMAP4_SSL",
        "poplib.POP3",
        "telnetlib.Telnet",
        "psycopg2.connect",
        "psycopg.connect",
        "pymysql.connect",
        "MySQLdb.connect",
        "mysql.connector.connect",
        "redis.Redis",
        "redis.StrictRedis",
        "redis.from_url",
        "pymongo.MongoClient",
        "boto3.client",
        "boto3.resource",
        "select.select",
    ]
)

_OPENING = (  # other rules move them
    *(
        "urllib.request.urlopen",
        "urllib.request.urlretrieve",
        "http.client.HTTPConnection",
        "http.client.HTTPSConnection",
    ),
    *("httpx.Client", *(f"httpx.{verb}" for verb in "get post put patch delete head options request stream".split())),
)

# Methods of objects of the standard library that wait, by the class that is constructed.
WAITING_METHODS = {
    "subprocess.Popen": ("wait", "communicate"),
    "multiprocessing.Process": ("join",),
    "asyncio.ThreadsafeFuture": ("result", "exception"),
}
# Pools of connections of urllib3, which threads may share: a request whose body is read before it returns is a call like any other.
POOLED = {
    f"urllib3.{name}": ("request", "urlopen", "request_encode_url", "request_encode_body")
    for name in ("PoolManager", "ProxyManager", "HTTPConnectionPool", "HTTPSConnectionPool")
}
STATEFUL_METHODS = {
    "multiprocessing.Queue": ("get", "put"),
}
# Sessions of libraries built on requests that do more with a response than to hand it on.
_VERBS = ("get", "options", "head", "post", "put", "patch", "delete", "request", "send")
SESSIONS = {
    "requests_cache.CachedSession": _VERBS,
    "requests_html.HTMLSession": _VERBS,
}
# Classes whose methods wait for other threads; other rules know what becomes of each.
SHARED = frozenset(
    [
        f"threading.{name}"
        for name in "Thread Timer Event Lock RLock Condition Barrier Semaphore BoundedSemaphore".split()
    ]
    + [f"queue.{name}" for name in "Queue LifoQueue PriorityQueue SimpleQueue".split()]
)
_ITER = "builtins.iter"
_METHODS = frozenset(f"{cls}.{method}" for cls, methods in (WAITING_METHODS | POOLED).items() for method in methods)
_STATEFUL_METHODS = frozenset(f"{cls}.{method}" for cls, methods in STATEFUL_METHODS.items() for method in methods)

_OF_PROCESSES = {
    "concurrent.futures.ProcessPoolExecutor": ("map", "shutdown"),
    "multiprocessing.Pool": ("map", "starmap", "apply", "imap", "imap_unordered", "join"),
    "multiprocessing.ProcessResult": ("get", "wait"),
}
PROCESSES = frozenset(f"{cls}.{method}" for cls, methods in _OF_PROCESSES.items() for method in methods)
# Objects whose `with` block waits at its end.
WAITING_AT_THE_END = ("concurrent.futures.ProcessPoolExecutor",)

RUNNERS = ("asyncio.run", "asyncio.Runner", "anyio.run", "trio.run", "uvloop.run")
RUNNING = ("run_until_complete", "run_forever")
_OF_OURS = ("run", "run_sync", "as_sync", "iterate_sync", "enter_sync")
"""What does so in `aio_support`, where an earlier run of asyncify put it; that module itself is never indexed."""

NO_COUNTERPART = RefusalCode(
    "no-counterpart",
    "It waits in a library that asyncify does not move yet.",
    "Call this function through asyncio.to_thread, or move it to that library's asyncio client by hand.",
)


def waits(name: str) -> bool:
    """Whether the external function of that name waits, or the class is one whose methods wait."""
    if name == "time.sleep" or name.startswith("requests.") or name in _OPENING:
        return True
    tables = (ONE_SHOT, STATEFUL, SHARED, WAITING_METHODS, STATEFUL_METHODS, POOLED)
    return any(name in table for table in tables)


def match(facts: Facts) -> Iterator[Finding]:
    """All calls of the two tables."""
    for name in sorted(ONE_SHOT | _METHODS | set(facts.project.waiting_elsewhere)):
        for call in facts.calls_by_external.get(name, ()):
            if not (name in _ASKING and _in_cell(facts, call)):
                yield stays(call, name) if _reads_later(call) else one_shot(facts, call, ())
    for name in sorted(STATEFUL | _STATEFUL_METHODS):
        for call in facts.calls_by_external.get(name, ()):
            yield stays(call, name)
    for cls in POOLED:
        for call in facts.calls_by_external.get(cls, ()):
            yield stays(call, cls, "makes connections of", waits=False)
    for cls, methods in SESSIONS.items():
        for call in facts.calls_by_external.get(cls, ()):
            yield stays(call, cls, "makes sessions of", waits=False)
        for name in (f"{cls}.{method}" for method in methods):
            for call in facts.calls_by_external.get(name, ()):
                yield stays(call, name)
    yield from _derived_sessions(facts)
    yield from _own_loops(facts)
    for name in sorted(PROCESSES):
        for call in facts.calls_by_external.get(name, ()):
            yield _processes(call, name)
    for name in WAITING_AT_THE_END:
        for call in facts.calls_by_external.get(name, ()):
            node = facts.node(call.span, ast.Call)
            if node is not None and isinstance(facts.parent(call.span.path, node), ast.withitem):
                yield _processes(call, name)


def loop_runs(facts: Facts) -> Iterator[CallSite]:
    """The calls that run an event loop to its end, which cannot be done in a thread that runs one already."""
    ours = (call for call in facts.calls_named(_OF_OURS) if _is_ours(call))
    yield from (*facts.calls_of(RUNNERS), *facts.calls_named(RUNNING), *ours)


def _own_loops(facts: Facts) -> Iterator[Block]:
    """Synchronous functions that run an event loop."""
    for call in loop_runs(facts):
        info = facts.project.functions.get(call.within)
        if info is not None and info.kind in (Kind.FUNCTION, Kind.LAMBDA) and not info.is_async:
            text = "an event loop is run to its end here"
            refusal = Refusal(NO_COUNTERPART.code, call.span, text, NO_COUNTERPART.remedy, Reason(text, call.span))
            yield Block(f"waits:{call.span}", refusal, "blocking", call.within, blocks_loop=True)


def _is_ours(call: CallSite) -> bool:
    func = call.node.func
    return isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name) and func.value.id == "aio_support"


def _in_cell(facts: Facts, call: CallSite) -> bool:
    """Whether the call stands at the top level of a notebook, whose kernel asks its questions only there."""
    info = facts.project.functions.get(call.within)
    return info is not None and info.kind is Kind.MODULE and info.is_async


def _reads_later(call: CallSite) -> bool:
    """Whether a request of urllib3 may return before its body has been read."""
    if not any(name.startswith("urllib3.") for name in call.externals):
        return False
    return any(
        keyword.arg is None
        or (keyword.arg == "preload_content" and not (isinstance(keyword.value, ast.Constant) and keyword.value.value))
        for keyword in call.node.keywords
    )


def _processes(call: CallSite, name: str) -> Block:
    """Processes compute: that their function stays synchronous is as it should be, and nothing to report by itself."""
    text = f"{name} waits for processes, which stay"
    refusal = Refusal(NO_COUNTERPART.code, call.span, text, NO_COUNTERPART.remedy, Reason(text, call.span))
    return Block(f"waits:{call.span}", refusal, "blocking", call.within, blocks_loop=True)


def _derived_sessions(facts: Facts) -> Iterator[Block]:
    """Classes of the project derived from such sessions."""
    for info in facts.project.classes.values():
        node = facts.node(info.span, ast.ClassDef) if info.external_bases & SESSIONS.keys() else None
        for base in node.bases if node is not None else ():
            for value in facts.values(info.path, base):
                if isinstance(value, External) and value.name in SESSIONS:
                    text = (
                        f"{value.name}, which a class derives from, waits in a library that asyncify does not move yet"
                    )
                    span = facts.span(info.path, base)
                    reason = Reason(text, span)
                    yield Block(
                        site_node(span),
                        Refusal(NO_COUNTERPART.code, span, text, NO_COUNTERPART.remedy, reason),
                        "blocking",
                    )


def stays(call: CallSite, name: str, what: str = "waits in", waits: bool = True) -> Block:
    """The refusal of a call that waits and has no counterpart; its function stays synchronous."""
    short = name.removeprefix("builtins.").removeprefix(ABSENT)
    text = f"{short} {what} a library that asyncify does not move yet"
    refusal = Refusal(NO_COUNTERPART.code, call.span, text, NO_COUNTERPART.remedy, Reason(text, call.span))
    return Block(site_node(call.span), refusal, "blocking", call.within, blocks_loop=waits)


def one_shot(facts: Facts, call: CallSite | None, known: Collection[str]) -> Claim | Block:
    """The claim on a call that is moved off the loop as it is. ``known``: classes whose methods are moved like this."""
    assert call is not None
    name = sorted(call.externals)[0]
    moved = ONE_SHOT | _METHODS | set(facts.project.waiting_elsewhere)
    methods = all(each in moved or each.rpartition(".")[0] in known for each in call.externals)
    if not methods or call.targets:
        return stays(call, name)
    edits = to_thread(
        facts,
        call.node,
        call.span,
        Reason(f"{name.removeprefix('builtins.').removeprefix(ABSENT)}() would stop the event loop", call.span),
    )
    text = edits[0].reason.text
    return Claim("blocking", call.span, call.within, Role.FOLLOWER, Verdict.BRIDGE, text, {"": edits}, stands=True)


def to_thread(facts: Facts, node: ast.Call, span: Span, reason: Reason) -> tuple[Edit, ...]:
    """The call as ``await asyncio.to_thread(callee, arguments)``."""
    holes = {"callee": facts.span(span.path, node.func)}
    parts = ["{callee}"]
    for number, argument in enumerate(node.args):
        star = isinstance(argument, ast.Starred)
        holes[f"a{number}"] = facts.span(span.path, argument.value if isinstance(argument, ast.Starred) else argument)
        parts.append(f"{'*' if star else ''}{{a{number}}}")
    for number, keyword in enumerate(node.keywords):
        holes[f"k{number}"] = facts.span(span.path, keyword.value)
        parts.append(f"{keyword.arg}={{k{number}}}" if keyword.arg else f"**{{k{number}}}")
    return _in_thread(facts, node, span, ", ".join(parts), holes, reason)


def read_in_thread(facts: Facts, node: ast.Attribute, span: Span, reason: Reason) -> tuple[Edit, ...]:
    """The attribute as ``await asyncio.to_thread(getattr, owner, "name")``."""
    holes = {"owner": facts.span(span.path, node.value)}
    return _in_thread(facts, node, span, f'getattr, {{owner}}, "{node.attr}"', holes, reason)


def _in_thread(
    facts: Facts, node: ast.expr, span: Span, arguments: str, holes: Mapping[str, Span], reason: Reason
) -> tuple[Edit, ...]:
    # Several at a time need a thread each: those of the event loop are a few for all.
    several = facts.enclosing(span.path, node) in facts.side_by_side
    template = f"{'aio_support' if several else 'asyncio'}.to_thread({arguments})"
    module = import_of(facts.file(span.path).source, "aio_support", span, reason)
    needed = module if several else AddImport(span, reason, "asyncio")
    return ReplaceExpr(span, template, reason, holes), Await(span, reason), needed


RULE = Rule(
    id="blocking",
    title="Calls that block → asyncio.to_thread",
    doc=__doc__,
    catalogue=Catalogue(
        signatures={
            name: Signature(returns=None) for name in ONE_SHOT | STATEFUL | _METHODS | _STATEFUL_METHODS | PROCESSES
        }
        | {
            name: Signature(returns=name)
            for name in WAITING_METHODS.keys() | POOLED.keys() | STATEFUL_METHODS.keys() | _OF_PROCESSES.keys()
        }
        | {
            f"{name}.__enter__": Signature(returns="self")
            for name in ("subprocess.Popen", "multiprocessing.Pool", *POOLED, *WAITING_AT_THE_END)
        }
        | {cls: Signature(returns=cls) for cls in SESSIONS}
        | {"asyncio.run_coroutine_threadsafe": Signature(returns="asyncio.ThreadsafeFuture")}
        | {f"{cls}.__enter__": Signature(returns="self") for cls in SESSIONS}
        | {f"{cls}.{verb}": Signature(returns="requests.Response") for cls in SESSIONS for verb in _VERBS}
        | {
            f"multiprocessing.Pool.{name}": Signature(
                returns="multiprocessing.ProcessResult", invokes=(Invoke("arg0", ("arg1[]",)),)
            )
            for name in ("apply_async", "map_async", "starmap_async")
        }
        | {
            "concurrent.futures.ProcessPoolExecutor.map": Signature(
                returns=f"{_ITER}[result0]", invokes=(Invoke("arg0", ("arg1[]", "arg2[]", "arg3[]")),)
            ),
            "concurrent.futures.ProcessPoolExecutor.submit": Signature(
                returns="concurrent.futures.Future[result0]", invokes=(Invoke("arg0", ("*args1",)),)
            ),
        },
        aliases={
            "multiprocessing.pool.Pool": "multiprocessing.Pool",
            "urllib3.poolmanager.PoolManager": "urllib3.PoolManager",
            "urllib3.poolmanager.ProxyManager": "urllib3.ProxyManager",
            "urllib3.proxy_from_url": "urllib3.ProxyManager",
            "urllib3.connectionpool.HTTPConnectionPool": "urllib3.HTTPConnectionPool",
            "urllib3.connectionpool.HTTPSConnectionPool": "urllib3.HTTPSConnectionPool",
            "urllib3.connection_from_url": "urllib3.HTTPConnectionPool",
            "urllib3.connectionpool.connection_from_url": "urllib3.HTTPConnectionPool",
            "requests_cache.session.CachedSession": "requests_cache.CachedSession",
        },
        modules=frozenset(name.partition(".")[0] for name in ONE_SHOT | STATEFUL | _METHODS | _STATEFUL_METHODS)
        | frozenset(name.partition(".")[0] for name in SESSIONS) - {"builtins", "os", "shutil"},
    ),
    starts={},
    match=match,
    refusals=(NO_COUNTERPART,),
)
