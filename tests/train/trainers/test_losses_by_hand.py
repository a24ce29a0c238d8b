"""Two optimiser steps of each trainer on pairs and demonstrations against losses written out in plain torch.

The model is called on one sequence at a time, without padding, and only for its hidden states; log-softmax, losses,
clipping and descent are written out here. Nothing of TRL's or unipref's is used to compute an expected number.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from unipref.core.contracts import Trainer, TrainJob
from unipref.models.loading import load_model, load_tokenizer
from unipref.train import fit
from unipref.train.trainers.dpo import Dpo
from unipref.train.trainers.kto import Kto
from unipref.train.trainers.reward import Reward
from unipref.train.trainers.reward_axes import RewardAxes
from unipref.train.trainers.sft import Sft

pytestmark = pytest.mark.slow

Job = Callable[..., TrainJob]
RATE, BATCH, STEPS = 0.5, 4, 2
PLAIN: dict[str, Any] = {
    "learning_rate": RATE,
    "per_device_train_batch_size": BATCH,
    "max_steps": STEPS,
    "optim": "sgd",
    "lr_scheduler_type": "constant",
    "max_grad_norm": 1.0,
    "logging_steps": 1,
}


@pytest.fixture
def rows(row: Any) -> list[dict[str, Any]]:
    """Six pairs of unequal length, with margins, one of them missing, and confidences."""
    made = [
        row(f"Who called number {i}{' again' * i}?", f"The nurse {'who was late ' * i}called.", "He did, he said.")
        for i in range(6)
    ]
    for i, one in enumerate(made):
        one["margin_percentile"] = None if i == 3 else 0.1 + 0.15 * i
        one["confidence"] = 1.0 if i % 2 else 0.6
    return made


def trained(trainer: Trainer, job: TrainJob, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any, dict[str, Any]]:
    """The TRL trainer afterwards, a copy of its model from before, and the account."""
    import copy

    seen: list[Any] = []
    build_trainer = fit._build_trainer

    def keep(*arguments: Any) -> Any:
        hf = build_trainer(*arguments)
        plain = copy.deepcopy(hf.model)
        # TRL puts its own forward on the model; the copy gets its class's back.
        plain.__dict__.pop("forward", None)
        seen.extend([hf, plain])
        return hf

    monkeypatch.setattr(fit, "_build_trainer", keep)
    done = trainer.fit(job)
    return seen[0], seen[1], done


def batches(hf: Any) -> list[list[dict[str, Any]]]:
    """The rows of each step, in the order TRL is given them."""
    examples = list(hf.train_dataset)
    assert len(examples) == BATCH * STEPS
    return [examples[i : i + BATCH] for i in range(0, len(examples), BATCH)]


def log_probability(model: Any, prompt: list[int], answer: list[int]) -> Any:
    """Sum of log p of the answer's tokens, by hand: one sequence, no padding."""
    import torch

    hidden = model.model(input_ids=torch.tensor([prompt + answer]), use_cache=False).last_hidden_state[0]
    scores = hidden @ model.lm_head.weight.T
    total = torch.zeros(())
    for i, token in enumerate(answer):
        at = scores[len(prompt) - 1 + i]
        total = total + at[token] - at.exp().sum().log()
    return total


def reward(model: Any, ids: list[int]) -> Any:
    import torch

    hidden = model.model(input_ids=torch.tensor([ids]), use_cache=False).last_hidden_state[0, -1]
    return (model.score.weight @ hidden)[0]


def descended(model: Any, hf: Any, loss: Callable[[Any, list[dict[str, Any]]], Any]) -> list[float]:
    """Plain gradient descent with the norm clipped at 1; returns the loss before each step."""
    import torch

    losses = []
    for batch in batches(hf):
        model.zero_grad()
        value = loss(model, batch)
        value.backward()
        losses.append(float(value.detach()))
        parameters = [p for p in model.parameters() if p.grad is not None]
        norm = sum(float((p.grad**2).sum()) for p in parameters) ** 0.5
        with torch.no_grad():
            for p in parameters:
                p -= RATE * min(1.0, 1.0 / (norm + 1e-6)) * p.grad
    return losses


def check(model: Any, hf: Any, done: dict[str, Any], expected: list[float]) -> None:
    """The losses and all weights after the last step."""
    import torch

    assert [point["loss"] for point in done["curve"]] == pytest.approx(expected, rel=1e-4)
    left = dict(model.named_parameters())
    for name, weight in hf.model.named_parameters():
        assert torch.allclose(weight, left[name], atol=2e-5), name


def logsigmoid(x: Any) -> Any:
    import torch

    return torch.log(1 / (1 + torch.exp(-x)))


def test_sft(job: Job, rows: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    given = job(rows)
    hf, model, done = trained(Sft(**PLAIN, weigh_by="confidence"), given, monkeypatch)

    def loss(model: Any, batch: list[dict[str, Any]]) -> Any:
        total, tokens = 0.0, 0
        for example in batch:
            learnt = [i for i, label in enumerate(example["labels"]) if label != -100]
            prompt, answer = example["input_ids"][: learnt[0]], example["input_ids"][learnt[0] :]
            total = total - log_probability(model, prompt, answer)
            tokens += len(answer)
        return total / tokens

    check(model, hf, done, descended(model, hf, loss))
    assert done["weights"] == {"by": "confidence", "known": 6, "missing": 0}
    # 6 rows an epoch, weights .6, 1, .6, 1, .6, 1 summing to 4.8: a row of weight 1 comes 1.25 times, one of .6 .75
    # times; in one epoch of 6, then two rows of the next.
    drawn = [tuple(example["input_ids"]) for example in hf.train_dataset]
    assert len(set(drawn)) < len(drawn)


@pytest.mark.parametrize("missing", ["zero", "leave_out"])
def test_reward_with_margins(missing: Any, job: Job, rows: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    given = job(rows)
    trainer = Reward(**PLAIN, use_margin=True, margin_scale=2.0, missing_margin=missing)
    hf, model, done = trained(trainer, given, monkeypatch)
    tokenizer, _ = load_tokenizer(str(given.policy))
    expected = {}
    for one in rows:
        text = tokenizer.apply_chat_template(one["prompt"] + one["chosen"], tokenize=False)
        expected[tuple(tokenizer.encode(text, add_special_tokens=False))] = 2.0 * (one["margin_percentile"] or 0.0)

    def loss(model: Any, batch: list[dict[str, Any]]) -> Any:
        parts = []
        for example in batch:
            gap = reward(model, example["chosen_ids"]) - reward(model, example["rejected_ids"])
            parts.append(-logsigmoid(gap - expected[tuple(example["chosen_ids"])]))
        return sum(parts) / len(parts)

    check(model, hf, done, descended(model, hf, loss))
    if missing == "zero":
        assert (done["used"], done["margins"], done["left_out"]) == (6, {"known": 5, "missing": 1}, {})
    else:
        assert (done["used"], done["margins"]) == (5, {"known": 5, "missing": 0})
        assert done["left_out"] == {"no_margin": 1}


def by_answer(given: TrainJob, rows: Any, make: Callable[[dict[str, Any]], Any]) -> dict[tuple[int, ...], Any]:
    """Token ids of prompt and chosen answer -> what `make` makes of the preference."""
    tokenizer, _ = load_tokenizer(str(given.policy))
    texts = [tokenizer.apply_chat_template(one["prompt"] + one["chosen"], tokenize=False) for one in rows]
    ids = [tuple(tokenizer.encode(text, add_special_tokens=False)) for text in texts]
    return {key: make(one) for key, one in zip(ids, rows, strict=True)}


@pytest.mark.parametrize("missing", [None, 0.9])
def test_reward_with_soft_labels(missing: float | None, job: Job, rows: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rows[1]["confidence"] = None
    rows[2]["confidence"] = 0.25  # overruled, but kept
    given = job(rows)
    hf, model, done = trained(Reward(**PLAIN, soft_labels=True, missing_confidence=missing), given, monkeypatch)
    without = missing or (0.6 + 0.25 + 1.0 + 0.6 + 1.0) / 5
    expected = by_answer(given, rows, lambda one: without if one["confidence"] is None else one["confidence"])

    def loss(model: Any, batch: list[dict[str, Any]]) -> Any:
        parts = []
        for example in batch:
            gap = reward(model, example["chosen_ids"]) - reward(model, example["rejected_ids"])
            p = expected[tuple(example["chosen_ids"])]
            parts.append(-p * logsigmoid(gap) - (1 - p) * logsigmoid(-gap))
        return sum(parts) / len(parts)

    check(model, hf, done, descended(model, hf, loss))
    assert done["soft_labels"] == {"known": 5, "missing": 1}


def rate(rows: Any) -> None:
    """Rates five of six pairs on the deciding axis 'help', 1 to 5, and two on 'harm' too; one lacks a score."""
    for i, one in enumerate(rows[:5]):
        one |= {"axis": "help", "chosen_score": 3.0 + i % 3, "rejected_score": 1.0 + i % 2}
    rows[4]["rejected_score"] = None
    rows[0]["axes"] = [{"axis": "harm", "chosen": 0.0, "rejected": 1.0}]
    rows[1]["axes"] = [{"axis": "harm", "chosen": 0.5, "rejected": None}]


@pytest.mark.parametrize("soft", [False, True])
def test_reward_with_ratings(soft: bool, job: Job, rows: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scales: help has 3 4 5 3 4 and 1 2 1 2, harm 0 .5 and 1. Squares are in standard deviations of these."""
    rate(rows)
    given = job(rows)
    hf, model, done = trained(
        Reward(**PLAIN, use_ratings=True, ratings_weight=0.7, soft_labels=soft), given, monkeypatch
    )
    mean, spread = 25 / 9, (sum(x * x for x in (3, 4, 5, 3, 4, 1, 2, 1, 2)) / 9 - (25 / 9) ** 2) ** 0.5
    harm_spread = (1.25 / 3 - 0.25) ** 0.5
    assert done["ratings"] == {
        "known": 5,
        "missing": 1,
        "scales": {
            "test / harm": {"ratings": 3, "mean": 0.5, "spread": pytest.approx(harm_spread, abs=1e-6)},
            "test / help": {"ratings": 9, "mean": pytest.approx(mean), "spread": pytest.approx(spread, abs=1e-6)},
        },
    }

    def targets(one: dict[str, Any]) -> list[tuple[str, int, float]]:
        """Side, output of the head, and the rating in standard deviations: harm is output 1, help output 2."""
        found = [("chosen_ids", 2, one["chosen_score"]), ("rejected_ids", 2, one["rejected_score"])]
        standard = [(side, at, (x - mean) / spread) for side, at, x in found if x is not None]
        for pair in one["axes"]:
            sides = (("chosen_ids", pair["chosen"]), ("rejected_ids", pair["rejected"]))
            standard += [(side, 1, (x - 0.5) / harm_spread) for side, x in sides if x is not None]
        return standard

    expected = by_answer(given, rows, lambda one: (targets(one), one["confidence"] if soft else 1.0))

    def loss(model: Any, batch: list[dict[str, Any]]) -> Any:
        parts = []
        for example in batch:
            gap = reward(model, example["chosen_ids"]) - reward(model, example["rejected_ids"])
            ratings, p = expected[tuple(example["chosen_ids"])]
            value = -p * logsigmoid(gap) - (1 - p) * logsigmoid(-gap)
            squares = [(output(model, example[side], at) - z) ** 2 for side, at, z in ratings]
            parts.append(value + 0.7 * sum(squares) / len(squares) if squares else value)
        return sum(parts) / len(parts)

    assert model.score.weight.shape[0] == 3
    assert not model.score.weight[1:].any()
    losses = descended(model, hf, loss)
    assert [point["loss"] for point in done["curve"]] == pytest.approx(losses, rel=1e-4)
    # What is saved is the reward alone, with the trunk that learned both.
    left = dict(model.named_parameters())
    for name, weight in load_model(str(given.out), "reward").named_parameters():
        assert weight.shape == left[name][: len(weight)].shape
        assert torch_close(weight, left[name][: len(weight)]), name
    assert model.score.weight[1:].any()


def test_reward_axes(job: Job, rows: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As above; each axis is an output, a missing rating is masked, and the pair without any is left out."""
    rate(rows)
    given = job(rows)
    hf, model, done = trained(RewardAxes(**PLAIN, weights={"help": 2.0}), given, monkeypatch)
    mean, spread = 25 / 9, (sum(x * x for x in (3, 4, 5, 3, 4, 1, 2, 1, 2)) / 9 - (25 / 9) ** 2) ** 0.5
    harm_spread = (1.25 / 3 - 0.25) ** 0.5
    assert (done["used"], done["left_out"]) == (5, {"no_ratings": 1})
    assert done["axes"] == {"harm": 0.0, "help": 2.0}

    def targets(one: dict[str, Any]) -> list[tuple[str, int, float]]:
        """Side, output, and the rating in standard deviations: harm is output 0, help output 1."""
        found = [("chosen_ids", 1, one["chosen_score"]), ("rejected_ids", 1, one["rejected_score"])]
        standard = [(side, at, (x - mean) / spread) for side, at, x in found if x is not None]
        for pair in one["axes"]:
            sides = (("chosen_ids", pair["chosen"]), ("rejected_ids", pair["rejected"]))
            standard += [(side, 0, (x - 0.5) / harm_spread) for side, x in sides if x is not None]
        return standard

    expected = by_answer(given, rows, targets)

    def loss(model: Any, batch: list[dict[str, Any]]) -> Any:
        parts = []
        for example in batch:
            ratings = expected[tuple(example["chosen_ids"])]
            squares = [(output(model, example[side], at) - z) ** 2 for side, at, z in ratings]
            parts.append(sum(squares) / len(squares))
        return sum(parts) / len(parts)

    assert not model.score.weight.any()
    check(model, hf, done, descended(model, hf, loss))


def output(model: Any, ids: list[int], at: int) -> Any:
    import torch

    hidden = model.model(input_ids=torch.tensor([ids]), use_cache=False).last_hidden_state[0, -1]
    return (model.score.weight @ hidden)[at]


def torch_close(a: Any, b: Any) -> bool:
    import torch

    return bool(torch.allclose(a, b, atol=2e-5))


@pytest.mark.parametrize(
    "make",
    [
        lambda **settings: Reward(use_ratings=True, soft_labels=True, lora={"r": 2}, **settings),
        lambda **settings: Reward(use_ratings=True, **settings),
        lambda **settings: RewardAxes(lora={"r": 2}, **settings),
        lambda **settings: Dpo(soft_labels=True, **settings),
    ],
    ids=["reward with an adapter", "reward", "reward_axes", "dpo"],
)
def test_a_killed_step_resumes_with_its_numbers(
    make: Any, job: Job, rows: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The numbers of rows and the outputs for ratings are there again, also in evaluations."""
    import torch

    rate(rows)
    trainer = make(**PLAIN | {"max_steps": 4, "checkpoint": {"every": 2}, "eval_strategy": "steps", "eval_steps": 2})
    whole = job(rows, held_out=tmp_path / "train.parquet")  # dev rows with ratings
    full = trainer.fit(whole)
    given = job(rows, to="second", checkpoint_dir=tmp_path / "kept", held_out=tmp_path / "train.parquet")
    with monkeypatch.context() as patched:
        patched.setattr(fit, "save", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            trainer.fit(given)
    shutil.rmtree(tmp_path / "kept/checkpoint-4")
    done = trainer.fit(given)
    assert done["resumed_at"] == 2
    for name in ("loss", "eval_loss"):
        assert [p[name] for p in done["curve"] if name in p] == pytest.approx(
            [p[name] for p in full["curve"] if name in p], rel=1e-5
        )
    assert sum("eval_loss" in point for point in full["curve"]) == 2
    head = "causal" if isinstance(trainer, Dpo) else "reward"
    one, other = (load_model(str(folder), head) for folder in (whole.out, given.out))
    for (name, a), b in zip(one.named_parameters(), other.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6), name
    outputs = 2 if isinstance(trainer, RewardAxes) else 1
    assert head == "causal" or one.score.weight.shape[0] == outputs


@pytest.mark.parametrize("once", [True, False])
def test_dpo(once: bool, job: Job, rows: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import copy

    trainer = Dpo(**PLAIN, beta=0.3, precompute_ref_log_probs=once)
    hf, model, done = trained(trainer, job(rows), monkeypatch)
    reference = copy.deepcopy(model)

    def loss(model: Any, batch: list[dict[str, Any]]) -> Any:
        parts = []
        for example in batch:
            sides = [(example["prompt_ids"], example[side]) for side in ("chosen_ids", "rejected_ids")]
            chosen, rejected = (
                log_probability(model, *side) - log_probability(reference, *side).detach() for side in sides
            )
            parts.append(-logsigmoid(0.3 * (chosen - rejected)))
        return sum(parts) / len(parts)

    expected = descended(model, hf, loss)
    assert expected[0] == pytest.approx(0.693147, abs=1e-5)
    assert expected[1] != pytest.approx(expected[0], abs=1e-2)
    check(model, hf, done, expected)
    assert ("ref_chosen_logps" in hf.train_dataset.column_names) == once == (hf.ref_model is None)


def test_dpo_with_the_chance_of_a_wrong_label(job: Job, rows: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import copy

    # Confidences .6 and 1, three of each: mean .8, so a label is wrong with chance .2.
    trainer = Dpo(**PLAIN, beta=0.3, loss_type="robust", label_smoothing="confidence")
    hf, model, done = trained(trainer, job(rows), monkeypatch)
    assert hf.args.label_smoothing == pytest.approx(0.2, abs=1e-6)
    reference = copy.deepcopy(model)

    def loss(model: Any, batch: list[dict[str, Any]]) -> Any:
        parts = []
        for example in batch:
            sides = [(example["prompt_ids"], example[side]) for side in ("chosen_ids", "rejected_ids")]
            chosen, rejected = (
                log_probability(model, *side) - log_probability(reference, *side).detach() for side in sides
            )
            gap = 0.3 * (chosen - rejected)
            # Chowdhury et al. 2024, arXiv 2403.00409: ((1 - e) loss(gap) - e loss(-gap)) / (1 - 2e)
            parts.append((-0.8 * logsigmoid(gap) + 0.2 * logsigmoid(-gap)) / 0.6)
        return sum(parts) / len(parts)

    check(model, hf, done, descended(model, hf, loss))


def soft_dpo_loss(h: Any, n_tokens: tuple[int, int], kind: str, p: float) -> Any:
    """P loss(h) + (1 - p) loss(-h), written out; h: the log-ratios of both sides."""
    chosen, rejected = h
    if kind in ("ipo", "sigmoid_norm"):
        chosen, rejected = chosen / n_tokens[0], rejected / n_tokens[1]
    gap = chosen - rejected
    one_way = {
        "sigmoid": lambda x: -logsigmoid(0.3 * x),
        "sigmoid_norm": lambda x: -logsigmoid(0.3 * x),
        "hinge": lambda x: max(1 - 0.3 * x, 0 * x),
        "ipo": lambda x: (x - 1 / 0.6) ** 2,
    }[kind]
    return p * one_way(gap) + (1 - p) * one_way(-gap)


@pytest.mark.parametrize("kinds", [["sigmoid"], ["ipo"], ["hinge", "sigmoid_norm"]])
def test_dpo_with_soft_labels(kinds: list[str], job: Job, rows: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import copy

    rows[0]["confidence"] = None
    rows[1]["confidence"] = 0.25  # overruled, but kept
    given = job(rows)
    weights = [0.5 + i for i in range(len(kinds))]
    trainer = Dpo(**PLAIN, beta=0.3, soft_labels=True, loss_type=kinds, loss_weights=weights)
    hf, model, done = trained(trainer, given, monkeypatch)
    reference = copy.deepcopy(model)
    mean = (0.25 + 0.6 + 1.0 + 0.6 + 1.0) / 5
    expected = by_answer(given, rows, lambda one: mean if one["confidence"] is None else one["confidence"])

    def loss(model: Any, batch: list[dict[str, Any]]) -> Any:
        parts = []
        for example in batch:
            sides = [(example["prompt_ids"], example[side]) for side in ("chosen_ids", "rejected_ids")]
            h = [log_probability(model, *side) - log_probability(reference, *side).detach() for side in sides]
            p = expected[tuple(example["prompt_ids"] + example["chosen_ids"])]
            n_tokens = (len(example["chosen_ids"]), len(example["rejected_ids"]))
            values = [w * soft_dpo_loss(h, n_tokens, kind, p) for kind, w in zip(kinds, weights, strict=True)]
            parts.append(sum(values))
        return sum(parts) / len(parts)

    check(model, hf, done, descended(model, hf, loss))
    assert done["soft_labels"] == {"known": 5, "missing": 1}


def test_kto(job: Job, rows: Any, row: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import copy

    import torch

    one_sided = [row("Who sang?", None, "Nobody at all."), row("Who cried?", None, "The cat cried.")]
    hf, model, done = trained(Kto(**PLAIN, beta=0.3), job([*rows, *one_sided]), monkeypatch)
    reference = copy.deepcopy(model)
    found = done["labels"]
    # Of the 8 rows that are seen, so many are of each kind: the rarer gets the weight that evens them out.
    labels = [example["label"] for example in hf.train_dataset]
    assert (found["desirable"], found["undesirable"]) == (sum(labels), 8 - sum(labels))
    assert found["desirable"] * found["desirable_weight"] == pytest.approx(
        found["undesirable"] * found["undesirable_weight"]
    )

    def loss(model: Any, batch: list[dict[str, Any]]) -> Any:
        ratios, others = [], []
        for i, example in enumerate(batch):
            # z: each prompt with its neighbour's answer, the first with the last one's.
            own, strange = (example["prompt_ids"], example["completion_ids"]), batch[i - 1]["completion_ids"]
            ratios.append(log_probability(model, *own) - log_probability(reference, *own).detach())
            with torch.no_grad():
                mixed = (example["prompt_ids"], strange)
                others.append(log_probability(model, *mixed) - log_probability(reference, *mixed))
        z = max(0.0, float(sum(others) / len(others)))
        parts = []
        for ratio, example in zip(ratios, batch, strict=True):
            good = example["label"]
            value = 1 - torch.sigmoid(0.3 * ((ratio - z) if good else (z - ratio)))
            parts.append((found["desirable_weight"] if good else found["undesirable_weight"]) * value)
        return sum(parts) / len(parts)

    check(model, hf, done, descended(model, hf, loss))
