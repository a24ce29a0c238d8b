"""What each scorer says of single preferences, against the formula taken one text at a time; and what is remembered."""

import math
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from support.by_pickle import ByPickle
from unipref.core import registry
from unipref.core.candidates import Candidates, Dialogue
from unipref.core.contracts import Scorer
from unipref.core.errors import UserError
from unipref.models import text_cache
from unipref.models.answer_tokens import AnswerTokens
from unipref.models.inference import all_answer_tokens, log_likelihoods, rewards, start_ids
from unipref.models.loading import load_model, load_policy, load_reward_model
from unipref.select import model_scorer
from unipref.select.scorers import response_checks
from unipref.select.scorers.bees import Bees
from unipref.select.scorers.confidence import Confidence
from unipref.select.scorers.divergence import Divergence
from unipref.select.scorers.dpo_margin import DpoMargin
from unipref.select.scorers.ifd import Ifd
from unipref.select.scorers.margin import Margin
from unipref.select.scorers.margin_gap import MarginGap
from unipref.select.scorers.margin_percentile import MarginPercentile
from unipref.select.scorers.policy_margin import PolicyMargin
from unipref.select.scorers.response_checks import ResponseChecks
from unipref.select.scorers.reward_margin import RewardMargin
from unipref.select.scorers.rip import Rip


def dialogue(prompt, chosen, rejected):
    def side(text):
        return None if text is None else [{"role": "assistant", "content": text}]

    return Dialogue([{"role": "user", "content": prompt}], side(chosen), side(rejected))


PAIR = dialogue("Who was late?", "The nurse was late.", "He said so.")
SHOWN = dialogue("Who called?", "The engineer called.", None)
DOWN = dialogue("Who called?", None, "The engineer called.")
LONG = dialogue("Who? " * 300, "The nurse.", "He.")
EVERY = [PAIR, SHOWN, DOWN, LONG]
ACCEPTS_ALL = SimpleNamespace(can_answer=lambda prompt, answer: True)
"""A model whose chat template refuses nothing."""


def candidates(dialogues, batch=2, **changes) -> Candidates:
    n = len(dialogues)
    nothing = np.full(n, np.nan, dtype=np.float32)
    numbers = ("margins", "margin_percentiles", "confidences")
    columns = {name: np.array(changes.get(name, nothing), dtype=np.float32) for name in numbers}
    return Candidates(
        ids=np.array([str(i) for i in range(n)]),
        sources=np.array(changes.get("sources", ["a"] * n)),
        objectives=np.array(["i"] * n),
        groups=np.array(changes.get("groups", ["g"] * n)),
        tokens=np.ones(n, dtype=np.int64),
        embed=lambda name: np.ones((n, 1), dtype=np.float32),
        texts=lambda: (dialogues[i : i + batch] for i in range(0, n, batch)),
        model=changes.get("model"),
        cache=changes.get("cache"),
        axis_agreement=changes.get("axis_agreement"),
        rejected_rewards=changes.get("rejected_rewards"),
        read_dev=changes.get("read_dev"),
        **columns,
    )


@pytest.fixture(scope="module")
def reward_folder(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch

    folder = tmp_path_factory.mktemp("reward")
    torch.manual_seed(1)
    load_model(str(tiny_model), "reward").save_pretrained(folder)
    load_policy(str(tiny_model)).tokenizer.save_pretrained(folder)
    return folder


def test_margin_and_confidence_are_what_the_preferences_say():
    numbers = {"margins": [-0.4, np.nan, 2.5], "margin_percentiles": [0.25, np.nan, 1.0]}
    three = candidates([PAIR] * 3, **numbers, confidences=[np.nan, 2 / 3, 1.0])
    assert three.score(Margin()) == pytest.approx([-0.4, np.nan, 2.5], nan_ok=True)
    assert three.score(MarginPercentile()) == pytest.approx([0.25, np.nan, 1.0], nan_ok=True)
    assert three.score(Confidence()) == pytest.approx([np.nan, 2 / 3, 1.0], nan_ok=True)


def test_divergence_is_what_the_axes_say():
    read = candidates([PAIR] * 2, axis_agreement=lambda: np.array([0.5, np.nan]))
    assert read.score(Divergence()) == pytest.approx([0.5, np.nan], nan_ok=True)
    assert np.isnan(candidates([PAIR] * 2).score(Divergence())).all()


def test_margin_gap_is_the_published_alignment_potential(monkeypatch):
    """z(explicit) - z(|implicit|), naively. Of source a, three have both margins; of source b, one: 0 - 0."""
    implicit = {"one": 0.9, "two": -0.1, "three": -0.5, "four": -3.0, "five": np.nan}
    judged = []

    def judge(self, model, dialogues):
        names = [one.prompt[0]["content"] for one in dialogues]
        judged.extend(names)
        return np.array([implicit[name] for name in names])

    monkeypatch.setattr(PolicyMargin, "judge", judge)
    monkeypatch.setattr(PolicyMargin, "find_model", lambda self, default: "m")
    monkeypatch.setattr(PolicyMargin, "load", lambda self, name: None)
    dialogues = [dialogue(name, "Yes.", "No.") for name in ("one", "two", "three", "four", "five", "six")]
    given = {"margins": [0.2, 1.4, -0.3, 7.0, 5.0, np.nan], "sources": ["a", "a", "a", "b", "a", "a"]}
    found = candidates(dialogues, **given).score(MarginGap())

    def z(values):
        mean = sum(values) / len(values)
        return [(value - mean) / (sum((one - mean) ** 2 for one in values) / len(values)) ** 0.5 for value in values]

    clear, sure = z([0.2, 1.4, -0.3]), z([0.9, 0.1, 0.5])
    expected = [a - b for a, b in zip(clear, sure, strict=True)]
    assert found == pytest.approx([*expected, 0, np.nan, np.nan], nan_ok=True, rel=1e-6)
    against = z([0.9, -0.1, -0.5])
    signed = candidates(dialogues, **given).score(MarginGap(implicit="signed"))
    expected = [a - b for a, b in zip(clear, against, strict=True)]
    assert signed == pytest.approx([*expected, 0, np.nan, np.nan], nan_ok=True, abs=1e-6)
    # What has no explicit margin is not judged by the model.
    assert judged == ["one", "two", "three", "four", "five"] * 2
    gaps = {"margin_percentiles": [0.9, 0.1, 0.5, 0.5, 0.5, np.nan], "sources": given["sources"]}
    other = candidates(dialogues, **gaps).score(MarginGap(explicit="margin_percentile"))
    assert other == pytest.approx([0, 0, 0, 0, np.nan, np.nan], abs=1e-6, nan_ok=True)


def test_margin_gap_uses_the_numbers_of_policy_margin(tiny_model, tmp_path, monkeypatch):
    given = {"model": str(tiny_model), "cache": tmp_path, "margins": [1.0, 1.0]}
    candidates([PAIR, PAIR], **given).score(PolicyMargin())
    monkeypatch.setattr(PolicyMargin, "judge", lambda self, model, dialogues: pytest.fail("judged again"))
    assert candidates([PAIR, PAIR], **given).score(MarginGap()).tolist() == [0, 0]
    assert MarginGap().models("org/study") == ["org/study"]


def answer_ids(policy, prompt, answer):
    tokens = all_answer_tokens(policy, [(prompt, answer)])[0]
    return tokens.ids[: tokens.start], tokens.ids[tokens.start :]


def test_policy_margin_is_the_difference_of_mean_log_likelihoods(tiny_model):
    policy = load_policy(str(tiny_model))

    def per_token(answer):
        prompt, ids = answer_ids(policy, PAIR.prompt, answer)
        return float(log_likelihoods(policy, [(prompt, ids)])[0]) / len(ids)

    expected = per_token(PAIR.chosen) - per_token(PAIR.rejected)
    found = candidates(EVERY, model=str(tiny_model)).score(PolicyMargin())
    assert found == pytest.approx([expected, np.nan, np.nan, np.nan], abs=1e-5, nan_ok=True)
    assert abs(expected) > 1e-3
    hard = candidates(EVERY, model=str(tiny_model)).score(PolicyMargin(prefer="hard"))
    assert hard == pytest.approx(-found, nan_ok=True)
    sides = [answer_ids(policy, PAIR.prompt, answer) for answer in (PAIR.chosen, PAIR.rejected)]
    chosen, rejected = log_likelihoods(policy, sides)
    sums = candidates([PAIR], model=str(tiny_model)).score(PolicyMargin(per_token=False))
    assert sums == pytest.approx([chosen - rejected], abs=1e-4)


def test_ifd_is_the_ratio_of_perplexities_and_ranks_misleading_prompts_last(tiny_model):
    policy = load_policy(str(tiny_model))

    def ifd(shown):
        prompt, ids = answer_ids(policy, shown.prompt, shown.chosen)
        given, alone = log_likelihoods(policy, [(prompt, ids), (start_ids(policy), ids)])
        return math.exp(-given / len(ids)) / math.exp(-alone / len(ids))

    expected = [ifd(PAIR), ifd(SHOWN)]
    found = candidates(EVERY, model=str(tiny_model)).score(Ifd())
    # An untrained model finds a prompt of no help: both signs can occur, the amount is the ratio.
    assert np.abs(found[:2]) == pytest.approx(expected, rel=1e-4)
    assert np.sign(found[:2]).tolist() == [1.0 if ratio < 1 else -1.0 for ratio in expected]
    assert np.isnan(found[2:]).all()


def test_ifd_puts_answers_above_one_below_all_others(monkeypatch):
    """Log-likelihoods in nats of answers of two tokens: ppl(given) = e^(4/2), e^(2/2), e^(6/2); alone always e^(4/2).
    Ratios: 1, e^-1, e^1.
    """
    sums = np.array([-4.0, -2.0, -6.0, -4.0, -4.0, -4.0])
    tokens = AnswerTokens([1, 2, 3], start=1, others=[])
    monkeypatch.setattr("unipref.select.scorers.ifd.all_answer_tokens", lambda model, pairs: [tokens for _ in pairs])
    monkeypatch.setattr("unipref.select.scorers.ifd.start_ids", lambda model: [0])
    monkeypatch.setattr("unipref.select.scorers.ifd.log_likelihoods", lambda model, requests, size: sums)
    found = Ifd().judge(ACCEPTS_ALL, [PAIR, PAIR, PAIR])
    assert found == pytest.approx([1.0, math.exp(-1), math.e])
    assert Ifd().read(found) == pytest.approx([-1.0, math.exp(-1), -math.e])


def test_ifd_leaves_out_the_users_later_turns(monkeypatch):
    """Of an answer of three turns, tokens 2 and 3 and token 6 are the assistant's: log p -1, -3 given the prompt and
    -2, -5 without it. IFD = exp((1 + 3) / 3) / exp((2 + 5) / 3) = e^-1.
    """
    requests = []

    def log_likelihoods_of(model, asked, size):
        requests.extend(asked)
        return np.array([-1.0, -3.0, -2.0, -5.0])

    tokens = AnswerTokens([1, 2, 3, 4, 5, 6], start=1, others=[(3, 5)])
    monkeypatch.setattr("unipref.select.scorers.ifd.all_answer_tokens", lambda model, pairs: [tokens])
    monkeypatch.setattr("unipref.select.scorers.ifd.start_ids", lambda model: [0])
    monkeypatch.setattr("unipref.select.scorers.ifd.log_likelihoods", log_likelihoods_of)
    assert Ifd().judge(ACCEPTS_ALL, [PAIR]) == pytest.approx([math.exp(-1)])
    assert requests == [([1], [2, 3]), ([1, 2, 3, 4, 5], [6]), ([0], [2, 3]), ([0, 2, 3, 4, 5], [6])]


def test_reward_margin_is_the_difference_of_rewards(reward_folder):
    model = load_reward_model(str(reward_folder))
    chosen, rejected = rewards(model, [[*PAIR.prompt, *PAIR.chosen], [*PAIR.prompt, *PAIR.rejected]])
    found = candidates(EVERY).score(RewardMargin(model=str(reward_folder)))
    assert found == pytest.approx([chosen - rejected, np.nan, np.nan, np.nan], abs=1e-5, nan_ok=True)


def test_a_dialogue_is_judged_once_by_each_model(tiny_model, tmp_path, monkeypatch):
    other_model = tmp_path / "other"
    shutil.copytree(tiny_model, other_model)
    (other_model / "note").write_text("another state of the folder")
    asked: list[int] = []
    real = PolicyMargin.judge

    def judge(self, model, dialogues):
        asked.append(len(dialogues))
        return real(self, model, dialogues)

    monkeypatch.setattr(PolicyMargin, "judge", judge)
    first = candidates([PAIR, SHOWN, PAIR], model=str(tiny_model), cache=tmp_path).score(PolicyMargin())
    assert asked == [2]
    # Weight and batch size change no number; another order and a further dialogue ask for that one alone.
    again = candidates([SHOWN, LONG, PAIR], model=str(tiny_model), cache=tmp_path)
    assert again.score(PolicyMargin(weight=3.0, batch_size=1))[[0, 2]] == pytest.approx(first[[1, 0]], nan_ok=True)
    assert asked == [2, 1]
    # Nor does the sign; another model is another matter.
    hard = again.score(PolicyMargin(prefer="hard"))
    assert hard[[0, 2]] == pytest.approx(-first[[1, 0]], nan_ok=True)
    assert asked == [2, 1]
    again.score(PolicyMargin(model=str(other_model)))
    assert asked == [2, 1, 3]


def test_a_killed_run_keeps_what_was_scored(tiny_model, tmp_path, monkeypatch):
    monkeypatch.setattr(model_scorer, "DIALOGUES_AT_ONCE", 2)
    six = [dialogue(f"Who was {i}?", "The nurse.", "He.") for i in range(6)]
    whole = candidates(six, model=str(tiny_model)).score(PolicyMargin())
    asked: list[int] = []
    real = PolicyMargin.judge

    def judge(self, model, dialogues):
        if len(asked) == 2:
            raise KeyboardInterrupt
        asked.append(len(dialogues))
        return real(self, model, dialogues)

    monkeypatch.setattr(PolicyMargin, "judge", judge)
    with pytest.raises(KeyboardInterrupt):
        candidates(six, model=str(tiny_model), cache=tmp_path).score(PolicyMargin())
    monkeypatch.setattr(
        PolicyMargin, "judge", lambda self, model, batch: asked.append(-len(batch)) or real(self, model, batch)
    )
    found = candidates(six, model=str(tiny_model), cache=tmp_path).score(PolicyMargin())
    assert asked == [2, 2, -2]
    assert found == pytest.approx(whole, abs=1e-6)
    assert not list(tmp_path.rglob("*.part"))


def test_an_engine_scores_chunks_elsewhere_and_leaves_the_same_files(tiny_model, tmp_path, monkeypatch):
    monkeypatch.setattr(model_scorer, "DIALOGUES_AT_ONCE", 2)
    seven = [dialogue(f"Who was {i}?", "The nurse.", "He.") for i in range(7)]
    here = candidates(seven, model=str(tiny_model), cache=tmp_path / "here").score(PolicyMargin())
    engine = ByPickle()
    with text_cache.use_engine(engine):
        there = candidates(seven, model=str(tiny_model), cache=tmp_path / "there").score(PolicyMargin())
        again = candidates(seven, model=str(tiny_model), cache=tmp_path / "there").score(PolicyMargin())
    assert engine.calls == [4]
    assert here.tolist() == there.tolist() == again.tolist()
    files = [{path.name for path in (tmp_path / name).rglob("*.npz")} for name in ("here", "there")]
    assert files[0] == files[1]
    assert len(files[0]) == 4


def test_no_model_is_loaded_for_what_is_remembered_or_for_nothing(tiny_model, tmp_path, monkeypatch):
    there = candidates([PAIR], model=str(tiny_model), cache=tmp_path)
    first = there.score(PolicyMargin())
    monkeypatch.setattr(PolicyMargin, "load", lambda self, name: pytest.fail("loaded a model for nothing"))
    assert there.score(PolicyMargin()).tolist() == first.tolist()
    assert candidates([], model=str(tiny_model), cache=tmp_path).score(PolicyMargin()).shape == (0,)
    assert candidates([], model=str(tiny_model)).score(PolicyMargin()).shape == (0,)


def test_a_model_that_is_missing_or_of_the_wrong_kind_is_the_users_to_mend(tiny_model, reward_folder):
    with pytest.raises(UserError, match="this scorer needs a model, but the study has none") as caught:
        PolicyMargin().models(None)
    assert caught.value.where == "select.quality.policy_margin.model"
    with pytest.raises(UserError, match="this scorer needs a language model"):
        Ifd().models(str(reward_folder))
    with pytest.raises(UserError, match="this scorer needs a reward model"):
        RewardMargin(model=str(tiny_model)).models(None)
    with pytest.raises(UserError, match="does not exist"):
        Ifd(model="./nowhere").models(None)
    assert Ifd(model="org/own").models("org/study") == ["org/own"]
    assert Ifd().models("org/study") == ["org/study"]
    assert Margin().models(None) == []


RELATIVE = (MarginGap, Bees, Rip, DpoMargin)
"""Scorers whose numbers depend on the other preferences at hand."""


@pytest.mark.parametrize("scorer", list(registry.find_all("scorer")), ids=lambda scorer: scorer.name())
def test_every_scorer_keeps_its_contract(scorer, tiny_model, reward_folder):
    """One number or NaN for each, in order, whatever the batches; nothing for nothing."""
    settings = dict(scorer.example["settings"])
    if scorer is RewardMargin:
        settings["model"] = str(reward_folder)
    made = registry.make("scorer", scorer.name(), settings, "quality")
    assert isinstance(made, Scorer)
    numbers = {"margins": [0.1, np.nan, np.nan, 0.4], "confidences": [1.0, np.nan, 0.5, 0.7]}
    numbers["margin_percentiles"] = numbers["margins"]
    numbers["axis_agreement"] = lambda: np.array([0.3, np.nan, -1.0, 0.0])
    numbers["rejected_rewards"] = lambda: np.array([0.5, np.nan, np.nan, 0.2])
    numbers["read_dev"] = lambda: candidates([PAIR, SHOWN], model=str(tiny_model))
    found = [candidates(EVERY, batch, model=str(tiny_model), **numbers).score(made) for batch in (1, 3, 4)]
    if scorer in RELATIVE:
        assert all(values.shape == (4,) for values in found)
        assert np.isnan(found[0][1:3]).all()
        return
    assert all(values.shape == (4,) for values in found)
    for values in found[1:]:
        assert values == pytest.approx(found[0], abs=1e-5, nan_ok=True)
    some = np.array([True, False, False, True])
    assert candidates(EVERY, model=str(tiny_model), **numbers).subset(some).score(made) == pytest.approx(
        found[0][some], abs=1e-5, nan_ok=True
    )
    nothing = candidates([], model=str(tiny_model), read_dev=numbers["read_dev"])
    assert nothing.score(made).shape == (0,)
    with pytest.raises(UserError, match="greater than 0"):
        registry.make("scorer", scorer.name(), {**settings, "weight": 0}, "quality")


def test_a_scorer_that_breaks_its_word_is_refused():
    class Short(Scorer):
        example = {"settings": {}}

        def score(self, candidates):
            return np.ones(1)

    class Endless(Scorer):
        example = {"settings": {}}

        def score(self, candidates):
            return np.array([np.inf, 0.0])

    for scorer in (Short(), Endless()):
        with pytest.raises(UserError, match="Return one number per preference"):
            candidates([PAIR, SHOWN]).score(scorer)


@pytest.mark.parametrize(
    ("chosen", "rejected", "expected"),
    [
        ("one two three", "one", 1.0),  # 3 times as long, which is allowed
        ("one two three four five six", "one", 0.5),  # 6 times: 3 / 6
        ("one", "one two three four five six", 0.5),
        ("", "", 1.0),
        ("", "a b c d e f", 0.5),  # an empty answer counts as one word
    ],
)
def test_length_ratio(chosen, rejected, expected):
    assert response_checks.length_ratio(chosen, rejected, 3.0) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b c d", 1.0),  # a b c, b c d
        ("no no no no no", 1 / 3),  # one run of three
        ("yes it is yes it is", 3 / 4),  # yes-it-is, it-is-yes, is-yes-it, yes-it-is
        ("two words", 1.0),
        ("", 1.0),
    ],
)
def test_repetition(text, expected):
    assert response_checks.repetition(text) == pytest.approx(expected)


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I’m sorry, I’m not able to assist you in that way.",
        "As an AI language model, I cannot give medical advice.",
        "I cannot provide that.",
        "Sorry, we're not allowed to tell you that.",
        "Unfortunately, I do not have access to it.",
        "I must decline.",
    ],
)
def test_refusals(text):
    assert response_checks.refusal(text) == 0.0


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry for the mistake: the answer is 4.",
        "I apologize for the confusion. You are correct.",
        "I can help you with that.",
        "Say: I'm sorry, but I can't.",
        "I cannot believe it is over, he said.",
        "Paris",
        "",
    ],
)
def test_no_refusals(text):
    assert response_checks.refusal(text) == 1.0


WORDS = "one two three four five six seven eight nine ten "


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (WORDS * 2 + "and so", 0.0),
        (WORDS * 2 + "and so,", 0.0),
        (WORDS * 2 + "and so.", 1.0),
        (WORDS * 2 + 'and "so."', 1.0),
        (WORDS * 2 + "is 42", 1.0),
        (WORDS + "and so", 1.0),  # 12 words: an answer like "Paris"
        (WORDS * 2 + "are:\n- one\n- two", 1.0),  # a list
        (WORDS * 2 + "这样。", 1.0),
        ("Run this:\n```\nls", 0.0),
        ("Run this:\n```\nls\n```", 1.0),
        ("", 1.0),
    ],
)
def test_truncation(text, expected):
    assert response_checks.truncation(text) == expected


def test_response_checks_are_averaged_over_those_that_apply():
    """Six words against one at 3.0: 0.5; no run twice: 1; a refusal: 0; whole: 1. Mean 2.5 / 4; without pair 2 / 3."""
    both = dialogue("Why?", "I cannot help you with that", "No")
    shown = dialogue("Why?", "I cannot help you with that", None)
    found = candidates([both, shown, DOWN]).score(ResponseChecks())
    assert found == pytest.approx([2.5 / 4, 2 / 3, np.nan], nan_ok=True)
    only = candidates([both, shown]).score(ResponseChecks(checks=["length_ratio"], max_ratio=2.0))
    assert only == pytest.approx([2 / 6, np.nan], nan_ok=True)
