"""Preferences are sent by the real client and read back by `datasets`, with what must stay here left out."""

import json
import shutil
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from support.hub_server import Fault, Hub
from unipref import select_preferences, unify_feedback
from unipref.core import yaml_files
from unipref.core.errors import UserError
from unipref.core.run_folder import RunFolder
from unipref.pipeline.push import Options, push_run
from unipref.pipeline.push.preferences import make_content

REPO = "user/prefs"
ANSWERS = {"Best.": 5, "Good.": 4, "Fair.": 3, "Bad.": 1}


def write_study(
    folder: Path, answers: dict[str, int] = ANSWERS, more: dict[str, Any] | None = None, **source: Any
) -> Path:
    rows = [
        {"q": f"Question {number}?", "a": f"{answer} {number}", "stars": stars, "who": f"ann{stars % 2}@mail.org"}
        for number in range(12)
        for answer, stars in answers.items()
    ]
    data = folder / "data"
    data.mkdir(parents=True)
    (data / "rated.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    mapping = {
        "prompt": "q",
        "response": "a",
        "scores": {"stars": {"field": "stars", "better": "high", "low": 1, "high": 5}},
    }
    settings = {"name": "rated", "path": str(data / "rated.jsonl"), "format": "ratings", "licence": "CC-BY-4.0"}
    settings |= {"map": {**mapping, "annotator": "who", "keep": ["who"]}, **source}
    study = {"name": "A | study", "sources": [settings], "split": {"dev": 0.2, "test": 0.2}, "workers": 1}
    study |= more or {}
    (folder / "study").mkdir()  # the data lie outside of its folder, so that origins are absolute
    (folder / "study" / "study.yaml").write_text(yaml_files.write(study))
    return folder / "study" / "study.yaml"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pushed")
    select_preferences(write_study(folder), folder / "run")
    return folder / "run"


def load(hub: Hub, name: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_ENDPOINT", hub.url)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", cache / "datasets")
    return datasets.load_dataset(REPO, name, cache_dir=str(cache / "datasets"), token=hub.token)


@pytest.mark.slow
def test_a_dataset_with_all_answers_and_judgements_comes_back(
    hub: Hub, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    pushed = push_run(run, REPO, on_note=lines.append)
    assert pushed.url == f"{hub.url}/datasets/{REPO}"
    assert hub.repos["dataset", REPO].is_private
    assert lines[0].startswith("sending README.md (1 of ")

    preferences = load(hub, "preferences", tmp_path, monkeypatch)
    assert set(preferences) == {"train", "dev", "test"}
    rows = [row for split in preferences.values() for row in split]
    assert len(rows) == 12
    assert all(row["chosen"][0]["content"].startswith("Best.") for row in rows)
    assert {row["selected"] for row in preferences["train"]} == {True}
    assert {row["extra"] for row in rows} == {"{}"}
    assert rows[0]["origin"][0].startswith("rated.jsonl:")

    answers = load(hub, "answers", tmp_path, monkeypatch)["train"]
    judgements = load(hub, "judgements", tmp_path, monkeypatch)["train"]
    assert len(answers) == len(judgements) == 48
    texts = {(row["prompt_key"], row["answer_key"]): row["messages"][0]["content"] for row in answers}
    for row in rows:
        assert texts[row["prompt_key"], row["chosen_key"]] == row["chosen"][0]["content"]
        assert texts[row["prompt_key"], row["rejected_key"]] == row["rejected"][0]["content"]
    assert {texts[row["prompt_key"], row["answers"][0]].split(".")[0]: row["value"] for row in judgements} == {
        "Best": 5.0, "Good": 4.0, "Fair": 3.0, "Bad": 1.0,
    }  # fmt: skip
    assert set(judgements["annotator"]) == {"annotator-1", "annotator-2"}


@pytest.mark.slow
def test_nothing_sent_names_this_machine_its_token_or_people(hub: Hub, run: Path) -> None:
    push_run(run, REPO)
    files = hub.files("dataset", REPO)
    everything = b"".join(files.values())
    for secret in (str(run.parent), "/tmp/", hub.token, "mail.org"):
        assert secret.encode() not in everything
    for path in run.rglob("*"):
        assert not path.is_file() or hub.token.encode() not in path.read_bytes()
    provenance = json.loads(files["provenance.json"])
    assert provenance["sources"]["rated"]["files"] == ["rated.jsonl"]
    assert provenance["sources"]["rated"]["licence"] == "CC-BY-4.0"
    study = yaml_files.parse(files["study.yaml"].decode(), "study.yaml")
    assert study["sources"][0]["path"] == "rated.jsonl"
    card = files["README.md"].decode()
    front = yaml_files.parse(card.split("---\n")[1], "README.md")
    assert front["license"] == "cc-by-4.0"
    assert front["configs"][0] == {
        "config_name": "preferences",
        "default": True,
        "data_files": [{"split": s, "path": f"preferences/{s}-*.parquet"} for s in ("train", "dev", "test")],
    }
    assert f'load_dataset("{REPO}", "judgements")' in card
    assert "- rated: CC-BY-4.0" in card
    assert "Annotators have numbers in place of their names." in card


def test_a_dry_run_lists_files_and_sizes_and_asks_nobody(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    pushed = push_run(run, REPO, dry_run=True)
    names = [file["path"] for file in pushed.files]
    assert names[0] == "README.md"
    assert "preferences/train-00000-of-00001.parquet" in names
    assert all(file["bytes"] > 0 for file in pushed.files)
    assert "Would send" in pushed.as_text()
    with pytest.raises(UserError, match="sending to the hub needs a token"):
        push_run(run, REPO)


@pytest.mark.slow
def test_a_push_that_was_cut_goes_on_and_a_second_one_sends_nothing(hub: Hub, run: Path) -> None:
    hub.faults = [Fault("POST api/datasets/user/prefs/commit/main", status=400)]
    with pytest.raises(UserError, match="the commit"):
        push_run(run, REPO)
    sent = [one for one in hub.requests if one.startswith("PUT lfs/")]
    hub.requests.clear()
    first = push_run(run, REPO)
    assert sent
    assert not [one for one in hub.requests if one.startswith("PUT lfs/")]
    commits = len(hub.repos["dataset", REPO].commits)
    assert push_run(run, REPO).commit == first.commit
    assert len(hub.repos["dataset", REPO].commits) == commits


@pytest.mark.slow
def test_older_files_that_would_be_read_too_are_removed_and_others_stay(hub: Hub, run: Path) -> None:
    old = {"preferences/train-00001-of-00002.parquet": b"PAR1", "mine.txt": b"mine"}
    hub.add("dataset", REPO, old, is_private=True)
    push_run(run, REPO, options=Options(answers=False))
    files = hub.files("dataset", REPO)
    assert "mine.txt" in files
    assert "preferences/train-00001-of-00002.parquet" not in files


def test_a_public_repository_is_not_written_unless_told(hub: Hub, run: Path) -> None:
    hub.add("dataset", REPO, {"a": b""})
    with pytest.raises(UserError, match="the repository exists and is public"):
        push_run(run, REPO)
    assert set(hub.files("dataset", REPO)) == {"a"}


def test_a_private_repository_stays_private_and_the_result_says_so(hub: Hub, run: Path) -> None:
    hub.add("dataset", REPO, {"a": b""}, is_private=True)
    pushed = push_run(run, REPO, options=Options(answers=False), is_public=True)
    assert not pushed.is_public
    assert "to a private repository" in pushed.as_text()
    assert f"change it at {pushed.url}/settings" in pushed.notes[-1]


@pytest.mark.slow
def test_unknown_licences_and_secrets_stop_a_push(hub: Hub, tmp_path: Path) -> None:
    secret = "hf_" + "a1B2" * 6
    answers = {"Best.": 5, f"Use {secret}": 1}
    select_preferences(write_study(tmp_path, answers, licence=None), tmp_path / "run")
    with pytest.raises(UserError, match="preferences of train hold texts like keys or tokens") as caught:
        push_run(tmp_path / "run", REPO)
    assert "rated.jsonl:" in str(caught.value)
    assert secret not in str(caught.value)
    told = Options(extra=True, annotators=True, redact=True)
    with pytest.raises(UserError, match="a source states no licence"):
        push_run(tmp_path / "run", REPO, options=told, is_public=True)
    push_run(tmp_path / "run", REPO, options=told, is_public=True, licence="mit")
    assert not hub.repos["dataset", REPO].is_private
    files = hub.files("dataset", REPO)
    assert secret.encode() not in b"".join(files.values())
    assert "license: mit" in files["README.md"].decode()

    assert "sources' files, the commits" in files["README.md"].decode()  # a redacted push sends no hashes of them
    row = pq.read_table(BytesIO(files["preferences/train-00000-of-00001.parquet"])).to_pylist()[0]
    assert row["rejected"][0]["content"].startswith("Use REDACTED")
    assert json.loads(row["extra"])["chosen"]["who"] == "ann1@mail.org" or "ann1@mail.org" in row["extra"]


@pytest.mark.slow
def test_answers_are_left_out_with_a_reason_if_the_sources_have_changed(hub: Hub, tmp_path: Path) -> None:
    select_preferences(write_study(tmp_path), tmp_path / "run")
    with (tmp_path / "data" / "rated.jsonl").open("a") as file:
        file.write("\n")
    pushed = push_run(tmp_path / "run", REPO, dry_run=True)
    assert not any(file["path"].startswith("answers/") for file in pushed.files)
    assert any("the files of the source rated have changed since" in note for note in pushed.notes)


@pytest.mark.slow
def test_answers_are_left_out_if_the_study_redacts_even_where_the_preferences_have_nothing_to_redact(
    tmp_path: Path,
) -> None:
    answers = {"Best.": 5, "Write to ann@mail.org.": 3, "Bad.": 1}
    study = write_study(tmp_path, answers, {"clean": {"redact": "all"}})
    unify_feedback(study, tmp_path / "run")
    pushed = push_run(tmp_path / "run", REPO, dry_run=True)
    assert not any(file["path"].startswith("answers/") for file in pushed.files)
    assert any("the study redacts personal data" in note for note in pushed.notes)
    (tmp_path / "run" / "push.json").write_text("{")
    with pytest.raises(UserError, match="the secret of the published names cannot be read"):
        push_run(tmp_path / "run", REPO, dry_run=True)
    shutil.rmtree(tmp_path / "run" / "clean")
    with pytest.raises(UserError, match="the study redacts personal data, and the run has no result of clean"):
        push_run(tmp_path / "run", REPO, dry_run=True)


@pytest.mark.slow
def test_variants_publish_the_tables_that_unify_wrote_for_them(tmp_path: Path) -> None:
    other = tmp_path / "other"
    file = write_study(other, {"Other best.": 5, "Other bad.": 1})
    own = {"sources": yaml_files.parse(file.read_text(), "study")["sources"]}
    variants = {"own": own, "same": own, "plain": {"seeds": [1]}}
    study, run = write_study(tmp_path, more={"variants": variants}), tmp_path / "run"
    select_preferences(study, run)
    (run / "unified-plain").mkdir()  # of an earlier study
    manifest = RunFolder(run).manifest
    names = {name: manifest.unified_of(name) for name in ("main", "own", "same", "plain")}
    assert names == {"main": "unified", "own": "unified-own", "same": "unified-own", "plain": "unified"}
    content = make_content(run, REPO, "same", None, tmp_path / "same", Options(), None)
    assert {file.path.partition("/")[0] for file in content.files} >= {"preferences", "answers", "judgements"}
    (judgements,) = (tmp_path / "same" / "judgements").iterdir()
    assert pq.read_table(judgements).num_rows == 24

    record = json.loads((run / "manifest.json").read_text())
    del record["variants"]["same"]["clean"]
    (run / "manifest.json").write_text(json.dumps(record))
    with pytest.raises(UserError, match="the run has no preferences"):
        push_run(run, REPO, variant="same", dry_run=True)
