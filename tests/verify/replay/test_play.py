"""What comes out of the socket: framing, times, connections that end, things that are not HTTP; and who is kept out."""

from __future__ import annotations

import http.client
import socket
import sys
import time
from pathlib import Path

import pytest
from origin import Origin

from asyncify.errors import InputError
from asyncify.verify.measure import measure
from asyncify.verify.replay.cassette import save
from asyncify.verify.replay.exchange import Cassette, Exchange, Request, Response
from asyncify.verify.replay.gateway import Gateway

HOST = {"Host": "a.test"}


def exchange(
    path: str, response: Response, latency: float = 0.0, method: str = "GET", connect: float | None = None
) -> Exchange:
    return Exchange(Request(method, f"http://a.test{path}"), response, latency, connect)


TAPE = Cassette(
    (
        exchange("/plain", Response(200, "Fine", headers=(("X-One", "1"), ("X-One", "2")), body=b"hello")),
        exchange("/late", Response(200, body=b"late", pieces=((0.0, 2), (0.1, 2))), 0.1),
        exchange("/chunked", Response(200, headers=(("Transfer-Encoding", "chunked"),), body=b"abcdef", pieces=((0.0, 2), (0.05, 4)))),
        exchange("/none", Response(204)),
        exchange("/head", Response(200, headers=(("Content-Length", "12345"),)), method="HEAD"),
        exchange("/until-end", Response(200, version="1.0", body=b"all of it")),
        exchange("/gone", Response(0, dropped=True)),
        exchange("/short", Response(200, headers=(("Transfer-Encoding", "chunked"),), body=b"some", dropped=True)),
    )
)  # fmt: skip


@pytest.fixture
def port(tmp_path: Path):  # type: ignore[no-untyped-def]
    save(TAPE, tmp_path / "tape.yaml")
    with Gateway(tmp_path / "tape.yaml", isolated=False) as gateway:
        yield int(gateway.environment["ASYNCIFY_REDIRECT"]), gateway


def test_framing_on_one_connection(port) -> None:  # type: ignore[no-untyped-def]
    number, gateway = port
    client = http.client.HTTPConnection("127.0.0.1", number)

    def ask(path: str, method: str = "GET") -> tuple[http.client.HTTPResponse, bytes]:
        client.request(method, path, headers=HOST)
        response = client.getresponse()
        return response, response.read()

    response, body = ask("/plain")
    assert (response.reason, body, response.msg.get_all("X-One")) == ("Fine", b"hello", ["1", "2"])
    assert ask("/chunked")[1] == b"abcdef"
    assert ask("/none")[0].status == 204
    assert ask("/head", "HEAD")[0].getheader("Content-Length") == "12345"
    assert ask("/plain")[1] == b"hello"
    assert gateway.traffic().connections == 1
    response, body = ask("/until-end")
    assert (response.version, body) == (10, b"all of it")
    status = ask("/never?x=1")[0].status
    assert status == 501
    problems = gateway.traffic().problems
    assert problems == (
        "not recorded: GET http://a.test/never?x=1; the nearest recorded is " + problems[0].partition("is ")[2],
    )
    gateway.reset()
    assert gateway.traffic().requests == () and gateway.traffic().problems == ()


def test_times_of_head_and_pieces(port) -> None:  # type: ignore[no-untyped-def]
    number, gateway = port
    with socket.create_connection(("127.0.0.1", number)) as raw:
        started = time.monotonic()
        raw.sendall(b"GET /late HTTP/1.1\r\nHost: a.test\r\n\r\n")
        head = raw.recv(1000)
        first = time.monotonic() - started
        rest = raw.recv(1000)
        second = time.monotonic() - started
    assert head.endswith(b"la") and rest == b"te"
    assert first >= 0.1 and second >= 0.2  # never early; how late depends on the machine
    (seen,) = gateway.traffic().requests
    assert seen.ended is not None and seen.ended - seen.started >= 0.2


@pytest.mark.parametrize("path", ["/gone", "/short"])
def test_connections_that_ended_early_end_early(path: str, port) -> None:  # type: ignore[no-untyped-def]
    client = http.client.HTTPConnection("127.0.0.1", port[0])
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):  # RemoteDisconnected is a ConnectionError
        client.request("GET", path, headers=HOST)
        client.getresponse().read()


def test_what_is_not_http_is_said_to_be_that(port) -> None:  # type: ignore[no-untyped-def]
    number, gateway = port
    with socket.create_connection(("127.0.0.1", number)) as raw:
        raw.sendall(b"\x00\x00\x00\x08\x04\xd2\x16\x2f")  # what a client of PostgreSQL begins with
        assert raw.recv(100) == b""
    with socket.create_connection(("127.0.0.1", number)) as raw:
        raw.sendall(b"GET /x HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        while raw.recv(1000):
            pass
    problems = gateway.traffic().problems
    assert any("did not speak HTTP/1" in each for each in problems)
    assert any("another protocol" in each for each in problems)


def test_opening_a_connection_costs_what_it_cost(tmp_path: Path) -> None:
    fine = Response(200, body=b"x")
    save(Cassette((exchange("/", fine, connect=0.1), exchange("/", fine), exchange("/", fine))), tmp_path / "tape.json")
    with Gateway(tmp_path / "tape.json", isolated=False) as gateway:
        client = http.client.HTTPConnection("127.0.0.1", int(gateway.environment["ASYNCIFY_REDIRECT"]))
        took = []
        for _ in range(2):
            before = time.monotonic()
            client.request("GET", "/", headers=HOST)
            client.getresponse().read()
            took.append(time.monotonic() - before)
    assert took[0] >= 0.1 > took[1]


def test_what_opening_it_took_here_is_not_charged_again(tmp_path: Path) -> None:
    save(Cassette((exchange("/", Response(200, body=b"x"), connect=0.3),)), tmp_path / "tape.json")
    with Gateway(tmp_path / "tape.json", isolated=False) as gateway:
        number = int(gateway.environment["ASYNCIFY_REDIRECT"])
        with socket.create_connection(("127.0.0.1", number)) as raw:
            opened = time.monotonic()
            time.sleep(0.2)
            raw.sendall(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
            asked = time.monotonic()
            assert raw.recv(1000)
            answered = time.monotonic()
    assert answered - opened >= 0.29
    assert answered - asked < 0.29


def test_a_cassette_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the cassette"), Gateway(tmp_path / "missing.yaml"):
        pass


PRIVATE = """
import socket, threading, urllib.request
server = socket.create_server(("127.0.0.1", 8080))
threading.Thread(target=lambda: server.accept()[0].sendall(b"mine"), daemon=True).start()
print(socket.create_connection(("localhost", 8080)).recv(10))
print(urllib.request.urlopen("http://a.test:8080/").read())
for address in (("192.0.2.1", 9), ("a.test", 9)):
    try:
        socket.create_connection(address, timeout=5)
    except OSError as error:
        print(type(error).__name__)
"""


def test_local_servers_of_the_program_are_its_own_and_nothing_else_is_reached(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(PRIVATE)
    command = [sys.executable, "main.py"]
    save(
        Cassette((Exchange(Request("GET", "http://a.test:8080/"), Response(200, body=b"theirs")),)),
        tmp_path / "tape.yaml",
    )
    with Gateway(tmp_path / "tape.yaml", command=command, folder=tmp_path) as gateway:
        if gateway.mechanism != "namespace":
            pytest.skip(f"no namespace here: {gateway.reason}")
        run = measure(command, tmp_path, tmp_path / "scratch", env=gateway.environment, enter=gateway.enter)
    assert run.stdout.decode() == "b'mine'\nb'theirs'\nConnectionRefusedError\nConnectionRefusedError\n", (
        run.stderr.decode()
    )


SECRETS = """
import requests
session = requests.Session()
token = session.post("https://api.shop.test/login", data={"password": "hunter2hunter2"}).json()["access_token"]
print(session.get("https://api.shop.test/private", headers={"Authorization": "Bearer " + token}).json())
try:
    session.get("http://shop.test/close")
except requests.ConnectionError:
    print("closed")
"""


def test_a_recording_keeps_no_secret_and_plays_all_the_same(origin: Origin, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(SECRETS)
    command, tape = [sys.executable, "main.py"], tmp_path / "tape.yaml"
    with Gateway(
        record=True, command=command, folder=tmp_path, addresses=origin.addresses, authority=origin.authority
    ) as gateway:
        outputs = []
        for number in range(2):
            run = measure(command, tmp_path, tmp_path / f"{number}", env=gateway.environment, enter=gateway.enter)
            outputs.append(run.stdout.decode())
            if number == 0:
                assert gateway.finish(tape).redacted == 2
    assert outputs == ["{'you': 'ann'}\nclosed\n"] * 2
    text = tape.read_text()
    for secret in ("hunter2", "tok-9f8e", "cookie-0123"):
        assert secret not in text
