"""Services before and after under the same load: figures of the clients, answers byte for byte."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from asyncify.cli.app import app
from asyncify.errors import UsageError
from asyncify.report.verify_json import verify_document
from asyncify.verify.behaviour import Aspect
from asyncify.verify.compare import verify
from asyncify.verify.result import VerifyResult
from asyncify.verify.services import Load, Served, figures

SERVICE = """
import sys, time, itertools
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

count = itertools.count()

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = f"page {self.path} {next(count) if 'count' in self.path else ''}".encode()
        DELAY
        self.send_response(404 if "missing" in self.path else 200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words):
        print(time.time(), *words)  # differs each time

ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def compared(folder: Path, port: int, after: str, *pages: str) -> VerifyResult:
    versions = folder / "before", folder / "after"
    for version, text in zip(versions, (SERVICE, after), strict=True):
        version.mkdir(parents=True)
        (version / "main.py").write_text(text.replace("DELAY", "pass"))
    urls = tuple(f"http://127.0.0.1:{port}{page}" for page in pages)
    command = [sys.executable, "main.py", str(port)]
    return verify(*versions, command, runs=1, warmup=0, load=Load(urls, clients=4, requests=40))


def test_the_same_answers(tmp_path: Path, port: int) -> None:
    result = compared(tmp_path, port, SERVICE + "# the same\n", "/a", "/missing")
    assert result.ok, result.behaviour.differences
    assert Aspect.RESPONSES in result.behaviour.compared and Aspect.STDOUT not in result.behaviour.compared
    seen = result.after.service
    assert seen is not None and seen.errors == 0 and seen.throughput > 0
    assert 0 < seen.p50 <= seen.p90 <= seen.p99
    assert result.after.runs[0].most_threads > 1 and result.after.runs[0].peak > 5_000_000
    assert verify_document(result)["variants"][1]["service"]["p99"] == seen.p99


def test_other_answers_are_shown_as_a_diff(tmp_path: Path, port: int) -> None:
    result = compared(tmp_path, port, SERVICE.replace('b"', "").replace("page {", "side {"), "/a")
    (difference,) = result.behaviour.differences
    assert difference.aspect is Aspect.RESPONSES
    assert "-    page /a" in difference.diff and "+    side /a" in difference.diff


def test_answers_that_differ_each_time_are_compared_by_what_does_not(tmp_path: Path, port: int) -> None:
    assert compared(tmp_path / "same", port, SERVICE, "/count").ok
    result = compared(tmp_path / "other", port, SERVICE.replace('"missing"', '"count"'), "/count")
    assert [each.aspect for each in result.behaviour.differences] == [Aspect.RESPONSES]


def test_requests_without_an_answer_are_a_difference(tmp_path: Path, port: int) -> None:
    rude = SERVICE.replace("DELAY", "if 'rude' in self.path: raise SystemExit")
    result = compared(tmp_path, port, rude, "/a", "/rude")
    assert Aspect.RESPONSES in [each.aspect for each in result.behaviour.differences]
    assert result.after.service is not None and result.after.service.errors > 0


def test_a_service_that_does_not_listen_is_shown_with_its_output(tmp_path: Path, port: int) -> None:
    with pytest.raises(UsageError, match=r"did not listen(?s:.*)no way"):
        compared(tmp_path, port, "import sys\nsys.exit('no way')\n", "/a")


def test_percentiles() -> None:
    served = Served(0.1, 2.0, tuple(n / 100 for n in range(1, 101)), {"x": 2}, {})
    assert served.throughput == 50.0
    assert [served.percentile(share) for share in (50, 90, 99)] == pytest.approx([0.505, 0.901, 0.9901])
    assert figures([served, served]).errors == 4


def test_the_command(tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("before", "after"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "main.py").write_text(SERVICE.replace("DELAY", "pass"))
    monkeypatch.chdir(tmp_path / "after")
    words = ["verify", "--before", str(tmp_path / "before"), "--runs", "1", "--warmup", "0"]
    load = ["--service", f"{sys.executable} main.py {port}", "--load", f"http://127.0.0.1:{port}/a", "--requests", "20"]
    result = CliRunner().invoke(app, [*words, *load])
    assert result.exit_code == 0, result.output
    for name in ("throughput", "latency, 99 %", "responses"):
        assert name in result.output
    for wrong in (["--service", "x"], ["--load", "http://a.test/"], [*load, "--", "true"]):
        assert CliRunner().invoke(app, [*words, *wrong]).exit_code == 2
