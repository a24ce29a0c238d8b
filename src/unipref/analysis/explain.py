"""Explains why a preference was kept or dropped, from its raw row to the selection of each variant and seed.

It streams the files, one or two columns at a time, and reads text only of the preference in question.
"""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unipref.analysis.explained_judgements import (
    MOST_VOTERS,
    describe_row_judgement,
    describe_split_votes,
    describe_voter,
    find_row_judgements,
    find_voters,
)
from unipref.core import parquet
from unipref.core.display import shorten
from unipref.core.errors import UserError, near_name
from unipref.core.messages import show_message
from unipref.core.records import Messages, Reason
from unipref.core.run_folder import Manifest, RunFolder, each_seed

PARTS = ("train", "dev", "test")
MAX_TEXT = 200
"""Maximum number of characters shown of a text."""
MAX_IDS = 8
"""Maximum number of ids listed if a prefix matches several."""
MIN_MATCHING = 4
"""Minimum number of matching characters for an id to be suggested."""
ORIGINS = (
    *("source", "kind", "objective", "origin", "axis", "chosen_score", "rejected_score"),
    *("margin", "margin_percentile", "confidence", "n_judgements", "n_annotators"),
)
NOT_SCORES = (
    "id",
    "source",
    "objective",
    "kept",
    "reason",
    "quality",
    "cluster",
    "rank",
    "cell_size",
    "cell_kept",
    "blocked_by",
    "distance",
)
"""Columns of `decisions.parquet` that are not scores."""


def explain(folder: Path, query: str) -> dict[str, Any]:
    """Explains what became of one preference, or of one raw row.

    Args:
        folder: a run folder in which unify is finished.
        query: a preference's id or the beginning of one, or a raw row's origin (`ratings.csv:17`).

    Returns:
        For a preference: `id` and `preference` (its origin, scores and texts); `voters`, who judged its two answers, in
        any source, each with `judges` of which answer is better and the annotator's `reliability`; `clean`, one entry
        for each cleaned data set of the run, with the `part` it is in, or the `removed` reason and `twin`; and
        `selected`, one entry per variant and seed (and `step`, in a round), with `kept`, `reason` and the values of the
        strategy. For a row: `origin` and `source`, `rejects` (what unify rejected of it, with reasons), `preferences`
        (the ids made from it), `judgements`, what people judged in it, or in the rows that were rejected with it, and
        `beside`, the ids of preferences of other answers to its prompt, if it has no rejects and no preferences.

    Raises:
        UserError: the run, the id or the origin is missing; the message suggests a near one.
    """
    manifest = RunFolder(folder).manifest
    unified = _find_unified(folder, manifest)
    if ":" in query:
        return _explain_row(unified, query)
    ids = _find_ids(unified, query)
    if not ids:
        raise UserError(f"no preference has the id '{query}'.", where=str(folder), mend=_suggest_id(unified, query))
    if len(ids) > 1:
        listed = ", ".join(ids[:MAX_IDS]) + (", ..." if len(ids) > MAX_IDS else "")
        raise UserError(
            f"'{query}' is the beginning of {len(ids)} ids.", where=str(folder), mend=f"Give more characters: {listed}"
        )
    (key,) = ids
    preference = _read_preference(unified, key)
    return {
        "id": key,
        "preference": preference,
        "voters": find_voters(unified, preference),
        "clean": list(_explain_clean(folder, manifest, key)),
        "selected": list(_explain_selection(folder, manifest, key)),
    }


def as_text(explanation: dict[str, Any], folder: Path = Path("RUN")) -> str:
    """Renders an explanation as text; `folder` is that of the run, for commands to copy."""
    raw = list(_describe_raw_rows(explanation))
    if "origin" in explanation:
        lines = [explanation["origin"]]
        lines += [
            f"  unify     rejected ({reject['level']}, {reject['reason']}): {reject['detail']}"
            for reject in explanation["rejects"]
        ]
        run = shlex.quote(str(folder))
        lines += [
            f"  unify     made preference {key}: unipref explain {run} {key}" for key in explanation["preferences"]
        ]
        lines += [f"  {'judged':9} {describe_row_judgement(one)}" for one in explanation["judgements"]]
        lines += [f"  {'unify':9} {line}" for line in _describe_place(explanation, run)]
        return "\n".join([*lines, *raw])
    preference = explanation["preference"]
    lines = [f"{explanation['id']}  {preference['source']}, {preference['kind']}, {preference['objective']}"]
    lines += [
        f"  {side:9} {_shorten(preference[side])}" for side in ("prompt", "chosen", "rejected") if preference[side]
    ]
    lines += [f"  {'unify':9} from {', '.join(preference['origin'])}; {_describe_label(preference)}"]
    lines += [f"  {'judged':9} {describe_voter(one)}" for one in explanation["voters"][:MOST_VOTERS]]
    lines += [f"  {'judged':9} {line}" for line in describe_split_votes(explanation["voters"])]
    if (more := len(explanation["voters"]) - MOST_VOTERS) > 0:
        lines.append(f"  {'':9} and {more} more judgements; --json lists all")
    cleaned = explanation["clean"]
    lines += [f"  {'clean':9} {_describe_clean(entry, len(cleaned) > 1)}" for entry in cleaned]
    for entry in explanation["selected"]:
        step = f", {entry['step']}" if "step" in entry else ""
        lines += [f"  {'select':9} {entry['variant']}, seed {entry['seed']}{step}: {_describe_selection(entry)}"]
        lines += [f"  {'':9}   {line}" for line in _describe_scores(entry)]
    if not explanation["selected"]:
        not_in_train = bool(cleaned) and all(entry["part"] != "train" for entry in cleaned)
        reason = "not a candidate: it is not in train" if not_in_train else "this run has no selection yet"
        lines += [f"  {'select':9} {reason}"]
    return "\n".join([*lines, *raw])


def _describe_place(explanation: dict[str, Any], run: str) -> Iterator[str]:
    """Yields why a row that was used is in no preference and in no reject."""
    for key in explanation["beside"]:
        yield f"other answers to its prompt made preference {key}: unipref explain {run} {key}"
    if not (explanation["beside"] or explanation["rejects"] or explanation["preferences"]):
        yield "made no preference of its own; the judgements above count in the aggregate (docs/judges.md)"


def _describe_raw_rows(explanation: dict[str, Any]) -> Iterator[str]:
    """Yields the lines of the raw rows, if they were read."""
    for row in explanation.get("raw", ()):
        note = f" ({row['note']})" if row["note"] else ""
        yield f"  {'raw row':9} {row['origin']}{note}"
        yield from (f"  {'':9} {line}" for line in row["text"].splitlines())
    n_more = len(explanation.get("preference", {}).get("origin", ())) - len(explanation.get("raw", ()))
    if n_more > 0 and "raw" in explanation:
        yield f"  {'raw row':9} and {n_more} more, which are not shown"


def _find_unified(folder: Path, manifest: Manifest) -> list[Path]:
    """Finds the folders of unified data: the study's, those of variants with other sources, and those of rounds."""
    folders = [path.parent for path in sorted(folder.glob("unified*/preferences.parquet"))]
    folders += _find_rounds(folder, manifest, "unified", "preferences.parquet")
    if not folders:
        raise UserError(
            "the run has no unified preferences.", where=str(folder), mend="Run: unipref unify STUDY -o RUN"
        )
    return folders


def _find_rounds(folder: Path, manifest: Manifest, stage: str, file: str) -> list[Path]:
    """Finds the folders of a stage of rounds that have a file; each once, as variants may share them."""
    places = dict.fromkeys(one.folders[stage] for _, _, _, one in manifest.each_round() if stage in one.folders)
    return [folder / place for place in places if (folder / place / file).is_file()]


def _read_ids(unified: list[Path]) -> Iterator[str]:
    for folder in unified:
        for row in parquet.read_rows(folder / "preferences.parquet", ["id"]):
            yield row["id"]


def _find_ids(unified: list[Path], query: str) -> list[str]:
    """Finds the id itself, or else the ids that begin with the query."""
    prefix = query.lower()
    ids = {key for key in _read_ids(unified) if key.startswith(prefix)}
    return [prefix] if prefix in ids else sorted(ids)


def _suggest_id(unified: list[Path], query: str) -> str:
    """Suggests the id with the most matching characters, position by position."""
    lowered = query.lower()

    def count_matching(key: str) -> int:
        return sum(a == b for a, b in zip(key, lowered, strict=False))

    nearest = max(_read_ids(unified), key=count_matching, default=None)
    if nearest is None:
        return "The run has no preferences."
    if count_matching(nearest) >= max(MIN_MATCHING, len(lowered) // 2):
        return f"Did you mean '{nearest}'?"
    return "Ids are in the column 'id' of unified/preferences.parquet. Name a raw row by its origin, such as file:17."


def _explain_row(unified: list[Path], origin: str) -> dict[str, Any]:
    """Explains what unify made from one raw row, and what it rejected."""
    import pyarrow.compute as pc

    rejects: list[dict[str, Any]] = []
    ids: dict[str, None] = {}
    source: str | None = None
    files: set[str] = set()
    for folder in unified:
        for batch in parquet.read_batches(folder / "rejects.parquet"):
            for row in batch.to_pylist():
                files.update(place.rpartition(":")[0] for place in row["origin"])
                if origin in row["origin"]:
                    rejects.append(row)
                    source = row["source"]
        for batch in parquet.read_batches(folder / "preferences.parquet", ["id", "origin", "source"]):
            parents = pc.list_parent_indices(batch["origin"])
            rows = pc.take(parents, pc.indices_nonzero(pc.equal(batch["origin"].flatten(), origin)))
            ids |= dict.fromkeys(batch["id"].take(rows).to_pylist())
            source = next(iter(batch["source"].take(rows).to_pylist()), source)
            files.update(place.rpartition(":")[0] for place in batch["origin"].flatten().to_pylist())
    rows = dict.fromkeys([origin, *(place for reject in rejects for place in reject["origin"])])
    judgements = find_row_judgements(unified, list(rows))
    beside = [] if rejects or ids else list(_find_beside(unified, origin))
    source = next((one["source"] for one in (*beside, *judgements)), source) if source is None else source
    if source is None:
        file = origin.rpartition(":")[0]
        mend = near_name(file, files)
        if file in files:
            mend = (
                f"The run read '{file}'. The row is missing or repeats another row. A row of a CSV or JSON Lines file "
                "has the number of its first line, one of a sheet its number there; a header is no row."
            )
        raise UserError(f"nothing in this run comes from '{origin}'.", where=str(unified[0].parent), mend=mend)
    return {
        **{"origin": origin, "source": source, "rejects": rejects, "preferences": list(ids)},
        "judgements": judgements,
        "beside": [one["id"] for one in beside],
    }


def _find_beside(unified: list[Path], origin: str) -> Iterator[dict[str, Any]]:
    """Yields id and source of the preferences that compare other answers to the prompt of a row."""
    import pyarrow.compute as pc

    written = json.dumps(origin, ensure_ascii=False)
    for folder in unified:
        for batch in parquet.read_batches(folder / "preferences.parquet", ["id", "source", "extra"]):
            for row in batch.filter(pc.match_substring(batch["extra"], written)).to_pylist():
                others = json.loads(row["extra"]).get("others", ())
                if any(origin in other["origin"] for other in others):
                    yield row


def _read_preference(unified: list[Path], key: str) -> dict[str, Any]:
    """Reads a preference's origin, scores and texts."""
    import pyarrow.compute as pc

    columns = ["id", *ORIGINS, "prompt", "chosen", "rejected"]
    for folder in unified:
        for batch in parquet.read_batches(folder / "preferences.parquet", columns):
            rows = batch.filter(pc.equal(batch["id"], key)).to_pylist()
            if rows:
                return {name: rows[0][name] for name in columns[1:]}
    raise AssertionError(f"{key} is in the column 'id'")


def _explain_clean(folder: Path, manifest: Manifest, key: str) -> Iterator[dict[str, Any]]:
    """Yields the part that a preference is in, or why it was removed, for each cleaned data set."""
    import pyarrow.compute as pc

    places = sorted(path.parent for path in folder.glob("clean*/removed.parquet"))
    for place in (*places, *_find_rounds(folder, manifest, "clean", "removed.parquet")):
        entry: dict[str, Any] = {"folder": place.relative_to(folder).as_posix(), "part": None}
        for part in PARTS:
            batches = parquet.read_batches(place / f"{part}.parquet", ["id"])
            if any(pc.any(pc.equal(batch["id"], key)).as_py() for batch in batches):
                entry["part"] = part
        for batch in parquet.read_batches(place / "removed.parquet"):
            for row in batch.filter(pc.equal(batch["id"], key)).to_pylist():
                # The same preference may occur twice: one copy kept and the other removed.
                entry |= {
                    "removed": row["reason"],
                    **{k: v for k, v in row.items() if k not in ("id", "reason", "source")},
                }
        if entry["part"] or "removed" in entry:
            yield entry


def _explain_selection(folder: Path, manifest: Manifest, key: str) -> Iterator[dict[str, Any]]:
    """Yields the decision of each variant and seed; variants that share a selection have equal ones."""
    import pyarrow.compute as pc

    selections = [
        ({"variant": variant, "seed": int(seed)}, selected.folder or f"selected/{variant}/{seed}")
        for variant, seed, selected in each_seed(manifest.selected)
    ]
    selections += [
        ({"variant": variant, "seed": int(seed), "step": step}, one.folders.get("selected", ""))
        for variant, seed, step, one in manifest.each_round()
    ]
    for about, selected_folder in selections:
        place = folder / selected_folder
        if not (place / "decisions.parquet").is_file():
            continue
        for batch in parquet.read_batches(place / "decisions.parquet"):
            for row in batch.filter(pc.equal(batch["id"], key)).to_pylist():
                columns = {name: value for name, value in row.items() if name not in ("id", "source", "objective")}
                yield {**about, **columns}


def _shorten(messages: Messages) -> str:
    return shorten(" / ".join(map(show_message, messages)), MAX_TEXT, one_line=True)


def _describe_label(preference: dict[str, Any]) -> str:
    """Describes the evidence for the label."""
    axis, chosen, rejected = (preference[name] for name in ("axis", "chosen_score", "rejected_score"))
    facts = [] if None in (axis, chosen, rejected) else [f"{axis} {chosen:g} against {rejected:g}"]
    percentile, margin, confidence = (preference[name] for name in ("margin_percentile", "margin", "confidence"))
    facts.append("no margin percentile" if percentile is None else f"margin percentile {percentile:.3f}")
    if margin is not None:
        facts.append(f"margin {margin:.3f} in utility")
    if confidence is not None:
        facts.append(f"confidence {confidence:.3f}")
    for name, what in (("n_judgements", "judgement"), ("n_annotators", "named annotator")):
        if (count := preference[name]) is not None:
            facts.append(f"{count} {what}{'' if count == 1 else 's'}")
    return ", ".join(facts)


def _describe_clean(entry: dict[str, Any], has_several: bool) -> str:
    where = f"{entry['folder']}: " if has_several else ""
    if "removed" not in entry:
        return f"{where}in {entry['part']}"
    reason, twin = entry["removed"], entry.get("twin")
    relations = {
        Reason.BENCHMARK.value: "the same text is at",
        Reason.BENCHMARK_MEANING.value: "a text that means the same is at",
        Reason.CONTRADICTION.value: "the opposite label has",
    }
    relation = relations.get(reason, "its copy is kept:")
    removed = f"removed as {reason}" + (f", {relation} {twin}" if twin else "")
    return where + (f"in {entry['part']}, and a copy of it {removed}" if entry["part"] else removed)


def _describe_selection(entry: dict[str, Any]) -> str:
    """Describes whether the preference was kept, and why."""
    decision = "kept" if entry["kept"] else "dropped"
    text = f"{decision}, {entry.get('reason') or 'its strategy gives no reason'}"
    if entry.get("blocked_by"):
        text += f" ({entry['blocked_by']}, at distance {entry['distance']:.3f})"
    if entry.get("rank") is not None:
        text += f"; rank {entry['rank']} of {entry['cell_size']} in its cell, which keeps {entry['cell_kept']}"
    if entry.get("cluster") is not None:
        text += f"; cluster {entry['cluster']}"
    return text


def _describe_scores(entry: dict[str, Any]) -> Iterator[str]:
    """Yields each score with its percentile within the source, then the combined quality."""
    for name, value in entry.items():
        if name in NOT_SCORES or name in ("variant", "seed", "step") or name.endswith("_percentile"):
            continue
        percentile = entry.get(f"{name}_percentile")
        score = "none" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
        yield f"{name} {score}" + (f", percentile {percentile:.3f} in its source" if percentile is not None else "")
    if entry.get("quality") is not None:
        yield f"quality {entry['quality']:.3f} (percentile in its source)"
