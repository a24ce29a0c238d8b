"""Candidates in memory, made of what a test says about them."""

from typing import Any

import numpy as np

from unipref.core.candidates import Candidates, Dialogue

SAME = [
    Dialogue(
        [{"role": "user", "content": "Who was late today?"}],
        [{"role": "assistant", "content": "The nurse was late."}],
        [{"role": "assistant", "content": "He was."}],
    )
]
"""A batch of one dialogue, which all candidates share if a test gives none."""


def hand_made(
    percentiles: Any,
    *,
    margins: Any = None,
    sources: Any = None,
    ids: Any = None,
    vectors: Any = None,
    objectives: Any = None,
    tokens: Any = None,
    confidences: Any = None,
    dialogues: list[Dialogue] | None = None,
    **changes: Any,
) -> Candidates:
    n = len(percentiles)
    return Candidates(
        ids=np.array(ids if ids is not None else [f"{i:04d}" for i in range(n)], dtype=np.str_),
        margins=np.array(np.full(n, np.nan) if margins is None else margins, dtype=np.float32),
        margin_percentiles=np.array(percentiles, dtype=np.float32),
        confidences=np.array(np.full(n, np.nan) if confidences is None else confidences, dtype=np.float32),
        sources=np.array(sources if sources is not None else ["a"] * n, dtype=np.str_),
        objectives=np.array(objectives if objectives is not None else ["instruction"] * n, dtype=np.str_),
        groups=np.array([str(i) for i in range(n)], dtype=np.str_),
        tokens=np.array(np.full(n, 10) if tokens is None else tokens, dtype=np.int64),
        embed=lambda name: np.array(vectors if vectors is not None else np.ones((n, 2)), dtype=np.float32),
        texts=lambda: iter([SAME] * n if dialogues is None else [dialogues] if dialogues else []),
        **changes,
    )
