"""``asyncify verify`` with a recording: what the requests of two versions have in common, and what not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from origin import Origin

from asyncify.cli.app import app
from asyncify.errors import UsageError
from asyncify.verify import rehearse
from asyncify.verify.behaviour import Aspect, Pattern
from asyncify.verify.compare import Variant, verify
from asyncify.verify.rehearse import Answers, rehearsed
from asyncify.verify.replay.cassette import load, save
from asyncify.verify.replay.exchange import Cassette, Exchange, Request, Response
from asyncify.verify.replay.gateway import Gateway
from asyncify.verify.result import VerifyResult

HEAD = """import sys, urllib.request
def get(path, **headers):
    request = urllib.request.Request("http://a.test" + path, headers=headers)
    return urllib.request.urlopen(request).read().decode()
"""
BEFORE = HEAD + "print(get('/1'), get('/2', Authorization='Bearer token-of-ann-1'))\n"
TAPE = Cassette(
    tuple(
        Exchange(Request("GET", f"http://a.test/{n}"), Response(200, "OK", body=f"page {n}".encode()))
        for n in range(1, 4)
    )
)
COMMAND = [sys.executable, "main.py"]


@pytest.fixture
def versions(tmp_path: Path) -> tuple[Path, Path]:
    folders = tmp_path / "before", tmp_path / "after"
    for folder in folders:
        folder.mkdir()
    (folders[0] / "main.py").write_text(BEFORE)
    save(TAPE, tmp_path / "tape.yaml")
    return folders


def compared(versions: tuple[Path, Path], after: str, **options: object) -> VerifyResult:
    before, now = versions
    (now / "main.py").write_text(after)
    with Gateway(before.parent / "tape.yaml", command=COMMAND, folder=before) as gateway:
        return verify(before, now, COMMAND, runs=1, warmup=0, server=gateway, **options)  # type: ignore[arg-type]


def test_the_same_requests(versions: tuple[Path, Path]) -> None:
    result = compared(versions, BEFORE + "# another file\n")
    assert result.ok, result.behaviour.differences
    assert {Aspect.REQUESTS, Aspect.ORDER, Aspect.IN_FLIGHT, Aspect.ANSWERS} <= set(result.behaviour.compared)
    assert result.before.requests == 2


@pytest.mark.parametrize(
    ("after", "aspect", "message"),
    [
        (BEFORE + "get('/3')\n", Aspect.REQUESTS, "+GET http://a.test/3"),
        (BEFORE.replace("'/1'", "'/3'").replace("print", "str"), Aspect.REQUESTS, "-GET http://a.test/1"),
        (BEFORE.replace("ann", "bob"), Aspect.REQUESTS, "+  authorization: Bearer REDACTED-2-"),
        (
            HEAD + "b = get('/2', Authorization='Bearer token-of-ann-1'); print(get('/1'), b)\n",
            Aspect.ORDER,
            "+GET http",
        ),
        (BEFORE + "try: get('/4')\nexcept OSError: pass\n", Aspect.ANSWERS, "after: not recorded: GET http://a.test/4"),
    ],
)
def test_other_requests(after: str, aspect: Aspect, message: str, versions: tuple[Path, Path]) -> None:
    found = {each.aspect: each for each in compared(versions, after).behaviour.differences}
    assert message in found[aspect].diff
    assert "token-of" not in found[aspect].diff


def test_a_header_may_be_asked_for_and_a_pattern_ignored(versions: tuple[Path, Path]) -> None:
    after = BEFORE.replace("get('/1')", "get('/1', Accept='text/plain')").replace("print(", "print('took 7 s', ")
    (versions[0] / "main.py").write_text(BEFORE.replace("print(", "print('took 5 s', "))
    took = [Pattern(r"took \d+ s", "…")]
    assert compared(versions, after, patterns=took).ok
    result = compared(versions, after, patterns=took, headers=("accept",))
    assert [each.aspect for each in result.behaviour.differences] == [Aspect.REQUESTS]
    assert took[0] in result.behaviour.patterns


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def test_the_command_offline(versions: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    before, after = versions
    (after / "main.py").write_text(BEFORE)
    monkeypatch.chdir(after)
    options = [
        "--before",
        str(before),
        "--runs",
        "1",
        "--warmup",
        "0",
        "--cassette",
        str(before.parent / "tape.yaml"),
        "--offline",
    ]
    result = run("verify", *options, "--", *COMMAND)
    assert result.exit_code == 0, result.output
    assert "Requests were answered from" in result.output.replace("\n", " ")
    (after / "main.py").write_text(BEFORE + "get('/4')\n")
    result = run("verify", *options, "--ignore", "page", "--", *COMMAND)
    assert result.exit_code == 1
    assert "not recorded: GET http://a.test/4" in result.output.replace("\n", "")
    assert "page was replaced" in result.output


def test_wishes_that_contradict_each_other(tmp_path: Path) -> None:
    missing = tmp_path / "missing.yaml"
    for answers in (Answers(record=True, offline=True), Answers(missing, offline=True)):
        with pytest.raises(UsageError), rehearsed(answers, Variant(tmp_path, ("true",)), 10):
            pass
    for option in (["--ignore", "("], ["--port", "x"], ["--port", "70000"]):
        assert run("verify", *option, "--", "true").exit_code == 2


def test_recorded_first_and_read_from_then_on(origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "main.py").write_text(HEAD.replace("a.test", "shop.test") + "print(get('/count'))\nget('/echo?q=1')\n")

    class Near(Gateway):
        """A gateway whose real servers are those of the tests."""

        def __init__(self, *words: object, **options: object) -> None:
            super().__init__(*words, addresses=origin.addresses, authority=origin.authority, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(rehearse, "Gateway", Near)
    tape, before = tmp_path / "tape.yaml", Variant(tmp_path, tuple(COMMAND))
    for asked in (2, 0):
        already = origin.requests
        with rehearsed(Answers(tape), before, 60) as (gateway, notes):
            assert origin.requests == already + asked
            result = verify(tmp_path, tmp_path, COMMAND, runs=1, warmup=0, server=gateway, notes=notes)
        assert result.ok and origin.requests == already + asked
        assert any("were recorded" in note for note in result.notes) == bool(asked)
    assert [each.request.url for each in load(tape).exchanges] == [
        "http://shop.test/count",
        "http://shop.test/echo?q=1",
    ]


POOL = """import sys, urllib.request
from concurrent.futures import ThreadPoolExecutor
def get(n):
    return urllib.request.urlopen("http://a.test/1").read()
with ThreadPoolExecutor(WORKERS) as pool:
    print(len(list(pool.map(get, range(12)))))
"""


@pytest.mark.parametrize(("workers", "same"), [(4, True), (6, False), (3, False)])
def test_the_bound_is_seen_however_fast_the_answers_come(workers: int, same: bool, versions: tuple[Path, Path]) -> None:
    (versions[0] / "main.py").write_text(POOL.replace("WORKERS", "4"))
    (versions[1] / "main.py").write_text(POOL.replace("WORKERS", str(workers)))
    with Gateway(versions[0].parent / "tape.yaml", command=COMMAND, folder=versions[0]) as gateway:
        result = verify(*versions, COMMAND, runs=1, warmup=1, server=gateway)
    assert (result.before.bound, result.after.bound) == (4, workers)
    found = [each.message for each in result.behaviour.differences]
    assert found == ([] if same else [f"at most {workers} requests are in flight, before it was 4"])
