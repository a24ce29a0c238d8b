"""Writes docs/formats_and_trainers.md from the classes of formats and trainers. `make docs` runs it."""

from pathlib import Path
from typing import Any

from unipref.core import registry
from unipref.core.contracts import FeedbackKind, Format, Trainer
from unipref.core.records import Row
from unipref.train.trl_trainer import TrlTrainer

PAGE = Path(__file__).parent / "formats_and_trainers.md"
GOOD, BAD = ([{"role": "assistant", "content": text}] for text in ("Io.", "Mars."))
SHAPES: dict[str, Row] = {
    "pairs": {"chosen": GOOD, "rejected": BAD},
    "good answers": {"chosen": GOOD, "rejected": None},
    "bad answers": {"chosen": None, "rejected": BAD},
}
"""Name of a shape of preferences -> its two sides."""
GIVES: dict[FeedbackKind, tuple[str, ...]] = {
    "pairs": ("pairs",),
    "single": ("pairs", "good answers", "bad answers"),
    "demonstrations": ("good answers",),
}
"""What a format judges -> the shapes that its preferences can have."""
SCORES = {"axis": "stars", "chosen_score": 5.0, "rejected_score": 2.0}
ROW: Row = {
    "id": "9f2c",
    "prompt": [{"role": "user", "content": "Name a moon."}],
    "axes": [{"axis": "clarity", "chosen": 4.0, "rejected": 1.0}],
    "source": "votes",
    "objective": "instruction",
    "margin": 1.5,
    "margin_percentile": 0.75,
    "confidence": 0.875,
    **SCORES,
}
"""A preference with all numbers."""
HEAD = """# Formats and trainers

Which trainer learns from which format's preferences? *yes*: from all of them. Other cells name the preferences that it
uses; the trainer leaves out the others, counts them and gives the reason (`left_out` in the manifest). *no*: the
format has no preference for it, and the step ends with an error if no other source has one. *only with scores*: the
format compares answers without scores, unless a setting of it names some.

A *pair* is a chosen and a rejected answer to one prompt. Verdicts on single answers become a pair where one prompt has
a good and a bad answer; otherwise they stay one good or one bad answer. Sources mix: one study can use all formats,
and each step takes from the whole selection what it can use. `docs/rewards.md` says what a trainer learns from a
preference, and in which order. `docs/formats.md` says which format is yours.

"""
TAIL = """
`make docs` writes this page: it asks each trainer with one preference of each shape.
"""


def find_shapes(form: type[Format]) -> tuple[str, ...]:
    """Returns the shapes that preferences of a format can have."""
    shapes = GIVES[form.feedback_kind]
    # A demonstration of a format that can compare answers is not a preference by itself.
    return shapes if "pairs" in shapes or not form.has_pairs(form.example["settings"]) else GIVES["pairs"]


def format_shapes(form: type[Format]) -> str:
    """Names the shapes of a format's preferences, and says whether its settings decide that there are pairs."""
    given = ", ".join(find_shapes(form))
    return given if form.has_pairs({}) == form.has_pairs(form.example["settings"]) else f"{given} (see its settings)"


def has_scores(form: type[Format]) -> bool:
    """Returns whether a format scores answers, as in its example."""
    made: Any = registry.make("format", form.name(), form.example["settings"], "docs")
    return bool(made.axes())


def find_used(trainer: type[Trainer], with_scores: bool) -> set[str]:
    """Returns the shapes of which a trainer uses preferences, with or without scores."""
    made: Any = registry.make("trainer", trainer.name(), trainer.example["settings"], "docs")
    view, row = made.view(), ROW if with_scores else {**ROW, **dict.fromkeys(SCORES), "axes": []}
    return {name for name, sides in SHAPES.items() if isinstance(view.examples({**row, **sides}), list)}


def format_cell(form: type[Format], trainer: type[Trainer]) -> str:
    """Says which of a format's preferences a trainer uses."""
    shapes, is_scored = find_shapes(form), has_scores(form)
    used = find_used(trainer, with_scores=is_scored)
    both = [shape for shape in shapes if shape in used]
    if len(both) == len(shapes):
        return "yes"
    if not both and not is_scored and find_used(trainer, with_scores=True) & set(shapes):
        return "only with scores"
    return ", ".join(both) or "no"


def format_page() -> str:
    """Returns the text of the page."""
    trainers = [one for one in map(_find("trainer"), registry.list_own_names("trainer")) if issubclass(one, TrlTrainer)]
    links = [f"[{trainer.name()}](choices/trainers/{trainer.name()}.md)" for trainer in trainers]
    lines = [f"| format | gives | {' | '.join(links)} |", f"|{'---|' * (len(links) + 2)}"]
    for name in registry.list_own_names("format"):
        form = _find("format")(name)
        cells = " | ".join(format_cell(form, trainer) for trainer in trainers)
        lines.append(f"| [{name}](choices/formats/{name}.md) | {format_shapes(form)} | {cells} |")
    return HEAD + "\n".join(lines) + "\n" + TAIL


def _find(kind: str) -> Any:
    return lambda name: registry.find(kind, name)


if __name__ == "__main__":
    PAGE.write_text(format_page(), encoding="utf-8")
