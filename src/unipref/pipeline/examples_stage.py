"""Examples of what a run did: a raw row, the preference made of it, and what the models answer, before and after.

A few held-out preferences are drawn, the same for the same data and seed, spread over the sources. Their raw rows are
read back where they came from, and the base model and the last policy of each variant answer their prompts, the
likeliest token each time, one model in memory at a time.
"""

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from unipref.core import hashing, json_files, parquet, text_keys
from unipref.core.display import shorten
from unipref.core.errors import UserError
from unipref.core.records import MAIN, Messages
from unipref.core.stage_cache import Stage
from unipref.models import inference
from unipref.models.loading import Policy
from unipref.models.model_cache import ModelCache
from unipref.pipeline import stage_inputs
from unipref.pipeline.context import RunContext
from unipref.pipeline.raw_rows import rows_at, shortened
from unipref.pipeline.stage_data import VariantData, held_out_files
from unipref.sources import Part

EXAMPLES = "examples"
FILE = "examples.json"
POOL = 8
"""Preferences of each source from which those are taken that fit in the model's context."""
MOST_ROWS = 3
"""Raw rows shown of one preference."""
LONGEST_TURN = 1200
"""Characters of a turn that are kept."""
COLUMNS = (
    "id", "source", "kind", "objective", "axis", "chosen_score", "rejected_score", "margin", "confidence",
    "n_responses", "origin", "prompt", "chosen", "rejected",
)  # fmt: skip
"""Columns of a preference that an example has."""


class AnsweringModel(NamedTuple):
    """A model that answers: what it is called, its folder or hub name, and its key."""

    label: str
    name: str
    key: str


class ExamplesStage:
    """Examples as a stage of one run folder.

    Args:
        context: of the run.
    """

    def __init__(self, context: RunContext) -> None:
        self.context = context
        self.settings = context.resolved.study.report

    def stage(
        self,
        main: VariantData,
        unified: Stage,
        base: AnsweringModel,
        trained: Mapping[str, AnsweringModel],
        apart: Sequence[str] = (),
    ) -> Stage | None:
        """Runs the stage. Returns None, with a note, if there is nothing to show.

        Args:
            main: the study as written and its data.
            unified: where its preferences come from.
            base: the study's model.
            trained: variant -> the last policy it trains with its first seed, of those that train one.
            apart: labels of models that do not answer, because their variants hold out other preferences.
        """
        if not self.settings.examples:
            return None
        held_out = held_out_files(main.cleaned, main.study)
        part = next((part for part in ("test", "dev") if part in held_out), None)
        if part is None or not trained:
            why = "no policy was trained" if part else "no preference is held out"
            self._skipped(f"No examples are shown: {why}.")
            return None
        models, left_out = answering_models(base, trained, self.settings.models)
        left_out += [f"{label} (it has held-out data of its own)" for label in apart]
        keys = {model.label: model.key for model in models}
        inputs = stage_inputs.examples(main.study, unified, main.cleaned, part, keys, left_out)

        def work(out: Path) -> dict[str, Any]:
            drawn = draw(held_out[part], main.study.seeds[0])
            found, notes = self._collect_answers(drawn, models, main.study.seeds[0])
            parts = {plan.projection.source: plan.parts for plan in self.context.resolved.sources[MAIN]}
            with_raw_rows(found, parts)
            order = list(parts)
            found.sort(key=lambda example: order.index(example["source"]))
            json_files.write_json(out / FILE, found)
            about = {"part": part, "models": [model.label for model in models], "left_out": left_out}
            return {**about, "new_tokens": self.settings.new_tokens, "notes": notes}

        stage = self.context.cache.stage(EXAMPLES, inputs, work)
        for note in stage.result.get("notes", ()):
            self.context.listener.note(note)
        if stage.result.get("notes"):
            # A model that could not answer may be able to next time: the stage does not count as done.
            (stage.folder / hashing.RECORD).unlink(missing_ok=True)
        if not stage.pending:
            self.context.manifest.exemplified({**stage.result, "folder": EXAMPLES})
        return stage

    def _skipped(self, why: str) -> None:
        self.context.listener.stage(EXAMPLES, False)
        self.context.listener.note(why)
        self.context.manifest.exemplified({"skipped": why})

    def _collect_answers(
        self, drawn: Mapping[str, list[dict[str, Any]]], models: Sequence[AnsweringModel], seed: int
    ) -> tuple[list[dict[str, Any]], list[str]]:
        """The examples with the models' answers, and notes on models that failed; the run continues without these."""
        model_cache, chosen, notes = ModelCache(), list[dict[str, Any]](), list[str]()
        for model in models:
            try:
                chosen, answers = self._ask(model_cache, model, drawn, chosen, seed)
            except UserError as error:
                why = f"it could not be asked: {' '.join(line.strip() for line in error.lines())}"
                notes.append(f"Examples, {model.label}: {why}")
                chosen = chosen or spread(drawn, self.settings.examples, seed, lambda prompt: True)
                answers = [{"text": "", "note": why} for _ in chosen]
            for example, answer in zip(chosen, answers, strict=True):
                example.setdefault("answers", {})[model.label] = answer
        for example in chosen:
            for side in ("prompt", "chosen", "rejected"):
                example[side] = _cut(example[side])
        return chosen, notes

    def _ask(
        self,
        model_cache: ModelCache,
        model: AnsweringModel,
        drawn: Mapping[str, list[dict[str, Any]]],
        chosen: list[dict[str, Any]],
        seed: int,
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """The examples, chosen by the first model that can be asked, and a model's answers to them.

        Holds the only reference to the model, so that it is freed before the next one loads.
        """
        policy = model_cache.policy(model.name)
        chosen = chosen or spread(drawn, self.settings.examples, seed, self._room(policy))
        return chosen, generate_answers(policy, [example["prompt"] for example in chosen], self.settings.new_tokens)

    def _room(self, policy: Policy) -> Callable[[Messages], bool]:
        return lambda prompt: 0 < len(_ids(policy, prompt)) <= policy.context - self.settings.new_tokens


def answering_models(
    base: AnsweringModel, trained: Mapping[str, AnsweringModel], most: int
) -> tuple[list[AnsweringModel], list[str]]:
    """The models that answer, the base first, and the names of those that are left out as there are too many.

    Variants that share a model are one, named after all of them.
    """
    of_key: dict[str, list[AnsweringModel]] = {}
    for model in trained.values():
        of_key.setdefault(model.key, []).append(model)
    alike = [
        shared[0]._replace(label=", ".join(dict.fromkeys(model.label for model in shared)))
        for shared in of_key.values()
    ]
    return [base, *alike[: most - 1]], [model.label for model in alike[most - 1 :]]


def draw(path: Path, seed: int) -> dict[str, list[dict[str, Any]]]:
    """Source -> some of its preferences in the order of a hash of their id and the seed; text is read of these alone.

    Args:
        path: a Parquet file of preferences.
        seed: of the draw.
    """
    lowest: dict[str, list[tuple[str, str]]] = {}
    for batch in parquet.read_batches(path, ["id", "source"]):
        fresh: dict[str, list[tuple[str, str]]] = {}
        for row in batch.to_pylist():
            fresh.setdefault(row["source"], []).append((text_keys.digest(str(seed), row["id"]), row["id"]))
        for source, new in fresh.items():
            lowest[source] = heapq.nsmallest(POOL, lowest.get(source, []) + new)
    wanted = {key for several in lowest.values() for _, key in several}
    rows: dict[str, dict[str, Any]] = {}
    for batch in parquet.read_batches(path, COLUMNS, 1024):
        at = [place for place, key in enumerate(batch["id"].to_pylist()) if key in wanted]
        rows |= {row["id"]: row for row in batch.take(at).to_pylist()} if at else {}
    return {source: [rows[key] for _, key in dict.fromkeys(several)] for source, several in lowest.items()}


def spread(
    drawn: Mapping[str, list[dict[str, Any]]], n: int, seed: int, fits: Callable[[Messages], bool]
) -> list[dict[str, Any]]:
    """Up to n of the drawn preferences, one of each source in turn; of a source, those first that fit."""
    lines = [
        sorted(drawn[source], key=lambda row: not fits(row["prompt"]))
        for source in sorted(drawn, key=lambda source: text_keys.digest(str(seed), source))
    ]
    depth = max(map(len, lines), default=0)
    turns = [line[place] for place in range(depth) for line in lines if place < len(line)]
    return turns[:n]


def generate_answers(policy: Policy, prompts: Sequence[Messages], new_tokens: int) -> list[dict[str, Any]]:
    """What a model answers, with `note`: why there is no answer, or that it was cut; '' for a whole one."""
    every = [_ids(policy, prompt) for prompt in prompts]
    answers = iter(inference.generate_detailed(policy, [ids for ids in every if ids], new_tokens))
    found = []
    for ids in every:
        if not ids:
            found.append({"text": "", "note": "no answer: the model's chat template does not take this prompt"})
            continue
        written = next(answers)
        note = "" if written.ended else f"cut after {written.n_tokens} tokens"
        if len(ids) >= policy.context:
            note = f"no answer: the prompt has {len(ids):,} tokens, the model's context {policy.context:,}"
        found.append({"text": written.text.strip(), "note": note})
    return found


def _ids(policy: Policy, prompt: Messages) -> list[int]:
    """The tokens of a prompt; none where the model's chat template refuses it, for its roles or their order."""
    from jinja2 import TemplateError

    try:
        return inference.encode(policy, policy.prompt_text(prompt))
    except TemplateError:
        return []


def with_raw_rows(examples: Iterable[dict[str, Any]], parts: Mapping[str, Sequence[Part]]) -> None:
    """Gives each example its `raw` rows: `origin`, the row as `text`, and `note`: that it was shortened, or is gone.

    Args:
        examples: with `source` and `origin`.
        parts: source -> the files it was read from.
    """
    examples = list(examples)
    for source in dict.fromkeys(example["source"] for example in examples):
        mine = [example for example in examples if example["source"] == source]
        origins = [origin for example in mine for origin in example["origin"][:MOST_ROWS]]
        rows = rows_at(parts.get(source, ()), origins)
        joined = ", ".join(dict.fromkeys(t.name for part in parts.get(source, ()) for t in part.tables))
        for example in mine:
            example["raw"] = [_raw(origin, rows[origin], joined) for origin in example["origin"][:MOST_ROWS]]


def _raw(origin: str, row: Any, joined: str) -> dict[str, str]:
    if isinstance(row, str):
        return {"origin": origin, "text": "", "note": f"it cannot be shown: {row}"}
    text, cut = shortened(row)
    said = (["shortened"] if cut else []) + ([f"without what is joined to it: {joined}"] if joined else [])
    return {"origin": origin, "text": text, "note": ", ".join(said)}


def _cut(messages: Messages | None) -> Messages | None:
    """Messages with long turns shortened."""
    if messages is None:
        return None
    return [{**turn, "content": shorten(turn["content"], LONGEST_TURN)} for turn in messages]


def last_policy(variant: str, done: Mapping[str, Any]) -> AnsweringModel | None:
    """The last policy among the trained models of a variant, by step; None where there is none."""
    policies = {step: model for step, model in done.items() if model.model_kind == "policy"}
    if not policies:
        return None
    step, model = list(policies.items())[-1]
    return AnsweringModel(f"{variant} · {step}", model.folder, model.key)
