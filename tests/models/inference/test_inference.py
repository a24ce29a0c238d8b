"""Batched inference against plain loops that take one sequence, and one token, at a time."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers.processors import ByteLevel

from unipref.core.chat_models import Policy, RewardModel
from unipref.core.errors import ResourceError, UserError
from unipref.core.records import Messages
from unipref.models.inference import (
    NextToken,
    answer_log_likelihoods,
    ask_each,
    continuation_ids,
    encode,
    encode_all,
    fits_context,
    forward,
    generate,
    log_likelihoods,
    opening_ids,
    rewards,
    start_ids,
)
from unipref.models.loading import is_reward_model, load_model, load_policy, load_reward_model


@pytest.fixture(scope="module")
def policy(tiny_model: Path) -> Policy:
    return load_policy(str(tiny_model))


@pytest.fixture(scope="module")
def gpt2(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Policy:
    """Learned absolute positions, a context of 48, and a tokenizer that puts nothing before plain text."""
    from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel

    folder = tmp_path_factory.mktemp("gpt2")
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    tokenizer.backend_tokenizer.post_processor = ByteLevel()
    tokenizer.bos_token = tokenizer.eos_token
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 48, "initializer_range": 0.2}
    GPT2LMHeadModel(GPT2Config(vocab_size=len(tokenizer), **sizes)).save_pretrained(folder)
    return load_policy(str(folder))


@pytest.fixture
def uniform(tiny_model: Path) -> Policy:
    """A policy to which all tokens are equally likely: its logits are all zero."""
    policy = load_policy(str(tiny_model))
    with torch.no_grad():
        policy.model.get_input_embeddings().weight.zero_()
    return policy


@pytest.fixture(scope="module")
def reward_model(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> RewardModel:
    folder = tmp_path_factory.mktemp("reward")
    torch.manual_seed(1)
    load_model(str(tiny_model), "reward").save_pretrained(folder)
    load_policy(str(tiny_model)).tokenizer.save_pretrained(folder)
    assert is_reward_model(str(folder))
    assert not is_reward_model(str(tiny_model))
    return load_reward_model(str(folder))


def next_logits(policy: Policy, ids: list[int]) -> torch.Tensor:
    with torch.no_grad():
        return policy.model(input_ids=torch.tensor([ids])).logits[0, -1]


def slow_log_likelihood(policy: Policy, prompt: list[int], continuation: list[int]) -> float:
    """One forward pass per token."""
    total, seen = 0.0, list(prompt)
    for token in continuation:
        total += float(torch.log_softmax(next_logits(policy, seen).double(), dim=-1)[token])
        seen.append(token)
    return total


def slow_generate(policy: Policy, text: str, n: int) -> str:
    ids = encode(policy, text)
    new: list[int] = []
    while len(new) < n and len(ids) + len(new) < policy.context:
        token = int(next_logits(policy, ids + new).argmax())
        if token == policy.tokenizer.eos_token_id:
            break
        new.append(token)
    return str(policy.tokenizer.decode(new, skip_special_tokens=True))


def some_requests(vocabulary: int) -> list[tuple[list[int], list[int]]]:
    rng = np.random.default_rng(0)
    lengths = [(1, 1), (30, 2), (3, 7), (100, 1), (12, 12), (60, 30), (3, 1), (1, 40)]
    return [tuple(rng.integers(3, vocabulary, size=n).tolist() for n in pair) for pair in lengths]  # type: ignore[misc]


@pytest.mark.parametrize("batch_size", [1, 3, 32])
def test_log_likelihoods_equal_a_loop_over_tokens(policy: Policy, batch_size: int) -> None:
    requests = some_requests(len(policy.tokenizer))
    expected = [slow_log_likelihood(policy, *request) for request in requests]
    np.testing.assert_allclose(log_likelihoods(policy, requests, batch_size), expected, rtol=1e-5)


def test_uniform_model_gives_minus_n_log_v(uniform: Policy) -> None:
    v = len(uniform.tokenizer)
    log_p = log_likelihoods(uniform, [([1], [5]), ([1, 9], [5, 6, 7]), ([1], [])])
    np.testing.assert_allclose(log_p, [-math.log(v), -3 * math.log(v), 0.0], rtol=1e-6)


def test_requests_beyond_the_context_are_nan_and_harm_no_other(policy: Policy) -> None:
    assert policy.context == 256
    alone = log_likelihoods(policy, [([1, 2], [3])])[0]
    log_p = log_likelihoods(policy, [([5] * 256, [6]), ([1, 2], [3]), ([5] * 255, [6])])
    assert math.isnan(log_p[0])
    assert log_p[1] == pytest.approx(alone, rel=1e-5)
    assert np.isfinite(log_p[2])


def test_no_requests_give_an_empty_array_and_an_empty_prompt_is_refused(policy: Policy) -> None:
    assert log_likelihoods(policy, []).shape == (0,)
    with pytest.raises(ValueError, match="at least one token"):
        log_likelihoods(policy, [([], [3])])


def test_equal_requests_are_computed_once(policy: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    plain = forward.pack
    monkeypatch.setattr(forward, "pack", lambda rows: sizes.extend(row.size for row in rows) or plain(rows))
    log_p = log_likelihoods(policy, [([1, 2], [3]), ([1, 2], (3,)), ((1, 2), [4])])
    # Only 1 and 2 are read: 3 and 4 are predicted.
    assert sizes == [2]
    assert log_p[0] == log_p[1] != log_p[2]


def test_a_batch_that_does_not_fit_in_memory_is_halved(policy: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = some_requests(len(policy.tokenizer))
    expected = log_likelihoods(policy, requests)
    plain, tried = forward.pack, []

    def small_memory(rows: list) -> forward.Packed:
        tried.append(len(rows))
        if len(rows) > 2:
            raise torch.OutOfMemoryError
        return plain(rows)

    monkeypatch.setattr(forward, "pack", small_memory)
    np.testing.assert_allclose(log_likelihoods(policy, requests, 8), expected, rtol=1e-5)
    assert tried == [8, 4, 2, 2, 2, 2]


def test_no_memory_for_one_sequence_is_reported(policy: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(rows: list) -> forward.Packed:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes")

    monkeypatch.setattr(forward, "pack", no_memory)
    with pytest.raises(ResourceError, match="a single sequence: there is too little memory"):
        log_likelihoods(policy, [([1], [2]), ([1], [3])])


def test_other_errors_are_not_taken_for_lack_of_memory(policy: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(rows: list) -> forward.Packed:
        raise RuntimeError("a shape does not fit")

    monkeypatch.setattr(forward, "pack", broken)
    with pytest.raises(RuntimeError, match="a shape"):
        log_likelihoods(policy, [([1], [2]), ([1], [3])])


def test_many_logits_are_split_into_smaller_passes(policy: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = some_requests(len(policy.tokenizer))
    questions = [NextToken(prompt) for prompt, _ in requests]
    sums, rows = log_likelihoods(policy, requests), ask_each(policy, questions)
    monkeypatch.setattr(forward, "MAX_LOGITS", 1)
    plain, sizes = forward.pack, []
    monkeypatch.setattr(forward, "pack", lambda rows: sizes.append(len(rows)) or plain(rows))
    np.testing.assert_allclose(log_likelihoods(policy, requests), sums, rtol=1e-5)
    np.testing.assert_allclose(ask_each(policy, questions), rows, rtol=1e-4, atol=1e-5)
    assert set(sizes) == {1}


def test_a_diverged_model_is_reported(uniform: Policy) -> None:
    with torch.no_grad():
        uniform.model.get_input_embeddings().weight.fill_(math.nan)
    with pytest.raises(UserError, match="diverged"):
        log_likelihoods(uniform, [([1], [2])])


def test_next_token_distributions_come_in_order_and_sum_to_one(policy: Policy) -> None:
    prompts = [[1, 5, 6], [1] * 300, [1], [9] * 40]
    answers = ask_each(policy, [NextToken(prompt) for prompt in prompts], batch_size=2)
    assert np.isnan(answers[1]).all()
    for i in (0, 2, 3):
        expected = torch.log_softmax(next_logits(policy, prompts[i]), dim=-1).numpy()
        np.testing.assert_allclose(answers[i], expected, rtol=1e-4, atol=1e-5)
        assert np.exp(answers[i]).sum() == pytest.approx(1, abs=1e-6)


def test_start_ids_are_what_plain_text_gets(policy: Policy) -> None:
    assert start_ids(policy) == [policy.tokenizer.bos_token_id]


def test_a_text_is_scored_after_bos_or_else_eos(policy: Policy, gpt2: Policy, tiny_model: Path) -> None:
    assert opening_ids(policy) == [policy.tokenizer.bos_token_id]
    assert opening_ids(gpt2) == [gpt2.tokenizer.bos_token_id] == [gpt2.tokenizer.eos_token_id]
    bare = load_policy(str(tiny_model))
    bare.tokenizer.backend_tokenizer.post_processor = ByteLevel()
    bare.tokenizer.bos_token = None
    assert opening_ids(bare) == [bare.tokenizer.eos_token_id]
    bare.tokenizer.eos_token = None
    # By its name, the token still says that a text ends.
    assert opening_ids(bare) == [bare.tokenizer.convert_tokens_to_ids("</s>")]


def test_many_texts_are_encoded_as_each_alone(policy: Policy) -> None:
    texts = ["The nurse", "", " late", "The nurse", "x" * 400]
    found = encode_all(policy, texts)
    assert found == {text: encode(policy, text) for text in texts}
    assert encode_all(policy, texts, True) == {text: encode(policy, text, True) for text in texts}
    assert encode_all(policy, []) == {}


def test_continuation_ids_split_at_the_prompt(policy: Policy) -> None:
    prompt, after = continuation_ids(policy, '"he" refers to:', " nurse")
    assert prompt == encode(policy, '"he" refers to:')
    assert policy.tokenizer.decode(after) == " nurse"
    assert policy.tokenizer.bos_token_id not in prompt + after


def test_a_token_across_the_border_belongs_to_the_continuation(policy: Policy) -> None:
    # " nurse" is one token of this tokenizer, and so are " " and "n": a blank at the prompt's end merges.
    assert len(encode(policy, " nurse")) == 1
    prompt, after = continuation_ids(policy, "the ", "nurse")
    assert prompt == encode(policy, "the")
    assert after == encode(policy, " nurse")


def test_answers_are_scored_after_the_template_with_their_eos(policy: Policy) -> None:
    prompt: Messages = [{"role": "user", "content": "The nurse?"}]
    answer: Messages = [{"role": "assistant", "content": "late"}]
    sums, n_tokens = answer_log_likelihoods(policy, [(prompt, answer)])
    # The template by hand: <s>Question: The nurse?\n\nAnswer: late</s>
    before = encode(policy, "<s>Question: The nurse?\n\nAnswer:")
    after = [*encode(policy, " late"), policy.tokenizer.eos_token_id]
    assert n_tokens.tolist() == [len(after)]
    assert sums[0] == pytest.approx(slow_log_likelihood(policy, before, after), rel=1e-5)


def test_a_model_with_absolute_positions_and_no_bos(gpt2: Policy) -> None:
    assert start_ids(gpt2) == []
    assert gpt2.context == 48
    requests = [(prompt[:20], after[:20]) for prompt, after in some_requests(len(gpt2.tokenizer))]
    expected = [slow_log_likelihood(gpt2, *request) for request in requests]
    np.testing.assert_allclose(log_likelihoods(gpt2, requests), expected, rtol=1e-5)
    prompts = ["The nurse", "x" * 45, "She was late because he", "x" * 48, "?"]
    assert generate(gpt2, prompts, 6) == [slow_generate(gpt2, prompt, 6) for prompt in prompts]


@pytest.mark.parametrize("batch_size", [1, 2, 32])
def test_greedy_text_equals_a_loop_over_tokens(policy: Policy, batch_size: int) -> None:
    prompts = ["<s>The nurse", "<s>Question: The engineer was late.\n\nAnswer:", "<s>She", "x" * 200, "<s>" + "y" * 249]
    expected = [slow_generate(policy, prompt, 12) for prompt in prompts]
    assert generate(policy, prompts, 12, batch_size=batch_size) == expected
    assert any(expected)


def test_generation_stops_at_the_end_of_the_context(policy: Policy) -> None:
    full, one_left = "z" * 256, "z" * 255
    assert not fits_context(policy, full)
    assert fits_context(policy, one_left)
    assert not fits_context(policy, one_left, new_tokens=2)
    texts = generate(policy, [full, one_left], 5)
    assert texts[0] == ""
    assert texts[1] == slow_generate(policy, one_left, 5)


def test_generation_ends_at_eos_and_shows_no_special_tokens(uniform: Policy) -> None:
    # All logits equal: the first token, <pad>, is always taken, and special tokens are not shown.
    assert generate(uniform, ["<s>The nurse"], 4) == [""]


def test_drawn_text_depends_on_the_seed_alone(policy: Policy) -> None:
    prompts = ["<s>The nurse", "<s>The engineer"]
    state = torch.random.get_rng_state()
    first = generate(policy, prompts, 10, temperature=1.0, seed=3)
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.manual_seed(99)
    assert generate(policy, prompts, 10, temperature=1.0, seed=3) == first
    assert generate(policy, prompts, 10, temperature=1.0, seed=4) != first


def test_rewards_equal_one_at_a_time_and_long_dialogues_are_nan(reward_model: RewardModel) -> None:
    def dialogue(text: str) -> Messages:
        return [{"role": "user", "content": "The nurse?"}, {"role": "assistant", "content": text}]

    dialogues = [dialogue(text) for text in ("late", "she was late because he was late", "?", "w " * 200)]
    scores = rewards(reward_model, dialogues)
    assert math.isnan(scores[3])
    for value, messages in zip(scores[:3], dialogues[:3], strict=True):
        ids = encode(reward_model, reward_model.dialogue_text(messages))
        assert ids[-1] == reward_model.tokenizer.eos_token_id
        with torch.no_grad():
            alone = float(reward_model.model(input_ids=torch.tensor([ids])).logits[0, 0])
        assert value == pytest.approx(alone, rel=1e-4, abs=1e-5)
