"""Bad input through the command line: one clear message each, never a traceback, and no good row is lost."""

import gzip
import json
import random
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import zstandard

from unipref import cli
from unipref.core import yaml_files
from unipref.pipeline import data_stages, execute

GOOD = [
    {"prompt": f"Of the {animal}?", "chosen": f"The {animal} sleeps.", "rejected": "No idea."}
    for animal in ("cat", "dog", "owl", "fox")
]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder the user stands in, with one good source."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.jsonl").write_text(lines(GOOD), encoding="utf-8")
    return tmp_path


def lines(rows: list[Any]) -> str:
    return "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)


@dataclass
class Answer:
    status: int
    out: str
    err: str


def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str) -> Answer:
    """What the command `unipref WORDS` answers. Anything but an exit, such as a traceback, fails the test."""
    monkeypatch.setattr(sys, "argv", ["unipref", *words])
    try:
        cli.main()
        status = 0
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    return Answer(status, out, err)


@pytest.fixture
def unipref(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    return lambda *words: command(capsys, monkeypatch, *words)


def source(path: str, name: str = "bad", **more: Any) -> dict[str, Any]:
    return {"name": name, "path": path, "format": "pairs", "map": {"prompt": "prompt"}, **more}


def study(here: Path, *sources: dict[str, Any], **more: Any) -> str:
    (here / "study.yaml").write_text(yaml_files.write({"sources": list(sources), **more}), encoding="utf-8")
    return "study.yaml"


def manifest(here: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((here / "run/manifest.json").read_text(encoding="utf-8"))
    return found


def rejects(here: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(here / "run/unified/rejects.parquet").to_pylist()
    return rows


# Files with faults in them: the bytes, how many good rows they hold, and the rejects: (row, reason, what is said).


def truncated(pack: Callable[[bytes], bytes]) -> bytes:
    """Cut so that some rows come out and some do not: noise, which hardly packs, takes more than one block."""
    noise = random.Random(0)
    rows = [{**GOOD[0], "prompt": f"Q{i}?", "noise": noise.randbytes(3000).hex()} for i in range(100)]
    whole = pack(lines(rows).encode())
    return whole[: len(whole) * 2 // 3]


def with_gap(row: Any) -> bytes:
    return lines([*GOOD[:2], row, *GOOD[2:]]).encode()


def array(*pieces: str) -> bytes:
    return ("[" + ", ".join([json.dumps(GOOD[0]), json.dumps(GOOD[1]), *pieces]) + "]").encode()


FAULTS: dict[str, tuple[bytes, int, tuple[int, str, str]]] = {
    "not_json.jsonl": (with_gap("{'prompt': 'single quotes'}"), 4, (3, "not_json", "not JSON")),
    "cut_row.jsonl": (with_gap('{"prompt": "a", "chosen": "b'), 4, (3, "not_json", "not JSON")),
    "bare_array.jsonl": (with_gap("[1, 2]"), 4, (3, "not_an_object", "a row is an object of named fields")),
    "half_character.jsonl": (with_gap('{"prompt": "\\ud83d"}'), 4, (3, "not_json", "without its other half")),
    "huge_number.jsonl": (with_gap('{"prompt": ' + "1" * 5000 + "}"), 4, (3, "not_json", "not JSON")),
    "deep.jsonl": (with_gap('{"prompt": ' + "[" * 5000 + "]" * 5000 + "}"), 4, (3, "not_json", "nested too deeply")),
    "not_utf8.jsonl": (with_gap("{}").replace(b"{}", b'{"prompt": "\xff"}'), 4, (3, "not_json", "not UTF-8")),
    "empty_response.jsonl": (with_gap({**GOOD[0], "chosen": " "}), 4, (3, "empty_response", "the answer is empty")),
    "empty_prompt.jsonl": (with_gap({**GOOD[0], "prompt": ""}), 4, (3, "empty_prompt", "the prompt is empty")),
    "no_field.jsonl": (
        with_gap({"prompt": "Q", "chosen": "A"}),
        4,
        (3, "missing_field", "the field is missing; found the fields prompt, chosen"),
    ),
    "a_number.jsonl": (with_gap({**GOOD[0], "chosen": 5}), 4, (3, "wrong_type", "found the number 5")),
    "not_finite.jsonl": (
        with_gap('{"prompt": NaN, "chosen": "A", "rejected": "B"}'),
        4,
        (3, "wrong_type", "the number nan"),
    ),
    "malformed.json": (array('{"prompt": "x" "y"}', json.dumps(GOOD[2])), 2, (3, "unreadable", "after row 2")),
    "cut_off.json": (array(json.dumps(GOOD[2]))[:-30], 2, (3, "unreadable", "after row 2")),
    "short_record.csv": (
        b"prompt,chosen,rejected\nQ1,A,B\nQ2,A\nQ3,A,B\n",
        2,
        (3, "wrong_type", "the row has 2 cells, the header 3"),
    ),
    "open_quote.csv": (
        b'prompt,chosen,rejected\nQ1,A,B\nQ2,"A,B\nQ3,A,B\n',
        2,
        (3, "wrong_type", "a quote is never closed"),
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named_and_the_good_rows_around_it_are_kept(here: Path, unipref: Any, name: str) -> None:
    content, good, (row, reason, said) = FAULTS[name]
    (here / name).write_bytes(content)
    answer = unipref("unify", study(here, source(name)), "-o", "run")
    assert answer.status == 0
    books = manifest(here)["sources"]["bad"]
    assert (books["rows"], books["used"], books["rejected"]) == (good + 1, good, {reason: 1})
    assert books["preferences"] == good
    (reject,) = rejects(here)
    assert (reject["origin"], reject["reason"], reject["level"]) == ([f"{name}:{row}"], reason, "row")
    assert said in reject["detail"]
    # and the reader is told: source, count, file, row, field, what was found
    assert f"bad: 1 of {good + 1} rows left out, {reason}; the first: {name}:{row}: " in answer.err
    assert said in answer.err
    if reject["field"]:
        assert f"field '{reject['field']}'" in answer.err


@pytest.mark.parametrize(
    ("name", "pack"), [("cut.jsonl.gz", gzip.compress), ("cut.jsonl.zst", zstandard.ZstdCompressor().compress)]
)
def test_what_comes_before_the_end_of_a_truncated_archive_is_kept(
    here: Path, unipref: Any, name: str, pack: Callable[[bytes], bytes]
) -> None:
    (here / name).write_bytes(truncated(pack))
    answer = unipref("unify", study(here, source(name)), "-o", "run")
    assert answer.status == 0
    books = manifest(here)["sources"]["bad"]
    assert books["used"] > 3
    assert books["rejected"] == {"unreadable": 1}
    assert books["rows"] == books["used"] + 1
    assert f"cannot be read after row {books['used']}" in answer.err
    assert "Fetch or copy the file again." in answer.err


# Settings and files that leave nothing to work on: the exit status is 2, and the message says what to do.


def another_shape(here: Path) -> list[dict[str, Any]]:
    (here / "alpaca.jsonl").write_text(lines([{"instruction": "Q", "output": "A"}] * 3), encoding="utf-8")
    return [source("alpaca.jsonl")]


def empty_file(here: Path) -> list[dict[str, Any]]:
    (here / "empty.jsonl").write_bytes(b"")
    return [source("empty.jsonl")]


def missing_file(here: Path) -> list[dict[str, Any]]:
    return [source("good.jsnl")]


def empty_folder(here: Path) -> list[dict[str, Any]]:
    (here / "folder").mkdir()
    (here / "folder/notes.txt").write_text("no data", encoding="utf-8")
    return [source("folder")]


def no_match(here: Path) -> list[dict[str, Any]]:
    return [source("*.parquet")]


def unknown_ending(here: Path) -> list[dict[str, Any]]:
    (here / "data.xls").write_bytes(b"x")
    return [source("data.xls")]


def unknown_key(here: Path) -> list[dict[str, Any]]:
    return [source("good.jsonl", lisence="MIT")]


def wrong_field(here: Path) -> list[dict[str, Any]]:
    return [source("good.jsonl", map={"prompt": "promt"})]


def wrong_score_field(here: Path) -> list[dict[str, Any]]:
    rows = [{"q": "Q", "a": answer, "stars": stars} for answer, stars in (("A", 1), ("B", 5))]
    (here / "r.jsonl").write_text(lines(rows), encoding="utf-8")
    mapping = {"prompt": "q", "response": "a", "scores": {"help": {"field": "starz", "better": "high"}}}
    return [{"name": "bad", "path": "r.jsonl", "format": "ratings", "map": mapping}]


def no_parquet(here: Path) -> list[dict[str, Any]]:
    (here / "x.parquet").write_bytes(b"PAR1 and nothing")
    return [source("x.parquet")]


def cut_zip(here: Path) -> list[dict[str, Any]]:
    with zipfile.ZipFile(here / "whole.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.jsonl", lines(GOOD))
    (here / "cut.zip").write_bytes((here / "whole.zip").read_bytes()[:-30])
    return [source("cut.zip")]


def utf16(here: Path) -> list[dict[str, Any]]:
    (here / "u.jsonl").write_bytes(lines(GOOD).encode("utf-16"))
    return [source("u.jsonl")]


NOTHING_LEFT = [
    (
        another_shape,
        "no preference could be made from 3 rows.\n  bad: 3 x missing_field, the first in alpaca.jsonl:1: "
        "field 'chosen': the field is missing; found the fields instruction, output\n"
        "  To see how rows are read, run: unipref inspect FILE",
    ),
    (empty_file, "no preference could be made from 0 rows.\n  bad: no rows"),
    (missing_file, "sources.0 (bad).path: the file or folder 'good.jsnl' does not exist.\n  Looked in "),
    (missing_file, "Did you mean 'good.jsonl'?"),
    (empty_folder, "sources.0 (bad).path: the folder 'folder' holds no data file."),
    (no_match, "sources.0 (bad).path: '*.parquet' matches no data file."),
    (unknown_ending, "'data.xls' has an unknown ending."),
    (unknown_key, "sources.0.lisence: unknown key. Did you mean 'licence'?"),
    (wrong_field, "bad: 4 x missing_field, the first in good.jsonl:1: field 'promt': the field is missing"),
    (wrong_field, "bad: the first rows have no field 'promt' (did you mean 'prompt'?)"),
    (wrong_score_field, "bad: 2 x unscored, the first in r.jsonl:1: field 'starz': the answer has no score on 'help'"),
    (no_parquet, "bad: 1 x unreadable, the first in x.parquet:1: "),
    (cut_zip, "bad: 1 x unreadable, the first in cut.zip:1: 'cut.zip' cannot be read from the beginning: the zip is"),
    (utf16, "the text is UTF-16. Save the file as UTF-8."),
]


@pytest.mark.parametrize(("make", "said"), NOTHING_LEFT, ids=[case[0].__name__ for case in NOTHING_LEFT])
def test_nothing_usable_or_a_wrong_setting_ends_with_status_2(here: Path, unipref: Any, make: Any, said: str) -> None:
    answer = unipref("unify", study(here, *make(here)), "-o", "run")
    assert answer.status == 2
    assert said in answer.err
    assert answer.out == ""
    assert not (here / "run/unified").exists()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (another_shape, "no preference comes from its 3 rows: alpaca.jsonl:1: field 'chosen': the field is missing"),
        (wrong_field, "from its 4 rows: the first rows have no field 'promt' (did you mean 'prompt'?)."),
        (wrong_score_field, "from its 2 rows: the first rows have no field 'starz' (did you mean 'stars'?)."),
    ],
)
def test_a_mapping_that_names_no_field_of_a_source_stops_the_run_with_the_near_name(
    here: Path, unipref: Any, make: Any, said: str
) -> None:
    answer = unipref("unify", study(here, source("good.jsonl", "good"), *make(here)), "-o", "run")
    assert answer.status == 2
    assert "source bad: no preference comes" in answer.err
    assert said in answer.err
    assert "Correct 'map' of this source, or remove the source." in answer.err
    assert manifest(here)["sources"]["good"]["preferences"] == 4


def test_a_misspelt_field_that_only_leaves_something_out_is_noted(here: Path, unipref: Any) -> None:
    (here / "c.jsonl").write_text(lines([{**row, "judge": "ann"} for row in GOOD]), encoding="utf-8")
    answer = unipref("unify", study(here, source("c.jsonl", map={"prompt": "prompt", "keep": ["juge"]})), "-o", "run")
    assert answer.status == 0
    assert "bad: the first rows have no field 'juge' (did you mean 'judge'?)" in answer.err
    assert manifest(here)["sources"]["bad"]["missing_columns"] == {"juge": "judge"}


@pytest.mark.parametrize("make", [empty_file, no_parquet, cut_zip, utf16])
def test_a_source_that_gives_nothing_does_not_stop_the_others_but_is_told_of(
    here: Path, unipref: Any, make: Any
) -> None:
    answer = unipref("unify", study(here, source("good.jsonl", "good"), *make(here)), "-o", "run")
    assert answer.status == 0
    assert manifest(here)["sources"]["good"]["preferences"] == 4
    assert manifest(here)["sources"]["bad"]["preferences"] == 0
    assert "no preference comes from bad: " in answer.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["unify", "studdy.yaml"], "the study file does not exist.\n  Did you mean 'study.yaml'?"),
        (["unify", "study.yaml", "--set", "selct.random.fraction=1"], "selct: unknown key. Did you mean 'select'?"),
        (["unify", "study.yaml", "--set", "unify"], "invalid override 'unify': expected key=value."),
        (["unify", "study.yaml", "-o", "good.jsonl"], "good.jsonl: the run folder cannot be created"),
        (["run", "study.yaml", "--set", "model=./nowhere"], "model: the model folder does not exist. (./nowhere)"),
        (["run", "study.yaml", "--set", "train=[sft]"], "training and evaluation need a model."),
        (["inspect", "godo.jsonl"], "the file or folder 'godo.jsonl' does not exist"),
        (["init", "godo.jsonl"], "Did you mean 'good.jsonl'?"),
        (["list", "fromats"], "unknown list 'fromats'.\n  Did you mean 'formats'?"),
        (["report", "."], "this is not a run folder: it contains neither"),
        (["unifie", "study.yaml"], "No such command 'unifie'"),
        (["unify"], "Missing argument"),
        (["unify", "study.yaml", "--progress", "jsn"], "Invalid value for '--progress': 'jsn' is not one of 'bar'"),
    ],
    ids=lambda case: " ".join(case) if isinstance(case, list) else "",
)
def test_mistakes_on_the_command_line(here: Path, unipref: Any, words: list[str], said: str) -> None:
    study(here, source("good.jsonl"))
    answer = unipref(*words)
    assert answer.status == 2
    assert said in answer.err


def test_inspect_of_rubbish_says_so_with_status_1(here: Path, unipref: Any) -> None:
    (here / "diary.jsonl").write_text("dear diary\n", encoding="utf-8")
    answer = unipref("inspect", "diary.jsonl")
    assert answer.status == 1
    assert "no row can be read\n  - row 1: not_json: not JSON" in answer.out
    answer = unipref("init", "diary.jsonl")
    assert answer.status == 2
    assert "no format fits any of the files." in answer.err


def test_inspect_and_init_answer_programs_too(here: Path, unipref: Any) -> None:
    (found,) = json.loads(unipref("inspect", "good.jsonl", "--json").out)
    assert (found["format"], found["rows"]) == ("pairs", 4)
    written = unipref("init", "good.jsonl")
    assert written.status == 0
    (here / "study.yaml").write_text(written.out, encoding="utf-8")
    answer = unipref("unify", "study.yaml", "-o", "run", "--json")
    assert answer.status == 0
    assert json.loads(answer.out)["sources"]["good"]["preferences"] == 4


def test_good_sources_are_not_spoken_of(here: Path, unipref: Any) -> None:
    answer = unipref("unify", study(here, source("good.jsonl")), "-o", "run")
    assert answer.status == 0
    assert "left out" not in answer.err
    assert "no preference" not in answer.err


@pytest.mark.parametrize("where", ["stage", "load"])
def test_an_interrupt_says_how_to_go_on(here: Path, unipref: Any, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    def interrupted(*args: Any, **more: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(*((data_stages, "unify") if where == "stage" else (execute, "load")), interrupted)
    answer = unipref("unify", study(here, source("good.jsonl")), "-o", "run")
    assert answer.status == 130
    assert "Stopped. Run the same command again to resume; finished stages are kept." in answer.err
    assert not (here / "run/unified").exists()


def test_a_mended_file_is_read_again(here: Path, unipref: Any) -> None:
    (here / "bad.jsonl").write_text(lines([*GOOD[:2], "{"]), encoding="utf-8")
    name = study(here, source("bad.jsonl"))
    assert "rows left out" in unipref("unify", name, "-o", "run").err
    assert "already done" in unipref("unify", name, "-o", "run").err
    (here / "bad.jsonl").write_text(lines(GOOD), encoding="utf-8")
    answer = unipref("unify", name, "-o", "run")
    assert "already done" not in answer.err
    assert "rows left out" not in answer.err
    assert manifest(here)["sources"]["bad"]["preferences"] == 4


OWN = """
from unipref.core.contracts import Format
from unipref.core.records import Feedback, Response


class Notes(Format):
    "Reads notes."

    example = {"settings": {}, "rows": []}

    def read(self, row):
        answer = Response([{"role": "assistant", "content": row["rejected"]}], approved=True)
        yield Feedback([{"role": "user", "content": row["prompt"]}], [answer])
"""


@pytest.mark.slow
def test_from_a_shell_with_a_format_of_the_users_own_beside_the_study(here: Path) -> None:
    (here / "own").mkdir()
    (here / "own/notes.py").write_text(OWN, encoding="utf-8")
    name = study(here, {"name": "mine", "path": "good.jsonl", "format": "own.notes"}, workers=2)
    words = [sys.executable, "-P", "-c", "from unipref.cli import main; main()", "unify", name, "-o", "run"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert manifest(here)["sources"]["mine"]["preferences"] == 4
    words[-4:] = ["unify", "studi.yaml"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "studi.yaml: the study file does not exist.\n  Did you mean 'study.yaml'?\n"
