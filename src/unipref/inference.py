"""Batched inference: log-likelihoods, next-token distributions, generation and rewards. For train and evaluate.

Everything here works on token ids that were encoded one text at a time, so a result does not depend on what else is in
the batch beyond floating-point rounding. Batches hold sequences of similar length, longest first, and are halved when
memory runs out. What is longer than the model's context is never cut: it gives NaN, or an empty generation.
"""

import inspect
import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

from unipref.errors import UserError
from unipref.models import Policy, RewardModel
from unipref.records import Messages

if TYPE_CHECKING:
    import torch

Request = tuple[Sequence[int], Sequence[int]]
"""Ids of a prompt, and ids of what may follow it."""

LOGITS_AT_ONCE = 2**28
"""Most logits one batch may hold: 1 GiB in float32."""

T = TypeVar("T")
R = TypeVar("R")


def encode(model: Policy | RewardModel, text: str, add_special_tokens: bool = False) -> list[int]:
    """The token ids of a text.

    Args:
        model: whose tokenizer is used.
        text: with BOS written out where it is wanted, as a chat template does.
        add_special_tokens: let the tokenizer add what it adds to plain text, usually BOS.
    """
    return list(model.tokenizer.encode(text, add_special_tokens=add_special_tokens, verbose=False))


def start_ids(model: Policy | RewardModel) -> list[int]:
    """What the tokenizer puts in front of plain text: usually BOS, for some models nothing."""
    plain, whole = encode(model, "a"), encode(model, "a", add_special_tokens=True)
    return next(whole[:at] for at in range(len(whole)) if whole[at : at + len(plain)] == plain)


def continuation_ids(policy: Policy, prompt_text: str, continuation: str) -> tuple[list[int], list[int]]:
    """Tokenises prompt and continuation together, without special tokens, and splits them.

    The split is where the ids of the whole leave those of the prompt alone. Where a token spans the border (a blank
    that ends the prompt and merges with the next word), it belongs to the continuation.

    Returns:
        Ids of the prompt and of the continuation; together, the ids of the whole text.
    """
    alone = encode(policy, prompt_text)
    whole = encode(policy, prompt_text + continuation)
    shared = _common_length(alone, whole)
    return whole[:shared], whole[shared:]


def _common_length(a: Sequence[object], b: Sequence[object]) -> int:
    """How many items two sequences share at their start."""
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def answer_ids(policy: Policy, prompt: Messages, answer: Messages) -> tuple[list[int], list[int]]:
    """Ids of a chat prompt, up to where the answer starts, and of its answer as the chat template ends it (eos)."""
    before = policy.prompt_text(prompt)
    whole = policy.dialogue_text([*prompt, *answer])
    # Some templates open the answer differently when they ask for it than when they show it.
    shared = _common_length(before, whole)
    return continuation_ids(policy, whole[:shared], whole[shared:])


def log_likelihoods(policy: Policy, requests: Sequence[Request], batch_size: int = 32) -> npt.NDArray[np.float64]:
    """Sum of log p (nats) of the continuation's ids after the prompt's ids.

    Args:
        policy: the model asked.
        requests: n pairs (prompt ids, continuation ids); a prompt has at least one id. Equal ones are computed once.
        batch_size: most sequences in one forward pass.

    Returns:
        (n,) floats; 0 for an empty continuation; NaN where prompt and continuation are longer than `policy.context`,
        and nowhere else.

    Raises:
        UserError: one sequence alone does not fit in memory, or the model gives no numbers (its training diverged).
    """
    results: dict[tuple[tuple[int, ...], tuple[int, ...]], float] = {}
    keys = [(tuple(prompt), tuple(continuation)) for prompt, continuation in requests]
    for prompt, continuation in keys:
        if not prompt:
            raise ValueError("a prompt needs at least one token: nothing predicts the first one")
        if not continuation:
            results[prompt, continuation] = 0.0
        elif len(prompt) + len(continuation) > policy.context:
            results[prompt, continuation] = math.nan
    todo = sorted({key for key in keys if key not in results}, key=lambda key: (-len(key[0]) - len(key[1]), key))
    for batch, sums in _batches(todo, lambda part: _continuation_sums(policy, part), batch_size):
        results.update(zip(batch, _numbers(sums, policy), strict=True))
    return np.array([results[key] for key in keys], dtype=np.float64)


def next_token_log_probabilities(
    policy: Policy, prompts: Sequence[Sequence[int]], batch_size: int = 32
) -> Iterator[npt.NDArray[np.float64]]:
    """The distribution of the token after each prompt, one at a time and in the order given.

    Yields:
        (vocabulary,) log probabilities in nats; all NaN where the prompt is longer than `policy.context`.
    """
    for _, rows in _batches(prompts, lambda part: _last_distributions(policy, part), batch_size):
        yield from rows


def answer_log_likelihoods(
    policy: Policy, pairs: Sequence[tuple[Messages, Messages]], batch_size: int = 32
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Log-likelihood of answers to chat prompts, through the chat template.

    Args:
        policy: the model asked.
        pairs: n pairs (prompt, answer), as messages.
        batch_size: most sequences in one forward pass.

    Returns:
        (n,) sums of log p in nats over the answer's tokens, its eos included, NaN where it does not fit in the
        context; and (n,) numbers of those tokens.
    """
    requests = [answer_ids(policy, prompt, answer) for prompt, answer in pairs]
    n_tokens = np.array([len(continuation) for _, continuation in requests], dtype=np.int64)
    return log_likelihoods(policy, requests, batch_size), n_tokens


def generate(
    policy: Policy,
    prompts: Sequence[str],
    max_new_tokens: int,
    temperature: float = 0.0,
    seed: int = 0,
    batch_size: int = 32,
) -> list[str]:
    """What the model writes after each prompt.

    Args:
        policy: the model asked.
        prompts: n texts as the model shall see them, BOS written out (`Policy.prompt_text` gives such).
        max_new_tokens: most tokens written; fewer where the context ends before.
        temperature: 0 takes the most likely token each time, otherwise tokens are drawn.
        seed: for drawing.
        batch_size: most prompts at once.

    Returns:
        n texts without the prompt and without special tokens, up to eos. A prompt that leaves no room in the context
        gives an empty text: `fits` tells such a prompt from a model that has nothing to say.
    """
    ids = [encode(policy, prompt) for prompt in prompts]
    return generate_ids(policy, ids, max_new_tokens, temperature, seed, batch_size)


def fits(policy: Policy, prompt: str, new_tokens: int = 1) -> bool:
    """Whether a prompt leaves room for so many new tokens in the model's context."""
    return len(encode(policy, prompt)) + new_tokens <= policy.context


def generate_ids(
    policy: Policy,
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int,
    temperature: float = 0.0,
    seed: int = 0,
    batch_size: int = 32,
) -> list[str]:
    """As `generate`, from token ids."""
    import torch

    by_room: dict[int, list[int]] = {}
    for i, prompt in enumerate(prompts):
        # One limit per batch: what a prompt gets must not depend on its neighbours.
        by_room.setdefault(min(max_new_tokens, policy.context - len(prompt)), []).append(i)
    texts = [""] * len(prompts)
    devices = [policy.model.device] if policy.model.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        for room in sorted((room for room in by_room if room > 0), reverse=True):
            order = sorted(by_room[room], key=lambda i: (-len(prompts[i]), i))

            def write(part: Sequence[int], room: int = room) -> list[str]:
                return _written(policy, [prompts[i] for i in part], room, temperature)

            for part, written in _batches(order, write, batch_size):
                for i, text in zip(part, written, strict=True):
                    texts[i] = text
    return texts


def rewards(reward_model: RewardModel, dialogues: Sequence[Messages], batch_size: int = 32) -> npt.NDArray[np.float64]:
    """The reward of whole dialogues, ended as the chat template ends them (eos).

    Returns:
        (n,) floats, NaN where a dialogue is longer than the model's context, and nowhere else.

    Raises:
        UserError: as `log_likelihoods`.
    """
    ids = [encode(reward_model, reward_model.dialogue_text(dialogue)) for dialogue in dialogues]
    found = np.full(len(ids), math.nan)
    order = [i for i in sorted(range(len(ids)), key=lambda i: (-len(ids[i]), i)) if len(ids[i]) <= reward_model.context]
    for part, values in _batches(order, lambda part: _rewards(reward_model, [ids[i] for i in part]), batch_size):
        found[part] = _numbers(values, reward_model)
    return found


def _batches(
    items: Sequence[T], run: Callable[[Sequence[T]], Sequence[R]], batch_size: int
) -> Iterator[tuple[Sequence[T], Sequence[R]]]:
    """Runs the items in batches, in their order; a batch that runs out of memory is halved, and so are later ones."""
    import torch

    start = 0
    while start < len(items):
        part = items[start : start + batch_size]
        try:
            with torch.inference_mode():
                results = run(part)
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if not _out_of_memory(error):
                raise
            results = None
        if results is not None:
            yield part, results
            start += len(part)
        elif len(part) == 1:
            raise UserError(
                "the memory does not suffice for a single sequence.",
                mend="Use a smaller model or a device with more memory.",
            )
        else:
            batch_size = len(part) // 2
            if torch.cuda.is_available():
                torch.cuda.empty_cache()


def _numbers(values: Sequence[float], model: Policy | RewardModel) -> Sequence[float]:
    if any(math.isnan(value) for value in values):
        raise UserError(
            "the model gives NaN instead of numbers: its training has diverged.",
            where=model.name,
            mend="Train again with a lower learning rate, or leave this model out.",
        )
    return values


def _out_of_memory(error: Exception) -> bool:
    import torch

    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error)


def _padded(
    model: Policy | RewardModel, sequences: Sequence[Sequence[int]], left: bool = False
) -> dict[str, "torch.Tensor"]:
    """Input ids and attention mask of the sequences, (n, longest), on the model's device."""
    import torch

    longest = max(len(sequence) for sequence in sequences)
    ids = torch.full((len(sequences), longest), int(model.tokenizer.pad_token_id or 0))
    mask = torch.zeros_like(ids)
    for row, sequence in enumerate(sequences):
        where = slice(longest - len(sequence), longest) if left else slice(0, len(sequence))
        ids[row, where] = torch.tensor(list(sequence))
        mask[row, where] = 1
    return {"input_ids": ids.to(model.model.device), "attention_mask": mask.to(model.model.device)}


def _log_softmax_between(policy: Policy, sequences: Sequence[Sequence[int]], first: int, last: int) -> "torch.Tensor":
    """Log probabilities (n, last - first, vocabulary) of the tokens after positions first .. last - 1."""
    import torch

    keep: dict[str, torch.Tensor] = {}
    if "logits_to_keep" in inspect.signature(policy.model.forward).parameters:
        keep["logits_to_keep"] = torch.arange(first, last, device=policy.model.device)
    inputs = _padded(policy, sequences)
    # Padding on the right: a causal model's earlier positions never see it, so nothing needs to be masked, and
    # attention without a mask is faster.
    inputs["attention_mask"].fill_(1)
    logits = policy.model(**inputs, use_cache=False, **keep).logits
    return torch.log_softmax((logits if keep else logits[:, first:last]).float(), dim=-1)


def _continuation_sums(policy: Policy, part: Sequence[tuple[tuple[int, ...], tuple[int, ...]]]) -> list[float]:
    import torch

    first = min(len(prompt) for prompt, _ in part) - 1
    last = max(len(prompt) + len(continuation) for prompt, continuation in part) - 1
    size = int(policy.model.config.get_text_config().vocab_size) * (last - first)
    if len(part) > 1 and size * len(part) > LOGITS_AT_ONCE:
        half = len(part) // 2
        return _continuation_sums(policy, part[:half]) + _continuation_sums(policy, part[half:])
    # The last token is only predicted, never read.
    log_p = _log_softmax_between(policy, [(*p, *c[:-1]) for p, c in part], first, last)
    sums = []
    for row, (prompt, continuation) in enumerate(part):
        start = len(prompt) - 1 - first
        at = torch.arange(start, start + len(continuation), device=log_p.device)
        sums.append(log_p[row, at, torch.tensor(continuation, device=log_p.device)].double().sum())
    return [float(value) for value in torch.stack(sums).cpu()]


def _last_distributions(policy: Policy, part: Sequence[Sequence[int]]) -> list[npt.NDArray[np.float64]]:
    vocabulary = int(policy.model.config.get_text_config().vocab_size)
    fitting = [prompt for prompt in part if len(prompt) <= policy.context]
    if not fitting:
        return [np.full(vocabulary, math.nan) for _ in part]
    first, last = min(map(len, fitting)) - 1, max(map(len, fitting))
    if len(part) > 1 and vocabulary * (last - first) * len(part) > LOGITS_AT_ONCE:
        half = len(part) // 2
        return _last_distributions(policy, part[:half]) + _last_distributions(policy, part[half:])
    log_p = _log_softmax_between(policy, fitting, first, last).double().cpu().numpy()
    rows = iter(log_p[row, len(prompt) - 1 - first] for row, prompt in enumerate(fitting))
    return [next(rows) if len(prompt) <= policy.context else np.full(vocabulary, math.nan) for prompt in part]


def _written(policy: Policy, prompts: Sequence[Sequence[int]], room: int, temperature: float) -> list[str]:
    from transformers import GenerationConfig

    inputs = _padded(policy, prompts, left=True)
    # Spelled out, because what is left open is filled in from the model's own generation settings.
    drawing = {"do_sample": True, "temperature": temperature, "top_k": 0}
    config = GenerationConfig(
        max_new_tokens=room,
        num_beams=1,
        repetition_penalty=1.0,
        no_repeat_ngram_size=0,
        top_p=1.0,
        eos_token_id=_stop_ids(policy),
        pad_token_id=int(policy.tokenizer.pad_token_id or 0),
        **(drawing if temperature > 0 else {"do_sample": False, "temperature": 1.0, "top_k": 50}),
    )
    ids = policy.model.generate(**inputs, generation_config=config)
    new = ids[:, inputs["input_ids"].shape[1] :].cpu().tolist()
    return [str(policy.tokenizer.decode(_until(row, _stop_ids(policy)), skip_special_tokens=True)) for row in new]


def _stop_ids(policy: Policy) -> list[int]:
    """The tokens that end an answer: the tokenizer's eos and what the model itself stops at."""
    own = getattr(policy.model.generation_config, "eos_token_id", None)
    listed = own if isinstance(own, list) else [own]
    return sorted({int(i) for i in [*listed, policy.tokenizer.eos_token_id] if i is not None})


def _until(ids: list[int], stops: list[int]) -> list[int]:
    """The ids before the first stop: what follows is padding."""
    return ids[: next((at for at, i in enumerate(ids) if i in stops), len(ids))]


def _rewards(reward_model: RewardModel, part: Sequence[Sequence[int]]) -> list[float]:
    logits = reward_model.model(**_padded(reward_model, part)).logits
    return [float(value) for value in logits[:, 0].float().cpu()]
