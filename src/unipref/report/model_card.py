"""The model card of every trained model: data with licences, recipe, scores, limits.

A card needs only `manifest.json` and `scores.json`, so it can be rewritten when there are more scores.
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unipref.core import yaml_files
from unipref.core.hashing import CARD
from unipref.core.json_files import write_text
from unipref.core.records import UNKNOWN
from unipref.core.run_folder import Manifest, RunFolder, ScoreRow, Selected, SourceCounts, StepRecipe, TrainedStep
from unipref.core.terminal import show_text
from unipref.report.content import format_count, format_number
from unipref.report.licences import MEANING, count_training, describe_licences, list_hub_datasets
from unipref.report.render.markdown import escape

if TYPE_CHECKING:
    from huggingface_hub import ModelCardData

AUTO_CLASSES = {"policy": "AutoModelForCausalLM", "reward": "AutoModelForSequenceClassification"}


def write_cards(run: Path) -> list[Path]:
    """Writes `README.md` beside every trained model of a run.

    Args:
        run: the run folder; without a manifest, no cards are written.

    Returns:
        The paths of the cards.
    """
    folder = RunFolder(run)
    if not folder.has_manifest:
        return []
    manifest, scores = folder.manifest, folder.scores()
    paths: dict[Path, None] = {}
    for variant, seed, step, trained in manifest.trained_steps():
        model = run / trained.folder
        # Variants may share a model: its card names the first one.
        if trained.folder and model.is_dir() and model / CARD not in paths:
            write_text(model / CARD, show_text(Card(manifest, scores, variant, seed, step).text()))
            paths[model / CARD] = None
    return list(paths)


class Card:
    """The card of one model.

    Args:
        manifest: of the run.
        scores: of the run.
        variant: of the model; so are seed and step.
        seed: see variant.
        step: see variant.
        repo: its name on the hub, for a card there; None: it stays in the run folder.
        licence: of the model, as its owner states it; None: nobody has stated one.
    """

    def __init__(
        self,
        manifest: Manifest,
        scores: list[ScoreRow],
        variant: str,
        seed: str,
        step: str,
        *,
        repo: str | None = None,
        licence: str | None = None,
    ) -> None:
        self.manifest, self.variant, self.seed, self.step = manifest, variant, seed, step
        self.scores, self.repo, self.licence = scores, repo, licence
        self.place = repo or "FOLDER"
        base = str(manifest.model).partition("@")[0]
        # An absolute path is meaningless on other machines.
        self.base = Path(base).name if Path(base).is_absolute() else base
        self.base_on_hub: str | None = self.base
        self.trained = manifest.trained(variant, seed)
        self.rounds = manifest.rounds.get(variant, {}).get(seed, {})
        self.steps = manifest.steps.get(variant, {})
        self.recipe = self.steps.get(step) or StepRecipe()
        self.sources = manifest.sources_of(variant)

    def text(self) -> str:
        """The whole card: the metadata that the hub reads, then Markdown."""
        from huggingface_hub import ModelCard

        parts = [f"# {escape(str(self.manifest.name))}: {self.step}", ""]
        parts += [self._what(), "", "## Data", "", *self._data(), "", "## Recipe", "", *self._recipe(), ""]
        if self.manifest.code:
            parts += ["## Code", "", *self._code(), ""]
        parts += ["## Scores", "", *self._scores(), "", "## Limits", "", *self._limits(), ""]
        parts += ["## Use", "", *self._use(), "", "## Versions", "", *self._versions()]
        body = "\n".join(parts).replace("FOLDER", self.place) + "\n"
        return str(ModelCard(f"---\n{self._front().to_yaml()}\n---\n\n{body}"))

    def _chain(self) -> list[str]:
        """The steps that led to this model, the first one first."""
        chain = [self.step]
        while chain[0] in self.steps and (earlier := self.steps[chain[0]].start) in self.steps and earlier not in chain:
            chain.insert(0, earlier)
        return chain

    def _recipe_of(self, step: str) -> StepRecipe:
        return self.steps.get(step) or StepRecipe(trainer=step)

    def _front(self) -> "ModelCardData":
        from huggingface_hub import ModelCardData

        # Unless its owner states a licence of this model, those of its base model and its data apply.
        terms: dict[str, Any] = {"license": self.licence or "other"}
        if self.licence is None:
            terms |= {"license_name": "of-its-base-model-and-data", "license_link": "#data"}
        return ModelCardData(
            library_name="peft" if self.recipe.adapter else "transformers",
            base_model=self.base_on_hub,
            tags=["unipref", "trl", *dict.fromkeys(self._recipe_of(step).trainer for step in self._chain())],
            datasets=list_hub_datasets(self.sources) or None,
            **terms,
            **self._results(),
        )

    def _results(self) -> dict[str, Any]:
        """The scores as the hub shows them, of a card for the hub."""
        from huggingface_hub import EvalResult

        rows = [row for row in self.scores if self._is_own(row) and row.slice == "all"]
        if not rows or not self.repo:
            return {}
        task = "text-classification" if self.recipe.model_kind == "reward" else "text-generation"
        results = [
            EvalResult(
                task_type=task,
                dataset_type=row.benchmark,
                dataset_name=row.benchmark,
                dataset_split=row.split,
                dataset_config=row.mode,
                metric_type=row.metric,
                metric_value=row.value,
            )
            for row in rows
        ]
        return {"model_name": self.repo.rpartition("/")[2], "eval_results": results}

    def _what(self) -> str:
        kind = "A reward model" if self.recipe.model_kind == "reward" else "A language model"
        steps = " → ".join(self._chain())
        origin = f"made from {escape(self.base)} by {steps}"
        return f"{kind}, {origin} (variant {self.variant}, seed {self.seed}) with unipref {self.manifest.unipref}."

    def _data(self) -> list[str]:
        selected = self.manifest.selection(self.variant, self.seed) or Selected()
        rows = []
        for name, source in self.sources.items():
            facts = [name, source.kind or "–", source.objective or "–", source.licence or UNKNOWN]
            facts += [format_count(source.rows), format_count(source.preferences)]
            rows.append([*facts, format_count(selected.by_source.get(name, (0, 0))[1])])
        table = _table(
            ["source", "shape", "objective", "licence", "rows", "preferences", "selected for training"], rows
        )
        trained = self.trained[self.step]
        left_out = sum(trained.left_out.values())
        of_what = "its round's own preferences" if self.step in self.rounds else "the selected preferences"
        text = f"This step used {format_count(trained.used)} of {of_what} and left out {left_out:,}."
        turns = trained.later_user_turns
        if masked := turns.get("masked"):
            text += f" {masked:,} go on after the first answer: every later user turn was masked, and not learned."
        if cut := turns.get("cut"):
            text += f" {cut:,} were cut before their second user turn, which could not be masked."
        counts, of_what = count_training(self.manifest, self.variant, self.seed)
        lines = [*describe_licences(self.sources, counts, of_what), *self._describe_prompt_licences()]
        restrictions = [f"- {escape(line)}" for line in lines]
        licences = ["", "**Licences that restrict the use of the data**", "", *restrictions, "", MEANING]
        rounds = [line for step in self._chain() if step in self.rounds for line in ("", self._describe_round(step))]
        return [*table, *rounds, "", text, *(licences if restrictions else [])]

    def _describe_prompt_licences(self) -> list[str]:
        """Writes a sentence per restriction of the other sources whose prompts the rounds asked."""
        asked = [source for step in self._chain() if step in self.rounds for source in self.rounds[step].prompt_sources]
        counts = Counter[str]()
        for source in asked:
            counts[source.name] += source.used
        sources = {source.name: SourceCounts(licence=source.licence) for source in asked}
        return describe_licences(sources, counts, "prompts from other sources")

    def _describe_round(self, step: str) -> str:
        one = self.rounds[step]
        origins = [f"{escape(source.name)} ({escape(source.licence)})" for source in one.prompt_sources]
        of_what = f" of {', '.join(origins)}" if origins else ""
        judges = ", ".join(escape(judge.judge) for judge in one.judges)
        return (
            f"`{step}` is round {one.number} of {one.of}: `{one.policy}` gave {one.answers:,} answers to "
            f"{one.prompts:,} prompts{of_what}, {judges} compared them, and {one.kept:,} preferences were made of that."
        )

    def _recipe(self) -> list[str]:
        lines = []
        for step in self._chain():
            recipe, trained = self._recipe_of(step), self.trained.get(step) or TrainedStep()
            lines += [
                f"`{step}`: {recipe.trainer} from {recipe.start}, {format_count(trained.steps)} optimiser steps, "
                f"{format_count(trained.tokens)} tokens"
                + (":" if recipe.settings else ", all settings at their defaults."),
                "",
                *(f"    {line}" for line in yaml_files.write(recipe.settings).splitlines() if recipe.settings),
                "",
            ]
            lines += [line for text in _describe_merges(trained, recipe.model_kind) for line in (text, "")]
        return lines[:-1]

    def _code(self) -> list[str]:
        # An absolute path is meaningless on other machines.
        rows = [[name, Path(code.file).name, code.hash] for name, code in self.manifest.code.items()]
        return ["The study ran this code of its own:", "", *_table(["module", "file", "hash (xxh3-128)"], rows)]

    def _scores(self) -> list[str]:
        own_rows = [row for row in self.scores if self._is_own(row) and row.slice == "all"]
        if not own_rows:
            return ["Not measured."]
        base = {
            _measure(row): row for row in self.scores if row.step == "base" and row.variant in ("base", self.variant)
        }
        rows = []
        for row in own_rows:
            interval = "–" if row.low is None else f"{format_number(row.low)} to {format_number(row.high)}"
            before = base.get(_measure(row))
            better = f"near {row.ideal:g}" if row.direction == "ideal" and row.ideal is not None else row.direction
            cells = [row.benchmark, row.mode, row.split, row.metric, format_number(row.value), interval, str(row.n)]
            rows.append([*cells, better, format_number(row.chance), format_number(before.value if before else None)])
        heads = [
            "benchmark",
            "mode",
            "split",
            "metric",
            "value",
            "95 % interval",
            "n",
            "better",
            "chance",
            "base model",
        ]
        return _table(heads, rows)

    def _is_own(self, row: ScoreRow) -> bool:
        return row.step == self.step and row.variant == self.variant and str(row.seed) == self.seed

    def _limits(self) -> list[str]:
        limits = [
            "Fine-tuning shifts the base model's behaviour; its gaps and errors largely remain.",
            "The scores apply to these benchmarks only, from one evaluation. They do not cover other uses, languages "
            "or kinds of bias, and they are not a safety test.",
            "A model that guesses and shows no bias may be fair, or may not understand the question: the scores cannot "
            "tell.",
            "Preferences are judgements of the people or models behind each source; the model also learns their errors "
            "and biases.",
        ]
        if self.manifest.model_quantization:
            stored = escape(self.manifest.model_quantization)
            limits.append(f"The base model's weights were quantised ({stored}), so it differs from the original model.")
        limits += [f"Training warning: {escape(warning)}." for warning in self.trained[self.step].warnings]
        return [f"- {line}" for line in limits]

    def _use(self) -> list[str]:
        kind = AUTO_CLASSES.get(self.recipe.model_kind, AUTO_CLASSES["policy"])
        axes = self.trained[self.step].other.get("axes")
        labels = ", num_labels=1" if self.recipe.model_kind == "reward" and not axes else ""
        if any((merge := self.trained[step].start_merge) and merge.untied for step in self._steps_in_the_model()):
            return self._use_with_unipref()
        lowest, *adapters = self._steps_in_the_model()
        folders = ["FOLDER" if step == self.step else f"FOLDER/../{step}" for step in (lowest, *adapters)]
        library, is_adapter = "transformers", self._recipe_of(lowest).adapter
        if is_adapter:
            library, kind = "peft", kind.replace("Auto", "AutoPeft")
        code = ["from peft import PeftModel"] if adapters else []
        code += [f"from {library} import {kind}", "from transformers import AutoTokenizer", ""]
        then = ".merge_and_unload()" if is_adapter and adapters else ""
        code += [f'model = {kind}.from_pretrained("{folders[0]}"{labels}){then}']
        # peft reads a relative base from the folder one stands in, so the code names the folder of each step.
        code += [f'model = PeftModel.from_pretrained(model, "{folder}").merge_and_unload()' for folder in folders[1:]]
        code += ['tokenizer = AutoTokenizer.from_pretrained("FOLDER")']
        note = "The chat template is saved with the tokenizer."
        if self.recipe.model_kind == "reward":
            note += " The reward scores a whole dialogue; it is the output at the last token, the end of the sequence."
        if axes:
            weights = ", ".join(f"{escape(axis)} {weight:g}" for axis, weight in axes.items())
            note += f" There is one output per axis, in the order of `id2label`. Weights in the reward: {weights}."
        return ["```python", *code, "```", "", note, *self._use_as_gguf(bool(adapters) or is_adapter)]

    def _use_as_gguf(self, is_adapter: bool) -> list[str]:
        """How to convert a whole language model for llama.cpp and the programs upon it."""
        if self.recipe.model_kind == "reward":
            return []
        if is_adapter:
            return ["", "As GGUF, merged with its base model: `unipref export FOLDER --to gguf -o model.gguf`."]
        command = "python convert_hf_to_gguf.py FOLDER --outfile model.gguf --outtype f16"
        note = "As GGUF, for llama.cpp, Ollama and LM Studio, in a clone of llama.cpp:"
        return ["", note, "", "```sh", command, "```"]

    def _use_with_unipref(self) -> list[str]:
        """The code for an adapter upon a merged model whose output head peft's own merge would change by mistake."""
        load = "load_reward_model" if self.recipe.model_kind == "reward" else "load_policy"
        code = [f"from unipref.models.loading import {load}", "", f'loaded = {load}("FOLDER")']
        note = "An adapter below this one changes a tied embedding: peft's own merge would change the output head too."
        return ["```python", *code, "model, tokenizer = loaded.model, loaded.tokenizer", "```", "", note]

    def _steps_in_the_model(self) -> list[str]:
        """The steps whose folders hold this model: the last whole model or first adapter, and the adapters upon it."""
        steps: list[str] = []
        for step in reversed(self._chain()):
            steps.insert(0, step)
            if not self._recipe_of(step).adapter:
                break
        return steps

    def _versions(self) -> list[str]:
        versions = {"unipref": self.manifest.unipref, **self.manifest.versions}
        return _table(["package", "version"], [[name, str(version)] for name, version in versions.items()])


def _describe_merges(trained: TrainedStep, model_kind: str) -> list[str]:
    """Sentences on the merged adapters and the rounding of a step."""
    what = "rewards" if model_kind == "reward" else "log-probabilities of tokens"
    unit = "" if model_kind == "reward" else " nats"
    sentences = []
    if lowering := trained.other.get("lowering"):
        sentences.append(
            "The training computed the frozen layers in bfloat16, and the saved model has the unrounded weights: "
            f"{lowering['tokens']} {what} differ by at most {lowering['largest']:.2g}{unit} (mean "
            f"{lowering['mean']:.2g})."
        )
    if rounding := trained.other.get("rounding"):
        sentences.append(
            f"Its weights are rounded to a shorter type than the training's: {rounding['tokens']} {what} differ by "
            f"at most {rounding['largest']:.2g}{unit} (mean {rounding['mean']:.2g}) from those before."
        )
    for merge, whose in ((trained.start_merge, "the step started from"), (trained.merge, "it trained")):
        if merge is not None:
            text = f"The adapter that {whose} was merged. Compared with the unmerged model, {merge.tokens} {what} "
            text += f"differ by at most {merge.largest:.2g}{unit} (mean {merge.mean:.2g})."
            if merge.untied:
                text += " Its output head has a weight of its own, because the adapter changed the tied embedding."
            sentences.append(text)
    return sentences


def _measure(row: ScoreRow) -> tuple[str, ...]:
    return row.benchmark, row.mode, row.split, row.slice, row.metric


def _table(heads: list[str], rows: Iterable[list[str]]) -> list[str]:
    lines = [heads, ["---"] * len(heads), *rows]
    return [f"| {' | '.join(map(escape, cells))} |" for cells in lines]
