"""Which recorded exchange answers a request.

Requests are the same if method, scheme, host, path, query and body are: the query in any order, JSON by value, a form in any
order of its fields, a multipart body whatever its boundary, a compressed body by content. Headers do not count, but
where several exchanges fit, one that was recorded with the same credentials comes first. The same request recorded several times
is answered in the order of the recording, and by the last answer from then on.
"""

from __future__ import annotations

import difflib
import json
import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from asyncify.verify.replay.exchange import (
    DEFAULT_PORTS,
    Cassette,
    Exchange,
    Request,
    boundary_of,
    decoded,
    header,
)
from asyncify.verify.replay.redact import MARK, SECRET_HEADER, digits, masked, secrets_of

Ignored = Sequence[re.Pattern[str]]
Key = tuple[str, ...]

PARTS = ("method", "scheme", "host", "path", "query", "body")
_SHOWN = 120  # characters of a part in a message
_CANDIDATES = 200  # recorded requests looked at for the nearest one


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A request that was not recorded: what it is, and the recorded one most like it with what differs."""

    request: Request
    nearest: Request | None
    differs: tuple[str, ...] = ()

    def __str__(self) -> str:
        asked = f"not recorded: {self.request.method} {self.request.url}"
        if self.nearest is None:
            return f"{asked} (nothing is recorded)"
        return f"{asked}; the nearest recorded is {self.nearest.method} {self.nearest.url} ({'; '.join(self.differs)})"


def key_of(request: Request, ignored: Ignored = ()) -> Key:
    """The parts of a request that have to be the same, in the order of :data:`PARTS`."""
    url = urlsplit(request.url)
    port = url.port or DEFAULT_PORTS.get(url.scheme, 0)
    query = sorted(parse_qsl(url.query, keep_blank_values=True))
    parts: Key = (
        request.method.upper(),
        url.scheme,
        f"{url.hostname}:{port}",
        unquote(url.path or "/", errors="surrogateescape"),
        "&".join(f"{name}={value}" for name, value in query),
        _body(request),
    )
    for pattern in ignored:
        parts = (*parts[:3], *(pattern.sub("…", part) for part in parts[3:]))
    return parts


def _body(request: Request) -> str:
    if not request.body:
        return ""
    kind = header(request.headers, "content-type")
    plain = decoded(request.body, header(request.headers, "content-encoding"))
    text = (request.body if plain is None else plain).decode("utf-8", "surrogateescape")
    if boundary := boundary_of(kind):
        return text.replace(boundary, "BOUNDARY")
    if "form-urlencoded" in kind:
        return "&".join(f"{name}={value}" for name, value in sorted(parse_qsl(text, keep_blank_values=True)))
    if "json" in kind or text[:1] in ("{", "["):
        try:
            return json.dumps(json.loads(text), sort_keys=True)
        except ValueError:
            pass
    return text


def _loose(key: Key) -> Key:
    """The key with all secrets alike."""
    return tuple(MARK.sub("REDACTED", part) for part in key)


class Matcher:
    """Answers requests from a cassette; `ignored` are patterns of what does not count in path, query and body."""

    def __init__(self, cassette: Cassette, ignored: Ignored = ()) -> None:
        self.cassette = cassette
        self._ignored = tuple(ignored)
        self._keys = [key_of(each.request, self._ignored) for each in cassette.exchanges]
        self._credentials = [_credentials(each.request) for each in cassette.exchanges]
        self._marks = {mark for each in cassette.exchanges for mark in secrets_of(each.request) if MARK.fullmatch(mark)}
        self._by_key: dict[Key, list[int]] = {}
        for number, (key, credentials) in enumerate(zip(self._keys, self._credentials, strict=True)):
            # With the same secrets first, then with any.
            for each in {(*key, *credentials), ("loose", *_loose(key))}:
                self._by_key.setdefault(each, []).append(number)
        self.reset()

    def reset(self) -> None:
        """Begin again: no exchange has been used."""
        self._used = [False] * len(self._keys)
        self._waiting = {key: deque(numbers) for key, numbers in self._by_key.items()}

    def find(self, request: Request) -> Exchange | Unmatched:
        """The exchange that answers `request`, which is used from now on."""
        known = masked(request, self._known(request))
        key = key_of(known, self._ignored)
        keys: tuple[Key, Key] = ((*key, *_credentials(known)), ("loose", *_loose(key)))
        for each in keys:
            waiting = self._waiting.get(each) or deque()
            while waiting:
                number = waiting.popleft()
                if not self._used[number]:
                    self._used[number] = True
                    return self.cassette.exchanges[number]
        for each in keys:
            if each in self._by_key:
                return self.cassette.exchanges[self._by_key[each][-1]]
        return self._unmatched(known, key)

    def unused(self) -> tuple[Request, ...]:
        """The recorded requests that nobody has made since the reset."""
        return tuple(each.request for each, used in zip(self.cassette.exchanges, self._used, strict=True) if not used)

    def _known(self, request: Request) -> dict[str, str]:
        """The marks of a request's secrets that this cassette has: those with the same digits."""
        found = {}
        for value in secrets_of(request):
            if ending := digits(value, self.cassette.salt):
                fits = [mark for mark in self._marks if mark.endswith(ending)]
                if len(fits) == 1:
                    found[value] = fits[0]
        return found

    def _unmatched(self, request: Request, key: Key) -> Unmatched:
        if not self._keys:
            return Unmatched(request, None)

        def likeness(number: int) -> tuple[int, float]:
            other = self._keys[number]
            return (
                sum(mine == theirs for mine, theirs in zip(key, other, strict=True)),
                difflib.SequenceMatcher(None, "\n".join(key[:5])[:500], "\n".join(other[:5])[:500]).ratio(),
            )

        same = [sum(a == b for a, b in zip(key, other, strict=True)) for other in self._keys]
        order = sorted(range(len(same)), key=lambda number: -same[number])
        best = max(order[:_CANDIDATES], key=likeness)
        differs = tuple(
            f"{part} {_short(theirs)!r} there, {_short(mine)!r} here"
            for part, mine, theirs in zip(PARTS, key, self._keys[best], strict=True)
            if mine != theirs
        )
        return Unmatched(request, self.cassette.exchanges[best].request, differs)


def _credentials(request: Request) -> tuple[str, ...]:
    """The marks in those headers that say who asks."""
    return tuple(
        sorted(
            mark
            for name, value in request.headers
            if SECRET_HEADER.search(name) and name.lower() != "cookie"
            for mark in MARK.findall(value)
        )
    )


def _short(text: str) -> str:
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
