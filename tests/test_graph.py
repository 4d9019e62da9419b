"""Implications, closures with witnesses, and who is to blame."""

from asyncify.graph import Implication, Implications
from asyncify.model import Reason, Span

SPAN = Span("a.py", 1, 0, 1, 1)


def graph(*steps):
    return Implications(Implication(*step.split(" -> "), step, SPAN) for step in steps)


def test_the_closure_remembers_the_way_back_to_the_root():
    holds = graph("a -> b", "b -> c", "x -> y").closure({"a": Reason("root")})
    assert set(holds) == {"a", "b", "c"}
    assert [reason.text for reason in holds["c"].chain()] == ["b -> c", "a -> b", "root"]


def test_cycles_end():
    assert set(graph("a -> b", "b -> a").closure({"a": Reason("root")})) == {"a", "b"}


def test_causes_lead_from_each_premise_to_the_end():
    causes = graph("a -> b", "b -> c", "d -> c").causes("c", Reason("pinned"))
    assert set(causes) == {"a", "b", "c", "d"}
    assert [reason.text for reason in causes["a"].chain()] == ["a -> b", "b -> c", "pinned"]


def test_components_are_connected_both_ways_and_only_over_what_was_asked():
    parts = graph("a -> b", "c -> b", "d -> e").components(["a", "b", "c", "d"])
    assert parts == [{"a", "b", "c"}, {"d"}]


def test_steps_of_and_into_a_node():
    built = graph("a -> b", "a -> c", "d -> b")
    assert [step.conclusion for step in built.of("a")] == ["b", "c"]
    assert [step.premise for step in built.into("b")] == ["a", "d"]


def test_each_is_blamed_once_for_the_first_end_it_leads_to():
    found = list(
        graph("a -> b", "b -> c", "a -> d", "e -> d").blame({"c": Reason("c!"), "d": Reason("d!"), "a": Reason("a!")})
    )
    assert [(node, end) for node, end, _ in found] == [("c", "c"), ("b", "c"), ("a", "c"), ("d", "d"), ("e", "d")]
    assert [reason.text for reason in found[-1][2].chain()] == ["e -> d", "d!"]
