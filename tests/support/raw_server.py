"""A server that answers byte for byte what a test wants, and keeps what it was sent."""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
import threading
import zlib
from dataclasses import dataclass, field


@dataclass
class Seen:
    """One request as it came over the wire."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


Answer = bytes | list[bytes | float] | None  # bytes to send, seconds to wait; None hangs up without a word


def reply(status: str, body: bytes = b"", *headers: str, length: bool = True) -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, *([f"Content-Length: {len(body)}"] if length else [])]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def typed(content_type: str | None, body: bytes, *headers: str) -> bytes:
    return reply("200 OK", body, *([f"Content-Type: {content_type}"] if content_type else []), *headers)


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    head = reply("200 OK", b"", "Transfer-Encoding: chunked", "Content-Type: text/plain", length=False)
    return head + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + end


def _deflate_raw(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


TEXT = "Grüße, 東京 & café – naïve façade. ".encode() * 5
LINES = b"one\ntwo\r\nthree\rfour\x0bfive\n\nsix"
CHALLENGE = 'WWW-Authenticate: Digest realm="r", nonce="abc", qop="auth", algorithm=MD5, opaque="o"'
ANSWERS: dict[str, Answer] = {
    "/utf8": typed("text/plain; charset=utf-8", TEXT),
    "/html": typed("text/html", TEXT),
    "/latin1": typed("text/html; charset=ISO-8859-1", "café".encode("latin-1")),
    "/quoted-charset": typed("text/html; charset='utf-8'; x=y", TEXT),
    "/odd-charset": typed("text/html; charset=no-such", TEXT),
    "/no-type": typed(None, TEXT),
    "/no-type-ascii": typed(None, b"plain words"),
    "/binary": typed("application/octet-stream", bytes(range(256))),
    "/cp1252": typed("application/xml", "“quotes” – dash and café".encode("cp1252")),
    "/json": typed("application/json", b'{"a": [1, "\xc3\xa9"]}'),
    "/json-latin1": typed("application/json; charset=latin-1", '{"a": "é"}'.encode("latin-1")),
    "/json-text": typed("text/plain", b'{"a": "\xc3\xa9"}'),
    "/json-octets": typed("application/octet-stream", b'{"a": "\xc3\xa9"}'),
    "/json-no-type": typed(None, b'{"a": "\xc3\xa9"}'),
    "/json-utf16": typed(None, '{"a": "é"}'.encode("utf-16")),
    "/json-utf16-be": typed(None, '{"a": 1}'.encode("utf-16-be")),
    "/json-utf32-le": typed(None, '{"a": 1}'.encode("utf-32-le")),
    "/json-bom": typed(None, b'\xef\xbb\xbf{"a": 1}'),
    "/json-bom-typed": typed("application/json", b'\xef\xbb\xbf{"a": 1}'),
    "/json-bad-bytes": typed("application/json", b'{"a": "\xff"}'),
    "/json-number": typed(None, b"12"),
    "/json-nan": typed("application/json", b"[NaN]"),
    "/json-cut": typed("application/json", b'{"a": '),
    "/empty": typed("application/json", b""),
    "/blank": typed("application/json", b"  "),
    "/no-content": reply("204 No Content", length=False),
    "/not-modified": reply("304 Not Modified", length=False),
    "/404": reply("404 Not Found", b"nothing here"),
    "/500": reply("500 Oh No", b"broken"),
    "/999": reply("999 Odd", b"x"),
    "/no-reason": b"HTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx",
    "/latin1-reason": b"HTTP/1.1 200 d\xe9j\xe0\r\nContent-Length: 1\r\n\r\nx",
    "/repeated": reply("200 OK", b"x", "X-A: 1", "X-A: 2", "x-a: 3", "Link: <http://a/>; rel=next"),
    "/latin1-header": reply("200 OK", b"x", "X-A: café"),
    "/big-header": reply("200 OK", b"x", "X-A: " + "a" * 20000),
    "/cookies": reply(
        "200 OK",
        b"x",
        "Set-Cookie: a=1; Path=/",
        'Set-Cookie: q="a b"',
        "Set-Cookie: b=x/y==",
        "Set-Cookie: old=x; Max-Age=0",
    ),
    "/gzip": typed("text/plain", gzip.compress(TEXT), "Content-Encoding: gzip"),
    "/deflate": typed("text/plain", zlib.compress(TEXT), "Content-Encoding: deflate"),
    "/deflate-raw": typed("text/plain", _deflate_raw(TEXT), "Content-Encoding: deflate"),
    "/gzip-upper": typed("text/plain", gzip.compress(TEXT), "Content-Encoding: GZIP"),
    "/identity": typed("text/plain", TEXT, "Content-Encoding: identity"),
    "/unknown-encoding": typed("text/plain", TEXT, "Content-Encoding: zorp"),
    "/bad-gzip": typed("text/plain", b"this is no gzip", "Content-Encoding: gzip"),
    "/chunked": chunked(b"one ", b"two ", b"three"),
    "/chunk-extension": chunked(b"a", end=b"3;x=y\r\nbcd\r\n0\r\nTrailer: t\r\n\r\n"),
    "/until-close": [reply("200 OK", b"", "Connection: close", length=False) + TEXT],
    "/http10": [b"HTTP/1.0 200 OK\r\n\r\nold"],
    "/hang-up": None,
    "/garbage": [b"what is this?\r\n\r\n"],
    "/endless-header": reply("200 OK", b"x", "X-A: " + "a" * 70000),
    "/short": [reply("200 OK", b"", "Content-Length: 10", length=False) + b"abc"],
    "/short-chunks": [chunked(b"abc", end=b"")],
    "/reset": None,
    "/chunk-cut": [chunked(b"abc", end=b"5\r\nab")],
    "/chunk-bad": [chunked(b"abc", end=b"zz\r\nab\r\n0\r\n\r\n")],
    "/drip": [reply("200 OK", b"", "Content-Length: 12", length=False), *[b"abc", 0.06] * 4],
    "/silent": [0.5, reply("200 OK", b"late")],
    "/stall": [reply("200 OK", b"", "Content-Length: 6", length=False) + b"abc", 0.5, b"def"],
    "/lines": typed("text/plain", LINES),
    "/lines-chunked": chunked(LINES[:4], LINES[4:9], LINES[9:]),
    "/no-location": reply("302 Found", b"where?"),
    "/to-mail": reply("302 Found", b"", "Location: mailto:a@b"),
    "/to-utf8": reply("302 Found", b"", "Location: /é?q=ü".encode().decode("latin-1")),
    "/to-escapes": reply("302 Found", b"", "Location: /x%2Fy?u=http%3A%2F%2Fz&v=a b"),
    "/to-fragment": reply("302 Found", b"", "Location: /utf8#new"),
    "/to-short": [reply("302 Found", b"", "Location: /utf8", "Content-Length: 9", length=False) + b"abc"],
    "/loop": reply("302 Found", b"", "Location: /loop"),
    "/login": reply("302 Found", b"", "Location: /utf8", "Set-Cookie: sid=abc; Path=/"),
    "/basic": reply("401 Unauthorized", b"who?", 'WWW-Authenticate: Basic realm="r"'),
    "/retry-after": reply("503 Busy", b"later", "Retry-After: 0"),
    "/busy": reply("503 Busy", b"later"),
}


@dataclass
class RawServer:
    """Serves `ANSWERS`, redirects, digest authentication and an echo, from a thread of its own."""

    seen: list[Seen] = field(default_factory=list)
    connections: int = 0
    flaky: int = 0  # how many times "/flaky" still fails
    port: int = 0
    in_flight: int = 0  # of the requests for /slow/
    most: int = 0

    def __enter__(self) -> RawServer:
        ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        self._loop.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def clear(self) -> None:
        self.seen.clear()
        self.connections = self.most = 0

    def _run(self, ready: threading.Event) -> None:
        async def main() -> None:
            self._stop = asyncio.Event()
            listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
            self.port = listener.getsockname()[1]
            tasks: set[asyncio.Task[None]] = set()

            async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                task = asyncio.current_task()
                assert task is not None
                tasks.add(task)
                try:
                    await self._serve(reader, writer)
                except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                    pass
                finally:
                    tasks.discard(task)
                    writer.close()

            server = await asyncio.start_server(connected, sock=listener, limit=1 << 20)
            ready.set()
            await self._stop.wait()
            server.close()
            for task in list(tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.sleep(0.01)

        self._loop.run_until_complete(main())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while True:
            first = await reader.readexactly(1)
            if first == b"\x16":  # a TLS handshake
                return
            head = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, target, _ = head[0].split(" ", 2)
            headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in head[1:-2])]
            request = Seen(method, target, headers, b"")
            if request.header("Transfer-Encoding") == "chunked":
                while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
                    request.body += (await reader.readexactly(size + 2))[:-2]
                await reader.readexactly(2)
            elif length := int(request.header("Content-Length") or 0):
                request.body = await reader.readexactly(length)
            self.seen.append(request)
            slow = request.target.startswith("/slow/")
            self.in_flight += slow
            self.most = max(self.most, self.in_flight)
            try:
                if not await self._answer(request, writer):
                    return
            finally:
                self.in_flight -= slow

    async def _answer(self, request: Seen, writer: asyncio.StreamWriter) -> bool:
        answer = self._find(request)
        for part in answer if isinstance(answer, list) else [answer]:
            if isinstance(part, float):
                await asyncio.sleep(part)
            elif part is not None:
                if request.method == "HEAD":
                    part = part.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
                writer.write(part)
                await writer.drain()
        if request.target == "/reset":  # the connection, where "/hang-up" ends it in good order
            at_once = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        return isinstance(answer, bytes)

    def _find(self, request: Seen) -> Answer:
        path = request.target.partition("?")[0]
        if path.startswith("/to/"):  # /to/CODE/PATH: redirect with CODE to /PATH
            _, _, code, rest = path.split("/", 3)
            return reply(f"{code} Go", b"moved", f"Location: /{rest}")
        if path.startswith("/away/"):  # the same to another name of this host
            return reply("302 Go", b"", f"Location: http://localhost:{self.port}/{path.split('/', 2)[2]}")
        if path.startswith("/slow/"):
            return [float(path.split("/")[2]), reply("200 OK", b"slow", "Connection: close")]
        if path == "/digest":
            given = request.header("Authorization") or ""
            return reply("200 OK", b"in") if given.startswith("Digest") else reply("401 No", b"who?", CHALLENGE)
        if path == "/flaky":
            self.flaky -= 1
            return reply("503 Busy", b"later") if self.flaky >= 0 else reply("200 OK", b"fine")
        if path in ANSWERS:
            return ANSWERS[path]
        return typed("text/plain", b"echo")
