"""Records of the data stages (unify, clean, select) in `manifest.json`."""

from typing import Any, TypeVar

import msgspec

from unipref.core.records import Reason

T = TypeVar("T")
BeforeAfter = tuple[T, T]
"""A value for the candidates, and for the kept ones."""


class Polarity(msgspec.Struct):
    """Whether further evidence in a source contradicts its labels; docs/polarity.md.

    Attributes:
        verdict: no_contradiction, contradicts, mixed or unknown; why: the reason.
        agree, against: preferences whose evidence supports and contradicts the chosen answer; prompts: theirs.
        turned: share of the labels that look turned round, null if it is not known, and its 95 % interval.
        by_axis: axis -> for and against.
        by_file, by_rater: name, for, against, and `contradicts` or nothing; at most 20 each, the worst first.
        examples: origins of some that contradict it.
    """

    verdict: str = ""
    why: str = ""
    agree: int = 0
    against: int = 0
    prompts: int = 0
    turned: tuple[float | None, float, float] = (None, 0.0, 1.0)
    by_axis: dict[str, tuple[int, int]] = {}
    by_file: list[tuple[str, int, int, str]] = []
    by_rater: list[tuple[str, int, int, str]] = []
    examples: list[str] = []

    @property
    def in_words(self) -> str:
        """The verdict for a reader; evidence that agrees does not show that labels are right."""
        return "no contradiction seen" if self.verdict == "no_contradiction" else self.verdict


class JudgedScale(msgspec.Struct):
    """What the aggregate estimates of one kind of judgement of a source, on one axis; docs/judges.md.

    Attributes:
        axis: the objective, or a further axis; kind: pair, rating, thumb, ranking or split.
        n_judgements, n_overlapping: all, and those on answers that others judged too.
        slope: how steeply the judgements follow the utilities, with its 95 % interval; below 0 the scale is inverted.
        is_inverted: whether the interval lies below 0 (true) or above (false); null if it is not known.
    """

    axis: str | None = None
    kind: str = ""
    n_judgements: int = 0
    n_overlapping: int = 0
    slope: float | None = None
    low: float | None = None
    high: float | None = None
    is_inverted: bool | None = None


class OverruledCounts(msgspec.Struct):
    """Preferences that all judgements together contradict: all, and of these those left out, turned, and kept."""

    all: int
    left_out: int
    turned: int
    kept: int


class OpposedSources(msgspec.Struct):
    """Two sources that order the same answers the opposite way in `opposite` of `pairs` pairs."""

    first: str = ""
    second: str = ""
    pairs: int = 0
    opposite: int = 0


class SourceCounts(msgspec.Struct):
    """Counts of unify for one source: rows = used + rejected, groups = projected + groups_rejected.

    Attributes:
        rejected, parts_rejected, groups_rejected, preferences_rejected: reason -> how many were left out.
        judgements: rows of `judgements.parquet`.
        copied_judgements: judgements of copied rows, which are not among them.
        informative_judgements: those that may tell how reliable the source and its annotators are.
        confident: preferences with a confidence from the aggregate.
        overruled: preferences with a confidence below `overruled_below`; turned: those whose answers were exchanged.
        ordered_by_aggregate: preferences whose own judgements contradict each other, ordered by those of all sources.
        replacing: preferences that replace an overruled one of their group.
        opposite_judgements: judgements of people who judged the same answers both ways, which do not count.
        opposed: other sources that order the same answers the opposite way.
        scales: what the aggregate estimates of the source's judgements.
        repeated_judgements: judgements that repeat one of the same person, or of a copied row, and do not count.
        examples: `LEVEL.REASON` -> a description of the first one; the level is row, part, group or preference.
        message_parts: part of messages besides text, such as tool_calls -> how many rows hold it.
        unread_turn_fields: field of turns besides role and content -> how many turns hold it; it is not read.
        missing_columns: path that its mapping names and its first rows lack -> the similar field that they have.
        notes: what of its files is not read, and rows that are read but may be meant otherwise.
        files: the files of the source; hash: of their content.
    """

    kind: str | None = None
    objective: str | None = None
    licence: str | None = None
    axis: str | None = None
    rows: int | None = None
    used: int | None = None
    rejected: dict[str, int] = {}
    parts_rejected: dict[str, int] = {}
    groups: int | None = None
    judgements: int | None = None
    informative_judgements: int | None = None
    copied_judgements: int | None = None
    confident: int | None = None
    overruled: int | None = None
    turned: int | None = None
    ordered_by_aggregate: int | None = None
    replacing: int | None = None
    opposite_judgements: int | None = None
    scales: list[JudgedScale] = []
    opposed: list[OpposedSources] = []
    repeated_judgements: int | None = None
    projected: int | None = None
    groups_rejected: dict[str, int] = {}
    preferences: int | None = None
    ordered_pairs: int | None = None
    kept_pairs: int | None = None
    implied_pairs: int | None = None
    preferences_rejected: dict[str, int] = {}
    message_parts: dict[str, int] = {}
    unread_turn_fields: dict[str, int] = {}
    examples: dict[str, str] = {}
    polarity: Polarity | None = None
    missing_columns: dict[str, str] = {}
    notes: list[str] = []
    files: list[str] = []
    hash: str | None = None

    def count_overruled(self) -> OverruledCounts | None:
        """Returns what became of the overruled preferences; None in runs of earlier versions."""
        if self.overruled is None:
            return None
        left_out, turned = self.preferences_rejected.get(Reason.OVERRULED.value, 0), self.turned or 0
        return OverruledCounts(self.overruled, left_out, turned, self.overruled - left_out - turned)


class BenchmarkLeaks(msgspec.Struct):
    """Number of texts of a benchmark, and of preferences removed because their prompt is among them.

    `by_meaning`: further ones, whose prompt says the same in other words; None if meanings were not compared.
    """

    texts: int | None = None
    found: int | None = None
    by_meaning: int | None = None


class RemovedExample(msgspec.Struct):
    """A preference that clean removed, and its kept twin."""

    id: str = ""
    source: str = ""
    reason: str = ""
    twin: str = ""
    origin: str = ""
    twin_origin: str = ""


class CleanCounts(msgspec.Struct):
    """Counts of split and clean.

    Attributes:
        train, dev, test: preferences in each part.
        removed: reason -> preferences.
        by_source: source -> its `preferences` before, and reason -> those removed; see `before` and `removed_from`.
        agreeing: source -> preferences removed because another source has the same label on the same answers.
        examples: reason -> the first ones that were removed.
        near: pairs `compared` and prompts `tied`, if clean searched for near-duplicates.
        redacted: source -> kind of personal data -> values replaced by placeholders.
        notes: what a reader should know.
        folder: folder of the parts, relative to the run; variants may share it.
    """

    train: int | None = None
    dev: int | None = None
    test: int | None = None
    removed: dict[str, int] = {}
    by_source: dict[str, dict[str, int]] = {}
    agreeing: dict[str, int] = {}
    examples: dict[str, list[RemovedExample]] = {}
    benchmarks: dict[str, BenchmarkLeaks] = {}
    near: dict[str, int] | None = None
    redacted: dict[str, dict[str, int]] = {}
    notes: list[str] = []
    folder: str = "clean"

    def parts(self) -> dict[str, int]:
        """Returns part -> preferences, of the parts that were written."""
        sizes = {"train": self.train, "dev": self.dev, "test": self.test}
        return {part: size for part, size in sizes.items() if size is not None}

    def before(self, source: str) -> int:
        """Returns the number of preferences of a source before cleaning."""
        return self.by_source.get(source, {}).get("preferences", 0)

    def removed_from(self, source: str) -> dict[str, int]:
        """Returns reason -> preferences removed from a source."""
        return {reason: n for reason, n in self.by_source.get(source, {}).items() if reason != "preferences"}


class SelectedPart(msgspec.Struct):
    """Some of the candidates, before and after selection; `select.summary` documents each field.

    Attributes:
        of, name: 'all', 'objective' or 'source', and its name.
    """

    of: str = ""
    name: str = ""
    count: BeforeAfter[int] = (0, 0)
    tokens: BeforeAfter[int] = (0, 0)
    margin: BeforeAfter[list[float] | None] = (None, None)
    chosen_words: BeforeAfter[float | None] = (None, None)
    rejected_words: BeforeAfter[float | None] = (None, None)
    length_ratio: BeforeAfter[float | None] = (None, None)
    clusters: BeforeAfter[int | None] = (None, None)
    entropy: BeforeAfter[float | None] = (None, None)
    nearest: tuple[float | None, float | None, float | None] = (None, None, None)
    distinct_2: BeforeAfter[float | None] = (None, None)


class PromptMap(msgspec.Struct):
    """Prompts as points; `select.diversity` documents each field.

    Attributes:
        sources, reasons: the names, and for each point the index of its name.
    """

    x: list[int] = []
    y: list[int] = []
    kept: str = ""
    of: int = 0
    variance: tuple[float, float] = (0.0, 0.0)
    prompts: list[str] | None = None
    sources: tuple[list[str], list[int]] | None = None
    reasons: tuple[list[str], list[int]] | None = None

    def __post_init__(self) -> None:
        n = len(self.kept)
        columns: list[list[Any] | None] = [self.x, self.y, self.prompts]
        columns += [named[1] for named in (self.sources, self.reasons) if named is not None]
        if any(column is not None and len(column) != n for column in columns):
            raise ValueError(f"the prompt map has {n} points, but its fields differ in length")
        for names, places in (self.sources or ([], [])), (self.reasons or ([], [])):
            if any(not 0 <= place < len(names) for place in places):
                raise ValueError("the prompt map has a point whose name is missing")


class SelectionAccount(msgspec.Struct):
    """A summary of a selection: parts before and after, clusters of prompts, a map, and warnings.

    Attributes:
        no_map: why a map of the prompts is missing; empty if the account has a map.
    """

    parts: list[SelectedPart] = []
    clusters: int | None = None
    shared_clusters: int | None = None
    embedder: str = ""
    map: PromptMap | None = None
    no_map: str = ""
    warnings: list[str] = []
    seconds: float | None = None


class Selected(msgspec.Struct):
    """The selection of one variant with one seed.

    Attributes:
        by_source, by_objective: name -> preferences before and after.
        mean_margin: before and after.
        shortfall: part of the budget -> how many preferences are missing.
        account: a summary of the selection.
        folder: its folder, relative to the run; variants may share it.
    """

    candidates: int | None = None
    kept: int | None = None
    tokens: BeforeAfter[int] | None = None
    by_source: dict[str, BeforeAfter[int]] = {}
    by_objective: dict[str, BeforeAfter[int]] = {}
    mean_margin: BeforeAfter[float | None] = (None, None)
    shortfall: dict[str, int] = {}
    notes: list[str] = []
    seconds: float | None = None
    account: SelectionAccount | None = None
    folder: str = ""

    @property
    def keeps_all(self) -> bool:
        """Whether all candidates were kept."""
        return self.kept is not None and self.kept == self.candidates

    @property
    def warnings(self) -> list[str]:
        """Signs of a too narrow selection."""
        return self.account.warnings if self.account else []

    def kept_of(self, kind: str) -> dict[str, int]:
        """Returns name -> kept preferences, of the parts of a kind ('objective' or 'source') that kept any."""
        parts = self.account.parts if self.account else []
        return {part.name: part.count[1] for part in parts if part.of == kind and part.count[1]}
