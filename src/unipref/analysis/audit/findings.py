"""The result of an audit: one `SourceAudit` per source, the benchmarks read, the accuracy on gold."""

from typing import Any

import msgspec

from unipref.analysis.audit.judges import JudgesAudit, SourceJudges
from unipref.core.json_files import to_plain_json
from unipref.core.run_folder import Polarity
from unipref.core.stats.calibration import Calibration


class RejectCount(msgspec.Struct, frozen=True):
    """How much unify rejected for one reason.

    Attributes:
        level: row, part (of a row), group or preference.
        example: `file:row` of the first one.
        detail: what unify found there.
    """

    level: str
    reason: str
    count: int
    example: str
    detail: str


class CountCheck(msgspec.Struct, frozen=True):
    """What became of the rows.

    Attributes:
        rows, used, rejected: raw rows.
        groups, projected, groups_rejected: groups of answers to one prompt.
        preferences: rows of `preferences.parquet`; `pairs` of them have both sides.
        only_chosen, only_rejected: those with one side.
        after_clean: part -> preferences; empty if clean is not finished.
        faults: the counts that do not add up; empty if all do.
    """

    rows: int
    used: int
    rejected: int
    groups: int
    projected: int
    groups_rejected: int
    preferences: int
    pairs: int
    only_chosen: int
    only_rejected: int
    after_clean: dict[str, int]
    faults: list[str]


class Ties(msgspec.Struct, frozen=True):
    """Groups whose evidence prefers no answer (`ties`), or whose judgements cancel out (`contradictions`)."""

    ties: int
    contradictions: int
    groups: int


class Repeats(msgspec.Struct, frozen=True):
    """Preferences with the same prompt, chosen and rejected texts as another.

    Attributes:
        within: preferences that repeat an earlier one of this source.
        across: other source -> distinct preferences that occur in both.
        examples: places of a preference and of its duplicate.
    """

    within: int
    across: dict[str, int]
    examples: list[tuple[str, str]]


class Opposites(msgspec.Struct, frozen=True):
    """The same two answers to the same prompt, once in each order; or one answer judged both good and bad.

    Attributes:
        again: distinct pairs that this source holds more than once.
        within: of these, the pairs that it holds in both orders.
        across: other source -> pairs that it holds in the other order.
        examples: places of both judgements.
    """

    again: int
    within: int
    across: dict[str, int]
    examples: list[tuple[str, str]]


class Lengths(msgspec.Struct, frozen=True):
    """How often the chosen answer is the longer one.

    Attributes:
        longer, shorter, equal: number of pairs in which chosen is longer, shorter or equally long.
        share: longer / (longer + shorter); None if no pair differs.
        low, high: its 95 % Wilson interval.
        ratio: geometric mean of length of chosen / length of rejected, over all pairs.
    """

    longer: int
    shorter: int
    equal: int
    share: float | None
    low: float
    high: float
    ratio: float | None


class LengthBias(msgspec.Struct, frozen=True):
    """Lengths in characters and in white-space words; `verdict` is longer, shorter, none or too_few."""

    pairs: int
    characters: Lengths
    words: Lengths
    verdict: str


class Languages(msgspec.Struct, frozen=True):
    """Languages of the first user turns: ISO 639 code -> prompts, commonest first; `unknown` if uncertain.

    Attributes:
        sampled, prompts: number of prompts in the sample, and of distinct prompts.
    """

    sampled: int
    prompts: int
    found: dict[str, int]


class Leak(msgspec.Struct, frozen=True):
    """Prompts of a source that occur in one benchmark.

    Attributes:
        exact: distinct prompts that equal one of its texts, both normalised.
        overlapping: other prompts that share 0.8 of the 8-word runs of the shorter text.
        examples: places of the preference and of the benchmark's text.
    """

    benchmark: str
    exact: int
    overlapping: int
    examples: list[tuple[str, str]]


class Prompts(msgspec.Struct, frozen=True):
    """The prompts of a source, and where else they occur.

    Attributes:
        different: number of distinct first user turns, normalised.
        shared: other source -> how many of these it has too.
        examples: places of the same prompt in both sources.
        leaks: the benchmarks that hold some; None if no benchmarks were given.
    """

    different: int
    shared: dict[str, int]
    examples: list[tuple[str, str]]
    leaks: list[Leak] | None


class Cost(msgspec.Struct, frozen=True):
    """What binary pairs lose: ordered pairs of answers in the data = kept + implied by the kept ones + lost."""

    ordered: int
    kept: int
    implied: int
    lost: int


class PersonalData(msgspec.Struct, frozen=True):
    """Personal data of one kind that were recognised in the texts of a source; others may have been missed.

    Attributes:
        kind: email, phone, card, iban, id or ip.
        values: number of occurrences.
        preferences: number of preferences that have some.
        examples: place of a preference, and the form of the value: `#` for a digit, `x` for a letter.
    """

    kind: str
    values: int
    preferences: int
    examples: list[tuple[str, str]]


class SourceAudit(msgspec.Struct, frozen=True):
    """The findings on one source; `polarity` is that of `manifest.json`; `judges`: None without a `judging.json`."""

    source: str
    kind: str
    objective: str
    licence: str
    axis: str | None
    counts: CountCheck = msgspec.field(name="books")
    rejects: list[RejectCount]
    ties: Ties
    repeats: Repeats
    opposites: Opposites
    length: LengthBias
    languages: Languages
    prompts: Prompts
    cost: Cost
    polarity: Polarity
    personal_data: list[PersonalData] = []
    judges: SourceJudges | None = None


class BenchmarkFiles(msgspec.Struct, frozen=True):
    """The benchmarks read: name -> number of texts of five words or more; and the unreadable files, with reasons."""

    texts: dict[str, int]
    unread: list[str]


class WrongEntry(msgspec.Struct, frozen=True):
    """An entry of the gold file that the conversion misses: its number and place, what it expects, what unify made."""

    entry: int
    origin: str
    expected: str
    found: str


class GoldAccuracy(msgspec.Struct, frozen=True):
    """Conversion accuracy on the gold file, with its 95 % Wilson interval.

    Attributes:
        by_file: file -> (right, entries).
        overruled: further entries, of rows of which only overruled preferences came: how they were converted is not in
            the run.
    """

    right: int
    entries: int
    accuracy: float
    low: float
    high: float
    by_file: dict[str, tuple[int, int]]
    wrong: list[WrongEntry]
    overruled: int = 0


class TruthCheck(msgspec.Struct, frozen=True):
    """How often labels are right, on a file of true labels.

    Attributes:
        entries: of the file.
        calibration: of the pairs with a confidence on which the entries decide, by their confidence.
    """

    entries: int
    calibration: Calibration


class Audit(msgspec.Struct, frozen=True):
    """The whole audit; `notable` lists in words what a reader should look at; `judges` is None without judging.json,
    `gold` and `truth` without their files.
    """

    run: str
    sources: list[SourceAudit] = msgspec.field(name="pages")
    benchmarks: BenchmarkFiles | None
    gold: GoldAccuracy | None
    notable: list[str]
    judges: JudgesAudit | None = None
    truth: TruthCheck | None = None

    def as_dict(self) -> dict[str, Any]:
        """Returns the audit as JSON values."""
        values: dict[str, Any] = to_plain_json(msgspec.to_builtins(self))
        return values
