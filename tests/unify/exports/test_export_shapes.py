"""Shapes of exports beside the worked examples: what is proposed, and what is asked."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from unipref.core.contracts import Proposal
from unipref.core.records import Row
from unipref.unify.exports.argilla_1 import Argilla1
from unipref.unify.exports.argilla_2 import Argilla2
from unipref.unify.exports.doccano import Doccano
from unipref.unify.exports.label_studio import LabelStudio
from unipref.unify.exports.label_studio_min import LabelStudioMin
from unipref.unify.exports.langfuse import Langfuse
from unipref.unify.exports.langsmith import Langsmith
from unipref.unify.exports.librechat import Librechat
from unipref.unify.exports.phoenix import Phoenix
from unipref.unify.exports.potato import Potato
from unipref.unify.exports.prodigy import Prodigy
from unipref.unify.exports.weave import Weave

PROMPTS = ("Name a moon of Jupiter.", "Is ice cold?", "Who wrote Faust?", "What is rain?")


def rows_of(make: Callable[[int, str], Row]) -> list[Row]:
    return [make(number, prompt) for number, prompt in enumerate(PROMPTS)]


def proposed(entry: Proposal | None) -> Proposal:
    assert entry is not None
    return entry


def votes(value: Any, status: str = "submitted") -> list[dict[str, Any]]:
    return [{"user_id": "ann", "value": value, "status": status}]


def argilla(prompt: str, **columns: Any) -> Row:
    return {"prompt": prompt, **columns, "external_id": None, "metadata": "{}"}


def label_studio(data: Row, *results: Row) -> Row:
    return {"data": data, "annotations": [{"completed_by": 1, "was_cancelled": False, "result": list(results)}]}


def result(name: str, kind: str, **value: Any) -> Row:
    return {"from_name": name, "to_name": "answer", "type": kind, "value": value}


def trace(prompt: Any, output: Any, *scores: Row) -> Row:
    return {"id": "t", "timestamp": "2025-01-01", "input": prompt, "output": output, "scores": list(scores)}


def test_a_score_for_each_of_two_answers_is_no_vote() -> None:
    rows = rows_of(
        lambda n, prompt: (
            argilla(prompt, a1=f"One {n}.", **{"response-1": "Yes.", "response-2": "No."})
            | {"quality-1": votes(n), "quality-2": votes(4 - n)}
        )
    )
    entry = proposed(Argilla1.recognise(rows))
    assert entry.format == "rated_list"
    assert entry.map["answers"] == ["response-1", "response-2"]
    assert entry.map["scores"]["quality"]["field"] == ["quality-1.*.value", "quality-2.*.value"]


def test_one_number_beside_two_answers_is_a_grade_whose_ends_are_asked() -> None:
    answers = {"response-1": "Yes.", "response-2": "No."}
    entry = proposed(Argilla1.recognise(rows_of(lambda n, prompt: argilla(prompt, **answers, strength=votes(n - 2)))))
    assert (entry.format, entry.map["scale"]) == ("graded_pair", {"first": "?", "second": "?"})


def test_scores_of_two_answers_in_one_list_cannot_be_told_apart() -> None:
    data = {"prompt": "Is ice cold?", "answer_a": "Yes.", "answer_b": "No."}
    ratings = [result(f"rating_{mark}", "rating", rating=3) for mark in "ab"]
    entry = proposed(LabelStudio.recognise([label_studio(data, *ratings)]))
    assert entry.format is None
    assert any("'rating_a', 'rating_b'" in doubt for doubt in entry.doubts)
    table = rows_of(
        lambda n, prompt: (
            {**data, "prompt": prompt, "rating_a": n, "rating_b": 3, "annotator": 1, "lead_time": 2.5}
            | {"annotation_id": n}
        )
    )
    assert proposed(LabelStudioMin.recognise(table)).map["scores"]["rating"]["field"] == ["rating_a", "rating_b"]


@pytest.mark.parametrize(("kind", "value"), [("choices", {"choices": ["Yes"]}), ("rating", {"rating": 4})])
def test_which_of_two_controls_is_meant_is_asked_by_its_name(kind: str, value: dict[str, Any]) -> None:
    data = {"question": "Is ice cold?", "answer": "Yes."}
    entry = proposed(LabelStudio.recognise([label_studio(data, *(result(n, kind, **value) for n in ("safe", "good")))]))
    assert entry.map["where_items"]["annotations.*.result"]["from_name"] == "?"


def test_which_of_several_scores_of_lone_answers_is_meant_is_asked() -> None:
    rows = rows_of(lambda n, prompt: argilla(prompt, response=f"It {n}.", clear=votes(n), true=votes(4 - n)))
    entry = proposed(Argilla1.recognise(rows))
    assert (entry.format, entry.map["label"]) == ("thumbs", "?")
    assert entry.map["where_items"].keys() == {"clear", "true"}


def test_a_question_that_sorts_the_texts_is_not_read_beside_one_that_judges() -> None:
    rows = rows_of(
        lambda n, prompt: argilla(prompt, response=f"It is {n}.", topic=votes("ab"[n % 2]), helpful=votes("yes"))
    )
    entry = proposed(Argilla1.recognise(rows))
    assert (entry.map["label"], entry.map["up"]) == ("helpful.*.value", ["yes"])
    assert any("'topic'" in doubt for doubt in entry.doubts)


def test_a_list_of_turns_is_the_prompt() -> None:
    chat = [{"role": "user", "content": "Is ice cold?"}]
    record = {"fields": {"chat": chat, "response": "Yes."}, "responses": {"ok": votes("good")}, "_server_id": "1"}
    assert proposed(Argilla2.recognise([record])).map["prompt"] == "fields.chat"


def test_records_without_a_status_may_hold_discarded_responses() -> None:
    record = {"fields": {"prompt": "Is ice cold?", "response": "Yes."}, "_server_id": "1"}
    without, with_status = (
        proposed(Argilla2.recognise([{**record, "responses": {"ok": [{"value": "good", "user_id": "u", **status}]}}]))
        for status in ({}, {"status": "submitted"})
    )
    assert any("discarded" in doubt for doubt in without.doubts)
    assert "where_items" not in without.map
    assert with_status.map["where_items"] == {"responses.ok": {"status": ["submitted"]}}


def test_flat_records_with_drafts_are_read() -> None:
    row = {"prompt": "Is ice cold?", "response": "Yes.", "_server_id": "1", "ok.responses": ["good", "bad"]}
    entry = proposed(Argilla2.recognise([{**row, "ok.responses.status": ["submitted", "draft"]}]))
    assert (entry.format, entry.map["label"]) == ("thumbs", "ok.responses")
    assert entry.map["where_items"] == {"ok.responses": {"^ok.responses.status": ["submitted"]}}


@pytest.mark.parametrize(
    ("output", "path"),
    [
        ({"id": "msg_1", "type": "message", "content": [{"type": "text", "text": "Io."}]}, "output.content"),
        ({"generations": [[{"text": "Io."}]], "llm_output": None, "type": "LLMResult"}, "output.generations.0.0.text"),
        (
            {"object": "response", "output": [{"content": [{"type": "output_text", "text": "Io."}]}]},
            "output.output.-1.content",
        ),
        ({"id": "x", "choices": [{"message": {"content": "Io."}}]}, "output.choices.0.message.content"),
        ({"answer": "Io.", "model": "gpt-4"}, "output.answer"),
        ({"id": "resp_1", "object": "response", "model": "gpt-4"}, "?"),
        ({"type": "LLMResult"}, "?"),
        ({"answer": "Io.", "response": "Europa."}, "?"),
    ],
)
def test_the_answer_of_a_trace_is_no_other_text_of_its_output(output: dict[str, Any], path: str) -> None:
    rows = [trace("Name a moon.", output, {"name": "user-feedback", "value": n % 2}) for n in range(3)]
    assert proposed(Langfuse.recognise(rows)).map["response"] == path


def test_a_question_with_its_context_is_the_prompt() -> None:
    rows = [trace({"question": "Is it cold?", "context": "Ice is."}, "Yes.", {"name": "thumbs", "value": 1})]
    assert proposed(Langfuse.recognise(rows)).map["prompt"] == ["input.question", "input.context"]


def test_the_value_of_a_category_is_its_text() -> None:
    scores = [{"name": "user-feedback", "value": n, "stringValue": "good", "dataType": "CATEGORICAL"} for n in (0, 1)]
    entry = proposed(Langfuse.recognise([trace("Is ice cold?", "Yes.", score) for score in scores]))
    assert (entry.map["label"], entry.map["up"]) == ("scores.*.stringValue", ["good"])


def test_scores_can_be_compared_only_if_a_prompt_has_several_answers() -> None:
    def recognise(prompts: tuple[str, ...]) -> Proposal:
        scores = [{"name": "helpfulness", "value": n / 4} for n in range(4)]
        return proposed(Langfuse.recognise([trace(p, f"It is {n}.", scores[n]) for n, p in enumerate(prompts)]))

    assert recognise(PROMPTS[:1] * 4).format == "ratings"
    entry = recognise(PROMPTS)
    assert (entry.format, entry.map["up"], entry.map["down"]) == (
        "thumbs",
        {"at_least": "?"},
        {"at_most": "?"},
    )


def test_columns_of_feedback_of_runs_are_read_and_comments_are_not() -> None:
    run = {"id": "r", "run_type": "llm", "inputs": '{"question": "Is ice cold?"}', "feedback.comment": "so nice"}
    rows = [{**run, "outputs": '{"answer": "Yes."}', "feedback.thumbs": score} for score in ("1.0", "0.0", "")]
    entry = proposed(Langsmith.recognise(rows))
    assert (entry.map["label"], entry.map["up"], entry.map["down"]) == ("feedback.thumbs", [1], [0])
    assert entry.map["literals"] == ["inputs", "outputs"]
    several = proposed(Langsmith.recognise([{**row, "feedback.toxicity": "0.3"} for row in rows]))
    assert several.map["label"] == "?"


def test_feedback_in_a_list_beside_a_run_is_read() -> None:
    run = {"id": "r", "run_type": "llm", "inputs": {"question": "Is ice cold?"}, "outputs": {"answer": "Yes."}}
    notes = {"key": "note", "score": None, "value": None, "comment": "so nice"}
    rows = [{**run, "feedback": [{"key": "thumbs", "score": n}, notes]} for n in (0, 1)]
    entry = proposed(Langsmith.recognise(rows))
    assert (entry.map["label"], entry.map["up"]) == ("feedback.*.score", [1])
    assert entry.map["where_items"] == {"feedback": {"key": ["thumbs"]}}


def test_which_annotation_of_spans_is_meant_is_asked() -> None:
    span = {"context.span_id": "s", "attributes.input.value": "Is ice cold?", "attributes.output.value": "Yes."}
    notes = [("quality", "HUMAN", "good"), ("hallucination", "LLM", "factual")]
    rows = [{**span, "annotation_name": n, "annotator_kind": kind, "result.label": v} for n, kind, v in notes]
    entry = proposed(Phoenix.recognise(rows))
    assert (entry.format, entry.map["where"]) == ("thumbs", {"annotation_name": "?"})
    assert any("HUMAN" in doubt and "'hallucination'" in doubt for doubt in entry.doubts)


def test_the_accepted_label_of_a_text_is_asked() -> None:
    rows = [
        {"prompt": prompt, "text": "Ask the post office.", "label": "TOXIC", "answer": answer, "_task_hash": 1}
        for prompt, answer in zip(PROMPTS, ("accept", "reject", "ignore", "accept"), strict=True)
    ]
    entry = proposed(Prodigy.recognise(rows))
    assert (entry.format, entry.map["response"], entry.map["up"]) == ("thumbs", "text", "?")
    assert any("TOXIC" in doubt for doubt in entry.doubts)
    mixed = proposed(Prodigy.recognise([*rows, {**rows[0], "label": "HELPFUL"}]))
    assert mixed.map["where"] == {"label": "?"}


def test_every_label_of_a_text_is_read() -> None:
    rows = [{"id": n, "text": "Yes.", "prompt": PROMPTS[n], "label": ["good"], "Comments": []} for n in range(3)]
    assert proposed(Doccano.recognise(rows)).map["label"] == "label.*"


def test_every_reaction_to_a_call_is_read() -> None:
    feedback = [{"feedback_type": "wandb.reaction.1", "payload": {"emoji": "👍"}}]
    call = {"op_name": "x", "inputs": {"question": "Is ice cold?"}, "output": "Yes."}
    entry = proposed(Weave.recognise([{**call, "summary": {"weave": {"feedback": feedback}}}]))
    assert entry.map["label"] == "summary.weave.feedback.*.payload.emoji"
    assert entry.source == {}


def test_messages_in_parts_are_read() -> None:
    ids = {"messageId": "m", "parentMessageId": "0", "isCreatedByUser": False, "text": ""}
    message = {**ids, "content": [{"type": "text", "text": "Yes."}], "feedback": {"rating": "thumbsUp"}}
    entry = proposed(Librechat.recognise([{"conversationId": "c", "messages": [message]}]))
    assert entry.map["turns"]["content"] == ["text", "content"]
    assert "in 'content'" not in json.dumps(entry.doubts)


def test_the_best_of_three_answers_is_one_of_several_options() -> None:
    data = {"prompt": "Is ice cold?", "answer_a": "Yes.", "answer_b": "No.", "answer_c": "So so."}
    rows = [label_studio(data, result("best", "choices", choices=[choice])) for choice in "AB"]
    entry = proposed(LabelStudio.recognise(rows))
    assert (entry.format, entry.map["labels"]) == ("multiple_choice", ["A", "B", "C"])
    rows = [label_studio(data, result("best", "choices", choices=[choice])) for choice in ("left", "right")]
    assert proposed(LabelStudio.recognise(rows)).map["labels"] == "?"


def test_labels_that_say_how_much_better_an_answer_is_are_grades() -> None:
    answers = {"response_a": "Yes, it is.", "response_b": "No, it is not."}
    words = ("A is much better", "A is slightly better", "B is slightly better", "About the same")
    rows = rows_of(lambda n, prompt: argilla(prompt, **answers, preference=votes(words[n])))
    entry = proposed(Argilla1.recognise(rows))
    assert entry.format == "graded_pair"
    assert entry.map["codes"] == dict(zip(words, (3, 1, -1, 0), strict=True))


def test_what_all_tasks_have_in_common_may_be_a_question_to_the_annotator() -> None:
    texts = ("Yes.", "No.", "So so.")
    rows = [{"question": "Is this toxic?", "text": text, "answer": "accept", "_task_hash": 1} for text in texts]
    entry = proposed(Prodigy.recognise(rows))
    assert (entry.map["prompt"], entry.map["up"]) == ("?", "?")


@pytest.mark.parametrize(("name", "side"), [("comparison", "first"), ("better_answer", "first"), ("longer", "?")])
def test_a_comparison_of_something_else_is_no_preference(name: str, side: str) -> None:
    data = {"prompt": "Is ice cold?", "answer1": "Yes.", "answer2": "No."}
    comparison = {**result(name, "pairwise", selected="left"), "to_name": "answer1,answer2"}
    assert proposed(LabelStudio.recognise([label_studio(data, comparison)])).map["codes"]["left"] == side
    potato = {"instance_id": "1", "label_annotations": {name: {"selection": "A"}}}
    assert proposed(Potato.recognise([potato])).map["codes"]["A"] == side


@pytest.mark.parametrize("name", ["toxicity", "severity", "difficulty", "worst"])
def test_stars_for_a_fault_are_no_praise(name: str) -> None:
    rows = [
        label_studio({"question": "Is ice cold?", "answer": f"It is {n}."}, result(name, "rating", rating=n))
        for n in (1, 4)
    ]
    assert proposed(LabelStudio.recognise(rows)).map["scores"][name]["better"] == "?"


def test_a_comparison_that_names_the_worse_answer_is_asked() -> None:
    data = {"prompt": "Is ice cold?", "answer1": "Yes.", "answer2": "No."}
    comparison = {**result("worse_answer", "pairwise", selected="left"), "to_name": "answer1,answer2"}
    entry = proposed(LabelStudio.recognise([label_studio(data, comparison)]))
    assert entry.map["codes"] == {"left": "?", "right": "?"}
    potato = {"instance_id": "1", "label_annotations": {"worse_answer": {"selection": "A"}}}
    assert proposed(Potato.recognise([potato])).map["codes"] == {"A": "?", "B": "?", "tie": "tie"}
    options = [{"id": mark, "text": f"{mark} it is."} for mark in "AB"]
    task = {"text": "Is ice cold?", "label": "Which is worse?", "options": options, "accept": ["A"], "answer": "accept"}
    assert proposed(Prodigy.recognise([{**task, "_task_hash": 1}])).map["answer"] == "?"
    order = votes([{"rank": 1, "value": "answer1"}, {"rank": 2, "value": "answer2"}])
    ranked = argilla("Is ice cold?", answer1="Yes.", answer2="No.", worst_first=order)
    assert proposed(Argilla1.recognise([ranked])).map["better"] == "?"
