"""Tests of bad values in any format: a reject with its reason, or one error before work starts; no row is lost."""

import json
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from unipref import cli
from unipref.core import yaml_files
from unipref.core.errors import legible

PAIRS = {"prompt": "q", "chosen": "c", "rejected": "r"}
GOOD = [{"q": f"Question {i}?", "c": f"Good {i}.", "r": f"Bad {i}."} for i in range(3)]
RATINGS = {"prompt": "q", "response": "a", "scores": {"help": {"field": "s", "low": 1, "high": 5, "better": "high"}}}
RATED = [{"q": "Q?", "a": "Good.", "s": 5}, {"q": "Q?", "a": "Bad.", "s": 1}]
ACTING = "\x1b\x9b\u202e\u2066"

FUNCTIONS = """
import sys
class Mute(Exception):
    def __str__(self): raise ValueError
def half(row): return {**row, "q": row["q"] + "\\ud800"} if "1" in row["q"] else row
def held(row): return {**row, "k": object()} if "1" in row["q"] else {**row, "k": (1, 2)}
def leaves(row): return sys.exit(3) if "1" in row["q"] else row
def mute(row):
    if "1" in row["q"]: raise Mute
    return row
def raises_half(row):
    if "1" in row["q"]: raise ValueError("\\ud800\\x1b[31m")
    return row
"""


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Writes rows and a study of them, runs it up to `select`; returns status, error text and the source's books."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))

    def run(rows: list[Any], form: str, mapping: dict[str, Any], **source: Any) -> tuple[int, str, dict[str, Any]]:
        text = "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)
        (tmp_path / "d.jsonl").write_text(text, encoding="utf-8")
        entry = {"name": "d", "path": "d.jsonl", "format": form, "map": mapping, **source}
        (tmp_path / "s.yaml").write_text(yaml_files.write({"sources": [entry], "workers": 1}), encoding="utf-8")
        status, out, err = command(monkeypatch, capsys, "select", "s.yaml", "-o", "run", "--json")
        return status, err, json.loads(out)["sources"]["d"] if status == 0 else {}

    return run


def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["unipref", *words])
    status = 0
    try:
        cli.main()
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    return status, *capsys.readouterr()


def test_control_characters_are_escaped() -> None:
    assert legible("a\x1b[31m\u202eb\ud800\n\tü") == "a\\u001b[31m\\u202eb\\ud800\n\tü"


def test_field_names_with_control_characters_reach_no_screen_and_no_page(
    study: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, err, books = study([*GOOD, {f"x{ACTING}<script>alert(1)</script>": 1}], "pairs", PAIRS)
    assert (status, books["used"], books["rejected"]) == (0, 3, {"missing_field": 1})
    said = [
        err,
        *command(monkeypatch, capsys, "audit", "run")[1:],
        *command(monkeypatch, capsys, "inspect", "d.jsonl")[1:],
    ]
    page = Path("run/report.html").read_text(encoding="utf-8")
    for text in [*said, page, Path("run/report.md").read_text(encoding="utf-8")]:
        assert not set(ACTING) & set(text)
        assert text in said or "<script>alert" not in text
    assert "\\u001b\\u009b\\u202e" in err
    open_tags: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: Any) -> None:
            open_tags.append(tag)

    Reader().feed(page)
    assert "table" in open_tags


def test_inspect_shows_bidi_marks_and_nul_by_their_codes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"prompt": f"Q{i} \u202e\x00?", "chosen": f"good \x9b{i}", "rejected": f"bad {i}"} for i in range(4)]
    (tmp_path / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    for words in (["inspect"], ["inspect", "--json"]):
        status, out, _ = command(monkeypatch, capsys, *words, str(tmp_path / "d.jsonl"))
        assert status == 0
        assert "\\u202e" in out
        assert not set("\u202e\x00\x9b") & set(out)


@pytest.mark.parametrize(
    ("name", "reason", "said"),
    [
        ("half", "not_text", "d.jsonl:2: field 'q': invalid Unicode: half a surrogate pair at character 12"),
        ("held", "wrong_type", "d.jsonl:2: field 'k': a value of type object cannot be stored"),
        ("leaves", "function_failed", "d.jsonl:2: fns.leaves raised SystemExit: 3"),
        ("mute", "function_failed", "d.jsonl:2: fns.mute raised Mute, whose message cannot be read"),
        ("raises_half", "function_failed", "d.jsonl:2: fns.raises_half raised ValueError: \\ud800\\u001b[31m"),
    ],
)
def test_any_failure_of_a_users_function_is_a_reject_of_that_row(
    study: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, reason: str, said: str
) -> None:
    (tmp_path / "fns.py").write_text(FUNCTIONS, encoding="utf-8")
    monkeypatch.delitem(sys.modules, "fns", raising=False)
    status, _, books = study(GOOD, "pairs", {**PAIRS, "function": f"fns.{name}", "keep": ["k"]})
    assert (status, books["used"], books["rejected"]) == (0, 2, {reason: 1})
    assert books["examples"][f"row.{reason}"] == said


@pytest.mark.parametrize(
    "content", ["def tidy(row:\n", "raise RuntimeError('not here')\n", "import sys; sys.exit(4)\n"]
)
def test_a_module_that_cannot_be_imported_is_one_error(study: Any, tmp_path: Path, content: str) -> None:
    name = f"broken_{len(content)}"
    (tmp_path / f"{name}.py").write_text(content, encoding="utf-8")
    status, err, _ = study(GOOD, "pairs", {**PAIRS, "function": f"{name}.tidy"})
    assert status == 2
    assert f"the function '{name}.tidy' cannot be imported" in err
    assert not Path("run/manifest.json").exists()


@pytest.mark.parametrize(
    "literal", ["[" * 2000 + "]" * 2000, "[" * 100_000, "{[]: 1}", "{{}}", "[1,", "-" * 5000 + "1"]
)
def test_a_text_that_is_not_a_literal_is_a_reject(study: Any, literal: str) -> None:
    mapping = {"prompt": "q", "answers": "as", "scores": {"help": {"field": "s", "better": "high"}}, "literals": ["as"]}
    rows = [{"q": "Q?", "as": "['a', 'b']", "s": [1, 2]}, {"q": "Q?", "as": literal, "s": [1, 2]}]
    status, _, books = study(rows, "rated_list", mapping)
    assert (status, books["used"], books["rejected"]) == (0, 1, {"wrong_type": 1})
    assert books["examples"]["row.wrong_type"].startswith("d.jsonl:2: field 'as': ")


def test_literals_inside_lists_are_read(study: Any) -> None:
    row = {"q": "Q?", "as": [{"t": "'good'", "s": 2}, {"t": "'bad'", "s": 1}], "h": ["['x', 'y']"]}
    mapping = {"prompt": "q", "answers": "as", "response": "t", "scores": {"help": {"field": "s", "better": "high"}}}
    paths = {"literals": ["as.*.t", "h.0"], "history": "h"}
    status, _, books = study([row], "rated_list", {**mapping, **paths})
    assert (status, books["preferences"]) == (0, 1)


@pytest.mark.parametrize(
    ("literal", "reason"), [("{1, 2}", "wrong_type"), ("1+2j", "wrong_type"), ("'\\ud800'", "not_text")]
)
def test_a_kept_literal_that_json_cannot_store_is_a_reject(study: Any, literal: str, reason: str) -> None:
    rows = [{**GOOD[0], "k": "[1]"}, {**GOOD[1], "k": literal}]
    status, _, books = study(rows, "pairs", {**PAIRS, "literals": ["k"], "keep": ["k"]})
    assert (status, books["used"], books["rejected"]) == (0, 1, {reason: 1})


def test_scores_that_are_not_numbers(study: Any) -> None:
    bad = ["NaN", "Infinity", "-Infinity", "1e999", "true", '"0_3"', '"nan"', "9"]
    status, _, books = study([*RATED, *(f'{{"q": "Q?", "a": "x", "s": {value}}}' for value in bad)], "ratings", RATINGS)
    assert (status, books["used"]) == (0, 2)
    assert books["rejected"] == {"bad_score": 6, "wrong_type": 2}


@pytest.mark.parametrize(
    ("scale", "source", "where"),
    [
        ({"missing": 99}, {}, "'missing' is 99, which is outside the declared scale"),
        ({"low": float("nan")}, {}, "scores.help.low"),
        ({"high": float("inf")}, {}, "scores.help.high"),
        ({"codes": {"x": float("inf")}}, {}, "scores.help.codes"),
        ({}, {"axis": {"help": float("nan")}}, "sources.0.axis"),
        ({}, {"axis": {"help": float("inf")}}, "sources.0.axis"),
        ({}, {"axis": {}}, "no axis has a weight"),
        ({}, {"tie_within": float("inf")}, "sources.0.tie_within"),
    ],
)
def test_settings_that_are_not_numbers_are_errors_before_work(
    study: Any, scale: dict[str, Any], source: dict[str, Any], where: str
) -> None:
    mapping = {**RATINGS, "scores": {"help": {**RATINGS["scores"]["help"], **scale}}}  # type: ignore[dict-item]
    status, err, _ = study(RATED, "ratings", mapping, **source)
    assert status == 2
    assert where in err
    assert not Path("run").exists()


def test_an_empty_list_of_steps_is_a_reject(study: Any) -> None:
    rows = [{"q": "Q?", "st": ["a", "b"], "w": 1}, {"q": "Q?", "st": [], "w": 0}]
    status, _, books = study(rows, "steps", {"prompt": "q", "steps": "st", "first_wrong": "w"})
    assert (status, books["examples"]) == (0, {"row.wrong_type": "d.jsonl:2: field 'st': the list of steps is empty"})


def test_a_file_name_that_is_not_unicode_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "f"
    folder.mkdir()
    try:
        (folder / "a\udcff.jsonl").write_text("".join(json.dumps(row) + "\n" for row in GOOD), encoding="utf-8")
    except (OSError, UnicodeError):
        pytest.skip("this file system takes only Unicode names")
    study = {"sources": [{"name": "d", "path": "f", "format": "pairs", "map": PAIRS}], "workers": 1}
    (tmp_path / "s.yaml").write_text(yaml_files.write(study), encoding="utf-8")
    status, out, _ = command(
        monkeypatch, capsys, "select", str(tmp_path / "s.yaml"), "-o", str(tmp_path / "run"), "--json"
    )
    assert (status, json.loads(out)["sources"]["d"]["used"]) == (0, 3)
