"""The card beside every trained model: data with their licences, recipe, scores, limits.

It is made from `manifest.json` and `scores.json` alone, so it can be written again when more is known.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from unipref.core import yaml_files
from unipref.core.hashing import CARD
from unipref.core.json_files import write_text
from unipref.report.content import count, number
from unipref.report.render.markdown import escaped
from unipref.report.scores import ScoreRow, read_scores
from unipref.report.tables import Manifest, leaves

HEAD = {"policy": "AutoModelForCausalLM", "reward": "AutoModelForSequenceClassification"}
UNKNOWN = "unknown"


def write_cards(run: Path) -> list[Path]:
    """Writes `README.md` beside every trained model of a run.

    Args:
        run: the run folder; without a manifest nothing is written.

    Returns:
        The cards.
    """
    if not (run / "manifest.json").is_file():
        return []
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    scores = read_scores(run / "scores.json") if (run / "scores.json").is_file() else []
    written: dict[Path, None] = {}
    for variant, seed, fits in leaves(manifest.get("train") or {}):
        for step, fit in fits.items():
            folder = run / fit["folder"]
            # Variants may share a model: its card is that of the first.
            if folder.is_dir() and folder / CARD not in written:
                write_text(folder / CARD, Card(manifest, scores, variant, seed, step).text())
                written[folder / CARD] = None
    return list(written)


class Card:
    """One model's card."""

    def __init__(self, manifest: Manifest, scores: list[ScoreRow], variant: str, seed: str, step: str) -> None:
        self.manifest, self.variant, self.seed, self.step = manifest, variant, seed, step
        self.scores = scores
        self.fits: Manifest = manifest["train"][variant][seed]
        self.steps: Manifest = manifest["steps"][variant]
        own = (manifest.get("variants") or {}).get(variant) or {}
        self.sources: Manifest = own.get("sources") or manifest.get("sources") or {}

    def text(self) -> str:
        """The whole card: YAML front matter as the hub reads it, then Markdown."""
        parts = [
            "---",
            yaml_files.write(self._front()).rstrip(),
            "---",
            "",
            f"# {escaped(str(self.manifest['name']))}: {self.step}",
            "",
        ]
        parts += [self._what(), "", "## Data", "", *self._data(), "", "## Recipe", "", *self._recipe(), ""]
        parts += ["## Scores", "", *self._scores(), "", "## Limits", "", *self._limits(), ""]
        parts += ["## Use", "", *self._use(), "", "## Versions", "", *self._versions()]
        return "\n".join(parts) + "\n"

    def _chain(self) -> list[str]:
        """The steps that led to this model, the first one first."""
        chain = [self.step]
        while (earlier := self.steps[chain[0]]["from"]) in self.steps:
            chain.insert(0, earlier)
        return chain

    def _selected(self) -> Manifest:
        return ((self.manifest.get("selected") or {}).get(self.variant) or {}).get(self.seed) or {}

    def _licences(self) -> list[str]:
        return sorted({str(source.get("licence") or UNKNOWN) for source in self.sources.values()})

    def _front(self) -> dict[str, Any]:
        licences, about = self._licences(), self.steps[self.step]
        base = str(self.manifest.get("model"))
        front: dict[str, Any] = {
            "library_name": "peft" if about["adapter"] else "transformers",
            # A folder of one machine means nothing elsewhere.
            "base_model": Path(base).name if Path(base).is_absolute() else base,
            "tags": ["unipref", "trl", *dict.fromkeys(self.steps[step]["trainer"] for step in self._chain())],
        }
        if len(licences) == 1 and licences[0] != UNKNOWN:
            front["license"] = licences[0].lower().replace(" ", "-")
        else:
            front |= {"license": "other", "license_name": "of-its-data", "license_link": "#data"}
        return front

    def _what(self) -> str:
        kind = "A reward model" if self.steps[self.step]["makes"] == "reward" else "A language model"
        steps = " → ".join(self._chain())
        made = f"made from {escaped(self._front()['base_model'])} by {steps}"
        return f"{kind}, {made} (variant {self.variant}, seed {self.seed}) with unipref {self.manifest.get('unipref')}."

    def _data(self) -> list[str]:
        kept = self._selected().get("by_source") or {}
        rows = []
        for name, source in self.sources.items():
            facts = [name, str(source.get("kind") or "–"), str(source.get("objective") or "–")]
            facts += [str(source.get("licence") or UNKNOWN), count(source.get("rows"))]
            rows.append([*facts, count(source.get("preferences")), count((kept.get(name) or [0, 0])[1])])
        table = _table(["source", "shape", "objective", "licence", "rows", "preferences", "selected to train on"], rows)
        fit = self.fits[self.step]
        left_out = sum((fit.get("left_out") or {}).values())
        said = f"This step used {count(fit.get('used'))} of the selected preferences and left out {left_out:,}."
        if UNKNOWN in self._licences():
            said += " **The licence of some of the data is unknown: find it out before you pass the model on.**"
        return [*table, "", said]

    def _recipe(self) -> list[str]:
        lines = []
        for step in self._chain():
            about, fit = self.steps[step], self.fits.get(step) or {}
            lines += [
                f"`{step}`: {about['trainer']} from {about['from']}, {count(fit.get('steps'))} optimiser steps, "
                f"{count(fit.get('tokens'))} tokens"
                + (":" if about["settings"] else ", all settings at their defaults."),
                "",
                *(f"    {line}" for line in yaml_files.write(about["settings"]).splitlines() if about["settings"]),
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
        said = [
            "What the base model cannot do, and what it learnt wrongly, is still there; fine-tuning shifts it.",
            "The scores hold for these benchmarks and intervals, from one evaluation; they say nothing of other uses, "
            "languages or kinds of bias, and are no test of safety.",
            "A model at chance shows no bias because it guesses, not because it has none.",
            "Preferences are judgements of the people or models behind each source; their errors and leanings are "
            "learnt too.",
        ]
        warnings = self.fits[self.step].get("warnings") or []
        said += [f"Warning of the training: {escaped(warning)}." for warning in warnings]
        return [f"- {line}" for line in said]

    def _use(self) -> list[str]:
        about = self.steps[self.step]
        kind = HEAD[about["makes"]]
        library, kind = ("peft", kind.replace("Auto", "AutoPeft")) if about["adapter"] else ("transformers", kind)
        labels = ", num_labels=1" if about["makes"] == "reward" else ""
        code = [f"from {library} import {kind}", "from transformers import AutoTokenizer", ""]
        code += [
            f'model = {kind}.from_pretrained("FOLDER"{labels})',
            'tokenizer = AutoTokenizer.from_pretrained("FOLDER")',
        ]
        said = "The chat template is saved with the tokenizer."
        if about["makes"] == "reward":
            said += " The reward is that of a whole dialogue, read at its last token, the end of the sequence."
        return ["```python", *code, "```", "", said]

    def _versions(self) -> list[str]:
        versions = {"unipref": self.manifest.get("unipref"), **(self.manifest.get("versions") or {})}
        return _table(["package", "version"], [[name, str(version)] for name, version in versions.items()])


def _measure(row: ScoreRow) -> tuple[str, ...]:
    return row.benchmark, row.mode, row.split, row.slice, row.metric


def _table(heads: list[str], rows: Iterable[list[str]]) -> list[str]:
    lines = [heads, ["---"] * len(heads), *rows]
    return [f"| {' | '.join(map(escaped, cells))} |" for cells in lines]
