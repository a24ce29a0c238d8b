"""The catalog: every entry can be used, and those read from documentation read a hand-written row of that shape."""

import json
from pathlib import Path
from typing import Any

import pytest

from support.golden import readable
from support.published_shapes import SHAPES as MORE_SHAPES
from unipref import unify_feedback
from unipref.core import registry
from unipref.core.contracts import Format
from unipref.core.errors import UserError
from unipref.sources import catalog

every_entry = pytest.mark.parametrize("entry", catalog.DATASETS, ids=lambda entry: entry.name)


def test_names_are_in_order_and_their_own() -> None:
    names = [entry.name for entry in catalog.DATASETS]
    assert names == sorted(set(names))


def test_an_unknown_name_gets_the_near_one() -> None:
    with pytest.raises(UserError, match=r"unknown dataset 'ultrafeedbck'\.\n  Did you mean 'ultrafeedback'"):
        catalog.dataset("ultrafeedbck", "sources.0.dataset")


@every_entry
def test_an_entry_can_be_used(entry: catalog.Dataset) -> None:
    form = registry.make("format", entry.format, dict(entry.map), entry.name)
    assert isinstance(form, Format)
    assert entry.axis is None or entry.axis in form.axes()
    assert entry.about
    assert entry.licence
    assert entry.seen
    assert entry.origin


def tree(text: str, role: str, rank: int | None, toxicity: float, *replies: dict[str, Any]) -> dict[str, Any]:
    labels = {"toxicity": {"value": toxicity, "count": 3}, "quality": {"value": 0.5, "count": 3}}
    return {
        "message_id": "m",
        "text": text,
        "role": role,
        "lang": "en",
        "deleted": False,
        "rank": rank,
        "labels": labels,
        "replies": list(replies),
    }


OASST = {
    "message_tree_id": "t",
    "tree_state": "ready_for_export",
    "prompt": tree(
        "Name a moon.", "prompter", None, 0.0, tree("Io.", "assistant", 0, 0.3), tree("Sun!", "assistant", 1, 0.1)
    ),
}
PKU = {
    "prompt": "How do locks work?",
    "prompt_source": "PKU",
    "response_0": "With pins; here is how to pick one.",
    "response_1": "With pins.",
    "is_response_0_safe": False,
    "is_response_1_safe": True,
    "better_response_id": 0,
    "safer_response_id": 1,
}
ULTRA_RATING = {"helpfulness": {"Type": ["1"], "Rating": "5", "Rationale": "so"}, "honesty": {"Rating": "N/A"}}

SHAPES: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
    "helpsteer2": (
        [
            {"prompt": "Name a moon.", "response": text, "helpfulness": h, "correctness": 3, "coherence": 4,
             "complexity": 1, "verbosity": v}
            for text, h, v in (("Sun!", 1, 4), ("Io.", 4, 0))
        ],
        {"chosen": ["assistant: Io."], "rejected": ["assistant: Sun!"], "axis": "helpfulness", "chosen_score": 4.0},
    ),
    "helpsteer2_preference": (
        [
            {"split": split, "prompt": "Name a moon.", "response_1": "Sun!", "response_2": "Io.",
             "preference_strength": 3, "preference_statement": "@Response 2 is much better",
             "preference_elaboration": "It is one.", "three_most_similar_preferences": [],
             "all_preferences_unprocessed": []}
            for split in ("train", "val")
        ],
        {"chosen": ["assistant: Io."], "rejected": ["assistant: Sun!"], "axis": "strength", "chosen_score": 3.0},
    ),
    "helpsteer3": (
        [
            {"domain": "general", "language": "english", "response1": "Io.", "response2": "Sun!",
             "context": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes?"},
                         {"role": "user", "content": "Name a moon."}],
             "overall_preference": -1, "individual_preference": [{"score": -1, "reasoning": "so"}]}
        ],
        {
            "prompt": ["user: Hi", "assistant: Yes?", "user: Name a moon."],
            "chosen": ["assistant: Io."],
            "rejected": ["assistant: Sun!"],
            "chosen_score": 1.0,
        },
    ),
    "nectar": (
        [
            {"prompt": "\n\nHuman: Hi\n\nAssistant: Yes?\n\nHuman: Name a moon.\n\nAssistant: ", "turns": 2,
             "answers": [{"answer": "Sun!", "model": "b", "rank": 2.0}, {"answer": "Io.", "model": "a", "rank": 1.0}],
             "num_responses": 2, "source": ["lmsys"], "good_natured": True}
        ],
        {
            "prompt": ["user: Hi", "assistant: Yes?", "user: Name a moon."],
            "chosen": ["assistant: Io."],
            "rejected": ["assistant: Sun!"],
            "chosen_score": 1.0,
            "rejected_score": 2.0,
        },
    ),
    "oasst1": (
        [OASST],
        {
            "chosen": ["assistant: Io."],
            "rejected": ["assistant: Sun!"],
            "axis": "rank",
            "axes": {"toxicity": (0.3, 0.1), "quality": (0.5, 0.5)},
        },
    ),
    "oasst2": ([OASST], {"chosen": ["assistant: Io."], "rejected": ["assistant: Sun!"], "axis": "rank"}),
    "pku_saferlhf_helpful": (
        [PKU],
        {
            "prompt": ["user: How do locks work?"],
            "chosen": ["assistant: With pins; here is how to pick one."],
            "rejected": ["assistant: With pins."],
        },
    ),
    "pku_saferlhf_safe": (
        [PKU],
        {
            "prompt": ["user: How do locks work?"],
            "chosen": ["assistant: With pins."],
            "rejected": ["assistant: With pins; here is how to pick one."],
        },
    ),
    "shp": (
        [
            {"post_id": "p", "domain": "askscience_train", "history": "Name a moon.", "c_root_id_A": "a",
             "c_root_id_B": "b", "human_ref_A": "Sun!", "human_ref_B": "Io.", "labels": 0, "score_A": 2,
             "score_B": 10, "score_ratio": 5.0, "seconds_difference": 60.0}
        ],
        {"chosen": ["assistant: Io."], "rejected": ["assistant: Sun!"]},
    ),
    "stack_exchange": (
        [
            {"qid": 5, "question": "<p>Name a moon.</p>", "date": "2013/01/01", "metadata": ["https://a.b"],
             "answers": [
                 {"answer_id": 1, "author": "x", "pm_score": -1, "selected": False, "text": "<p>Sun!</p>"},
                 {"answer_id": 2, "author": "y", "pm_score": 4, "selected": True, "text": "<p>Io.</p>"}]}
        ],
        {
            "prompt": ["user: <p>Name a moon.</p>"],
            "chosen": ["assistant: <p>Io.</p>"],
            "rejected": ["assistant: <p>Sun!</p>"],
            "axis": "votes",
        },
    ),
    "summarize_from_feedback": (
        [
            {"info": {"id": "t3_1", "post": "I saw Io.", "title": "Moons", "subreddit": "r"}, "choice": 1,
             "summaries": [{"text": " Sun!", "policy": "a", "note": "so"}, {"text": " A moon.", "policy": "b"}],
             "worker": "w", "batch": "batch3", "split": "train", "extra": {}},
            {"info": {"id": "n", "article": "News.", "site": "s"}, "choice": 0,
             "summaries": [{"text": "A"}, {"text": "B"}], "worker": "w", "batch": "cnndm0", "split": "valid2"},
        ],
        {
            "prompt": ["user: Summarize this post:\n\nI saw Io."],
            "chosen": ["assistant: A moon."],
            "rejected": ["assistant: Sun!"],
        },
    ),
    "ultrafeedback": (
        [
            {"source": "flan", "instruction": "Name a moon.", "models": ["a", "b"], "completions": [
                {"model": "a", "principle": "helpfulness", "response": "Sun!", "annotations": ULTRA_RATING,
                 "fine-grained_score": 1.25, "overall_score": 10.0, "critique": "no"},
                {"model": "b", "principle": "helpfulness", "response": "Io.", "annotations": ULTRA_RATING,
                 "fine-grained_score": 4.75, "overall_score": 8.5, "critique": "yes"}]}
        ],
        {
            "chosen": ["assistant: Io."],
            "rejected": ["assistant: Sun!"],
            "axis": "fine_grained",
            "axes": {"overall": (8.5, 10.0)},
        },
    ),
    "ultrafeedback_binarized": (
        [
            {"prompt": "Name a moon.", "prompt_id": "i", "score_chosen": c, "score_rejected": 2.0, "messages": [],
             "chosen": [{"content": "Name a moon.", "role": "user"}, {"content": "Io.", "role": "assistant"}],
             "rejected": [{"content": "Name a moon.", "role": "user"}, {"content": "Sun!", "role": "assistant"}]}
            for c in (8.5, 2.0)
        ],
        {
            "chosen": ["assistant: Io."],
            "rejected": ["assistant: Sun!"],
            "chosen_score": 8.5,
            "rejected_score": 2.0,
        },
    ),
    "webgpt_comparisons": (
        [
            {"question": {"dataset": "eli5", "id": "q", "full_text": "Name a moon."}, "answer_0": "Sun!",
             "answer_1": "Io. [1]", "score_0": -0.5, "score_1": 0.5, "quotes_0": {}, "quotes_1": {}, "tokens_0": {}}
        ],
        {"chosen": ["assistant: Io. [1]"], "rejected": ["assistant: Sun!"], "chosen_score": 0.5},
    ),
}  # fmt: skip
"""Entry -> rows of the published shape, and what the one preference they give must say."""


def test_every_entry_that_was_read_from_documentation_has_a_row_here() -> None:
    assert [entry.name for entry in catalog.DATASETS if entry.verified == "schema"] == sorted({**SHAPES, **MORE_SHAPES})
    assert len(SHAPES) >= 10


@pytest.mark.parametrize("name", SHAPES)
def test_a_row_of_the_published_shape(name: str, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    rows, expected = SHAPES[name]
    (tmp_path / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    source = {"name": "d", "dataset": name, "path": str(tmp_path / "d.jsonl")}
    (found,) = pq.read_table(unify_feedback({"sources": [source], "workers": 1}, tmp_path / "out")).to_pylist()
    read = readable(found)
    assert {key: read[key] for key in ("prompt", *expected)} == {"prompt": ["user: Name a moon."], **expected}
    entry = catalog.dataset(name, "")
    assert (found["objective"], found["licence"]) == (entry.objective, entry.licence)
