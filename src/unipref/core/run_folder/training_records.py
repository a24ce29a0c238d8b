"""Records of training in `manifest.json`: the checks before each step, its result and its recipe."""

from typing import Any

import msgspec


class OwnAccuracy(msgspec.Struct):
    """How often the model ranks the chosen answer first before training, over n pairs.

    `of`: from which rows; `shortest`: the n shortest of them.
    """

    n: int = 0
    accuracy: float | None = None
    low: float | None = None
    high: float | None = None
    of: str = ""
    shortest: bool = False


class CheckedModel(msgspec.Struct):
    """The study's model, as checked before training."""

    name: str = ""
    context: int | None = None
    pad: str = ""
    accuracy: OwnAccuracy | None = None


class TokenCounts(msgspec.Struct, omit_defaults=True):
    """Tokens per dialogue of a step, and its limit."""

    median: float | None = None
    p95: float | None = None
    max: int | None = None
    limit: int | None = None


class StepSchedule(msgspec.Struct):
    """Rows per batch, optimiser steps, and epochs."""

    batch: int | None = None
    steps: int | None = None
    epochs: float | None = None


class MemoryNeed(msgspec.Struct):
    """Bytes of memory that a step needs, and that are free; `of`: which memory."""

    weights: int | None = None
    copies: int | None = None
    gradients: int | None = None
    optimiser: int | None = None
    activations: int | None = None
    logits: int | None = None
    libraries: int | None = None
    total: int | None = None
    free: int | None = None
    of: str | None = None


class CheckedStep(msgspec.Struct):
    """What the checks before training found for one step."""

    rows: int | None = None
    sampled: int | None = None
    used: int | None = None
    left_out: dict[str, int] = {}
    tokens: TokenCounts | None = None
    schedule: StepSchedule | None = None
    parameters: int | None = None
    trained: int | None = None
    memory: MemoryNeed | None = None
    seconds: float | None = None
    disk: dict[str, int] | None = None
    notes: list[str] = []
    warnings: list[str] = []


class Preflight(msgspec.Struct):
    """What the checks before training found for one variant and seed; `notes`: a line each for model and steps."""

    model: CheckedModel | None = None
    steps: dict[str, CheckedStep] = {}
    warnings: list[str] = []
    notes: list[str] = []


class DevScore(msgspec.Struct, omit_defaults=True):
    """A score on dev rows, measured while a step trained; fields as in `records.Score`."""

    metric: str = ""
    value: float | None = None
    n: int | None = None
    direction: str = ""
    low: float | None = None
    high: float | None = None
    stderr: float | None = None
    mode: str | None = None
    split: str | None = None
    slice: str | None = None
    unit: str | None = None
    ideal: float | None = None
    chance: float | None = None


class DevPoint(msgspec.Struct):
    """The dev scores after some optimiser steps, by name."""

    step: int = 0
    scores: dict[str, DevScore] = {}


class CollapseInfo(msgspec.Struct):
    """When and why training collapsed, and the step whose weights are kept."""

    step: int = 0
    why: str = ""
    kept: int | None = None


class MergeInfo(msgspec.Struct):
    """How much a merged model differs from the unmerged one, in nats of token log-probabilities, or in rewards.

    Attributes:
        sequences, tokens: compared texts, and tokens in them.
        largest, mean, tolerance: absolute difference, and the largest one allowed (with `is_rough`, the largest mean).
        untied: whether the output head got a weight of its own, because the adapter changed the tied embedding.
        is_rough: whether the number format rounds so much that the mean decides.
    """

    sequences: int = 0
    tokens: int = 0
    largest: float = 0.0
    mean: float = 0.0
    tolerance: float = 0.0
    untied: bool = False
    is_rough: bool = False


class RoundJudge(msgspec.Struct):
    """What a judge said in a round.

    Attributes:
        pairs: those that it was to judge; decided, ties: those with a better answer, and with none.
        mean_score: of the answers in judged pairs, each text of a prompt once; None if it gives no scores.
        tested: its agreement with gold pairs in words, or why it was not tested.
    """

    judge: str = ""
    pairs: int = 0
    decided: int = 0
    ties: int = 0
    mean_score: float | None = None
    tested: str = ""


class PromptSource(msgspec.Struct):
    """Another source of the prompts of a round; `licence`: as it states it, `used`: prompts of it that were asked."""

    name: str = ""
    licence: str = ""
    used: int = 0


class RoundInfo(msgspec.Struct):
    """The feedback of one round of a training step.

    Attributes:
        number: the round, from 1; of: the number of rounds.
        policy: the step, or the study's model, that answered.
        prompts, answers, ended: prompts, answers to them, and those that the policy ended itself.
        pairs, decided: pairs of different answers, and those of them that a judge decided.
        preferences, removed: those made from the votes, and those of them that clean removed.
        kept: preferences selected to train on.
        objective: what the judges compared.
        prompt_sources: the sources of the prompts; empty if they are of the study's train part.
        warnings: about answers, judges and the preferences made of them.
        folders: feedback, unified, clean and selected -> its folder, relative to the run; variants may share them.
    """

    number: int = 0
    of: int = 0
    policy: str = ""
    prompts: int = 0
    answers: int = 0
    ended: int = 0
    pairs: int = 0
    decided: int = 0
    judges: list[RoundJudge] = []
    preferences: int = 0
    removed: int = 0
    kept: int = 0
    objective: str = ""
    prompt_sources: list[PromptSource] = []
    warnings: list[str] = []
    folders: dict[str, str] = {}


class TrainedStep(msgspec.Struct):
    """The result of one training step.

    Attributes:
        used: rows trained on; left_out: reason -> rows.
        later_user_turns: used rows whose answers go on with further user turns: how many are masked, or cut there.
        curve: what the trainer logged, point by point, under TRL's names.
        resumed_at: the optimiser step at which training resumed; None if it did not.
        dev: dev scores measured during training; dev_seconds: the time they took.
        collapse: set if training collapsed and was stopped.
        merge: of the trained adapter, if it was merged; start_merge: of the adapter that the step started from.
        other: what else the trainer returned.
        folder: the model's folder, relative to the run; variants may share it.
    """

    used: int | None = None
    left_out: dict[str, int] = {}
    later_user_turns: dict[str, int] = {}
    tokens: int | None = None
    steps: int | None = None
    seconds: float | None = None
    curve: list[dict[str, Any]] = []
    warnings: list[str] = []
    resumed_at: int | None = None
    dev: list[DevPoint] = []
    dev_seconds: float | None = None
    collapse: CollapseInfo | None = None
    merge: MergeInfo | None = None
    start_merge: MergeInfo | None = None
    other: dict[str, Any] = {}
    folder: str = ""


class StepRecipe(msgspec.Struct):
    """How a step was trained.

    Attributes:
        model_kind: 'policy' or 'reward'; start: the step, or the study's model, that it starts from.
        adapter: whether it saves an adapter rather than a whole model.
        settings: those that the study sets.
    """

    trainer: str = ""
    model_kind: str = "policy"
    start: str = msgspec.field(default="", name="from")
    adapter: bool = False
    settings: dict[str, Any] = {}
