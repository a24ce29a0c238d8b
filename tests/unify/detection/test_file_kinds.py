"""Tests of what `propose` says of kinds of files that it once read wrongly, in rows of our own."""

import json
from pathlib import Path
from typing import Any

import pytest

from unipref.unify.detection.guess import PLACEHOLDER
from unipref.unify.inspection import inspect, open_questions
from unipref.unify.named_sources import find_named_source
from unipref.unify.proposal import propose

THINGS = [f"{a} {b}" for a in ("an old", "a young") for b in ("cat", "dog", "owl", "fox", "hen", "cow")]
WAYS = [
    "People have kept {a} since long before anyone wrote it down.",
    "Never try that indoors; you would only regret it.",
    "My aunt would tell you more than you want to hear of {a}.",
    "By rivers, where the grass is wet and the nights are cold.",
]


def ask(thing: str) -> str:
    return f"Where does {thing} sleep in winter?"


def answer(thing: str, n: int = 0) -> str:
    return WAYS[(n + len(thing)) % len(WAYS)].format(a=thing)


def rows_of(**fields: Any) -> list[dict[str, Any]]:
    """Makes rows with a question; a field is a function of the thing and its number, or a list of values in turn."""
    return [
        {"question": ask(thing)}
        | {name: make(thing, n) if callable(make) else make[n % len(make)] for name, make in fields.items()}
        for n, thing in enumerate(THINGS * 2)
    ]


@pytest.mark.parametrize("name", ["answer_start", "offsets", "char_positions"])
@pytest.mark.parametrize("starts", [[[0]], [[0, 1], [1, 0]]])
def test_places_in_a_text_are_not_ratings_of_steps(name: str, starts: list[list[int]]) -> None:
    """The answers of a reading task and where they begin."""
    rows = rows_of(
        context=lambda thing, n: f"{answer(thing, n)} {answer(thing, n + 1)}",
        answers=lambda thing, n: {
            "text": ["Never try that", "since long"][: len(starts[0])],
            name: starts[n % len(starts)],
        },
    )
    proposed = propose(rows)
    assert proposed.format in (None, "demonstration")
    assert f"answers.{name}" not in str(proposed.map)


def test_ratings_of_steps_are_still_recognised() -> None:
    rows = rows_of(
        steps=lambda thing, n: [answer(thing, n), answer(thing, n + 1), answer(thing, n + 2)],
        labels=[[1, 1, 0], [1, 0, 0], [1, 1, 1]],
    )
    assert propose(rows).format == "steps"


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("qa_status", ["pass", "fail", "needs work"]),
        ("qa_status", ["pass", "fail", "sent to Kim"]),
        ("state", ["accepted", "rejected", "to be discussed"]),
        ("review_status", ["approved", "in progress"]),
        ("editor_verdict", ["good", "bad", "see thread"]),
        ("moderation_result", ["clean", "flagged"]),
        ("qa_result", ["P", "F"]),
        ("validation_outcome", ["7a", "7b", "open"]),
    ],
)
def test_outcome_of_a_check_is_never_passed_over(name: str, values: list[str]) -> None:
    """Answers that a reviewer passed or failed: they are judged, or they cannot run as demonstrations."""
    proposed = propose(rows_of(output=answer, **{name: values}))
    if proposed.format == "demonstration":
        assert proposed.map["where"] == {name: PLACEHOLDER}
        assert any(f"'{name}'" in doubt for doubt in proposed.doubts)
        assert proposed.confidence <= 0.5
    else:
        assert (proposed.format, proposed.map["label"]) == ("thumbs", name)


def test_needs_work_is_neither_good_nor_bad() -> None:
    proposed = propose(rows_of(output=answer, qa_status=["pass", "fail", "needs work"]))
    assert {key: proposed.map[key] for key in ("up", "down", "neutral")} == {
        "up": ["pass"],
        "down": ["fail"],
        "neutral": ["needs work"],
    }


@pytest.mark.parametrize(("values", "is_asked"), [(["done", "failed"], True), (["open", "closed", "pending"], False)])
def test_state_of_a_request_is_no_judgement_but_answers_of_failed_ones_are_asked_for(
    values: list[str], is_asked: bool
) -> None:
    proposed = propose(rows_of(output=answer, status=values))
    assert (proposed.format, "where" in proposed.map) == ("demonstration", is_asked)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("mt_output", "post_edit"),
        ("model_answer", "human_edit"),
        ("bot_reply", "corrected_reply"),
        ("draft_reply", "final_reply"),
        ("raw_output", "revised_output"),
    ],
)
def test_machine_output_with_an_edited_version_is_an_edit(before: str, after: str) -> None:
    """The two texts share little, so that only the names tell."""
    proposed = propose(rows_of(**{before: answer, after: lambda thing, n: answer(thing, n + 1)}))
    assert (proposed.format, proposed.map) == ("edit", {"before": before, "after": after, "prompt": "question"})


def test_edits_of_some_rows_are_edits() -> None:
    rows = rows_of(bot_reply=answer, corrected_reply=lambda thing, n: answer(thing, n + 1) if n % 3 else "")
    proposed = propose(rows)
    assert proposed.format == "edit"
    assert any("rows without 'corrected_reply' are rejected (33%" in doubt for doubt in proposed.doubts)


def test_text_that_was_edited_is_asked_for() -> None:
    """An edited version beside two answers, of which neither name says that it was edited."""
    proposed = propose(
        rows_of(output=answer, reply=lambda t, n: answer(t, n + 2), edited=lambda t, n: answer(t, n + 1))
    )
    assert (proposed.format, proposed.map["before"]) == ("edit", PLACEHOLDER)
    assert any("'output', 'reply' is the text before the edit" in doubt for doubt in proposed.doubts)


@pytest.mark.parametrize(
    ("first", "second", "name", "values"),
    [
        ("answer_left", "answer_right", "better", ["left", "right", "same"]),
        ("answer_left", "answer_right", "better", ["L", "R", "equal"]),
        ("Antwort links", "Antwort rechts", "Besser", ["links", "rechts", "gleich gut", "beide schlecht"]),
        ("réponse gauche", "réponse droite", "gagnant", ["gauche", "droite", "les deux"]),
        ("baseline_reply", "tuned_reply", "winner", ["baseline", "tuned", "tie"]),
        ("gpt_text", "llama_text", "preferred", ["GPT", "Llama", "neither"]),
    ],
)
def test_two_answers_are_named_by_any_two_words(first: str, second: str, name: str, values: list[str]) -> None:
    proposed = propose(rows_of(**{first: answer, second: lambda thing, n: answer(thing, n + 1), name: values}))
    assert proposed.format == "votes"
    assert [proposed.map[key] for key in ("first", "second", "votes")] == [first, second, name]
    sides = ["first", "second", *["tie"] * (len(values) - 2)]
    assert proposed.map["codes"] == dict(zip(values, sides, strict=True))


def eval_rows(**more: Any) -> list[dict[str, Any]]:
    """Makes the rows of a tool that runs test cases against a model and grades each output."""
    return [
        {
            "testIdx": n,
            "prompt": {"raw": row["question"], "label": "{{question}}"},
            "response": {"output": row["output"]},
            **{name: values[n % len(values)] for name, values in more.items()},
        }
        for n, row in enumerate(rows_of(output=answer)[:16])
    ]


@pytest.mark.parametrize("judged", [{"success": [True, False]}, {"gradingResult": [{"pass": True}, {"pass": False}]}])
def test_outcomes_of_test_cases_are_judgements(judged: dict[str, Any]) -> None:
    proposed = propose(eval_rows(**judged))
    assert proposed.format == "thumbs"
    assert proposed.map["label"] == ("success" if "success" in judged else "gradingResult.pass")
    if "success" in judged:
        assert proposed.map["up"] == PLACEHOLDER, "a request can succeed with a bad answer"


def test_number_of_a_test_case_is_no_rank() -> None:
    rows = [{"description": "a smoke test of our bot", "results": eval_rows()[k : k + 4]} for k in (0, 4, 8)]
    for row in rows:
        for n, each in enumerate(row["results"]):
            each["testIdx"] = n
    proposed = propose(rows)
    assert "ranks" not in proposed.map
    assert proposed.format != "ranking" or proposed.map["order"] == PLACEHOLDER


def test_rows_of_an_evaluation_are_read_inside_the_report(tmp_path: Path) -> None:
    rows = eval_rows(success=[True, False], score=[1, 0])
    report = tmp_path / "report.json"
    report.write_text(json.dumps({"results": {"results": rows}, "config": {"description": "a smoke test of our bot"}}))
    (inspection,) = inspect([report])
    assert inspection.source["records"] == "results.results"
    assert inspection.format in ("thumbs", "ratings")


def test_description_that_never_changes_is_no_judgement() -> None:
    proposed = propose(rows_of(output=answer, label=["{{question}}"]))
    assert (proposed.format, proposed.doubts) == ("demonstration", [])


@pytest.mark.parametrize("name", ["answer_relevancy", "zorp"])
def test_every_number_that_may_be_a_score_is_named(name: str) -> None:
    """Metrics of an answer: one has a name that unipref knows, the other has not."""
    proposed = propose(rows_of(response=answer, faithfulness=[0.1, 0.85, 0.9, 0.55], **{name: [0.32, 0.71, 0.98]}))
    assert proposed.format in ("ratings", "thumbs")
    assert name in proposed.map.get("scores", {}) or any(f"'{name}'" in doubt for doubt in proposed.doubts)
    assert open_questions(proposed.map, "map")


@pytest.mark.parametrize(("good", "bad"), [("chosen", "rejected"), ("preferred_answers", "dispreferred_answers")])
def test_lists_of_chosen_and_rejected_answers_are_groups(good: str, bad: str) -> None:
    rows = rows_of(
        **{good: lambda thing, n: [answer(thing, n)] * (1 + n % 2)},
        **{bad: lambda thing, n: [answer(thing, n + 1), answer(thing, n + 2), answer(thing, n + 3)]},
        num_correct=[1, 2],
        num_rejected=[3],
    )
    proposed = propose(rows)
    assert (proposed.format, proposed.map) == ("groups", {"prompt": "question", "good": good, "bad": bad})
    assert not any("num_" in doubt for doubt in proposed.doubts)


def test_short_rejected_answers_are_answers() -> None:
    rows = rows_of(
        chosen=lambda thing, n: [answer(thing, n)],
        rejected=lambda thing, n: [f"Nobody knows {thing}.", f"{n} do.", "I would rather not say."],
    )
    proposed = propose(rows)
    assert (proposed.format, proposed.map["bad"]) == ("groups", "rejected")


def test_count_is_not_the_right_option() -> None:
    rows = rows_of(options=lambda thing, n: [answer(thing, k) for k in range(4)], num_correct=[1, 2, 3])
    assert "num_correct" not in str(propose(rows).map)


@pytest.mark.parametrize("names", [["rater1", "rater2", "rater3"], ["Annotator A", "Annotator B"]])
def test_scores_of_several_people_are_one_axis(names: list[str]) -> None:
    rows = rows_of(reply=answer, **{name: [1, 4, 5, 2 + place] for place, name in enumerate(names)})
    proposed = propose(rows)
    assert (proposed.format, proposed.map["scores"]) == ("ratings", {"rating": {"field": names, "better": PLACEHOLDER}})


def turn_rows(name: str, values: list[Any]) -> list[dict[str, Any]]:
    """Makes dialogues of two exchanges whose answers have a verdict each."""
    return [
        {
            "turns": [
                turn
                for k in range(2)
                for turn in (
                    {"role": "user", "content": ask(thing)},
                    {"role": "assistant", "content": answer(thing, k), name: values[(n + k) % len(values)]},
                )
            ]
        }
        for n, thing in enumerate(THINGS)
    ]


@pytest.mark.parametrize(
    ("name", "values", "codes"),
    [
        ("vote", [-1, 1, 0], {"up": [1], "down": [-1], "neutral": [0]}),
        ("feedback", ["👍", "👎"], {"up": ["👍"], "down": ["👎"]}),
        ("rating", [1, 3, 5], {"up": PLACEHOLDER, "down": PLACEHOLDER}),
        ("stars", [1, 2, 5], {"up": PLACEHOLDER, "down": PLACEHOLDER}),
        ("label", [0, 1], {"up": PLACEHOLDER, "down": PLACEHOLDER}),
    ],
)
def test_verdicts_of_turns_are_about_turns(name: str, values: list[Any], codes: dict[str, Any]) -> None:
    proposed = propose(turn_rows(name, values))
    assert (proposed.format, proposed.map) == ("rated_turns", {"messages": "turns", "label": name, **codes})


@pytest.mark.parametrize("selected", [["left"], ["right"], ["left", "right"]])
def test_codes_of_a_comparison_name_both_ends(selected: list[str]) -> None:
    """The control Pairwise of Label Studio, also if these rows hold only one of its values."""
    rows = [
        {
            "data": {"prompt": row["question"], "a": row["a"], "b": row["b"]},
            "annotations": [
                {
                    "was_cancelled": False,
                    "result": [
                        {"type": "pairwise", "to_name": "a,b", "value": {"selected": selected[n % len(selected)]}}
                    ],
                }
            ],
        }
        for n, row in enumerate(rows_of(a=answer, b=lambda thing, n: answer(thing, n + 1)))
    ]
    named, _ = find_named_source(rows)
    assert named is not None
    assert named.proposal.map["codes"] == {"left": "first", "right": "second"}


def test_accepted_answers_of_a_labelling_tool_are_judged() -> None:
    rows = rows_of(response=answer, answer=["accept", "reject", "ignore"])
    named, _ = find_named_source([{**row, "_input_hash": n, "_task_hash": n} for n, row in enumerate(rows)])
    assert named is not None
    assert named.proposal.map == {
        "prompt": "question",
        "response": "response",
        "label": "answer",
        "up": ["accept"],
        "down": ["reject"],
    }


@pytest.mark.parametrize(
    ("chosen", "rejected"), [("chosen_answer", "other_answer"), ("other_reply", "rejected_reply"), ("best", "second")]
)
def test_other_answer_beside_a_named_one_is_the_other_side(chosen: str, rejected: str) -> None:
    proposed = propose(rows_of(**{chosen: answer, rejected: lambda thing, n: answer(thing, n + 1)}))
    assert (proposed.format, proposed.map) == ("pairs", {"chosen": chosen, "rejected": rejected, "prompt": "question"})


@pytest.mark.parametrize("ties", [[], ["tie"]])
def test_winner_is_the_name_of_a_model(ties: list[str]) -> None:
    rows = rows_of(
        model_a=["gpt", "llama", "mistral"],
        model_b=["llama", "mistral", "gpt"],
        response_a=answer,
        response_b=lambda thing, n: answer(thing, n + 1),
        winner=["gpt", "mistral", *(ties or ["gpt"])],
    )
    proposed = propose(rows)
    assert proposed.map["names"] == {"first": "model_a", "second": "model_b"}
    assert proposed.map.get("codes", {}) == dict.fromkeys(ties, "tie")
    assert proposed.format == ("votes" if ties else "pairs")


def test_winner_that_is_no_name_of_the_row_is_asked_for() -> None:
    rows = rows_of(
        model_a=["gpt"],
        model_b=["llama"],
        response_a=answer,
        response_b=lambda thing, n: answer(thing, n + 1),
        winner=["gpt", "claude"],
    )
    proposed = propose(rows)
    assert "names" not in proposed.map
    assert PLACEHOLDER in str(proposed.map)


TOOL = {"type": "function", "function": {"name": "look_up", "description": "Looks it up.", "parameters": {}}}


@pytest.mark.parametrize("more", [{}, {"rejected": lambda thing, n: answer(thing, n + 1)}])
def test_tools_and_images_are_proposed(more: dict[str, Any]) -> None:
    name = "chosen" if more else "response"
    rows = rows_of(tools=[[TOOL]], images=lambda _, n: [f"photos/{n}.png"], **{name: answer}, **more)
    proposed = propose(rows)
    assert (proposed.map["tools"], proposed.map["images"]) == ("tools", "images")
    assert not proposed.doubts


def test_image_alone_is_proposed_and_calls_are_not() -> None:
    calls = [[{"name": "look_up", "arguments": "{}"}]]
    proposed = propose(rows_of(image=lambda _, n: f"photos/{n}.jpg", tool_calls=calls, response=answer))
    assert proposed.map["images"] == "image"
    assert "tools" not in proposed.map
    assert any("'tool_calls'" in doubt for doubt in proposed.doubts)


@pytest.mark.parametrize("name", ["passages", "retrieved_contexts", "docs"])
def test_lists_of_sources_belong_to_the_prompt(name: str) -> None:
    sources = {name: lambda thing, n: [answer(thing, n), answer(thing, n + 2)] if n != 3 else []}
    proposed = propose(rows_of(**sources, chosen=answer, rejected=lambda thing, n: answer(thing, n + 1)))
    assert (proposed.format, proposed.map["prompt"]) == ("pairs", ["question", f"{name}.*"])


def test_sources_that_some_rows_lack_are_named() -> None:
    """A row with null at the path would be rejected."""
    sources = {"passages": lambda thing, n: [answer(thing, n), answer(thing, n + 2)] if n != 3 else None}
    proposed = propose(rows_of(**sources, chosen=answer, rejected=lambda thing, n: answer(thing, n + 1)))
    assert (proposed.format, proposed.map["prompt"], proposed.confidence) == ("pairs", "question", 0.5)
    assert any("'passages' looks like texts that the question is about" in doubt for doubt in proposed.doubts)


@pytest.mark.parametrize("name", ["options", "source_ids", "document_titles"])
def test_other_lists_are_no_sources(name: str) -> None:
    rows = rows_of(**{name: [["d1", "d2"], ["d3"]]}, chosen=answer, rejected=lambda thing, n: answer(thing, n + 1))
    assert propose(rows).map["prompt"] == "question"


def test_not_ok_is_never_praise() -> None:
    proposed = propose(rows_of(output=answer, verdict=["OK", "Not OK", "n/a"]))
    assert proposed.format == "thumbs"
    assert (proposed.map["up"], proposed.map["down"]) == (["OK"], ["Not OK"])


def test_correction_of_an_answer_is_asked_about() -> None:
    """A correction is a better answer or a remark; the corrected answer is no demonstration."""
    proposed = propose(rows_of(output=answer, correction=lambda thing, n: answer(thing, n + 1)))
    assert (proposed.format, proposed.map["before"], proposed.map["after"]) == ("edit", "output", PLACEHOLDER)
