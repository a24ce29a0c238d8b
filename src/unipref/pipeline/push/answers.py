"""Reads the sources of a run again for all answers to its prompts: the run keeps only the best and the worst."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from unipref import sources
from unipref.core.errors import UserError
from unipref.core.records import Feedback, Reject, preference_schema
from unipref.core.run_folder import RunFolder
from unipref.core.secrets import hide_secrets_in
from unipref.core.text_keys import answer_hash, prompt_key
from unipref.pipeline.explained_rows import find_studies
from unipref.pipeline.push.content import Content, Options, strip_folders, strip_images
from unipref.pipeline.push.redaction import Keys
from unipref.pipeline.push.tables import TableWriter
from unipref.study.load import ResolvedStudy
from unipref.unify import ResolvedSource
from unipref.unify.mapping.images import hash_images

PARTS = ("reasoning", "tool_calls", "tool_call_id", "name", "images", "tools")
"""Parts of a message besides role and content."""


def write_answers(run: Path, variant: str, keys: Keys, out: Path, options: Options, content: Content) -> int:
    """Writes each answer to the published prompts once, and returns how many there are.

    Without the sources, or with sources that have changed, nothing is written, and a note says why. The sources of a
    run that redacts personal data still hold them: do not call this for one.

    Args:
        run: the run folder.
        variant: whose sources to read.
        keys: those of the published prompts.
        out: folder for the table.
        options: what may be sent.
        content: gets notes.

    Raises:
        UserError: an answer holds a secret, and it is not to be replaced.
    """
    resolved = _find_sources(run, variant)
    if isinstance(resolved, str):
        content.notes.append(f"The answers that are neither chosen nor rejected are left out: {resolved}")
        return 0
    schema = _make_schema()
    seen: set[bytes] = set()
    most = sum(source.judgements or 0 for source in RunFolder(run).manifest.sources_of(variant).values())
    with TableWriter(out, "train", schema, max(most, 1)) as writer:
        for source in resolved:
            for feedback, origin in _read(source, run):
                key = prompt_key(feedback.prompt)
                if bytes.fromhex(key) not in keys.prompts:
                    continue
                for response in feedback.responses:
                    answer = answer_hash(response)
                    place = bytes.fromhex(key + answer)
                    if place in seen:
                        continue
                    seen.add(place)
                    messages = [dict.fromkeys(PARTS) | message for message in response.messages]
                    hidden = hide_secrets_in(messages)
                    if hidden != messages and not options.redact:
                        raise UserError(
                            "an answer holds a text like a key or a token.",
                            where=origin,
                            mend="Remove it from the data, or replace it in what is sent: --redact-secrets",
                        )
                    strip_images(hidden)
                    row = {"prompt_key": keys.name(key), "answer_key": keys.name(answer), "messages": hidden}
                    writer.add({**row, "source": source.projection.source, "origin": origin})
    return writer.rows


def _make_schema() -> Any:
    import pyarrow as pa

    texts = [pa.field(name, pa.string(), nullable=False) for name in ("prompt_key", "answer_key", "source", "origin")]
    messages = pa.field("messages", preference_schema(True).field("prompt").type)
    return pa.schema([*texts[:2], messages, *texts[2:]])


def _find_sources(run: Path, variant: str) -> Sequence[ResolvedSource] | str:
    """Returns the sources of a variant, or why their answers cannot be sent."""
    why = "the run holds no study."
    for study in find_studies(run):
        if isinstance(study, str):
            why = study
            continue
        if (found := _check_unchanged(run, study, variant)) is None:
            return study.sources[variant]
        why = found
    return str(strip_folders(why))


def _check_unchanged(run: Path, study: ResolvedStudy, variant: str) -> str | None:
    """Says which source has other files than the run read; None if none has."""
    if variant not in study.variants:
        return f"the study has no variant {variant}."
    recorded = RunFolder(run).manifest.sources_of(variant)
    for source in study.sources[variant]:
        name = source.projection.source
        if name not in recorded or recorded[name].hash != sources.fingerprint(source.parts):
            return f"the files of the source {name} have changed since."
    return None


def _read(source: ResolvedSource, run: Path) -> Iterator[tuple[Feedback, str]]:
    """Yields the feedback of each row with its origin, without what is rejected."""
    with tempfile.TemporaryDirectory() as folder, sources.joined(source.parts, Path(folder)) as read:
        for part in source.parts:
            for number, row in read(part):
                origin = f"{part.origin}:{number}"
                shown = str(strip_folders(origin))
                if isinstance(row, Reject):
                    continue
                try:
                    for item in source.format.read(row):
                        if isinstance(item, Feedback):
                            hash_images(item, part.path, part.origin)
                            yield item, shown
                except Reject:
                    continue
