"""Makes examples of what a run did: a raw row, its preference, and what the models answer before and after training.

A few held-out preferences are drawn and spread over the sources; the same data and seed give the same preferences.
Their raw rows are read again from the source files. Each model answers their prompts greedily, with one model in
memory at a time.
"""

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from unipref.core import parquet, text_keys
from unipref.core.chat_models import Policy, RefusedDialogue
from unipref.core.display import shorten
from unipref.core.errors import UserError
from unipref.core.messages import show_message
from unipref.core.records import Message, Messages
from unipref.models import inference
from unipref.models.model_cache import ModelCache
from unipref.pipeline.raw_rows import read_rows, shorten_row
from unipref.sources import Part

POOL = 8
"""Preferences drawn from each source; those that fit into the model's context are shown first."""
MAX_RAW_ROWS = 3
"""Raw rows shown per preference."""
MAX_TURN_CHARACTERS = 1200
"""Longest turn shown, in characters."""
COLUMNS = (
    "id", "source", "kind", "objective", "axis", "chosen_score", "rejected_score", "margin_percentile",
    "confidence", "n_responses", "origin", "prompt", "chosen", "rejected",
)  # fmt: skip
"""Columns of a preference that an example has."""


class AnsweringModel(NamedTuple):
    """A model that answers: its label in the report, its folder or hub name, and its key."""

    label: str
    name: str
    key: str


@dataclass(frozen=True)
class ExampleMaker:
    """Draws preferences and collects their raw rows and the models' answers.

    Attributes:
        count: number of examples.
        new_tokens: longest answer, in tokens.
        seed: of the draw.
    """

    count: int
    new_tokens: int
    seed: int

    def make_examples(
        self, held_out: Path, models: Sequence[AnsweringModel], parts: Mapping[str, Sequence[Part]]
    ) -> tuple[list[dict[str, Any]], list[str]]:
        """Returns the examples in the order of the sources, and notes on models that failed.

        Args:
            held_out: a Parquet file of held-out preferences.
            models: the models that answer.
            parts: source -> its files, in the order of the study.
        """
        examples, notes = self._collect_answers(draw_preferences(held_out, self.seed), models)
        add_raw_rows(examples, parts)
        order = list(parts)
        return sorted(examples, key=lambda example: order.index(example["source"])), notes

    def _collect_answers(
        self, drawn: Mapping[str, list[dict[str, Any]]], models: Sequence[AnsweringModel]
    ) -> tuple[list[dict[str, Any]], list[str]]:
        """The examples with the models' answers, and notes on models that failed; the run continues without these."""
        model_cache, examples, notes = ModelCache(), list[dict[str, Any]](), list[str]()
        for model in models:
            try:
                examples, answers = self._answer(model_cache, model, drawn, examples)
            except UserError as error:
                reason = f"it could not answer: {' '.join(line.strip() for line in error.lines())}"
                notes.append(f"Examples, {model.label}: {reason}")
                examples = examples or spread_over_sources(drawn, self.count, self.seed)
                answers = [{"text": "", "note": reason} for _ in examples]
            for example, answer in zip(examples, answers, strict=True):
                example.setdefault("answers", {})[model.label] = answer
        for example in examples:
            for side in ("prompt", "chosen", "rejected"):
                example[side] = _shorten_turns(example[side])
        return examples, notes

    def _answer(
        self,
        model_cache: ModelCache,
        model: AnsweringModel,
        drawn: Mapping[str, list[dict[str, Any]]],
        examples: list[dict[str, Any]],
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """The examples, chosen by the first model that loads, and a model's answers to them.

        Holds the only reference to the model, so that it is freed before the next one loads.
        """
        policy = model_cache.policy(model.name)
        examples = examples or spread_over_sources(drawn, self.count, self.seed, self._fits_into(policy))
        return examples, generate_answers(policy, [example["prompt"] for example in examples], self.new_tokens)

    def _fits_into(self, policy: Policy) -> Callable[[Messages], bool]:
        return lambda prompt: 0 < len(_encode(policy, prompt)) <= policy.context - self.new_tokens


def draw_preferences(path: Path, seed: int) -> dict[str, list[dict[str, Any]]]:
    """Draws preferences of each source, in the order of a hash of their id and the seed. Reads the text of these alone.

    Args:
        path: a Parquet file of preferences.
        seed: of the draw.

    Returns:
        Source -> up to `POOL` preferences.
    """
    lowest: dict[str, list[tuple[str, str]]] = {}
    for batch in parquet.read_batches(path, ["id", "source"]):
        hashed_ids: dict[str, list[tuple[str, str]]] = {}
        for row in batch.to_pylist():
            hashed_ids.setdefault(row["source"], []).append((text_keys.digest(str(seed), row["id"]), row["id"]))
        for source, pairs in hashed_ids.items():
            lowest[source] = heapq.nsmallest(POOL, lowest.get(source, []) + pairs)
    drawn_ids = {key for pairs in lowest.values() for _, key in pairs}
    rows: dict[str, dict[str, Any]] = {}
    for batch in parquet.read_batches(path, COLUMNS, 1024):
        positions = [position for position, key in enumerate(batch["id"].to_pylist()) if key in drawn_ids]
        rows |= {row["id"]: row for row in batch.take(positions).to_pylist()} if positions else {}
    return {source: [rows[key] for _, key in dict.fromkeys(pairs)] for source, pairs in lowest.items()}


def spread_over_sources(
    drawn: Mapping[str, list[dict[str, Any]]],
    count: int,
    seed: int,
    fits: Callable[[Messages], bool] = lambda prompt: True,
) -> list[dict[str, Any]]:
    """Takes one preference of each source in turn, up to `count`.

    Args:
        drawn: source -> its drawn preferences.
        count: number of preferences.
        seed: decides which source comes first.
        fits: whether a prompt fits into the model's context; within a source, these come first.
    """
    queues = [
        sorted(drawn[source], key=lambda row: not fits(row["prompt"]))
        for source in sorted(drawn, key=lambda source: text_keys.digest(str(seed), source))
    ]
    depth = max(map(len, queues), default=0)
    turns = [queue[place] for place in range(depth) for queue in queues if place < len(queue)]
    return turns[:count]


def generate_answers(policy: Policy, prompts: Sequence[Messages], new_tokens: int) -> list[dict[str, Any]]:
    """Lets a model answer prompts.

    Returns:
        The answers as `text`, with `note`: why there is no answer, or that it was cut; '' for a complete answer.
    """
    encoded = [_encode(policy, prompt) for prompt in prompts]
    generated = iter(inference.generate_detailed(policy, [ids for ids in encoded if ids], new_tokens))
    answers = []
    for ids in encoded:
        if not ids:
            answers.append({"text": "", "note": "no answer: the model's chat template does not accept this prompt"})
            continue
        answer = next(generated)
        note = "" if answer.ended else f"cut after {answer.n_tokens} tokens"
        if len(ids) >= policy.context:
            note = f"no answer: the prompt has {len(ids):,} tokens, the model's context {policy.context:,}"
        answers.append({"text": answer.text.strip(), "note": note})
    return answers


def _encode(policy: Policy, prompt: Messages) -> list[int]:
    """The tokens of a prompt; empty if the model's chat template refuses its roles or their order."""
    try:
        return inference.encode(policy, policy.prompt_text(prompt))
    except RefusedDialogue:
        return []


def add_raw_rows(examples: Sequence[dict[str, Any]], parts: Mapping[str, Sequence[Part]]) -> None:
    """Gives each example its `raw` rows: `origin`, the row as `text`, and `note`: whether it is shortened or missing.

    Args:
        examples: with `source` and `origin`.
        parts: source -> its files.
    """
    for source in dict.fromkeys(example["source"] for example in examples):
        of_source = [example for example in examples if example["source"] == source]
        origins = [origin for example in of_source for origin in example["origin"][:MAX_RAW_ROWS]]
        rows = read_rows(parts.get(source, ()), origins)
        tables = list(dict.fromkeys(table.name for part in parts.get(source, ()) for table in part.tables))
        for example in of_source:
            example["raw"] = [show_row(origin, rows[origin], tables) for origin in example["origin"][:MAX_RAW_ROWS]]


def show_row(origin: str, row: Any, tables: Iterable[str]) -> dict[str, str]:
    """A raw row for the report; `row` is a text if it could not be read."""
    if isinstance(row, str):
        return {"origin": origin, "text": "", "note": f"it cannot be shown: {row}"}
    text, is_shortened = shorten_row(row)
    notes = ["shortened"] if is_shortened else []
    if names := ", ".join(tables):
        notes.append(f"without the joined tables: {names}")
    return {"origin": origin, "text": text, "note": ", ".join(notes)}


def _shorten_turns(messages: Messages | None) -> Messages | None:
    if messages is None:
        return None
    return [Message(role=turn["role"], content=shorten(show_message(turn), MAX_TURN_CHARACTERS)) for turn in messages]
