"""Secrets out of a cassette, so that it can be committed, and requests that carry them still found in it.

A secret is the value of a header, query parameter, form field, cookie or member of a JSON object whose name says so, and
whatever looks like a bearer or JSON web token. Each gets a mark of its own, ``REDACTED-<number>-<three hex digits>``; where
the same value of eight characters or more occurs anywhere else (echoed in a body, part of a path), the mark stands there as well.
The digits are 12 bits of a salted hash: enough to tell the few secrets of a cassette apart when a request brings one of them,
far too few to find a token by. Shorter values, which could be guessed, get no digits.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import quote, quote_plus, unquote_plus

from asyncify.verify.replay.exchange import Cassette, Exchange, Headers, Request, decoded, encoded, header

LONG = 8  # characters; a shorter value could be part of an innocent word
MARK = re.compile(r"REDACTED(?:-\d+)?(?:-[0-9a-f]{3})?(?![\w-])")

_WORDS = r"auth(?:orization)?|token|secret|passw(?:or)?d|pwd|passphrase|api[-_]?key|access[-_]?key|credentials?|signature|private[-_]?key"
SECRET_HEADER = re.compile(rf"(?:^|-)(?:{_WORDS}|cookie|session(?:-?id)?|csrf)(?:-|$)", re.IGNORECASE)
SECRET_FIELD = re.compile(
    rf"(?:^|[-_.])(?:{_WORDS}|sig|jwt|bearer|session[-_]?id|sessid|client[-_]?secret)$|[a-z](?:Token|Secret|Password|ApiKey|Signature)$|^(?:apikey|accesskey|authtoken|sid)$"
)
_QUERY = re.compile(r"(?P<lead>[?&])(?P<name>[^=&#?]+)=(?P<value>[^&#]*)")
_FORM = re.compile(r"(?P<lead>^|&)(?P<name>[^=&\s]+)=(?P<value>[^&\r\n]*)")
_JSON = re.compile(r'"(?P<name>[^"\\]{1,80})"(?P<lead>\s*:\s*")(?P<value>(?:[^"\\]|\\.)*)"')
_PART = re.compile(r'(?P<lead>name="(?P<name>[^"]+)"\r\n(?:[^\r\n]+\r\n)*\r\n)(?P<value>[^\r\n]*)')
_TOKEN = re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*|(?<=Bearer )[\w.~+/=-]{8,}")
_COOKIE = re.compile(r"(?P<lead>(?:^|;\s*)[^=;\s]+=)(?P<value>[^;]*)")
_SET_COOKIE = re.compile(r"(?P<lead>^[^=;\s]+=)(?P<value>[^;]*)")

Visit = Callable[[str], str]


def secret_name(name: str) -> bool:
    """Whether a query parameter, form field or JSON member of that name holds a secret."""
    return bool(SECRET_FIELD.search(name) or SECRET_FIELD.search(name.lower()))


def _secret_parameter(name: str) -> bool:
    return secret_name(name) or name.lower() == "key"  # in a body that is any identifier


def _header(name: str, value: str, visit: Visit) -> str:
    lower = name.lower()
    if lower == "cookie":
        return _COOKIE.sub(lambda found: found["lead"] + visit(found["value"]), value)
    if lower == "set-cookie":
        return _SET_COOKIE.sub(lambda found: found["lead"] + visit(found["value"]), value)
    if lower in ("location", "content-location", "referer"):
        return _url(value, visit)
    if not SECRET_HEADER.search(name) or lower in ("www-authenticate", "proxy-authenticate"):
        return _TOKEN.sub(lambda found: visit(found[0]), value)
    scheme, space, credentials = value.partition(" ")
    if space and lower.endswith("authorization"):
        return f"{scheme} {visit(credentials)}"
    return visit(value)


def _headers(headers: Headers, visit: Visit) -> Headers:
    return tuple((name, _header(name, value, visit)) for name, value in headers)


def _fields(
    text: str, pattern: re.Pattern[str], visit: Visit, *, quoted: bool, secret: Callable[[str], bool] = secret_name
) -> str:
    def one(found: re.Match[str]) -> str:
        name, value = found["name"], found["value"]
        if not value or not secret(unquote_plus(name) if quoted else name):
            return found[0]
        new = visit(unquote_plus(value) if quoted else value)
        start = found.start("value") - found.start()
        if quoted and new == unquote_plus(value):
            new = value
        return found[0][:start] + new + found[0][start + len(value) :]

    return pattern.sub(one, text)


def _url(url: str, visit: Visit) -> str:
    return _fields(url, _QUERY, visit, quoted=True, secret=_secret_parameter)


def _text(text: str, content_type: str, visit: Visit) -> str:
    if "form-urlencoded" in content_type:
        text = _fields(text, _FORM, visit, quoted=True)
    elif "multipart/" in content_type:
        text = _fields(text, _PART, visit, quoted=False)
    elif "json" in content_type or text.lstrip()[:1] in ("{", "["):
        text = _fields(text, _JSON, visit, quoted=False)
    return _TOKEN.sub(lambda found: visit(found[0]), text)


def _body(body: bytes, headers: Headers, visit: Visit) -> bytes:
    """A body with its secrets visited; one that is no text, or in an unknown content coding, stays as it is."""
    if not body:
        return body
    coding = header(headers, "content-encoding")
    plain = decoded(body, coding)
    if plain is None:
        return body
    try:
        text = plain.decode()
    except UnicodeDecodeError:
        return body
    new = _text(text, header(headers, "content-type").lower(), visit)
    return body if new == text else encoded(new.encode(), coding)


def _request(request: Request, visit: Visit) -> Request:
    return replace(
        request,
        url=_url(request.url, visit),
        headers=_headers(request.headers, visit),
        body=_body(request.body, request.headers, visit),
    )


def _exchange(exchange: Exchange, visit: Visit) -> Exchange:
    response = exchange.response
    return replace(
        exchange,
        request=_request(exchange.request, visit),
        response=replace(
            response,
            headers=_headers(response.headers, visit),
            body=_body(response.body, response.headers, visit),
        ),
    )


def digits(value: str, salt: str) -> str:
    """The end of the mark of a value: 12 bits of its salted hash; nothing for a short one."""
    return "-" + hashlib.sha256((salt + value).encode()).hexdigest()[:3] if len(value) >= LONG else ""


@dataclass(slots=True)
class Marks:
    """The marks given so far, by secret."""

    salt: str
    given: dict[str, str] = field(default_factory=dict)

    def mark(self, value: str) -> str:
        """The mark of `value`; the same one each time. A mark is its own mark."""
        if not value or MARK.fullmatch(value):
            return value
        if value not in self.given:
            self.given[value] = f"REDACTED-{len(self.given) + 1}{digits(value, self.salt)}"
        return self.given[value]

    def learn(self, request: Request) -> None:
        """Give marks to the secrets of a request."""
        _request(request, self.mark)
        self._learn_passwords(request.headers)

    def _learn_passwords(self, headers: Headers) -> None:
        """The password behind basic authentication, which a response may echo."""
        scheme, _, credentials = header(headers, "authorization").partition(" ")
        if scheme.lower() == "basic":
            with contextlib.suppress(binascii.Error, UnicodeDecodeError):
                self.mark(base64.b64decode(credentials, validate=True).decode().partition(":")[2])

    def in_request(self, request: Request) -> Request:
        """A request with a mark for each of its secrets, wherever in it they stand."""
        self.learn(request)
        return replace(
            _request(request, self.mark),
            url=self.everywhere(_url(request.url, self.mark)),
        )

    def everywhere(self, text: str) -> str:
        """`text` with all long secrets replaced, also where they are quoted for a URL."""
        return _replace_all(text, self.given)


def _replace_all(text: str, marks: Mapping[str, str]) -> str:
    for secret in sorted(marks, key=len, reverse=True):
        if len(secret) >= LONG:
            for form in {secret, quote(secret, safe=""), quote_plus(secret), quote(secret)}:
                text = text.replace(form, marks[secret])
    return text


def redact(cassette: Cassette) -> Cassette:
    """The cassette with a mark in place of each secret. Needs ``cassette.salt``."""
    marks = Marks(cassette.salt)
    for exchange in cassette.exchanges:
        _exchange(exchange, marks.mark)
        marks.learn(exchange.request)
    if not marks.given:
        return cassette

    return replace(
        cassette, exchanges=tuple(_everywhere(_exchange(each, marks.mark), marks) for each in cassette.exchanges)
    )


def _everywhere(exchange: Exchange, marks: Marks) -> Exchange:
    def headers(values: Headers) -> Headers:
        return tuple((name, marks.everywhere(value)) for name, value in values)

    def body(data: bytes, of: Headers) -> bytes:
        coding = header(of, "content-encoding")
        plain = decoded(data, coding) if data else None
        if plain is None:
            return data
        # Byte for byte, so that a secret in a body of another charset is found as well.
        text = plain.decode("latin-1")
        new = _replace_all(text, {key.encode().decode("latin-1"): mark for key, mark in marks.given.items()})
        return data if new == text else encoded(new.encode("latin-1"), coding)

    request, response = exchange.request, exchange.response
    return replace(
        exchange,
        request=replace(
            request,
            url=marks.everywhere(request.url),
            headers=headers(request.headers),
            body=body(request.body, request.headers),
        ),
        response=replace(response, headers=headers(response.headers), body=body(response.body, response.headers)),
    )


def secrets_of(request: Request) -> tuple[str, ...]:
    """The values of a request that would get a mark, in order; marks themselves included."""
    found: list[str] = []

    def visit(value: str) -> str:
        found.append(value)
        return value

    _request(request, visit)
    return tuple(found)


def masked(request: Request, marks: Mapping[str, str]) -> Request:
    """A request with known marks in place of its secrets, and ``REDACTED`` for the others."""

    def visit(value: str) -> str:
        if not value or MARK.fullmatch(value):
            return value
        return marks.get(value, "REDACTED")

    found = _request(request, visit)
    known = {secret: mark for secret, mark in marks.items() if len(secret) >= LONG}
    if not known:
        return found
    return replace(found, url=_replace_all(found.url, known), body=_known_in_body(found, known))


def _known_in_body(request: Request, known: Mapping[str, str]) -> bytes:
    try:
        return _replace_all(request.body.decode(), known).encode()
    except UnicodeDecodeError:
        return request.body
