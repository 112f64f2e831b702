"""Units, copies and reasons."""

from __future__ import annotations

import itertools
import time

import pytest

from noetl.targets.features import cycles
from noetl.targets.plan import CopyId, Plan, plan
from noetl.targets.regions import Reason, control_graph

from .graphs import random_graph, workflow


def shape(made: Plan) -> dict[str, tuple[str, int, bool]]:
    return {u.step.name: (u.reasons[0].code, len(u.copies), u.chooses) for u in made.units}


def regions(text: str, max_copies: int = 16) -> list[str]:
    """The regions with the reason of each step, `*` for many tokens, `+` for such as gather them, and their copies."""
    return [
        f"{'+' if u.gathers else '*' if u.many else ''}{len(u.copies)} "
        + " ".join(f"{step.name}:{reason.code}" for step, reason in zip(u.steps, u.reasons, strict=True))
        for u in plan(workflow(text), max_copies).units
        if u.kind == "region"
    ]


def arrows(made: Plan) -> list[str]:
    return [f"{a.source.step}{a.source.number}>{a.target.step}{a.target.number}" for a in made.arrows()]


def test_a_chain_is_plain_steps() -> None:
    made = plan(workflow("start: *[a]\na: *[end]\nend:"))
    assert shape(made) == {
        "start": ("entry", 1, False),
        "a": ("one-edge", 1, False),
        "end": ("one-edge", 1, False),
    }
    assert arrows(made) == ["start1>a1", "a1>end1"]


def test_what_start_does_not_reach_is_dropped() -> None:
    made = plan(workflow("start: *[end]\nlost: [end] *[lost]\nend:"))
    assert [u.step.name for u in made.units] == ["start", "end"]
    assert [a.source for a in made.units[1].copies[0].arriving] == [CopyId("start", 1)]


def test_exclusive_edges_share_one_task() -> None:
    made = plan(workflow("start: [a] [b]\na: *[c]\nb: *[c]\nc: *[end]\nend:"))
    assert shape(made)["c"] == (Reason.EXCLUSIVE.code, 1, False)


def test_concurrent_tokens_get_copies_and_their_tail_too() -> None:
    made = plan(workflow("start: [a b]\na: *[c]\nb: *[c]\nc: *[d]\nd: *[end]\nend:"))
    assert shape(made)["c"] == (Reason.CONCURRENT.code, 2, False)
    assert shape(made)["d"] == (Reason.CONCURRENT.code, 2, False)
    assert shape(made)["end"] == (Reason.JOIN_ALL.code, 1, False)
    assert arrows(made)[-2:] == ["d1>end1", "d2>end1"]


def test_a_target_listed_twice_makes_two_copies() -> None:
    assert arrows(plan(workflow("start: *[a a]\na:"))) == ["start1>a1", "start1>a2"]


def test_a_join_all_takes_both_entries_and_ends_copies() -> None:
    made = plan(workflow("start: *[a a]\na: *[b]\nb: all *[c]\nc:"))
    assert shape(made)["b"][:2] == ("join-all", 1)
    assert shape(made)["c"][:2] == ("one-edge", 1)


def test_a_choice_further_up_excludes_only_if_every_path_passes_it() -> None:
    made = plan(workflow("start: [s1] [s2 s1]\ns1: [s2]\ns2: *[end]\nend:"))
    assert shape(made)["s2"] == ("concurrent-tokens", 2, False)
    apart = plan(workflow("start: [s1] [s2]\ns1: [s3 s4]\ns2: [s3]\ns3:\ns4:"))
    assert shape(apart)["s3"] == ("exclusive-edges", 1, False)


@pytest.mark.parametrize(
    ("line", "chooses"),
    [
        ("*[end]", False),
        ("[end]", True),
        ("[end] *[end]", True),
        ("[] *[end]", True),
        ("*[end] dead", True),
        ("*[]", False),
        ("dead", False),
        ("", False),
    ],
)
def test_a_step_chooses_if_it_may_end_green_without_an_edge(line: str, chooses: bool) -> None:
    assert plan(workflow(f"start: {line}\nend:")).units[0].chooses is chooses


def test_cycles_are_found_with_the_shortest_way_back() -> None:
    text = "start: *[a d]\na: [b] [end]\nb: [c]\nc: [b] [a]\nd: *[d]\nlost: *[lost]\nend:"
    found = [" ".join([c[0].source, *(e.target for e in c)]) for c in cycles(control_graph(workflow(text)))]
    assert found == ["a b c a", "d d"]


def test_a_cycle_that_one_token_goes_through_is_like_a_step() -> None:
    text = "start: *[page]\npage: [page] [check] *[done]\ncheck: [page] [done]\ndone: *[end]\nend:"
    assert regions(text) == ["1 page:cycle check:cycle"]
    made = plan(workflow(text))
    assert shape(made)["done"] == (Reason.EXCLUSIVE.code, 1, False)
    assert arrows(made) == ["start1>page1", "page1>done1", "page1>done1", "done1>end1"]


def test_a_cycle_has_a_copy_for_each_token() -> None:
    text = "start: *[a b]\na: *[poll]\nb: *[poll]\npoll: [poll] *[end]\nend:"
    assert regions(text) == ["2 poll:cycle"]


def test_a_cycle_that_forks_takes_what_it_feeds() -> None:
    text = "start: *[page]\npage: [page store] *[done]\nstore: *[end]\ndone: *[end]\nend:"
    assert regions(text) == ["*1 page:cycle store:any-number-of-tokens done:any-number-of-tokens"]


def test_a_join_in_a_cycle_takes_the_tokens_of_all_edges() -> None:
    text = "start: *[a b]\na: *[meet]\nb: *[meet]\nmeet: all [more] *[end]\nmore: *[meet]\nend:"
    assert regions(text) == ["+1 meet:join-in-cycle more:join-in-cycle"]
    assert regions(text.replace("start: *[a b]", "start: [a] [b]")) == ["1 meet:cycle more:cycle"]


def test_a_loop_that_fans_out_and_what_it_feeds() -> None:
    text = "start: *[all]\nall: [one] *[none] fan\none: *[two]\ntwo: *[end]\nnone: all *[after]\nafter: *[end]\nend:"
    fed = "any-number-of-tokens"
    assert regions(text) == [f"*1 all:fan-out one:{fed} two:{fed}"]
    assert regions("start: *[end] fan\nend:") == []


def test_what_lies_between_belongs_to_the_region() -> None:
    text = "start: *[all]\nall: [one meet] fan\nmeet: all *[one]\none: *[end]\nend:"
    assert regions(text) == ["*1 all:fan-out meet:between one:any-number-of-tokens"]


def test_two_regions_that_lead_to_each_other_are_one() -> None:
    text = "start: *[a]\na: [x j] fan\nx: *[y]\nj: all *[b]\nb: [y k] fan\ny:\nk: all *[end]\nend:"
    assert [len(line.split()) - 1 for line in regions(text)] == [5]


def test_copies_are_bounded() -> None:
    doubling = (
        "start: *[s1 s1]\n" + "\n".join(f"s{n}: *[s{n + 1} s{n + 1}]" for n in range(1, 5)) + "\ns5: *[end]\nend:"
    )
    assert regions(doubling) == ["+1 s5:too-many-tokens"]
    assert [len(unit.copies) for unit in plan(workflow(doubling)).units] == [1, 2, 4, 8, 16, 1, 1]
    fed, more = "any-number-of-tokens", "too-many-tokens"
    assert regions(doubling, 2) == [f"+1 s2:{more} s3:{fed} s4:{more} s5:{fed}"]
    assert len(plan(workflow(doubling), max_copies=32).units[-2].copies) == 32


def test_a_long_chain_beside_another_is_planned_without_recursion() -> None:
    lines = ["start: *[a0 b0]"]
    for side in "ab":
        lines += [f"{side}{n}: *[{side}{n + 1}]" for n in range(3000)] + [f"{side}3000: *[meet]"]
    begun = time.process_time()
    made = plan(workflow("\n".join([*lines, "meet:"])))
    assert len(made.units[-1].copies) == 2
    assert time.process_time() - begun < 5


def tokens_together(graph: str) -> dict[str, int]:
    """For each step the most tokens that can come to it, over every choice of every run."""
    facts = control_graph(workflow(graph))
    steps = facts.graph.steps
    order = [name for (name,) in facts.components.members if name in facts.reach.from_start]
    most: dict[str, int] = dict.fromkeys(order, 0)

    def play(at: int, waiting: dict[str, int]) -> None:
        if at == len(order):
            return
        name = order[at]
        coming = waiting.get(name, 0) if name != "start" else 1
        most[name] = max(most[name], coming)
        runs = min(coming, 1) if steps[name].join == "all" else coming
        by_rule: dict[int | None, list[str]] = {}
        for edge in steps[name].edges():
            by_rule.setdefault(edge.rule, []).append(edge.target)
        options = [*by_rule.values()] or [[]]
        for chosen in itertools.combinations_with_replacement(options, runs):
            after = dict(waiting)
            for target in itertools.chain.from_iterable(chosen):
                after[target] = after.get(target, 0) + 1
            play(at + 1, after)

    play(0, {})
    return most


@pytest.mark.parametrize("seed", range(60))
def test_copies_are_as_many_as_tokens_can_meet(seed: int) -> None:
    graph = random_graph(f"tokens/{seed}")
    made = plan(workflow(graph), max_copies=6)
    most = tokens_together(graph)
    for unit in made.units:
        if unit.kind != "region" and unit.step.join == "each":
            assert len(unit.copies) >= most[unit.step.name], graph
        if unit.kind != "region" and most[unit.step.name] <= 1 and unit.step.join == "each":
            # Groups are made greedily; where no two tokens can meet, one copy is always enough.
            assert len(unit.copies) == 1, graph
