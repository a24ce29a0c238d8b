"""Three or more answers in fields of their own, with numbers or with the best and the worst beside them."""

import pytest

from support.judged_rows import ANSWERS, OTHERS, QUESTIONS, make_rows
from unipref.unify.detection.guess import PLACEHOLDER
from unipref.unify.proposal import propose

MORE = [f"{text} Nobody knows more about it." for text in reversed(OTHERS)]


@pytest.mark.parametrize("name", ["sample{}", "draft_{}", "continuation{}"])
def test_the_number_of_the_best_of_several_samples(name: str) -> None:
    texts = dict(zip(map(name.format, range(3)), (ANSWERS, OTHERS, MORE), strict=True))
    found = propose(make_rows({"query": QUESTIONS, **texts, "best": [1, 0, 2]}))
    assert (found.format, found.map["options"], found.map["answer"]) == ("multiple_choice", [*texts], "best")


@pytest.mark.parametrize(
    ("answer", "points"), [("solution_{}", "points_{} (3 = best)"), ("reply {}", "rank {} (of 3)")]
)
def test_numbers_with_a_remark_in_brackets_belong_to_their_answers(answer: str, points: str) -> None:
    texts = dict(zip(map(answer.format, "ABC"), (ANSWERS, OTHERS, MORE), strict=True))
    numbers = dict(zip(map(points.format, "ABC"), ([1, 3, 2], [2, 1, 3], [3, 2, 1]), strict=True))
    found = propose(make_rows({"task": QUESTIONS, **texts, **numbers}))
    assert (found.format, found.map["answers"], found.map["ranks"]) == ("ranking", [*texts], [*numbers])
    assert found.map["better"] == (PLACEHOLDER if "points" in points else "low")


@pytest.mark.parametrize(
    ("question", "answer", "best"), [("質問", "回答{}", "最も良い回答"), ("问题", "答案{}", "最佳答案")]
)
def test_answers_in_another_script_are_a_series(question: str, answer: str, best: str) -> None:
    texts = dict(zip(map(answer.format, "ABC"), (ANSWERS, OTHERS, MORE), strict=True))
    found = propose(make_rows({question: QUESTIONS, **texts, best: ["A", "C", "B"]}))
    assert (found.format, found.map["options"], found.map["answer"]) == ("multiple_choice", [*texts], best)


@pytest.mark.parametrize(
    ("worst", "middle", "best"),
    [
        ("pire_reponse", "reponse_moyenne", "meilleure_reponse"),
        ("peor_respuesta", "respuesta_media", "mejor_respuesta"),
        ("schlechteste_antwort", "mittlere_antwort", "beste_antwort"),
    ],
)
def test_the_worst_answer_is_rejected_in_another_language(worst: str, middle: str, best: str) -> None:
    rows = make_rows({"question": QUESTIONS, worst: OTHERS, middle: MORE, best: ANSWERS})
    found = propose(rows)
    assert (found.format, found.map["chosen"], found.map["rejected"]) == ("pairs", best, worst)
    assert any(middle in doubt for doubt in found.doubts)
