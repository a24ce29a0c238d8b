"""Tests of the choice of pairs: by hand and against brute force."""

import itertools
import random
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support import trials
from unipref.core.records import Axis, Comparison, Feedback, Reason, Reject, Response
from unipref.unify.projection.groups import merge_feedback
from unipref.unify.projection.order import build_order
from unipref.unify.projection.pairs import PAIR_METHODS, PairMethod, choose_pairs, count_implied_pairs
from unipref.unify.projection.project import Projection, project

PROMPT = [{"role": "user", "content": "Q"}]
MANY = 10**6
every_way = pytest.mark.parametrize("way", sorted(PAIR_METHODS))


def answer(text: str, score: float | None = None, approved: bool | None = None) -> Response:
    scores = {} if score is None else {"help": score}
    return Response([{"role": "assistant", "content": text}], scores, approved)


def rated(scores: dict[str, float]) -> Feedback:
    return Feedback(PROMPT, [answer(text, score) for text, score in scores.items()])  # type: ignore[arg-type]


def voted(*pairs: str) -> Feedback:
    """Answers a to d, and votes: 'ab' says that a is better than b."""
    comparisons = [Comparison("abcd".index(pair[0]), "abcd".index(pair[1])) for pair in pairs]
    return Feedback(PROMPT, [answer(text) for text in "abcd"], comparisons)  # type: ignore[arg-type]


def kept(group: Feedback, way: PairMethod, cap: int = MANY, tie_within: float = 0.0, better: str = "high") -> list[str]:
    """The pairs that are kept, as 'ab' for a over b."""
    order = build_order(group, "help", {"help": Axis(better)}, tie_within)
    texts = [response.messages[0]["content"] for response in group.responses]
    return [texts[a] + texts[b] for a, b in choose_pairs(order, group, way, cap)]


FOUR = {"a": 10.0, "b": 7.0, "c": 5.5, "d": 0.0}
"""Six pairs, no two with the same gap."""


def test_four_rated_answers_by_hand() -> None:
    assert kept(rated(FOUR), "best_worst") == ["ad"]
    assert kept(rated(FOUR), "adjacent") == ["ab", "bc", "cd"]
    assert kept(rated(FOUR), "all") == ["ad", "bd", "cd", "ac", "ab", "bc"]
    assert kept(rated(FOUR), "best_random")[0] in ("ab", "ac", "ad")


def test_answers_within_a_tie_by_hand() -> None:
    # with a tie of 1.5 b and c are equal; from a the next worse one is b, from b it is d
    assert kept(rated(FOUR), "adjacent", tie_within=1.5) == ["ab", "bd"]
    assert kept(rated(FOUR), "all", tie_within=1.5) == ["ad", "bd", "cd", "ac", "ab"]
    assert kept(rated({"a": 2.0, "b": 1.0, "c": 0.0}), "best_worst", tie_within=1) == ["ac"]


def test_pairs_of_equal_gap_are_chosen_by_content_not_by_position() -> None:
    scores = {"a": 1.0, "b": 1.0, "c": 0.0, "d": 0.0}
    everything = kept(rated(scores), "all")
    assert sorted(everything) == ["ac", "ad", "bc", "bd"]
    for texts in itertools.permutations(scores):
        mixed = rated({text: scores[text] for text in texts})
        assert kept(mixed, "all", 1) == everything[:1]


def test_compared_answers_by_hand() -> None:
    chain = voted("ab", "bc", "cd", "ac", "bd", "ad")
    assert kept(chain, "best_worst") == ["ad"]
    assert sorted(kept(chain, "adjacent")) == ["ab", "bc", "cd"]
    assert sorted(kept(chain, "all")) == ["ab", "ac", "ad", "bc", "bd", "cd"]
    only = voted("ab", "bc")
    assert sorted(kept(only, "all")) == ["ab", "bc"]  # nobody compared a with c


def test_a_circle_has_no_best_answer_but_keeps_its_judgements() -> None:
    circle = voted("ab", "bc", "ca")
    for way in ("best_worst", "best_random"):
        with pytest.raises(Reject) as caught:
            kept(circle, way)  # type: ignore[arg-type]
        assert caught.value.reason is Reason.CONTRADICTION
    for way in ("all", "adjacent"):
        assert sorted(kept(circle, way)) == ["ab", "bc", "ca"]  # type: ignore[arg-type]
    assert kept(voted("ab", "bc", "ca", "ad", "bd", "cd"), "best_worst")[0][1] == "d"


def test_the_strongest_grades_come_first() -> None:
    grades = [Comparison(0, 1, strength=1), Comparison(1, 2, strength=3), Comparison(0, 2, strength=2)]
    group = Feedback(PROMPT, [answer(text) for text in "abc"], grades)  # type: ignore[arg-type]
    assert kept(group, "all") == ["bc", "ac", "ab"]
    assert kept(group, "all", cap=2) == ["bc", "ac"]


def test_good_and_bad_answers() -> None:
    responses = [answer("a", approved=True), answer("b", approved=True), answer("c", approved=False)]
    group = Feedback(PROMPT, responses)  # type: ignore[arg-type]
    assert sorted(kept(group, "all")) == ["ac", "bc"]
    for way in ("best_worst", "adjacent", "best_random"):
        (pair,) = kept(group, way)  # type: ignore[arg-type]
        assert pair in ("ac", "bc")
    assert kept(Feedback(PROMPT, responses[:2]), "all") == []  # type: ignore[arg-type]


def test_another_prompt_chooses_another_random_answer() -> None:
    scores = dict.fromkeys("bcdefgh", 0.0)
    drawn = set()
    for number in range(20):
        group = Feedback([{"role": "user", "content": str(number)}], rated({"a": 1.0, **scores}).responses)
        drawn |= {*kept(group, "best_random")}
    assert len(drawn) > 3


def how_many(group: Feedback, way: PairMethod, cap: int = MANY) -> tuple[int, int, int]:
    """Ordered, kept and implied pairs."""
    how = Projection("s", "f", "o", "l", "help", {"help": Axis("high")}, pairs=way, cap=cap)
    found = project(group, how)
    return found.ordered, len(found.preferences), found.implied


def test_implied_pairs_by_hand() -> None:
    assert how_many(rated(FOUR), "best_worst") == (6, 1, 0)
    assert how_many(rated(FOUR), "adjacent") == (6, 3, 3)
    assert how_many(rated(FOUR), "adjacent", cap=2) == (6, 2, 1)
    assert how_many(rated(FOUR), "all") == (6, 6, 0)


def test_pairs_that_nobody_judged_are_not_implied() -> None:
    assert how_many(voted("ab", "bc"), "all") == (2, 2, 0)
    assert how_many(voted("ab", "bc", "ac"), "adjacent") == (3, 2, 1)
    assert how_many(voted("ab", "bc", "ca"), "all") == (3, 3, 0)


SCORES = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(-8, 8).map(lambda n: n / 4), min_size=2)
TIES = st.sampled_from([0.0, 0.25, 1.5])
CAPS = st.sampled_from([1, 2, 3, 7, MANY])


def ordered(scores: dict[str, float], tie: float) -> dict[str, float]:
    """Every pair further apart than the tie, with its gap."""
    pairs = itertools.permutations(scores, 2)
    return {a + b: scores[a] - scores[b] for a, b in pairs if scores[a] - scores[b] > tie}


@settings(deadline=None, derandomize=True, max_examples=trials.count(40, 200))
@given(scores=SCORES, tie=TIES, cap=CAPS)
def test_all_gives_every_pair_widest_first_up_to_the_cap(scores: dict[str, float], tie: float, cap: int) -> None:
    if not (gaps := ordered(scores, tie)):
        return
    everything = kept(rated(scores), "all", tie_within=tie)
    assert sorted(everything) == sorted(gaps)
    assert [gaps[pair] for pair in everything] == sorted(gaps.values(), reverse=True)
    assert kept(rated(scores), "all", cap, tie) == everything[:cap]


@settings(deadline=None, derandomize=True, max_examples=trials.count(40, 200))
@given(scores=SCORES, tie=TIES, cap=CAPS)
def test_every_method_chooses_only_pairs_of_the_data(scores: dict[str, float], tie: float, cap: int) -> None:
    if not (gaps := ordered(scores, tie)):
        return
    for way in PAIR_METHODS:
        pairs = kept(rated(scores), way, cap, tie)  # type: ignore[arg-type]
        assert 1 <= len(pairs) <= cap
        assert len({*pairs}) == len(pairs)
        assert gaps.keys() >= {*pairs}
    (widest,) = kept(rated(scores), "best_worst", cap, tie)
    assert gaps[widest] == max(gaps.values())
    (drawn,) = kept(rated(scores), "best_random", cap, tie)
    assert scores[drawn[0]] == max(scores.values())


@settings(deadline=None, derandomize=True, max_examples=trials.count(40, 200))
@given(scores=SCORES, tie=TIES)
def test_adjacent_pairs_imply_all_pairs_of_the_data(scores: dict[str, float], tie: float) -> None:
    if not (gaps := ordered(scores, tie)):
        return
    group = rated(scores)
    order = build_order(group, "help", {"help": Axis("high")}, tie)
    adjacent = choose_pairs(order, group, "adjacent", MANY)
    assert len(adjacent) + count_implied_pairs(order, adjacent) <= len(gaps)
    steps = len(adjacent)
    assert count_implied_pairs(order, adjacent) == steps * (steps - 1) // 2  # a chain: every later answer follows
    if tie == 0:
        assert steps == len({*scores.values()}) - 1


@settings(deadline=None, derandomize=True)
@given(scores=SCORES, tie=TIES, cap=CAPS, seed=st.integers(0, 99))
def test_neither_the_order_of_rows_nor_the_direction_of_the_scale_matters(
    scores: dict[str, float], tie: float, cap: int, seed: int
) -> None:
    if not ordered(scores, tie):
        return
    mixed = dict(random.Random(seed).sample(list(scores.items()), len(scores)))
    rows = merge_feedback([Feedback(PROMPT, [answer(text, score)]) for text, score in mixed.items()])  # type: ignore[arg-type]
    turned = rated({text: -score for text, score in scores.items()})
    for way in PAIR_METHODS:
        expected = kept(rated(scores), way, cap, tie)  # type: ignore[arg-type]
        assert kept(rows, way, cap, tie) == expected  # type: ignore[arg-type]
        assert kept(turned, way, cap, tie, "low") == expected  # type: ignore[arg-type]


VOTES = st.lists(st.permutations("abcd").map(lambda four: four[0] + four[1]), min_size=1, max_size=14)


@settings(deadline=None, derandomize=True, max_examples=trials.count(40, 200))
@given(votes=VOTES, seed=st.integers(0, 99))
def test_the_order_of_votes_and_answers_does_not_matter(votes: list[str], seed: int) -> None:
    draw = random.Random(seed)
    texts = draw.sample("abcd", 4)
    shuffled = draw.sample(votes, len(votes))
    group = Feedback(
        PROMPT,  # type: ignore[arg-type]
        [answer(text) for text in texts],
        [Comparison(texts.index(vote[0]), texts.index(vote[1])) for vote in shuffled],
    )
    net = {pair: votes.count(pair) - votes.count(pair[::-1]) for pair in votes}
    ahead = {pair for pair, lead in net.items() if lead > 0}
    for way in PAIR_METHODS:
        try:
            expected: list[str] | Reason = kept(voted(*votes), way)  # type: ignore[arg-type]
        except Reject as reject:
            expected = reject.reason
        if isinstance(expected, Reason):
            with pytest.raises(Reject) as caught:
                kept(group, way)  # type: ignore[arg-type]
            assert caught.value.reason is expected
            continue
        assert kept(group, way) == expected  # type: ignore[arg-type]
        assert ahead >= {*expected}
    if ahead:
        assert {*kept(voted(*votes), "all")} == ahead


@every_way
def test_a_prompt_with_very_many_answers_takes_little_memory(way: PairMethod) -> None:
    group = rated({f"{i:05d}": float(i * 7919 % 5000) for i in range(5000)})  # 12.5 million ordered pairs
    tracemalloc.start()
    pairs = kept(group, way, cap=10)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 1 <= len(pairs) <= 10
    assert peak < 20e6
    order = build_order(group, "help", {"help": Axis("high")}, 0)
    assert order.count_ordered_pairs() == 5000 * 4999 // 2


def test_implied_pairs_of_a_thousand_answers_are_counted() -> None:
    group = rated({f"{i:04d}": float(i) for i in range(1000)})
    order = build_order(group, "help", {"help": Axis("high")}, 0)
    adjacent = choose_pairs(order, group, "adjacent", MANY)
    assert (order.count_ordered_pairs(), len(adjacent), count_implied_pairs(order, adjacent)) == (499_500, 999, 498_501)
