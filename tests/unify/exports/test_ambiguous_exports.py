"""What an export cannot tell is asked, several people's answers count, and what is no feedback is said to be none."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from unipref import unify_feedback
from unipref.core.contracts import Proposal
from unipref.core.records import Row
from unipref.unify.detection.export_fields import find_side_codes, find_verdicts, names_better
from unipref.unify.detection.export_traces import find_exchange
from unipref.unify.exports.argilla_1 import Argilla1
from unipref.unify.exports.doccano import Doccano
from unipref.unify.exports.label_studio import LabelStudio
from unipref.unify.exports.label_studio_min import LabelStudioMin
from unipref.unify.exports.langfuse import Langfuse
from unipref.unify.exports.langsmith import Langsmith
from unipref.unify.exports.librechat import Librechat
from unipref.unify.exports.open_webui import OpenWebui
from unipref.unify.exports.openai_evals import OpenaiEvals
from unipref.unify.exports.phoenix import Phoenix
from unipref.unify.exports.potato import Potato
from unipref.unify.exports.prodigy import Prodigy
from unipref.unify.exports.weave import Weave
from unipref.unify.inspection import inspect

TWO = {"prompt": "Is ice cold?", "answer1": "Yes.", "answer2": "No."}
ONE = {"question": "Is ice cold?", "answer": "Yes."}


def result(name: str, kind: str, **value: Any) -> dict[str, Any]:
    tags = "answer1,answer2" if kind == "pairwise" else "text"
    return {"id": name, "from_name": name, "to_name": tags, "type": kind, "value": value}


def task(data: dict[str, str], *annotations: list[dict[str, Any]], cancelled: tuple[int, ...] = ()) -> Row:
    return {
        "id": 1,
        "data": data,
        "predictions": [{"result": [result("comparison", "pairwise", selected="right")]}],
        "annotations": [
            {"id": i, "completed_by": i, "was_cancelled": i in cancelled, "result": results}
            for i, results in enumerate(annotations)
        ],
    }


def read(proposal: Proposal | None, rows: list[Row], folder: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    assert proposal is not None
    (folder / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    source = {"name": "d", "path": str(folder / "d.jsonl"), "format": proposal.format, "map": proposal.map}
    out = unify_feedback({"sources": [{**source, **proposal.source}], "workers": 1}, folder / "run")
    counts = json.loads((folder / "run" / "manifest.json").read_text(encoding="utf-8"))["sources"]["d"]
    return pq.read_table(out).to_pylist(), counts


def test_several_people_on_one_pair_count_together_and_cancelled_ones_do_not(tmp_path: Path) -> None:
    votes = [[result("comparison", "pairwise", selected=side)] for side in ("left", "left", "right", "right", "right")]
    rows = [task(TWO, *votes, cancelled=(3, 4)), task({**TWO, "prompt": "Is it?"})]
    (row,), counts = read(LabelStudio.recognise(rows), rows, tmp_path)
    assert row["chosen"][-1]["content"] == "Yes."
    assert (row["n_judgements"], row["confidence"]) == (3, None)  # one pair tells nothing of its judges
    assert counts["rejected"] == {"unscored": 1}


def test_labels_of_several_people_on_one_answer_count_together(tmp_path: Path) -> None:
    labels = [[result("quality", "choices", choices=[label])] for label in ("Good", "Bad", "Good", "Bad", "Bad")]
    rows = [task(ONE, *labels, cancelled=(3, 4)), task({**ONE, "answer": "No."}, labels[1])]
    proposal = LabelStudio.recognise(rows)
    assert proposal is not None
    assert proposal.source == {}
    (pair,), counts = read(proposal, rows, tmp_path)
    assert counts["rows"] == counts["used"] == 2
    assert [pair[side][-1]["content"] for side in ("chosen", "rejected")] == ["Yes.", "No."]


def test_a_later_judgement_is_read_although_the_first_rows_have_one_each(tmp_path: Path) -> None:
    good, bad = ([result("quality", "choices", choices=[label])] for label in ("Good", "Bad"))
    first = [task({**ONE, "answer": f"Answer {n}."}, good if n % 2 else bad) for n in range(4)]
    rows = [*first, task({**ONE, "answer": "Both."}, good, bad)]
    table, _ = read(LabelStudio.recognise(first), rows, tmp_path)
    assert "Both." not in json.dumps(table)


def test_another_control_in_a_later_task_is_not_read_as_this_one(tmp_path: Path) -> None:
    good, bad = ([result("quality", "choices", choices=[label])] for label in ("Good", "Bad"))
    first = [task({**ONE, "answer": "One."}, good), task({**ONE, "answer": "Two."}, bad)]
    later = task({**ONE, "answer": "Three."}, [result("grammar", "choices", choices=["Bad"])])
    table, counts = read(LabelStudio.recognise(first), [*first, later], tmp_path)
    assert "Three." not in json.dumps(table)
    assert counts["rejected"] == {"unscored": 1}


def test_two_controls_of_one_kind_are_a_question() -> None:
    rows = [task(TWO, [result(name, "pairwise", selected="left") for name in ("safer", "nicer")])]
    proposal = LabelStudio.recognise(rows)
    assert proposal is not None
    assert proposal.map["votes"] == "annotations.*.result.*.value.selected"
    assert proposal.map["where_items"]["annotations.*.result"]["from_name"] == "?"
    assert set(proposal.map["codes"].values()) == {"?"}
    assert any("'safer', 'nicer'" in doubt for doubt in proposal.doubts)


def test_a_comparison_is_read_beside_other_controls(tmp_path: Path) -> None:
    more = [result("why", "textarea", text=["so"]), result("topic", "choices", choices=["ice"])]
    rows = [task(TWO, [*more, result("comparison", "pairwise", selected="right")])]
    proposal = LabelStudio.recognise(rows)
    (row,), _ = read(proposal, rows, tmp_path)
    assert row["chosen"][-1]["content"] == "No."
    assert proposal is not None
    assert any("'topic'" in doubt for doubt in proposal.doubts)
    assert any("'why'" in doubt for doubt in proposal.doubts)


@pytest.mark.parametrize("name", ["toxic", "longer", "label"])
def test_a_choice_between_two_answers_is_asked_unless_it_is_about_the_better_one(name: str) -> None:
    rows = [task(TWO, [result(name, "choices", choices=[side])]) for side in ("A", "B", "tie")]
    proposal = LabelStudio.recognise(rows)
    assert proposal is not None
    assert proposal.map["codes"] == {"A": "?", "B": "?", "tie": "tie"}
    better = LabelStudio.recognise([task(TWO, [result("better", "choices", choices=[side])]) for side in ("A", "B")])
    assert better is not None
    # Nothing says that A is answer1.
    assert better.map["codes"] == {"A": "?", "B": "?"}
    lettered = {"prompt": "Is ice cold?", "answer_b": "No.", "answer_a": "Yes."}
    rows = [task(lettered, [result("better", "choices", choices=[side])]) for side in ("A", "B")]
    marked = LabelStudio.recognise(rows)
    assert marked is not None
    assert marked.map["codes"] == {"A": "first", "B": "second"}
    assert (marked.map["first"], marked.map["second"]) == ("data.answer_a", "data.answer_b")


def test_labels_whose_words_say_nothing_are_asked() -> None:
    rows = [task(ONE, [result("tone", "choices", choices=[label])]) for label in ("formal", "casual")]
    proposal = LabelStudio.recognise(rows)
    assert proposal is not None
    assert (proposal.map["up"], proposal.map["down"]) == ("?", "?")


def test_buckets_of_an_order_are_asked() -> None:
    data = {"prompt": "Which?", "items": [{"id": "a", "body": "One."}, {"id": "b", "body": "Two."}]}
    rows = [task(data, [result("rank", "ranker", ranker={"relevant": ["a"], "biased": ["b"]})])]  # type: ignore[arg-type]
    proposal = LabelStudio.recognise(rows)
    assert proposal is not None
    assert proposal.map["sequences"] == "?"


SCORES = [{"id": i, "name": name, "value": 1, "source": "API"} for i, name in enumerate(("helpful", "safe"))]
TRACE = {"id": "t", "timestamp": "2025-01-01", "input": "Is ice cold?", "output": "Yes."}
RUN = {"id": "r", "run_type": "chain", "inputs": {"question": "Is ice cold?"}, "outputs": {"output": "Yes."}}


@pytest.mark.parametrize(
    "proposal",
    [
        Langfuse.recognise([{**TRACE, "scores": SCORES}]),
        Langsmith.recognise([{**RUN, "feedback_stats": {"helpful": {"n": 1, "avg": 1}, "safe": {"n": 1, "avg": 0}}}]),
    ],
)
def test_which_of_several_scores_is_meant_is_asked(proposal: Proposal | None) -> None:
    assert proposal is not None
    assert "?" in json.dumps(proposal.map)
    assert any("helpful" in doubt and "safe" in doubt for doubt in proposal.doubts)


def test_the_direction_of_a_score_is_asked() -> None:
    scores = [{"id": "1", "name": "hallucination", "value": 0.25, "source": "EVAL"}]
    proposal = Langfuse.recognise([{**TRACE, "scores": scores}])
    assert proposal is not None
    # With one answer to each prompt, scores cannot be compared.
    assert (proposal.format, proposal.map["up"], proposal.map["down"]) == ("thumbs", "?", "?")
    several = Langfuse.recognise([{**TRACE, "output": output, "scores": scores} for output in ("Yes.", "No.")])
    assert several is not None
    assert several.map["scores"] == {"hallucination": {"field": "scores.*.value", "better": "?"}}


def test_several_scores_of_one_trace_count_together(tmp_path: Path) -> None:
    scores = [{"id": str(i), "name": "user-feedback", "value": value} for i, value in enumerate((0, 0, 1))]
    rows = [{**TRACE, "scores": scores}, {**TRACE, "output": "No.", "scores": [{**scores[2], "id": "9"}]}]
    table, counts = read(Langfuse.recognise(rows), rows, tmp_path)
    assert counts["rows"] == 2
    assert [row["chosen"][-1]["content"] for row in table if row["chosen"]] == ["No."]


def test_values_of_a_task_that_are_the_same_for_all_are_labels(tmp_path: Path) -> None:
    options = [{"id": "pos", "text": "positive"}, {"id": "neg", "text": "negative"}]
    rows = [
        {"text": f"A film {i}.", "options": options, "accept": ["pos"], "answer": "accept", "_task_hash": i}
        for i in range(3)
    ]
    proposal = Prodigy.recognise(rows)
    assert proposal is not None
    assert (proposal.map["prompt"], proposal.map["response"], proposal.map["up"]) == ("?", "?", "?")


def test_several_chosen_options_are_asked() -> None:
    rows = [
        {
            "text": f"Q{i}?",
            "options": [{"id": "A", "text": f"one {i}"}, {"id": "B", "text": f"two {i}"}],
            "accept": ["A", "B"][: i + 1],
            "answer": "accept",
            "_input_hash": i,
        }
        for i in range(2)
    ]
    proposal = Prodigy.recognise(rows)
    assert proposal is not None
    assert proposal.map["answer"] == "?"


MESSAGE = {"messageId": "m", "parentMessageId": "0", "isCreatedByUser": False, "text": "Hi"}
CHAT = {"id": "c", "title": "t", "chat": {"history": {"messages": {"m": {"id": "m", "role": "user", "content": "Hi"}}}}}
FEEDBACK = {"id": "f", "user_id": "u", "type": "rating", "data": {"rating": 1}, "meta": {}, "snapshot": None}
SPAN = {"context.span_id": "s", "attributes.input.value": "Hi?", "attributes.output.value": "Hi."}


@pytest.mark.parametrize(
    ("proposal", "word"),
    [
        (LabelStudio.recognise([task(ONE, [result("ner", "labels", labels=["PER"])])]), "to any of its questions"),
        (LabelStudioMin.recognise([{"id": 1, "text": "x", "annotation_id": 1, "annotator": 1, "lead_time": 1}]), "no"),
        (Doccano.recognise([{"id": 1, "text": "x", "label": [[0, 1, "PER"]], "Comments": []}]), "parts of texts"),
        (Prodigy.recognise([{"text": "x", "label": "PER", "answer": "accept", "_task_hash": 1}]), "no options"),
        (Potato.recognise([{"instance_id": "1", "label_annotations": {"mood": {"sad": "true"}}}]), "without"),
        (OpenWebui.recognise([FEEDBACK]), "snapshots"),
        (OpenWebui.recognise([CHAT]), "without ratings"),
        (Librechat.recognise([{"conversationId": "c", "messages": [MESSAGE]}]), "no message has feedback"),
        (Librechat.recognise([{"conversationId": "c", "messages": [{**MESSAGE, "children": [1]}]}]), "no message has"),
        (Langfuse.recognise([{**TRACE, "latency": 1, "totalCost": 1, "tags": []}]), "without a score"),
        (Langsmith.recognise([{**RUN, "feedback_stats": None}]), "without feedback"),
        (Phoenix.recognise([SPAN]), "without annotations"),
        (Weave.recognise([{"op_name": "x", "output": "y", "summary": {"weave": {"a": 1}}}]), "without reactions"),
        (OpenaiEvals.recognise([{"object": "eval.run.output_item", "status": "pass"}]), "without a sample"),
        (
            Argilla1.recognise([{"text": "x", "q": [{"user_id": 1, "value": ["a", "b"], "status": "submitted"}],
                                 "external_id": None}]),
            "to any of its questions",
        ),
    ],
)  # fmt: skip
def test_an_export_without_usable_feedback_says_so(proposal: Proposal | None, word: str) -> None:
    assert proposal is not None
    assert (proposal.format, proposal.map) == (None, {})
    assert word in " ".join(proposal.why)


def test_inspect_names_the_tool_of_an_export_without_feedback(tmp_path: Path) -> None:
    (tmp_path / "chats.json").write_text(json.dumps([CHAT]), encoding="utf-8")
    (found,) = inspect([tmp_path / "chats.json"])
    assert (found.export, found.format, found.source) == ("open_webui", None, {})
    assert "without ratings" in found.as_text()


def test_sentiment_is_no_verdict() -> None:
    rows = [
        {"id": 1, "text": "x", "prompt": "y", "label": [label], "Comments": []} for label in ("positive", "negative")
    ]
    proposal = Doccano.recognise(rows)
    assert proposal is not None
    assert (proposal.map["up"], proposal.map["down"]) == ("?", "?")


@pytest.mark.parametrize("question", ["worst", "least_preferred", "more_toxic", "not_preferred", "toxicity_winner"])
def test_a_question_about_the_worse_answer_is_asked(question: str) -> None:
    assert not names_better(question)
    names = ["response-1", "response-2"]
    codes, doubts = find_side_codes(names, question, names, ("1", "2"), names_better(question))
    assert codes == {"response-1": "?", "response-2": "?"}
    assert "'response-1', 'response-2'" in doubts[0]


BLAMING = ["negative-feedback", "not_helpful", "is_not_correct", "negative.feedback", "complaint"]


@pytest.mark.parametrize("name", BLAMING)
def test_a_score_whose_name_blames_is_asked(name: str) -> None:
    assert find_verdicts([0, 1], name).settings == {"up": "?", "down": "?"}
    assert find_verdicts([-1, 1], name).settings == {"up": "?", "down": "?"}
    assert find_verdicts([-1, 1], "rating").settings == {"up": [1], "down": [-1]}


def test_an_id_in_the_output_of_a_trace_is_no_answer() -> None:
    output = {"id": "msg_01", "type": "message", "role": "assistant", "content": [{"type": "text", "text": "Yes."}]}
    rows: list[Row] = [{"input": "Is ice cold?", "output": output} for _ in range(3)]
    assert find_exchange(rows, "input", "output").map["response"] == "output.content"
    called = {**output, "content": [{"type": "tool_use", "id": "t1", "name": "search", "input": {}}]}
    assert find_exchange([{"input": "Q", "output": called}], "input", "output").map["response"] == "?"
    assert find_exchange([{"input": "Q", "output": {"verse": "Yes."}}], "input", "output").map["response"] != "?"


def test_a_label_that_prodigy_asked_about_is_no_praise_of_the_answer() -> None:
    base = {"prompt": "Is ice cold?", "response": "Yes.", "_input_hash": 1}
    labelled = [{**base, "label": "UNSAFE", "answer": "accept"}, {**base, "label": "UNSAFE", "answer": "reject"}]
    asked = Prodigy.recognise(labelled)
    plain = Prodigy.recognise([{**base, "answer": "accept"}, {**base, "answer": "reject"}])
    assert asked is not None
    assert plain is not None
    assert (asked.map["up"], asked.confidence < plain.confidence) == ("?", True)
    assert plain.map["up"] == ["accept"]
