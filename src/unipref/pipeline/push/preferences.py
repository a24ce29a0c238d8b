"""Writes the preferences of a run, their answers and judgements as the tables of a dataset on the hub."""

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from unipref.core import parquet, yaml_files
from unipref.core.errors import UserError
from unipref.core.messages import schema_has_parts
from unipref.core.records import MAIN, Row, preference_schema
from unipref.core.run_folder import STUDY, Manifest, RunFolder
from unipref.core.secrets import hide_secrets_in
from unipref.pipeline.push.answers import write_answers
from unipref.pipeline.push.content import Content, Options, SentFile, strip_folders, strip_images
from unipref.pipeline.push.redaction import SIDES, Keys, find_secret, hash_row, is_redacted, parse_study, sort_rows
from unipref.pipeline.push.tables import TableWriter
from unipref.report.dataset_card import write_dataset_card

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
    redacts = is_redacted(run, manifest, variant)
    files = _find_files(run, manifest, variant, redacts)
    selected = _read_selected(run, manifest, variant, seed)
    content = Content("dataset", folders=("preferences/", "answers/", "judgements/"))
    content.licences = [source.licence for source in manifest.sources_of(variant).values()]
    keys = Keys(find_secret(run, keep=not options.dry_run) if redacts or options.redact else None)
    unified = run / manifest.unified_of(variant)
    if redacts:
        ids = {row["id"] for file in files.values() for row in parquet.read_rows(file, ["id"])}
        for row in parquet.read_rows(unified / "preferences.parquet", ["id", *SIDES]):
            if row["id"] in ids:
                keys.of_id[row["id"]] = hash_row(row)
    rows: dict[str, dict[str, int]] = {"preferences": {}}
    for split, file in files.items():
        schema, most = _make_schema(file), parquet.count_rows(file)
        with TableWriter(out / "preferences", split, schema, most) as writer:
            found = _prepare(file, split, selected, keys, options, content)
            for row in _sort_if_secret(found, most, keys, lambda row: str(row["id"]), schema):
                writer.add(row)
        rows["preferences"][split] = writer.rows
    if redacts and options.answers:
        why = "the study redacts personal data, and the sources still hold them"
        content.notes.append(f"The other answers are left out: {why}.")
    elif options.answers and (written := write_answers(run, variant, keys, out / "answers", options, content)):
        rows["answers"] = {"train": written}
    if written := _write_judgements(unified / "judgements.parquet", keys, out / "judgements", options, content):
        rows["judgements"] = {"train": written}
    _note_choices(options, keys, content)
    card = write_dataset_card(repo, manifest, variant, rows, content.notes, licence, has_hashes=not keys.is_secret)
    content.files = [SentFile("README.md", card.encode())]
    content.files += [SentFile(path.relative_to(out).as_posix(), path) for path in sorted(out.rglob("*.parquet"))]
    content.files += [SentFile("provenance.json", _describe_provenance(manifest, variant, keys)), *_read_study(run)]
    return content


def _sort_if_secret(
    rows: Iterator[Row], most: int, keys: Keys, name: Callable[[Row], str], schema: Any
) -> Iterator[Row]:
    """Yields rows; those of a run that redacts are sorted by their published names."""
    if not keys.is_secret:
        yield from rows
        return
    with tempfile.TemporaryDirectory(prefix="unipref-push-") as work:
        yield from sort_rows(rows, most, name, schema, Path(work))


def _find_files(run: Path, manifest: Manifest, variant: str, redacts: bool) -> dict[str, Path]:
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
        if redacts:
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
        keys.prompts.add(bytes.fromhex(keys.find(row)[0]))
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
            **keys.publish(row),
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


def _write_judgements(file: Path, keys: Keys, out: Path, options: Options, content: Content) -> int:
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
    most = parquet.count_rows(file)

    def prepare() -> Iterator[Row]:
        for row in parquet.read_rows(file):
            if bytes.fromhex(row["group"]) not in keys.prompts:
                continue
            answers = [keys.name(answer) for answer in row["answers"]]
            row = {"prompt_key": keys.name(row.pop("group")), **row, "answers": answers}
            row["origin"] = str(strip_folders(row["origin"]))
            if numbers and row["annotator"] is not None:
                row["annotator"] = numbers[row["annotator"]]
            yield row

    def name(row: Row) -> str:
        return "".join([row["prompt_key"], *row["answers"]])

    with TableWriter(out, "train", schema, most) as writer:
        for row in _sort_if_secret(prepare(), most, keys, name, schema):
            writer.add(row)
    return writer.rows


def _note_choices(options: Options, keys: Keys, content: Content) -> None:
    content.notes += [
        text
        for is_left_out, text in (
            (not options.extra, "The further fields of the raw rows (`extra`) are left out."),
            (not options.annotators, "Annotators have numbers in place of their names."),
            (options.redact, "Texts like keys and tokens are replaced by REDACTED."),
            (keys.is_secret, "Ids and keys are made with a secret, so that nobody can guess a replaced text."),
        )
        if is_left_out
    ]


def _describe_provenance(manifest: Manifest, variant: str, keys: Keys) -> bytes:
    """What says where the preferences come from; without the hashes of sources that hold a replaced text."""
    record: dict[str, Any] = msgspec.to_builtins(manifest)
    kept: dict[str, Any] = {name: record[name] for name in PUBLISHED if name in record}
    kept["variant"] = variant
    sources = {name: msgspec.to_builtins(source) for name, source in manifest.sources_of(variant).items()}
    fields = [field for field in OF_SOURCE if not (keys.is_secret and field == "hash")]
    kept["sources"] = {name: {key: source.get(key) for key in fields} for name, source in sources.items()}
    if cleaned := manifest.clean_of(variant):
        kept["clean"] = {**cleaned.parts(), "removed": cleaned.removed}
    return (json.dumps(strip_folders(kept), ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def _read_study(run: Path) -> list[SentFile]:
    """The study without comments, which may say anything, and without paths of this machine."""
    study = parse_study(run)
    return [] if study is None else [SentFile(STUDY, yaml_files.write(strip_folders(study)).encode())]
