"""Judges the paper's three claims: each is shown, refuted or not shown by a stated rule."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from unipref.analysis.verdicts.evidence import Evidence, Model, Variant
from unipref.analysis.verdicts.gains import Gain
from unipref.analysis.verdicts.read import OBJECTIVES
from unipref.core.records import BASE
from unipref.core.run_folder import ClaimRecord
from unipref.core.stats.intervals import LEVEL
from unipref.core.stats.multiplicity import holm

SHOWN, REFUTED, NOT_SHOWN = "shown", "refuted", "not shown"
ALPHA = 1 - LEVEL
RETAINED, RETAINED_WELL = 0.8, 0.9
"""A part matches all data if it retains this share of their gain; the second share is reported too."""
SFT = "demonstrations"
"""What an SFT step learns from."""
NO_FULL = "No policy is trained on all data (a variant with 'select: all')."

COMBINED = (
    "Shown if the model trained on all data gains at least the smallest effect of interest over the base model on both "
    "sides, with intervals above 0, and is ahead of every source alone on the side where that source gains less "
    "(interval of level 1 - 0.05 / k for k sources above 0). Refuted if one source alone gains more than the effect on "
    "both sides (intervals of that level), or if all data gain less than the effect on a side (level 0.975)."
)
SUBSET = (
    f"Shown if a selected part retains {RETAINED:.0%} of all data's gain over the base model on both sides (intervals "
    "of level 1 - 0.05 / k for k parts), and all data's gain is above 0. Refuted if every part retains less on some "
    "side (level 0.975)."
)
ADDS = (
    "Shown if a step after SFT is better than the model it starts from on one side, by at least the smallest effect of "
    "interest and with p of at most 0.05 after Holm's correction over sides and steps, and not worse by the effect or "
    "more on the other. Refuted if every step gains less than the effect on both sides."
)


@dataclass(frozen=True)
class Claim:
    """A claim and its verdict.

    Attributes:
        claim: in words; rule: when it is shown or refuted.
        verdict: SHOWN, REFUTED or NOT_SHOWN; why: in words, with the figures.
        gains: its evidence: comparison -> objective -> gain.
    """

    claim: str
    rule: str
    verdict: str
    why: str
    gains: dict[str, dict[str, Gain]] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """Claim, verdict and reason as text."""
        return f"{self.claim}: {self.verdict}. {self.why}"

    def record(self, is_tested: bool) -> ClaimRecord:
        """Converts it for `verdicts.json`."""
        gains = {name: {side: gain.record() for side, gain in by.items()} for name, by in self.gains.items()}
        return ClaimRecord(self.claim, self.verdict, self.why, self.rule, gains, is_tested)


def judge_claims(evidence: Evidence) -> list[Claim]:
    """Judges the three claims, in the paper's order."""
    return [judge_combined(evidence), judge_subset(evidence), judge_after_sft(evidence)]


def find_comparable(evidence: Evidence) -> list[Variant]:
    """Finds the variants that train a policy and differ from the first of them only in their selection."""
    trained = [variant for variant in evidence.variants.values() if variant.last is not None]
    return [variant for variant in trained if variant.settings_hash == trained[0].settings_hash]


def find_combined_variant(evidence: Evidence) -> Variant | None:
    """Finds the variant for all feedback together: one that keeps everything."""
    return next((variant for variant in find_comparable(evidence) if variant.kind == "full"), None)


def judge_combined(evidence: Evidence) -> Claim:
    """Judges claim 1: combined feedback improves both sides at once, one source alone does not."""
    name = "Combined feedback improves instruction following and bias at once, one source alone does not"

    def conclude(verdict: str, why: str, gains: dict[str, dict[str, Gain]] | None = None) -> Claim:
        return Claim(name, COMBINED, verdict, why, gains or {})

    variant = find_combined_variant(evidence)
    if variant is None or variant.last is None:
        return conclude(NOT_SHOWN, NO_FULL)
    model, base = variant.last, evidence.base_of(variant.last)
    mine = _compute_gains(evidence, model, base)
    gains = {f"{model} - base": mine}
    if reason := _explain_unusable(evidence, mine, (model, base)):
        return conclude(NOT_SHOWN, reason, gains)
    figures = f"{model} against the base model: {describe_gains(mine)}.{_name_excluded(evidence)}"
    alone = find_single_sources(evidence)
    level = 1 - ALPHA / max(len(alone), 1)
    enough, not_behind = [], []
    for other in alone:
        against_base, ahead = _compare_source(evidence, model, other, gains)
        if len(against_base) == len(OBJECTIVES) and all(g.is_above(g.effect, level) for g in against_base.values()):
            enough.append(str(other.last))
        if not _is_behind_on_worst(against_base, ahead, level):
            not_behind.append(str(other.last))
    return conclude(*_decide_combined(mine, figures, enough, not_behind, has_sources=bool(alone)), gains)


def _decide_combined(
    mine: dict[str, Gain], figures: str, enough: list[str], not_behind: list[str], *, has_sources: bool
) -> tuple[str, str]:
    """Decides claim 1.

    Args:
        mine: gains of all data over the base model.
        figures: these gains in words.
        enough: sources that gain more than the effect on both sides.
        not_behind: sources that all data are not clearly ahead of.
        has_sources: whether the study has variants of one source.

    Returns:
        The verdict and why.
    """
    if enough:
        return REFUTED, f"Better than the base model on both sides, from one source: {', '.join(enough)}. {figures}"
    if less := [side for side, gain in mine.items() if gain.is_below(gain.effect, 1 - ALPHA / len(OBJECTIVES))]:
        return REFUTED, f"It gains less than the effect on {' and '.join(less)}. {figures}"
    if missing := [side for side, gain in mine.items() if not (gain.is_above(0.0) and gain.value >= gain.effect)]:
        return NOT_SHOWN, f"It does not clearly gain on {' and '.join(missing)}. {figures}"
    if not has_sources:
        return NOT_SHOWN, f"{figures} The study has no variant with one source alone."
    if not_behind:
        return NOT_SHOWN, f"{figures} It is not clearly ahead of {', '.join(not_behind)}."
    return SHOWN, f"{figures} It is ahead of each source alone on that source's worst side."


def _compare_source(
    evidence: Evidence, model: Model, other: Variant, gains: dict[str, dict[str, Gain]]
) -> tuple[dict[str, Gain], dict[str, Gain]]:
    """Returns the gains of a single source over the base model, and of all data over it; adds both to `gains`."""
    assert other.last is not None
    against_base = _compute_gains(evidence, other.last, evidence.base_of(other.last))
    ahead = _compute_gains(evidence, model, other.last)
    gains[f"{other.last} - base"], gains[f"{model} - {other.last}"] = against_base, ahead
    return against_base, ahead


def find_single_sources(evidence: Evidence) -> list[Variant]:
    """Finds the variants of one source each, or else of one objective each."""
    alone = [other for other in find_comparable(evidence) if other.alone]
    return [other for other in alone if other.alone and other.alone[0] == "source"] or alone


def _is_behind_on_worst(against_base: dict[str, Gain], ahead: dict[str, Gain], level: float) -> bool:
    """Whether all data are ahead of a source on the side where it gains less over the base model."""
    sides = [side for side in against_base if side in ahead]
    if not sides:
        return False
    worst = min(sides, key=lambda side: against_base[side].value / against_base[side].effect)
    return ahead[worst].is_above(0.0, level)


def _name_excluded(evidence: Evidence) -> str:
    """Names the single-source variants that are not compared, because more than their selection differs."""
    compared = {variant.name for variant in find_comparable(evidence)}
    single = [variant.name for variant in evidence.variants.values() if variant.alone and variant.alone[0] == "source"]
    excluded = ", ".join(name for name in single if name not in compared)
    return f" Not compared, because their training differs: {excluded}." if excluded else ""


def judge_subset(evidence: Evidence) -> Claim:
    """Judges claim 2: a selected subset matches or beats the full data."""
    name = "A selected subset matches or beats the full data"
    full = find_combined_variant(evidence)
    parts = [variant for variant in find_comparable(evidence) if variant.kind == "selected"]
    if full is None or full.last is None or not parts:
        missing = "no selected part" if full else "no variant on all data ('select: all')"
        return Claim(name, SUBSET, NOT_SHOWN, f"The study has {missing} to compare with.")
    of_full = _compute_gains(evidence, full.last, evidence.base_of(full.last))
    gains = {f"{full.last} - base": of_full}
    kept = {str(part.last): _compute_retained(evidence, part, full) for part in parts}
    gains |= {_name_retained(part, full): kept[str(part.last)] for part in parts}
    gains |= {
        f"{part.last} - {full.last}": _compute_gains(evidence, part.last, full.last) for part in parts if part.last
    }
    base = evidence.base_of(full.last)
    compared = {str(part.last): (part.last, full.last, base) for part in parts if part.last}
    if reason := _explain_unusable(evidence, of_full, (full.last, base)) or _explain_all_unusable(
        evidence, kept, compared
    ):
        return Claim(name, SUBSET, NOT_SHOWN, reason, gains)
    usable = {part: by for part, by in kept.items() if _is_usable(by)}
    level = 1 - ALPHA / len(parts)
    lost = [part for part, by in usable.items() if any(g.is_below(0.0, 1 - ALPHA / len(by)) for g in by.values())]
    if len(lost) == len(kept):
        return Claim(name, SUBSET, REFUTED, f"No part retains {RETAINED:.0%}. {_describe_nearest(usable)}", gains)
    if unclear := [side for side, gain in of_full.items() if not gain.is_above(0.0)]:
        why = f"All data do not clearly gain on {' and '.join(unclear)}: {describe_gains(of_full)}."
        return Claim(name, SUBSET, NOT_SHOWN, why, gains)
    matching = [part for part, by in usable.items() if all(gain.is_above(0.0, level) for gain in by.values())]
    if not matching:
        return Claim(name, SUBSET, NOT_SHOWN, _describe_nearest(usable), gains)
    best = max(matching, key=lambda part: sum(gain.value for gain in usable[part].values()))
    variant = next(part for part in parts if str(part.last) == best)
    return Claim(name, SUBSET, SHOWN, _describe_match(evidence, variant, full, level), gains)


def _name_retained(part: Variant, full: Variant, share: float = RETAINED) -> str:
    return f"{part.last} - {share:g} x {full.last} - {1 - share:g} x base"


def _compute_retained(evidence: Evidence, part: Variant, full: Variant, share: float = RETAINED) -> dict[str, Gain]:
    """Computes by objective the gain of a part over the base model, less a share of that of all data."""
    assert part.last is not None
    assert full.last is not None
    weights = ((part.last, 1.0), (full.last, -share), (evidence.base_of(full.last), share - 1.0))
    sums = {objective: evidence.compute_sum(objective, weights) for objective in evidence.sides}
    return {objective: gain for objective, gain in sums.items() if gain is not None}


def _describe_nearest(usable: dict[str, dict[str, Gain]]) -> str:
    nearest = max(usable, key=lambda part: min(gain.low for gain in usable[part].values()))
    return f"The nearest is {nearest}. Its gain less {RETAINED:.0%} of all data's: {describe_gains(usable[nearest])}."


def _describe_match(evidence: Evidence, variant: Variant, full: Variant, level: float) -> str:
    """Says what the matching part retains, and how it compares with all data and with a random part of its size."""
    assert variant.last is not None
    assert full.last is not None
    well = _compute_retained(evidence, variant, full, RETAINED_WELL)
    share = RETAINED_WELL if all(gain.is_above(0.0, level) for gain in well.values()) else RETAINED
    against = _compute_gains(evidence, variant.last, full.last)
    beats = ", and beats them on a side" if any(gain.is_better for gain in against.values()) else ""
    return (
        f"{variant.last} retains {share:.0%} of all data's gain{beats}; against all data: {describe_gains(against)}. "
        f"{_compare_with_random(evidence, variant)}"
    )


def _compare_with_random(evidence: Evidence, variant: Variant) -> str:
    """Compares the part that matches with a random part of its size."""
    rival = find_random_rival(evidence, variant)
    if rival is None or rival.last is None or variant.last is None:
        return "The study has no random part of its size."
    against = _compute_gains(evidence, variant.last, rival.last)
    clear = any(gain.is_better for gain in against.values()) and not any(gain.is_worse for gain in against.values())
    verdict = "better than" if clear else "not clearly better than"
    return f"It is {verdict} a random part of its size ({describe_gains(against)})."


def find_random_rival(evidence: Evidence, variant: Variant) -> Variant | None:
    """Finds the random variant of the same size among the comparable variants."""
    from unipref.analysis.verdicts.read import has_same_size

    comparable = [other for other in evidence.variants.values() if other.settings_hash == variant.settings_hash]
    random = [other for other in comparable if other.kind == "random" and other.name != variant.name]
    return next((other for other in random if has_same_size(variant, other)), None)


def judge_after_sft(evidence: Evidence) -> Claim:
    """Judges claim 3: reinforcement learning, or DPO, adds to SFT."""
    name = "RL or DPO adds to SFT"
    variant = find_combined_variant(evidence)
    if variant is None:
        return Claim(name, ADDS, NOT_SHOWN, NO_FULL)
    later = find_later_steps(variant)
    if not later:
        return Claim(name, ADDS, NOT_SHOWN, "The study has no step of RL or DPO that starts from SFT.")
    gains = {f"{model} - {start.step}": _compute_gains(evidence, model, start) for model, start in later}
    compared = {f"{model} - {start.step}": (model, start) for model, start in later}
    if reason := _explain_all_unusable(evidence, gains, compared):
        return Claim(name, ADDS, NOT_SHOWN, reason, gains)
    usable = {pair: by for pair, by in gains.items() if _is_usable(by)}
    tests = [(pair, side, gain.p) for pair, by in usable.items() for side, gain in by.items() if gain.p is not None]
    corrected = holm([p for _, _, p in tests])
    clear = {(pair, side) for (pair, side, _), p in zip(tests, corrected, strict=True) if p <= ALPHA}
    adds = [pair for pair, by in usable.items() if any(_adds(by, side, (pair, side) in clear) for side in by)]
    small = [pair for pair, by in usable.items() if all(gain.is_below(gain.effect) for gain in by.values())]
    verdict = REFUTED if len(small) == len(gains) else SHOWN if adds else NOT_SHOWN
    pairs = adds if verdict == SHOWN else list(usable)
    return Claim(
        name, ADDS, verdict, "; ".join(f"{pair}: {describe_gains(usable[pair])}" for pair in pairs) + ".", gains
    )


def find_later_steps(variant: Variant) -> list[tuple[Model, Model]]:
    """Finds the policies trained by RL or DPO from a model of SFT, each with that model."""
    learns_from = {step.name: step.learns_from for step in variant.steps}
    return [
        (Model(variant.name, step.name), Model(variant.name, step.start))
        for step in variant.steps
        if step.model_kind == "policy" and step.learns_from != SFT and learns_from.get(step.start) == SFT
    ]


def _adds(by_side: dict[str, Gain], side: str, is_clear: bool) -> bool:
    """Whether a step gains enough on a side and does not cost the effect on another."""
    gain = by_side[side]
    others = [other for name, other in by_side.items() if name != side]
    is_enough = is_clear and gain.value > 0 and gain.value >= gain.effect
    return is_enough and all(other.is_above(-other.effect) for other in others)


def _compute_gains(evidence: Evidence, model: Model, other: Model) -> dict[str, Gain]:
    gains = {objective: evidence.compute_gain(objective, model, other) for objective in evidence.sides}
    return {objective: gain for objective, gain in gains.items() if gain is not None}


def _is_usable(gains: dict[str, Gain]) -> bool:
    """Whether these gains support a verdict."""
    return all(side in gains for side in OBJECTIVES) and all(gain.is_conclusive for gain in gains.values())


def _explain_unusable(evidence: Evidence, gains: dict[str, Gain], models: Sequence[Model]) -> str:
    """Explains why these gains of models support no verdict; empty if they do."""
    if missing := [side for side in OBJECTIVES if side not in gains]:
        return " ".join(evidence.explain_missing(side, models) for side in missing)
    sides = {side: gain for side, gain in gains.items() if not gain.is_conclusive}
    reasons = [_explain_inconclusive(gain, evidence.count_seeds(side, models), side) for side, gain in sides.items()]
    return f"{' '.join(dict.fromkeys(reasons))} The gains: {describe_gains(gains)}." if reasons else ""


def _explain_inconclusive(gain: Gain, seeds: int, side: str) -> str:
    """Explains why a gain shows nothing; seeds: the greatest number of seeds of its models."""
    if not math.isfinite(gain.value):
        return f"The gain in {side} has no value in some seed."
    if gain.clusters < 2:
        return f"All examples of {side} are of one cluster, so the spread between clusters is unknown."
    if not math.isfinite(gain.combined.over_units):
        return f"The examples of {side} do not show the spread between clusters."
    if gain.seeds > 1 or not seeds:
        return f"The spread between trainings is unknown in {side}; intervals are over examples alone."
    if seeds > 1:
        return (
            "The models share one seed, so the spread between trainings is unknown; intervals are over examples alone."
        )
    return "One seed shows nothing: the spread between trainings is unknown; intervals are over examples alone."


def _explain_all_unusable(
    evidence: Evidence, gains: dict[str, dict[str, Gain]], models: Mapping[str, Sequence[Model]]
) -> str:
    """Explains why none of several comparisons, each of some models, supports a verdict; empty if one does."""
    reasons = [_explain_unusable(evidence, by_side, models[name]) for name, by_side in gains.items()]
    return "" if not all(reasons) else " ".join(dict.fromkeys(reasons)) or "Nothing was measured."


def describe_gains(gains: dict[str, Gain]) -> str:
    """Writes gains with their intervals; above 0 is better."""
    return ", ".join(
        f"{side} {gain.value:+.3f}" + ("" if gain.low != gain.low else f" [{gain.low:+.3f}, {gain.high:+.3f}]")
        for side, gain in gains.items()
    )


def is_base(model: Model) -> bool:
    """Whether it is the study's model before any training."""
    return model.step == BASE
