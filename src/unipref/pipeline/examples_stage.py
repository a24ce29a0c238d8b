"""The stage that makes examples of what a run did: which models answer, and what the manifest records of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from unipref.clean.redact import redact_texts
from unipref.core import hashing, json_files
from unipref.core.records import MAIN
from unipref.core.run_folder import EXAMPLES, EXAMPLES_FOLDER
from unipref.core.stage_cache import Stage
from unipref.pipeline import stage_inputs
from unipref.pipeline.context import RunContext
from unipref.pipeline.examples import AnsweringModel, ExampleMaker
from unipref.pipeline.stage_data import TrainedModel, VariantData, find_held_out_files


class ExamplesStage:
    """Makes the examples of one run.

    Args:
        context: of the run.
    """

    def __init__(self, context: RunContext) -> None:
        self.context = context
        self.settings = context.resolved.study.report

    def run_examples(
        self,
        main: VariantData,
        unified: Stage,
        base: AnsweringModel,
        trained: Mapping[str, AnsweringModel],
        excluded: Sequence[str] = (),
    ) -> Stage | None:
        """Runs the stage. Returns None, with a note, if there is nothing to show.

        Args:
            main: the study as written and its data.
            unified: the unified preferences they come from.
            base: the study's model.
            trained: variant -> the last policy it trains with its first seed, for variants that train one.
            excluded: labels of models that do not answer, because their variants hold out other preferences.
        """
        if not self.settings.examples:
            return None
        held_out = find_held_out_files(main.cleaned, main.study)
        part = next((part for part in ("test", "dev") if part in held_out), None)
        if part is None or not trained:
            reason = "no policy was trained" if part else "no preference is held out"
            self._skip(f"No examples are shown: {reason}.")
            return None
        models, left_out = choose_models(base, trained, self.settings.models)
        left_out += [f"{label} (it has held-out data of its own)" for label in excluded]
        keys = {model.label: model.key for model in models}
        inputs = stage_inputs.examples_inputs(main.study, unified, main.cleaned, part, keys, left_out)
        maker = ExampleMaker(self.settings.examples, self.settings.new_tokens, main.study.seeds[0])

        def work(out: Path) -> dict[str, Any]:
            parts = {source.projection.source: source.parts for source in self.context.resolved.sources[MAIN]}
            examples, notes = maker.make_examples(held_out[part], models, parts)
            raw = [row for example in examples for row in example.get("raw", [])]
            if kinds := main.study.clean.redacted_kinds:
                for row, text in zip(raw, redact_texts(kinds, [row["text"] or "" for row in raw]), strict=True):
                    row["text"] = text
            json_files.write_json(out / EXAMPLES, examples)
            about = {"part": part, "models": [model.label for model in models], "left_out": left_out}
            return {**about, "new_tokens": self.settings.new_tokens, "notes": notes}

        stage = self.context.cache.stage(EXAMPLES_FOLDER, inputs, work)
        for note in stage.result.get("notes", ()):
            self.context.listener.note(note)
        if stage.result.get("notes"):
            # A model that could not answer may be able to next time: the stage does not count as done.
            (stage.folder / hashing.RECORD).unlink(missing_ok=True)
        if not stage.pending:
            self.context.manifest.record_examples({**stage.result, "folder": EXAMPLES_FOLDER})
        return stage

    def _skip(self, reason: str) -> None:
        self.context.listener.stage(EXAMPLES_FOLDER, False)
        self.context.listener.note(reason)
        self.context.manifest.record_examples({"skipped": reason})


def choose_models(
    base: AnsweringModel, trained: Mapping[str, AnsweringModel], limit: int
) -> tuple[list[AnsweringModel], list[str]]:
    """Returns the models that answer, the base model first, and the labels of those beyond the limit.

    Variants that share a model are one model, labelled with all of them.
    """
    models_by_key: dict[str, list[AnsweringModel]] = {}
    for model in trained.values():
        models_by_key.setdefault(model.key, []).append(model)
    distinct = [
        models[0]._replace(label=", ".join(dict.fromkeys(model.label for model in models)))
        for models in models_by_key.values()
    ]
    return [base, *distinct[: limit - 1]], [model.label for model in distinct[limit - 1 :]]


def find_last_policy(variant: str, models: Mapping[str, TrainedModel]) -> AnsweringModel | None:
    """Returns the policy that a variant trains last; None if it trains none.

    Args:
        variant: its name.
        models: step -> its model, in order.
    """
    policies = {step: model for step, model in models.items() if model.model_kind == "policy"}
    if not policies:
        return None
    step, model = list(policies.items())[-1]
    return AnsweringModel(f"{variant} · {step}", model.folder, model.key)
