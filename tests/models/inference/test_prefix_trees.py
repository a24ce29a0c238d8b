"""Rows as trees, by hand and against a naive reading of what a token may see."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unipref.models.inference.prefix_trees import Branch, Row, build_tree, pack, pack_into_rows
from unipref.models.rendered_dialogue import common_length


def branches(*texts: tuple[int, ...]) -> list[Branch]:
    return [Branch(ids, len(ids) - 1, owner, owner) for owner, ids in enumerate(texts)]


def row_of(*texts: tuple[int, ...]) -> Row:
    row = Row()
    for branch in branches(*texts):
        row.add(branch, row.growth(branch.ids))
    return row


def test_a_tree_by_hand() -> None:
    #  1 ── 2 ── 3        nodes 0 1 2
    #       └─── 4 ── 5   nodes     3 4
    #  9                  node  5
    tree = build_tree([(1, 2), (1, 2, 3), (1, 2, 4, 5), (9,)])
    assert tree.ids == [1, 2, 3, 4, 5, 9]
    assert tree.depths == [0, 1, 2, 2, 3, 0]
    assert tree.ends == [5, 5, 3, 5, 5, 6]
    assert tree.paths == [[0, 1], [0, 1, 2], [0, 1, 3, 4], [5]]


def test_columns_whose_logits_are_asked_for_come_first() -> None:
    packed = pack([row_of((1, 2, 3), (1, 2, 4, 5))])
    # The ends 3 and 5 first, then 1, 2, 4, then padding to eight.
    assert packed.ids.tolist() == [[3, 5, 1, 2, 4, 0, 0, 0]]
    assert packed.positions.tolist() == [[2, 3, 0, 1, 2, 0, 0, 0]]
    assert packed.kept == (0, 2)
    assert [path.tolist() for path in packed.paths[0]] == [[2, 3, 0], [2, 3, 4, 1]]
    visible = packed.visible()[0].astype(int)
    assert visible[0].tolist() == [1, 0, 1, 1, 0, 0, 0, 0]  # 3 sees 1 2 3
    assert visible[1].tolist() == [0, 1, 1, 1, 1, 0, 0, 0]  # 5 sees 1 2 4 5
    assert visible[5].tolist() == [0, 0, 0, 0, 0, 1, 0, 0]  # padding sees itself


def test_chains_are_left_in_order() -> None:
    packed = pack([row_of((1, 2), (1, 2, 3)), row_of((7,))])
    assert packed.chains
    assert packed.ids[:, :3].tolist() == [[1, 2, 3], [7, 0, 0]]
    assert packed.kept == (0, 3)


texts = st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=6).map(tuple), min_size=1, max_size=12)


@given(texts)
def test_each_token_sees_the_start_of_its_text_and_nothing_else(given_texts: list[tuple[int, ...]]) -> None:
    row = row_of(*given_texts)
    packed = pack([row, row_of((1, 1, 1, 1, 1, 1, 1))])
    visible = packed.visible()[0]
    assert row.size == len({text[:n] for text in given_texts for n in range(1, len(text) + 1)})
    for branch, path in zip(row.members, packed.paths[0], strict=True):
        assert tuple(packed.ids[0, path]) == branch.ids
        assert packed.positions[0, path].tolist() == list(range(len(branch.ids)))
        for at, column in enumerate(path):
            assert sorted(np.flatnonzero(visible[column])) == sorted(path[: at + 1])


@given(st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=6).map(tuple), max_size=30), st.booleans())
def test_every_text_is_in_one_row(given_texts: list[tuple[int, ...]], branching: bool) -> None:
    groups = [Branch(ids, 0, owner, owner // 3) for owner, ids in enumerate(given_texts)]
    rows = pack_into_rows(groups, branching)
    assert sorted(branch.owner for row in rows for branch in row.members) == list(range(len(given_texts)))
    for row in rows:
        assert [branch.ids for branch in row.members] == row.keys == sorted(row.keys)
        assert branching or row.is_chain()
        assert row.size == len(build_tree(row.keys).ids)
    assert rows == pack_into_rows(groups, branching)


def test_texts_without_a_common_start_stay_apart() -> None:
    rows = pack_into_rows(branches((1, 2, 3), (4, 5, 6), (7, 8)), branching=True)
    assert [row.size for row in rows] == [3, 3, 2]


def test_a_long_start_is_read_few_times_though_rows_are_bounded() -> None:
    start = tuple(range(1000))
    rows = pack_into_rows(branches(*((*start, 2000 + i, 5) for i in range(600))), branching=True)
    # A row holds at most twice a text of 1002 tokens: the start and two tokens of each of 502 texts, then the others.
    assert [row.size for row in rows] == [1000 + 2 * 502, 1000 + 2 * 98]


def test_rows_of_a_group_are_neighbours() -> None:
    texts = [(1, 2, 3, 4, 5, 6, 7, 8, 9), (2, 3), (3, 4, 5), (4, 5, 6, 7), (5,), (6, 7, 8)]
    rows = pack_into_rows([Branch(ids, 0, owner, owner // 2) for owner, ids in enumerate(texts)], branching=True)
    order = [row.members[0].group for row in rows]
    changes = sum(a != b for a, b in pairwise(order))
    assert len(rows) == 6
    assert changes == 2


@pytest.mark.parametrize("kind", [tuple, list, "".join])
def test_common_length(kind: type) -> None:
    for a, b, shared in [
        ("", "", 0),
        ("abc", "abd", 2),
        ("abc", "abcd", 3),
        ("xbc", "abc", 0),
        ("a" * 9 + "b", "a" * 12, 9),
    ]:
        assert common_length(kind(a), kind(b)) == common_length(kind(b), kind(a)) == shared
