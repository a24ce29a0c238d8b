"""Which rows each trainer is given, the usage of the others, and where a step starts."""

import math
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from datasets import Dataset

from unipref.core.contracts import TrainJob
from unipref.core.errors import UserError
from unipref.models.loading import CHAT_TEMPLATE, load_tokenizer
from unipref.train.data.pair_columns import (
    fill_probabilities,
    make_margin_column,
    make_pair_view,
    make_probability_column,
    make_rating_columns,
)
from unipref.train.data.row_usage import RowUsage
from unipref.train.data.rows import DEMONSTRATIONS, JUDGED, PAIRS, PROMPTS, View, write_rows
from unipref.train.row_losses.ratings import measure_scales
from unipref.train.start import give_own_pad, open_start
from unipref.train.trainers.dpo import Dpo
from unipref.train.trainers.reward import Reward

Job = Callable[..., TrainJob]


def written(path: Path) -> list[dict[str, Any]]:
    with pa.OSFile(str(path)) as source, pa.ipc.open_stream(source) as reader:
        rows: list[dict[str, Any]] = reader.read_all().to_pylist()
    return rows


# The mixed rows: 12 pairs, 3 too long somewhere, 2 demonstrations, 1 thumbs-down, 1 equal pair, 2 repeated prompts.
@pytest.mark.parametrize(
    ("view", "used", "left_out"),
    [
        # Used: 12 + long rejected (not looked at) + 2 demonstrations + equal pair + 2 = 18.
        (DEMONSTRATIONS, 18, {"too_long": 2, "one_sided": 1}),
        # Used: 12 + 2 = 14.
        (PAIRS, 14, {"too_long": 3, "one_sided": 3, "same_response": 1}),
        # Used: 12 + 2 with long answers + 2 + 1 + 1 = 18.
        (PROMPTS, 18, {"too_long": 1, "duplicate": 2}),
    ],
)
def test_each_view_keeps_what_it_can_use_and_the_counts_add_up(
    job: Job, tmp_path: Path, view: View, used: int, left_out: dict[str, int]
) -> None:
    given = job()
    tokenizer, _ = load_tokenizer(str(given.policy))
    usage = write_rows(given.preferences, tmp_path / "rows.arrow", view, tokenizer, 256)
    assert usage.used == used
    assert usage.left_out == left_out
    assert usage.rows == 21 == used + sum(left_out.values())
    rows = written(tmp_path / "rows.arrow")
    assert len(rows) == used
    assert set(rows[0]) == set(view.columns)


def test_the_rows_are_those_of_the_preferences(job: Job, tmp_path: Path, row: Any) -> None:
    given = job([row("Who?", "She.", "He.")])
    tokenizer, _ = load_tokenizer(str(given.policy))
    write_rows(given.preferences, tmp_path / "rows.arrow", DEMONSTRATIONS, tokenizer, 256)
    assert written(tmp_path / "rows.arrow") == [
        {"prompt": [{"role": "user", "content": "Who?"}], "completion": [{"role": "assistant", "content": "She."}]}
    ]


def test_the_limit_is_exact_and_counts_bos_and_eos_once(job: Job, tmp_path: Path, row: Any) -> None:
    given = job([row("Who?", "She.", "He was.")])
    tokenizer, _ = load_tokenizer(str(given.policy))
    longest = len(tokenizer.encode("<s>Question: Who?\n\nAnswer: He was.</s>", add_special_tokens=False))
    arrow = tmp_path / "rows.arrow"
    assert write_rows(given.preferences, arrow, PAIRS, tokenizer, longest).used == 1
    assert write_rows(given.preferences, arrow, PAIRS, tokenizer, longest - 1).left_out == {"too_long": 1}
    prompt = len(tokenizer.encode("<s>Question: Who?\n\nAnswer:", add_special_tokens=False))
    assert write_rows(given.preferences, arrow, PROMPTS, tokenizer, prompt).used == 1
    assert write_rows(given.preferences, arrow, PROMPTS, tokenizer, prompt - 1).used == 0


def test_a_role_that_the_template_refuses_costs_only_its_row(job: Job, tmp_path: Path, row: Any) -> None:
    bad = row("Hm?", "Yes.", "No.")
    bad["prompt"] = [{"role": "listener", "content": "Hm?"}]
    given = job([bad, row("Who?", "She.", "He.")])
    tokenizer, _ = load_tokenizer(str(given.policy))
    usage = write_rows(given.preferences, tmp_path / "rows.arrow", PAIRS, tokenizer, 256)
    assert (usage.used, usage.left_out) == (1, {"bad_role": 1})


def test_the_counts_in_words() -> None:
    usage = RowUsage(rows=5)
    usage.left_out.update({"too_long": 3, "one_sided": 2})
    assert (
        usage.explain(256) == "of 5 preferences: 2 without the answers that the trainer needs, 3 longer than 256 tokens"
    )
    assert RowUsage().explain(256) == "there are no preferences"


def test_a_spare_special_token_becomes_the_pad_token(tiny_model: Path) -> None:
    tokenizer, _ = load_tokenizer(str(tiny_model))
    tokenizer.pad_token = tokenizer.eos_token
    give_own_pad(tokenizer, "model")
    # <pad> is still a special token of the vocabulary.
    assert tokenizer.pad_token == "<pad>"
    assert tokenizer.pad_token_id == 0


@pytest.mark.parametrize(
    ("special", "expected"),
    [
        (["<repo_name>", "<|im_start|>", "<filename>", "<|endoftext|>"], "<filename>"),
        (["<repo_name>", "<fim_pad>", "<filename>"], "<fim_pad>"),
        (["<|im_start|>", "<tool_call>"], "<pad>"),  # texts may use these marks; this vocabulary has a <pad>
    ],
)
def test_the_vocabulary_grows_only_without_an_idle_special_token(padless: Path, special: Any, expected: str) -> None:
    tokenizer, _ = load_tokenizer(str(padless))
    tokenizer.add_special_tokens({"additional_special_tokens": special})
    tokenizer.pad_token, tokenizer.chat_template = tokenizer.eos_token, None
    size = len(tokenizer)
    give_own_pad(tokenizer, "model")
    assert tokenizer.pad_token == expected
    assert len(tokenizer) == size


def test_a_pad_token_of_its_own_is_left_alone(tiny_model: Path) -> None:
    tokenizer, _ = load_tokenizer(str(tiny_model))
    tokenizer.pad_token = "<s>"
    give_own_pad(tokenizer, "model")
    assert tokenizer.pad_token == "<s>"


@pytest.fixture
def padless(tiny_model: Path, tmp_path: Path) -> Path:
    """The tiny model with eos as pad token and no other special token to spare, as GPT-2 has it."""
    import json
    import shutil

    folder = tmp_path / "padless"
    shutil.copytree(tiny_model, folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        settings = json.loads((folder / name).read_text())
        if "added_tokens" in settings:
            settings["added_tokens"] = [token for token in settings["added_tokens"] if token["content"] != "<pad>"]
        if "pad_token" in settings:
            settings["pad_token"] = "</s>"
        (folder / name).write_text(json.dumps(settings))
    return folder


def test_a_model_without_a_pad_token_is_given_one_with_an_embedding(padless: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    tokenizer, _ = load_tokenizer(str(padless))
    assert tokenizer.pad_token_id == tokenizer.eos_token_id
    # As many rows as the ordinary tokens need, so that a new one has none.
    start = open_start(padless, tmp_path, "policy")
    assert start.tokenizer.pad_token == "<pad>"
    assert start.tokenizer.pad_token_id != start.tokenizer.eos_token_id
    rows = AutoModelForCausalLM.from_pretrained(start.folder).get_input_embeddings().weight.shape[0]
    assert rows > start.tokenizer.pad_token_id
    assert start.context == 256


def test_a_plain_folder_is_started_from_as_it_is(tiny_model: Path, tmp_path: Path) -> None:
    start = open_start(tiny_model, tmp_path, "policy")
    assert start.folder == start.policy == str(tiny_model)
    assert (start.context, start.grown) == (256, False)
    assert start.tokenizer.chat_template == CHAT_TEMPLATE
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_policy_does_not_start_from_a_reward_model(reward_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="this is a reward model, but the step trains a policy"):
        open_start(reward_folder, tmp_path, "policy")
    assert open_start(reward_folder, tmp_path, "reward").folder == str(reward_folder)


def test_a_folder_that_holds_no_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"empty: cannot be read as a model"):
        open_start(tmp_path / "empty", tmp_path, "policy")


def test_each_judged_answer_is_a_row_and_a_preference_is_used_whole(job: Job, tmp_path: Path, row: Any) -> None:
    given = job([row("Who?", "She.", "He."), row("Why?", None, "So."), row("How?", "word " * 300, "So.")])
    tokenizer, _ = load_tokenizer(str(given.policy))
    usage = write_rows(given.preferences, tmp_path / "rows.arrow", JUDGED, tokenizer, 256)
    assert (usage.rows, usage.used, usage.left_out) == (3, 2, {"too_long": 1})
    labelled = [
        (r["prompt"][0]["content"], r["completion"][0]["content"], r["label"]) for r in written(tmp_path / "rows.arrow")
    ]
    assert labelled == [("Who?", "She.", True), ("Who?", "He.", False), ("Why?", "So.", False)]
    assert len(usage.facts) == 3


@pytest.mark.parametrize(("missing", "margins"), [(0.0, [0.5, 0.0]), (None, [0.5])])
def test_a_margin_is_never_missing(
    missing: float | None, margins: list[float], job: Job, tmp_path: Path, row: Any
) -> None:
    without = row("Why?", "So.", "No.") | {"margin_percentile": None}
    given = job([row("Who?", "She.", "He.") | {"margin_percentile": 0.25}, without])
    tokenizer, _ = load_tokenizer(str(given.policy))
    view = make_pair_view(make_margin_column(2.0, missing))
    usage = write_rows(given.preferences, tmp_path / "rows.arrow", view, tokenizer, 256)
    assert [r["margin"] for r in written(tmp_path / "rows.arrow")] == margins
    assert usage.left_out == ({} if missing == 0.0 else {"no_margin": 1})


def test_the_facts_of_each_row(job: Job, tmp_path: Path, row: Any) -> None:
    rows = [row("Who?", "She.", "He was."), row("Why?", "So.", "No.") | {"source": "other", "confidence": 0.75}]
    given = job(rows)
    tokenizer, _ = load_tokenizer(str(given.policy))
    facts = write_rows(given.preferences, tmp_path / "rows.arrow", PAIRS, tokenizer, 256).facts
    longest = len(tokenizer.encode("<s>Question: Who?\n\nAnswer: He was.</s>", add_special_tokens=False))
    assert facts.lengths[0] == longest
    assert (list(facts.sources), facts.names["source"]) == ([0, 1], {"test": 0, "other": 1})
    assert facts.count_known("confidence") == {"known": 1, "missing": 1}
    assert facts.numbers["confidence"][1] == 0.75


def test_ratings_are_those_of_all_axes_by_source(job: Job, tmp_path: Path, row: Any) -> None:
    rated = row("Who?", "She.", "He.") | {
        "axis": "help",
        "chosen_score": 4.0,
        "rejected_score": 2.0,
        "axes": [
            {"axis": "harm", "chosen": None, "rejected": 0.5},
            {"axis": "style", "chosen": None, "rejected": None},
        ],
        "confidence": 0.75,
    }
    given = job([rated, row("Why?", "So.", "No.")])
    tokenizer, _ = load_tokenizer(str(given.policy))
    view = make_pair_view(make_rating_columns(), make_probability_column(0.9))
    write_rows(given.preferences, tmp_path / "rows.arrow", view, tokenizer, 256)
    first, second = written(tmp_path / "rows.arrow")
    assert first["rating_scales"] == ['["test", "help"]', '["test", "harm"]']
    assert first["chosen_ratings"] == pytest.approx([4.0, math.nan], nan_ok=True)
    assert (first["rejected_ratings"], first["label_probability"]) == ([2.0, 0.5], 0.75)
    assert [second[name] for name in ("rating_scales", "chosen_ratings", "rejected_ratings")] == [[], [], []]
    assert second["label_probability"] == pytest.approx(0.9)
    scales = measure_scales([first, second])
    # harm has one rating, so that its spread is 0.
    assert {name: (s.mean, s.spread) for name, s in scales.scales.items()} == {'["test", "help"]': (3.0, 1.0)}
    assert list(scales.describe()["scales"]) == ["test / help"]
    assert (scales.rated, scales.unrated) == (1, 1)
    stacked = scales.stack([first, second]).flatten().tolist()
    assert stacked == pytest.approx([1.0, -1.0, math.nan, math.nan], nan_ok=True)


def test_a_pair_without_a_confidence_gets_the_mean_of_the_others(job: Job, row: Any, tmp_path: Path) -> None:
    confidences = [0.9, None, 0.6, 0.3, None]
    rows = [row(f"Why {i}?", "So.", "No.") | {"confidence": p} for i, p in enumerate(confidences)]
    given = job(rows)
    tokenizer, _ = load_tokenizer(str(given.policy))
    for missing, expected in ((None, 0.6), (0.75, 0.75)):
        file = tmp_path / f"{missing}.arrow"
        usage = write_rows(given.preferences, file, make_pair_view(make_probability_column(missing)), tokenizer, 256)
        filled = fill_probabilities(Dataset.from_file(str(file)), usage.facts)
        assert filled["label_probability"][:] == pytest.approx([0.9, expected, 0.6, 0.3, expected])
    # Dev rows get the mean of the rows to train on, and rows of another trainer stay as they are.
    dev = Dataset.from_dict({"prompt": ["a", "b"], "label_probability": [math.nan, 0.5]})
    assert fill_probabilities(dev, usage.facts)["label_probability"][:] == pytest.approx([0.6, 0.5])
    others = Dataset.from_dict({"prompt": ["a"]})
    assert fill_probabilities(others, usage.facts) is others


def test_scales_whose_names_joined_are_equal_stay_two() -> None:
    make = make_rating_columns().make
    rows = [
        make({"source": source, "axis": axis, "chosen_score": score, "rejected_score": 1.0, "axes": []})
        for source, axis, score in (("a / b", "c", 2.0), ("a", "b / c", 5.0), ("a", "é", 3.0))
    ]
    scales = measure_scales([row for row in rows if not isinstance(row, str)])
    assert [scale.mean for scale in scales.scales.values()] == [1.5, 3.0, 2.0]
    assert list(scales.describe()["scales"]) == ['["a / b", "c"]', '["a", "b / c"]', "a / é"]


def test_measured_scales_hold_no_text_of_the_rows() -> None:
    """Each row has its own copy of a long name, as rows from a file have."""
    n, name = 2000, "n" * 1000

    def rows() -> Iterator[dict[str, Any]]:
        for i in range(n):
            yield {
                "rating_scales": ["".join(list(name))] * (i % 2),
                "chosen_ratings": [float(i)] * (i % 2),
                "rejected_ratings": [math.nan] * (i % 2),
            }

    tracemalloc.start()
    scales = measure_scales(rows())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (scales.rated, scales.unrated, scales.scales[name].n) == (n // 2, n // 2, n // 2)
    assert (scales.scales[name].mean, scales.scales[name].spread) == pytest.approx((1000.0, 577.35), abs=0.01)
    assert peak < 200 * n


@pytest.mark.parametrize("trainer", [Dpo(soft_labels=True, max_steps=1), Reward(soft_labels=True, max_steps=1)])
def test_soft_labels_without_a_confidence_are_refused(trainer: Any, job: Job, row: Any) -> None:
    with pytest.raises(UserError, match="no pair has a confidence"):
        trainer.fit(job([row("Who?", "She.", "He.")]))


def test_ratings_that_no_source_has_are_refused(job: Job, row: Any) -> None:
    with pytest.raises(UserError, match="no pair has ratings: its sources score no answers"):
        Reward(use_ratings=True, max_steps=1).fit(job([row("Who?", "She.", "He.")]))
    equal = row("Who?", "She.", "He.") | {"axis": "help", "chosen_score": 1.0, "rejected_score": None}
    with pytest.raises(UserError, match="on each scale, all ratings are equal"):
        Reward(use_ratings=True, max_steps=1).fit(job([equal], to="second"))
