"""The prompts that the policy answers in a round: never held out, never of a benchmark, and new in each round."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from unipref.clean.benchmark_leaks import BenchmarkLeaks
from unipref.collect.prompts import Prompt, PromptCounts, iterate_sources, rank_keys
from unipref.core import parquet
from unipref.core.errors import UserError
from unipref.core.records import Message, Messages
from unipref.core.text_keys import prompt_key, root_prompt_key
from unipref.core.work_progress import report_work
from unipref.study.steps import Round
from unipref.unify import ResolvedSource

HELD_OUT = ("dev", "test")
LABEL = "drawing the prompts of a round"


def draw_prompts(
    round_: Round,
    seed: int,
    cleaned: Path,
    other: Sequence[ResolvedSource],
    leaks: BenchmarkLeaks | None,
    work: Path,
    where: str,
) -> tuple[list[Prompt], dict[str, PromptCounts]]:
    """Draws the prompts of a round.

    All prompts are put in an order by a hash of the seeds and the prompt, and the rounds take one part of it after the
    other.

    Args:
        round_: the round.
        seed: of the run.
        cleaned: folder of the study's train, dev and test parts.
        other: the sources whose prompts are used; empty: those of the train part are.
        leaks: the texts of the study's benchmarks; None: it has none with data.
        work: folder for the indices of joined tables.
        where: the place of `prompts` in the study file, for errors.

    Raises:
        UserError: there are too few prompts for all rounds.
    """
    settings, counts = round_.settings.prompts, dict[str, PromptCounts]()
    left_out = _read_held_out(cleaned) if other else set()

    def iterate_all(into: dict[str, PromptCounts]) -> Iterator[tuple[str, Messages]]:
        return iterate_sources(other, into, work) if other else _iterate_train(cleaned, settings.only, into)

    def iterate_allowed() -> Iterator[tuple[str, Messages]]:
        for name, messages in iterate_all(counts):
            if root_prompt_key(messages) in left_out or (leaks is not None and leaks.find(messages) is not None):
                counts[name].held_out += 1
            else:
                yield name, messages

    report_work(LABEL, 0, 2)
    ranked = rank_keys(iterate_allowed(), f"{settings.seed} {seed}", counts)
    parts = 1 if settings.repeat else round_.settings.n
    size = settings.most or len(ranked) // parts
    if size == 0 or size * parts > len(ranked):
        each = f"{size} each" if size else "at least one each"
        rounds = f"{parts} rounds" if parts > 1 else "a round"
        raise UserError(
            f"{rounds} need new prompts, {each}, but there are {len(ranked)} different ones that may be used.",
            where=where,
            mend="Lower 'most' or 'n', name more 'sources', or set 'repeat: true' to ask the same prompts again.",
        )
    first = 0 if settings.repeat else (round_.number - 1) * size
    report_work(LABEL, 1, 2)
    prompts = _find_prompts(ranked[first : first + size], iterate_all({}))
    for prompt in prompts:
        counts[prompt.source].used += 1
    report_work(LABEL, 2, 2)
    return prompts, counts


def _find_prompts(keys: Sequence[str], found: Iterable[tuple[str, Messages]]) -> list[Prompt]:
    """Finds the prompts of some keys in a second pass: all texts of a large source would fill the memory."""
    by_key: dict[str, Prompt | None] = dict.fromkeys(keys)
    for name, messages in found:
        key = prompt_key(messages)
        if key in by_key and by_key[key] is None:
            by_key[key] = Prompt(key, messages, name)
    return [prompt for prompt in by_key.values() if prompt is not None]


def _iterate_train(
    cleaned: Path, only: Sequence[str], counts: dict[str, PromptCounts]
) -> Iterator[tuple[str, Messages]]:
    """Yields source and prompt of the preferences of the train part, and counts them as rows."""
    for row in parquet.read_rows(cleaned / "train.parquet", ["source", "prompt"]):
        name = row["source"]
        if not only or name in only:
            counts.setdefault(name, PromptCounts()).rows += 1
            yield name, [_drop_empty_parts(message) for message in row["prompt"]]


def _drop_empty_parts(message: Message) -> Message:
    """Returns a message without the parts that it lacks: its file has places for those of all messages."""
    kept: Message = {key: value for key, value in message.items() if value is not None}  # type: ignore[assignment]
    return kept


def _read_held_out(cleaned: Path) -> set[str]:
    """Reads the keys of the first user turns that are held out, as they are and as they were before redaction."""
    return {
        key
        for part in HELD_OUT
        if (path := cleaned / f"{part}.parquet").is_file()
        for row in parquet.read_rows(path, ["group", "prompt"])
        for key in (row["group"], root_prompt_key(row["prompt"]))
    }
