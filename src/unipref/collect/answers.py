"""The policy's answers: k to each prompt, generated in chunks of prompts of similar length, in one process or several.

A chunk is generated as a whole and its file is written at once. So a run that was killed continues with the next
chunk, and the bytes are those of a run that was not: which texts share a batch decides how a sum is rounded.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from unipref.collect.prompts import Prompt
from unipref.collect.schema import Answers
from unipref.core import json_files
from unipref.core.chat_models import Policy, RefusedDialogue
from unipref.core.errors import UserError
from unipref.core.records import Messages
from unipref.core.workers import Local
from unipref.models import inference, loading

CHUNK_TEXTS = 64
"""Texts in a chunk: enough to use the weights well, few enough that a stop loses little."""
MOST_CHARACTERS = 100_000
"""A longer prompt is not tokenised: no model's context holds it."""


class Answer(msgspec.Struct, frozen=True):
    """An answer of the policy.

    Attributes:
        text: without white space at its ends.
        seed: of its sampling.
        n_tokens: generated tokens, without the one that ended it.
        ended: whether the policy ended it; False if it was cut off.
    """

    text: str
    seed: int
    n_tokens: int
    ended: bool


class AnsweredPrompt(msgspec.Struct, frozen=True):
    """The answers to a prompt, by the prompt's place; `why_not` says why there are none."""

    place: int
    answers: list[Answer]
    why_not: str | None = None


class ChunkTask(NamedTuple):
    """What one process needs to answer some prompts.

    Attributes:
        model: folder or hub name of the policy.
        settings: how it answers.
        places, prompts: of the chunk.
        seeds: per prompt, one for each answer.
        file: where the answers go.
    """

    model: str
    settings: Answers
    places: list[int]
    prompts: list[Messages]
    seeds: list[list[int]]
    file: Path


def generate_answers(
    model: str,
    prompts: Sequence[Prompt],
    settings: Answers,
    folder: Path,
    jobs: int,
    on_progress: Callable[[str, int, int], None],
) -> list[AnsweredPrompt]:
    """Generates what the folder does not have yet, and returns the answers to all prompts, in their order.

    Args:
        model: folder or hub name.
        prompts: the prompts.
        settings: how the policy answers.
        folder: for the files of the chunks; it holds nothing of other settings.
        jobs: processes; each uses one thread.
        on_progress: called with a label, finished and all chunks.

    Raises:
        UserError: a file of the folder is damaged, or as `load_policy` and `ask`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tasks = _plan_chunks(model, prompts, settings, folder)
    missing = [task for task in tasks if not task.file.is_file()]
    done = len(tasks) - len(missing)
    with Local(jobs, on_progress=lambda label, one, _: on_progress(label, done + one, len(tasks))) as engine:
        for _ in engine.map(answer_chunk, missing, label="answering"):
            pass
    _load_policy.cache_clear()
    answered = sorted((one for task in tasks for one in _read_chunk(task)), key=lambda one: one.place)
    return answered


def _plan_chunks(model: str, prompts: Sequence[Prompt], settings: Answers, folder: Path) -> list[ChunkTask]:
    """Plans chunks of prompts of similar length, which do not depend on the number of processes."""
    order = sorted(range(len(prompts)), key=lambda place: (_count_characters(prompts[place].messages), place))
    size = max(1, CHUNK_TEXTS // settings.k)
    return [
        ChunkTask(
            model,
            settings,
            places,
            [prompts[place].messages for place in places],
            [make_seeds(prompts[place].key, settings) for place in places],
            folder / f"chunk-{number:06d}.jsonl",
        )
        for number, places in enumerate(_cut(order, size))
    ]


def _cut(places: list[int], size: int) -> Iterator[list[int]]:
    for start in range(0, len(places), size):
        yield places[start : start + size]


def _count_characters(messages: Messages) -> int:
    return sum(len(message["content"]) for message in messages)


def make_seeds(key: str, settings: Answers) -> list[int]:
    """Returns the seeds of the answers to the prompt with this key."""
    return [
        int(np.random.SeedSequence([settings.seed, int(key[:15], 16), number]).generate_state(1)[0])
        for number in range(settings.k)
    ]


def answer_chunk(task: ChunkTask) -> int:
    """Generates the answers of a chunk and writes its file; returns the number of answered prompts."""
    import torch

    policy = _load_policy(task.model, task.settings.precision)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # with another number, sums are rounded in another way
    try:
        answered = list(_answer_prompts(policy, task))
    finally:
        torch.set_num_threads(threads)
    lines = [msgspec.json.encode(one) for one in answered]
    json_files.write_text(task.file, b"".join(line + b"\n" for line in lines).decode("utf-8"))
    return len(answered)


@functools.lru_cache(maxsize=1)
def _load_policy(model: str, precision: str | None) -> Policy:
    return loading.load_policy(model, precision)


def _answer_prompts(policy: Policy, task: ChunkTask) -> Iterator[AnsweredPrompt]:
    settings = task.settings
    groups: list[list[inference.Question]] = []
    whys: list[str | None] = []
    for messages, seeds in zip(task.prompts, task.seeds, strict=True):
        ids, why_not = _encode_prompt(policy, messages, settings.max_new_tokens)
        whys.append(why_not)
        groups.append(
            [inference.Generation(ids, settings.max_new_tokens, settings.temperature, seed) for seed in seeds]
            if ids
            else []
        )
    by_place = dict(inference.ask(policy, groups))
    for index, (place, seeds, why_not) in enumerate(zip(task.places, task.seeds, whys, strict=True)):
        texts = by_place.get(index, [])
        answers = [
            Answer(generated.text.strip(), seed, generated.n_tokens, generated.ended)
            for seed, generated in zip(seeds, texts, strict=bool(texts))
        ]
        yield AnsweredPrompt(place, answers, why_not)


def _encode_prompt(policy: Policy, messages: Messages, new_tokens: int) -> tuple[list[int], str | None]:
    """Returns the tokens of a prompt, or none and why it cannot be answered."""
    if _count_characters(messages) > MOST_CHARACTERS:
        return [], "the prompt is too long for the model's context"
    try:
        ids = list(inference.encode(policy, policy.prompt_text(messages)))
    except RefusedDialogue:
        return [], "the chat template refuses the prompt"
    if len(ids) + new_tokens > policy.context:
        return [], "the prompt leaves no room for an answer in the model's context"
    return ids, None


def _read_chunk(task: ChunkTask) -> list[AnsweredPrompt]:
    """Reads the file of a chunk.

    Raises:
        UserError: it does not hold the answers of the chunk.
    """
    try:
        answered = [msgspec.json.decode(line, type=AnsweredPrompt) for line in task.file.read_bytes().splitlines()]
    except msgspec.DecodeError:
        answered = []
    if [one.place for one in answered] != task.places:
        mend = "Delete this file; its answers are then generated again."
        raise UserError("the file does not hold the answers that were written to it.", where=str(task.file), mend=mend)
    return answered
