"""The report of a run: `report.md` and a self-contained `report.html` with the same content, and terminal output."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from unipref.analysis.best_model import choose_model
from unipref.analysis.leaked_scores import compare_leaked
from unipref.core.errors import UserError, describe, raise_if_resource
from unipref.core.json_files import write_text
from unipref.core.run_folder import MANIFEST, SCORES, Manifest, RunFolder, ScoreRow, ValueRecord, Verdicts
from unipref.report.content import Content, Section, Table, describe_briefly, make_legible
from unipref.report.guard import guard_section
from unipref.report.model_card import write_cards
from unipref.report.render.html import render_html
from unipref.report.render.markdown import render_markdown
from unipref.report.render.terminal import make_list, make_warning_list, render_results, render_table
from unipref.report.scores import group_by_measure, index_paired_verdicts, label_models
from unipref.report.sections.answer import TITLE, make_answer_section
from unipref.report.sections.bias_by_group import choose_models, make_bias_section
from unipref.report.sections.comparison import comparison
from unipref.report.sections.examples import make_example_section
from unipref.report.sections.leaked import TITLE as LEAKED_TITLE
from unipref.report.sections.leaked import make_leaked_section
from unipref.report.sections.mixtures import make_mixture_section
from unipref.report.sections.pareto_front import find_efficient_steps, make_front_table
from unipref.report.sections.proxies import PROXIES, make_proxy_section
from unipref.report.sections.reproduce import make_reproduce_sections
from unipref.report.sections.results import (
    describe_changes,
    make_mean_table,
    make_result_sections,
    make_result_table,
)
from unipref.report.sections.selection import SELECTION_HEAD, list_epoch_warnings, list_selection_warnings
from unipref.report.sections.trade_off import SHORT_NOTE, make_narrow_table, make_trade_off_section, variants_by_label
from unipref.report.sections.training import count_sections, describe_run, make_terminal_sections
from unipref.report.sections.value import TITLE as VALUE_TITLE
from unipref.report.sections.value import make_value_section, make_value_tables
from unipref.report.sections.verdict import list_failures, make_verdict_section

if TYPE_CHECKING:
    from rich.console import RenderableType

ORDER = (
    TITLE,
    "Results",
    PROXIES,
    "Examples",
    "Trade-off",
    "Verdict",
    "Mixtures",
    VALUE_TITLE,
    "Changes from the base model",
    "Scores by metric",
    "Bias by group",
    LEAKED_TITLE,
    "Data flow",
    "Sources",
    "Judges",
    "Split and clean",
    "Selection",
    "Checks before training",
    "Rounds",
    "Training",
    "All scores",
    "Time and memory",
    "How to reproduce",
)
"""The titles of the sections, in order; a run may lack some."""
OPEN = {TITLE, "Results", "Examples"}
"""Sections that are not folded, and so are those that could not be made in full."""
TEXT, PAGE = "report.md", "report.html"
"""The files of the report in a run folder."""
PAGE_ONLY_COLUMNS = (
    "objective",
    "licence",
    "projected",
    "95 %",
    "limit",
    "batch",
    "parameters",
    "trained",
    "free, GB",
    "asked",
)
"""Columns that do not fit a terminal and are shown on the page only."""
MOST_MODELS = 12
"""With more models, the terminal shows only the table of the verdict."""
MORE_IN_REPORT = "the report has all scores with intervals, and the changes of each model."
MOST_COLUMNS = 10
"""Tables with more columns are shown on the page only."""

__all__ = [
    "PAGE",
    "TEXT",
    "comparison",
    "console",
    "efficient",
    "score_table",
    "trade_off",
    "value",
    "write",
    "write_cards",
]


def write(run: Path, on_failure: Callable[[str], None] | None = None) -> Path:
    """Writes `report.md` and `report.html` from a run's `manifest.json`, `scores.json` and `study.yaml`.

    The manifest or the scores must exist. Sections whose data is missing are left out. A section or figure that cannot
    be made becomes a note in the report.

    Args:
        run: the run folder.
        on_failure: called with a sentence on each section and figure that could not be made.

    Returns:
        The HTML page's path.

    Raises:
        UserError: the folder is not a run folder, or its manifest or scores are corrupt.
    """
    content, failures = _make_content(run)
    page = run / PAGE
    markdown, html, more = _render(content)
    write_text(run / TEXT, markdown)
    write_text(page, html)
    for sentence in (*failures, *more):
        (on_failure or _ignore)(sentence)
    return page


def _ignore(sentence: str) -> None:
    """Leaves the sentence to the report itself."""


def _render(content: Content) -> tuple[str, str, list[str]]:
    """Renders both pages; a section that cannot be rendered becomes a note. Also returns a sentence on each."""
    try:
        return render_markdown(content), render_html(content), []
    except Exception:
        failures: list[str] = []
        sections = []
        for section in content.sections:
            try:
                alone = replace(content, sections=[section])
                render_markdown(alone)
                render_html(alone)
                sections.append(section)
            except Exception as error:
                raise_if_resource(error)
                why = describe(error, with_place=True)
                failures.append(f"The section '{section.title}' could not be shown: {why}.")
                sections.append(Section(section.title, paragraphs=[failures[-1]]))
        if not failures:
            raise
        content = replace(content, sections=sections)
        return render_markdown(content), render_html(content), failures


def console(run: Path) -> "RenderableType":
    """The terminal report, for rich to print: result table, changes in words, warnings, verdict.

    With many models it shows the table of the verdict instead, and without scores the counts of the sources.

    Raises:
        UserError: the folder is not a run folder, or its scores are corrupt.
    """
    from rich.console import Group

    folder = _open_run(run)
    scores, manifest, verdicts = folder.scores(), folder.manifest_if_any, folder.verdicts()
    if not scores:
        return source_counts(manifest)
    measures, model_names = group_by_measure(scores), label_models(scores)
    if verdicts and len(model_names) > MOST_MODELS:
        results: RenderableType = Group(
            render_table(make_narrow_table(verdicts)), SHORT_NOTE, f"{len(model_names)} models: {MORE_IN_REPORT}"
        )
    else:
        paired = index_paired_verdicts(folder.paired())
        results = render_results(
            make_mean_table(measures, verdicts, "Scores"), describe_changes(measures, model_names, paired)
        )
    # The signs of failure already include over-aggressive selection.
    selection_notes = list_epoch_warnings(manifest) if verdicts else list_selection_warnings(manifest)
    warnings = [
        *make_warning_list("Signs of failure", list_failures(verdicts)),
        *make_warning_list(SELECTION_HEAD, selection_notes),
    ]
    return Group(results, *warnings, *make_list("Verdict", verdicts.summary if verdicts else []))


def source_counts(manifest: Manifest) -> "RenderableType":
    """Counts of each source's rows, of selection and training, for rich to print."""
    from rich.console import Group

    parts: list[Any] = []
    for section in make_terminal_sections(manifest):
        narrow = [table for table in section.tables if _count_terminal_columns(table) <= MOST_COLUMNS]
        parts += [*section.paragraphs, *(render_table(table, PAGE_ONLY_COLUMNS) for table in narrow), ""]
    parts += make_warning_list(SELECTION_HEAD, list_selection_warnings(manifest))
    return Group(*parts) if parts else "No scores: the study has no benchmarks."


def _count_terminal_columns(table: Table) -> int:
    return sum(column.head not in PAGE_ONLY_COLUMNS for column in table.columns)


def score_table(rows: list[dict[str, Any]]) -> "RenderableType":
    """Scores of models for rich to print: over all examples and the two sides; the JSON output has the other slices.

    Args:
        rows: the result of `api.evaluate_models`.
    """
    models = list(dict.fromkeys(row["model"] for row in rows))
    short_names = {model: Path(model).name or model for model in models}
    if len(set(short_names.values())) < len(models):
        short_names = {model: model for model in models}
    named_rows = [{**row, "variant": "", "step": short_names[row["model"]]} for row in rows]
    scores = msgspec.convert(named_rows, list[ScoreRow], strict=False)
    return render_results(make_result_table(group_by_measure(scores), label_models(scores)), [])


def efficient(rows: Sequence[dict[str, Any]], by: Sequence[str] = ()) -> set[str]:
    """The steps of the Pareto-efficient models; `find_efficient_steps` for rows in the form of `scores.json`."""
    return find_efficient_steps(msgspec.convert(list(rows), list[ScoreRow], strict=False), by)


def trade_off(rows: Sequence[dict[str, Any]], by: Sequence[str] = (), written: Path | None = None) -> "RenderableType":
    """Mixtures for rich to print, one per line, with the efficient ones marked, and the folder of a written one.

    Args:
        rows: the result of `soup.trace`.
        by: as for `efficient`.
        written: the folder of the mixture that was written, if any.
    """
    from rich.console import Group

    table = make_front_table(msgspec.convert(list(rows), list[ScoreRow], strict=False), by) if rows else None
    return Group(*([render_table(table), table.note] if table else []), *([f"Model: {written}"] if written else []))


def value(record: ValueRecord) -> "RenderableType":
    """What the sources contributed, for rich to print: the tables, and what they rest on and do not tell."""
    from rich.console import Group

    section = make_value_section(record)
    parts: list[Any] = []
    for table in make_value_tables(record):
        parts += [table.caption, render_table(table), table.note, ""]
    for points in section.points if section else ():
        parts += make_list(points.head, points.items)
    return Group(*(section.paragraphs if section else ()), "", *parts)


def _make_content(run: Path) -> tuple[Content, list[str]]:
    """The content of the report, and a sentence on each section and figure that could not be made."""
    folder = _open_run(run)
    scores, manifest = folder.scores(), folder.manifest_if_any
    sections: list[Section] = []
    failures: list[str] = []
    verdicts: Verdicts | None = None

    def add(title: str, make: Callable[[], Section | Sequence[Section] | None]) -> None:
        def make_list() -> list[Section]:
            made = make()
            return [made] if isinstance(made, Section) else list(made or [])

        more, sentences = guard_section(title, make_list)
        sections.extend(
            replace(one, folded=one.title not in OPEN and not sentences, brief=describe_briefly(one)) for one in more
        )
        failures.extend(sentences)

    def add_verdict() -> Section | None:
        nonlocal verdicts
        verdicts = folder.verdicts()
        return make_verdict_section(verdicts)

    def add_examples() -> Section | None:
        return make_example_section(manifest, run, choose_model(manifest, verdicts))

    def add_mixtures() -> Section | None:
        models, sides = choose_models(scores, manifest), verdicts.sides if verdicts else {}
        return make_mixture_section(folder.mixtures(), scores, models, sides)

    add("Verdict", add_verdict)
    add(TITLE, lambda: make_answer_section(manifest, verdicts, scores))
    add("Trade-off", lambda: make_trade_off_section(verdicts, scores))
    add("Examples", add_examples)
    add("Bias by group", lambda: make_bias_section(scores, manifest))
    add(LEAKED_TITLE, lambda: make_leaked_section(compare_leaked(run, manifest, folder.leaked_items())))
    add(PROXIES, lambda: make_proxy_section(manifest))
    add("Mixtures", add_mixtures)
    add(VALUE_TITLE, lambda: make_value_section(folder.value()))
    add("Results", lambda: make_result_sections(scores, index_paired_verdicts(folder.paired()), lambda: verdicts))
    for title, make_section in count_sections(manifest, run):
        add(title, make_section)
    add("How to reproduce", lambda: make_reproduce_sections(manifest, run))
    variants: dict[str, str] = {}
    introduction: list[str] = []

    def describe_models() -> None:
        introduction.extend(describe_run(manifest))
        variants.update(_variants(manifest, scores) | variants_by_label(verdicts))

    add("Introduction", describe_models)
    title = f"unipref report: {manifest.name or run.resolve().name}"
    content = Content(title, introduction, sorted(sections, key=_section_order), variants, list(manifest.sources))
    return make_legible(content), failures


def _section_order(section: Section) -> int:
    """The place of a section; one that is not in ORDER comes before the reference sections."""
    return ORDER.index(section.title if section.title in ORDER else "All scores")


def _variants(manifest: Manifest, scores: list[ScoreRow]) -> dict[str, str]:
    """Names of variants and of their models -> the variant."""
    of_models = {label: model.variant for model, label in label_models(scores).items() if not model.is_base}
    return {variant: variant for variant in (*manifest.variants, *manifest.selected, *manifest.train)} | of_models


def _open_run(run: Path) -> RunFolder:
    folder = RunFolder(run)
    if not folder.has_manifest and not folder.has_scores:
        raise UserError(
            f"this is not a run folder: it contains neither {MANIFEST} nor {SCORES}.",
            where=str(run),
            mend="Give the folder that `unipref run STUDY -o FOLDER` wrote.",
        )
    return folder
