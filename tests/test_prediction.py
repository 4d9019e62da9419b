"""What a scan expects a group to save: bounds from the code, the model's arithmetic, and how it is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console

from asyncify import api
from asyncify.config import Config
from asyncify.model import Plan
from asyncify.prediction import COSTS, Gain, Profile, Range, predict, predictions
from asyncify.report.savings import savings_report
from asyncify.report.scan_json import scan_json

PROGRAM = """\
import sys
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.pool import ThreadPool
from threading import Thread

import requests

FEW, MANY = 8, 2000


def fetch(url):
    return requests.get(url).text


def main():
    urls = sys.argv[1:]
{body}

if __name__ == "__main__":
    main()
"""
EXECUTOR = "    with ThreadPoolExecutor({}) as pool:\n        print(list(pool.map(fetch, urls)))\n"


def planned(folder: Path, body: str, http: str = "auto") -> Plan:
    (folder / "main.py").write_text(PROGRAM.replace("{body}", body))
    return api.scan((folder,), Config(folder, http=http, cache=False)).plan  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("body", "workers"),
    [
        (EXECUTOR.format("max_workers=20"), [20]),
        (EXECUTOR.format("MANY"), [2000]),
        (EXECUTOR.format("FEW if len(urls) < 9 else MANY"), [2000]),
        (EXECUTOR.format("int(sys.argv[1])"), [None]),
        (EXECUTOR.format(""), [None]),
        (EXECUTOR.format("3") + EXECUTOR.format("5"), [3, 5]),
        ("    with ThreadPool(7) as pool:\n        print(pool.map(fetch, urls))\n", [7]),
        ("    one = Thread(target=fetch, args=(urls[0],))\n    one.start()\n    one.join()\n", [1]),
        (
            "    all = [Thread(target=fetch, args=(url,)) for url in urls]\n    for each in all:\n"
            "        each.start()\n    for each in all:\n        each.join()\n",
            [None],
        ),
        ("    import grequests\n    print(grequests.map([grequests.get(url) for url in urls], size=9))\n", [9]),
        ("    import grequests\n    print(list(grequests.imap(grequests.get(url) for url in urls)))\n", [2]),
        ("    import grequests\n    print(grequests.map([grequests.get(url) for url in urls]))\n", [None]),
        ("    for url in urls:\n        print(fetch(url))\n", []),
    ],
)
def test_the_bounds_are_those_in_the_code(tmp_path: Path, body: str, workers: list[int | None]) -> None:
    (group,) = planned(tmp_path, body).groups
    assert [bound.workers for bound in group.bounds] == workers


def test_many_in_flight_save_memory_few_cost_some() -> None:
    few, many = (predict(Profile.NATIVE, Range(n, n)) for n in (4, 2000))
    assert few.memory is not None and many.memory is not None
    assert few.memory.high < 0 < many.memory.low
    assert (few.gain, many.gain) == (Gain.CPU, Gain.MEMORY)
    at_even = predict(Profile.NATIVE, Range(few.even_at.low, few.even_at.low)).memory
    assert at_even is not None and at_even.high == pytest.approx(0)


def test_compat_with_few_in_flight_gains_nothing_and_says_so() -> None:
    found = predict(Profile.COMPAT, Range(10, 10))
    assert found.gain is Gain.NOTHING and found.even_after is None
    assert found.cpu.low < 0


def test_one_after_the_other_saves_no_memory_however_many() -> None:
    found = predict(Profile.NATIVE, Range(1, 1))
    assert found.memory == Range(-COSTS[Profile.NATIVE].floor.high, -COSTS[Profile.NATIVE].floor.low)


def test_where_requests_stays_the_imports_cost_more(tmp_path: Path) -> None:
    moves = planned(tmp_path, EXECUTOR.format("20"))
    alone = predictions(moves)[moves.groups[0].id]
    (tmp_path / "other.py").write_text(
        "import requests\n\nclass Sized:\n    def __len__(self):\n        return len(requests.get('http://x').text)\n"
    )
    plan = planned(tmp_path, EXECUTOR.format("20"))
    assert plan.refusals
    beside = predictions(plan)[plan.groups[0].id]
    assert beside.floor.low > alone.floor.low and beside.each == alone.each


def test_what_moves_no_requests_has_no_prediction(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(
        "import time\nfrom concurrent.futures import ThreadPoolExecutor\n\n\ndef job(n):\n    time.sleep(n)\n\n\ndef main():\n"
        "    with ThreadPoolExecutor(3) as pool:\n        print(list(pool.map(job, [0.1] * 9)))\n\n\nmain()\n"
    )
    plan = api.scan((tmp_path,), Config(tmp_path, cache=False)).plan
    assert plan.groups and not predictions(plan)
    assert savings_report(plan) is None


def shown(plan: Plan) -> str:
    console = Console(width=110, record=True, file=None)
    with console.capture() as capture:
        console.print(savings_report(plan))
    return capture.get()


@pytest.mark.parametrize(
    ("body", "http", "parts"),
    [
        (EXECUTOR.format("MANY"), "auto", ("up to 2,000", "MiB less", "memory", "Native profile")),
        (EXECUTOR.format("FEW"), "compat", ("up to 8", "MiB more", "nothing", "CPU time never does")),
        (EXECUTOR.format("len(urls)"), "auto", ("not in the code", "it depends")),
        ("    print(fetch(urls[0]))\n", "auto", ("one", "CPU, not memory")),
    ],
)
def test_the_table_says_what_is_to_be_gained(tmp_path: Path, body: str, http: str, parts: tuple[str, ...]) -> None:
    text = shown(planned(tmp_path, body, http))
    for part in parts:
        assert part in text


def test_the_json_has_it_too(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(PROGRAM.replace("{body}", EXECUTOR.format("2000")))
    document = json.loads(scan_json(api.scan((tmp_path,), Config(tmp_path, cache=False))))
    (group,) = document["groups"]
    assert group["pools"] == [{"path": "main.py", "line": 17, "workers": 2000}]
    assert group["expected"]["gain"] == "memory" and group["expected"]["in_flight"] == [2000, 2000]
    low, high = group["expected"]["memory_saved_mib"]
    assert 0 < low < high
