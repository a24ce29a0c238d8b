"""The card of a run's preferences on the hub: what each table holds, the sources with their licences, and limits."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from unipref.core.records import UNKNOWN
from unipref.core.run_folder import Manifest
from unipref.report.content import format_count
from unipref.report.licences import MEANING, combine_licences, describe_licences, list_hub_datasets
from unipref.report.render.markdown import escape

if TYPE_CHECKING:
    from huggingface_hub import DatasetCardData

SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
"""Most rows of a category of size on the hub."""
TABLES = {
    "preferences": "One row per preference: `prompt`, `chosen` and `rejected` as messages, scores, margin, confidence, "
    "`origin` (the raw rows that it comes from), and `selected`, whether the run trained on it.",
    "answers": "Each answer of these prompts, also those that are neither chosen nor rejected, with its raw rows.",
    "judgements": "Each judgement of these answers: who judged, on which axis, how. Ratings are scores, turned so that "
    "more is better; pairs, rankings and thumbs are as the sources hold them.",
}
"""Table -> what it holds."""


def write_dataset_card(
    repo: str,
    manifest: Manifest,
    variant: str,
    rows: Mapping[str, Mapping[str, int]],
    notes: Sequence[str],
    licence: str | None = None,
    *,
    has_hashes: bool = True,
) -> str:
    """Writes the card.

    Args:
        repo: the dataset's name on the hub.
        manifest: of the run.
        variant: whose preferences they are.
        rows: table -> split -> number of rows.
        notes: what was left out or changed.
        licence: as the owner states it; None: those of the sources.
        has_hashes: whether the provenance holds the hashes of the sources' files.

    Returns:
        Metadata and Markdown.
    """
    from huggingface_hub import DatasetCard

    sources = manifest.sources_of(variant)
    lines = [f"# {escape(str(manifest.name))}: preferences", ""]
    lines += [f"Preferences that unipref {manifest.unipref} made from {len(sources)} sources of feedback.", ""]
    for table, splits in rows.items():
        counts = ", ".join(f"{split} {format_count(count)}" for split, count in splits.items())
        lines += [f"- **{table}** ({counts} rows). {TABLES[table]}"]
    hashes = " with their hashes" if has_hashes else ""
    lines += ["", "```python", "from datasets import load_dataset", ""]
    lines += [f'{table} = load_dataset("{repo}", "{table}")' for table in rows]
    lines += [
        "```",
        "",
        "`prompt_key` joins the tables. `chosen_key` and `rejected_key` name answers, as `answer_key` of *answers* and "
        f"`answers` of *judgements* do. `provenance.json` has the sources' files{hashes}, the commits of data "
        "and models from the hub, and versions; `study.yaml` has all settings.",
        "",
        "## Sources",
        "",
    ]
    heads = ["source", "shape", "objective", "licence", "rows", "preferences"]
    listed = [heads, ["---"] * len(heads)]
    for name, source in sources.items():
        facts = [name, source.kind or "–", source.objective or "–", source.licence or UNKNOWN]
        listed.append([*facts, format_count(source.rows), format_count(source.preferences)])
    lines += [f"| {' | '.join(map(escape, cells))} |" for cells in listed]
    lines += ["", "## Licences", ""]
    stated = {name: source.licence or UNKNOWN for name, source in sources.items()}
    lines += [f"Its publisher states: {escape(licence)}.", ""] if licence else []
    lines += [f"- {escape(name)}: {escape(text)}" for name, text in stated.items()]
    sizes = {name: source.preferences or 0 for name, source in sources.items()}
    lines += ["", *(f"- {escape(line)}" for line in describe_licences(sources, sizes, "preferences of all sources"))]
    lines += ["", MEANING, "", "## Limits", ""]
    lines += [f"- {escape(note)}" for note in notes]
    lines += [
        "- Preferences are judgements of the people or models behind each source, with their errors and biases.",
        "- unipref chose which answers are compared; `confidence` is an estimate from all judgements, not a fact.",
    ]
    body = "\n".join(lines) + "\n"
    return str(DatasetCard(f"---\n{_front(manifest, variant, rows, licence).to_yaml()}\n---\n\n{body}"))


def _front(
    manifest: Manifest, variant: str, rows: Mapping[str, Mapping[str, int]], licence: str | None
) -> "DatasetCardData":
    from huggingface_hub import DatasetCardData

    stated = [source.licence for source in manifest.sources_of(variant).values()]
    total = sum(rows["preferences"].values())
    terms: dict[str, Any] = {"license": licence} if licence else combine_licences(stated)
    configs = [
        {
            "config_name": table,
            **({"default": True} if table == "preferences" else {}),
            "data_files": [{"split": split, "path": f"{table}/{split}-*.parquet"} for split in splits],
        }
        for table, splits in rows.items()
    ]
    return DatasetCardData(
        pretty_name=str(manifest.name),
        size_categories=next((name for most, name in SIZES if total < most), "n>1M"),
        source_datasets=list_hub_datasets(manifest.sources_of(variant)) or None,
        tags=["unipref", "preference", "rlhf"],
        configs=configs,
        **terms,
    )
