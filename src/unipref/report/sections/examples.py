"""The section with examples: prompts with the answers of the models, the preference and its raw rows."""

import json
from collections.abc import Mapping
from pathlib import Path

from unipref.analysis.best_model import Choice
from unipref.core.run_folder import ExampleRecord, ExamplesInfo, Manifest, RunFolder, TurnRecord
from unipref.report.content import Reply, Sample, Section, format_number

RANKING = "preference_accuracy"
"""The benchmark whose table says which answer of a preference a model finds more likely."""
BETTER, WORSE, SAME = "better", "worse", "the same"


def make_example_section(manifest: Manifest, run: Path, choice: Choice | None = None) -> Section | None:
    """The section; None if the run has no examples.

    Args:
        manifest: of the run.
        run: its folder.
        choice: the model whose change against the base model is shown; None: no change is shown.

    Raises:
        UserError: the file of the examples is corrupt.
    """
    about = manifest.examples
    if not about:
        return None
    if about.skipped:
        return Section("Examples", paragraphs=[about.skipped])
    examples = RunFolder(run).examples(about.folder)
    if not examples:
        return Section("Examples", paragraphs=["The folder lacks the examples of this run: run the study again."])
    changes = read_changes(manifest, run, choice)
    samples = [_make_sample(place, example, changes) for place, example in enumerate(examples, 1)]
    paragraphs = _introduction(about, len(examples))
    if any(sample.change for sample in samples) and choice is not None:
        paragraphs.append(
            f"Better, worse or the same: whether {choice.label} (seed {choice.seed}) and the base model find the "
            "chosen answer more likely per token than the rejected one. Their own answers to the prompt are not judged."
        )
    return Section("Examples", paragraphs=paragraphs, samples=samples)


def read_changes(manifest: Manifest, run: Path, choice: Choice | None) -> dict[str, str]:
    """Reads id of a preference -> BETTER, WORSE or SAME; empty if no table has both models."""
    if choice is None:
        return {}
    places = {(one.variant, one.seed, one.step): one for one in manifest.evaluated if one.benchmark == RANKING}
    before = next((one for (_, _, step), one in places.items() if step == "base"), None)
    after = next(
        (
            one
            for (variant, seed, step), one in places.items()
            if (variant, str(seed), step) == (choice.variant, choice.seed, choice.step)
        ),
        None,
    )
    if before is None or after is None:
        return {}
    first, second = (_read_ranks(run / one.folder / f"{RANKING}.jsonl") for one in (before, after))
    return {id_: _name_change(second[id_] - rank) for id_, rank in first.items() if id_ in second}


def _name_change(difference: float) -> str:
    return BETTER if difference > 0 else WORSE if difference < 0 else SAME


def _read_ranks(table: Path) -> dict[str, float]:
    """Reads id -> 1: the chosen answer is more likely per token than the rejected one; 0: less likely; 0.5: equally."""
    ranks: dict[str, float] = {}
    try:
        lines = table.read_text(encoding="utf-8").splitlines()
        for line in lines:
            row = json.loads(line)
            if "chosen_tokens" in row:
                chosen, rejected = (row[f"{side}_value"] / max(row[f"{side}_tokens"], 1) for side in SIDES)
                ranks[row["id"]] = 0.5 if chosen == rejected else float(chosen > rejected)
    except (OSError, ValueError, KeyError, TypeError):
        # A copied run folder may lack the table; the examples are shown without changes.
        return {}
    return ranks


SIDES = ("chosen", "rejected")


def _introduction(about: ExamplesInfo, n: int) -> list[str]:
    text = (
        f"{n} of the preferences held out for {about.part or 'test'}, drawn with the seed and spread over the "
        "sources: the models' answers to the prompt (greedy decoding"
    )
    text += f", at most {about.new_tokens} tokens)" if about.new_tokens else ")"
    text += ", the preference, and the raw rows that it comes from."
    paragraphs = [f"{text} Prompts short enough to leave room in the model's context are preferred."]
    if about.left_out:
        paragraphs.append(f"Models without answers: {', '.join(about.left_out)}.")
    return [*paragraphs, *(about.notes or [])]


def _make_sample(place: int, example: ExampleRecord, changes: Mapping[str, str]) -> Sample:
    details = []
    for side, turns, score in (
        ("chosen", example.chosen, example.chosen_score),
        ("rejected", example.rejected, example.rejected_score),
    ):
        remark = "" if score is None or example.axis is None else f"({example.axis} {score:g})"
        details.append((side, _text(turns), remark))
    details += [(f"raw row {row.origin}", row.text or "–", f"({row.note})" if row.note else "") for row in example.raw]
    if more := example.origin[len(example.raw) :]:
        details.append(("further raw rows", ", ".join(more), ""))
    about = [f"{example.source} ({example.kind}, {example.objective})"]
    if example.margin_percentile is not None:
        about.append(f"margin percentile {format_number(example.margin_percentile)}")
    if example.confidence is not None:
        about.append(f"confidence {format_number(example.confidence)}")
    return Sample(
        title=f"Example {place}: {', '.join(about)}",
        source=example.source,
        objective=example.objective,
        change=changes.get(example.id, ""),
        prompt=_text(example.prompt),
        replies=[Reply(model, answer.text or "–", answer.note) for model, answer in example.answers.items()],
        details=details,
    )


def _text(turns: list[TurnRecord] | None) -> str:
    """Turns as text, with the roles if there are several turns."""
    if not turns:
        return "–"
    if len(turns) == 1:
        return turns[0].content
    return "\n\n".join(f"{turn.role}: {turn.content}" for turn in turns)
