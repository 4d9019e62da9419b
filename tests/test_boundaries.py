"""Where a change ends: what each choice costs, which names may be given, and the witnesses of every colour."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from asyncify import api
from asyncify.config import Config
from asyncify.errors import UsageError
from asyncify.model import Colour, Cost, Group, Reason, Witness

FIXTURES = Path(__file__).parent / "fixtures"


def program(name: str) -> tuple[list[Path], Config]:
    """A fixture's program, as it would be read without its configuration."""
    root = FIXTURES / name / "before"
    return [root], Config(root)


def under(config: Config, option: str) -> Config:
    match shlex.split(option):
        case ["--boundary", "fan-out"]:
            return replace(config, boundary="fan-out")
        case ["--stop-at", name]:
            return replace(config, stop_at=(name,))
        case ["--sync-api", pattern]:
            return replace(config, sync_api=(pattern,))
    raise AssertionError(option)


def total(groups: list[Group]) -> Cost:
    costs = [group.cost for group in groups]
    return Cost(
        sum(c.functions for c in costs),
        sum(c.public for c in costs),
        sum(c.calls for c in costs),
        sum(c.tests for c in costs),
    )


@pytest.mark.parametrize("name", ["boundary_fan_out", "stop_at_in_async_caller", "sync_api_client", "tests_pytest"])
def test_each_choice_costs_what_the_plan_under_it_does(name):
    paths, config = program(name)
    groups = api.scan(paths, config).plan.groups
    assert groups
    for group in groups:
        spans = {site.span for site in group.sites}
        assert not group.cuts or group.cuts[0].option == ""
        assert len({cut.cost for cut in group.cuts}) == len(group.cuts)
        for cut in group.cuts[1:]:
            other = api.scan(paths, under(config, cut.option)).plan.groups
            assert total([one for one in other if spans & {site.span for site in one.sites}]) == cut.cost, cut


def test_the_smallest_change_is_offered():
    paths, config = program("boundary_fan_out")
    (group,) = api.scan(paths, config).plan.groups
    costs = {cut.option: cut.cost for cut in group.cuts}
    assert costs["--boundary fan-out"] == Cost(functions=3, public=0, calls=1, tests=0)
    assert costs["--sync-api '*'"].public == costs["--sync-api '*'"].tests == 0
    assert costs[""].public == 5  # main() is no interface: nobody imports main.py


def test_a_name_that_nothing_defines_is_an_error():
    paths, config = program("boundary_fan_out")
    with pytest.raises(UsageError, match=r"stop-at: no function 'prices.mani'; did you mean many\?"):
        api.scan(paths, replace(config, stop_at=("prices.mani",)))
    with pytest.raises(UsageError, match=r"sync-api: no function 'nothing_like_it'"):
        api.scan(paths, replace(config, sync_api=("nothing_like_it",)))
    api.scan(paths, replace(config, sync_api=("nothing.*",)))


def witnesses(name: str, config: Config | None = None) -> Iterator[Witness]:
    paths, plain = program(name)
    config = config or plain
    names = {
        line.split("(")[0].split()[-1]
        for path in paths[0].rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.strip().startswith("def ")
    }
    for function in sorted(names):
        yield from api.why(paths, config, function).matches


def ends(reason: Reason) -> Reason:
    return list(reason.chain())[-1]


@pytest.mark.parametrize(
    "name",
    ["property_io", "recursion", "class_hierarchy", "sync_api_client", "pool_lambda_job", "lock_over_io", "dunder_io"],
)
def test_every_colour_has_its_witnesses(name):
    found = list(witnesses(name))
    assert found
    for witness in found:
        if witness.colour in (Colour.MUST_ASYNC, Colour.CONFLICT):
            assert witness.need is not None and ends(witness.need).span is not None, witness
        if witness.colour in (Colour.MUST_SYNC, Colour.CONFLICT):
            assert witness.pin is not None and witness.pin.span is not None and witness.remedy, witness
        assert witness.up is not None, witness
        for chain in (witness.need, witness.pin, witness.up):
            links = [link.text for link in chain.chain()] if chain else []
            assert all(links), witness


def test_both_sides_of_a_conflict_are_shown():
    (witness,) = api.why(*program("property_io"), "balance").matches
    assert witness.need is not None and witness.pin is not None
    assert [link.text for link in witness.need.chain()][1] == "requests.get() waits for the network"
    assert witness.pin.text.startswith("property: ")
    assert witness.remedy == "Turn the property into a method."
    assert witness.up is not None and ends(witness.up).text == "main.py runs it when the program starts"


def test_the_way_up_ends_where_the_colour_does():
    paths, config = program("stop_at_fan_out")
    (witness,) = api.why(paths, replace(config, stop_at=("load_all",)), "load.load").matches
    assert witness.up is not None
    assert [link.text for link in witness.up.chain()] == [
        "concurrent.futures.ThreadPoolExecutor.map calls it, in load_all",
        "load_all() keeps its synchronous form, so that its callers stay as they are",
        "stop-at keeps load_all synchronous",
    ]
    (above,) = api.why(paths, replace(config, stop_at=("load_all",)), "main.report").matches
    assert above.outcome == "stays as it is, although it waits"
    assert above.need is not None and "which has a synchronous form" in [*above.need.chain()][1].text
