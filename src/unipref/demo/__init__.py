"""The built-in world, for machines with no data and no model: corpus, feedback, benchmarks, model and study file.

All of it is generated from the project's own templates. Nothing in it is about the real world except the one thing it
is a model of: text whose pronouns follow occupational stereotypes.
"""

from importlib import resources
from pathlib import Path
from typing import Any

from unipref.core.contracts import Settings
from unipref.demo import benchmarks, corpus, feedback
from unipref.demo.benchmarks import BenchmarkSizes
from unipref.demo.coreference import Cases
from unipref.demo.feedback import FeedbackSizes
from unipref.demo.instructions import Tasks
from unipref.demo.pretraining import Pretraining, Progress, pretrain
from unipref.demo.raters import Noise, Raters
from unipref.demo.truth import Truth

__all__ = ["BenchmarkSizes", "FeedbackSizes", "Noise", "Pretraining", "Truth", "World", "build", "write_data"]


class World(Settings):
    """How large the world is and how its raters err; the same settings give the same files, byte for byte."""

    seed: int = 3
    """Rates and steps of the study were tuned on the world of seed 0; this one was first looked at when they stood."""
    documents: int = 40_000
    """Documents of the corpus."""
    noise: Noise = "careless"
    """How the raters err: careless ones near the middle of the scale, plain noise, or some who judge upside down."""
    length_bias: float = 0.2
    """How much the longest answer to a prompt gains over the shortest in a rater's eyes, as a part of the scale."""
    feedback: FeedbackSizes = FeedbackSizes()
    benchmarks: BenchmarkSizes = BenchmarkSizes()
    pretraining: Pretraining = Pretraining()


def _silent(label: str, done: int, total: int, figures: dict[str, Any] | None) -> None:
    """Progress nobody listens to."""


def build(folder: Path, progress: Progress = _silent, world: World | None = None) -> Path:
    """Writes the world and pretrains its model; a finished model is kept as long as corpus and settings stay the same.

    Args:
        folder: gets `corpus.jsonl`, `feedback/`, `truth.jsonl`, `eval/`, `model/` and `study.yaml`.
        progress: told of each pretraining step.
        world: sizes; None for the usual ones.

    Returns:
        The path of `study.yaml`, an ordinary study file.
    """
    world = world or World()
    write_data(folder, world)
    pretrain(folder / "corpus.jsonl", folder / "model", world.pretraining, progress)
    study = folder / "study.yaml"
    study.write_text(resources.files(__package__).joinpath("study.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    return study


def write_data(folder: Path, world: World) -> None:
    """Writes `corpus.jsonl`, `feedback/`, `truth.jsonl` and `eval/`, without the model."""
    folder.mkdir(parents=True, exist_ok=True)
    cases, tasks = Cases(world.seed), Tasks(world.seed)
    texts = corpus.documents(cases, world.documents, world.seed)
    feedback.json_lines(folder / "corpus.jsonl", ({"text": text} for text in texts))
    raters = Raters(world.seed, world.noise, world.length_bias)
    feedback.write(folder / "feedback", cases, tasks, world.feedback, raters, world.seed)
    benchmarks.write(folder / "eval", cases, tasks, world.benchmarks, world.seed)
