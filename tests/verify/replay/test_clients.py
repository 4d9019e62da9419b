"""One cassette for all clients: whoever asks gets the same answers, over plain connections and TLS, whatever leads them here."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from clients import CLIENTS, program
from origin import Origin

from asyncify.verify.measure import measure
from asyncify.verify.replay.cassette import load
from asyncify.verify.replay.gateway import Gateway

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells when something came")
MECHANISMS = {"namespace": True, "redirect": False}


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("client", CLIENTS)
def test_the_same_answers_for(
    client: str, mechanism: str, recorded: tuple[Path, str], origin: Origin, tmp_path: Path
) -> None:
    if client == "curl" and shutil.which("curl") is None:
        pytest.skip("no curl here")
    tape, printed = recorded
    asked = origin.requests
    program(tmp_path, CLIENTS[client])
    command = [sys.executable, "main.py"]
    with Gateway(tape, command=command, folder=tmp_path, isolated=MECHANISMS[mechanism]) as gateway:
        if gateway.mechanism != mechanism:
            pytest.skip(f"no {mechanism} here: {gateway.reason}")
        run = measure(command, tmp_path, tmp_path / "scratch", env=gateway.environment, enter=gateway.enter)
        traffic, unused = gateway.traffic(), gateway.unused()
    assert run.stdout.decode() == printed, run.stderr.decode()
    assert traffic.problems == () and unused == ()
    assert len(traffic.requests) == 2 * (11 + 3 + 100)  # three of them redirects
    assert traffic.most_in_flight > 1
    assert origin.requests == asked  # the real servers were left alone


@linux
def test_a_hundred_connections_at_once_are_not_charged_for_our_own_work(recorded: tuple[Path, str]) -> None:
    """A hundred TLS handshakes take this machine a long time; each is recorded as what one takes with that server."""
    exchanges = load(recorded[0]).exchanges
    opened = [each.connect for each in exchanges if each.connect is not None and each.request.url.startswith("https:")]
    assert len(opened) > 100
    assert max(opened) - min(opened) < 0.02  # TCP alone differs, and here that is nothing
    assert all(each.latency >= 0.028 for each in exchanges if "/slow/" in each.request.url)
