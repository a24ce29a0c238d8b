"""`ask` against a loop that takes one question, one text and one token at a time, for many kinds of model."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from unipref.core.chat_models import Policy
from unipref.core.errors import UserError
from unipref.models.inference import (
    GeneratedText,
    Generation,
    LogLikelihood,
    NextToken,
    Question,
    answers,
    ask,
    ask_each,
    forward,
    generation,
    kv_cache,
    prefix_trees,
)
from unipref.models.loading import load_policy

TINY: dict[str, Any] = {
    "vocab_size": 312,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 96,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
GPT2_SIZES = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 96}
FULL, SLIDING = "full_attention", "sliding_attention"

TREES: dict[str, dict[str, Any]] = {
    "llama": {},
    "gpt2": GPT2_SIZES,
    "bitnet": {},
    "qwen2": {},
    "qwen3": {"head_dim": 8},
    "gpt_neox": {},
    "opt": {"ffn_dim": 64, "word_embed_proj_dim": 32},
    "granite": {"logits_scaling": 4.0},
    "qwen2_moe": {"num_experts": 4, "moe_intermediate_size": 32, "shared_expert_intermediate_size": 32},
}
"""Models that can read trees, as far as their context goes."""

WINDOWS: dict[str, dict[str, Any]] = {
    "mistral": {"sliding_window": 24},
    "gemma2": {"head_dim": 8, "sliding_window": 24},
    "gemma3_text": {"head_dim": 8, "sliding_window": 24, "layer_types": [SLIDING, FULL]},
}
"""Models with attention to a window of 24 tokens."""

PLAIN: dict[str, dict[str, Any]] = {
    "stablelm": {},
    "falcon": {"alibi": True, "new_decoder_architecture": False},
    "bloom": {"n_layer": 2, "n_head": 4},
    "gpt_neo": {"num_layers": 2, "num_heads": 4, "attention_types": [[["global", "local"], 1]], "window_size": 16},
    "gptj": {**GPT2_SIZES, "rotary_dim": 4},
    "mamba": {"state_size": 8},
}
"""Models with a recurrent state, ALiBi, or attention of their own."""

EVERY = {**TREES, **WINDOWS, **PLAIN}


@pytest.fixture(scope="module")
def llama(tiny_model: Path) -> Policy:
    return load_policy(str(tiny_model))


def made(name: str, tiny_model: Path, attention: str | None = None) -> Policy:
    """An untrained model of a kind, its weights wide enough that what it sees matters."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    config = AutoConfig.for_model(name, **{**TINY, **EVERY[name]})
    model = AutoModelForCausalLM.from_config(config, **({"attn_implementation": attention} if attention else {})).eval()
    torch.manual_seed(0)
    for weights in model.parameters():
        if weights.ndim > 1:
            torch.nn.init.normal_(weights, std=0.2)
    return Policy(model, AutoTokenizer.from_pretrained(tiny_model), name, False, 96)


def mixed(rng: np.random.Generator, vocabulary: int) -> list[list[Question]]:
    """Groups of questions: about texts with a start in common, about starts of each other, and unrelated ones."""

    def text(n: int) -> list[int]:
        return rng.integers(3, vocabulary, n).tolist()  # type: ignore[no-any-return]

    base = text(12)
    pro, anti, long, other = base + text(3), base + text(5), text(60), text(9)
    return [
        [*(LogLikelihood(pro, text(n)) for n in (1, 2, 4, 1)), NextToken(pro), Generation(pro, 6)],
        [*(LogLikelihood(anti, text(n)) for n in (3, 1)), NextToken(anti), Generation(anti, 4), Generation(base, 6)],
        [],
        [LogLikelihood(long, text(5)), LogLikelihood(long[:30], long[30:50]), NextToken(long), Generation(long, 5)],
        [NextToken(other), LogLikelihood(other, [])],
        [Generation(pro, 3), NextToken(pro), LogLikelihood(base, pro[12:])],
    ]


def next_logits(policy: Policy, ids: Sequence[int]) -> torch.Tensor:
    with torch.no_grad():
        return policy.model(input_ids=torch.tensor([list(ids)])).logits[0, -1].double()


def alone(policy: Policy, question: Question) -> Any:
    """One forward pass over a whole text for every token."""
    seen = list(question.prompt)
    if isinstance(question, NextToken):
        return torch.log_softmax(next_logits(policy, seen), dim=-1).numpy()
    if isinstance(question, LogLikelihood):
        total = 0.0
        for token in question.continuation:
            total += float(torch.log_softmax(next_logits(policy, seen), dim=-1)[token])
            seen.append(token)
        return total
    new: list[int] = []
    while len(new) < question.max_new_tokens and len(seen) < policy.context:
        token = int(next_logits(policy, seen).argmax())
        if token == policy.tokenizer.eos_token_id:
            return GeneratedText(policy.tokenizer.decode(new, skip_special_tokens=True), len(new), True)
        new.append(token)
        seen.append(token)
    return GeneratedText(policy.tokenizer.decode(new, skip_special_tokens=True), len(new), False)


def assert_equal_to_alone(policy: Policy, groups: list[list[Question]], batch_size: int | None = None) -> None:
    answers = dict(ask(policy, groups, batch_size))
    assert sorted(answers) == list(range(len(groups)))
    for number, group in enumerate(groups):
        assert len(answers[number]) == len(group)
        for question, answer in zip(group, answers[number], strict=True):
            expected = alone(policy, question)
            if isinstance(question, Generation):
                assert answer == expected
            else:
                np.testing.assert_allclose(answer, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", EVERY)
def test_answers_equal_one_at_a_time(name: str, tiny_model: Path) -> None:
    policy = made(name, tiny_model)
    assert forward.tree_reach(policy) == (96 if name in TREES else 24 if name in WINDOWS else 0)
    assert_equal_to_alone(policy, mixed(np.random.default_rng(0), 312))


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("batch_size", [1, 3, None])
def test_batches_and_attention_kernels_change_nothing(tiny_model: Path, attention: str, batch_size: int | None) -> None:
    assert_equal_to_alone(made("llama", tiny_model, attention), mixed(np.random.default_rng(1), 312), batch_size)


@pytest.mark.parametrize("seed", range(3))
def test_rows_of_any_shape_change_nothing(llama: Policy, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Tokens from so few that texts share starts by chance; rows cut at other places."""
    rng = np.random.default_rng(seed)
    monkeypatch.setattr(prefix_trees, "MAX_ROW_TOKENS", [8, 64, 512][seed])
    monkeypatch.setattr(prefix_trees, "KEYS_PER_TOKEN", [1, 128, 10_000][seed])
    monkeypatch.setattr(answers, "TOKENS_ON_CPU", [16, 200, 4096][seed])
    groups: list[list[Question]] = []
    for _ in range(12):
        group: list[Question] = []
        for _ in range(int(rng.integers(1, 5))):
            prompt = [1, *rng.integers(5, 8, int(rng.integers(1, 9))).tolist()]
            kind = int(rng.integers(3))
            after = rng.integers(5, 8, int(rng.integers(1, 4))).tolist()
            group.append([LogLikelihood(prompt, after), NextToken(prompt), Generation(prompt, len(after) * 3)][kind])
        groups.append(group)
    assert_equal_to_alone(llama, groups)


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize("name", ["stories-260k", "bitnet-stories-3m", "craftgpt-chat-5m"])
def test_public_models_answer_as_one_at_a_time(shared: Path, name: str) -> None:
    policy = load_policy(str(shared / "models" / name))
    assert forward.tree_reach(policy) == policy.context
    texts = ["the nurse met the engineer because she was late.", "the nurse met the engineer because he was late."]
    groups: list[list[Question]] = []
    for text in texts:
        prompt = policy.tokenizer.encode(f'{text} "she" refers to:')[:50]
        words = [policy.tokenizer.encode(word, add_special_tokens=False) for word in ("the nurse", "engineer", "she")]
        groups.append([*(LogLikelihood(prompt, word) for word in words), NextToken(prompt), Generation(prompt, 10)])
    answers = dict(ask(policy, groups))
    for number, group in enumerate(groups):
        for question, answer in zip(group, answers[number], strict=True):
            if isinstance(question, Generation):
                assert answer.text == slow_text(policy, question)
            else:
                np.testing.assert_allclose(answer, alone(policy, question), atol=1e-4, rtol=0)


def slow_text(policy: Policy, question: Generation) -> str:
    """Greedy, with the public models' own lists of tokens that end a text."""
    stops = {*policy.model.generation_config.eos_token_id, policy.tokenizer.eos_token_id}
    seen: list[int] = list(question.prompt)
    while len(seen) < len(question.prompt) + question.max_new_tokens and len(seen) < policy.context:
        token = int(next_logits(policy, seen).argmax())
        if token in stops:
            break
        seen.append(token)
    return str(policy.tokenizer.decode(seen[len(question.prompt) :], skip_special_tokens=True))


def test_what_does_not_fit_is_nan_and_harms_no_other(llama: Policy) -> None:
    vocabulary = len(llama.tokenizer)
    groups = [
        [LogLikelihood([5] * 256, [6]), NextToken([5] * 257), Generation([5] * 256, 3)],
        [LogLikelihood([5] * 255, [6]), NextToken([5] * 256), Generation([5] * 255, 3)],
    ]
    answers = dict(ask(llama, groups))
    too_long, fitting = answers[0], answers[1]
    assert math.isnan(too_long[0])
    assert too_long[1].shape == (vocabulary,)
    assert np.isnan(too_long[1]).all()
    assert too_long[2] == GeneratedText("", 0, False)
    assert math.isfinite(fitting[0])
    assert np.exp(fitting[1]).sum() == pytest.approx(1, abs=1e-6)
    assert fitting[2].n_tokens == 1  # cut at the end of the context


def test_empty_questions_and_empty_prompts(llama: Policy) -> None:
    assert list(ask(llama, [])) == []
    assert list(ask(llama, [[], []])) == [(0, []), (1, [])]
    assert ask_each(llama, [LogLikelihood([1], [])]) == [0.0]
    with pytest.raises(ValueError, match="at least one token"):
        ask_each(llama, [NextToken([])])


def test_a_prompt_is_computed_once_for_all_questions(llama: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    plain = forward.pack
    monkeypatch.setattr(forward, "pack", lambda rows: read.extend(row.size for row in rows) or plain(rows))
    prompt = [1, *range(10, 50)]
    questions = [LogLikelihood(prompt, [word, 7, 8]) for word in range(100, 109)]
    ask_each(llama, [*questions, NextToken(prompt), Generation(prompt, 3)])
    # 41 tokens of the prompt, and two of each of nine continuations: their last ones are only predicted.
    assert read == [41 + 9 * 2]


def test_answers_of_a_group_come_before_the_last_pass(llama: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Distributions can be let go as soon as their group is there: memory is bounded."""
    rows_read = 0
    plain = forward.pack

    def counted(rows: list) -> forward.Packed:
        nonlocal rows_read
        rows_read += len(rows)
        return plain(rows)

    monkeypatch.setattr(forward, "pack", counted)
    # Two texts of a group that share nothing are two rows, beside each other.
    groups = [[NextToken([3, 10 + i, 5, 6, 7, 8]), NextToken([4, 10 + i, 5, 6])] for i in range(20)]
    for count, _ in enumerate(ask(llama, groups, batch_size=2), start=1):
        assert rows_read <= 2 * count


def test_a_diverged_model_is_reported_for_every_question(tiny_model: Path) -> None:
    policy = load_policy(str(tiny_model))
    with torch.no_grad():
        policy.model.get_input_embeddings().weight.fill_(math.nan)
    for question in (LogLikelihood([1], [2]), NextToken([1]), Generation([1], 2)):
        with pytest.raises(UserError, match="diverged"):
            ask_each(policy, [question])


def test_finished_texts_leave_the_batch_and_endless_texts_are_cut(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next token is always that after the last one, by number, and 20 ends a text."""
    policy = load_policy(str(tiny_model))
    policy.tokenizer.eos_token = policy.tokenizer.convert_ids_to_tokens(20)
    policy.model.generation_config.eos_token_id = 20
    run: list[tuple[int, ...]] = []

    def counting_up(input_ids: torch.Tensor, past_key_values: Any = None, **others: Any) -> Any:
        run.append(tuple(input_ids.shape))
        keys = torch.zeros(input_ids.shape[0], 1, input_ids.shape[1], 1)
        past_key_values.update(keys, keys, 0)
        keep = others.get("logits_to_keep", slice(None))
        logits = torch.nn.functional.one_hot((input_ids + 1) % 312, 312).float()[:, keep]
        return type("Output", (), {"logits": logits})

    monkeypatch.setattr(type(policy.model), "__call__", lambda self, **inputs: counting_up(**inputs))
    prompts = [[1, 18], [1, 17], [1, 19], [1, 40]]
    answers = ask_each(policy, [Generation(prompt, 5) for prompt in prompts])
    assert [(written.n_tokens, written.ended) for written in answers] == [(1, True), (2, True), (0, True), (5, False)]
    # All four are read in a row. One ends at once, and stays until a second one has; then the two others go on.
    assert run == [(1, 8), (4, 1), (2, 1), (1, 1), (1, 1)]


def test_texts_from_several_passes_are_generated_in_one_batch(llama: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    run: list[tuple[int, ...]] = []
    call = type(llama.model).__call__

    def counted(self: Any, **inputs: Any) -> Any:
        run.append(tuple(inputs["input_ids"].shape))
        return call(self, **inputs)

    monkeypatch.setattr(type(llama.model), "__call__", counted)
    monkeypatch.setattr(answers, "TOKENS_ON_CPU", 16)
    prompts = [[10 * i + 3, 5, 6, 7] for i in range(1, 9)]
    lengths = [1, 1, 1, 1, 1, 1, 4, 4]
    found = ask_each(llama, [Generation(prompt, n) for prompt, n in zip(prompts, lengths, strict=True)])
    assert [written.n_tokens for written in found] == lengths
    assert run == [(4, 8), (4, 8), (2, 1), (2, 1), (2, 1)]


def test_copies_of_a_shared_prefix_are_limited(llama: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    start = [1, *range(30, 60)]
    # Ten prompts that share 31 tokens, one of them asked for four drawn texts besides: rows of less than 512 tokens.
    questions = [Generation([*start, 70 + i], 3) for i in range(10)]
    questions += [Generation([*start, 70], 3, temperature=1.0, seed=seed) for seed in range(4)]
    copied: list[int] = []
    plain = generation.extract_states

    def followed(cache: Any, rows: Sequence[int], paths: Sequence[Sequence[int]]) -> kv_cache.PromptStates:
        copied.append(sum(map(len, paths)))
        return plain(cache, rows, paths)

    monkeypatch.setattr(generation, "extract_states", followed)
    answers = ask_each(llama, questions)
    assert copied == [14 * 32]
    copied.clear()
    monkeypatch.setattr(prefix_trees, "MAX_COPIED_TOKENS", 100)
    assert ask_each(llama, questions) == answers
    # Three texts of 32 tokens fit, and 14 are 3 + 3 + 3 + 3 + 2.
    assert sorted(copied) == [64, 96, 96, 96, 96]


def test_the_cache_grows_for_a_long_text(llama: Policy) -> None:
    question = Generation([1, 30, 31], 150)
    assert_equal_to_alone(llama, [[question, Generation([1, 30, 31, 32], 3)]])


def test_a_text_holds_what_its_prompt_is_padded_to(llama: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    plain = generation.TextInProgress.bytes
    monkeypatch.setattr(generation.TextInProgress, "bytes", lambda self: sizes.append(plain(self)) or plain(self))
    ask_each(llama, [Generation([1, *range(30, 130)], 10), Generation([1, 20], 100)])
    config = llama.model.config
    per_token = 2 * 4 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim
    logits = 2 * 4 * config.vocab_size
    # Both prompts are taken with 101 columns; then each has its own and what is written.
    assert set(sizes) == {per_token * (101 + 101 + 10) + logits, per_token * (101 + 2 + 100) + logits}


def test_keys_and_values_take_no_more_than_was_planned(llama: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[int] = []
    update = kv_cache.GrowingLayer.update

    def followed(self: kv_cache.GrowingLayer, *states: Any, **others: Any) -> Any:
        found = update(self, *states, **others)
        held.append(sum(store.shape[0] * store.shape[2] for store in self.stores))
        return found

    monkeypatch.setattr(kv_cache.GrowingLayer, "update", followed)
    # A long prompt with little room beside a short one with much: neither may need the sum of both.
    questions = [Generation([1, *range(30, 130)], 10), Generation([1, 20], 100), Generation([1, 21], 100)]
    written = ask_each(llama, questions)
    assert [text.n_tokens for text in written] == [10, 100, 100]
    # Keys and values, three texts, 101 + 10 columns.
    assert max(held) <= 2 * 3 * 111
    config = llama.model.config
    per_token = 2 * 4 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim
    # The largest text twice: its prompt counted twice, and so its logits, 4 bytes for each token known.
    budget = 2 * (per_token * (2 * 101 + 10) + 2 * 4 * config.vocab_size)
    monkeypatch.setattr(generation, "MIN_CACHE_ON_CPU", budget)
    monkeypatch.setattr(generation, "CACHE_ON_CPU", budget)
    held.clear()
    assert ask_each(llama, questions) == written
    assert max(held) <= 2 * 2 * 111


def test_generation_restarts_when_memory_runs_out(llama: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []
    plain = generation.merge_states

    def small_memory(parts: list, most: int) -> Any:
        tried.append(sum(len(texts) for _, texts in parts))
        if tried[-1] > 2:
            raise torch.OutOfMemoryError
        return plain(parts, most)

    questions = [Generation([1, 10 + i], 6, temperature, i) for i in range(3) for temperature in (0.0, 1.0)]
    expected = ask_each(llama, questions)
    monkeypatch.setattr(generation, "merge_states", small_memory)
    assert ask_each(llama, questions) == expected
    assert tried == [6, 3, 1, 1, 1, 1, 1, 1]


def test_sampled_texts_do_not_depend_on_other_questions(llama: Policy) -> None:
    prompts = [[1, 10, 11], [1, 10, 12], [1, 30]]
    questions = [Generation(prompt, 8, temperature=1.0, seed=seed) for seed, prompt in enumerate(prompts)]
    together = ask_each(llama, questions)
    assert together == [ask_each(llama, [question])[0] for question in questions]
    assert together == ask_each(llama, [*questions, NextToken([1, 10])], batch_size=1)[:3]
    assert len({ask_each(llama, [Generation([1, 10], 8, 1.0, seed)])[0].text for seed in range(5)}) > 1


def test_draws_follow_the_distribution(llama: Policy) -> None:
    expected = np.exp(alone(llama, NextToken([1, 10])))
    drawn = ask_each(llama, [Generation([1, 10], 1, 1.0, seed) for seed in range(2000)])
    ended = np.mean([written.ended for written in drawn])
    # The share of texts that end at once is the probability of eos: within four standard errors.
    eos = expected[llama.tokenizer.eos_token_id]
    assert abs(ended - eos) < 4 * math.sqrt(eos * (1 - eos) / 2000) + 1e-9
