"""What the check knows of code outside the project, by canonical dotted name (methods as ``package.Class.method``)."""

from __future__ import annotations

import asyncio
import builtins
import io
import pathlib
import re
import socket
import threading
import types


def words(text: str) -> frozenset[str]:
    """The words of `text` as a set."""
    return frozenset(text.split())


_ALIASES = {
    "requests.api.": "requests.",
    "requests.sessions.": "requests.",
    "requests.models.": "requests.",
    "concurrent.futures.thread.": "concurrent.futures.",
    "concurrent.futures.process.": "concurrent.futures.",
    "concurrent.futures._base.": "concurrent.futures.",
    "requests.session": "requests.Session",
    "aiohttp.client.": "aiohttp.",
    "aiohttp.client_reqrep.": "aiohttp.",
    "asyncio.tasks.": "asyncio.",
    "asyncio.queues.": "asyncio.",
    "asyncio.locks.": "asyncio.",
    "asyncio.events.": "asyncio.",
    "asyncio.futures.": "asyncio.",
    "multiprocessing.pool.ThreadPool": "multiprocessing.pool.Pool",
    "psycopg2.extensions.": "psycopg2.",
}


def canonical(name: str) -> str:
    """The name under which the tables know an external thing."""
    for prefix, plain in _ALIASES.items():
        if name.startswith(prefix) and (prefix.endswith(".") or name == prefix or name[len(prefix)] == "."):
            return plain + name[len(prefix) :]
    return name


def _names(prefix: str, words: str) -> set[str]:
    return {f"{prefix}.{word}" for word in words.split()}


_HTTP = "get post put patch delete head options request"

# --- coroutine functions and the like -------------------------------------------------------------------------

AWAITABLE: frozenset[str] = frozenset(
    _names(
        "asyncio",
        "sleep gather wait wait_for to_thread open_connection start_server open_unix_connection "
        "create_subprocess_exec create_subprocess_shell",
    )
    | _names("asyncio.Queue", "get put join")
    | _names("asyncio.LifoQueue", "get put join")
    | _names("asyncio.PriorityQueue", "get put join")
    | _names("asyncio.Lock", "acquire")
    | _names("asyncio.Semaphore", "acquire")
    | _names("asyncio.BoundedSemaphore", "acquire")
    | _names("asyncio.Event", "wait")
    | _names("asyncio.Condition", "wait wait_for acquire")
    | _names("asyncio.Barrier", "wait reset abort")
    | _names("aiohttp.ClientSession", f"{_HTTP} ws_connect close")
    | _names("aiohttp.ClientResponse", "read text json")
    | _names("redis.asyncio.Redis", "get set delete execute_command aclose ping")
)
"""Calls whose result does nothing until it is awaited (a future that nobody looks at counts as well)."""

ASYNC_CONTEXT: frozenset[str] = frozenset(
    _names("aiohttp", "ClientSession ClientResponse request")
    | _names("aiohttp.ClientSession", f"{_HTTP} ws_connect")
    | _names("asyncio", "Lock Semaphore BoundedSemaphore Condition TaskGroup timeout timeout_at Barrier")
    | _names("contextlib", "AsyncExitStack aclosing")
    | _names("async_timeout", "timeout")
)

SYNC_CONTEXT: frozenset[str] = frozenset(
    _names("concurrent.futures", "ThreadPoolExecutor ProcessPoolExecutor")
    | _names("threading", "Lock RLock Condition Semaphore BoundedSemaphore")
    | _names("requests", "Session Response get post put patch delete head options request")
    | _names("builtins", "open")
    | _names("contextlib", "suppress closing ExitStack redirect_stdout redirect_stderr")
    | _names("tempfile", "TemporaryDirectory NamedTemporaryFile TemporaryFile SpooledTemporaryFile")
    | _names("zipfile", "ZipFile")
    | _names("tarfile", "open")
    | _names("asyncio", "Runner")
    | _names("sqlite3", "connect Connection")
)

SCHEDULERS: frozenset[str] = words(
    "create_task ensure_future gather wait wait_for shield as_completed run_until_complete run_coroutine_threadsafe "
    "start_soon timeout_after async_to_sync enter_async_context aclosing anext aiter isawaitable iscoroutine "
    "run_forever spawn as_future to_list run_sync wrap_future maybe_await deferred_from_coro"
)
"""Last names of what takes awaitables to await or schedule them, whoever the receiver is."""

SURE_SCHEDULERS: frozenset[str] = words(
    "create_task ensure_future run_until_complete run_coroutine_threadsafe enter_async_context start_soon"
)
"""Those whose names have no other meaning, even where a function of the project has it."""

RUNNERS: frozenset[str] = frozenset(
    {"asyncio.run", "asyncio.Task", "asyncio.Runner.run", "anyio.run", "trio.run", "uvloop.run"}
)

STARTS_LOOP: frozenset[str] = frozenset(
    {"asyncio.run", "asyncio.Runner.run", "anyio.run", "trio.run", "uvloop.run", "asyncio.Loop.run_until_complete"}
)

RESULTS: dict[str, str] = {
    **dict.fromkeys(_names("requests", _HTTP), "requests.Response"),
    **dict.fromkeys(_names("requests.Session", f"{_HTTP} send"), "requests.Response"),
    "requests.session": "requests.Session",
    "concurrent.futures.ThreadPoolExecutor.submit": "concurrent.futures.Future",
    "concurrent.futures.ProcessPoolExecutor.submit": "concurrent.futures.Future",
    "concurrent.futures.Executor.submit": "concurrent.futures.Future",
    "asyncio.run_coroutine_threadsafe": "concurrent.futures.Future",
    "asyncio.create_task": "asyncio.Task",
    "asyncio.ensure_future": "asyncio.Task",
    "asyncio.TaskGroup.create_task": "asyncio.Task",
    "asyncio.Loop.create_task": "asyncio.Task",
    "asyncio.get_event_loop": "asyncio.Loop",
    "asyncio.new_event_loop": "asyncio.Loop",
    "asyncio.get_running_loop": "asyncio.Loop",
    "psycopg2.connect": "psycopg2.connection",
    "sqlite3.connect": "sqlite3.Connection",
    "pymysql.connect": "pymysql.Connection",
    "psycopg2.connection.cursor": "psycopg2.cursor",
    "sqlite3.Connection.cursor": "sqlite3.Cursor",
    "pymysql.Connection.cursor": "pymysql.Cursor",
    "redis.from_url": "redis.Redis",
    "redis.Redis.from_url": "redis.Redis",
    "subprocess.Popen": "subprocess.Popen",
    "logging.getLogger": "logging.Logger",
    **dict.fromkeys(("re.match", "re.search", "re.fullmatch"), "re.Match"),
    "re.compile": "re.Pattern",
    **dict.fromkeys(("hashlib.new", "hashlib.md5", "hashlib.sha1", "hashlib.sha256", "hashlib.sha512"), "hashlib.Hash"),
    **dict.fromkeys(("urllib.parse.urlparse", "urllib.parse.urlsplit"), "urllib.parse.ParseResult"),
    **dict.fromkeys(_names("datetime.datetime", "now utcnow today strptime fromtimestamp"), "datetime.datetime"),
    "multiprocessing.dummy.Pool": "multiprocessing.pool.Pool",
}
"""The class of what a call gives (classes themselves need no entry)."""

AWAITED: dict[str, str] = {
    **dict.fromkeys(_names("aiohttp.ClientSession", _HTTP), "aiohttp.ClientResponse"),
    "aiohttp.request": "aiohttp.ClientResponse",
    "aiohttp.ClientSession": "aiohttp.ClientSession",
    "asyncio.TaskGroup": "asyncio.TaskGroup",
    "contextlib.AsyncExitStack": "contextlib.AsyncExitStack",
}
"""The class of what awaiting, or entering, such a call or object gives."""

ATTRIBUTES: dict[str, str] = {
    "aiohttp.ClientResponse.content": "aiohttp.StreamReader",
}

# --- blocking calls --------------------------------------------------------------------------------------------

BLOCKING: frozenset[str] = frozenset(
    _names("requests", _HTTP)
    | _names("requests.Session", f"{_HTTP} send")
    | _names("time", "sleep")
    | _names("urllib.request", "urlopen urlretrieve OpenerDirector.open")
    | _names("subprocess", "run call check_call check_output getoutput getstatusoutput")
    | _names("subprocess.Popen", "wait communicate")
    | _names("socket", "create_connection getaddrinfo gethostbyname gethostbyaddr getfqdn")
    | _names("os", "system wait waitpid")
    | _names("builtins", "input")
    | _names("concurrent.futures", "wait as_completed")
    | _names("concurrent.futures.Future", "result exception")
    | _names("concurrent.futures.ThreadPoolExecutor", "map")
    | _names("concurrent.futures.ProcessPoolExecutor", "map")
    | _names("concurrent.futures.Executor", "map")
    | _names("threading.Thread", "join")
    | _names("threading.Event", "wait")
    | _names("threading.Condition", "wait wait_for")
    | _names("threading.Barrier", "wait")
    | _names("multiprocessing.Process", "join")
    | _names("multiprocessing.pool.Pool", "map starmap apply imap imap_unordered join")
    | _names("multiprocessing.pool.AsyncResult", "get wait")
    | _names("queue.Queue", "get put join")
    | _names("queue.SimpleQueue", "get")
    | _names("queue.LifoQueue", "get put join")
    | _names("queue.PriorityQueue", "get put join")
    | _names("psycopg2", "connect cursor.execute cursor.executemany connection.commit connection.rollback")
    | _names("pymysql", "connect Cursor.execute Cursor.executemany Connection.commit Connection.rollback")
    | _names("redis.Redis", "get set delete hget hset hgetall incr expire execute_command ping publish lpush rpush")
    | _names("redis.Redis", "blpop brpop keys scan exists sadd smembers mget mset")
    | _names("gevent", "sleep joinall wait")
    | _names("gevent.pool.Pool", "map imap join spawn")
    | _names("gevent.Greenlet", "join get")
    | _names("http.client.HTTPConnection", "request getresponse connect")
    | _names("http.client.HTTPSConnection", "request getresponse connect")
    | _names("httpx", _HTTP)
    | _names("httpx.Client", f"{_HTTP} send")
    | _names("urllib3.PoolManager", "request urlopen")
    | _names("smtplib.SMTP", "connect login sendmail send_message")
    | STARTS_LOOP
)

BLOCKING_IF_BOUNDED: frozenset[str] = frozenset(
    _names("queue", "Queue.put LifoQueue.put PriorityQueue.put SimpleQueue.put")
)
"""Calls that wait for room, where there is a limit to it."""

BLOCKING_EXIT: frozenset[str] = frozenset(
    _names("concurrent.futures", "ThreadPoolExecutor ProcessPoolExecutor Executor")
)
"""Context managers whose end waits for other threads."""

LOCKS: frozenset[str] = frozenset(
    _names("threading", "Lock RLock Condition Semaphore BoundedSemaphore")
    | _names("multiprocessing", "Lock RLock Semaphore")
)

# --- consumers of functions and iterables -----------------------------------------------------------------------

CALLBACK_TAKERS: frozenset[str] = frozenset(
    _names("builtins", "filter map sorted min max iter property classmethod")
    | _names("functools", "reduce lru_cache cache cached_property cmp_to_key total_ordering singledispatch")
    | _names("signal", "signal")
    | _names("atexit", "register")
    | _names("weakref", "finalize ref WeakMethod")
    | _names("re", "sub subn")
    | _names("re.Pattern", "sub subn")
    | _names("threading", "Thread Timer")
    | _names("multiprocessing", "Process")
    | _names("collections", "defaultdict")
    | _names("concurrent.futures.ThreadPoolExecutor", "submit map")
    | _names("concurrent.futures.ProcessPoolExecutor", "submit map")
    | _names("concurrent.futures.Executor", "submit map")
    | _names("multiprocessing.pool.Pool", "map imap imap_unordered starmap apply apply_async map_async")
    | _names("asyncio", "to_thread")
    | _names("itertools", "takewhile dropwhile filterfalse starmap groupby accumulate")
    | _names("gevent", "spawn spawn_later")
    | _names("gevent.pool.Pool", "spawn map imap imap_unordered")
    | _names("contextlib.ExitStack", "callback")
    | _names("sched.scheduler", "enter enterabs")
    | _names("builtins.list", "sort")
)
"""Callers of functions that do nothing with a coroutine."""

CALLBACK_METHODS: frozenset[str] = words(
    "add_done_callback call_soon call_later call_at call_soon_threadsafe run_in_executor add_signal_handler "
    "add_reader add_writer addCleanup addClassCleanup"
)
"""The same, by method name alone (the name has one meaning wherever it occurs)."""

SYNC_DECORATORS: frozenset[str] = frozenset(
    _names("functools", "lru_cache cache cached_property")
    | _names("contextlib", "contextmanager")
    | _names("atexit", "register")
    | _names("click", "command group pass_context pass_obj option argument")
    | _names("celery", "shared_task task")
    | _names("typer.Typer", "command callback")
)

SYNC_CONSUMERS: frozenset[str] = frozenset(
    _names("builtins", "list tuple set frozenset dict sorted sum any all min max enumerate zip map filter iter next")
    | _names("builtins", "reversed")
    | _names("itertools", "chain islice groupby takewhile dropwhile accumulate tee")
    | _names("collections", "Counter deque OrderedDict")
    | _names("functools", "reduce")
)
"""Consumers of plain iterables."""

PASSES_ON: frozenset[str] = frozenset(
    _names("builtins", "list tuple set frozenset sorted reversed iter enumerate zip")
    | _names("itertools", "chain islice")
    | _names("copy", "copy")
)
"""What gives an iterable of the same elements back."""

ADDERS: frozenset[str] = words("append appendleft add insert extend put_nowait setdefault update push")
"""Methods that put an argument into their receiver."""

SYNC_DUNDERS: frozenset[str] = frozenset(
    f"__{name}__"
    for name in words(
        "init new del repr str bytes format hash bool len contains iter next reversed getitem setitem delitem "
        "missing length_hint eq ne lt le gt ge add sub mul truediv floordiv mod pow radd iadd and or xor not neg "
        "enter exit aiter getattr getattribute setattr delattr dir get set delete set_name init_subclass "
        "class_getitem instancecheck subclasscheck int float complex index round reduce reduce_ex getstate "
        "setstate copy deepcopy sizeof post_init fspath await"
    )
)

AWAITED_DUNDERS: frozenset[str] = frozenset({"__aenter__", "__aexit__", "__anext__"})

FOREIGN_SYNC_METHODS: dict[str, frozenset[str]] = {
    "threading.Thread": frozenset({"run", "start", "join"}),
    "threading.Timer": frozenset({"run", "cancel"}),
    "multiprocessing.Process": frozenset({"run", "start", "join"}),
    "logging.Handler": frozenset({"emit", "handle", "flush", "close", "format"}),
    "logging.StreamHandler": frozenset({"emit", "flush", "close", "format"}),
    "logging.Formatter": frozenset({"format", "formatTime", "formatException"}),
    "logging.Filter": frozenset({"filter"}),
    "json.JSONEncoder": frozenset({"default", "encode", "iterencode"}),
    "argparse.Action": frozenset({"__call__"}),
    "argparse.ArgumentParser": frozenset({"error", "exit"}),
    "http.server.BaseHTTPRequestHandler": frozenset({"do_GET", "do_POST", "do_HEAD", "do_PUT", "do_DELETE", "handle"}),
    "http.server.SimpleHTTPRequestHandler": frozenset({"do_GET", "do_POST", "do_HEAD", "handle"}),
    "socketserver.BaseRequestHandler": frozenset({"setup", "handle", "finish"}),
    "socketserver.StreamRequestHandler": frozenset({"setup", "handle", "finish"}),
    "html.parser.HTMLParser": frozenset(
        {"handle_starttag", "handle_endtag", "handle_data", "handle_startendtag", "feed"}
    ),
    "requests.Session": frozenset({"request", "send", "get", "post", "put", "patch", "delete", "head", "options"}),
    "requests.adapters.HTTPAdapter": frozenset({"send", "close"}),
    "requests.auth.AuthBase": frozenset({"__call__"}),
    "cmd.Cmd": frozenset({"default", "emptyline", "onecmd", "precmd", "postcmd", "preloop", "postloop"}),
}
"""Methods of external base classes that their callers call without awaiting."""


def _common() -> frozenset[str]:
    kinds: tuple[type, ...] = (
        *(v for v in vars(builtins).values() if isinstance(v, type) and not issubclass(v, BaseException)),
        io.TextIOWrapper,
        io.BytesIO,
        pathlib.Path,
        re.Pattern,
        re.Match,
        socket.socket,
        threading.Thread,
        threading.Event,
        threading.Condition,
        threading.Barrier,
        types.SimpleNamespace,
        asyncio.Task,
        asyncio.Queue,
        asyncio.Event,
        asyncio.Lock,
        asyncio.TaskGroup,
        asyncio.StreamReader,
        asyncio.StreamWriter,
        asyncio.AbstractEventLoop,
    )
    names = {name for kind in kinds for name in dir(kind)}
    more = (
        f"{_HTTP} run main call start stop wait result submit map shutdown cancel done acquire release connect "
        "commit rollback cursor execute executemany fetchone fetchall fetchmany json text content "
        "raise_for_status handle emit process load loads dump dumps save create list all first filter order_by "
        "query session client fetch iter_content search find parse publish subscribe ping setup teardown "
        "setUp tearDown invoke communicate terminate kill poll login logout reset refresh validate render scan "
        "apply check download upload open close read write send recv"
    )
    return frozenset(names | set(more.split()))


COMMON_METHODS: frozenset[str] = _common()
"""Method names too common to conclude anything from on an unknown receiver."""
