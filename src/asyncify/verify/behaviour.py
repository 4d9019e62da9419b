"""What a run did that others can see, and whether two versions of a program did the same.

An *aspect* is one side of behaviour: exit code, output, files, requests, their order, how many at a time.
Each is written down as lines of text, so that every difference can be shown as a unified diff. A program
whose own earlier runs differ in some aspect is *unstable* there: a later run then has to match one of them.
"""

from __future__ import annotations

import difflib
import hashlib
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path

from asyncify.verify.blockages import Blockage, appeared
from asyncify.verify.measure import Run
from asyncify.verify.replay.exchange import Request
from asyncify.verify.replay.redact import Marks
from asyncify.verify.server import SeenRequest, Traffic
from asyncify.verify.services import Reply

# Headers that carry meaning. Others (user agent, accepted encodings, connection) are the client library's
# own.
HEADERS = ("authorization", "content-type", "cookie", "if-*", "range", "idempotency-key", "x-*")
SHOWN_BYTES = 100_000  # larger files and bodies are compared by their hash only


class Aspect(StrEnum):
    """One side of behaviour."""

    EXIT_CODE = "exit code"
    STDOUT = "standard output"
    STDERR = "standard error"
    FILES = "files"
    REQUESTS = "requests"
    ORDER = "order of requests"
    IN_FLIGHT = "most requests in flight"
    ANSWERS = "answers to requests"
    LOOP = "event loop"
    TESTS = "tests"
    RESPONSES = "responses"
    LEFT_BEHIND = "processes left running"


@dataclass(frozen=True, slots=True)
class Pattern:
    """What may differ in output, files and requests: each match of the regular expression `pattern` is replaced first."""

    pattern: str
    replacement: str

    def apply(self, text: str) -> str:
        """`text` with all matches replaced."""
        return re.sub(self.pattern, self.replacement, text, flags=re.MULTILINE)


TRACEBACK = Pattern(
    pattern=r"^(Traceback \(most recent call last\):\n)(?:[ \t]+.*\n)+",
    replacement=r"\1  (frames)\n",
)
"""The frames of a traceback: lines move and event loop frames appear, while the exception must stay the same.

The only pattern that is always applied, and to standard error only.
"""


@dataclass(frozen=True, slots=True)
class Observation:
    """What one run did.

    ``files`` maps each created, changed or removed file to its content (None: gone). ``left_behind`` counts processes
    that still ran when the program had ended, ``threads`` are the most that a process of it had at a time, as far as the samples
    show. ``tests`` are the outcomes where the program is pytest, ``replies`` the different answers to each URL where it is a
    service.
    """

    exit_code: int | None
    stdout: str
    stderr: str
    files: Mapping[str, bytes | None]
    traffic: Traffic | None = None
    left_behind: int = 0
    threads: int = 1
    tests: tuple[str, ...] | None = None
    replies: Mapping[str, tuple[Reply, ...]] | None = None
    failures: Mapping[str, int] = field(default_factory=dict)  # of requests to a service, by message


@dataclass(frozen=True, slots=True)
class Difference:
    """Where the two versions did not do the same: a sentence, and a unified diff where there is more."""

    aspect: Aspect
    message: str
    diff: str = ""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """The verdict on two versions. ``compared`` are the aspects looked at, ``patterns`` what was replaced."""

    compared: tuple[Aspect, ...]
    differences: tuple[Difference, ...]
    unstable: tuple[Aspect, ...]
    patterns: tuple[Pattern, ...]

    @property
    def same(self) -> bool:
        """Whether no aspect differs."""
        return not self.differences


def digests(folder: Path) -> dict[str, str]:
    """The hash of every file below `folder`, by relative path with ``/``; caches left out."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(_bytes(path)).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and not {"__pycache__", ".pytest_cache"} & set(path.parts)
    }


def _bytes(path: Path) -> bytes:
    """The content of a file; a fixed word for one we may not read, so that only its being there counts."""
    try:
        return path.read_bytes()
    except OSError:
        return b"(unreadable)"


def observe(run: Run, folder: Path, earlier: Mapping[str, str], traffic: Traffic | None) -> Observation:
    """What `run` did in `folder`, whose files were `earlier` (see :func:`digests`) before it."""
    now = digests(folder)
    files: dict[str, bytes | None] = {path: None for path in earlier if path not in now}
    for path, digest in now.items():
        if earlier.get(path) != digest:
            files[path] = _bytes(folder / path)
    return Observation(
        run.exit_code,
        run.stdout.decode("utf-8", "backslashreplace"),
        run.stderr.decode("utf-8", "backslashreplace"),
        files,
        traffic,
        run.left_behind,
        max((sample.threads - sample.processes for sample in run.samples), default=0) + 1,
    )


def compare_behaviour(
    before: Sequence[Observation],
    after: Sequence[Observation],
    *,
    headers: Sequence[str] = HEADERS,
    patterns: Sequence[Pattern] = (),
    blocked: tuple[Sequence[Blockage], Sequence[Blockage]] | None = None,
    bounds: tuple[int, int] | None = None,
) -> Behaviour:
    """Whether `after` did what `before` did, over all runs of both.

    `headers` are wildcards of lower-case header names that must be equal. `patterns` apply to both outputs, to files that are
    text, and to requests. Requests count as a multiset; their order counts too where `before` was sequential (see
    :func:`_sequential`). A request that could not be answered is a difference in any case; so is what blocks the event loop of
    `after` and not that of `before` (``blocked``). ``bounds`` are the most in flight of both, if they are known better than
    from the runs. Secrets in requests are compared, but not shown.
    """
    marks = Marks(secrets.token_hex(8))
    aspects = _aspects([*before, *after])
    served = [run.traffic for run in before if run.traffic], [run.traffic for run in after if run.traffic]
    if all(served):
        aspects += [Aspect.REQUESTS, Aspect.IN_FLIGHT]
        if Aspect.RESPONSES not in aspects and _sequential(before, bounds, headers, patterns, marks):
            aspects.insert(-1, Aspect.ORDER)
        aspects.append(Aspect.ANSWERS)
    differences: list[Difference] = []
    unstable = []
    for aspect in aspects:
        if aspect is Aspect.IN_FLIGHT:
            differences += _compare_bounds(*bounds) if bounds else _compare_in_flight(*served)
            continue
        if aspect is Aspect.ANSWERS:
            differences += _unanswered(*served)
            continue
        if aspect is Aspect.ORDER and any(found.aspect is Aspect.REQUESTS for found in differences):
            continue  # other requests: nothing to say on their order
        expected = [_written(aspect, run, headers, patterns, marks) for run in before]
        if len(set(expected)) > 1:
            unstable.append(aspect)
        for run in after:
            found = _written(aspect, run, headers, patterns, marks)
            if found not in expected:
                differences.append(_difference(aspect, expected[0], found))
                break
    if blocked is not None:
        aspects.append(Aspect.LOOP)
        differences += _blocked(appeared(*blocked))
    return Behaviour(tuple(aspects), tuple(differences), tuple(unstable), (TRACEBACK, *patterns))


def _aspects(runs: Sequence[Observation]) -> list[Aspect]:
    """What can be compared without a recording: what tests print has times in it, and a service ends when it is told to."""
    if all(run.replies is not None for run in runs):
        return [Aspect.RESPONSES, Aspect.FILES]
    if all(run.tests is not None for run in runs):
        return [Aspect.EXIT_CODE, Aspect.TESTS, Aspect.STDERR, Aspect.FILES, Aspect.LEFT_BEHIND]
    return [Aspect.EXIT_CODE, Aspect.STDOUT, Aspect.STDERR, Aspect.FILES, Aspect.LEFT_BEHIND]


def _sequential(
    before: Sequence[Observation],
    bounds: tuple[int, int] | None,
    headers: Sequence[str],
    patterns: Sequence[Pattern],
    marks: Marks,
) -> bool:
    """Whether the order of requests was meant: never two in flight, in one thread or the same in several runs.

    Threads whose answers come fast may never have had two in flight either, by chance, and may have ended before anybody
    counted them; what the program asks while its answers are kept back tells.
    """
    if bounds and bounds[0] > 1:
        return False
    if any(run.traffic is None or run.traffic.most_in_flight > 1 for run in before):
        return False
    orders = {_written(Aspect.ORDER, run, headers, patterns, marks) for run in before}
    return all(run.threads <= 1 for run in before) or (len(before) > 1 and len(orders) == 1)


def _written(
    aspect: Aspect, run: Observation, headers: Sequence[str], patterns: Sequence[Pattern], marks: Marks
) -> str:
    match aspect:
        case Aspect.EXIT_CODE:
            return "timed out" if run.exit_code is None else str(run.exit_code)
        case Aspect.LEFT_BEHIND:
            return str(run.left_behind)
        case Aspect.STDOUT:
            text = run.stdout
        case Aspect.STDERR:
            text = TRACEBACK.apply(run.stderr)
        case Aspect.TESTS:
            return "".join(f"{line}\n" for line in run.tests or ())
        case Aspect.RESPONSES:
            return _replaced(_replies(run), patterns)
        case Aspect.FILES:
            return "".join(_file(path, _replaced_in(run.files[path], patterns)) for path in sorted(run.files))
        case Aspect.REQUESTS:
            return "".join(sorted(_replaced(_request(each, headers, marks), patterns) for each in _requests(run)))
        case _:
            return "".join(_replaced(_request(each, headers, marks), patterns) for each in _requests(run))
    return _replaced(text, patterns)


def _replaced(text: str, patterns: Iterable[Pattern]) -> str:
    for pattern in patterns:
        text = pattern.apply(text)
    return text


def _replaced_in(data: bytes | None, patterns: Sequence[Pattern]) -> bytes | None:
    """The content of a file with the patterns replaced, if it is text."""
    if not patterns or data is None:
        return data
    try:
        return _replaced(data.decode(), patterns).encode()
    except UnicodeDecodeError:
        return data


def _requests(run: Observation) -> tuple[SeenRequest, ...]:
    return run.traffic.requests if run.traffic else ()


def _content(data: bytes) -> str:
    """Content as indented lines where it is text of reasonable size, else its size and hash."""
    if len(data) <= SHOWN_BYTES:
        try:
            return "".join(f"    {line}\n" for line in data.decode().splitlines())
        except UnicodeDecodeError:
            pass
    return f"    ({len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()})\n"


def _file(path: str, data: bytes | None) -> str:
    if data is None:
        return f"{path}: removed\n"
    # The text alone would hide a changed newline or a missing one at the end.
    return f"{path}: {len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()[:16]}\n{_content(data)}"


def _request(seen: SeenRequest, headers: Sequence[str], marks: Marks) -> str:
    """A request as lines: what it asks for, the headers that matter, its body. Each secret has a mark of its own."""
    masked = marks.in_request(Request(seen.method, seen.target, seen.headers, seen.body))
    request = replace(seen, target=masked.url, headers=masked.headers, body=masked.body)
    body = request.body
    boundary = re.search(r'boundary="?([^";]+)', request.header("content-type") or "")
    chosen = []
    for name in sorted({name.lower() for name, _ in request.headers}):
        if not any(fnmatchcase(name, wildcard) for wildcard in headers):
            continue
        value = request.header(name) or ""
        if name == "cookie":
            value = "; ".join(sorted(part.strip() for part in value.split(";")))
        if boundary:
            value = value.replace(boundary[1], "BOUNDARY")
        chosen.append(f"  {name}: {value}\n")
    if boundary:  # a random word, and nothing but a separator
        body = body.replace(boundary[1].encode(), b"BOUNDARY")
    return f"{request.method} {request.target}\n{''.join(chosen)}{_content(body) if body else ''}"


def _compare_bounds(before: int, after: int) -> list[Difference]:
    """What was in flight while answers waited for more requests: the program's own limit, whatever the machine's speed."""
    if before == after:
        return []
    return [Difference(Aspect.IN_FLIGHT, f"at most {after} requests are in flight, before it was {before}")]


def _compare_in_flight(before: Sequence[Traffic], after: Sequence[Traffic]) -> list[Difference]:
    """More than ever before is a lost bound, fewer than ever before is lost concurrency.

    Where the runs before differ, a bound is not what limits them (a pool that does not fill up on a busy machine, say), so
    a run after may differ from them by twice as much as they do from each other, and by a quarter at most.
    """
    earlier = [traffic.most_in_flight for traffic in before]
    later = [traffic.most_in_flight for traffic in after]
    play = min(2 * (max(earlier) - min(earlier)), max(earlier) // 4)
    if min(earlier) - play <= max(later) <= max(earlier) + play:
        return []
    was = f"{min(earlier)} to {max(earlier)}" if min(earlier) < max(earlier) else f"{max(earlier)}"
    message = f"at most {max(later)} requests were in flight, before it was {was}"
    return [Difference(Aspect.IN_FLIGHT, message)]


def _blocked(found: Sequence[Blockage]) -> list[Difference]:
    """What blocks the event loop, with the stacks."""
    if not found:
        return []
    message = str(found[0]) if len(found) == 1 else f"{len(found)} calls block the event loop"
    stacks = (f"{each}\n" + "".join(f"    {frame}\n" for frame in each.stack) for each in found)
    return [Difference(Aspect.LOOP, message, "".join(stacks))]


def _replies(run: Observation) -> str:
    """The answer to each URL; of one whose answers differ within a run, what they have in common."""
    lines = []
    for url, replies in sorted((run.replies or {}).items()):
        heads = {f"  {reply.status} {reply.content_type}\n": None for reply in replies}
        lines.append(f"GET {url}\n{''.join(heads)}")
        lines.append(_content(replies[0].body) if len(replies) == 1 else "    (differs from time to time)\n")
    return "".join(lines) + "".join(f"no answer: {message}\n" for message in sorted(run.failures))


def _unanswered(before: Sequence[Traffic], after: Sequence[Traffic]) -> list[Difference]:
    """Requests that the recording has no answer to, and connections that nobody could serve."""
    sides = {"before": before, "after": after}
    lines = {
        f"{name}: {problem}": None for name, side in sides.items() for traffic in side for problem in traffic.problems
    }
    if not lines:
        return []
    sides_hit = " and ".join(name for name, side in sides.items() if any(traffic.problems for traffic in side))
    message = f"{len(lines)} things asked {sides_hit} could not be answered" if len(lines) > 1 else next(iter(lines))
    return [Difference(Aspect.ANSWERS, message, "".join(f"{line}\n" for line in lines))]


def _difference(aspect: Aspect, before: str, after: str) -> Difference:
    if aspect in (Aspect.EXIT_CODE, Aspect.LEFT_BEHIND):
        return Difference(aspect, f"{aspect}: {after}, before it was {before}")
    first, second = before.splitlines(keepends=True), after.splitlines(keepends=True)
    lines = list(difflib.unified_diff(first, second, "before", "after"))
    removed = sum(line.startswith("-") for line in lines[2:])
    added = sum(line.startswith("+") for line in lines[2:])
    diff = "".join(line if line.endswith("\n") else f"{line}\n\\ no newline at the end\n" for line in lines)
    return Difference(aspect, f"{aspect}: {removed} lines gone, {added} lines new", diff)
