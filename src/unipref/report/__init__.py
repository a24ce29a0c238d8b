"""The report of a run: `report.md` and a self-contained `report.html` from the same content, and the terminal's."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from unipref.core.errors import UserError
from unipref.core.json_files import write_text
from unipref.core.run_folder import MANIFEST, SCORES, Manifest, RunFolder, ScoreRow
from unipref.report.content import Content, Section, Table
from unipref.report.model_card import write_cards
from unipref.report.render.html import render_html
from unipref.report.render.markdown import render_markdown
from unipref.report.render.terminal import make_list, make_warning_list, render_results, render_table
from unipref.report.scores import group_by_measure, label_models, paired_verdicts
from unipref.report.sections.bias_by_group import bias_section, shown_models
from unipref.report.sections.comparison import comparison
from unipref.report.sections.examples import example_section
from unipref.report.sections.mixtures import soup_section
from unipref.report.sections.pareto_front import efficient_steps, front_table
from unipref.report.sections.reproduce import reproduce_sections
from unipref.report.sections.results import describe_changes, result_sections, result_table
from unipref.report.sections.selection import SELECTION_HEAD, epoch_warnings, selection_warnings
from unipref.report.sections.trade_off import SHORT_NOTE, side_by_side, trade_off_section, variants_by_label
from unipref.report.sections.training import count_sections, describe_run, terminal_sections
from unipref.report.sections.verdict import failure_warnings, summary, verdict_section

if TYPE_CHECKING:
    from rich.console import RenderableType

ORDER = (
    "Verdict",
    "Results",
    "Trade-off",
    "Mixtures",
    "What changed",
    "Each measure",
    "Data flow",
    "Sources",
    "Split and clean",
    "Selection",
    "Checks before training",
    "Training",
    "Bias by group",
    "Examples",
    "All scores",
    "Time and memory",
    "How to reproduce",
)
"""The sections of a report, by title, as far as a run has them."""
WIDE = ("objective", "licence", "projected", "95 %", "limit", "batch", "parameters", "trained", "free, GB")
"""Columns that are on the page but would not fit a terminal."""
MOST_MODELS = 12
"""Of more models the terminal shows the verdict's table alone."""
ELSEWHERE = "all their scores, with intervals, and what changed in each are in the report."
MOST_COLUMNS = 10
"""Tables of more columns are on the page only."""

__all__ = ["comparison", "console", "efficient", "score_table", "trade_off", "write", "write_cards"]


def write(run: Path) -> Path:
    """Writes `report.md` and `report.html` from a run's `manifest.json`, `scores.json` and `study.yaml`.

    Any of the three may lack parts or be missing, if one is there; the sections made from it are then left out.

    Args:
        run: the run folder.

    Returns:
        The HTML page's path.

    Raises:
        UserError: the folder holds no run, or one of its files is broken.
    """
    content = _content(run)
    page = run / "report.html"
    for path, text in ((run / "report.md", render_markdown(content)), (page, render_html(content))):
        # Half a surrogate pair, which the JSON of a manifest can hold, cannot be written.
        write_text(path, text.encode("utf-8", "replace").decode("utf-8"))
    return page


def console(run: Path) -> "RenderableType":
    """The result table, what changed in words and where selection went too far, for rich to print; of many models the
    verdict's table instead; the sources' counts when there are no scores.

    Raises:
        UserError: the folder holds no run, or its scores are broken.
    """
    from rich.console import Group

    folder = _opened(run)
    scores, manifest, verdicts = folder.scores(), folder.manifest_if_any, folder.verdicts()
    if not scores:
        return source_counts(manifest)
    measures, named = group_by_measure(scores), label_models(scores)
    if verdicts and len(named) > MOST_MODELS:
        results: RenderableType = Group(
            render_table(side_by_side(verdicts)), SHORT_NOTE, f"{len(named)} models: {ELSEWHERE}"
        )
    else:
        paired = paired_verdicts(folder.paired())
        results = render_results(result_table(measures, named), describe_changes(measures, named, paired))
    # The signs of failure tell of over-aggressive selection themselves.
    doubts = epoch_warnings(manifest) if verdicts else selection_warnings(manifest)
    warnings = [
        *make_warning_list("Signs of failure", failure_warnings(verdicts)),
        *make_warning_list(SELECTION_HEAD, doubts),
    ]
    return Group(results, *warnings, *make_list("Verdict", summary(verdicts)))


def source_counts(manifest: Manifest) -> "RenderableType":
    """What became of each source's rows, and what was selected and trained, for rich to print."""
    from rich.console import Group

    parts: list[Any] = []
    for section in terminal_sections(manifest):
        narrow = [table for table in section.tables if _shown(table) <= MOST_COLUMNS]
        parts += [*section.paragraphs, *(render_table(table, WIDE) for table in narrow), ""]
    parts += make_warning_list(SELECTION_HEAD, selection_warnings(manifest))
    return Group(*parts) if parts else "No scores: the study names no benchmarks."


def _shown(table: Table) -> int:
    return sum(column.head not in WIDE for column in table.columns)


def score_table(rows: list[dict[str, Any]]) -> "RenderableType":
    """Scores of models for rich to print: those over all examples and their two sides; other slices are in the JSON.

    Args:
        rows: as `api.evaluate_models` returns them.
    """
    models = list(dict.fromkeys(row["model"] for row in rows))
    variants_by_label = {model: Path(model).name or model for model in models}
    if len(set(variants_by_label.values())) < len(models):
        variants_by_label = {model: model for model in models}
    named = [{**row, "variant": "", "step": variants_by_label[row["model"]]} for row in rows]
    scores = msgspec.convert(named, list[ScoreRow], strict=False)
    return render_results(result_table(group_by_measure(scores), label_models(scores)), [])


def efficient(rows: Sequence[dict[str, Any]], by: Sequence[str] = ()) -> set[str]:
    """The steps of those models that no other beats; as `efficient_steps`, from rows as `scores.json` has them."""
    return efficient_steps(msgspec.convert(list(rows), list[ScoreRow], strict=False), by)


def trade_off(rows: Sequence[dict[str, Any]], by: Sequence[str] = (), made: Path | None = None) -> "RenderableType":
    """Mixtures for rich to print: one a line, the efficient ones marked; and where one was written.

    Args:
        rows: as `soup.trace` returns them.
        by: as for `efficient`.
        made: the folder of a mixture.
    """
    from rich.console import Group

    table = front_table(msgspec.convert(list(rows), list[ScoreRow], strict=False), by) if rows else None
    return Group(*([render_table(table), table.note] if table else []), *([f"Model: {made}"] if made else []))


def _content(run: Path) -> Content:
    folder = _opened(run)
    scores, manifest, verdicts = folder.scores(), folder.manifest_if_any, folder.verdicts()
    title = f"unipref report: {manifest.name or run.resolve().name}"
    results = result_sections(scores, paired_verdicts(folder.paired()))
    judged = [verdict_section(verdicts), trade_off_section(verdicts, scores), example_section(manifest, run)]
    models, sides = shown_models(scores, manifest), verdicts.sides if verdicts else {}
    judged += [bias_section(scores, manifest), soup_section(folder.mixtures(), scores, models, sides)]
    sections = [section for section in judged if section is not None] + results
    sections += count_sections(manifest, run) + reproduce_sections(manifest, run)
    variants = _variants(manifest, scores) | variants_by_label(verdicts)
    return Content(title, describe_run(manifest), sorted(sections, key=_place), variants)


def _place(section: Section) -> int:
    """Where a section stands; one that is not in ORDER stands before what is there for looking up."""
    return ORDER.index(section.title if section.title in ORDER else "All scores")


def _variants(manifest: Manifest, scores: list[ScoreRow]) -> dict[str, str]:
    """Variants by their own names and by those of their models."""
    of_models = {label: model.variant for model, label in label_models(scores).items() if not model.is_base}
    return {variant: variant for variant in (*manifest.variants, *manifest.selected, *manifest.train)} | of_models


def _opened(run: Path) -> RunFolder:
    folder = RunFolder(run)
    if not folder.has_manifest and not folder.has_scores:
        raise UserError(
            f"there is neither a {MANIFEST} nor a {SCORES} in it, so this is not a run folder.",
            where=str(run),
            mend="Give the folder that `unipref run STUDY -o FOLDER` wrote.",
        )
    return folder
