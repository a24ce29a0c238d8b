"""The card beside every trained model: data with their licences, recipe, scores, limits.

It is made from `manifest.json` and `scores.json` alone, so it can be written again when more is known.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from unipref.core import yaml_files
from unipref.core.hashing import CARD
from unipref.core.json_files import write_text
from unipref.core.run_folder import Manifest, RunFolder, ScoreRow, Selected, StepRecipe, TrainedStep
from unipref.report.content import count, number
from unipref.report.render.markdown import escaped

HEAD = {"policy": "AutoModelForCausalLM", "reward": "AutoModelForSequenceClassification"}
UNKNOWN = "unknown"


def write_cards(run: Path) -> list[Path]:
    """Writes `README.md` beside every trained model of a run.

    Args:
        run: the run folder; without a manifest nothing is written.

    Returns:
        The cards.
    """
    folder = RunFolder(run)
    if not folder.has_manifest:
        return []
    manifest, scores = folder.manifest, folder.scores()
    written: dict[Path, None] = {}
    for variant, seed, step, trained in manifest.trained_steps():
        model = run / trained.folder
        # Variants may share a model: its card is that of the first.
        if trained.folder and model.is_dir() and model / CARD not in written:
            write_text(model / CARD, Card(manifest, scores, variant, seed, step).text())
            written[model / CARD] = None
    return list(written)


class Card:
    """One model's card."""

    def __init__(self, manifest: Manifest, scores: list[ScoreRow], variant: str, seed: str, step: str) -> None:
        self.manifest, self.variant, self.seed, self.step = manifest, variant, seed, step
        self.scores = scores
        self.trained = manifest.trained(variant, seed)
        self.steps = manifest.steps.get(variant, {})
        self.recipe = self.steps.get(step) or StepRecipe()
        self.sources = manifest.sources_of(variant)

    def text(self) -> str:
        """The whole card: YAML front matter as the hub reads it, then Markdown."""
        parts = [
            "---",
            yaml_files.write(self._front()).rstrip(),
            "---",
            "",
            f"# {escaped(str(self.manifest.name))}: {self.step}",
            "",
        ]
        parts += [self._what(), "", "## Data", "", *self._data(), "", "## Recipe", "", *self._recipe(), ""]
        parts += ["## Scores", "", *self._scores(), "", "## Limits", "", *self._limits(), ""]
        parts += ["## Use", "", *self._use(), "", "## Versions", "", *self._versions()]
        return "\n".join(parts) + "\n"

    def _chain(self) -> list[str]:
        """The steps that led to this model, the first one first."""
        chain = [self.step]
        while chain[0] in self.steps and (earlier := self.steps[chain[0]].start) in self.steps and earlier not in chain:
            chain.insert(0, earlier)
        return chain

    def _recipe_of(self, step: str) -> StepRecipe:
        return self.steps.get(step) or StepRecipe(trainer=step)

    def _licences(self) -> list[str]:
        return sorted({source.licence or UNKNOWN for source in self.sources.values()})

    def _front(self) -> dict[str, Any]:
        licences, base = self._licences(), str(self.manifest.model)
        front: dict[str, Any] = {
            "library_name": "peft" if self.recipe.adapter else "transformers",
            # A folder of one machine means nothing elsewhere.
            "base_model": Path(base).name if Path(base).is_absolute() else base,
            "tags": ["unipref", "trl", *dict.fromkeys(self._recipe_of(step).trainer for step in self._chain())],
        }
        if len(licences) == 1 and licences[0] != UNKNOWN:
            front["license"] = licences[0].lower().replace(" ", "-")
        else:
            front |= {"license": "other", "license_name": "of-its-data", "license_link": "#data"}
        return front

    def _what(self) -> str:
        kind = "A reward model" if self.recipe.model_kind == "reward" else "A language model"
        steps = " → ".join(self._chain())
        origin = f"made from {escaped(self._front()['base_model'])} by {steps}"
        return f"{kind}, {origin} (variant {self.variant}, seed {self.seed}) with unipref {self.manifest.unipref}."

    def _data(self) -> list[str]:
        selected = self.manifest.selection(self.variant, self.seed) or Selected()
        rows = []
        for name, source in self.sources.items():
            facts = [name, source.kind or "–", source.objective or "–", source.licence or UNKNOWN]
            facts += [count(source.rows), count(source.preferences)]
            rows.append([*facts, count(selected.by_source.get(name, (0, 0))[1])])
        table = _table(["source", "shape", "objective", "licence", "rows", "preferences", "selected to train on"], rows)
        trained = self.trained[self.step]
        left_out = sum(trained.left_out.values())
        text = f"This step used {count(trained.used)} of the selected preferences and left out {left_out:,}."
        if UNKNOWN in self._licences():
            text += " **The licence of some of the data is unknown: find it out before you pass the model on.**"
        return [*table, "", text]

    def _recipe(self) -> list[str]:
        lines = []
        for step in self._chain():
            recipe, trained = self._recipe_of(step), self.trained.get(step) or TrainedStep()
            lines += [
                f"`{step}`: {recipe.trainer} from {recipe.start}, {count(trained.steps)} optimiser steps, "
                f"{count(trained.tokens)} tokens" + (":" if recipe.settings else ", all settings at their defaults."),
                "",
                *(f"    {line}" for line in yaml_files.write(recipe.settings).splitlines() if recipe.settings),
                "",
            ]
        return lines[:-1]

    def _scores(self) -> list[str]:
        mine = [row for row in self.scores if self._is_mine(row) and row.slice == "all"]
        if not mine:
            return ["Not measured."]
        base = {
            _measure(row): row for row in self.scores if row.step == "base" and row.variant in ("base", self.variant)
        }
        rows = []
        for row in mine:
            interval = "–" if row.low is None else f"{number(row.low)} to {number(row.high)}"
            before = base.get(_measure(row))
            better = f"near {row.ideal:g}" if row.direction == "ideal" and row.ideal is not None else row.direction
            cells = [row.benchmark, row.mode, row.split, row.metric, number(row.value), interval, str(row.n)]
            rows.append([*cells, better, number(row.chance), number(before.value if before else None)])
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

    def _is_mine(self, row: ScoreRow) -> bool:
        return row.step == self.step and row.variant == self.variant and str(row.seed) == self.seed

    def _limits(self) -> list[str]:
        limits = [
            "What the base model cannot do, and what it learnt wrongly, is still there; fine-tuning shifts it.",
            "The scores hold for these benchmarks and intervals, from one evaluation; they say nothing of other uses, "
            "languages or kinds of bias, and are no test of safety.",
            "A model at chance shows no bias because it guesses, not because it has none.",
            "Preferences are judgements of the people or models behind each source; their errors and leanings are "
            "learnt too.",
        ]
        limits += [f"Warning of the training: {escaped(warning)}." for warning in self.trained[self.step].warnings]
        return [f"- {line}" for line in limits]

    def _use(self) -> list[str]:
        kind = HEAD.get(self.recipe.model_kind, HEAD["policy"])
        library = "transformers"
        if self.recipe.adapter:
            library, kind = "peft", kind.replace("Auto", "AutoPeft")
        labels = ", num_labels=1" if self.recipe.model_kind == "reward" else ""
        code = [f"from {library} import {kind}", "from transformers import AutoTokenizer", ""]
        code += [
            f'model = {kind}.from_pretrained("FOLDER"{labels})',
            'tokenizer = AutoTokenizer.from_pretrained("FOLDER")',
        ]
        note = "The chat template is saved with the tokenizer."
        if self.recipe.model_kind == "reward":
            note += " The reward is that of a whole dialogue, read at its last token, the end of the sequence."
        return ["```python", *code, "```", "", note]

    def _versions(self) -> list[str]:
        versions = {"unipref": self.manifest.unipref, **self.manifest.versions}
        return _table(["package", "version"], [[name, str(version)] for name, version in versions.items()])


def _measure(row: ScoreRow) -> tuple[str, ...]:
    return row.benchmark, row.mode, row.split, row.slice, row.metric


def _table(heads: list[str], rows: Iterable[list[str]]) -> list[str]:
    lines = [heads, ["---"] * len(heads), *rows]
    return [f"| {' | '.join(map(escaped, cells))} |" for cells in lines]
