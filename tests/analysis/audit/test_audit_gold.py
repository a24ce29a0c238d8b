"""Conversion accuracy: every way in which an entry is right or wrong, and the gold file the project ships."""

import json
from pathlib import Path

import pytest

import unipref
from support.audit_rows import preference, reject
from unipref import cli
from unipref.analysis.audit import audit
from unipref.analysis.audit.gold import answer_hash
from unipref.core import yaml_files
from unipref.core.errors import UserError

EXAMPLE = Path(__file__).parents[3] / "examples" / "gold"
ALIKE = ["The colours are many and bright.", "The colours are many and dull."]
ROWS = [
    preference("a", "d/f.jsonl:1", "First?", "Good  answer\nhere.", "Bad answer."),
    preference("a", "d/f.jsonl:2", "Second?", "Alone.", None),
    preference("a", "d/f.jsonl:3", "Branch one?", "One.", "Two."),
    preference("a", "d/f.jsonl:3", "Branch two?", "Three.", "Four."),
    preference("a", "d/f.jsonl:4", "Alike?", *ALIKE),
]
REJECTS = [reject("a", "group", "tie", "d/f.jsonl:5"), reject("a", "row", "bad_label", "d/f.jsonl:6")]


def judged(make_run, tmp_path, *entries):
    gold = tmp_path / "gold.jsonl"
    gold.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return audit(make_run(ROWS, REJECTS), gold=gold).gold


def hashed(content):
    return answer_hash([{"role": "assistant", "content": content}])


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ({"origin": "1", "chosen_begins": "Good answer", "rejected_begins": "Bad"}, None),
        ({"origin": "1", "chosen_begins": "Good answer here.", "rejected_xxh": hashed("Bad   answer.")}, None),
        (
            {"origin": "1", "chosen_begins": "Bad", "rejected_begins": "Good"},
            "the other way round: chosen 'Good answer here.', rejected 'Bad answer.'",
        ),
        ({"origin": "1", "chosen_begins": "Good"}, "chosen 'Good answer here.', rejected 'Bad answer.'"),
        ({"origin": "1", "reject": "tie"}, "chosen 'Good answer here.', rejected 'Bad answer.'"),
        ({"origin": "2", "chosen_begins": "Alone."}, None),
        ({"origin": "2", "rejected_begins": "Alone."}, "the other way round: chosen 'Alone.', rejected none"),
        ({"origin": "3", "prompt": "Branch two", "chosen_begins": "Three.", "rejected_begins": "Four."}, None),
        ({"origin": "3", "chosen_begins": "Three.", "rejected_begins": "Four."}, None),
        (
            {"origin": "3", "prompt": "Branch one", "chosen_begins": "Three.", "rejected_begins": "Four."},
            "chosen 'One.', rejected 'Two.'",
        ),
        (
            {"origin": "4", "chosen_begins": "The colours", "rejected_begins": "The colours"},
            "both answers fit either side (chosen 'The colours are many', rejected 'The colours are many'); "
            "tell them apart with chosen_xxh",
        ),
        ({"origin": "4", "chosen_xxh": hashed(ALIKE[0]), "rejected_begins": "The colours"}, None),
        (
            {"origin": "4", "chosen_xxh": hashed(ALIKE[1]), "rejected_xxh": hashed(ALIKE[0])},
            "the other way round: chosen 'The colours are many', rejected 'The colours are many'",
        ),
        ({"origin": "5", "reject": "tie"}, None),
        ({"origin": "6", "reject": "tie"}, "reject: bad_label (why)"),
        ({"origin": "6", "chosen_begins": "Yes"}, "reject: bad_label (why)"),
        ({"origin": "7", "reject": "tie"}, "nothing came from this row"),
    ],
)
def test_an_entry_is_right_or_the_finding_is_said(make_run, tmp_path, entry, found):
    entry = {**entry, "origin": f"d/f.jsonl:{entry['origin']}"}
    verdict = judged(make_run, tmp_path, entry)
    assert [wrong.found for wrong in verdict.wrong] == ([] if found is None else [found])
    assert verdict.right == (found is None)


def test_the_accuracy_has_an_interval_and_the_wrong_ones_are_listed(make_run, tmp_path):
    right = {"origin": "d/f.jsonl:1", "chosen_begins": "Good", "rejected_begins": "Bad"}
    wrong = {"origin": "d/f.jsonl:2", "chosen_begins": "Together"}
    verdict = judged(make_run, tmp_path, right, wrong, {"origin": "d/f.jsonl:5", "reject": "tie"}, right)
    assert (verdict.right, verdict.entries, verdict.accuracy) == (3, 4, 0.75)
    # Wilson for 3 of 4: centre (0.75 + 0.4802) / 1.9604, half 1.96 * sqrt(0.75 * 0.25 / 4 + 0.0600) / 1.9604.
    assert (verdict.low, verdict.high) == pytest.approx((0.30064, 0.95441), abs=1e-4)
    assert verdict.by_file == {"d/f.jsonl": (3, 4)}
    assert [(w.entry, w.origin, w.expected, w.found) for w in verdict.wrong] == [
        (2, "d/f.jsonl:2", "chosen 'Together', rejected none", "chosen 'Alone.', rejected none")
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("- {origin: 'd/f.jsonl:1', chosen: x}", "unknown key. Did you mean"),
        ("- {origin: 'd/f.jsonl:1'}", "give either answers"),
        ("- {origin: 'd/f.jsonl:1', chosen_begins: x, reject: tie}", "give either answers"),
        ("- {origin: 'd/f.jsonl:1', chosen_begins: a text of more than twenty characters}", "at most 20"),
        ("- {origin: 'd/f.jsonl:1', chosen_xxh: 12ab}", "chosen_xxh"),
        ("- {origin: 'd/f.jsonl:1', reject: too_bad}", "reject"),
        ("- just text", "expected an entry with 'origin'"),
        ("origin: x", "expected a list of entries"),
        ("[]", "the gold file has no entries"),
        ("- {origin: 'e/g.jsonl:1', reject: tie}", "the run read d/f.jsonl"),
    ],
)
def test_a_wrong_gold_file_is_refused_with_its_place(make_run, tmp_path, content, said):
    gold = tmp_path / "gold.yaml"
    gold.write_text(content)
    with pytest.raises(UserError, match=r"gold\.yaml") as caught:
        audit(make_run(ROWS, REJECTS), gold=gold)
    assert said in str(caught.value)


def test_a_line_that_is_no_json_is_named(make_run, tmp_path):
    gold = tmp_path / "gold.jsonl"
    gold.write_text('{"origin": "d/f.jsonl:5", "reject": "tie"}\n\n{"origin"\n')
    with pytest.raises(UserError, match=r"gold\.jsonl:3: the line is not valid JSON"):
        audit(make_run(ROWS, REJECTS), gold=gold)


@pytest.fixture(scope="module")
def gold_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gold")
    unipref.unify_feedback(EXAMPLE / "study.yaml", folder)
    return folder


def test_the_shipped_gold_file_is_met(gold_run, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["unipref", "audit", str(gold_run), "--gold", str(EXAMPLE / "gold.yaml"), "--json"])
    with pytest.raises(SystemExit, match="0"):
        cli.main()
    told = json.loads(capsys.readouterr().out)
    assert told["gold"]["wrong"] == []
    assert (told["gold"]["right"], told["gold"]["entries"]) == (45, 45)
    assert len(told["gold"]["by_file"]) == len(told["pages"]) == 9
    assert all(page["books"]["faults"] == [] for page in told["pages"])


def test_the_command_prints_the_audit_and_refuses_a_folder_that_is_no_run(gold_run, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("sys.argv", ["unipref", "audit", str(gold_run), "--gold", str(EXAMPLE / "gold.yaml")])
    with pytest.raises(SystemExit, match="0"):
        cli.main()
    said = capsys.readouterr().out
    assert "accuracy  45 of 45 entries: 100.0 % [92.1, 100.0]" in said
    assert max(map(len, said.splitlines())) <= 80
    monkeypatch.setattr("sys.argv", ["unipref", "audit", str(tmp_path)])
    with pytest.raises(SystemExit, match="2"):
        cli.main()
    assert "the folder has no manifest.json" in capsys.readouterr().err


def test_every_row_of_the_shipped_files_is_judged_or_a_middle_answer():
    entries = yaml_files.read(EXAMPLE / "gold.yaml")
    judged = {entry["origin"] for entry in entries}
    assert len(judged) == 44  # two entries are on one tree
    counts = {path.name: sum(1 for _ in path.open()) for path in EXAMPLE.glob("*.jsonl")}
    asked = {f"{name}:{row}" for name, n in counts.items() for row in range(1, n + 1)}
    asked |= {f"votes.csv:{row}" for row in (2, 3, 4, 5, 6, 8)} | {f"ratings.csv:{row}" for row in range(2, 11)}
    assert asked - judged == {"ratings.csv:4"}


FLIPS = {
    "votes": ("map.codes={0: first, 1: first, 2: second}", {"votes.csv:4", "votes.csv:5", "votes.csv:6"}),
    "graded": ("map.codes={}", {"graded.jsonl:5"}),
    "ranking": ("map.order=worst_first", {"ranking.jsonl:1", "ranking.jsonl:2"}),
    "steps": ("map.counted_from=1", {"steps.jsonl:1", "steps.jsonl:2"}),
    "tree": ("map.scores.rank.better=high", {"tree.jsonl:1"}),
}


@pytest.mark.parametrize("source", FLIPS)
def test_the_shipped_gold_file_catches_a_wrong_mapping(source, tmp_path):
    override, caught = FLIPS[source]
    unipref.unify_feedback(EXAMPLE / "study.yaml", tmp_path, overrides=[f"sources.{source}.{override}"])
    wrong = audit(tmp_path, gold=EXAMPLE / "gold.yaml").gold.wrong
    assert {entry.origin for entry in wrong} == caught
