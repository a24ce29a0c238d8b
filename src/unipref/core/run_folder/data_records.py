"""Records of the data stages in `manifest.json`: what unify, clean and select did."""

from typing import Any, TypeVar

import msgspec

T = TypeVar("T")
BeforeAfter = tuple[T, T]
"""A figure of the candidates, and of what was kept of them."""


class Polarity(msgspec.Struct):
    """Whether further evidence in a source speaks for its labels; docs/polarity.md.

    Attributes:
        verdict: agrees, contradicts, unclear, too_few or cannot_be_known; why: in words.
        agree, against: preferences whose evidence speaks for and against the chosen answer.
        by_axis: axis -> the same two numbers.
        examples: origins of some that speak against it.
    """

    verdict: str = ""
    why: str = ""
    agree: int = 0
    against: int = 0
    by_axis: dict[str, tuple[int, int]] = {}
    examples: list[str] = []


class SourceCounts(msgspec.Struct):
    """What unify made of one source: rows = used + rejected, groups = projected + groups_rejected.

    Attributes:
        rejected, parts_rejected, groups_rejected, preferences_rejected: reason -> how many were left out.
        examples: reason -> the first one, in words.
        files: the files it was read from; hash: of their content.
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
    projected: int | None = None
    groups_rejected: dict[str, int] = {}
    preferences: int | None = None
    ordered_pairs: int | None = None
    kept_pairs: int | None = None
    implied_pairs: int | None = None
    preferences_rejected: dict[str, int] = {}
    examples: dict[str, str] = {}
    polarity: Polarity | None = None
    files: list[str] = []
    hash: str | None = None


class BenchmarkLeaks(msgspec.Struct):
    """Texts of a benchmark, and the preferences removed because their prompt is among them."""

    texts: int | None = None
    found: int | None = None


class RemovedExample(msgspec.Struct):
    """A preference that clean removed, and what is kept in its place."""

    id: str = ""
    source: str = ""
    reason: str = ""
    twin: str = ""
    origin: str = ""
    twin_origin: str = ""


class CleanCounts(msgspec.Struct):
    """What split and clean did.

    Attributes:
        train, dev, test: preferences in each part.
        removed: reason -> preferences.
        by_source: source -> its `preferences` before, and reason -> those removed; see `before` and `removed_from`.
        examples: reason -> the first that were removed.
        near: pairs `compared` and prompts `tied`, where near-duplicates were looked for.
        notes: what a reader should know.
        folder: where the parts are, relative to the run; variants may share it.
    """

    train: int | None = None
    dev: int | None = None
    test: int | None = None
    removed: dict[str, int] = {}
    by_source: dict[str, dict[str, int]] = {}
    examples: dict[str, list[RemovedExample]] = {}
    benchmarks: dict[str, BenchmarkLeaks] = {}
    near: dict[str, int] | None = None
    notes: list[str] = []
    folder: str = "clean"

    def parts(self) -> dict[str, int]:
        """Part -> preferences, of the parts that were made."""
        sizes = {"train": self.train, "dev": self.dev, "test": self.test}
        return {part: size for part, size in sizes.items() if size is not None}

    def before(self, source: str) -> int:
        """Preferences of a source that came in."""
        return self.by_source.get(source, {}).get("preferences", 0)

    def removed_from(self, source: str) -> dict[str, int]:
        """Reason -> preferences removed from a source."""
        return {reason: n for reason, n in self.by_source.get(source, {}).items() if reason != "preferences"}


class SelectedPart(msgspec.Struct):
    """Some of the candidates, before and after selection; `select.summary.account` says what each figure is.

    Attributes:
        of, name: 'all', 'objective' or 'source', and which one.
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
    """Prompts as points; `select.diversity.two_dimensions` says what each field is.

    Attributes:
        sources, reasons: the names, and for each point its place among them.
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
            raise ValueError(f"a map of {n} points whose fields differ in length")
        for names, places in (self.sources or ([], [])), (self.reasons or ([], [])):
            if any(not 0 <= place < len(names) for place in places):
                raise ValueError("a map with a point whose name is missing")


class SelectionAccount(msgspec.Struct):
    """What a selection changed: its parts before and after, clusters of prompts, a map, and warnings."""

    parts: list[SelectedPart] = []
    clusters: int | None = None
    shared_clusters: int | None = None
    embedder: str = ""
    map: PromptMap | None = None
    warnings: list[str] = []
    seconds: float | None = None


class Selected(msgspec.Struct):
    """What one variant selected with one seed.

    Attributes:
        by_source, by_objective: name -> preferences before and after.
        mean_margin: before and after.
        shortfall: part of the budget -> how many preferences it lacks.
        account: figures of the selection.
        folder: where it is, relative to the run; variants may share it.
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
        """Whether nothing was left out."""
        return self.kept is not None and self.kept == self.candidates

    @property
    def warnings(self) -> list[str]:
        """Signs of over-aggressive selection."""
        return self.account.warnings if self.account else []

    def kept_of(self, kind: str) -> dict[str, int]:
        """Name -> preferences kept, of the parts of a kind ('objective' or 'source') that kept any."""
        parts = self.account.parts if self.account else []
        return {part.name: part.count[1] for part in parts if part.of == kind and part.count[1]}
