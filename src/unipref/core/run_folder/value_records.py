"""Records of `value/value.json`: what each source and axis contributed, and what more labels may buy."""

import msgspec

from unipref.core.run_folder.results import GainRecord, SideRecord

VALUE_VERSION = 1
"""The version of `value.json` that this version of unipref reads."""


class CurvePoint(msgspec.Struct):
    """A model trained with a part of a source: its gain on each objective over the model without the source."""

    part: float
    preferences: int
    gains: dict[str, GainRecord] = {}


class NextLabels(msgspec.Struct):
    """What more labels of a source may buy on one objective: an extrapolation of its learning curve.

    Attributes:
        per_doubling: gain for twice as many preferences of the source, from the parts that were measured.
        bend: the last such gain minus the one before; None with fewer than three parts.
        gain: for the further labels; None if there is no extrapolation, and `why_none` says why.
    """

    per_doubling: GainRecord | None = None
    bend: GainRecord | None = None
    gain: GainRecord | None = None
    why_none: str = ""


class ValuedPart(msgspec.Struct):
    """A source or an axis of the selected preferences.

    Attributes:
        kind: 'source' or 'axis'; name: its name.
        preferences: number of those that the reference was trained on, mean over seeds.
        labels: of a source, the judgements that it was made of; None: unknown.
        same_as: the source or axis that consists of the same preferences, whose models it shares.
        contribution: objective -> the gain of the reference over a model trained without it.
        in_mixtures: objective -> the same between mixtures of models trained on one source each.
        alone: objective -> the gain over the base model of a model trained on it alone.
        more: further preferences that the asked number of labels gives, at the rate so far.
        curve, next_labels: the learning curve, and objective -> what more labels may buy.
        notes: what could not be trained or measured, and why.
    """

    kind: str
    name: str
    preferences: int = 0
    labels: int | None = None
    same_as: str | None = None
    contribution: dict[str, GainRecord] = {}
    in_mixtures: dict[str, GainRecord] = {}
    alone: dict[str, GainRecord] = {}
    more: int | None = None
    curve: list[CurvePoint] = []
    next_labels: dict[str, NextLabels] = {}
    notes: list[str] = []


class ValueRecord(msgspec.Struct):
    """What the sources and axes of a run contributed; `analysis.value` computes it.

    Attributes:
        variant, step, seeds: of the reference, the model whose parts are valued.
        sides: objective -> its headline metric.
        labels: the number of further labels that was asked about.
        parts: the sources, then the axes.
        mixture: objective -> the gain of the mixture of all sources' models over the reference.
        smallest: objective -> the smallest contribution that these seeds and examples show with power 0.8.
        trainings: number of models that were trained for this, over all seeds.
        assumptions: what the figures rest on; unknowns: what they do not tell.
    """

    variant: str
    step: str
    seeds: int = 0
    version: int = VALUE_VERSION
    sides: dict[str, SideRecord] = {}
    labels: int = 1000
    parts: list[ValuedPart] = []
    mixture: dict[str, GainRecord] = {}
    smallest: dict[str, float] = {}
    trainings: int = 0
    assumptions: list[str] = []
    unknowns: list[str] = []
