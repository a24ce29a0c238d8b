"""The rewards that reinforcement learning is given: what each kind says of an answer, and what none may say."""

import json
from pathlib import Path
from typing import Any

import pytest

from unipref.core.answer_checks.ifeval import Checks
from unipref.core.answer_checks.prompt_file import Checker
from unipref.core.chat_models import Policy, RewardModel
from unipref.core.errors import UserError
from unipref.core.records import Messages
from unipref.models.inference import rewards
from unipref.models.loading import load_policy, load_reward_model
from unipref.train.rewards.scorers import (
    CheckerRewarder,
    FunctionRewarder,
    ImplicitRewarder,
    LikelihoodRewarder,
    ModelRewarder,
    compute_penalty,
)
from unipref.train.rewards.settings import CheckerReward, FunctionReward, ImplicitReward, LikelihoodReward, ModelReward
from unipref.train.rewards.trl_function import RewardFunction, WeightedSum

QUESTION: Messages = [{"role": "user", "content": "Who called?"}]
EOS = 2
TWICE = {"rule": "repeats", "arguments": {"word": "hello", "times": 2}}


@pytest.fixture(scope="module")
def judge(reward_folder: Path) -> RewardModel:
    return load_reward_model(str(reward_folder))


@pytest.fixture(scope="module")
def policy(tiny_model: Path) -> Policy:
    return load_policy(str(tiny_model))


def says(text: str) -> Messages:
    return [{"role": "assistant", "content": text}]


def by_reward_model(judge: RewardModel, unterminated: float = -7.0, **asked: Any) -> RewardFunction:
    function = RewardFunction(ModelRewarder(ModelReward(model="reward", **asked), judge), unterminated)
    function.end_ids = [EOS]
    return function


def by_hand(folder: Path, text: str) -> float:
    """The score of a text as plain transformers gives it, every token written out."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    ids = tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
    assert ids[0, 0] == 1
    assert ids[0, -1] == EOS
    with torch.no_grad():
        return float(model.eval()(input_ids=ids).logits[0, 0])


def log_p_by_hand(folder: Path, prompt: str, answer: str) -> tuple[float, int]:
    """Sum of log p of the answer's tokens as plain transformers gives it, and how many they are."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    start = len(tokenizer(prompt, add_special_tokens=False)["input_ids"])
    ids = tokenizer(prompt + answer, add_special_tokens=False, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        log_p = torch.log_softmax(model(input_ids=ids).logits[0].double(), dim=-1)
    return sum(float(log_p[i - 1, ids[0, i]]) for i in range(start, ids.shape[1])), ids.shape[1] - start


@pytest.mark.slow
def test_the_reward_is_that_of_the_whole_dialogue_with_eos(judge: RewardModel, reward_folder: Path) -> None:
    function = by_reward_model(judge)
    # A byte-level policy writes the blank after 'Answer:' itself.
    found = function([QUESTION, QUESTION], [says(" The nurse."), says("He did.")], [[9, EOS], [8, 8, EOS]])
    dialogues = [QUESTION + says("The nurse."), QUESTION + says("He did.")]
    assert found == pytest.approx(rewards(judge, dialogues), abs=1e-6)
    assert found[0] == pytest.approx(
        by_hand(reward_folder, "<s>Question: Who called?\n\nAnswer: The nurse.</s>"), abs=1e-5
    )
    without_eos = judge.dialogue_text(dialogues[0]).removesuffix("</s>")
    assert without_eos == "<s>Question: Who called?\n\nAnswer: The nurse."
    assert judge.tokenizer.pad_token_id != judge.tokenizer.eos_token_id == EOS


@pytest.mark.slow
def test_an_answer_without_an_end_an_empty_one_and_one_too_long_get_the_fixed_reward(judge: RewardModel) -> None:
    function = by_reward_model(judge)
    answers = [says("The nurse"), says(" "), says("word " * 200), says("The nurse.")]
    found = function([QUESTION] * 4, answers, [[9, 9], [EOS], [9, EOS], [9, EOS]])
    assert found[:3] == [-7.0, -7.0, -7.0]
    assert found[3] != -7.0
    assert (function.unjudged_share, function.without_reward_share) == (0.75, 0.0)


@pytest.mark.slow
def test_any_of_the_policys_own_ends_counts(judge: RewardModel) -> None:
    function = by_reward_model(judge)
    function.end_ids = [EOS, 5]
    assert function([QUESTION], [says("The nurse.")], [[9, 5]])[0] != -7.0


@pytest.mark.slow
def test_a_reward_can_be_clipped_and_the_fixed_one_is_not(judge: RewardModel) -> None:
    plain, clipped = by_reward_model(judge), by_reward_model(judge, clip=(-0.001, 0.001))
    given = [QUESTION] * 2, [says("The nurse."), says("He")], [[9, EOS], [9]]
    assert clipped(*given) == [max(-0.001, min(0.001, plain(*given)[0])), -7.0]  # type: ignore[type-var]


@pytest.mark.slow
def test_the_likelihood_is_the_mean_over_the_answers_tokens_with_eos(policy: Policy, tiny_model: Path) -> None:
    rewarder = LikelihoodRewarder(LikelihoodReward(likelihood="sft"), policy)
    (found,) = rewarder.score([(QUESTION, "The nurse.")])
    total, tokens = log_p_by_hand(tiny_model, "<s>Question: Who called?\n\nAnswer:", " The nurse.</s>")
    assert found == pytest.approx(total / tokens, abs=1e-5)
    assert found != pytest.approx(total / (tokens - 1), abs=1e-3)


@pytest.mark.slow
def test_the_implicit_reward_is_beta_times_the_sum_of_the_log_ratio(
    policy: Policy, tiny_model: Path, tmp_path: Path
) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    other = AutoModelForCausalLM.from_pretrained(tiny_model)
    with torch.no_grad():
        other.model.norm.weight *= 1.3
    other.save_pretrained(tmp_path)
    policy.tokenizer.save_pretrained(tmp_path)
    rewarder = ImplicitRewarder(
        ImplicitReward(implicit="dpo", reference="sft", beta=0.2), load_policy(str(tmp_path)), policy
    )
    (found,) = rewarder.score([(QUESTION, "The nurse.")])
    prompt, answer = "<s>Question: Who called?\n\nAnswer:", " The nurse.</s>"
    ours, theirs = (log_p_by_hand(folder, prompt, answer)[0] for folder in (tmp_path, tiny_model))
    assert found == pytest.approx(0.2 * (ours - theirs), abs=1e-4)
    assert abs(found) > 1e-2


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.jsonl"
    lines = [
        {"id": "1", "prompt": "Who called?", "rule": "one_word"},
        {"prompt": [{"role": "user", "content": "Repeat hello twice."}]} | TWICE,
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def test_a_checker_scores_only_prompts_with_a_rule(rules: Path) -> None:
    function = RewardFunction(CheckerRewarder(CheckerReward(checker="rules.jsonl"), Checker(rules)), 0.0)
    function.end_ids = [EOS]
    twice: Messages = [{"role": "user", "content": "Repeat  hello twice. "}]
    other: Messages = [{"role": "user", "content": "Why?"}]
    prompts = [QUESTION, QUESTION, twice, other, other, QUESTION]
    texts = ["Nurse.", "The nurse.", "hello hello", "So.", "So", "Nurse"]
    found = function(prompts, [says(text) for text in texts], [[9, EOS]] * 4 + [[9], [9]])
    # White space does not make another prompt; without a rule there is no reward, ended or not.
    assert found == [1.0, 0.0, 1.0, None, None, 0.0]
    assert function.without_reward_share == pytest.approx(2 / 6)
    assert compute_penalty(function.rewarder, [1.0]).value == 0.0


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"prompt": "x", "rule": "one_wrod"}', "unknown rule 'one_wrod'.*Did you mean 'one_word'"),
        ('{"rule": "one_word"}', "not a prompt with a rule: .*missing required field `prompt`"),
        ('{"prompt": "x"}', "the line has no rule for its answer"),
        ('{"prompt": "x", "instruction_id_list": ["a"], "kwargs": []}', "the line has no rule for its answer"),
        ('{"prompt": [{"role": "user"}], "rule": "one_word"}', "a turn of the prompt has no 'content'"),
        ("", "the file has no prompt whose answers can be checked"),
    ],
)
def test_an_invalid_file_of_rules_is_an_error(line: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "rules.jsonl"
    path.write_text(line + "\n", encoding="utf-8")
    with pytest.raises(UserError, match=f"(?s){message}"):
        Checker(path)


def test_a_checker_of_ifevals_instructions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("lm_eval", reason="the extra eval is not installed")
    monkeypatch.setattr(Checks, "has_table", lambda self: False)
    both = {"instruction_id_list": ["punctuation:no_comma", "length_constraints:number_words"]}
    lines = [
        {"key": 1, "prompt": "Who called?", "kwargs": [{}, {"relation": "at least", "num_words": 3}], **both},
        {"key": 2, "prompt": "Why?", "instruction_id_list": ["length_constraints:number_sentences"], "kwargs": [{}]},
    ]
    path = tmp_path / "ifeval.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    checker = Checker(path)
    # Without NLTK's table nothing is known of sentences.
    assert (len(checker.prompts), checker.unchecked) == (1, 1)
    found = [checker(QUESTION, text) for text in ("The nurse did.", "The nurse, yes.", "Yes, she.")]
    # Both instructions; one of two, for there is a comma; neither.
    assert found == [1.0, 0.5, 0.0]
    assert checker([{"role": "user", "content": "Why?"}], "So.") is None


def test_a_function_of_the_users() -> None:
    path = "support.own_reward.shout"
    rewarder = FunctionRewarder(FunctionReward(function=path))
    assert rewarder.label == "shout"
    # 'Who called?' has 11 characters.
    assert rewarder.score([(QUESTION, "AB c"), (QUESTION, "silence")]) == [pytest.approx(2 / 11), None]
    assert FunctionReward(function="support.own_reward:shout").label() == "shout"
    with pytest.raises(UserError, match=r"support\.own_reward\.shout.*failed: RuntimeError: no"):
        rewarder.score([(QUESTION, "boom")])


def test_the_penalty_is_a_standard_deviation_below_all_dev_answers() -> None:
    rewarder = ModelRewarder.__new__(ModelRewarder)
    # Of 2, 1, 0, 1: mean 1, variance (1 + 0 + 1 + 0) / 4 = .5
    assert compute_penalty(rewarder, [2.0, 1.0, 0.0, 1.0, None, float("nan")]).value == pytest.approx(-(0.5**0.5))
    assert (compute_penalty(rewarder, []).value, compute_penalty(rewarder, []).is_measured) == (-10.0, False)


def test_the_sum_is_weighted_and_nan_without_a_reward(rules: Path) -> None:
    own = FunctionRewarder(FunctionReward(function="support.own_reward.shout", weight=11.0))
    functions = [
        RewardFunction(CheckerRewarder(CheckerReward(checker="r", weight=0.5), Checker(rules)), 0.0),
        RewardFunction(own, -2.0),
    ]
    total = WeightedSum(functions)
    other: Messages = [{"role": "user", "content": "Why?"}]
    parts = total.score_parts([(QUESTION, "NURSE", True), (other, "silence", True), (QUESTION, "NURSE", False)])
    assert parts == {"checker": [1.0, None, 0.0], "shout": [pytest.approx(5 / 11), None, -2.0]}
    sums = total.sum_parts(parts)
    # 0.5 x 1 + 11 x 5/11; nothing; 0.5 x 0 + 11 x -2.
    assert sums[0] == pytest.approx(5.5)
    assert sums[1] != sums[1]
    assert sums[2] == -22.0


def test_the_log_has_each_reward_under_its_name(judge: RewardModel) -> None:
    from trl.trainer.utils import get_callable_name

    assert get_callable_name(by_reward_model(judge, name="helpful")) == "helpful"


@pytest.mark.parametrize(
    ("reward", "label"),
    [
        (ModelReward(model="rm-2"), "model-rm-2"),
        (LikelihoodReward(likelihood="org/model"), "likelihood-model"),
        (ImplicitReward(implicit="dpo", reference="sft"), "implicit-dpo"),
        (CheckerReward(checker="a/b.jsonl"), "checker"),
    ],
)
def test_the_names_of_rewards(reward: Any, label: str) -> None:
    assert reward.label() == label
    assert reward.model_copy(update={"name": "mine"}).label() == "mine"
