"""A small language for index tests: Python files whose calls carry what they must resolve to.

``# -> f, requests.get`` behind a line says what the outermost call that starts on the line may run: functions of the
module ``main`` by short name, everything else by its full name; ``?`` means: unresolved, for a stated reason.
``=== name`` starts a case, ``## path.py`` another file of it; the text before the first such line is ``main.py``.
"""

from __future__ import annotations

from asyncify.index.build import build
from asyncify.index.catalogue import Catalogue, Invoke, Signature
from asyncify.index.linked import LinkedProject
from asyncify.index.modules import module_names
from asyncify.index.project import CallSite, SourceFile

POOL = "concurrent.futures.ThreadPoolExecutor"
CATALOGUE = Catalogue(
    signatures={
        "requests.get": Signature("requests.Response"),
        "requests.Session": Signature("requests.Session"),
        "requests.Session.get": Signature("requests.Response"),
        "requests.Session.request": Signature("requests.Response"),
        "requests.Session.__enter__": Signature("self"),
        "requests.Response.json": Signature("object"),
        POOL: Signature(POOL),
        f"{POOL}.__enter__": Signature("self"),
        f"{POOL}.submit": Signature("concurrent.futures.Future[result0]", (Invoke("arg0", ("*args1",)),)),
        f"{POOL}.map": Signature("builtins.iter[result0]", (Invoke("arg0", ("arg1[]", "arg2[]")),)),
        "concurrent.futures.Future.result": Signature("slot0"),
        "concurrent.futures.as_completed": Signature("builtins.iter[arg0[]]"),
        "queue.Queue": Signature("queue.Queue"),
        "queue.Queue.put": Signature("None", stores=(("slot0", "arg0"),)),
        "queue.Queue.get": Signature("slot0"),
        "threading.Thread": Signature("threading.Thread", (Invoke("arg:target"),)),
    },
    attributes={"requests.Response.history": "builtins.list[requests.Response]"},
    aliases={"requests.api": "requests", "requests.sessions": "requests", "requests.session": "requests.Session"},
    modules=frozenset({"requests", "concurrent", "queue", "threading"}),
)


def split(text: str) -> dict[str, str]:
    """The files of a case by path."""
    files, path, lines = {}, "main.py", []
    for line in text.lstrip("\n").splitlines(keepends=True):
        if line.startswith("## "):
            files[path] = "".join(lines)
            path, lines = line[3:].strip(), []
        else:
            lines.append(line)
    files[path] = "".join(lines)
    return files


def sections(text: str) -> dict[str, str]:
    """Cases by name: each starts with a line ``=== name``."""
    found: dict[str, str] = {}
    for part in text.split("\n=== ")[1:]:
        name, _, body = part.partition("\n")
        assert name not in found, f"two cases named {name}"
        found[name] = body + "\n"
    return found


def index(files: dict[str, str], catalogue: Catalogue = CATALOGUE) -> LinkedProject:
    """Index the files of a case."""
    names = module_names(files)
    return build([SourceFile(p, t.encode(), t, "utf-8", names[p]) for p, t in files.items()], catalogue)


def outermost(project: LinkedProject, path: str, line: int) -> CallSite:
    """The outermost call that starts on a line."""
    found = [call for call in project.calls if call.span.path == path and call.span.line == line]
    assert found, f"no call at {path}:{line}"
    return min(found, key=lambda c: (c.span.column, -c.span.end_line, -c.span.end_column))


def answer(call: CallSite) -> set[str]:
    """What a call resolves to, in the words of a case."""
    found = {name.removeprefix("main.") for name in call.targets} | set(call.externals)
    return found | ({"?"} if call.unresolved else set())


def check(text: str) -> LinkedProject:
    """Index a case and compare every marked line."""
    files = split(text)
    project = index(files)
    assert not project.diagnostics
    marked = 0
    for path, source in files.items():
        for number, line in enumerate(source.splitlines(), 1):
            if "# -> " in line:
                marked += 1
                wanted = {name.strip() for name in line.partition("# -> ")[2].split(",")} - {"nothing"}
                found = answer(outermost(project, path, number))
                assert found == wanted, f"{path}:{number} {line.strip()}: found {sorted(found)}"
    assert marked, "a case without a marked line proves nothing"
    return project
