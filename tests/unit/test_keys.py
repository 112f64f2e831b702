"""Keys order runs so that ancestors come first (CAU-3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noetl.runtime.keys import Key

pairs = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=6)


def made(of: list[tuple[int, int]]) -> Key:
    key = Key.root()
    for index, entry in of:
        key = key.child(index, entry)
    return key


@given(pairs, pairs)
def test_keys_compare_as_their_lists_of_pairs(left: list[tuple[int, int]], right: list[tuple[int, int]]) -> None:
    assert (made(left) < made(right)) == (left < right)
    assert (made(left) == made(right)) == (left == right)
    assert (made(left) >= made(right)) == (left >= right)


@given(pairs)
def test_equal_keys_hash_alike_and_survive_json(of: list[tuple[int, int]]) -> None:
    key = made(of)
    assert hash(Key.from_json(key.to_json())) == hash(key)
    assert Key.from_json(key.to_json()) == key
    assert key.pairs() == of


def test_children_share_their_parent() -> None:
    parent = Key.root().child(0, 1)
    assert parent.child(0, 0).parent is parent.child(0, 1).parent


def test_the_text_of_a_long_key_is_its_last_pair() -> None:
    key = made([(0, 1)] * 60)
    assert str(key) == "...0.1 (depth 60)"
    assert str(Key.root()) == "-"
    assert str(made([(0, 1), (2, 0)])) == "0.1/2.0"


def test_a_long_key_is_shown_as_its_parent_and_its_last_pair() -> None:
    parent = made([(0, 1)] * 50)
    key = parent.child(2, 3).child(0, 0)
    assert parent.shown() == [[0, 1]] * 50
    assert key.shown() == {
        "id": key.identity(),
        "parent": parent.child(2, 3).identity(),
        "pair": [0, 0],
        "depth": 52,
    }


@given(st.lists(pairs, min_size=2, max_size=2, unique_by=str), st.integers(0, 60))
def test_no_two_keys_have_one_identity(two: list[list[tuple[int, int]]], deeper: int) -> None:
    left, right = (made([*of, *[(0, 0)] * deeper]) for of in two)
    assert left.identity() != right.identity()
    assert left.identity() == Key.from_json(left.to_json()).identity()
    assert len(left.identity()) < 400


@pytest.mark.parametrize("wrong", [None, "x", [[0]], [["a", 0]], [[0, 1, 2]]])
def test_another_shape_is_no_key(wrong: object) -> None:
    with pytest.raises(ValueError, match="not a"):
        Key.from_json(wrong)
