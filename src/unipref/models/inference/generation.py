"""Writing: greedy or drawn, one token at a time, on from the keys and values of what was read.

Texts from several passes are written at once, and one that has ended leaves. Models that cannot read trees write by
transformers' `generate`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from unipref.models.inference.batching import in_batches
from unipref.models.inference.forward import Read, additive, diverged, members
from unipref.models.inference.kv_cache import Taken, keep, take, together
from unipref.models.inference.prefix_trees import Row
from unipref.models.inference.questions import Question, Writing, Written
from unipref.models.loading import Policy

if TYPE_CHECKING:
    import torch

TEXTS_AT_ONCE = 256
"""Texts are written when there are so many, or as many as the bytes below allow."""

CACHE_ON_CPU, CACHE_ON_ACCELERATOR = 2**30, 2**33
"""Most bytes of the texts written at once; on a CPU no more than the weights take: a small model is to need little
memory, and a large one reads its weights for many texts at once."""

LEAST_CACHE = 2**28
"""Bytes that they may have on a CPU however little the weights take."""

SPARSE = 0.75
"""Texts that have ended are taken out, which copies the rest, when fewer than this share are still written."""


@dataclass
class Text:
    """A text to be written.

    Attributes:
        owner: the question it answers.
        question: that question.
        room: most tokens it may get.
        logits: (vocabulary,) for its first token.
        taken, at: keys and values of prompts, and the place of its own among them.
    """

    owner: int
    question: Writing
    room: int
    logits: "torch.Tensor"
    taken: Taken
    at: int
    ids: list[int] = field(default_factory=list)
    ended: bool = False

    def begin(self) -> None:
        """Forgets what was written: a batch may be started again when memory runs out."""
        self.ids, self.ended = [], False
        self.draws = np.random.default_rng(self.question.seed)

    def take(self, token: int, stops: frozenset[int]) -> bool:
        """Takes the next token; False when the text is complete."""
        self.ended = token in stops
        if not self.ended:
            self.ids.append(token)
        return not self.ended and len(self.ids) < self.room

    @property
    def length(self) -> int:
        """Tokens of the prompt."""
        return len(self.question.prompt)

    def bytes(self) -> int:
        """Of its keys and values when it is written to its end, those of its prompt as they were taken (padded to the
        longest beside it) besides; and of its logits, those for its first token besides.
        """
        tokens = self.taken.longest + self.length + self.room
        return self.taken.bytes_per_token() * tokens + 2 * int(self.logits.nbytes)


def stop_ids(policy: Policy) -> list[int]:
    """The tokens that end an answer: the tokenizer's eos and what the model itself stops at; may be none."""
    own = getattr(policy.model.generation_config, "eos_token_id", None)
    listed = own if isinstance(own, list) else [own]
    return sorted({int(i) for i in [*listed, policy.tokenizer.eos_token_id] if i is not None})


def texts_of(policy: Policy, read: Read, rows: Sequence[Row], questions: Sequence[Question]) -> list[Text]:
    """The texts that go on from what was read, with keys and values of their own: those of the rows can go.

    Raises:
        UserError: the logits are not numbers.
    """
    import torch

    begun = [
        (branch, question, row, member)
        for row, member, branch in members(rows)
        if isinstance(question := questions[branch.owner], Writing)
    ]
    if not begun:
        return []
    at = torch.tensor([(row, read.column(row, member)) for _, _, row, member in begun], device=read.logits.device).T
    logits = read.logits[at[0], at[1]]
    if bool(logits.isnan().any()):
        raise diverged(policy)
    paths = [read.packed.paths[row][member].tolist() for _, _, row, member in begun]
    taken = take(read.cache, [row for _, _, row, _ in begun], paths)
    return [
        Text(branch.owner, question, branch.room, logits[place], taken, place)
        for place, (branch, question, _, _) in enumerate(begun)
    ]


def cache_at_once(policy: Policy) -> int:
    """Most bytes of the texts written at once."""
    if policy.model.device.type != "cpu":
        return CACHE_ON_ACCELERATOR
    weights = sum(int(weight.nbytes) for weight in policy.model.parameters())
    return min(max(LEAST_CACHE, weights), CACHE_ON_CPU)


def enough(policy: Policy, texts: Sequence[Text]) -> bool:
    """Whether there are as many texts as are best written at once."""
    return len(texts) >= TEXTS_AT_ONCE or sum(text.bytes() for text in texts) >= cache_at_once(policy)


def write_on(policy: Policy, texts: Sequence[Text], most: int | None) -> Iterator[tuple[int, Written]]:
    """Writes texts to their ends, at most so many at once, and gives their owners and what was written.

    Raises:
        UserError: one text alone does not fit in memory.
    """

    def run(part: Sequence[Text]) -> None:
        _write(policy, part)

    for part, _ in in_batches(texts, run, most or len(texts), Text.bytes, cache_at_once(policy)):
        for text in part:
            yield text.owner, _written(policy, text.ids, text.ended)


def _write(policy: Policy, texts: Sequence[Text]) -> None:
    import torch

    device, stops = policy.model.device, frozenset(stop_ids(policy))
    for text in texts:
        text.begin()
    parts = [(taken, [text.at for text in part]) for taken, part in groupby(texts, key=lambda text: text.taken)]
    cache, places = together(parts, max(text.length + text.room for text in texts))
    logits = torch.stack([text.logits for text in texts])
    held, going = list(texts), [True] * len(texts)
    while True:
        tokens = _chosen(logits, held)
        going = [goes and text.take(token, stops) for goes, text, token in zip(going, held, tokens, strict=True)]
        if not any(going):
            return
        if sum(going) < SPARSE * len(held):
            kept = torch.tensor([at for at, goes in enumerate(going) if goes], device=device)
            keep(cache, kept)
            held, going = [text for text, goes in zip(held, going, strict=True) if goes], [True] * len(kept)
        # A text that has ended, and is still there, repeats its last token at its last place.
        last = [(text.ids[-1] if text.ids else 0, text.length + max(len(text.ids), 1) - 1) for text in held]
        ids, positions = torch.tensor(last, device=device).T
        places.at, places.columns = positions, max(position for _, position in last) + 1
        seen = additive(torch.arange(places.columns, device=device) <= positions[:, None], policy)
        logits = policy.model(
            input_ids=ids[:, None],
            position_ids=positions[:, None],
            attention_mask=seen[:, None, None],
            past_key_values=cache,
            use_cache=True,
        ).logits[:, -1]


def _chosen(logits: "torch.Tensor", texts: Sequence[Text]) -> list[int]:
    """The next token of every text, from (n, vocabulary) logits."""
    import torch

    tokens: list[int] = logits.argmax(dim=-1).tolist()
    drawn = [at for at, text in enumerate(texts) if text.question.temperature > 0]
    if drawn:
        temperatures = torch.tensor([[texts[at].question.temperature] for at in drawn], device=logits.device)
        # The inverse of the distribution function, in float64: a sum over a large vocabulary loses too much in less.
        reached = torch.softmax(logits[drawn].double() / temperatures, dim=-1).cumsum(dim=-1)
        uniform = torch.tensor([[texts[at].draws.random()] for at in drawn], dtype=torch.float64, device=logits.device)
        found = torch.searchsorted(reached, uniform * reached[:, -1:], right=True)
        for at, token in zip(drawn, found[:, 0].tolist(), strict=True):
            tokens[at] = min(token, logits.shape[-1] - 1)
    return tokens


def _written(policy: Policy, ids: list[int], ended: bool) -> Written:
    return Written(str(policy.tokenizer.decode(ids, skip_special_tokens=True)), len(ids), ended)


def write_plain(policy: Policy, questions: Sequence[Writing], room: int) -> list[Written]:
    """What transformers' own `generate` writes: for models that cannot read trees.

    Args:
        policy: the model asked.
        questions: of one temperature and seed.
        room: how many tokens each may get; one for all, so that none depends on its neighbours.
    """
    import torch
    from transformers import GenerationConfig

    longest = max(len(question.prompt) for question in questions)
    pad = 0  # Any token: it is masked.
    rows = [[pad] * (longest - len(question.prompt)) + list(question.prompt) for question in questions]
    mask = [[0] * (longest - len(question.prompt)) + [1] * len(question.prompt) for question in questions]
    device = policy.model.device
    temperature = questions[0].temperature
    # Spelled out, because what is left open is filled in from the model's own generation settings.
    drawing = {"do_sample": True, "temperature": temperature, "top_k": 0}
    stops = stop_ids(policy)
    config = GenerationConfig(
        max_new_tokens=room,
        num_beams=1,
        repetition_penalty=1.0,
        no_repeat_ngram_size=0,
        top_p=1.0,
        eos_token_id=stops or None,
        pad_token_id=pad,
        **(drawing if temperature > 0 else {"do_sample": False, "temperature": 1.0, "top_k": 50}),
    )
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(questions[0].seed)
        found = policy.model.generate(
            input_ids=torch.tensor(rows, device=device),
            attention_mask=torch.tensor(mask, device=device),
            generation_config=config,
        )
    texts = []
    for row in found[:, longest:].tolist():
        # What follows the first stop is padding.
        end = next((at for at, i in enumerate(row) if i in stops), len(row))
        texts.append(_written(policy, row[:end], end < len(row)))
    return texts
