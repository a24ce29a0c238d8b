"""UltraMix: what is good by all signs comes first, and each task keeps its share."""

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from unipref.core.candidates import Candidates
from unipref.core.contracts import Selection
from unipref.core.messages import message_text
from unipref.core.work_progress import show_batches, show_every
from unipref.select.budget import keep_everything
from unipref.select.combined_quality import Grades, QualityStrategy
from unipref.select.embedding.embed import EmbedsPrompts
from unipref.select.prompt_tags import can_be_answered, find_task
from unipref.select.scorer_settings import OneScorer

if TYPE_CHECKING:
    import numpy.typing as npt

TIERS = ("good prompt, good label", "weak prompt, very good label", "the rest", "the second opinion contradicts")


class Ultramix(EmbedsPrompts, QualityStrategy):
    """Orders the preferences by tiers, and gives each task the share that it has in the data.

    | tier | prompt | quality, percentile within the source | second opinion |
    |---|---|---|---|
    | 1 | passes the checks | at least `floor` | does not contradict |
    | 2 | fails a check | at least `relaxed_floor` | does not contradict |
    | 3 | the rest | | does not contradict |
    | 4 | any | any | contradicts the label |

    Each cell (task, source, objective) is filled from tier 1 on, the best of a tier first. The budget decides how far.

    The checks: at least three words with letters, no repetition, no open block of code. Preferences without quality
    count as at the floor.

    Source: the recipe of UltraMix, Djuhera et al. 2025, arXiv 2511.10985, as notes on the paper describe it: keep what
    has good input, a difficulty above "very easy", a chosen answer that a reward model finds better, and a reward above
    a percentile; then add back what the tasks lost, with weaker prompts but high rewards. There, a model of 70B
    parameters tags task, difficulty and quality of the prompt, and thresholds decide how much is kept. Here, rules
    over words tag the task and check the prompt (English only, not compared with any tagger), or clusters stand for
    tasks; there is no tag of difficulty but the number of words; and the shares of tasks are exact. Use `reward_margin`
    as `quality` and as `second_opinion` to come nearest. Removing copies is the work of `clean`.
    """

    example: ClassVar = {"settings": {"fraction": 0.4, "tasks": "clusters"}}

    tasks: Literal["rules", "clusters"] = "rules"
    """What a task is: `rules` over the words of the last user turn (English), or `clusters` of prompts."""
    clusters: int = Field(default=12, ge=1)
    """Number of clusters, if they stand for tasks."""
    floor: float = Field(default=0.25, ge=0, le=1)
    """Least percentile of quality in the first tier."""
    relaxed_floor: float = Field(default=0.7, ge=0, le=1)
    """Least percentile of quality of a preference whose prompt fails a check, in the second tier."""
    second_opinion: OneScorer | None = Field(default="margin", validate_default=True)
    """A scorer whose number is below 0 if it contradicts the label: `margin` (all judgements), `reward_margin`,
    `policy_margin`, `divergence`. null: none. Where it is not known, it does not contradict."""

    @model_validator(mode="after")
    def _check_floors(self) -> "Ultramix":
        if self.relaxed_floor < self.floor:
            raise ValueError(f"relaxed_floor {self.relaxed_floor:g} is below floor {self.floor:g}")
        return self

    def models(self, default: str | None) -> list[str]:
        """The models that its scorers use."""
        other = [] if self.second_opinion is None else self.second_opinion.models(default)
        return sorted({*super().models(default), *other})

    @property
    def embedding_model(self) -> str | None:  # type: ignore[override]
        """The embedder, if clusters stand for tasks."""
        return self.embedder if self.tasks == "clusters" else None

    def select(self, candidates: Candidates, seed: int) -> Selection:
        """Selects the best tiers of each (task, source, objective); ties by quality, then by id."""
        if self.keeps_everything(candidates):
            return keep_everything(candidates)
        grades = self.grade(candidates, seed)
        batches = show_batches(candidates.texts(), len(candidates), "reading prompts")
        prompts = [message_text(one.prompt[-1]) if one.prompt else "" for batch in batches for one in batch]
        tiers, columns = self._find_tiers(candidates, grades, prompts)
        tasks, names = self._find_tasks(candidates, prompts, seed)
        columns |= grades.columns | {"tier": np.array(TIERS)[tiers], names[0]: names[1]}
        allocation = self.allocate(candidates, grades.always_kept, grades.notes)
        return allocation.fill(tasks * 2 + grades.unscored, grades.priorities - 2.0 * tiers, columns)

    def _find_tiers(
        self, candidates: Candidates, grades: Grades, prompts: list[str]
    ) -> "tuple[npt.NDArray[np.int64], dict[str, npt.NDArray[np.float64]]]":
        """Finds the (n,) tiers, from 0, and the column of the second opinion."""
        columns: dict[str, npt.NDArray[np.float64]] = {}
        contradicts = np.zeros(len(candidates), dtype=bool)
        if self.second_opinion is not None:
            columns["second_opinion"] = candidates.score(self.second_opinion)
            contradicts = columns["second_opinion"] < 0
        quality = np.where(grades.unscored, self.floor, grades.priorities)
        is_good = np.array(
            [can_be_answered(one) for one in show_every(prompts, len(prompts), "checking prompts", "rows")], dtype=bool
        )
        first = is_good & (quality >= self.floor)
        second = ~is_good & (quality >= self.relaxed_floor)
        return np.select([contradicts, first, second], [3, 0, 1], 2).astype(np.int64), columns

    def _find_tasks(
        self, candidates: Candidates, prompts: list[str], seed: int
    ) -> "tuple[npt.NDArray[np.int64], tuple[str, npt.NDArray[np.str_] | npt.NDArray[np.int64]]]":
        """Finds the (n,) codes of the tasks, and the name and values of their column."""
        if self.tasks == "clusters":
            from unipref.select.clusters import cluster

            labels = cluster(candidates.embed(self.embedder), candidates.ids, self.clusters, 10, seed)
            return labels, ("cluster", labels)
        tags = np.array(
            [find_task(one) for one in show_every(prompts, len(prompts), "finding tasks", "rows")], dtype=np.str_
        )
        return np.unique(tags, return_inverse=True)[1].astype(np.int64), ("task", tags)
