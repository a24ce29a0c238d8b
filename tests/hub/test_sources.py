"""Sources on the hub: by address and from the catalog, at a revision, with the splits kept apart."""

import gzip
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from support.hub_server import Hub
from unipref import unify_feedback
from unipref.core.errors import UserError
from unipref.study.draft import draft_study
from unipref.unify.inspection import inspect

NAME = "owner/pairs"
MAP = {"prompt": "prompt", "chosen": "chosen", "rejected": "rejected"}


def lines(*answers: str) -> bytes:
    return b"".join(
        json.dumps({"prompt": f"Question {place}?", "chosen": answer, "rejected": "No."}).encode() + b"\n"
        for place, answer in enumerate(answers)
    )


def study(**source: object) -> dict[str, object]:
    return {"sources": [{"name": "s", "format": "pairs", "map": MAP, **source}], "workers": 1}


def unified(out: Path, **source: object) -> list[tuple[str, list[str]]]:
    rows = pq.read_table(unify_feedback(study(**source), out)).to_pylist()
    return sorted((row["chosen"][0]["content"], row["origin"]) for row in rows)


def test_a_moved_branch_does_not_change_a_run_and_a_new_run_reads_it(hub: Hub, tmp_path: Path) -> None:
    address = f"hf://datasets/{NAME}/train.jsonl"
    first = hub.add("dataset", NAME, {"train.jsonl": lines("Old.")})
    old = [("Old.", [f"hf://datasets/{NAME}/train.jsonl:1"])]
    assert unified(tmp_path / "run", path=address) == old
    new = hub.add("dataset", NAME, {"train.jsonl": lines("New.")})
    assert unified(tmp_path / "run", path=address) == old
    assert unified(tmp_path / "other", path=address)[0][0] == "New."
    assert unified(tmp_path / "third", path=address, revision=first) == old
    pins = json.loads((tmp_path / "run" / "manifest.json").read_text())["hub"]
    assert pins == {f"datasets/{NAME}@main": first} == json.loads((tmp_path / "run" / "hub.json").read_text())
    assert json.loads((tmp_path / "other" / "manifest.json").read_text())["hub"][f"datasets/{NAME}@main"] == new


def test_a_repository_with_several_splits_asks_for_the_files(hub: Hub, tmp_path: Path) -> None:
    files = {"data/train-0.jsonl": lines("A."), "data/test-0.jsonl": lines("B."), "README.md": b"---\n---\n"}
    hub.add("dataset", NAME, files)
    with pytest.raises(UserError, match=r"files of several splits, such as data/train-0\.jsonl and data/test-0"):
        unify_feedback(study(path=f"hf://datasets/{NAME}"), tmp_path / "out")
    found = unified(tmp_path / "out", path=f"hf://datasets/{NAME}/data/train-*.jsonl")
    assert found == [("A.", [f"hf://datasets/{NAME}/data/train-0.jsonl:1"])]
    assert "data/test-0.jsonl" not in hub.fetched()


def test_a_whole_repository_and_a_single_file_are_read(hub: Hub, tmp_path: Path) -> None:
    files = {"b.jsonl.gz": gzip.compress(lines("B."), mtime=0), "a.jsonl": lines("A."), "notes.txt": b"Hello."}
    hub.add("dataset", NAME, files)
    assert [answer for answer, _ in unified(tmp_path / "all", path=f"hf://datasets/{NAME}")] == ["A.", "B."]
    manifest = json.loads((tmp_path / "all" / "manifest.json").read_text())
    assert f"hf://datasets/{NAME}/notes.txt" in manifest["sources"]["s"]["notes"][0]
    twice = [f"hf://datasets/{NAME}/a.jsonl", f"hf://datasets/{NAME}/*.jsonl"]
    assert len(unified(tmp_path / "twice", path=twice)) == 1


def test_a_known_dataset_at_a_revision(hub: Hub, tmp_path: Path) -> None:
    row = {"context": [{"role": "user", "content": "Hi?"}], "response1": "Yes.", "response2": "No."}
    row |= {"overall_preference": -2, "domain": "general", "language": "english"}
    data = gzip.compress(json.dumps(row).encode() + b"\n", mtime=0)
    first = hub.add("dataset", "nvidia/HelpSteer3", {"preference/train.jsonl.gz": data})
    hub.add("dataset", "nvidia/HelpSteer3", {"README.md": b""})
    known = {"sources": [{"name": "h", "dataset": "helpsteer3"}], "workers": 1}
    with pytest.raises(UserError, match=r"has no file 'preference/train\.jsonl\.gz'") as caught:
        unify_feedback(known, tmp_path / "new")
    assert "yourself and give 'path'" in str(caught.value)
    known["sources"][0]["revision"] = first  # type: ignore[index]
    assert pq.read_table(unify_feedback(known, tmp_path / "old")).num_rows == 1


def test_a_revision_of_local_files_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines("A."))
    with pytest.raises(UserError, match=r"sources\.0 \(s\)\.revision: a revision is for files on the hub"):
        unify_feedback(study(path=str(tmp_path / "a.jsonl"), revision="v1"), tmp_path / "out")


def test_inspect_and_init_propose_the_commit_that_they_read(hub: Hub) -> None:
    commit = hub.add("dataset", NAME, {"train.jsonl": lines("A.", "B.", "C.")})
    address = f"hf://datasets/{NAME}/train.jsonl"
    (found,) = inspect([address])
    assert found.source["path"] == address
    assert found.source["revision"] == commit
    assert f"revision: {commit}" in draft_study([address])


def test_offline_with_nothing_fetched_says_to_give_a_path(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UserError) as caught:
        unify_feedback({"sources": [{"name": "h", "dataset": "helpsteer3"}]}, tmp_path / "out")
    text = str(caught.value)
    assert "sources.0 (h).dataset: the dataset nvidia/HelpSteer3 (main) is not in the cache" in text
    assert "preference/train.jsonl.gz of" in text
    assert "yourself and give 'path'" in text
    assert not (tmp_path / "out").exists()


def test_a_known_dataset_that_is_not_on_the_hub_needs_a_path(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="the path is missing, and 'llmbar' cannot be fetched from the hub"):
        unify_feedback({"sources": [{"name": "h", "dataset": "llmbar"}], "workers": 1}, tmp_path / "out")
