"""Properties of the projection, and votes by hand."""

import itertools
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unipref.core.records import Axis, Comparison, Feedback, Preference, Reason, Reject, Response
from unipref.core.text_keys import normalise, prompt_key, root_key
from unipref.unify.projection.groups import merge_feedback
from unipref.unify.projection.project import Projection, project


def how(better: str = "high") -> Projection:
    return Projection("s", "ratings", "instruction", "CC0", "help", {"help": Axis(better)})


def asked(text: str, *earlier: str) -> list[Any]:
    turns = [{"role": ("user", "assistant")[i % 2], "content": turn} for i, turn in enumerate(earlier)]
    return [*turns, {"role": "user", "content": text}]


def answer(text: str, score: float | None = None, approved: bool | None = None) -> Response:
    scores = {} if score is None else {"help": score}
    return Response([{"role": "assistant", "content": text}], scores, approved)


def group_of(rows: list[tuple[str, float]], better: str = "high") -> Preference | Reason:
    """Rows of one prompt, brought together and projected."""
    parts = [Feedback(asked("Q"), [answer(text, score)]) for text, score in rows]
    try:
        return project(merge_feedback(parts), how(better)).preferences[0]
    except Reject as reject:
        return reject.reason


def sides(found: Preference | Reason) -> Any:
    return (found.id, found.chosen_score, found.rejected_score) if isinstance(found, Preference) else found


# Quarters add up without rounding, so that equal means are equal whatever the order; few texts, so that some repeat.
SCORES = st.integers(-40, 40).map(lambda n: n / 4)
ROWS = st.lists(st.tuples(st.sampled_from("abcdefg"), SCORES), min_size=1, max_size=12)
WIDE = st.lists(st.tuples(st.text(min_size=1, max_size=3), st.floats(-1e6, 1e6)), min_size=2, max_size=8)


@settings(deadline=None, derandomize=True)
@given(rows=ROWS | WIDE, seed=st.integers(0, 99))
def test_order_of_rows_changes_nothing(rows: list[tuple[str, float]], seed: int) -> None:
    mixed = random.Random(seed).sample(rows, len(rows))
    assert sides(group_of(mixed)) == sides(group_of(rows))


@settings(deadline=None, derandomize=True)
@given(rows=ROWS)
def test_best_and_worst_are_as_far_apart_as_any_two_and_the_chosen_is_the_better(rows: list[tuple[str, float]]) -> None:
    found = group_of(rows)
    by_text: dict[str, list[float]] = {}
    for text, score in rows:
        by_text.setdefault(text, []).append(score)
    means = [sum(scores) / len(scores) for scores in by_text.values()]
    if isinstance(found, Reason):
        assert found == (Reason.ONE_RESPONSE if len(means) == 1 else Reason.TIE)
        assert max(means) - min(means) <= 1e-9
        return
    assert found.chosen_score is not None
    assert found.rejected_score is not None
    assert found.chosen_score - found.rejected_score == pytest.approx(max(means) - min(means))
    assert found.n_responses == len(means)


@settings(deadline=None, derandomize=True)
@given(rows=ROWS | WIDE)
def test_inverting_the_scale_gives_the_same_pair(rows: list[tuple[str, float]]) -> None:
    up, down = group_of(rows, "high"), group_of([(text, -score) for text, score in rows], "low")
    if isinstance(up, Reason) or isinstance(down, Reason):
        assert up == down
        return
    assert up.id == down.id
    assert (up.chosen_score, up.rejected_score) == (-down.chosen_score, -down.rejected_score)  # type: ignore[operator]


@settings(deadline=None, derandomize=True)
@given(scores=st.lists(SCORES, min_size=2, max_size=9))
def test_ordered_pairs_are_those_of_different_score(scores: list[float]) -> None:
    group = Feedback(asked("Q"), [answer(f"a{i}", score) for i, score in enumerate(scores)])
    expected = sum(a != b for a, b in itertools.combinations(scores, 2))
    if expected:
        assert project(group, how()).ordered == expected


def test_very_many_answers_to_one_prompt_are_projected_at_once() -> None:
    group = Feedback(asked("Q"), [answer(f"a{i}", i % 7) for i in range(20_000)])
    assert (
        project(group, how()).ordered
        == 20_000**2 // 2 - sum(n * n for n in (2858, 2857, 2857, 2857, 2857, 2857, 2857)) // 2
    )


# Votes between answers a, b, c, d: what each case says, and the pair, its confidence and its number of judgements.
A, B, C, D = range(4)
VOTES = [
    ("two to one", [(A, B), (B, A), (A, B)], ("a", "b", 2 / 3, 3)),
    ("one vote has no confidence", [(A, B)], ("a", "b", None, 1)),
    ("a tie counts as a judgement", [(A, B), (A, B), (A, B, "tie")], ("a", "b", 2 / 3, 3)),
    ("a chain: the best beats the worst only where that was judged", [(A, B), (B, C)], ("a", "b", None, 1)),
    ("one stands above two others, of which one stands lower", [(A, B), (A, C), (B, C)], ("a", "c", None, 1)),
    ("a circle above one that all beat", [(A, B), (B, C), (C, A), (A, D), (B, D), (C, D)], (None, "d", None, 1)),
    ("both ways, equally often", [(A, B), (B, A)], Reason.CONTRADICTION),
    ("a circle: no answer stands above the others", [(A, B), (B, C), (C, A)], Reason.CONTRADICTION),
    ("ties alone", [(A, B, "tie"), (B, C, "tie")], Reason.TIE),
]


@pytest.mark.parametrize(("votes", "expected"), [case[1:] for case in VOTES], ids=[case[0] for case in VOTES])
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 1, 0, 2), (2, 3, 1, 0)], ids=str)
def test_votes(votes: list[Any], expected: Any, order: tuple[int, ...]) -> None:
    responses = [answer("abcd"[i]) for i in order]
    comparisons = [Comparison(order.index(vote[0]), order.index(vote[1]), len(vote) == 3) for vote in votes]
    group = Feedback(asked("Q"), responses, comparisons)
    if isinstance(expected, Reason):
        with pytest.raises(Reject) as caught:
            project(group, how())
        assert caught.value.reason is expected
        return
    best, worst, confidence, judgements = expected
    (found,) = project(group, how()).preferences
    assert found.chosen is not None
    assert found.rejected is not None
    assert best in (None, found.chosen[0]["content"])
    assert found.rejected[0]["content"] == worst
    assert found.confidence == (None if confidence is None else pytest.approx(confidence))
    assert found.n_judgements == judgements


def test_votes_are_grouped_across_rows_by_the_texts_of_the_answers() -> None:
    first = Feedback(asked("Q"), [answer("a"), answer("b")], [Comparison(0, 1)])
    second = Feedback(asked("Q"), [answer("b"), answer("a")], [Comparison(1, 0)])
    (found,) = project(merge_feedback([first, second]), how()).preferences
    assert (found.chosen, found.confidence, found.n_judgements) == (answer("a").messages, 1.0, 2)


SAME = [("How are you?", "how  are\nYOU? "), ("１２３", "123"), ("Straße", "STRASSE"), ("a\u00a0b", "a b")]


@pytest.mark.parametrize(("one", "other"), SAME, ids=[a for a, _ in SAME])
def test_prompts_that_look_alike_are_one_prompt_and_one_group(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)
    assert prompt_key(asked(one)) == prompt_key(asked(other))
    assert root_key(Feedback(asked(one), []), "s") == root_key(Feedback(asked(other), []), "t")


def test_group_is_that_of_the_root_prompt_and_id_that_of_everything() -> None:
    start = Feedback(asked("Q"), [answer("a", 1), answer("b", 2)])
    later = Feedback(asked("And?", "Q", "b"), [answer("a", 1), answer("b", 2)])
    other = Feedback(asked("R"), [answer("a", 1), answer("b", 2)])
    one, two, three = (project(feedback, how()).preferences[0] for feedback in (start, later, other))
    again = project(start, how()).preferences[0]
    assert one.group == two.group != three.group
    assert len({one.id, two.id, three.id}) == 3
    assert again == one


def test_declared_twins_share_a_group_within_a_source_alone() -> None:
    one, two = (Feedback(asked(text), [], twins="7") for text in ("Q", "R"))
    assert root_key(one, "s") == root_key(two, "s") != root_key(one, "t")
    assert root_key(Feedback(asked("Q"), []), "s") != root_key(one, "s")
