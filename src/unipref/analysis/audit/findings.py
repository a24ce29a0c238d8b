"""What an audit says: one `Page` per source, the benchmarks read, the gold's verdict. Numbers, places, no text."""

from typing import Any

import msgspec

from unipref.core.json_files import to_plain_json
from unipref.core.run_folder import Polarity


class RejectCount(msgspec.Struct, frozen=True):
    """How much was left out for one reason.

    Attributes:
        level: row, part (of a row), group or preference.
        example: `file:row` of the first one.
        detail: what was found there.
    """

    level: str
    reason: str
    count: int
    example: str
    detail: str


class CountCheck(msgspec.Struct, frozen=True):
    """Where the rows went.

    Attributes:
        rows, used, rejected: raw rows.
        groups, projected, groups_rejected: answers to one prompt.
        preferences: what is in `preferences.parquet`; `pairs` of them have both sides.
        only_chosen, only_rejected: those with one side.
        after_clean: part -> preferences, of the stage after; empty when the run did not go so far.
        faults: the sums that do not come out; none: the books balance.
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
    """Groups whose evidence prefers nothing: `ties`, or judgements that cancel out (`contradictions`)."""

    ties: int
    contradictions: int
    groups: int


class Repeats(msgspec.Struct, frozen=True):
    """Preferences whose prompt, chosen and rejected texts are those of another.

    Attributes:
        within: preferences that repeat an earlier one of this source.
        across: other source -> different preferences found in both.
        examples: places of a preference and of its twin.
    """

    within: int
    across: dict[str, int]
    examples: list[tuple[str, str]]


class Opposites(msgspec.Struct, frozen=True):
    """The same two answers to the same prompt, once this way and once the other; or one answer judged good and bad.

    Attributes:
        again: different pairs of this source that are in it more than once.
        within: of these, the pairs that are in it both ways.
        across: other source -> pairs that are the other way round there.
        examples: places of both judgements.
    """

    again: int
    within: int
    across: dict[str, int]
    examples: list[tuple[str, str]]


class Lengths(msgspec.Struct, frozen=True):
    """Is the chosen answer the longer one?

    Attributes:
        longer, shorter, equal: pairs in which chosen is so.
        share: longer / (longer + shorter); None when no pair differs.
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
    """Languages of the first user turns: ISO 639 code -> prompts, commonest first; `unknown` for what cannot be told.

    Attributes:
        sampled, prompts: prompts looked at, of so many different ones.
    """

    sampled: int
    prompts: int
    found: dict[str, int]


class Leak(msgspec.Struct, frozen=True):
    """Prompts of a source that occur in one benchmark.

    Attributes:
        exact: different prompts that are one of its texts, normalised.
        overlapping: others that share 0.8 of the 8-word runs of the shorter of both.
        examples: places of the preference and of the benchmark's text.
    """

    benchmark: str
    exact: int
    overlapping: int
    examples: list[tuple[str, str]]


class Prompts(msgspec.Struct, frozen=True):
    """The prompts of a source and where else they are.

    Attributes:
        different: different first user turns, normalised.
        shared: other source -> how many of these are there too.
        examples: places of both.
        leaks: benchmarks in which they are; None when none were given.
    """

    different: int
    shared: dict[str, int]
    examples: list[tuple[str, str]]
    leaks: list[Leak] | None


class Cost(msgspec.Struct, frozen=True):
    """What going binary costs: ordered pairs of answers in the data = kept + implied by those kept + lost."""

    ordered: int
    kept: int
    implied: int
    lost: int


class Page(msgspec.Struct, frozen=True):
    """All that is said of one source; `polarity` as `manifest.json` has it."""

    source: str
    kind: str
    objective: str
    licence: str
    axis: str | None
    books: CountCheck
    rejects: list[RejectCount]
    ties: Ties
    repeats: Repeats
    opposites: Opposites
    length: LengthBias
    languages: Languages
    prompts: Prompts
    cost: Cost
    polarity: Polarity


class BenchmarkFiles(msgspec.Struct, frozen=True):
    """What was read as benchmarks: name -> texts of at least five words; files that could not be read, and why."""

    texts: dict[str, int]
    unread: list[str]


class WrongEntry(msgspec.Struct, frozen=True):
    """An entry of the gold file that the conversion missed: its number, place, what it says, what was found."""

    entry: int
    origin: str
    expected: str
    found: str


class GoldVerdict(msgspec.Struct, frozen=True):
    """Conversion accuracy on the gold file, with its 95 % Wilson interval.

    Attributes:
        by_file: file -> (right, entries).
    """

    right: int
    entries: int
    accuracy: float
    low: float
    high: float
    by_file: dict[str, tuple[int, int]]
    wrong: list[WrongEntry]


class Audit(msgspec.Struct, frozen=True):
    """The whole audit; `notable` says in words what a reader should look at."""

    run: str
    pages: list[Page]
    benchmarks: BenchmarkFiles | None
    gold: GoldVerdict | None
    notable: list[str]

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        told: dict[str, Any] = to_plain_json(msgspec.to_builtins(self))
        return told
