"""The bundled program: its forms do the same; the demo measures what it says."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from asyncify.demo import FORMS, ROUTES, DemoResult, lay_program, run_demo
from asyncify.demo.run import MIGRATED
from asyncify.errors import UsageError
from asyncify.verify.behaviour import Aspect
from asyncify.verify.result import Comparison, Metric
from asyncify.verify.server import LocalServer, Traffic


@pytest.fixture(scope="module")
def server() -> Iterator[LocalServer]:
    with LocalServer(routes=[ROUTES], latency=0.05) as running:
        yield running


def run(form: str, folder: Path, server: LocalServer, *options: str) -> tuple[str, Traffic]:
    server.reset()
    main = lay_program(form, folder)
    command = [sys.executable, "-B", str(main), server.url, "--first-day", "2027-01-04", "--days", "8", *options]
    result = subprocess.run(command, capture_output=True, encoding="utf-8", check=True, env={"PYTHONUTF8": "1"})
    assert result.stderr == ""
    return result.stdout, server.traffic()


def asked(traffic: Traffic) -> list[tuple[str, str, bytes]]:
    return sorted((each.method, each.target, each.body) for each in traffic.requests)


def test_all_forms_print_and_ask_the_same(tmp_path: Path, server: LocalServer) -> None:
    found = {form: run(form, tmp_path / form, server, "--workers", "3") for form in FORMS}
    text, traffic = found["sequential"]
    assert {form: output for form, (output, _) in found.items()} == dict.fromkeys(FORMS, text)
    assert all(asked(each) == asked(traffic) for _, each in found.values())
    assert {form: each.most_in_flight for form, (_, each) in found.items()} == {
        "sequential": 1,
        "threads": 3,
        "gevent": 3,
    }
    lines = text.splitlines()
    assert len(lines) == 9 and lines[0].startswith("2027-01-04") and lines[7].startswith("2027-01-11")
    prices = [line.split()[-2] for line in lines[:8]]
    assert lines[8].startswith(f"Cheapest: {min(prices, key=float)} €")


def test_each_day_is_a_session_with_a_page_and_its_form(tmp_path: Path, server: LocalServer) -> None:
    _, traffic = run("sequential", tmp_path / "x", server)
    assert [each.method for each in traffic.requests] == ["GET", "POST"] * 8
    assert traffic.connections == 8
    assert all(each.status == 200 for each in traffic.requests)
    assert all(b"token=" in each.body and each.header("Cookie") for each in traffic.requests[1::2])


def test_a_form_without_its_token_is_refused(server: LocalServer) -> None:
    import requests

    answer = requests.post(f"{server.url}/search", data={"from": "Wien", "to": "Basel", "date": "2027-01-04"})
    assert answer.status_code == 403
    assert requests.get(f"{server.url}/search").status_code == 400


MIGRATED_BY_HAND = """
import asyncio
from fares import cheapest_fare, days_of, parse_arguments, print_fares


async def main():
    arguments = parse_arguments()
    bound = asyncio.Semaphore(arguments.workers)

    async def one(day):
        async with bound:
            return await asyncio.to_thread(cheapest_fare, arguments.base_url, day)

    days = days_of(arguments)
    print_fares(dict(zip(days, await asyncio.gather(*map(one, days)))))


asyncio.run(main())
"""


def demo(migrate: str, keep: Path | None = None) -> DemoResult[str]:
    def change(folder: Path) -> str:
        (folder / "threads.py").write_text(migrate)
        return folder.name

    return run_demo(change, keep=keep, days=6, workers=2, runs=1, warmup=0, latency=0.05)


def test_the_demo_measures_all_forms_and_the_migrated_one(tmp_path: Path) -> None:
    result = demo(MIGRATED_BY_HAND, tmp_path / "kept")
    assert result.migration == MIGRATED
    assert [each.name for each in result.comparison.variants] == ["sequential", "threads", "gevent", "asyncio"]
    assert result.forms_agree and result.behaviour.same and not result.missing
    assert [each.most_in_flight for each in result.comparison.variants] == [1, 2, 2, 2]
    assert all(each.requests == 12 for each in result.comparison.variants)
    assert all(each.floor and each.runs[0].samples for each in result.comparison.variants)
    assert {path.name for path in (tmp_path / "kept").iterdir()} == {*FORMS, MIGRATED}
    text = " ".join(result.findings)
    threads, migrated = result.comparison["threads"], result.comparison["asyncio"]
    for metric, unit in ((Metric.CPU, " s of CPU"), (Metric.WALL, " s")):
        assert f"{migrated.median(metric):.2f}{unit}" in text
    assert f"{threads.median(Metric.MEMORY) / 2**20:.1f} MiB" in text
    saves = migrated.median(Metric.MEMORY) < threads.median(Metric.MEMORY)
    assert ("does not save memory" in text) is not saves


def test_the_demo_objects_to_a_migration_that_lost_the_bound_and_the_output() -> None:
    wrong = MIGRATED_BY_HAND.replace("Semaphore(arguments.workers)", "Semaphore(100)").replace("print_fares(", "print(")
    result = demo(wrong)
    assert [each.aspect for each in result.behaviour.differences] == [Aspect.STDOUT, Aspect.IN_FLIGHT]
    assert "did not do what threads did" in result.findings[0]
    assert result.forms_agree


def test_fewer_requests_in_flight_are_a_difference_where_it_took_longer() -> None:
    fewer = demo(MIGRATED_BY_HAND.replace("Semaphore(arguments.workers)", "Semaphore(1)"))
    assert [each.aspect for each in fewer.behaviour.differences] == [Aspect.IN_FLIGHT]
    assert not fewer.same

    def lasting(name: str, seconds: float) -> DemoResult[str]:
        variants = [
            replace(each, runs=tuple(replace(run, wall=seconds) for run in each.runs)) if each.name == name else each
            for each in fewer.comparison.variants
        ]
        return replace(fewer, comparison=Comparison(tuple(variants)))

    quick = lasting(MIGRATED, 0.001)
    assert quick.same
    assert "1 of them in flight at most where threads had 2" in quick.findings[0]
    assert not lasting("threads", 0.001).same


def test_the_demo_does_not_write_into_a_folder_with_something_in_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="not an empty folder"):
        demo(MIGRATED_BY_HAND, tmp_path)
