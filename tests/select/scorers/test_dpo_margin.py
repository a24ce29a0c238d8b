"""DPO margins by cross-fitting: who learns from what, the published losses, and what is cached."""

import math

import numpy as np
import pytest
import torch

from support.hand_made import hand_made
from unipref.core.candidates import Candidates, Dialogue
from unipref.models.inference import answer_log_likelihoods
from unipref.models.loading import load_policy
from unipref.select import answer_sums, cross_fitting
from unipref.select.cross_fitting import PAIRS_PER_STEP, Fit, judge_halves, sum_log_likelihoods, train_dpo
from unipref.select.scorers.dpo_margin import DpoMargin, read_margins
from unipref.select.scorers.policy_margin import PolicyMargin

FIT = Fit(beta=0.5, learning_rate=1e-2, most_pairs=100, repeats=2, batch_size=8)


def judge_of(model: object) -> PolicyMargin:
    return PolicyMargin(model=str(model), per_token=False)


def pair(number: int, chosen: str = "yes", rejected: str = "no") -> Dialogue:
    return Dialogue(
        [{"role": "user", "content": f"Is {number} right?"}],
        [{"role": "assistant", "content": chosen}],
        [{"role": "assistant", "content": rejected}],
    )


def given(pairs: list[Dialogue], model: object, **changes: object) -> Candidates:
    made = hand_made([0.5] * len(pairs), dialogues=pairs, model=str(model), **changes)
    made.texts = lambda: iter([pairs[:3], pairs[3:]])
    return made


@pytest.fixture
def trainings(monkeypatch):
    """Records the prompts that each model learns from, and what each judges, without any training."""
    seen: list[tuple[int, list[str]]] = []

    def train(policy, pairs, fit, seed):
        seen.append((seed, [one.prompt[0]["content"] for one in pairs]))
        return policy

    monkeypatch.setattr(cross_fitting, "train_dpo", train)
    return seen


def test_every_preference_is_judged_by_a_model_that_has_not_seen_its_prompt(tiny_model, trainings, monkeypatch):
    judged: list[tuple[int, list[str]]] = []
    real = PolicyMargin.judge

    def judge(self, model, dialogues):
        judged.append((len(trainings), [one.prompt[0]["content"] for one in dialogues]))
        return real(self, model, dialogues)

    monkeypatch.setattr(PolicyMargin, "judge", judge)
    pairs = [pair(i // 2, chosen=f"yes {i}") for i in range(12)]  # six prompts with two preferences each
    candidates = given(pairs, tiny_model)
    candidates.groups = np.array([str(i // 2) for i in range(12)])
    margins = judge_halves(candidates, judge_of(tiny_model), FIT)
    assert margins.shape == (12, 2)
    # Nothing was learnt, so policy and reference agree.
    assert margins == pytest.approx(np.zeros((12, 2)), abs=1e-5)
    assert len(trainings) == 4
    learnt = [set(prompts) for _, prompts in trainings]
    for first, second in (learnt[:2], learnt[2:]):
        assert not first & second
        assert len(first | second) == 6
    for number, prompts in judged:
        if number:  # 0: the reference, before any training
            assert not set(prompts) & learnt[number - 1]


def test_the_number_of_pairs_is_bounded_and_does_not_depend_on_row_order(tiny_model, trainings):
    pairs = [pair(i) for i in range(14)]
    judge_halves(given(pairs, tiny_model), judge_of(tiny_model), FIT._replace(most_pairs=3))
    first = list(trainings)
    assert all(1 <= len(prompts) <= 3 for _, prompts in first)
    trainings.clear()
    order = np.random.default_rng(0).permutation(14)
    turned = given([pairs[i] for i in order], tiny_model, ids=[f"{i:04d}" for i in order])
    turned.groups = np.array([str(i) for i in order])
    judge_halves(turned, judge_of(tiny_model), FIT._replace(most_pairs=3))
    assert trainings == first


def test_without_a_pair_in_the_other_half_there_is_no_margin(tiny_model, trainings):
    one_sided = Dialogue(pair(0).prompt, pair(0).chosen, None)
    found = given([pair(0), one_sided, one_sided, one_sided], tiny_model).score(DpoMargin())
    assert np.isnan(found).all()
    assert not trainings
    assert given([], tiny_model).score(DpoMargin()).shape == (0,)


def test_sums_with_gradients_are_those_of_inference(tiny_model):
    policy = load_policy(str(tiny_model))
    pairs = [pair(1, "yes, surely so", "no"), pair(22, "y", "no, never at all")]
    sums = sum_log_likelihoods(policy, pairs).detach().numpy()
    for row, side in enumerate(("chosen", "rejected")):
        expected, _ = answer_log_likelihoods(policy, [(one.prompt, getattr(one, side)) for one in pairs])
        assert sums[row] == pytest.approx(expected, abs=1e-4)


def test_pairs_that_do_not_fit_into_memory_together_train_the_same_model(tiny_model, monkeypatch):
    pairs = [pair(i, "yes" * (i % 5 + 1), "no") for i in range(PAIRS_PER_STEP)]
    fit = FIT._replace(learning_rate=1e-3, batch_size=2 * PAIRS_PER_STEP)
    together = load_policy(str(tiny_model))
    train_dpo(together, pairs, fit, seed=3)
    passes: list[int] = []
    sum_together = cross_fitting.sum_log_likelihoods

    def count(policy, part):
        passes.append(len(part))
        return sum_together(policy, part)

    monkeypatch.setattr(cross_fitting, "sum_log_likelihoods", count)
    monkeypatch.setattr(answer_sums, "MOST_LOGITS", 1)
    apart = load_policy(str(tiny_model))
    train_dpo(apart, pairs, fit, seed=3)
    assert passes == [1] * 2 * PAIRS_PER_STEP
    trained = dict(together.model.named_parameters())
    for name, weight in apart.model.named_parameters():
        assert torch.allclose(weight, trained[name], atol=1e-5), name


def test_training_follows_the_loss_of_dpo(tiny_model):
    """The first step of AdamW moves each weight against the sign of the gradient of the mean DPO loss, by the rate."""
    fit = FIT._replace(learning_rate=1e-3, batch_size=4)
    pairs = [pair(i, "yes" * (i % 3 + 1), "no") for i in range(PAIRS_PER_STEP)]
    policy = load_policy(str(tiny_model))
    before = sum_log_likelihoods(policy, pairs).detach()
    train_dpo(policy, pairs, fit, seed=3)
    after = {name: weight.detach().clone() for name, weight in policy.model.named_parameters() if "lora_B" in name}
    # Naively: the adapters' B are 0 at the start, so policy and reference are equal and the loss is log 2.
    again = load_policy(str(tiny_model))
    train_dpo(again, [], fit, seed=3)
    sums = sum_log_likelihoods(again, pairs)
    assert sums.detach().numpy() == pytest.approx(before.numpy(), abs=1e-5)
    ratios = fit.beta * ((sums[0] - before[0]) - (sums[1] - before[1]))
    loss = -torch.nn.functional.logsigmoid(ratios).mean()
    assert float(loss.detach()) == pytest.approx(math.log(2), abs=1e-5)
    names = {name: weight for name, weight in again.model.named_parameters() if "lora_B" in name}
    gradients = torch.autograd.grad(loss, list(names.values()))
    for name, gradient in zip(names, gradients, strict=True):
        clear = gradient.abs() > 1e-5
        assert bool(clear.any())
        assert after[name][clear].numpy() == pytest.approx(-1e-3 * gradient[clear].sign().numpy(), rel=0.05)


def test_what_is_learnt_from_one_half_shows_on_the_other(tiny_model):
    """Forty prompts say that "yes" is better than "no", four say the opposite: these are the difficult ones."""
    pairs = [pair(i) for i in range(40)] + [pair(i, "no", "yes") for i in range(40, 44)]
    settings = {"repeats": 1, "learning_rate": 1e-2, "beta": 0.5}
    easy = given(pairs, tiny_model).score(DpoMargin(**settings))
    assert easy[:40].min() > easy[40:].max()
    hard = given(pairs, tiny_model).score(DpoMargin(prefer="hard", **settings))
    assert hard[:40].max() < hard[40:].min()


def test_scores_are_the_published_loss_and_gap():
    margins = np.array([[2.0, 0.0], [-1.0, 3.0], [np.nan, 1.0]])
    losses = [
        (math.log(1 + math.exp(-2)) + math.log(2)) / 2,
        (math.log(1 + math.e) + math.log(1 + math.exp(-3))) / 2,
    ]
    assert read_margins(margins, "easy") == pytest.approx([-losses[0], -losses[1], np.nan], nan_ok=True)
    assert read_margins(margins, "hard") == pytest.approx([-1.0, -1.0, np.nan], nan_ok=True)


def test_a_model_of_yours_is_compared_with_the_one_before(tiny_model, tmp_path):
    other = tmp_path / "other"
    policy = load_policy(str(tiny_model))
    with torch.no_grad():
        for weight in policy.model.parameters():
            weight += 0.02 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(1))
    policy.model.save_pretrained(other)
    policy.tokenizer.save_pretrained(other)
    sides = [(PAIR.prompt, PAIR.chosen), (PAIR.prompt, PAIR.rejected)]
    (c, r), _ = answer_log_likelihoods(load_policy(str(other)), sides)
    (c0, r0), _ = answer_log_likelihoods(load_policy(str(tiny_model)), sides)
    gap = 0.1 * ((c - r) - (c0 - r0))
    scorer = DpoMargin(trained=str(other), prefer="hard")
    assert given([PAIR], tiny_model).score(scorer) == pytest.approx([-gap], abs=1e-5)
    assert scorer.models(str(tiny_model)) == [str(tiny_model), str(other)]


PAIR = pair(7, "yes, the nurse", "no")


def test_numbers_are_cached_by_what_was_learnt(tiny_model, tmp_path, trainings):
    pairs = [pair(i) for i in range(8)]
    first = judge_halves(given(pairs, tiny_model, cache=tmp_path), judge_of(tiny_model), FIT)
    assert len(trainings) == 4
    again = judge_halves(given(pairs, tiny_model, cache=tmp_path), judge_of(tiny_model), FIT._replace(batch_size=2))
    assert len(trainings) == 4
    assert again.tolist() == first.tolist()
    # Another preference to learn from makes other models; another rate too.
    judge_halves(given([*pairs, pair(8)], tiny_model, cache=tmp_path), judge_of(tiny_model), FIT)
    assert len(trainings) > 4
    number = len(trainings)
    judge_halves(given(pairs, tiny_model, cache=tmp_path), judge_of(tiny_model), FIT._replace(learning_rate=1e-4))
    assert len(trainings) == number + 4
