"""Every fixture through every law: see :mod:`harness`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from harness.check import check_fixture
from harness.fixture import load, names

if TYPE_CHECKING:
    from harness.start import Zygote

    from asyncify.verify.server import LocalServer


@pytest.mark.parametrize("name", names())
def test_fixture(name: str, fixture_server: LocalServer, zygote: Zygote) -> None:
    """Golden, compile, fixed point, remainder untouched, reasons, and both sides run and behave the same."""
    check_fixture(load(name), fixture_server, start=zygote)
