"""Every kind of difference is found and named; what is the same raises nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from asyncify.verify.behaviour import Aspect, Behaviour, Observation, Pattern, compare_behaviour
from asyncify.verify.server import SeenRequest, Traffic


def seen(target: str, started: float, ended: float, **fields: object) -> SeenRequest:
    request = SeenRequest("GET", target, (("Accept", "*/*"), ("X-Key", "1")), b"", started, ended, 200)
    return replace(request, **fields)  # type: ignore[arg-type]


SEQUENTIAL = Traffic((seen("/a", 0, 1), seen("/b", 1, 2)))
PARALLEL = Traffic((seen("/a", 0, 2), seen("/b", 1, 3), seen("/c", 2.5, 4)))
RUN = Observation(0, "out\n", "", {"made.csv": b"a\n"}, SEQUENTIAL)


def compare(after: Observation, before: Observation = RUN) -> Behaviour:
    return compare_behaviour([before], [after])


def aspects(behaviour: Behaviour) -> list[Aspect]:
    return [difference.aspect for difference in behaviour.differences]


def test_the_same_is_the_same() -> None:
    behaviour = compare(RUN)
    assert behaviour.same
    assert set(behaviour.compared) == set(Aspect) - {Aspect.LOOP, Aspect.TESTS, Aspect.RESPONSES}


@pytest.mark.parametrize(
    ("change", "aspect", "shown"),
    [
        ({"exit_code": 1}, Aspect.EXIT_CODE, "exit code: 1, before it was 0"),
        ({"exit_code": None}, Aspect.EXIT_CODE, "exit code: timed out, before it was 0"),
        ({"stdout": "other\n"}, Aspect.STDOUT, "-out\n+other\n"),
        ({"stdout": "out"}, Aspect.STDOUT, "no newline at the end"),
        ({"stderr": "RuntimeWarning: coroutine 'f' was never awaited\n"}, Aspect.STDERR, "never awaited"),
        ({"files": {}}, Aspect.FILES, "-made.csv: 2 bytes"),
        ({"files": {"made.csv": b"b\n"}}, Aspect.FILES, "+    b\n"),
        ({"files": {"made.csv": b"a\r\n"}}, Aspect.FILES, "+made.csv: 3 bytes"),
        ({"files": {"made.csv": b"a\n", "more": b"\xff"}}, Aspect.FILES, "+more: 1 bytes"),
        ({"files": {"made.csv": None}}, Aspect.FILES, "+made.csv: removed"),
    ],
)
def test_a_difference_is_found_and_shown(change: dict[str, object], aspect: Aspect, shown: str) -> None:
    behaviour = compare(replace(RUN, **change))  # type: ignore[arg-type]
    assert aspects(behaviour) == [aspect]
    assert shown in behaviour.differences[0].message + behaviour.differences[0].diff


def requests(*items: SeenRequest) -> Observation:
    return replace(RUN, traffic=Traffic(items))


@pytest.mark.parametrize(
    ("after", "shown"),
    [
        ((seen("/a", 0, 1),), "-GET /b"),
        ((seen("/a", 0, 1), seen("/b", 1, 2), seen("/b", 2, 3)), "+GET /b"),
        ((seen("/a", 0, 1), seen("/b?x=1", 1, 2)), "+GET /b?x=1"),
        ((seen("/a", 0, 1), seen("/b", 1, 2, method="HEAD")), "+HEAD /b"),
        ((seen("/a", 0, 1), seen("/b", 1, 2, headers=())), "-  x-key: 1"),
        ((seen("/a", 0, 1), seen("/b", 1, 2, headers=(("X-Key", "2"),))), "+  x-key: 2"),
        ((seen("/a", 0, 1), seen("/b", 1, 2, body=b"k=v")), "+    k=v"),
    ],
)
def test_other_requests(after: tuple[SeenRequest, ...], shown: str) -> None:
    behaviour = compare(requests(*after))
    assert aspects(behaviour) == [Aspect.REQUESTS]
    assert shown in behaviour.differences[0].diff


def test_headers_of_the_client_library_do_not_count() -> None:
    other = [replace(each, headers=(("accept", "x"), ("User-Agent", "y"), ("x-key", "1"))) for each in RUN_REQUESTS]
    assert compare(requests(*other)).same


RUN_REQUESTS = SEQUENTIAL.requests


def test_the_order_of_cookies_and_the_boundary_of_a_form_do_not_count() -> None:
    def form(word: str, cookie: str) -> Observation:
        headers = (("Content-Type", f"multipart/form-data; boundary={word}"), ("Cookie", cookie))
        return requests(seen("/a", 0, 1, headers=headers, body=f"--{word}\r\nx\r\n--{word}--".encode()))

    assert compare(form("12", "a=1; b=2"), form("345", "b=2; a=1")).same
    assert not compare(form("12", "a=1; b=2"), form("345", "b=2; a=3")).same


def test_order_counts_where_the_program_was_sequential() -> None:
    behaviour = compare(requests(seen("/b", 0, 1), seen("/a", 1, 2)))
    assert aspects(behaviour) == [Aspect.ORDER]


def test_order_does_not_count_where_more_was_asked_as_soon_as_answers_were_kept_back() -> None:
    first, other = requests(seen("/b", 0, 1), seen("/a", 1, 2)), requests(seen("/a", 0, 1), seen("/b", 1, 2))
    assert aspects(compare_behaviour([first], [other], bounds=(1, 1))) == [Aspect.ORDER]
    assert compare_behaviour([first], [other], bounds=(2, 2)).same


def test_order_does_not_count_where_it_was_not() -> None:
    before = replace(RUN, traffic=PARALLEL)
    after = requests(seen("/c", 0, 2), seen("/a", 1, 3), seen("/b", 2.5, 4))
    behaviour = compare(after, before)
    assert behaviour.same and Aspect.ORDER not in behaviour.compared


def test_a_lost_bound_and_a_lost_concurrency() -> None:
    before = replace(RUN, traffic=PARALLEL)
    unbounded = requests(seen("/a", 0, 2), seen("/b", 0, 2), seen("/c", 0, 2))
    assert [each.message for each in compare(unbounded, before).differences] == [
        "at most 3 requests were in flight, before it was 2"
    ]
    one_by_one = requests(seen("/a", 0, 1), seen("/b", 1, 2), seen("/c", 2, 3))
    assert aspects(compare(one_by_one, before)) == [Aspect.IN_FLIGHT]


def test_a_pool_that_does_not_fill_up_tells_no_bound() -> None:
    def at_once(number: int) -> Observation:
        return requests(
            *(seen(f"/{index % 30}", 0, 1) for index in range(number)),
            *(seen("/", 2 + n, 3 + n) for n in range(30 - number)),
        )

    befores = [at_once(16), at_once(20)]
    flight = [Aspect.IN_FLIGHT]
    for number, expected in ((16, []), (24, []), (12, []), (30, flight), (5, flight)):
        behaviour = compare_behaviour(befores, [at_once(number)])
        assert [each for each in aspects(behaviour) if each is Aspect.IN_FLIGHT] == expected
    assert Aspect.IN_FLIGHT in aspects(compare_behaviour([at_once(20)] * 2, [at_once(21)]))


def test_frames_of_a_traceback_do_not_count_but_its_exception_does() -> None:
    def failed(frames: str, last: str) -> Observation:
        return replace(RUN, stderr=f"Traceback (most recent call last):\n{frames}{last}\n")

    before = failed('  File "a.py", line 1, in f\n    g()\n    ~^^\n', "ValueError: no")
    assert compare(failed('  File "a.py", line 7, in f\n    await g()\n', "ValueError: no"), before).same
    assert aspects(compare(failed('  File "a.py", line 1\n', "ValueError: yes"), before)) == [Aspect.STDERR]
    # Not in standard output: there it would be the program's own.
    text = "Traceback (most recent call last):\n  a\nE\n"
    assert not compare(replace(RUN, stdout=text), replace(RUN, stdout=text.replace("  a", "  b"))).same


def test_patterns_apply_to_the_output_and_are_reported() -> None:
    pattern = Pattern(r"took \d+ ms", "took N ms")
    before, after = replace(RUN, stdout="took 5 ms\n"), replace(RUN, stdout="took 7 ms\n")
    behaviour = compare_behaviour([before], [after], patterns=[pattern])
    assert behaviour.same and pattern in behaviour.patterns
    assert not compare(after, before).same


def test_a_program_that_differs_from_run_to_run() -> None:
    befores = [replace(RUN, stdout="a\n"), replace(RUN, stdout="b\n")]
    behaviour = compare_behaviour(befores, [replace(RUN, stdout="b\n")])
    assert behaviour.same and behaviour.unstable == (Aspect.STDOUT,)
    assert aspects(compare_behaviour(befores, [replace(RUN, stdout="c\n")])) == [Aspect.STDOUT]


def test_one_differing_run_is_enough() -> None:
    assert not compare_behaviour([RUN, RUN], [RUN, replace(RUN, exit_code=1)]).same


def test_without_a_server_requests_are_not_compared() -> None:
    quiet = replace(RUN, traffic=None)
    assert Aspect.REQUESTS not in compare(quiet, quiet).compared
