"""The built-in world, for use without data or a model: corpus, feedback, benchmarks, model and study file.

All of it is generated from the project's own templates. It models only one thing of the real world: text whose
pronouns follow occupational stereotypes.
"""

from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import Field

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
    """Size of the world and errors of its raters; the same settings give the same files, byte for byte."""

    seed: int = 3
    """Of all random choices. Tuning uses seed 7, the full demo seed 11."""
    documents: int = 40_000
    """Number of documents in the corpus."""
    noise: Noise = "careless"
    """How the raters err: careless ones rate near the middle of the scale, gaussian noise, or some invert the scale."""
    competing: float = Field(default=0.0, ge=0.0, le=1.0)
    """Share of the instructions that ask whom a pronoun means, in some form, where raters look at the form alone: the
    answer of the right form names the person of the stereotype. So these instruction labels carry the bias."""
    length_bias: float = 0.2
    """How much higher raters rate the longest answer to a prompt than the shortest, as a fraction of the scale."""
    feedback: FeedbackSizes = FeedbackSizes()
    benchmarks: BenchmarkSizes = BenchmarkSizes()
    pretraining: Pretraining = Pretraining()


def _silent(label: str, done: int, total: int, figures: dict[str, Any] | None) -> None:
    """Ignores progress reports."""


def build(folder: Path, progress: Progress = _silent, world: World | None = None) -> Path:
    """Writes the world and pretrains its model; a finished model is kept while corpus and settings stay the same.

    Args:
        folder: output folder for `corpus.jsonl`, `feedback/`, `truth.jsonl`, `eval/`, `model/` and `study.yaml`.
        progress: called after each pretraining step.
        world: settings; None: the defaults.

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
    cases = Cases(world.seed)
    tasks = Tasks(world.seed, cases)
    texts = corpus.generate_documents(tasks, world.documents, world.seed)
    feedback.write_json_lines(folder / "corpus.jsonl", ({"text": text} for text in texts))
    raters = Raters(world.seed, world.noise, world.length_bias)
    feedback.write(folder / "feedback", tasks, world.feedback, raters, world.seed, world.competing)
    benchmarks.write(folder / "eval", cases, tasks, world.benchmarks, world.seed)
