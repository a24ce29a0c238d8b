"""How often the polarity check is wrong: false alarms under clustering, and power when labels are turned round.

    python benchmarks/polarity_errors.py [DRAWS]     # prints the tables of docs/polarity.md; 1000 draws by default

Each draw is a source whose preferences have votes of other evidence. Three kinds of draws are without any relation
between labels and evidence: then `contradicts` is a false alarm. In the others the evidence is right about a part of
the labels, and a share of the labels is turned round: rows at random, whole files, or all labels of some raters.
"""

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from unipref.core.judgements import NOBODY
from unipref.unify.label_check import conclude
from unipref.unify.label_votes import Votes

SEED = 20261128


@dataclass(frozen=True)
class Setting:
    """The size of a source, and how its votes depend on each other.

    Attributes:
        prompts, per_prompt: preferences per prompt.
        raters: number of raters, each with a run of the prompts; 0: not named.
        copies: probability that a preference has the vote of its prompt, not one of its own.
        own_view: standard deviation of the raters' own lean for or against, in probits.
    """

    prompts: int
    per_prompt: int = 1
    raters: int = 0
    copies: float = 0.0
    own_view: float = 0.0


def draw_votes(
    setting: Setting, steepness: float, turned: float, by: str, rng: np.random.Generator, graded: bool = True
) -> Votes:
    """Draws the votes on a source.

    Args:
        setting: its size.
        steepness: the evidence is for a right label with probability Φ(steepness · gap); gaps are exponential with mean
            1, or all 1.
        turned: share of the labels that are turned round.
        by: what is turned round together: rows, files (ten) or raters.
        rng: the source of chance.
        graded: whether gaps differ.
    """
    from scipy.special import ndtr

    n = setting.prompts * setting.per_prompt
    prompt = np.repeat(np.arange(setting.prompts), setting.per_prompt)
    people = rng.integers(max(setting.raters, 1), size=setting.prompts)[prompt]
    file = prompt * 10 // setting.prompts
    gap = rng.exponential(size=n) if graded else np.ones(n)
    lean = rng.normal(scale=setting.own_view, size=max(setting.raters, 1)) if setting.own_view else np.zeros(1)
    chance = ndtr(steepness * gap + (lean[people] if setting.own_view else 0.0))
    own, shared = rng.random(n), rng.random(setting.prompts)[prompt]
    is_for = np.where(rng.random(n) < setting.copies, shared, own) < chance
    units = {"rows": np.arange(n), "files": file, "raters": people}[by]
    count = int(units.max()) + 1
    is_turned = np.zeros(count, dtype=bool)
    is_turned[rng.permutation(count)[: round(turned * count)]] = True
    sign = np.where(is_for ^ is_turned[units], 1, -1)
    return Votes(
        sign=sign,
        gap=gap,
        prompt=prompt,
        rater=people if setting.raters else np.full(n, NOBODY),
        file=file,
        raters=[f"r{i}" for i in range(setting.raters)],
        files=[f"f{i}" for i in range(10)],
        by_axis={},
        examples=[],
    )


NULLS: dict[str, Setting] = {
    "300 prompts, one preference each": Setting(300),
    "30 prompts, ten independent preferences each": Setting(30, 10),
    "30 prompts, ten preferences with one vote": Setting(30, 10, copies=1.0),
    "200 prompts, ten preferences with one vote": Setting(200, 10, copies=1.0),
    "300 prompts, 5 raters with a lean of their own": Setting(300, raters=5, own_view=0.5),
    "300 prompts, 20 raters with a lean of their own": Setting(300, raters=20, own_view=0.5),
    "60 prompts, ten with one vote, 10 raters with a lean": Setting(60, 10, 10, 1.0, 0.5),
}
SHARES = (0.0, 0.1, 0.3, 0.5, 1.0)
POWER: dict[str, Callable[[float, np.random.Generator], Votes]] = {
    "rows, graded evidence": lambda f, rng: draw_votes(Setting(400, raters=20), 2.0, f, "rows", rng),
    "rows, ten with one vote": lambda f, rng: draw_votes(Setting(100, 10, 20, 1.0), 2.0, f, "rows", rng),
    "rows, evidence without grades": lambda f, rng: draw_votes(Setting(400, raters=20), 1.6, f, "rows", rng, False),
    "rows, weak evidence": lambda f, rng: draw_votes(Setting(400, raters=20), 0.7, f, "rows", rng),
    "files, graded evidence": lambda f, rng: draw_votes(Setting(400, raters=20), 2.0, f, "files", rng),
    "raters, graded evidence": lambda f, rng: draw_votes(Setting(400, raters=20), 2.0, f, "raters", rng),
}
VERDICTS = ("no_contradiction", "mixed", "contradicts", "unknown")


def false_alarms(setting: Setting, draws: int, seed: int = SEED) -> tuple[float, float]:
    """Returns how often unrelated evidence contradicts a source, by the check and by counting votes as independent."""
    rng = np.random.default_rng(seed)
    hits = naive = 0
    for _ in range(draws):
        votes = draw_votes(setting, 0.0, 0.0, "rows", rng)
        hits += conclude(votes)["verdict"] == "contradicts"
        naive += votes.sign.sum() < -2.326 * np.sqrt(len(votes.sign))
    return hits / draws, naive / draws


def verdicts(
    draw: Callable[[float, np.random.Generator], Votes], share: float, draws: int
) -> tuple[Counter[str], float]:
    """Returns the verdicts on sources of which a share is turned round, and how often the interval holds it."""
    rng = np.random.default_rng(SEED)
    counts: Counter[str] = Counter()
    covered = 0
    for _ in range(draws):
        record = conclude(draw(share, rng))
        counts[record["verdict"]] += 1
        covered += record["turned"][1] - 0.005 <= share <= record["turned"][2] + 0.005
    return counts, covered / draws


def main(draws: int) -> None:
    """Prints both tables."""
    print("| unrelated evidence | false alarms | votes counted as independent |\n|---|---|---|")
    for name, setting in NULLS.items():
        print("| {} | {:.3f} | {:.3f} |".format(name, *false_alarms(setting, draws)))
    heads = " | ".join(verdict.replace("_", " ") for verdict in VERDICTS)
    print(f"\n| turned round | share | {heads} | interval holds the share |\n|---|---|{'---|' * len(VERDICTS)}---|")
    for name, draw in POWER.items():
        for share in SHARES:
            counts, covered = verdicts(draw, share, max(draws // 5, 1))
            cells = " | ".join(f"{counts[verdict] / counts.total():.2f}" for verdict in VERDICTS)
            print(f"| {name} | {share:.0%} | {cells} | {covered:.2f} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
