from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from noetl.compiler.passes.facts import Facts, Tokens

from .build import facts_of, facts_of_graph

ORDER: tuple[Tokens, ...] = ("none", "one", "several", "unbounded")


def choice(name: str, *ways: list[str], join: str = "each") -> str:
    """A step that takes one of several ways, each a `next` of its own."""
    rules = [f"{{when: '{{{{ ctx.c == {i} }}}}', then: {{next: [{', '.join(w)}]}}}}" for i, w in enumerate(ways)]
    return f"  - {{step: {name}, join: {join}, case: [{', '.join(rules)}]}}\n"


def runs(*steps: str) -> dict[str, Tokens]:
    return dict(facts_of("workflow:\n" + "".join(steps)).multiplicity.runs)


def test_one_token_on_a_chain_and_none_where_start_does_not_lead() -> None:
    assert facts_of_graph({"start": ["a"], "a": ["end"], "end": [], "x": ["end"]}).multiplicity.runs == {
        "start": "one",
        "a": "one",
        "end": "one",
        "x": "none",
    }


def test_a_fork_that_meets_again_makes_several_runs_unless_the_step_joins() -> None:
    found = facts_of_graph({"start": ["a", "b"], "a": ["c", "end"], "b": ["c", "end"], "c": [], "end": []})
    assert found.multiplicity.runs == {"start": "one", "a": "one", "b": "one", "c": "several", "end": "one"}


def test_ways_out_exclude_each_other() -> None:
    found = runs(choice("start", ["a"], ["b"]), choice("a", ["c"]), choice("b", ["c"]), choice("c"))
    assert found["c"] == "one"


def test_entries_of_exclusive_forks_exclude_each_other_but_not_of_one() -> None:
    found = runs(
        choice("start", ["a", "b"], ["a", "c"]),
        *(choice(name, ["d"]) for name in "abc"),
        choice("d"),
    )
    assert found == {"start": "one", "a": "one", "b": "one", "c": "one", "d": "several"}
    found = runs(choice("start", ["a", "x"], ["b", "y"]), *(choice(name, ["d"]) for name in "ab"), choice("d"),
                 choice("x"), choice("y"))  # fmt: skip
    assert found["d"] == "one"


def test_a_name_twice_in_one_next_is_two_runs() -> None:
    assert facts_of_graph({"start": ["a", "a"], "a": ["b"], "b": []}).multiplicity.runs["b"] == "several"


def test_one_run_after_a_join_and_what_it_meets_outside() -> None:
    found = runs(
        choice("start", ["a", "b", "x"]),
        choice("a", ["j"]),
        choice("b", ["j"]),
        choice("j", ["after"], join="all"),
        choice("after", ["meet"]),
        choice("x", ["meet"]),
        choice("meet", ["end"]),
        choice("end", join="all"),
    )
    assert found["after"] == "one"
    assert found["meet"] == "several"
    assert found["end"] == "one"


def test_a_cycle_hands_its_token_on_or_multiplies_it() -> None:
    once = runs(choice("start", ["a"]), choice("a", ["b"]), choice("b", ["a"], ["out", "too"]), choice("out", ["z"]),
                choice("too", ["z"]), choice("z"))  # fmt: skip
    assert once == {"start": "one", "a": "unbounded", "b": "unbounded", "out": "one", "too": "one", "z": "several"}
    many = runs(choice("start", ["a"]), choice("a", ["a", "out"]), choice("out", ["j"]), choice("j", join="all"))
    assert many == {"start": "one", "a": "unbounded", "out": "unbounded", "j": "one"}


def test_transitions_of_iterations_depend_on_data() -> None:
    found = facts_of(
        """
        workflow:
          - step: start
            loop: {in: "{{ workload.xs }}", iterator: n}
            tool: {kind: python, code: "result = 1"}
            case:
              - {when: "{{ response.ok }}", then: {next: a}}
              - {when: "{{ event.name == 'loop.done' }}", then: {next: b}}
          - {step: a, next: end}
          - {step: b, next: end}
          - step: end
        """
    )
    assert found.multiplicity.runs == {"start": "one", "a": "unbounded", "b": "one", "end": "one"}


def bound(facts: Facts) -> dict[str, int]:
    """The most runs that each step of an acyclic workflow can have, by trying every choice of every run."""
    order = [name for group in facts.components.members for name in group]
    most = dict.fromkeys(order, 0)
    worlds: set[tuple[int, ...]] = {tuple(int(name == "start") for name in order)}
    for place, name in enumerate(order):
        after: set[tuple[int, ...]] = set()
        for world in worlds:
            tokens = world[place]
            taking = min(tokens, 1) if facts.graph.steps[name].join == "all" else tokens
            most[name] = max(most[name], taking)
            ways = [[e.target for e in way.edges] for way in facts.exits.of[name]] or [[]]
            for taken in itertools.combinations_with_replacement([[], *ways], taking):
                made = list(world)
                for target in itertools.chain.from_iterable(taken):
                    made[order.index(target)] += 1
                after.add(tuple(made))
        worlds = after
    return most


@st.composite
def acyclic(draw: st.DrawFn) -> str:
    names = ["start", *"abcdef"[: draw(st.integers(1, 5))]]
    steps = []
    for place, name in enumerate(names):
        later = names[place + 1 :]
        ways = draw(st.lists(st.lists(st.sampled_from(later), min_size=1, max_size=2), max_size=2)) if later else []
        steps.append(choice(name, *ways, join=draw(st.sampled_from(["each", "each", "all"]))))
    return "workflow:\n" + "".join(steps)


@given(acyclic())
def test_the_bound_is_never_too_small(body: str) -> None:
    facts = facts_of(body)
    for name, most in bound(facts).items():
        found = facts.multiplicity.runs[name]
        assert ORDER.index(found) >= min(most, 2), (name, most, found)


def test_a_handler_that_every_step_of_a_long_chain_of_forks_can_reach() -> None:
    steps = 400
    chain = [choice(f"s{i}", [f"s{i + 1}", "log"], ["handler"]) for i in range(steps)]
    found = runs(choice("start", ["s0"]), *chain, choice(f"s{steps}"), choice("handler"), choice("log"))
    assert found["handler"] == "one"
    assert found["log"] == "several"


def test_where_the_branches_of_a_fork_meet() -> None:
    facts = facts_of_graph({"start": ["a", "b"], "a": ["c", "d"], "b": ["c"], "c": ["d", "d"], "d": ["e"], "e": []})
    assert facts.multiplicity.meetings == {"c": ("start", None)}
    assert facts_of_graph({"start": ["a", "a"], "a": ["b"], "b": []}).multiplicity.meetings == {}
