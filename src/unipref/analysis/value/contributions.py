"""What each source and axis contributed: gains of the reference over models with less, and their corrected p values."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Literal

from unipref.analysis.power import estimate_components, find_difference
from unipref.analysis.value.design import SOURCE, Design, Part
from unipref.analysis.value.learning_curve import extrapolate
from unipref.analysis.verdicts.evidence import Evidence, Model
from unipref.analysis.verdicts.gains import Gain, correct
from unipref.core.records import BASE
from unipref.core.run_folder import CurvePoint, GainRecord, ValuedPart

MIXTURE = "mixture"
"""The step of mixtures of models; the variant of the one of all sources."""
Kind = Literal["contribution", "in_mixtures", "alone"]


def mixture_without(source: str) -> Model:
    """The name of the mixture of all sources' models but one."""
    return Model(f"{MIXTURE}-without-{source}", MIXTURE)


@dataclass(frozen=True)
class Valuation:
    """The models of a design and what is known of its data.

    Attributes:
        evidence: the figures of all models.
        design: what was trained.
        reference: the model whose parts are valued.
        seeds: number of seeds.
        labels: source -> judgements that its preferences were made of; None: unknown.
        asked: number of further labels.
    """

    evidence: Evidence
    design: Design
    reference: Model
    seeds: int
    labels: Mapping[str, int | None]
    asked: int

    def model_of(self, variant: str) -> Model:
        """The model of a variant after the reference's step; that of the variant 'base' is the base model."""
        return self.evidence.base_of(self.reference) if variant == BASE else Model(variant, self.reference.step)

    def value_parts(self) -> list[ValuedPart]:
        """Values all sources and axes. The p values of each kind of gain are corrected over all parts and sides."""
        parts = {part: self._describe(part) for part in self.design.parts}
        kinds: tuple[Kind, ...] = ("contribution", "in_mixtures", "alone")
        for kind in kinds:
            gains = {
                (part, objective): gain
                for part in parts
                for objective in self.evidence.sides
                if (gain := self._find_gain(kind, part, objective)) is not None
            }
            for ((part, objective), gain), p in zip(gains.items(), correct(list(gains.values())), strict=True):
                getattr(parts[part], kind)[objective] = gain.record(p)
        return list(parts.values())

    def _find_gain(self, kind: Kind, part: Part, objective: str) -> Gain | None:
        """Finds a gain; None if its models were not trained or measured."""
        design, evidence = self.design, self.evidence
        if kind == "contribution":
            less = design.without.get(part)
            return None if less is None else evidence.compute_gain(objective, self.reference, self.model_of(less))
        if part.kind != SOURCE or part not in design.alone:
            return None
        if kind == "alone":
            model = self.model_of(design.alone[part])
            return evidence.compute_gain(objective, model, evidence.base_of(self.reference))
        return evidence.compute_gain(objective, Model(MIXTURE, MIXTURE), mixture_without(part.name))

    def _describe(self, part: Part) -> ValuedPart:
        count = self.design.counts[part] / self.seeds
        same_as = self.design.same_as.get(part)
        valued = ValuedPart(part.kind, part.name, round(count), same_as=None if same_as is None else str(same_as))
        if part.kind != SOURCE:
            return valued
        valued.labels = self.labels.get(part.name)
        valued.more = None if not valued.labels else round(self.asked * count / valued.labels)
        if part not in self.design.reduced:
            return valued
        models = {share: self.model_of(variant) for share, variant in self.design.reduced[part].items()}
        valued.curve = self._trace_curve(part, models | {1.0: self.reference}, count)
        valued.next_labels = {
            objective: extrapolate(self.evidence, objective, models | {1.0: self.reference}, count, valued.more)
            for objective in self.evidence.sides
        }
        return valued

    def _trace_curve(self, part: Part, models: Mapping[float, Model], count: float) -> list[CurvePoint]:
        nothing = self.model_of(self.design.without[part])
        points = []
        for share, model in sorted(models.items()):
            gains = {objective: self.evidence.compute_gain(objective, model, nothing) for objective in self._sides}
            known = {objective: gain.record() for objective, gain in gains.items() if gain is not None}
            points.append(CurvePoint(share, round(share * count), known))
        return points

    @property
    def _sides(self) -> list[str]:
        return list(self.evidence.sides)

    def compare_mixture(self) -> dict[str, GainRecord]:
        """Objective -> the gain of the mixture of all sources' models over the reference; empty without mixtures."""
        gains = {one: self.evidence.compute_gain(one, Model(MIXTURE, MIXTURE), self.reference) for one in self._sides}
        return {objective: gain.record() for objective, gain in gains.items() if gain is not None}

    def find_smallest(self) -> dict[str, float]:
        """Objective -> the smallest contribution that these seeds and examples show with power 0.8."""
        components, found = estimate_components(self.evidence), {}
        arms = {*self.design.without.values(), *chain(*(one.values() for one in self.design.reduced.values()))} - {BASE}
        for objective, of in components.items():
            gains = (self._find_gain("contribution", part, objective) for part in self.design.parts)
            gain = next((one for one in gains if one is not None), None)
            if gain is not None:
                least = find_difference(of, gain.n, gain.clusters, self.seeds, len(arms) + 1)
                if least is not None:
                    found[objective] = round(least, 4)
        return found


def count_agreeing(parts: list[ValuedPart]) -> tuple[int, int]:
    """Counts the shown contributions of sources that have the same sign in mixtures, and all of them."""
    pairs = [
        (gain.value, part.in_mixtures[objective].value)
        for part in parts
        for objective, gain in part.contribution.items()
        if objective in part.in_mixtures and gain.p is not None and gain.p <= 0.05
    ]
    return sum(one * other > 0 for one, other in pairs), len(pairs)
