"""Writes the preferences of a run, their answers and judgements as the tables of a dataset on the hub."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from unipref.core import parquet, yaml_files
from unipref.core.errors import UserError
from unipref.core.messages import schema_has_parts
from unipref.core.records import MAIN, Row, preference_schema
from unipref.core.run_folder import STUDY, Manifest, RunFolder
from unipref.core.secrets import hide_secrets_in
from unipref.core.text_keys import answer_key, prompt_key
from unipref.pipeline.push.answers import write_answers
from unipref.pipeline.push.content import Content, Options, SentFile, strip_folders, strip_images
from unipref.pipeline.push.tables import TableWriter
from unipref.report.dataset_card import write_dataset_card

SIDES = ("prompt", "chosen", "rejected")
SPLITS = ("train", "dev", "test")
JUDGEMENTS = "unified/judgements.parquet"
PUBLISHED = ("unipref", "name", "model", "seeds", "versions", "hub")
OF_SOURCE = (
    "kind",
    "objective",
    "licence",
    "axis",
    "rows",
    "used",
    "rejected",
    "groups",
    "preferences",
    "files",
    "hash",
)
"""Fields of the manifest, and of its sources, that say where the preferences come from. None quotes a row."""
MOST_NAMED = 5


class Keys:
    """The keys of the published prompts, and those of each preference whose texts clean has redacted."""

    def __init__(self) -> None:
        self.prompts: set[bytes] = set()
        self.of_id: dict[str, tuple[str, str | None, str | None]] = {}

    def find(self, row: Row) -> tuple[str, str | None, str | None]:
        """Returns the keys of prompt, chosen and rejected."""
        own = self.of_id.get(row["id"])
        return own or _hash_row(row)


def _hash_row(row: Row) -> tuple[str, str | None, str | None]:
    chosen, rejected = (None if row[side] is None else answer_key(row[side]) for side in SIDES[1:])
    return prompt_key(row["prompt"]), chosen, rejected


def make_content(
    run: Path, repo: str, variant: str, seed: str | None, out: Path, options: Options, licence: str | None
) -> Content:
    """Writes the tables into a folder, with the card, the study and the provenance.

    Args:
        run: the run folder.
        repo: the dataset's name on the hub, for the card.
        variant: whose preferences to publish.
        seed: whose selection the column `selected` tells; None: the first one.
        out: an empty folder.
        options: what may be sent.
        licence: as the owner states it; None: those of the sources.

    Raises:
        UserError: the run has no preferences, or a text holds a secret.
    """
    manifest = RunFolder(run).manifest
    files = _find_files(run, manifest, variant)
    selected = _read_selected(run, manifest, variant, seed)
    keys, content = Keys(), Content("dataset", folders=("preferences/", "answers/", "judgements/"))
    content.licences = [source.licence for source in manifest.sources_of(variant).values()]
    cleaned = manifest.clean_of(variant)
    is_redacted = bool(cleaned and cleaned.redacted)
    unified = run / manifest.unified_of(variant)
    if is_redacted:
        ids = {row["id"] for file in files.values() for row in parquet.read_rows(file, ["id"])}
        for row in parquet.read_rows(unified / "preferences.parquet", ["id", *SIDES]):
            if row["id"] in ids:
                keys.of_id[row["id"]] = _hash_row(row)
    rows: dict[str, dict[str, int]] = {"preferences": {}}
    for split, file in files.items():
        writer = TableWriter(out / "preferences", split, _make_schema(file), parquet.count_rows(file))
        with writer:
            for row in _prepare(file, split, selected, keys, options, content):
                writer.add(row)
        rows["preferences"][split] = writer.rows
    if options.answers and is_redacted:
        content.notes.append("The other answers are left out, because clean redacted personal data in these.")
    elif options.answers and (written := write_answers(run, variant, keys.prompts, out / "answers", options, content)):
        rows["answers"] = {"train": written}
    if written := _write_judgements(unified / "judgements.parquet", keys.prompts, out / "judgements", options, content):
        rows["judgements"] = {"train": written}
    _note_choices(options, content)
    card = write_dataset_card(repo, manifest, variant, rows, content.notes, licence)
    content.files = [SentFile("README.md", card.encode())]
    content.files += [SentFile(path.relative_to(out).as_posix(), path) for path in sorted(out.rglob("*.parquet"))]
    content.files += [SentFile("provenance.json", _describe_provenance(manifest, variant)), *_read_study(run)]
    return content


def _find_files(run: Path, manifest: Manifest, variant: str) -> dict[str, Path]:
    """Returns split -> its file, of all preferences that clean kept; without clean, of all that unify wrote."""
    cleaned = manifest.clean_of(variant)
    found: dict[str, Path] = {}
    if cleaned:
        folder = run / (cleaned.folder or "clean")
        found = {split: folder / f"{split}.parquet" for split in SPLITS if (folder / f"{split}.parquet").is_file()}
        found = {split: file for split, file in found.items() if parquet.count_rows(file)}
    unified = run / manifest.unified_of(variant) / "preferences.parquet"
    if not found and variant == MAIN and unified.is_file() and parquet.count_rows(unified):
        found = {"train": unified}
        if _asks_to_redact(_parse_study(run)):
            raise UserError(
                "the study redacts personal data, and the run has no result of clean.",
                where=str(run),
                mend="Redact them: unipref select STUDY -o RUN",
            )
    if not found:
        raise UserError("the run has no preferences.", where=str(run), mend="Make them: unipref select STUDY -o RUN")
    return found


def _read_selected(run: Path, manifest: Manifest, variant: str, seed: str | None) -> set[str] | None:
    """Returns the ids of the preferences that the run trains on; None if it has selected nothing."""
    seeds = manifest.selected.get(variant, {})
    if not seeds:
        return None
    record = seeds[seed or next(iter(seeds))]
    file = run / record.folder / "train.parquet"
    return {row["id"] for row in parquet.read_rows(file, ["id"])} if file.is_file() else None


def _make_schema(file: Path) -> Any:
    import pyarrow as pa

    schema = preference_schema(schema_has_parts(parquet.read_schema(file)))
    further = [("prompt_key", pa.string()), ("chosen_key", pa.string()), ("rejected_key", pa.string())]
    return pa.schema([*schema, *(pa.field(name, kind) for name, kind in further), pa.field("selected", pa.bool_())])


def _prepare(
    file: Path, split: str, selected: set[str] | None, keys: Keys, options: Options, content: Content
) -> Iterator[Row]:
    """Yields the rows as they are published.

    Raises:
        UserError: some texts hold secrets, and they are not to be replaced.
    """
    found: list[str] = []
    stripped = n_images = 0
    for row in parquet.read_rows(file):
        prompt, chosen, rejected = keys.find(row)
        keys.prompts.add(bytes.fromhex(prompt))
        texts = {name: row[name] for name in (*SIDES, *(["extra"] if options.extra else []))}
        hidden = hide_secrets_in(texts)
        if hidden != texts and not options.redact:
            found.append(f"{row['id']} ({row['origin'][0] if row['origin'] else row['source']})")
            continue
        n_images += sum(strip_images(hidden[side]) for side in SIDES)
        origin = [str(strip_folders(place)) for place in row["origin"]]
        stripped += origin != row["origin"]
        is_selected = None if selected is None or split != "train" else row["id"] in selected
        yield {
            **row,
            **hidden,
            "extra": hidden.get("extra", "{}"),
            "origin": origin,
            "prompt_key": prompt,
            "chosen_key": chosen,
            "rejected_key": rejected,
            "selected": is_selected,
        }
    if found:
        named = ", ".join(found[:MOST_NAMED]) + (f" and {len(found) - MOST_NAMED} more" * (len(found) > MOST_NAMED))
        raise UserError(
            f"{len(found)} preferences of {split} hold texts like keys or tokens: {named}.",
            where=str(file),
            mend="Remove them from the data, or replace them in what is sent: --redact-secrets",
        )
    if n_images:
        content.notes.append(f"{n_images} images of {split} are named by their paths; their files are not sent.")
    if stripped:
        content.notes.append(f"The origins of {stripped} preferences of {split} had folders of one machine: removed.")


def _write_judgements(file: Path, prompts: set[bytes], out: Path, options: Options, content: Content) -> int:
    """Writes the judgements of the published prompts, and returns how many there are."""
    if not file.is_file():
        content.notes.append("The run has no table of judgements.")
        return 0
    numbers: dict[str, str] = {}
    if not options.annotators:
        names = {row["annotator"] for row in parquet.read_rows(file, ["annotator"])} - {None}
        numbers = {name: f"annotator-{number}" for number, name in enumerate(sorted(names), 1)}
    schema = parquet.read_schema(file)
    schema = schema.set(0, schema.field(0).with_name("prompt_key"))
    with TableWriter(out, "train", schema, parquet.count_rows(file)) as writer:
        for row in parquet.read_rows(file):
            if bytes.fromhex(row["group"]) not in prompts:
                continue
            row = {"prompt_key": row.pop("group"), **row, "origin": str(strip_folders(row["origin"]))}
            if numbers and row["annotator"] is not None:
                row["annotator"] = numbers[row["annotator"]]
            writer.add(row)
    return writer.rows


def _note_choices(options: Options, content: Content) -> None:
    content.notes += [
        text
        for is_left_out, text in (
            (not options.extra, "The further fields of the raw rows (`extra`) are left out."),
            (not options.annotators, "Annotators have numbers in place of their names."),
            (options.redact, "Texts like keys and tokens are replaced by REDACTED."),
        )
        if is_left_out
    ]


def _describe_provenance(manifest: Manifest, variant: str) -> bytes:
    record: dict[str, Any] = msgspec.to_builtins(manifest)
    kept: dict[str, Any] = {name: record[name] for name in PUBLISHED if name in record}
    kept["variant"] = variant
    sources = {name: msgspec.to_builtins(source) for name, source in manifest.sources_of(variant).items()}
    kept["sources"] = {name: {key: source.get(key) for key in OF_SOURCE} for name, source in sources.items()}
    if cleaned := manifest.clean_of(variant):
        kept["clean"] = {**cleaned.parts(), "removed": cleaned.removed}
    return (json.dumps(strip_folders(kept), ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def _asks_to_redact(study: Any) -> bool:
    """Whether a study, or a variant of it, sets `clean: {redact: ...}`."""
    if isinstance(study, dict):
        return any(
            (str(key).rpartition(".")[2] == "redact" and bool(inner)) or _asks_to_redact(inner)
            for key, inner in study.items()
        )
    return isinstance(study, list) and any(map(_asks_to_redact, study))


def _parse_study(run: Path) -> Any:
    """The study as YAML values; None if the run holds none."""
    file = run / STUDY
    return yaml_files.parse(file.read_text(encoding="utf-8"), str(file)) if file.is_file() else None


def _read_study(run: Path) -> list[SentFile]:
    """The study without comments, which may say anything, and without paths of this machine."""
    study = _parse_study(run)
    return [] if study is None else [SentFile(STUDY, yaml_files.write(strip_folders(study)).encode())]
