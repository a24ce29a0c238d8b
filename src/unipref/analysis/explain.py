"""Why a preference was kept or dropped: its way through a run, from raw row to each variant's and seed's selection.

Files are streamed, one or two columns at a time; text is read for the one preference that is asked about.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unipref.core import parquet
from unipref.core.display import shorten
from unipref.core.errors import UserError, near_name
from unipref.core.records import Messages, Reason
from unipref.core.run_folder import Manifest, RunFolder, each_seed

PARTS = ("train", "dev", "test")
SHOWN = 200
"""Characters of a text that a reader is shown."""
MANY = 8
"""Ids that are listed where a prefix fits several."""
LEAST = 4
"""Places in which an id must agree with what was asked to be offered in its stead."""
ORIGINS = ("source", "kind", "objective", "origin", "axis", "chosen_score", "rejected_score", "margin", "confidence")
PLAIN = (
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
"""Columns of `decisions.parquet` that are no scorer's."""


def explain(folder: Path, asked: str) -> dict[str, Any]:
    """What became of one preference, or of one raw row.

    Args:
        folder: of a run that got at least as far as unify.
        asked: a preference's id or the beginning of one, or a raw row's origin (`ratings.csv:17`).

    Returns:
        `id` and `preference` (where it came from, its scores and texts) for a preference; `origin`, `rejects` (what
        unify rejected of the row, with reasons) and `preferences` (ids that were made of it) for a row. `clean`: one
        entry for each cleaned data set of the run, with the `part` it is in, or the `removed` reason and `twin`.
        `selected`: one entry per variant and seed, with `kept`, `reason` and what the strategy knew. Both are left out
        for a row.

    Raises:
        UserError: there is no such run, id or origin; the near one is offered.
    """
    manifest = RunFolder(folder).manifest
    unified = _unified(folder)
    if ":" in asked:
        return _row(unified, asked)
    found = _ids(unified, asked)
    if not found:
        raise UserError(f"no preference has the id '{asked}'.", where=str(folder), mend=_near_id(unified, asked))
    if len(found) > 1:
        listed = ", ".join(found[:MANY]) + (", ..." if len(found) > MANY else "")
        raise UserError(
            f"'{asked}' is the beginning of {len(found)} ids.", where=str(folder), mend=f"Give more of it: {listed}"
        )
    (key,) = found
    return {
        "id": key,
        "preference": _preference(unified, key),
        "clean": list(_cleaned(folder, key)),
        "selected": list(_selected(folder, manifest, key)),
    }


def as_text(found: dict[str, Any]) -> str:
    """The explanation for a reader."""
    if "origin" in found:
        lines = [found["origin"]]
        lines += [
            f"  unify     rejected ({reject['level']}, {reject['reason']}): {reject['detail']}"
            for reject in found["rejects"]
        ]
        lines += [f"  unify     made preference {key}: unipref explain RUN {key}" for key in found["preferences"]]
        return "\n".join(lines)
    made = found["preference"]
    lines = [f"{found['id']}  {made['source']}, {made['kind']}, {made['objective']}"]
    lines += [f"  {side:9} {_short(made[side])}" for side in ("prompt", "chosen", "rejected") if made[side]]
    lines += [f"  {'unify':9} from {', '.join(made['origin'])}; {_label(made)}"]
    lines += [f"  {'clean':9} {_clean_text(entry, len(found['clean']) > 1)}" for entry in found["clean"]]
    for entry in found["selected"]:
        lines += [f"  {'select':9} {entry['variant']}, seed {entry['seed']}: {_choice_text(entry)}"]
        lines += [f"  {'':9}   {line}" for line in _score_lines(entry)]
    if not found["selected"]:
        removed = bool(found["clean"]) and all(entry["part"] != "train" for entry in found["clean"])
        why = "not among what was selected from" if removed else "nothing has been selected in this run yet"
        lines += [f"  {'select':9} {why}"]
    return "\n".join(lines)


def _unified(folder: Path) -> list[Path]:
    """The folders that unify wrote: the study's, and those of variants that change its sources."""
    folders = [path.parent for path in sorted(folder.glob("unified*/preferences.parquet"))]
    if not folders:
        raise UserError(
            "unify has left no preferences here.", where=str(folder), mend="Run: unipref unify STUDY -o RUN"
        )
    return folders


def _all_ids(unified: list[Path]) -> Iterator[str]:
    for folder in unified:
        for row in parquet.read_rows(folder / "preferences.parquet", ["id"]):
            yield row["id"]


def _ids(unified: list[Path], asked: str) -> list[str]:
    """The id itself where there is one, else those that begin with it."""
    wanted = asked.lower()
    fitting = {key for key in _all_ids(unified) if key.startswith(wanted)}
    return [wanted] if wanted in fitting else sorted(fitting)


def _near_id(unified: list[Path], asked: str) -> str:
    """The id that shares most characters, place by place; the whole list would be of no use to anyone."""
    wanted = asked.lower()

    def shared(key: str) -> int:
        return sum(a == b for a, b in zip(key, wanted, strict=False))

    nearest = max(_all_ids(unified), key=shared, default=None)
    if nearest is None:
        return "There are no preferences in this run."
    if shared(nearest) >= max(LEAST, len(wanted) // 2):
        return f"Did you mean '{nearest}'?"
    return "Ids are in the column 'id' of unified/preferences.parquet; a raw row is meant by its origin, as in file:17."


def _row(unified: list[Path], origin: str) -> dict[str, Any]:
    """What unify made of one raw row, or rejected of it."""
    import pyarrow.compute as pc

    rejects: list[dict[str, Any]] = []
    made: dict[str, None] = {}
    files: set[str] = set()
    for folder in unified:
        for batch in parquet.read_batches(folder / "rejects.parquet"):
            for row in batch.to_pylist():
                files.update(place.rpartition(":")[0] for place in row["origin"])
                if origin in row["origin"]:
                    rejects.append(row)
        for batch in parquet.read_batches(folder / "preferences.parquet", ["id", "origin"]):
            parents = pc.list_parent_indices(batch["origin"])
            mine = pc.take(parents, pc.indices_nonzero(pc.equal(batch["origin"].flatten(), origin)))
            made |= dict.fromkeys(batch["id"].take(mine).to_pylist())
            files.update(place.rpartition(":")[0] for place in batch["origin"].flatten().to_pylist())
    if not rejects and not made:
        file = origin.rpartition(":")[0]
        mend = near_name(file, files)
        if file in files:
            mend = f"'{file}' was read: it has no such row, or the row is an answer between the best and the worst."
        raise UserError(f"nothing in this run comes from '{origin}'.", where=str(unified[0].parent), mend=mend)
    return {"origin": origin, "rejects": rejects, "preferences": list(made)}


def _preference(unified: list[Path], key: str) -> dict[str, Any]:
    """Where a preference came from, its scores and its texts."""
    import pyarrow.compute as pc

    columns = ["id", *ORIGINS, "prompt", "chosen", "rejected"]
    for folder in unified:
        for batch in parquet.read_batches(folder / "preferences.parquet", columns):
            rows = batch.filter(pc.equal(batch["id"], key)).to_pylist()
            if rows:
                return {name: rows[0][name] for name in columns[1:]}
    raise AssertionError(f"{key} was found before")


def _cleaned(folder: Path, key: str) -> Iterator[dict[str, Any]]:
    """What became of a preference in each cleaned data set: its part, or why it was removed."""
    import pyarrow.compute as pc

    for place in sorted(path.parent for path in folder.glob("clean*/removed.parquet")):
        entry: dict[str, Any] = {"folder": place.name, "part": None}
        for part in PARTS:
            batches = parquet.read_batches(place / f"{part}.parquet", ["id"])
            if any(pc.any(pc.equal(batch["id"], key)).as_py() for batch in batches):
                entry["part"] = part
        for batch in parquet.read_batches(place / "removed.parquet"):
            for row in batch.filter(pc.equal(batch["id"], key)).to_pylist():
                # The same preference may stand twice: once kept, and once removed as its own copy.
                entry |= {
                    "removed": row["reason"],
                    **{k: v for k, v in row.items() if k not in ("id", "reason", "source")},
                }
        if entry["part"] or "removed" in entry:
            yield entry


def _selected(folder: Path, manifest: Manifest, key: str) -> Iterator[dict[str, Any]]:
    """Each variant's and seed's decision; variants that share a selection say the same."""
    import pyarrow.compute as pc

    for variant, seed, selected in each_seed(manifest.selected):
        place = folder / (selected.folder or f"selected/{variant}/{seed}")
        if not (place / "decisions.parquet").is_file():
            continue
        for batch in parquet.read_batches(place / "decisions.parquet"):
            for row in batch.filter(pc.equal(batch["id"], key)).to_pylist():
                columns = {name: value for name, value in row.items() if name not in ("id", "source", "objective")}
                yield {"variant": variant, "seed": int(seed), **columns}


def _short(messages: Messages) -> str:
    return shorten(" / ".join(message["content"] for message in messages), SHOWN, one_line=True)


def _label(made: dict[str, Any]) -> str:
    """What decided, in words."""
    said = []
    if made["axis"] is not None and None not in (made["chosen_score"], made["rejected_score"]):
        said.append(f"{made['axis']} {made['chosen_score']:g} against {made['rejected_score']:g}")
    said.append("no margin" if made["margin"] is None else f"margin {made['margin']:.3f} (percentile)")
    if made["confidence"] is not None:
        said.append(f"{made['confidence']:.0%} of judgements agree")
    return ", ".join(said)


def _clean_text(entry: dict[str, Any], several: bool) -> str:
    where = f"{entry['folder']}: " if several else ""
    if "removed" not in entry:
        return f"{where}in {entry['part']}"
    reason, twin = entry["removed"], entry.get("twin")
    instead = "found at" if reason == Reason.BENCHMARK.value else "kept in its place:"
    removed = f"removed as {reason}" + (f", {instead} {twin}" if twin else "")
    return where + (f"in {entry['part']}, and a copy of it {removed}" if entry["part"] else removed)


def _choice_text(entry: dict[str, Any]) -> str:
    """Kept or dropped, and why, in words."""
    said = (
        f"{'kept' if entry['kept'] else 'dropped'}, {entry.get('reason') or 'for a reason its strategy does not give'}"
    )
    if entry.get("blocked_by"):
        said += f" ({entry['blocked_by']}, at distance {entry['distance']:.3f})"
    if entry.get("rank") is not None:
        said += f"; rank {entry['rank']} of {entry['cell_size']} in its cell, of which {entry['cell_kept']} are kept"
    if entry.get("cluster") is not None:
        said += f"; cluster {entry['cluster']}"
    return said


def _score_lines(entry: dict[str, Any]) -> Iterator[str]:
    """What each scorer said, and the percentile among its source's; then the quality made of them."""
    for name, value in entry.items():
        if name in PLAIN or name in ("variant", "seed") or name.endswith("_percentile"):
            continue
        percentile = entry.get(f"{name}_percentile")
        told = "says nothing" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
        yield f"{name} {told}" + (f", percentile {percentile:.3f} in its source" if percentile is not None else "")
    if entry.get("quality") is not None:
        yield f"quality {entry['quality']:.3f} (percentile in its source)"
