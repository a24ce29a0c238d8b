"""Nothing that a push sends tells what was replaced: neither texts nor hashes of them, nor the order of the rows."""

import json
import stat
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from hub.test_push_preferences import REPO, write_study
from unipref import select_preferences
from unipref.core import yaml_files
from unipref.core.run_folder import RunFolder
from unipref.core.text_keys import answer_key, prompt_key
from unipref.pipeline.push import Options, push_run
from unipref.pipeline.push.preferences import make_content
from unipref.pipeline.push.redaction import SECRET, is_redacted, sort_rows

MAIL = "Write to ann@mail.org."
TOKEN = "hf_" + "a1B2" * 6


def make(run: Path, out: Path, **options: Any) -> dict[str, list[dict[str, Any]]]:
    """The rows of each table that is sent."""
    make_content(run, REPO, "main", None, out, Options(**options), None)
    tables: dict[str, list[dict[str, Any]]] = {}
    for file in sorted(out.rglob("*.parquet")):
        tables.setdefault(file.parent.name, []).extend(pq.read_table(file).to_pylist())
    return tables


def list_hashes(run: Path) -> set[str]:
    """All names that the run has made of its texts, and those of texts that anybody can guess."""
    rows = pq.read_table(run / "unified" / "preferences.parquet").to_pylist()
    judged = pq.read_table(run / "unified" / "judgements.parquet").to_pylist()
    found = {row[name] for row in rows for name in ("id", "group")}
    found |= {prompt_key(row["prompt"]) for row in rows}
    found |= {answer_key(row[side]) for row in rows for side in ("chosen", "rejected")}
    return found | {row["group"] for row in judged} | {key for row in judged for key in row["answers"]}


@pytest.mark.slow
def test_no_hash_of_a_redacted_text_is_sent_and_the_tables_still_join(tmp_path: Path) -> None:
    run = tmp_path / "run"
    answers = {"Best.": 5, "Fair.": 3, MAIL: 1}
    select_preferences(write_study(tmp_path, answers, {"clean": {"redact": "all"}}), run)
    tables = make(run, tmp_path / "sent")
    assert tables.keys() == {"preferences", "judgements"}
    assert len(tables["preferences"]) == 12
    assert all("mail.org" not in row["rejected"][0]["content"] for row in tables["preferences"])
    sent = b"".join(file.read_bytes() for file in (tmp_path / "sent").rglob("*.parquet")) + json.dumps(tables).encode()
    hashes = list_hashes(run)
    assert len(hashes) > 36
    assert [one for one in hashes if one.encode() in sent] == []

    judged = {(row["prompt_key"], row["answers"][0]): row["value"] for row in tables["judgements"]}
    for row in tables["preferences"]:
        assert judged[row["prompt_key"], row["chosen_key"]] == 5.0
        assert judged[row["prompt_key"], row["rejected_key"]] == 1.0
    for name in ("train", "dev", "test"):
        ids = [row["id"] for row in pq.read_table(next((tmp_path / "sent").rglob(f"{name}-*"))).to_pylist()]
        assert ids == sorted(ids)

    assert stat.S_IMODE((run / SECRET).stat().st_mode) == 0o600
    assert make(run, tmp_path / "again") == tables
    (run / SECRET).unlink()
    assert make(run, tmp_path / "other", dry_run=True)["preferences"][0]["id"] not in json.dumps(tables)
    assert not (run / SECRET).exists()


@pytest.mark.slow
def test_keys_of_texts_whose_secrets_are_replaced_are_of_the_run_alone(tmp_path: Path) -> None:
    run = tmp_path / "run"
    select_preferences(write_study(tmp_path, {"Best.": 5, f"Use {TOKEN}": 1}), run)
    tables = make(run, tmp_path / "sent", redact=True)
    assert not list_hashes(run) & set(json.dumps(tables).split('"'))
    texts = {(row["prompt_key"], row["answer_key"]): row["messages"][0]["content"] for row in tables["answers"]}
    for row in tables["preferences"]:
        assert texts[row["prompt_key"], row["rejected_key"]] == row["rejected"][0]["content"]
    pushed = push_run(run, REPO, dry_run=True, options=Options(redact=True))
    assert any("nobody can guess a replaced text" in note for note in pushed.notes)


@pytest.mark.slow
def test_a_variant_redacts_if_its_study_or_its_counts_say_so(tmp_path: Path) -> None:
    run = tmp_path / "run"
    more = {"variants": {"plain": {"seeds": [1]}, "safe": {"clean": {"redact": "all"}}}}
    select_preferences(write_study(tmp_path, {"Best.": 5, MAIL: 1}, more), run)

    def ask() -> list[bool]:
        manifest = RunFolder(run).manifest
        return [is_redacted(run, manifest, name) for name in ("main", "plain", "safe")]

    assert ask() == [False, False, True]
    # The counts of a run without its study; the study of one in which nothing had to be replaced.
    study = (run / "study.yaml").read_text(encoding="utf-8")
    (run / "study.yaml").unlink()
    assert ask() == [False, False, True]
    parsed = yaml_files.parse(study, "study")
    (run / "study.yaml").write_text(yaml_files.write({**parsed, "clean": {"redact": "all"}}), encoding="utf-8")
    assert ask() == [True, True, True]


def test_rows_are_sorted_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow as pa

    monkeypatch.setattr("unipref.pipeline.push.redaction.ROWS_IN_MEMORY", 10)
    names = [f"{number * 2654435761 % 2**32:08x}{'0' * 24}" for number in range(95)]
    rows = [{"name": name} for name in names]
    schema = pa.schema([("name", pa.string())])
    ordered = list(sort_rows(rows, len(rows), lambda row: str(row["name"]), schema, tmp_path))
    assert [row["name"] for row in ordered] == sorted(names)
    assert len(list(tmp_path.iterdir())) == 10
