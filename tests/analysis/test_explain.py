"""Why a preference was kept or dropped, on a run of three sources, three variants and two seeds."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import unipref
from support.golden import resolve_source, run_unify
from support.voters import PEOPLE, VOTE, is_right, read, votes, write
from unipref import cli
from unipref.analysis import explain
from unipref.analysis.explained_judgements import describe_row_judgement, describe_voter, find_voters
from unipref.core.errors import UserError
from unipref.core.judgements import judgement_schema
from unipref.core.text_keys import answer_key, prompt_key

ANIMALS = ["cat", "dog", "owl", "fox", "hen", "cow", "pig", "bee", "ant", "elk", "emu", "yak"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve rated prompts, one of which is a tie, and three pairs, one of which another source has too."""
    folder = tmp_path_factory.mktemp("explained")
    ratings = [
        {"question": f"Where does the {animal} live?", "answer": answer, "stars": stars}
        for i, animal in enumerate(ANIMALS)
        for answer, stars in (
            (f"The {animal} lives outside.", 3 if i == 0 else 5),
            ("Mars.", 3 if i == 0 else i % 4 + 1),
        )
    ]
    pd.DataFrame(ratings).to_csv(folder / "ratings.csv", index=False)
    pairs = [
        {"prompt": f"What is a {a}?", "chosen": f"The {a} is an animal.", "rejected": "No idea."} for a in ANIMALS[:3]
    ]
    (folder / "pairs.jsonl").write_text("\n".join(json.dumps(row) for row in pairs))
    (folder / "copies.jsonl").write_text(json.dumps(pairs[0]))
    study = {
        "data_root": str(folder),
        "sources": [
            {
                "name": "stars",
                "path": "ratings.csv",
                "format": "ratings",
                "map": {
                    "prompt": "question",
                    "response": "answer",
                    "scores": {"stars": {"field": "stars", "low": 1, "high": 5, "better": "high"}},
                },
            },
            {"name": "pairs", "path": "pairs.jsonl", "format": "pairs", "map": {"prompt": "prompt"}},
            {"name": "copies", "path": "copies.jsonl", "format": "pairs", "map": {"prompt": "prompt"}},
        ],
        "split": {"dev": 0.1, "test": 0.0},
        "select": {
            "quality_gate": {
                "count": 5,
                "gate": 0.6,
                "clusters": 2,
                "quality": ["margin_percentile", "response_checks"],
                "unscored": "sample",
            }
        },
        "variants": {
            "deita": {"select": {"deita": {"count": 12, "min_distance": 0.9, "unscored": "sample"}}},
            "all": {"select": "all"},
            "same": {"select": {"quality_gate": {"count": 5}}},
        },
        "seeds": [0, 1],
    }
    return unipref.select_preferences(study, folder / "run").parent


def ids_of(run: Path, name: str) -> list[str]:
    return pq.read_table(run / name, columns=["id"])["id"].to_pylist()


def test_every_candidate_is_explained_as_it_was_decided(run: Path) -> None:
    kept = {variant: set(ids_of(run, f"selected/{variant}/0/train.parquet")) for variant in ("main", "deita", "all")}
    for key in ids_of(run, "clean/train.parquet"):
        found = unipref.explain(run, key)
        assert found["id"] == key
        assert [entry["part"] for entry in found["clean"]] == ["train"]
        by = {(entry["variant"], entry["seed"]): entry for entry in found["selected"]}
        # `same` is `main` under another name: one selection, which both own.
        assert sorted(by) == sorted((v, s) for v in ("main", "deita", "all", "same") for s in (0, 1))
        for variant, ids in kept.items():
            assert by[variant, 0]["kept"] == (key in ids)
            assert by[variant, 0]["reason"]
        assert {k: v for k, v in by["same", 0].items() if k != "variant"} == {
            k: v for k, v in by["main", 0].items() if k != "variant"
        }
        main = by["main", 0]
        assert main["response_checks"] is not None
        assert (main["margin_percentile"] is None) == (found["preference"]["source"] == "pairs")
        assert main["quality"] is not None
        text = explain.as_text(found)
        assert f"main, seed 0: {'kept' if main['kept'] else 'dropped'}, {main['reason']}" in text
        assert f"response_checks {main['response_checks']:.4g}, percentile" in text


def test_what_stood_in_the_way_is_named(run: Path) -> None:
    decisions = pq.read_table(run / "selected/deita/0/decisions.parquet").to_pylist()
    near = [row for row in decisions if row["blocked_by"]]
    assert near
    for row in near:
        found = unipref.explain(run, row["id"])
        entry = next(e for e in found["selected"] if e["variant"] == "deita")
        assert not entry["kept"]
        assert entry["blocked_by"] in set(ids_of(run, "selected/deita/0/train.parquet"))
        assert entry["distance"] < 0.9
        assert f"({entry['blocked_by']}, at distance {entry['distance']:.3f})" in explain.as_text(
            unipref.explain(run, row["id"])
        )


def test_a_preference_that_is_held_out_is_not_selected_from(run: Path) -> None:
    key = ids_of(run, "clean/dev.parquet")[0]
    found = unipref.explain(run, key)
    assert [entry["part"] for entry in found["clean"]] == ["dev"]
    assert found["selected"] == []
    assert "not a candidate: it is not in train" in explain.as_text(found)


def test_a_copy_that_clean_removed_is_told_with_its_twin(run: Path) -> None:
    (removed,) = pq.read_table(run / "clean/removed.parquet").to_pylist()
    (entry,) = unipref.explain(run, removed["id"])["clean"]
    assert (entry["removed"], entry["twin"]) == ("duplicate", removed["twin"])
    assert f"removed as duplicate, its copy is kept: {removed['twin']}" in explain.as_text(
        unipref.explain(run, removed["id"])
    )


def test_the_beginning_of_an_id_is_enough_where_it_fits_one(run: Path) -> None:
    every = sorted(set(ids_of(run, "unified/preferences.parquet")))
    for key in every:
        short = next(n for n in range(1, 33) if sum(other.startswith(key[:n]) for other in every) == 1)
        assert unipref.explain(run, key[:short].upper())["id"] == key
    first = {key[0] for key in every}
    many = next(start for start in sorted(first) if sum(key.startswith(start) for key in every) > 1)
    with pytest.raises(UserError, match=f"'{many}' is the beginning of") as caught:
        unipref.explain(run, many)
    assert all(key in str(caught.value.mend) for key in every if key.startswith(many))


def test_a_near_id_is_suggested(run: Path) -> None:
    key = ids_of(run, "unified/preferences.parquet")[3]
    wrong = key[:10] + ("0" if key[10] != "0" else "1") + key[11:]
    with pytest.raises(UserError, match=f"no preference has the id '{wrong}'") as caught:
        unipref.explain(run, wrong)
    assert caught.value.mend == f"Did you mean '{key}'?"
    with pytest.raises(UserError) as caught:
        unipref.explain(run, "zzzz")
    assert "Ids are in the column 'id'" in str(caught.value.mend)


def test_a_raw_row_is_explained_by_its_origin(run: Path) -> None:
    rejects = pq.read_table(run / "unified/rejects.parquet").to_pylist()
    tie = next(row for row in rejects if row["reason"] == "tie")
    found = unipref.explain(run, tie["origin"][0])
    assert found["rejects"] == [tie]
    assert found["preferences"] == []
    assert "rejected (group, tie)" in explain.as_text(found)

    made = pq.read_table(run / "unified/preferences.parquet").to_pylist()
    for row in made:
        for origin in row["origin"]:
            told = unipref.explain(run, origin)
            assert row["id"] in told["preferences"]
            assert told["rejects"] == []
            assert row["id"] in explain.as_text(told)


def test_an_origin_that_is_not_there_is_the_users_to_mend(run: Path) -> None:
    with pytest.raises(UserError, match=r"nothing in this run comes from 'rating\.csv:2'") as caught:
        unipref.explain(run, "rating.csv:2")
    assert "Did you mean 'ratings.csv'" in str(caught.value.mend)
    with pytest.raises(UserError, match=r"comes from 'ratings\.csv:999'") as caught:
        unipref.explain(run, "ratings.csv:999")
    assert "The run read 'ratings.csv'" in str(caught.value.mend)


def test_a_run_without_selection_and_no_run_at_all(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no manifest\.json"):
        unipref.explain(tmp_path, "abcd")
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(UserError, match="the run has no unified preferences"):
        unipref.explain(tmp_path, "abcd")
    (tmp_path / "manifest.json").write_text("[")
    with pytest.raises(UserError, match=r"manifest\.json is corrupt or from another version"):
        unipref.explain(tmp_path, "abcd")
    pairs = [{"chosen": "a b", "rejected": "c d", "prompt": f"p {i}"} for i in range(3)]
    study = {"sources": [{"name": "p", "path": "p", "format": "pairs", "map": {"prompt": "prompt"}}]}
    path = unipref.unify_feedback(study, tmp_path / "run", rows={"p": pairs})
    key = pq.read_table(path)["id"][0].as_py()
    found = unipref.explain(tmp_path / "run", key)
    assert (len(found["clean"]), found["selected"]) == (1, [])


def test_the_command_prints_text_and_json(run: Path) -> None:
    key = ids_of(run, "clean/train.parquet")[0]
    runner = CliRunner()
    as_json = runner.invoke(cli.app, ["explain", str(run), key[:20], "--json"])
    assert as_json.exit_code == 0
    assert json.loads(as_json.stdout) == json.loads(json.dumps(unipref.explain(run, key)))
    text = runner.invoke(cli.app, ["explain", str(run), key])
    assert text.exit_code == 0
    assert text.stdout.startswith(key)


def test_the_raw_row_is_shown_and_the_command_can_be_copied(run: Path) -> None:
    found = unipref.explain(run, "pairs.jsonl:1")
    (raw,) = found["raw"]
    assert json.loads(raw["text"])["prompt"] == "What is a cat?"
    (key, *_) = found["preferences"]
    text = explain.as_text(found, run)
    assert f"unipref explain {run} {key}" in text
    assert "The cat is an animal." in text
    assert " is better than answer " in text
    assert ", by nobody named, pairs, pairs.jsonl:1" in text
    of_preference = unipref.explain(run, key)
    assert "The cat is an animal." in of_preference["raw"][0]["text"]
    assert {(one["source"], one["judges"]) for one in of_preference["voters"]} == {
        ("pairs", "chosen"),
        ("copies", "chosen"),
    }


def test_a_reject_shows_its_texts(run: Path) -> None:
    (row, other) = (f"ratings.csv:{n}" for n in (2, 3))
    found = unipref.explain(run, row)
    assert found["rejects"][0]["reason"] == "tie"
    assert json.loads(found["raw"][0]["text"])["answer"] == "The cat lives outside."
    assert json.loads(unipref.explain(run, other)["raw"][0]["text"])["answer"] == "Mars."


def test_a_row_that_is_gone_is_said_to_be_missing(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(run, moved)
    study = (moved / "study.yaml").read_text().replace(str(run.parent), str(tmp_path / "nowhere"))
    (moved / "study.yaml").write_text(study)
    monkeypatch.chdir(tmp_path)
    (raw,) = unipref.explain(moved, "pairs.jsonl:1")["raw"]
    assert raw["text"] == ""
    assert raw["note"].startswith("the raw row cannot be read: ")
    monkeypatch.chdir(run.parent)  # the files are found in the working folder
    assert "cat" in unipref.explain(moved, "pairs.jsonl:1")["raw"][0]["text"]


def test_the_voters_are_listed_with_their_reliabilities(tmp_path: Path) -> None:
    source = resolve_source("votes", VOTE, write(tmp_path / "d.jsonl", votes(PEOPLE, 40)))
    run_unify([source], tmp_path / "out", aggregate="latent")
    kept = next(p for p in read(tmp_path / "out") if is_right(p) and p["n_judgements"] == 5)
    voters = find_voters([tmp_path / "out"], kept)
    assert {one["annotator"] for one in voters} == PEOPLE.keys()
    (eve,) = (one for one in voters if one["annotator"] == "eve")
    assert eve["reliability"] < -0.5
    assert "by eve (reliability -0." in describe_voter(eve)
    ahead = sum(one["judges"] == "chosen" for one in voters)
    assert ahead > sum(one["judges"] == "rejected" for one in voters)


@pytest.mark.parametrize(
    ("kind", "value", "places", "order", "text"),
    [
        ("ranking", None, [1, 2, 3], "abc", "place 1 of 3 (ranking)"),
        ("ranking", None, [1, 2, 3], "bca", "place 3 of 3 (ranking)"),
        ("split", None, [1, 2, 2], "abc", "one of the better answers (split)"),
        ("split", None, [1, 2, 2], "bac", "one of the worse answers (split)"),
        ("pair", 1.0, None, "ab", "better than another answer (pair)"),
        ("pair", 1.0, None, "ba", "worse than another answer (pair)"),
        ("pair", 0.0, None, "ab", "as good as another answer (pair)"),
        ("thumb", 1.0, None, "a", "up"),
    ],
)
@pytest.mark.parametrize("side", ["chosen", "rejected"])
def test_a_preference_with_one_answer_is_not_compared_with_a_missing_one(
    tmp_path: Path, side: str, kind: str, value: float | None, places: list[int] | None, order: str, text: str
) -> None:
    prompt = [{"role": "user", "content": "Q?"}]
    answers = {name: [{"role": "assistant", "content": name}] for name in order}
    row = {"group": prompt_key(prompt), "answers": [answer_key(one) for one in answers.values()], "kind": kind}
    row |= {"value": value, "places": places, "source": "s", "count": 1, "origin": "d.jsonl:1"}
    table = pa.Table.from_pylist([row], judgement_schema())
    pq.write_table(table, tmp_path / "judgements.parquet")
    preference = {"prompt": prompt, "chosen": None, "rejected": None} | {side: answers["a"]}
    (voter,) = find_voters([tmp_path], preference)
    assert voter["judges"] == side
    assert describe_voter(voter) == f"{side}: {text}, by nobody named, s, d.jsonl:1"


def test_a_rating_names_what_it_judges() -> None:
    rating = {"kind": "rating", "value": 3.0, "axis": "helpfulness", "places": None, "annotator": None}
    rating |= {"reliability": None, "count": 1, "source": "ratings", "origin": "ratings.csv:31"}
    shown = describe_row_judgement(rating)
    assert shown == "rating: 3 on helpfulness, by nobody named, ratings, ratings.csv:31"
