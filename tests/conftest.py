"""What several parts of the test suite share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from harness.start import Zygote

    from asyncify.verify.server import LocalServer


def pytest_xdist_auto_num_workers() -> int:
    """Test processes for ``-n auto``: half as many again as processors, since programs wait for each other and the server."""
    return (os.cpu_count() or 1) * 3 // 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that look at running programs get a second try, and the summary names those that needed it.

    How the kernel and the machine's host share out time is none of the product's doing; a test that fails twice is.
    """
    here = Path(__file__).parent
    for item in items:
        of_programs = {"fixture_server", "zygote"} & set(getattr(item, "fixturenames", ()))
        if of_programs or item.path.relative_to(here).parts[0] in ("demo", "support", "verify"):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Results of scans are kept in a folder of this test run, not in the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASYNCIFY_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def fixture_server() -> Iterator[LocalServer]:
    """The local server of the fixtures, in a process of its own: one per test process."""
    from harness.run import server

    with server() as running:
        yield running


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """The process that starts programs: one per test process."""
    from harness.start import Zygote

    with Zygote() as running:
        yield running
