"""Migrations that went wrong in one place each: what is changed in the migrated program, and what must notice it."""

from __future__ import annotations

from dataclasses import dataclass

from asyncify.verify.behaviour import Aspect

MEMORY, CPU, WALL = "require-memory-saving", "require-cpu-saving", "max-slowdown"


@dataclass(frozen=True)
class Sabotage:
    """``old`` (once in the migrated program) becomes ``new``; every one of ``caught`` (aspects, demands) must say so."""

    name: str
    old: str
    new: str
    caught: tuple[str, ...]
    program: str = "catalogue_upload"


POST = 'response = await session.post(f"{BASE}/echo/{number}", headers=HEADERS, json=body)'
PART = 'await session.get(f"{BASE}/delay/{40 + 5 * (number % 3)}/{number}", headers=HEADERS, params={"part": number})'
RESULT = "parts[number] = await future.result()"
POOL = "aio_support.TaskPool(max_workers=WORKERS)"
WRITE = '(out / f"{number}.json").write_text(json.dumps(items, indent=1) + "\\n")'
SESSION = "session = aio_http.Session()"
UPLOADS = "status = await upload(session, number, parts[number])"
WARNING = 'print("warning: a part is missing", file=sys.stderr)'

CATALOGUE = (
    Sabotage("a request that nobody awaits", PART, PART.removeprefix("await "), (Aspect.REQUESTS, Aspect.STDERR)),
    Sabotage("a pause that nobody awaits", "await asyncio.sleep(0.01", "asyncio.sleep(0.01", (Aspect.STDERR,)),
    Sabotage("an upload that nobody awaits", UPLOADS, "status = 200; upload(session, number, parts[number])",
             (Aspect.REQUESTS, Aspect.STDERR)),
    Sabotage("an upload in a task that is forgotten", UPLOADS,
             "status = 200; asyncio.ensure_future(upload(session, number, parts[number]))", (Aspect.REQUESTS,)),
    Sabotage("results in another order", "enumerate(futures, 1)", "enumerate(reversed(futures), 1)",
             (Aspect.FILES, Aspect.REQUESTS)),
    Sabotage("results shifted by one", "for number, items in parts.items():",
             "for number, items in zip(parts, (*list(parts.values())[1:], None)):", (Aspect.FILES,)),
    Sabotage("no bound", POOL, "aio_support.TaskPool(max_workers=12)", (Aspect.IN_FLIGHT,)),
    Sabotage("one at a time", POOL, "aio_support.TaskPool(max_workers=1)", (Aspect.IN_FLIGHT,)),
    Sabotage("a request too many", POST, f"{POST}\n    {POST}", (Aspect.REQUESTS,)),
    Sabotage("a part is left out", "range(1, 13)", "range(1, 12)", (Aspect.REQUESTS, Aspect.STDOUT, Aspect.FILES)),
    Sabotage("a header is lost", POST, POST.replace("headers=HEADERS, ", ""), (Aspect.REQUESTS,)),
    Sabotage("a header has another value", '"X-Client": "catalogue"', '"X-Client": "aiohttp"', (Aspect.REQUESTS,)),
    Sabotage("a form for a JSON body", POST, POST.replace("json=body", "data=body"), (Aspect.REQUESTS,)),
    Sabotage("a body with other words", '"names": [item', '"names": ["x" + item', (Aspect.REQUESTS,)),
    Sabotage("GET for POST", POST, POST.replace("session.post", "session.get"), (Aspect.REQUESTS,)),
    Sabotage("the query is lost", PART, PART.replace(', params={"part": number}', ""), (Aspect.REQUESTS,)),
    Sabotage("the query has another value", PART, PART.replace("number})", "number + 1})"), (Aspect.REQUESTS,)),
    Sabotage("a path is quoted twice", "/echo/{number}", "/echo/%25{number}", (Aspect.REQUESTS,)),
    Sabotage("cookies are lost", 'response = await session.post(', 'response = await aio_http.Session().post(',
             (Aspect.REQUESTS,)),
    Sabotage("an exception is swallowed", 'print("missing:", error)', "pass", (Aspect.STDOUT,)),
    Sabotage("an exception escapes", "except Missing as error:", "except KeyError as error:",
             (Aspect.EXIT_CODE, Aspect.STDERR, Aspect.FILES)),
    Sabotage("an exception of another class", 'raise Missing(f"part {number}")', 'raise Missing(f"Part {number}")',
             (Aspect.STDOUT,)),
    Sabotage("errors are answers now", "if response.status_code == 404:", "if not response.ok and False:",
             (Aspect.REQUESTS, Aspect.STDOUT, Aspect.FILES)),
    Sabotage("the exit code is lost", "sys.exit(asyncio.run(main()))", "asyncio.run(main())", (Aspect.EXIT_CODE,)),
    Sabotage("no second attempt", "range(3):", "range(1):", (Aspect.EXIT_CODE, Aspect.REQUESTS, Aspect.STDERR)),
    Sabotage("an attempt too many", "if busy.status_code == 200:", "if busy.status_code == 200 and attempt > 1:",
             (Aspect.REQUESTS,)),
    Sabotage("a file has another end", WRITE, WRITE.replace(' + "\\n"', ""), (Aspect.FILES,)),
    Sabotage("a file has another layout", WRITE, WRITE.replace("indent=1", "indent=2"), (Aspect.FILES,)),
    Sabotage("a file is not written", WRITE, f"number != 5 and {WRITE}", (Aspect.FILES,)),
    Sabotage("a file is left over", WRITE, f"{WRITE}; Path('.cache').write_text('x')", (Aspect.FILES,)),
    Sabotage("a line goes to the other stream", WARNING, WARNING.replace(", file=sys.stderr", ""),
             (Aspect.STDOUT, Aspect.STDERR)),
    Sabotage("a line is printed twice", WARNING, f"{WARNING}\n    {WARNING}", (Aspect.STDERR,)),
    Sabotage("a session that nobody closes", SESSION, f"import aiohttp; leak = aiohttp.ClientSession(); {SESSION}",
             (Aspect.STDERR,)),
    Sabotage("a task that fails unseen", SESSION,
             f"x = asyncio.ensure_future(fetch(None, 1)); await asyncio.sleep(0.05); del x; {SESSION}", (Aspect.STDERR,)),
    Sabotage("the loop is blocked", PART, f"__import__('time').sleep(0.5)\n    {PART}", (WALL,)),
    Sabotage("it never ends", WARNING, f"{WARNING}\n    await asyncio.Event().wait()", (Aspect.EXIT_CODE,)),
    Sabotage("it leaves a process behind", SESSION,
             f"__import__('subprocess').Popen([sys.executable, '-c', 'import time; time.sleep(60)']); {SESSION}",
             (Aspect.LEFT_BEHIND,)),
    Sabotage("memory is kept", 'total = 0', "total = 0; kept = [bytearray(b'x' * 1000) for _ in range(80_000)]", (MEMORY,)),
    Sabotage("CPU for nothing", WARNING, f"{WARNING}; sum(range(60_000_000))", (CPU,)),
)  # fmt: skip

SEQUENTIAL = (
    Sabotage("another order", "for number in (1, 2, 3):", "for number in (1, 3, 2):", (Aspect.ORDER, Aspect.STDOUT),
             program="one_after_the_other"),
    Sabotage("another order, the same output", "for step in STEPS:", "for step in sorted(STEPS):", (Aspect.ORDER,),
             program="one_after_the_other"),
    Sabotage("all at once", "for number in (1, 2, 3):\n            print(number, await part(session, number))",
             "for n, text in enumerate(await asyncio.gather(*(part(session, n) for n in (1, 2, 3))), 1):\n"
             "            print(n, text)",
             (Aspect.IN_FLIGHT,), program="one_after_the_other"),
    Sabotage("two at once", "await part(session, 9)\n        await part(session, 8)",
             "await asyncio.gather(part(session, 9), part(session, 8))", (Aspect.IN_FLIGHT,),
             program="one_after_the_other"),
)  # fmt: skip

ALL = (*CATALOGUE, *SEQUENTIAL)
