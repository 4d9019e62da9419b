"""The recording local server, asked by real clients over real sockets."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from asyncify.verify.server import LocalServer, SeenRequest, ServerError, Traffic


@pytest.fixture(scope="module")
def running() -> Iterator[LocalServer]:
    with LocalServer() as server:
        yield server


@pytest.fixture
def server(running: LocalServer) -> LocalServer:
    running.reset(latency=0)
    return running


def test_echo_says_what_it_received(server: LocalServer) -> None:
    answer = requests.post(f"{server.url}/echo/a?x=1&x=2&y=%20", data={"k": "ü"}, headers={"X-Mine": "1"}).json()
    assert answer["method"] == "POST"
    assert answer["path"] == "/echo/a"
    assert answer["args"] == {"x": ["1", "2"], "y": " "}
    assert answer["form"] == {"k": "ü"}
    assert answer["headers"]["X-Mine"] == "1"


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/status/404", 404, "status 404"),
        ("/status/500?body=oh", 500, "oh"),
        ("/delay/1/a/b", 200, "a/b"),
        ("/json/1", 200, '{"n": 1, "items": [{"id": 0, "name": "item 0"}]}'),
        ("/text", 200, "grüße, ñandú, naïve\n"),
        ("/latin", 200, "grüße, ñandú, naïve\n"),
        ("/set-cookie?a=1&b=2", 200, "a b"),
        ("/drip/2/1", 200, "line 0\nline 1\n"),
        ("/bytes/3", 200, "\x00\x01\x02"),
        ("/basic-auth/u/p", 401, "no"),
        ("/nothing-here", 404, "404: Not Found"),
    ],
)
def test_generic_routes(server: LocalServer, path: str, status: int, text: str) -> None:
    response = requests.get(server.url + path)
    assert (response.status_code, response.text) == (status, text)


def test_a_page_without_a_charset(server: LocalServer) -> None:
    response = requests.get(f"{server.url}/html")
    assert response.encoding == "ISO-8859-1"
    assert "<title>Grüße</title>" in response.content.decode()


def test_redirects_cookies_credentials_and_compression(server: LocalServer) -> None:
    with requests.Session() as session:
        response = session.get(f"{server.url}/redirect/3?status=301&to=/set-cookie?a=1")
        assert [each.status_code for each in response.history] == [301, 301, 301]
        assert session.get(f"{server.url}/cookies").json() == {"a": "1"}
    assert requests.get(f"{server.url}/basic-auth/u/p", auth=("u", "p")).json()["authenticated"]
    assert requests.get(f"{server.url}/gzip").headers["Content-Encoding"] == "gzip"


def test_flaky_fails_as_often_as_asked_and_again_after_a_reset(server: LocalServer) -> None:
    def statuses() -> list[int]:
        return [requests.get(f"{server.url}/flaky/2/key").status_code for _ in range(4)]

    assert statuses() == [503, 503, 200, 200]
    server.reset()
    assert statuses() == [503, 503, 200, 200]


def test_a_closed_connection(server: LocalServer) -> None:
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{server.url}/close")


def test_the_log_has_each_request_as_sent(server: LocalServer) -> None:
    requests.get(f"{server.url}/text?q=a%2Fb")
    requests.put(f"{server.url}/echo", data=b"\xff\x00", headers={"X-A": "b"})
    first, second = server.traffic().requests
    assert (first.method, first.target, first.body, first.status) == ("GET", "/text?q=a%2Fb", b"", 200)
    assert (second.method, second.body, second.header("x-a")) == ("PUT", b"\xff\x00", "b")
    assert first.ended is not None and first.started <= first.ended <= second.started
    assert first.connection != second.connection
    server.reset()
    assert server.traffic().requests == ()


def test_most_in_flight_is_the_bound_of_the_client(server: LocalServer) -> None:
    server.reset(latency=0.05)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: requests.get(f"{server.url}/json/{number}"), range(12)))
    traffic = server.traffic()
    assert len(traffic.requests) == 12
    assert traffic.most_in_flight == 4


def test_a_client_that_went_away_is_not_in_flight(server: LocalServer) -> None:
    with pytest.raises(requests.ReadTimeout):
        requests.get(f"{server.url}/delay/60000", timeout=0.05)
    deadline = time.monotonic() + 5
    while server.traffic().requests[0].ended is None and time.monotonic() < deadline:
        time.sleep(0.01)
    seen = server.traffic().requests[0]
    assert seen.ended is not None and seen.status is None


def test_in_flight_counts_an_end_before_a_start_of_the_same_moment() -> None:
    one = SeenRequest("GET", "/", (), b"", 1.0, 2.0)
    two = SeenRequest("GET", "/", (), b"", 2.0, 3.0)
    assert Traffic((one, two)).most_in_flight == 1
    assert Traffic((one, two, SeenRequest("GET", "/", (), b"", 2.5))).most_in_flight == 2


def test_a_server_that_cannot_start_says_so(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ServerError, match="did not start"), LocalServer(routes=["asyncify.no_such_module:f"]):
        pass
    assert "no_such_module" in capfd.readouterr().err


def test_a_server_that_has_ended_says_so() -> None:
    with LocalServer() as server:
        pass
    with pytest.raises(ServerError, match="not running"):
        server.traffic()
