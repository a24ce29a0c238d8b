"""Simulated judges for tests: rows of judgements and the truth."""

from typing import Any

import numpy as np
from scipy.special import expit

Row = dict[str, Any]


def judged_pairs(
    seed: int,
    prompts: int = 200,
    votes: int = 3,
    people: int = 10,
    inverted: int = 0,
    named: bool = True,
    source: str = "s",
) -> tuple[list[Row], np.ndarray]:
    """Returns rows about pairs of two answers and (prompts, 2) utilities; the first `inverted` people invert."""
    rng = np.random.default_rng(seed)
    utility = rng.normal(size=(prompts, 2))
    rows: list[Row] = []
    for prompt in range(prompts):
        for person in rng.permutation(people)[:votes]:
            slope = 3.0 * (-1 if person < inverted else 1)
            wins = rng.random() < expit(slope * (utility[prompt, 0] - utility[prompt, 1]))
            name = f"w{person:02}" if named else None
            rows.append(
                {
                    "group": f"p{prompt:04}",
                    "answers": ["a", "b"],
                    "kind": "pair",
                    "value": 1.0 if wins else -1.0,
                    "annotator": name,
                    "source": source,
                }
            )
    return rows, utility


def judged_shapes(seed: int, prompts: int = 60, people: int = 8) -> tuple[list[Row], np.ndarray]:
    """Returns pairs, ratings, thumbs, rankings and splits over the same prompts of three answers, and the utilities."""
    rng = np.random.default_rng(seed)
    utility = rng.normal(size=(prompts, 3))
    rows: list[Row] = []
    for prompt in range(prompts):

        def add(kind: str, judged: list[int], prompt: int = prompt, **values: Any) -> None:
            answers = ["abc"[one] for one in judged]
            rows.append({"group": f"p{prompt:04}", "answers": answers, "kind": kind, "source": kind, **values})

        u = utility[prompt]
        for person in rng.permutation(people)[:2]:
            name = f"w{person}"
            for answer in range(3):
                add(
                    "rating",
                    [answer],
                    value=float(np.clip(np.rint(3 + u[answer] + 0.7 * rng.normal()), 1, 5)),
                    annotator=name,
                )
            answer = int(rng.integers(3))
            add("thumb", [answer], value=float(rng.random() < expit(2 * u[answer])), annotator=name)
            one, two = (int(x) for x in rng.permutation(3)[:2])
            gap = 2 * (u[one] - u[two]) + rng.logistic()
            add("pair", [one, two], value=0.0 if abs(gap) < 0.4 else float(np.sign(gap)), annotator=name, shown=[0, 1])
        for person in rng.permutation(people)[:2]:
            order = np.argsort(-(2 * u + rng.gumbel(size=3)))
            places = (np.argsort(order) + 1).tolist()
            add("ranking", [0, 1, 2], places=places, annotator=f"w{person}")
        best = int(np.argmax(2 * u + rng.gumbel(size=3)))
        add(
            "split",
            [0, 1, 2],
            places=[1 if one == best else 2 for one in range(3)],
            annotator=f"w{rng.integers(people)}",
        )
    return rows, utility
