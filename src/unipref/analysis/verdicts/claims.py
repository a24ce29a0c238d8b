"""The paper's three claims, each shown, refuted or not shown by a rule that is stated with it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from unipref.analysis.verdicts.evidence import Evidence, Gain, Model, Variant
from unipref.analysis.verdicts.read import OBJECTIVES
from unipref.core.records import BASE, MAIN
from unipref.core.run_folder import ClaimRecord
from unipref.core.stats.bootstrap import LEVEL

SHOWN, REFUTED, NOT_SHOWN = "shown", "refuted", "not shown"
MARGIN = 0.02
"""Two models match on a figure when one is clearly not worse by this much: two points in a hundred."""
SFT = "demonstrations"
"""What an SFT step learns from."""

COMBINED = (
    "Shown when the model trained on all sources is clearly better than the base model on both sides, and every "
    "source alone is clearly behind it on at least one side and not clearly better than the base model on both. "
    "Refuted when it is clearly worse than the base model on a side, or a source alone is clearly better on both. "
    "Clearly: the 95 % interval over seeds and examples excludes 0."
)
SUBSET = (
    f"Shown when a selected part is, on both sides, clearly not worse than all data by {MARGIN:g} or more. "
    f"Refuted when every selected part is clearly worse by more than {MARGIN:g} on some side. The interval is that of "
    "95 % divided among the parts that are tried (Bonferroni)."
)
ADDS = (
    "Shown when a step after SFT is clearly better on one side than the model it starts from, and clearly not worse by "
    f"{MARGIN:g} or more on the other. Refuted when every such step is clearly worse on some side and clearly better "
    "on none. The interval is that of 95 % divided among the steps (Bonferroni)."
)


@dataclass(frozen=True)
class Claim:
    """A claim and what became of it.

    Attributes:
        claim: in words; rule: when it counts as shown or refuted.
        verdict: SHOWN, REFUTED or NOT_SHOWN; why: in words, with the figures.
        gains: what it rests on: comparison -> objective -> gain.
    """

    claim: str
    rule: str
    verdict: str
    why: str
    gains: dict[str, dict[str, Gain]] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """Claim, verdict and reason in one."""
        return f"{self.claim}: {self.verdict}. {self.why}"

    def record(self) -> ClaimRecord:
        """For `verdicts.json`."""
        gains = {name: {side: gain.record() for side, gain in by.items()} for name, by in self.gains.items()}
        return ClaimRecord(self.claim, self.verdict, self.why, self.rule, gains)


def claims(evidence: Evidence) -> list[Claim]:
    """The three claims, in the paper's order."""
    return [combined_beats_one(evidence), subset_matches_all(evidence), more_than_sft(evidence)]


def _family(evidence: Evidence) -> list[Variant]:
    """The variants that differ from the study as written in their selection alone, and leave a policy behind."""
    first = next(iter(evidence.variants.values()), None)
    if first is None:
        return []
    alike = [other for other in evidence.variants.values() if other.settings_hash == first.settings_hash]
    return [variant for variant in alike if variant.last is not None]


def combined_variant(evidence: Evidence) -> Variant | None:
    """The variant that stands for all feedback together: one that keeps everything, else the study as written."""
    family = _family(evidence)
    full = next((variant for variant in family if variant.kind == "full"), None)
    return full or next((variant for variant in family if variant.name == MAIN and variant.kind != "alone"), None)


def combined_beats_one(evidence: Evidence) -> Claim:
    """Claim 1: feedback of several kinds together improves both areas at once, and one source alone does not."""
    name = "Combined feedback improves instruction following and bias at once, one source alone does not"

    def told(verdict: str, why: str, gains: dict[str, dict[str, Gain]] | None = None) -> Claim:
        return Claim(name, COMBINED, verdict, why, gains or {})

    variant = combined_variant(evidence)
    if variant is None or variant.last is None:
        return told(NOT_SHOWN, "No policy was trained on all sources together.")
    model, base = variant.last, evidence.base_of(variant.last)
    gains = {f"{model} - base": _gains(evidence, model, base)}
    mine = gains[f"{model} - base"]
    if reason := _unfit(mine):
        return told(NOT_SHOWN, reason, gains)
    said = f"{model} against the base model: {in_words(mine)}.{_trained_otherwise(evidence)}"
    alone = [other for other in _family(evidence) if other.alone]
    alone = [other for other in alone if other.alone and other.alone[0] == "source"] or alone
    both, behind = [], []
    for other in alone:
        assert other.last is not None
        against_base = _gains(evidence, other.last, evidence.base_of(other.last))
        ahead = _gains(evidence, model, other.last)
        gains |= {f"{other.last} - base": against_base, f"{model} - {other.last}": ahead}
        better = len(against_base) == len(OBJECTIVES) and all(gain.better for gain in against_base.values())
        both += [str(other.last)] if better else []
        behind += [str(other.last)] if not better and any(gain.better for gain in ahead.values()) else []
    if worse := [side for side, gain in mine.items() if gain.worse]:
        return told(REFUTED, f"It is clearly worse on {' and '.join(worse)}. {said}", gains)
    if both:
        return told(REFUTED, f"Better on both sides than the base model, from one source: {', '.join(both)}.", gains)
    if lacking := [side for side, gain in mine.items() if not gain.better]:
        return told(NOT_SHOWN, f"It is not clearly better on {' and '.join(lacking)}. {said}", gains)
    if not alone:
        return told(NOT_SHOWN, f"{said} The study trains on no source alone.", gains)
    if len(behind) < len(alone):
        rest = [str(other.last) for other in alone if str(other.last) not in behind]
        return told(NOT_SHOWN, f"{said} It is not clearly ahead of {', '.join(rest)}.", gains)
    return told(SHOWN, f"{said} Each source alone is behind it on a side.", gains)


def _trained_otherwise(evidence: Evidence) -> str:
    """The sources alone that are no part of the comparison, for not only their selection is their own."""
    family = {variant.name for variant in _family(evidence)}
    apart = [a.name for a in evidence.variants.values() if a.alone and a.alone[0] == "source" and a.name not in family]
    return f" Not compared, for their training differs: {', '.join(apart)}." if apart else ""


def subset_matches_all(evidence: Evidence) -> Claim:
    """Claim 2: a selected subset matches or beats the full data."""
    name = "A selected subset matches or beats the full data"
    family = _family(evidence)
    full = next((variant for variant in family if variant.kind == "full"), None)
    parts = [variant for variant in family if variant.kind == "selected"]
    if full is None or full.last is None or not parts:
        lacking = "no selected part" if full else "no variant on all data ('select: all')"
        return Claim(name, SUBSET, NOT_SHOWN, f"The study has {lacking} to be compared.")
    level = 1 - (1 - LEVEL) / len(parts)
    gains = {
        f"{variant.last} - {full.last}": _gains(evidence, variant.last, full.last, level)
        for variant in parts
        if variant.last
    }
    if reason := _unfit_all(gains):
        return Claim(name, SUBSET, NOT_SHOWN, reason, gains)
    fit = {pair: by for pair, by in gains.items() if not _unfit(by)}
    matching = [pair for pair, by in fit.items() if all(gain.at_least(MARGIN) for gain in by.values())]
    if matching:
        best = max(matching, key=lambda pair: sum(gain.value for gain in fit[pair].values()))
        beats = " and beats them" if any(gain.better for gain in fit[best].values()) else ""
        why = f"{best}: {in_words(fit[best])}; it matches all data{beats}. {_of_chance(evidence, best, parts)}"
        return Claim(name, SUBSET, SHOWN, why, gains)
    lost = [pair for pair, by in fit.items() if any(g.tells and g.high < -MARGIN for g in by.values())]
    nearest = max(fit, key=lambda pair: min(gain.low for gain in fit[pair].values()))
    why = f"The nearest is {nearest}: {in_words(fit[nearest])}."
    return Claim(name, SUBSET, REFUTED if len(lost) == len(gains) else NOT_SHOWN, why, gains)


def _of_chance(evidence: Evidence, pair: str, parts: Sequence[Variant]) -> str:
    """How the part that matches compares with a random one of its size."""
    variant = next(variant for variant in parts if pair.startswith(f"{variant.last} - "))
    rival = random_rival(evidence, variant)
    if rival is None or rival.last is None or variant.last is None:
        return "No random part of its size was tried."
    against = _gains(evidence, variant.last, rival.last)
    clear = all(gain.at_least(0.0) or gain.value >= 0 for gain in against.values()) and any(
        gain.better for gain in against.values()
    )
    verdict = "clearly better than" if clear else "not clearly better than"
    return f"It is {verdict} a random part of its size ({in_words(against)})."


def random_rival(evidence: Evidence, variant: Variant) -> Variant | None:
    """The random part of a variant's size, in its family."""
    from unipref.analysis.verdicts.read import same_size

    alike = [other for other in evidence.variants.values() if other.settings_hash == variant.settings_hash]
    random = [other for other in alike if other.kind == "random" and other.name != variant.name]
    return next((other for other in random if same_size(variant, other)), None)


def more_than_sft(evidence: Evidence) -> Claim:
    """Claim 3: reinforcement learning, or DPO, adds to SFT."""
    name = "RL or DPO adds to SFT"
    variant = combined_variant(evidence)
    if variant is None:
        return Claim(name, ADDS, NOT_SHOWN, "No policy was trained on all sources together.")
    learns_from = {step.name: step.learns_from for step in variant.steps}
    later = [
        (Model(variant.name, step.name), Model(variant.name, step.start))
        for step in variant.steps
        if step.model_kind == "policy" and step.learns_from != SFT and learns_from.get(step.start) == SFT
    ]
    if not later:
        return Claim(name, ADDS, NOT_SHOWN, "The study has no step of RL or DPO that starts from SFT.")
    level = 1 - (1 - LEVEL) / len(later)
    gains = {f"{model} - {start.step}": _gains(evidence, model, start, level) for model, start in later}
    if reason := _unfit_all(gains):
        return Claim(name, ADDS, NOT_SHOWN, reason, gains)
    fit = {pair: by for pair, by in gains.items() if not _unfit(by)}
    adds = [p for p, by in fit.items() if any(g.better for g in by.values()) and _all_at_least(by)]
    costs = [p for p, by in fit.items() if any(g.worse for g in by.values()) and not any(g.better for g in by.values())]
    verdict = SHOWN if adds else REFUTED if len(costs) == len(gains) else NOT_SHOWN
    shown = adds or list(fit)
    return Claim(name, ADDS, verdict, "; ".join(f"{pair}: {in_words(fit[pair])}" for pair in shown) + ".", gains)


def _all_at_least(by_side: dict[str, Gain]) -> bool:
    return all(gain.at_least(MARGIN) for gain in by_side.values())


def _gains(evidence: Evidence, model: Model, other: Model, level: float = LEVEL) -> dict[str, Gain]:
    found = {objective: evidence.gain(objective, model, other, level) for objective in evidence.sides}
    return {objective: gain for objective, gain in found.items() if gain is not None}


def _unfit(gains: dict[str, Gain]) -> str:
    """Why nothing can be claimed from these figures; empty where something can."""
    if missing := [objective for objective in OBJECTIVES if objective not in gains]:
        return f"Nothing measures {' and '.join(missing)} in these models."
    if void := [objective for objective, gain in gains.items() if gain.void]:
        who = list(dict.fromkeys(one for objective in void for one in gains[objective].guessing))
        what = "guess, so that their" if len(who) > 1 else "guesses, so that its"
        return f"{' and '.join(who)} {what} {' and '.join(void)} means nothing ({in_words(gains)})."
    if min(gain.seeds for gain in gains.values()) < 2:
        return (
            f"One seed shows nothing: how much trainings differ is not known ({in_words(gains)}; intervals over "
            "examples alone)."
        )
    return ""


def _unfit_all(gains: dict[str, dict[str, Gain]]) -> str:
    """Why nothing can be claimed from any of several comparisons."""
    reasons = [_unfit(by_side) for by_side in gains.values()]
    return "" if not all(reasons) else next(iter(reasons), "Nothing was measured.")


def in_words(gains: dict[str, Gain]) -> str:
    """Gains with their intervals; above 0 is better."""
    return ", ".join(
        f"{side} {gain.value:+.3f}" + ("" if gain.low != gain.low else f" [{gain.low:+.3f}, {gain.high:+.3f}]")
        for side, gain in gains.items()
    )


def is_base(model: Model) -> bool:
    """Whether it is the study's model before any training."""
    return model.step == BASE
