"""Generates texts, greedily or by sampling, one token at a time, from the cached keys and values of the prompts.

Texts from several passes are generated in one batch, and a finished text leaves it. Models that do not support trees
use transformers' `generate`.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from unipref.core.chat_models import Policy
from unipref.core.messages import split_reasoning
from unipref.core.template_turns import keeps_reasoning
from unipref.core.work_progress import report_work
from unipref.models.inference.batching import run_in_batches
from unipref.models.inference.forward import PassOutput, additive_mask, divergence_error, iterate_members
from unipref.models.inference.kv_cache import PromptStates, extract_states, keep_texts, merge_states
from unipref.models.inference.prefix_trees import Row
from unipref.models.inference.questions import GeneratedText, Generation, Question

if TYPE_CHECKING:
    import torch

MAX_TEXTS = 256
"""Number of waiting texts at which generation starts, unless the byte limits below are reached first."""

CACHE_ON_CPU, CACHE_ON_ACCELERATOR = 2**31, 2**33
"""Maximum cache bytes of a batch. On a CPU also limited to a multiple of the weights: a small model should need little
memory, and a large one should reuse its weights for many texts."""

CACHE_PER_WEIGHT, MIN_CACHE_ON_CPU = 4, 2**28
"""On a CPU: cache bytes per byte of the weights, and those that a batch may always use. Texts rarely reach the length
that is reserved for them. With four times the weights, 64 answers of a model of 135M parameters fit in one batch: 1.35
times the tokens per second of 20 answers."""

COMPACT_BELOW = 0.75
"""Finished texts are removed, which copies the rest, when the share of unfinished texts falls below this."""


@dataclass
class TextInProgress:
    """A text being generated.

    Attributes:
        owner: number of the question it answers.
        question: that question.
        room: maximum number of tokens to generate.
        logits: (vocabulary,) for its first token.
        states, at: keys and values of several prompts, and the index of its own prompt among them.
    """

    owner: int
    question: Generation
    room: int
    logits: "torch.Tensor"
    states: PromptStates
    at: int
    ids: list[int] = field(default_factory=list)
    ended: bool = False

    def begin(self) -> None:
        """Resets the text: a batch may be restarted when memory runs out."""
        self.ids, self.ended = [], False
        self.draws = np.random.default_rng(self.question.seed)

    def append(self, token: int, stops: frozenset[int]) -> bool:
        """Adds the next token; returns False if the text is complete."""
        self.ended = token in stops
        if not self.ended:
            self.ids.append(token)
        return not self.ended and len(self.ids) < self.room

    @property
    def length(self) -> int:
        """Length of the prompt, in tokens."""
        return len(self.question.prompt)

    def bytes(self) -> int:
        """Memory of a finished text in bytes: its keys and values, its prompt's extracted ones (padded to the longest
        prompt), and its logits, including those for the first token.
        """
        tokens = self.states.longest + self.length + self.room
        return self.states.bytes_per_token() * tokens + 2 * int(self.logits.nbytes)


def stop_ids(policy: Policy) -> list[int]:
    """The tokens that end an answer: the tokenizer's eos and the model's own stop tokens; may be empty."""
    model_eos = getattr(policy.model.generation_config, "eos_token_id", None)
    model_stops = model_eos if isinstance(model_eos, list) else [model_eos]
    return sorted({int(i) for i in [*model_stops, policy.tokenizer.eos_token_id] if i is not None})


def start_texts(
    policy: Policy, output: PassOutput, rows: Sequence[Row], questions: Sequence[Question]
) -> list[TextInProgress]:
    """Starts the texts to generate after a pass, with copies of their keys and values, so that the rows' can be freed.

    Raises:
        UserError: the logits are NaN.
    """
    import torch

    started = [
        (branch, question, row, member)
        for row, member, branch in iterate_members(rows)
        if isinstance(question := questions[branch.owner], Generation)
    ]
    if not started:
        return []
    last_columns = torch.tensor(
        [(row, output.column(row, member)) for _, _, row, member in started], device=output.logits.device
    ).T
    logits = output.logits[last_columns[0], last_columns[1]]
    if bool(logits.isnan().any()):
        raise divergence_error(policy)
    paths = [output.packed.paths[row][member].tolist() for _, _, row, member in started]
    states = extract_states(output.cache, [row for _, _, row, _ in started], paths)
    return [
        TextInProgress(branch.owner, question, branch.room, logits[index], states, index)
        for index, (branch, question, _, _) in enumerate(started)
    ]


def cache_budget(policy: Policy) -> int:
    """Maximum cache bytes of a batch of texts."""
    if policy.model.device.type != "cpu":
        return CACHE_ON_ACCELERATOR
    weights = sum(int(weight.nbytes) for weight in policy.model.parameters())
    return min(max(MIN_CACHE_ON_CPU, CACHE_PER_WEIGHT * weights), CACHE_ON_CPU)


def is_batch_full(policy: Policy, texts: Sequence[TextInProgress]) -> bool:
    """Whether the waiting texts fill a batch."""
    return len(texts) >= MAX_TEXTS or sum(text.bytes() for text in texts) >= cache_budget(policy)


def finish_texts(
    policy: Policy, texts: Sequence[TextInProgress], most: int | None
) -> Iterator[tuple[int, GeneratedText]]:
    """Generates texts to their ends, at most `most` per batch; yields (owner, generated text).

    Raises:
        UserError: a single text does not fit in memory.
    """

    def run(part: Sequence[TextInProgress]) -> None:
        _generate_batch(policy, part)

    for part, _ in run_in_batches(texts, run, most or len(texts), TextInProgress.bytes, cache_budget(policy)):
        for text in part:
            yield text.owner, _decode(policy, text.ids, text.ended)


def _generate_batch(policy: Policy, texts: Sequence[TextInProgress]) -> None:
    import torch

    device, stops = policy.model.device, frozenset(stop_ids(policy))
    for text in texts:
        text.begin()
    parts = [(states, [text.at for text in part]) for states, part in groupby(texts, key=lambda text: text.states)]
    cache, write_positions = merge_states(parts, max(text.length + text.room for text in texts))
    logits = torch.stack([text.logits for text in texts])
    batch, active = list(texts), [True] * len(texts)
    longest, label = max(text.room for text in texts), f"generating {len(texts)} answers, token"
    for position in itertools.count():
        report_work(label, position, longest)
        tokens = _next_tokens(logits, batch)
        active = [
            is_active and text.append(token, stops)
            for is_active, text, token in zip(active, batch, tokens, strict=True)
        ]
        if not any(active):
            return
        if sum(active) < COMPACT_BELOW * len(batch):
            remaining = torch.tensor([at for at, is_active in enumerate(active) if is_active], device=device)
            keep_texts(cache, remaining)
            batch, active = (
                [text for text, is_active in zip(batch, active, strict=True) if is_active],
                [True] * len(remaining),
            )
        # A finished text that is still in the batch repeats its last token in its last column.
        last_tokens = [(text.ids[-1] if text.ids else 0, text.length + max(len(text.ids), 1) - 1) for text in batch]
        ids, positions = torch.tensor(last_tokens, device=device).T
        write_positions.at, write_positions.columns = positions, max(position for _, position in last_tokens) + 1
        mask = additive_mask(torch.arange(write_positions.columns, device=device) <= positions[:, None], policy)
        logits = policy.model(
            input_ids=ids[:, None],
            position_ids=positions[:, None],
            attention_mask=mask[:, None, None],
            past_key_values=cache,
            use_cache=True,
        ).logits[:, -1]


def _next_tokens(logits: "torch.Tensor", texts: Sequence[TextInProgress]) -> list[int]:
    """The next token of every text, from (n, vocabulary) logits."""
    import torch

    tokens: list[int] = logits.argmax(dim=-1).tolist()
    sampled = [at for at, text in enumerate(texts) if text.question.temperature > 0]
    if sampled:
        temperatures = torch.tensor([[texts[at].question.temperature] for at in sampled], device=logits.device)
        # Inverse transform sampling, in float64: a cumulative sum over a large vocabulary needs the precision.
        cumulative = torch.softmax(logits[sampled].double() / temperatures, dim=-1).cumsum(dim=-1)
        uniform = torch.tensor(
            [[texts[at].draws.random()] for at in sampled], dtype=torch.float64, device=logits.device
        )
        choices = torch.searchsorted(cumulative, uniform * cumulative[:, -1:], right=True)
        for at, token in zip(sampled, choices[:, 0].tolist(), strict=True):
            tokens[at] = min(token, logits.shape[-1] - 1)
    return tokens


def _decode(policy: Policy, ids: list[int], ended: bool) -> GeneratedText:
    text = str(policy.tokenizer.decode(ids, skip_special_tokens=True))
    if keeps_reasoning(policy.tokenizer):
        text = split_reasoning(text)[1]  # benchmarks judge the answer, as they do for other models
    return GeneratedText(text, len(ids), ended)


def generate_without_trees(policy: Policy, questions: Sequence[Generation], room: int) -> list[GeneratedText]:
    """Generates with transformers' own `generate`, for models that do not support trees.

    Args:
        policy: the model to run.
        questions: questions of one temperature and seed.
        room: maximum tokens per text; the same for all, so that no text depends on its neighbours.
    """
    import torch
    from transformers import GenerationConfig

    longest = max(len(question.prompt) for question in questions)
    pad = 0  # Any token will do: it is masked.
    rows = [[pad] * (longest - len(question.prompt)) + list(question.prompt) for question in questions]
    mask = [[0] * (longest - len(question.prompt)) + [1] * len(question.prompt) for question in questions]
    device = policy.model.device
    temperature = questions[0].temperature
    # All are set, because transformers fills missing ones from the model's own generation settings.
    sampling = {"do_sample": True, "temperature": temperature, "top_k": 0}
    stops = stop_ids(policy)
    config = GenerationConfig(
        max_new_tokens=room,
        num_beams=1,
        repetition_penalty=1.0,
        no_repeat_ngram_size=0,
        top_p=1.0,
        eos_token_id=stops or None,
        pad_token_id=pad,
        **(sampling if temperature > 0 else {"do_sample": False, "temperature": 1.0, "top_k": 50}),
    )
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(questions[0].seed)
        sequences = policy.model.generate(
            input_ids=torch.tensor(rows, device=device),
            attention_mask=torch.tensor(mask, device=device),
            generation_config=config,
        )
    texts = []
    for row in sequences[:, longest:].tolist():
        # Everything after the first stop token is padding.
        end = next((at for at, i in enumerate(row) if i in stops), len(row))
        texts.append(_decode(policy, row[:end], end < len(row)))
    return texts
