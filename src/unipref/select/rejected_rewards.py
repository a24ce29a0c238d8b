"""How good the rejected answers are: by the scores of their source, or by a reward model."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from unipref.core import parquet
from unipref.core.candidates import Dialogue
from unipref.core.stats.percentiles import percentiles_within
from unipref.models.inference import rewards
from unipref.select.model_scorer import RewardScorer

if TYPE_CHECKING:
    import numpy.typing as npt

    from unipref.core.chat_models import RewardModel

COLUMNS = ("source", "axis", "chosen_score", "rejected_score")


def measure_rejected(preferences: Path, rows_at_once: int) -> "npt.NDArray[np.float64]":
    """Computes the percentile of each rejected answer's score within its source and axis, the better the higher.

    Whether a high score is good is taken from the preferences themselves: on the axis that decided, the chosen answer
    has the better score. A preference that all judgements turned round has it the other way, so the majority counts.

    Args:
        preferences: Parquet file of `Preference` rows.
        rows_at_once: most rows in memory.

    Returns:
        (n,) numbers in [0, 1]; NaN without two scores on the axis that decided, or if its direction is not clear.
    """
    codes: dict[tuple[str, str], int] = {}
    directions: dict[int, Counter[float]] = defaultdict(Counter)
    scores, groups = [], []
    for row in parquet.read_rows(preferences, COLUMNS, rows_at_once, shown="ranking rejected answers"):
        chosen, rejected = row["chosen_score"], row["rejected_score"]
        is_known = chosen is not None and rejected is not None and row["axis"] is not None
        code = codes.setdefault((row["source"], row["axis"] or ""), len(codes))
        groups.append(code)
        scores.append(rejected if is_known else np.nan)
        if is_known:
            directions[code][float(np.sign(chosen - rejected))] += 1
    signs = {code: float(np.sign(counts[1.0] - counts[-1.0])) for code, counts in directions.items()}
    group, value = np.array(groups, dtype=np.int64), np.array(scores, dtype=np.float64)
    sign = np.array([signs.get(code, 0.0) for code in groups], dtype=np.float64)
    return percentiles_within(np.where(sign == 0, np.nan, sign * value), group)


class RejectedReward(RewardScorer):
    """The reward of the rejected answer, in the reward model's units. It is a part of the scorer `rip`."""

    def judge(self, model: "RewardModel", dialogues: Sequence[Dialogue]) -> "npt.NDArray[np.float64]":
        """Computes the rewards; NaN without a rejected answer."""
        numbers = np.full(len(dialogues), np.nan)
        rows = [i for i, dialogue in enumerate(dialogues) if dialogue.rejected]
        if rows:
            texts = [[*dialogues[i].prompt, *(dialogues[i].rejected or [])] for i in rows]
            numbers[rows] = rewards(model, texts, self.batch_size)
        return numbers
