"""Tests of the order of a group's answers: by hand and against brute force."""

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unipref.core.records import Axis, Comparison, Feedback, Reason, Reject, Response
from unipref.unify.projection.groups import merge_feedback
from unipref.unify.projection.order import STRENGTH, Order, build_order
from unipref.unify.projection.project import WEIGHTED, Projection, add_weighted_scores, project

HELP = {"help": Axis("high")}
PROMPT = [{"role": "user", "content": "Q"}]


def answer(text: str, scores: dict[str, float] | None = None, approved: bool | None = None) -> Response:
    return Response([{"role": "assistant", "content": text}], scores or {}, approved)


def scored(*scores: float) -> Feedback:
    """Answers a0, a1, ... with these scores."""
    return Feedback(PROMPT, [answer(f"a{i}", {"help": score}) for i, score in enumerate(scores)])  # type: ignore[arg-type]


def compared(texts: str, *comparisons: Comparison) -> Feedback:
    """One answer for each letter, and comparisons between them."""
    return Feedback(PROMPT, [answer(text) for text in texts], list(comparisons))  # type: ignore[arg-type]


def order(group: Feedback, tie_within: float = 0.0, axes: dict[str, Axis] = HELP) -> Order:
    return build_order(group, next(iter(axes)), axes, tie_within)


def refusal(group: Feedback, tie_within: float = 0.0) -> Reject:
    with pytest.raises(Reject) as caught:
        order(group, tie_within)
    return caught.value


def heights(found: Order) -> list[list[float]]:
    return [[found.scores[i] for i in level] for level in found.levels]


def test_levels_are_sorted_from_the_best() -> None:
    found = order(scored(2, 5, 2, 4))
    assert heights(found) == [[5], [4], [2, 2]]
    assert found.count_ordered_pairs() == 5  # 5 beats three others, 4 beats two; the two with 2 are equal
    low = order(scored(2, 5, 2, 4), axes={"help": Axis("low")})
    assert heights(low) == [[2, 2], [4], [5]]


def test_an_answer_without_a_score_is_left_out_of_the_order() -> None:
    group = Feedback(PROMPT, [*scored(1, 2).responses, answer("b")])  # type: ignore[arg-type]
    assert order(group).count_ordered_pairs() == 1


def test_ties_are_not_transitive() -> None:
    found = order(scored(2, 1, 0), tie_within=1)
    assert found.first_worse_levels() == [2, 3, 3]
    assert found.count_ordered_pairs() == 1  # 2 over 0; 2 and 1, and 1 and 0, are within 1 of each other


@pytest.mark.parametrize(("high", "low", "tie"), [(0.8, 0.7, 0.1), (0.3, 0.2, 0.1), (1.1, 1.0, 0.1), (3, 3, 0)])
def test_a_gap_as_wide_as_the_tie_is_a_tie_whatever_the_rounding(high: float, low: float, tie: float) -> None:
    assert refusal(scored(high, low), tie).reason is Reason.TIE
    assert order(scored(high + 0.01, low), tie).count_ordered_pairs() == 1


def test_the_reject_says_what_was_found() -> None:
    assert str(refusal(scored(3, 3))) == "all 2 answers have 3 on 'help'"
    assert str(refusal(scored(3, 3.5), 1)) == "all 2 answers lie between 3 and 3.5 on 'help'"
    assert refusal(scored(3)).reason is Reason.ONE_RESPONSE
    assert refusal(compared("ab")).reason is Reason.UNSCORED


@settings(deadline=None, derandomize=True)
@given(
    st.lists(st.integers(-20, 20).map(lambda n: n / 4), min_size=2, max_size=9), st.sampled_from([0.0, 0.25, 1.0, 3.5])
)
def test_ordered_pairs_are_those_further_apart_than_the_tie(scores: list[float], tie: float) -> None:
    expected = sum(abs(a - b) > tie for a, b in itertools.combinations(scores, 2))
    if expected == 0:
        assert refusal(scored(*scores), tie).reason is Reason.TIE
    else:
        assert order(scored(*scores), tie).count_ordered_pairs() == expected


def test_grades_are_averaged_and_a_tie_counts_as_nothing() -> None:
    grades = [Comparison(0, 1, strength=3), Comparison(1, 0, strength=1), Comparison(0, 1, tie=True, strength=0)]
    (pair, known), = order(compared("ab", *grades)).pair_judgements.items()  # fmt: skip
    assert pair == (0, 1)
    assert (known.axis, known.better, known.worse) == (STRENGTH, pytest.approx(2 / 3), 0.0)
    assert (known.confidence, known.n_judgements) == (pytest.approx(1 / 3), 3)


def test_strengths_are_ignored_if_not_every_judge_gave_one() -> None:
    votes = [Comparison(0, 1, strength=9), Comparison(1, 0), Comparison(1, 0)]
    (pair, known), = order(compared("ab", *votes)).pair_judgements.items()  # fmt: skip
    assert (pair, known.axis, known.confidence) == ((1, 0), None, pytest.approx(2 / 3))


def test_a_weak_grade_is_a_tie_within_the_gap_and_votes_have_no_gap() -> None:
    weak = compared("ab", Comparison(0, 1, strength=0.5))
    assert order(weak, 0.4).count_ordered_pairs() == 1
    assert refusal(weak, 0.5).reason is Reason.TIE
    assert order(compared("ab", Comparison(0, 1)), 5).count_ordered_pairs() == 1


def test_a_comparison_of_a_text_with_itself_says_nothing() -> None:
    assert refusal(compared("aa", Comparison(0, 1))).reason is Reason.SAME_RESPONSE
    found = order(compared("aab", Comparison(0, 1), Comparison(0, 2)))
    assert list(found.pair_judgements) == [(0, 2)]


def test_an_answer_that_one_row_holds_twice_counts_once_with_its_mean() -> None:
    texts = [("a", 5), ("b", 2), ("a", 1), ("c", 4)]
    group = merge_feedback([Feedback(PROMPT, [answer(text, {"help": score}) for text, score in texts])])  # type: ignore[arg-type]
    assert [(r.messages[0]["content"], r.scores["help"], r.n_judgements) for r in group.responses] == [
        ("a", 3, 2),
        ("b", 2, 1),
        ("c", 4, 1),
    ]


def test_the_kept_spelling_of_a_prompt_does_not_depend_on_the_order_of_rows() -> None:
    rows = [Feedback([{"role": "user", "content": text}], [answer(text, {"help": 1})]) for text in ("q ", "Q", "q")]
    assert {merge_feedback(list(mixed)).prompt[0]["content"] for mixed in itertools.permutations(rows)} == {"Q"}


JUDGEMENTS = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 4), st.sampled_from([None, 0.1, 0.2, 0.7, 1 / 3])).filter(
        lambda judgement: judgement[0] != judgement[1]
    ),
    min_size=1,
    max_size=12,
)


@settings(deadline=None, derandomize=True)
@given(judgements=JUDGEMENTS, seed=st.integers(0, 99), graded=st.booleans())
def test_the_order_of_judgements_and_of_answers_changes_nothing(
    judgements: list[tuple[int, int, float | None]], seed: int, graded: bool
) -> None:
    draw = random.Random(seed)
    place = draw.sample(range(5), 5)

    def known(places: list[int], told: list[tuple[int, int, float | None]]) -> object:
        texts = "".join("abcde"[places.index(i)] for i in range(5))
        comparisons = [Comparison(places[a], places[b], strength=s if graded else None) for a, b, s in told]
        try:
            found = order(compared(texts, *comparisons))
        except Reject as reject:
            return reject.reason
        return {(texts[a], texts[b]): judged for (a, b), judged in found.pair_judgements.items()}

    assert known(place, draw.sample(judgements, len(judgements))) == known(list(range(5)), judgements)


WEIGHED = Projection(
    "s",
    "ratings",
    "instruction",
    "CC0",
    WEIGHTED,
    {"help": Axis("high", 1, 5), "harm": Axis("low", 0, 1), "style": Axis("high", 0, 10)},
    weights={"help": 3, "harm": 1},
)


def test_weighted_axes_by_hand() -> None:
    kind, blunt, unrated = (
        answer("kind", {"help": 3, "harm": 0.0, "style": 9}),
        answer("blunt", {"help": 4, "harm": 0.8, "style": 1}),
        answer("unrated", {"help": 5, "style": 1}),
    )
    group = Feedback(PROMPT, [kind, blunt, unrated])  # type: ignore[arg-type]
    # kind: 3/4 * 2/4 + 1/4 * 1 = 0.625; blunt: 3/4 * 3/4 + 1/4 * 0.2 = 0.6125; the third has no score on 'harm'
    places = [response.scores.get(WEIGHTED) for response in add_weighted_scores(group, WEIGHED).responses]
    assert places == [pytest.approx(0.625), pytest.approx(0.6125), None]
    (found,) = project(group, WEIGHED).preferences
    assert found.chosen == kind.messages
    assert found.rejected == blunt.messages
    assert (found.axis, found.chosen_score) == (WEIGHTED, pytest.approx(0.625))
    assert [(axis["axis"], axis["chosen"], axis["rejected"]) for axis in found.axes] == [
        ("harm", 0.0, 0.8),
        ("help", 3, 4),
        ("style", 9, 1),
    ]


def test_weighted_axes_are_not_independent() -> None:
    assert list(WEIGHED.independent_axes()) == ["style"]
    alone = Projection("s", "ratings", "instruction", "CC0", "help", WEIGHED.axes)
    assert list(alone.independent_axes()) == ["help", "harm", "style"]
    group = Feedback(PROMPT, [answer("a", {"help": 2, "harm": 0.5}), answer("b", {"help": 3, "harm": 0.4})])  # type: ignore[arg-type]
    assert [axis["axis"] for axis in project(group, alone).preferences[0].axes] == ["harm"]
