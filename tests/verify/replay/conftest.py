"""The servers of these tests, and one recording that all clients are answered from."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from clients import REQUESTS, program
from origin import Origin

from asyncify.verify.measure import measure
from asyncify.verify.replay.gateway import Gateway


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Origin]:
    with Origin(tmp_path_factory.mktemp("origin")) as running:
        yield running


@pytest.fixture(scope="module")
def recorded(origin: Origin, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A cassette of what the program with requests asks, and what that program printed meanwhile."""
    folder = tmp_path_factory.mktemp("recorded")
    program(folder, REQUESTS)
    command = [sys.executable, "main.py"]
    tape = folder / "tape.yaml"
    with Gateway(
        record=True, command=command, folder=folder, addresses=origin.addresses, authority=origin.authority
    ) as gateway:
        run = measure(command, folder, folder / "scratch", env=gateway.environment, enter=gateway.enter)
        traffic = gateway.traffic()
        gateway.finish(tape)
    assert run.exit_code == 0, run.stderr.decode()
    assert not traffic.problems
    return tape, run.stdout.decode()
