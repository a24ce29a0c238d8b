"""`unipref demo --full`: the paper's table on the built-in world, as seven studies that share worlds and models.

The study of the demo is laid out as the paper's grid under each model of noise; beside it stand RL, other sizes of the
model and more feedback. Settings were tuned on the dev parts of the world of seed 7 (`benchmarks/selection_study.py`,
`benchmarks/training_study.py`); the world of seed 11 is used for nothing else.
"""

from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from unipref import demo
from unipref.core.json_files import write_text
from unipref.core.progress import ProgressListener
from unipref.demo.feedback import FeedbackSizes
from unipref.demo.pretraining import Pretraining, Progress, pretrain
from unipref.demo.raters import Noise
from unipref.pipeline import execute

SEED = 11
"""The world's."""
RLOO = {
    "from": "sft",
    "rewards": [{"likelihood": "dpo", "clip": [-12, 0]}],
    "learning_rate": 3e-4,
    "max_steps": 80,
    "per_device_train_batch_size": 64,
    "num_generations": 8,
    "max_completion_length": 16,
    "temperature": 1.0,
    "beta": 0.05,
    "normalize_advantages": True,
    "logging_steps": 10,
    "on_weak_reward": "warn",
}
"""RL, as `benchmarks/training_study.py` has it."""
NO_PAIRS = "source-thumbs"
"""The variant whose feedback gives no pairs, which DPO would need: it ends with SFT."""
TWICE = FeedbackSizes(pairs=1400, multiple_choice=800, ratings=1200, tree=800, thumbs=800)
"""Twice the prompts, but for thumbs: there are not so many instructions."""
SIZES = {
    "0.25M": Pretraining(hidden=64, feed_forward=172),
    "1M": Pretraining(),
    "3M": Pretraining(hidden=240, feed_forward=640),
}
"""Models, by their number of parameters."""
FEW = {
    "combined": {"select": "all"},
    "source-dialogues": {"select": {"only": {"sources": ["dialogues"]}}},
    "source-ratings": {"select": {"only": {"sources": ["ratings"]}}},
}
"""Variants where the whole grid would take too long: everything, and one source of each objective."""


class Chapter(NamedTuple):
    """One study.

    Attributes:
        name: its folder.
        title: what it is about.
        noise: how the raters err.
        size: of the model, one of SIZES.
        changes: laid over the demo's study.
        twice: with twice the feedback, and twice the steps.
    """

    name: str
    title: str
    noise: Noise
    changes: dict[str, Any]
    size: str = "1M"
    twice: bool = False


GRID: dict[str, Any] = {"grid": "paper", "variants": None}
"""The paper's table."""
SCALING: dict[str, Any] = {"variants": FEW, "seeds": [0, 1]}


def chapters() -> Iterator[Chapter]:
    """All studies, what matters most first."""
    yield Chapter("careless", "The paper's table, careless raters", "careless", {**GRID, "seeds": [0, 1, 2, 3, 4]})
    rl = {"select": "all", "seeds": [0, 1, 2, 3, 4], "variants": None}
    yield Chapter("rl", "RL beside DPO, on everything", "careless", rl)
    yield Chapter("0.25M", "A smaller model", "careless", SCALING, size="0.25M")
    yield Chapter("3M", "A larger model", "careless", SCALING, size="3M")
    yield Chapter("twice", "Twice the feedback", "careless", SCALING, twice=True)
    yield Chapter("gaussian", "The paper's table, plain noise", "gaussian", {**GRID, "seeds": [0, 1]})
    yield Chapter("adversarial", "The paper's table, adversarial raters", "adversarial", {**GRID, "seeds": [0, 1]})


def prepare(folder: Path, chapter: Chapter, progress: Progress) -> Path:
    """Writes a chapter's world, model and study, the same bytes each time; a finished model is kept.

    Args:
        folder: of all chapters.
        chapter: one of `chapters()`.
        progress: told of each pretraining step.

    Returns:
        The path of its study file.
    """
    size, world = SIZES[chapter.size], demo.World(seed=SEED, noise=chapter.noise)
    if chapter.twice:
        world = world.model_copy(update={"feedback": TWICE})
    place = folder / "worlds" / (f"{chapter.noise}-twice" if chapter.twice else chapter.noise)
    demo.write_data(place, world)
    model = folder / "models" / chapter.size
    pretrain(place / "corpus.jsonl", model, size, progress)
    study = folder / f"{chapter.name}.yaml"
    write_text(study, yaml.safe_dump(study_of(chapter, place, model), sort_keys=False, allow_unicode=True))
    return study


def study_of(chapter: Chapter, world: Path, model: Path) -> dict[str, Any]:
    """The demo's study with a chapter's changes."""
    written = resources.files("unipref.demo").joinpath("study.yaml").read_text(encoding="utf-8")
    study: dict[str, Any] = yaml.safe_load(written)
    study |= {
        "name": chapter.title,
        "data_root": str(world.resolve()),
        "model": str(model.resolve()),
        "train": steps(chapter, study["train"]),
        **chapter.changes,
    }
    if "grid" in chapter.changes:
        study["variants"] = {NO_PAIRS: {"train": study["train"][:1]}}
    return {key: value for key, value in study.items() if value is not None}


def steps(chapter: Chapter, written: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The steps of the demo's study, twice as long on twice the feedback; and RLOO where it is about RL.

    Args:
        chapter: one of `chapters()`.
        written: `train` of the demo's study, each step with its settings.
    """
    times = 2 if chapter.twice else 1
    found = [
        {name: {**settings, "max_steps": times * settings["max_steps"]} for name, settings in step.items()}
        for step in written
    ]
    return [*found, {"rloo": RLOO}] if chapter.name == "rl" else found


def run(folder: Path, jobs: int, listener: ProgressListener) -> None:
    """Does all studies; what is done is skipped, so that it goes on where it was stopped.

    Args:
        folder: gets `worlds/`, `models/`, and a study file and a run folder for each chapter.
        jobs: processes that train and evaluate side by side.
        listener: hears what happens.
    """
    for chapter in chapters():
        study = prepare(folder, chapter, listener.progress)
        listener.note(f"{chapter.name}: {chapter.title}")
        execute.run(study, folder / chapter.name, jobs=jobs, listener=listener)
