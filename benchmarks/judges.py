"""How good and how calibrated the aggregates are, on simulated judges, and what they cost.

    python benchmarks/judges.py [--seeds dev|final] [--only order calibration world shapes speed] [--docs]

Prints the tables of docs/judges.md; `--docs` writes them there. The rules, the priors and the final seeds were fixed
before the final seeds were run for the first time. All tuning used the seeds of `DEV`.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.special import expit, ndtr

from unipref.core.aggregation import Aggregation
from unipref.core.contracts import Aggregate
from unipref.core.judgements import Judgements, judgement_schema
from unipref.core.stats.bootstrap import paired_interval
from unipref.demo.raters import Raters
from unipref.unify.aggregates.dawid_skene import DawidSkene
from unipref.unify.aggregates.latent import Latent
from unipref.unify.aggregates.majority import Majority
from unipref.unify.aggregates.mean import Mean

Floats = npt.NDArray[np.float64]
SEEDS = {"dev": tuple(range(100, 103)), "final": tuple(range(11, 16))}
PAGE = Path(__file__).parents[1] / "docs" / "judges.md"
BINS = 10
PROMPTS, VOTES, PEOPLE = 1000, 3, 20
NOISES = {
    "logistic": "slopes between people lognormal(0.5, 0.5)",
    "probit": "all alike, Thurstone's model with standard deviation 1",
    "constant rate": "right with a probability from 0.6 to 0.95, one per person, however close the answers",
    "careless": "logistic; 40 % have a fifth of the attention",
    "adversarial": "probit with 5 % slips; 20 % choose the worse answer",
    "always first": "logistic; 25 % choose the first shown answer in 90 % of cases",
    "unknown, logistic": "logistic, without names",
    "unknown, constant rate": "constant rate, without names",
    "few each": "constant rate; each person judges about 4 pairs",
    "five of 70 %": "constant rate 0.7; five people judge each pair, one of them chooses the worse",
}

RATED = {
    "unknown, ratings of noise 0.5": (0.5, None, 0.0),
    "unknown, ratings of noise 1": (1.0, None, 0.0),
    "unknown, ratings of noise 2": (2.0, None, 0.0),
    "unknown, ratings, 20 % careless": (1.0, "any", 0.2),
    "unknown, ratings, 20 % are 9": (1.0, "top", 0.2),
    "unknown, ratings, 30 % are 9": (1.0, "top", 0.3),
}
"""Ratings without names: standard deviation of the noise, in those of the utilities, how careless ratings are
distributed (over all values, or all at the best one, the end of the scale), and their share."""


def simulate_ratings(name: str, seed: int) -> tuple[list[dict[str, Any]], Floats]:
    """Returns rows of ratings from 1 to 9, three of each of two answers, and the true utilities.

    Equal ratings of an answer are one row with a count, as unify writes them.
    """
    rng = np.random.default_rng([seed, 55, list(RATED).index(name)])
    noise, careless, share = RATED[name]
    utility = rng.normal(size=(PROMPTS, 2))
    rows = []
    for prompt in range(PROMPTS):
        for answer in range(2):
            values = np.clip(np.rint(5 + 1.5 * (utility[prompt, answer] + noise * rng.normal(size=VOTES))), 1, 9)
            if careless is not None:
                other = rng.integers(1, 10, VOTES) if careless == "any" else np.full(VOTES, 9)
                values = np.where(rng.random(VOTES) < share, other, values)
            for value, count in zip(*np.unique(values, return_counts=True), strict=True):
                row = {"group": f"p{prompt:05}", "answers": [str(answer)], "kind": "rating", "source": "s"}
                rows.append({**row, "value": float(value), "count": int(count)})
    return rows, utility


def simulate_pairs(noise: str, seed: int, answers: int) -> tuple[list[dict[str, Any]], Floats]:
    """Returns rows of judgements of pairs, and (prompts, answers) true utilities."""
    rng = np.random.default_rng([seed, list(NOISES).index(noise), answers])
    five = noise == "five of 70 %"
    votes = 5 if five else VOTES
    people = 5 if five else PROMPTS * VOTES // 4 if noise == "few each" else PEOPLE
    utility = rng.normal(size=(PROMPTS, answers))
    slope = np.exp(rng.normal(0.5, 0.5, people))
    rate = np.full(people, 0.7) if five else rng.uniform(0.6, 0.95, people)
    odd = {"five of 70 %": 0.2, "adversarial": 0.2, "careless": 0.4, "always first": 0.25}.get(noise, 0.0)
    is_odd = np.arange(people) < odd * people
    rows = []
    for prompt in range(PROMPTS):
        pairs = [(a, b) for a in range(answers) for b in range(a + 1, answers)]
        who = rng.permutation(people)[:votes]
        for at in rng.permutation(len(pairs))[:3]:
            one, two = pairs[at]
            for person in who:
                gap = utility[prompt, one] - utility[prompt, two]
                shown = [0, 1] if rng.random() < 0.5 else [1, 0]
                if noise in {"constant rate", "unknown, constant rate", "few each", "five of 70 %"}:
                    chance = rate[person] if gap > 0 else 1 - rate[person]
                elif noise == "probit":
                    chance = ndtr(gap)
                elif noise == "adversarial":
                    chance = 0.05 + 0.9 * ndtr(2 * gap)
                else:
                    chance = expit(slope[person] * gap)
                if is_odd[person]:
                    chance = {
                        "careless": 0.4 + 0.2 * chance,
                        "always first": 0.95 if shown[0] == 0 else 0.05,
                    }.get(noise, 1 - chance)
                rows.append(
                    {
                        "group": f"p{prompt:05}",
                        "answers": [str(one), str(two)],
                        "kind": "pair",
                        "value": 1.0 if rng.random() < chance else -1.0,
                        "shown": shown,
                        "annotator": None if noise.startswith("unknown") else f"w{person:04}",
                        "source": "s",
                    }
                )
    return rows, utility


def simulate_shapes(seed: int, prompts: int = 300, answers: int = 4) -> tuple[list[dict[str, Any]], Floats]:
    """Returns pairs, ratings, thumbs and a ranking over the same prompts, by twenty people, and the true utilities.

    Four people of twenty choose the worse. People differ in leniency and in the spread of their ratings.
    """
    rng = np.random.default_rng([seed, 77])
    utility = rng.normal(size=(prompts, answers)) + 0.7 * rng.normal(size=(prompts, 1))
    slope = np.exp(rng.normal(0.5, 0.4, PEOPLE)) * np.where(np.arange(PEOPLE) < 4, -1, 1)
    shift, spread = rng.normal(0, 0.8, PEOPLE), np.exp(rng.normal(0, 0.3, PEOPLE))
    threshold = rng.normal(0, 0.75, PEOPLE)
    rows: list[dict[str, Any]] = []

    def add(prompt: int, kind: str, judged: Sequence[int], person: int, **values: Any) -> None:
        row = {"group": f"p{prompt:05}", "answers": [str(a) for a in judged], "kind": kind, "source": kind}
        rows.append({**row, "annotator": f"w{person:02}", **values})

    for prompt in range(prompts):
        for one in range(answers):
            for two in range(one + 1, answers):
                person = rng.integers(PEOPLE)
                chance = expit(slope[person] * (utility[prompt, one] - utility[prompt, two]))
                add(prompt, "pair", [one, two], person, value=1.0 if rng.random() < chance else -1.0)
        for person in rng.permutation(PEOPLE)[:2]:
            for answer in range(answers):
                seen = shift[person] + spread[person] * (slope[person] * utility[prompt, answer] + rng.logistic())
                add(prompt, "rating", [answer], person, value=float(1 + (seen > np.array([-3, -1, 1, 3])).sum()))
        for answer in range(answers):
            for person in rng.permutation(PEOPLE)[:2]:
                chance = expit(slope[person] * utility[prompt, answer] - threshold[person])
                add(prompt, "thumb", [answer], person, value=float(rng.random() < chance))
        person = rng.integers(PEOPLE)
        order = np.argsort(-(slope[person] * utility[prompt] + rng.gumbel(size=answers)))
        add(prompt, "ranking", range(answers), person, places=(np.argsort(order) + 1).tolist())
    return rows, utility


def simulate_world(noise: Any, seed: int, prompts: int = 600) -> tuple[list[dict[str, Any]], Floats]:
    """Returns judgements by the raters of the built-in world, several per prompt, and the true qualities.

    Per prompt: two raters rate all three answers, two raters choose between two of them, one gives thumbs.
    """
    raters, rng = Raters(seed, noise, 0.2), random.Random(f"{seed}/{noise}")
    quality = (0.85, 0.4, 0.25)
    rows: list[dict[str, Any]] = []
    for prompt in range(prompts):
        length = [rng.uniform(-0.5, 0.5) for _ in quality]
        base = {"group": f"p{prompt:05}"}
        for _ in range(2):
            rater = raters.any()
            for answer in range(3):
                score = round(100 * rater.rating(quality[answer], length[answer]))
                row = {"answers": [str(answer)], "kind": "rating", "value": float(score), "source": "ratings"}
                rows.append({**base, **row, "annotator": rater.name})
        one, two = rng.sample(range(3), 2)
        for _ in range(2):
            rater = raters.any()
            wins = rater.prefers((quality[one], length[one]), (quality[two], length[two]))
            row = {"answers": [str(one), str(two)], "kind": "pair", "value": 1.0 if wins else -1.0, "source": "pairs"}
            rows.append({**base, **row, "annotator": rater.name})
        rater = raters.any()
        for answer in range(3):
            row = {"answers": [str(answer)], "kind": "thumb", "source": "thumbs", "annotator": rater.name}
            rows.append({**base, **row, "value": float(rater.likes(quality[answer], length[answer]))})
    return rows, np.tile(quality, (prompts, 1))


def compare_all(
    judgements: Judgements, result: Aggregation, utility: Floats, judged_only: bool
) -> tuple[Floats, npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
    """Returns P(first better), whether the first is better, and the prompt, of all pairs or of the judged ones.

    Where an aggregate gives no probability, 1, 0.5 or 0 by the sign of the difference.
    """
    if judged_only:
        first, second = np.divmod(result.pair_keys, len(result.mean))
    else:
        parts = [
            np.stack(np.triu_indices(end - start, 1), axis=1) + start
            for start, end in zip(judgements.block_starts[:-1], judgements.block_starts[1:], strict=True)
        ]
        first, second = np.concatenate(parts).T
    chance, difference = result.compare(first, second)
    chance = np.where(np.isfinite(chance), chance, (np.sign(np.nan_to_num(difference)) + 1) / 2)
    block = np.searchsorted(judgements.block_starts, first, side="right") - 1
    names = judgements.groups[judgements.blocks[block, 0]]
    prompt = np.array([int(name[1:]) for name in names])
    answer = [np.array([int(name) for name in judgements.answers[side]]) for side in (first, second)]
    return chance, utility[prompt, answer[0]] > utility[prompt, answer[1]], prompt


def accuracy(chance: Floats, is_first: npt.NDArray[np.bool_]) -> Floats:
    """Returns whether each order is right; an undecided one counts half."""
    return np.where(chance == 0.5, 0.5, (chance > 0.5) == is_first)


def calibration_error(confidence: Floats, right: Floats) -> float:
    """Returns the expected calibration error over ten equal bins of the confidence from 0.5 to 1."""
    place = np.clip(((confidence - 0.5) * 2 * BINS).astype(int), 0, BINS - 1)
    total = 0.0
    for one in np.unique(place):
        mine = place == one
        total += mine.mean() * abs(confidence[mine].mean() - right[mine].mean())
    return float(total)


def order_table(seeds: Sequence[int]) -> Iterator[str]:
    """Yields the table of five people of 70 %, one of whom chooses the worse."""
    yield "| aggregate | order accuracy | against `majority` [95 %] |"
    yield "| --- | ---: | ---: |"
    choices: dict[str, Aggregate] = {"majority": Majority(), "dawid_skene": DawidSkene(), "latent": Latent()}
    right: dict[str, list[Floats]] = {name: [] for name in choices}
    for seed in seeds:
        rows, utility = simulate_pairs("five of 70 %", seed, 2)
        judgements = Judgements.from_rows(rows)
        for name, choice in choices.items():
            chance, is_first, _ = compare_all(judgements, choice.aggregate(judgements), utility, True)
            right[name].append(accuracy(chance, is_first))
    for name in choices:
        table = np.array(right[name]) - np.array(right["majority"])
        low, high = paired_interval(table)
        change = "" if name == "majority" else f"{table.mean():+.3f} [{low:+.3f}, {high:+.3f}]"
        yield f"| `{name}` | {np.mean(right[name]):.3f} | {change} |"


def calibration_rows(
    name: str, seeds: Sequence[int], make: Callable[[int], tuple[list[dict[str, Any]], Floats]], judged_only: bool
) -> str:
    """Returns a row: accuracy, confidence and calibration error over all seeds, of `latent` beside `majority`."""
    chances, firsts, votes = [], [], []
    for seed in seeds:
        rows, utility = make(seed)
        judgements = Judgements.from_rows(rows)
        chance, is_first, _ = compare_all(judgements, Latent().aggregate(judgements), utility, judged_only)
        chances.append(chance)
        firsts.append(is_first)
        by_votes, is_first, _ = compare_all(judgements, Majority().aggregate(judgements), utility, judged_only)
        votes.append((by_votes, is_first))
    chance, is_first = np.concatenate(chances), np.concatenate(firsts)
    right = accuracy(chance, is_first)
    confidence = np.maximum(chance, 1 - chance)
    by_votes, first_of_votes = (np.concatenate(column) for column in zip(*votes, strict=True))
    right_votes = accuracy(by_votes, first_of_votes)
    share = np.maximum(by_votes, 1 - by_votes)
    return (
        f"| {name} | {right_votes.mean():.3f} | {calibration_error(share, right_votes):.3f} | {right.mean():.3f} | "
        f"{confidence.mean():.3f} | {calibration_error(confidence, right):.3f} |"
    )


HEAD = (
    "| {} | votes: right | votes: error | latent: right | latent: confidence | latent: error |",
    "| --- | ---: | ---: | ---: | ---: | ---: |",
)


def calibration_table(seeds: Sequence[int]) -> Iterator[str]:
    """Yields the calibration errors under each noise model."""
    yield HEAD[0].format("noise, answers per prompt")
    yield HEAD[1]
    for noise in NOISES:
        for answers in (2, 4):
            if answers == 4 and noise in {"five of 70 %", "few each"}:
                continue
            yield calibration_rows(
                f"{noise}, {answers}", seeds, lambda seed, n=noise, k=answers: simulate_pairs(n, seed, k), True
            )
    for name in RATED:
        yield calibration_rows(f"{name}, 2", seeds, lambda seed, n=name: simulate_ratings(n, seed), False)


def world_table(seeds: Sequence[int]) -> Iterator[str]:
    """Yields the calibration errors with the raters of the built-in world."""
    yield HEAD[0].format("raters of the world")
    yield HEAD[1]
    for noise in ("careless", "gaussian", "adversarial"):
        yield calibration_rows(noise, seeds, lambda seed, n=noise: simulate_world(n, seed), False)


def shapes_table(seeds: Sequence[int]) -> Iterator[str]:
    """Yields the order accuracy of each shape alone and of all together."""
    yield "| judgements | aggregate | order accuracy, all pairs | all shapes in `latent` against it [95 %] | error |"
    yield "| --- | --- | ---: | ---: | ---: |"
    shapes = ("pair", "rating", "thumb", "ranking")
    cases: list[tuple[str, tuple[str, ...], Aggregate]] = [(f"{s}s", (s,), Latent()) for s in shapes[:-1]]
    # One ranking per prompt tells nothing of its own reliability, so `latent` gives no utilities; its order is known.
    cases.append(("a ranking", ("ranking",), Majority()))
    cases += [("all four", shapes, choice) for choice in (Majority(), Mean(), DawidSkene(), Latent())]
    right: list[list[Floats]] = [[] for _ in cases]
    error: list[list[tuple[Floats, Floats]]] = [[] for _ in cases]
    has_confidence = [True] * len(cases)
    for seed in seeds:
        rows, utility = simulate_shapes(seed)
        for at, (_, kinds, choice) in enumerate(cases):
            judgements = Judgements.from_rows([row for row in rows if row["kind"] in kinds])
            chance, is_first, prompt = compare_all(judgements, choice.aggregate(judgements), utility, False)
            hits = accuracy(chance, is_first)
            right[at].append(np.bincount(prompt, hits) / np.bincount(prompt))
            error[at].append((np.maximum(chance, 1 - chance), hits))
            has_confidence[at] &= not np.isin(chance, (0.0, 1.0)).any()
    best = np.array(right[-1])
    for at, (name, _, choice) in enumerate(cases):
        table = best - np.array(right[at])
        low, high = paired_interval(table)
        gain = "" if at == len(cases) - 1 else f"{table.mean():+.3f} [{low:+.3f}, {high:+.3f}]"
        confidence, hits = (np.concatenate(column) for column in zip(*error[at], strict=True))
        shown = f"{calibration_error(confidence, hits):.3f}" if has_confidence[at] else ""
        yield f"| {name} | `{choice.name()}` | {np.mean(right[at]):.3f} | {gain} | {shown} |"


def many_judgements(prompts: int, votes: int, answers: int, mixed: bool, seed: int = 0) -> pa.Table:
    """Returns a large table: `votes` judgements per prompt by 1,000 people, pairs alone or pairs and ratings."""
    rng = np.random.default_rng(seed)
    n = prompts * votes
    utility, slope = rng.normal(size=(prompts, answers)), np.exp(rng.normal(0.5, 0.5, 1000))
    slope[:100] *= -1
    prompt, person = np.repeat(np.arange(prompts), votes), rng.integers(0, 1000, n)
    one = rng.integers(0, answers, n)
    two = (one + rng.integers(1, answers, n)) % answers
    is_pair = rng.random(n) < 0.5 if mixed else np.ones(n, dtype=bool)
    gap = utility[prompt, one] - np.where(is_pair, utility[prompt, two], 0.0)
    seen = slope[person] * gap + rng.logistic(size=n)
    value = np.where(is_pair, np.where(seen > 0, 1.0, -1.0), 1.0 + np.searchsorted([-3, -1, 1, 3], seen))
    sizes = np.where(is_pair, 2, 1)
    answer_names = np.array([f"answer-{a}-abcdef" for a in range(answers)])
    flat = np.stack([one, two], axis=1)[np.stack([np.ones(n, bool), is_pair], axis=1)]
    offsets = pa.array(np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32))
    columns = {
        "group": pa.array(np.char.add("prompt-", np.char.zfill(prompt.astype(str), 12))),
        "answers": pa.ListArray.from_arrays(offsets, pa.array(answer_names).take(pa.array(flat))),
        "axis": pa.nulls(n, pa.string()),
        "kind": pa.array(np.where(is_pair, "pair", "rating")),
        "value": pa.array(value),
        "places": pa.nulls(n, pa.list_(pa.int32())),
        "shown": pa.nulls(n, pa.list_(pa.int32())),
        "annotator": pa.array(np.char.add("w", person.astype(str))),
        "source": pa.array(np.where(is_pair, "s", "t")),
        "count": pa.array(np.ones(n, dtype=np.int32)),
        "origin": pa.array([""] * n),
    }
    return pa.table(columns, schema=judgement_schema())


def measure_speed(path: str) -> dict[str, float]:
    """Reads a file of judgements and aggregates it; returns seconds, steps and peak memory."""
    from unipref.core.judgements import read_judgements

    start, cpu = time.perf_counter(), time.process_time()
    judgements = read_judgements(Path(path))
    read = time.perf_counter() - start
    result = Latent().aggregate(judgements)
    assert result.convergence is not None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    seconds = time.perf_counter() - start
    figures = {"read": read, "seconds": seconds, "cpu": time.process_time() - cpu, "peak": peak}
    return {**figures, "steps": result.convergence.steps, "change": result.convergence.change}


def speed_table(prompts: int) -> Iterator[str]:
    """Yields time and peak memory for ten judgements per prompt, each case in a process of its own."""
    import tempfile

    import pyarrow.parquet as pq

    yield "| judgements | prompts | what | seconds | CPU seconds | peak memory, GB | steps | last change |"
    yield "| ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: |"
    for what, answers, mixed in (("pairs of 2 answers", 2, False), ("pairs and ratings of 4 answers", 4, True)):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "judgements.parquet"
            pq.write_table(many_judgements(prompts, 10, answers, mixed), path)
            command = [sys.executable, __file__, "--measure", str(path)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
        f = json.loads(done.stdout.splitlines()[-1])
        yield (
            f"| {10 * prompts:,} | {prompts:,} | {what} | {f['seconds']:.0f} | {f['cpu']:.0f} | {f['peak']:.2f} | "
            f"{f['steps']:.0f} | {f['change']:.4f} |"
        )


def write_table(name: str, lines: Sequence[str]) -> None:
    """Replaces a table of docs/judges.md, between its two comments."""
    text = PAGE.read_text(encoding="utf-8")
    start, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    head, _, rest = text.partition(start)
    assert end in rest, f"docs/judges.md has no place for {name}"
    PAGE.write_text(head + start + "\n".join(lines) + "\n" + end + rest.partition(end)[2], encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", choices=SEEDS, default="dev")
    parser.add_argument("--only", nargs="*", default=["order", "calibration", "world", "shapes", "speed"])
    parser.add_argument("--prompts", type=int, default=100_000, help="prompts of the table of speed")
    parser.add_argument("--docs", action="store_true", help="write the tables into docs/judges.md")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure_speed(options.measure)))
        return
    seeds = SEEDS[options.seeds]
    tables: dict[str, Callable[[], Iterator[str]]] = {
        "order": lambda: order_table(seeds),
        "calibration": lambda: calibration_table(seeds),
        "world": lambda: world_table(seeds),
        "shapes": lambda: shapes_table(seeds),
        "speed": lambda: speed_table(options.prompts),
    }
    for name in options.only:
        lines = []
        for line in tables[name]():
            lines.append(line)
            print(line, flush=True)
        print()
        if options.docs:
            write_table(name, lines)


if __name__ == "__main__":
    main()
